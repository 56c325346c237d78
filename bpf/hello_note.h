/* SPDX-License-Identifier: GPL-2.0-only */
/* hello_note.h - which connections have lately begun with a ClientHello */
#pragma once

#include "maps.h"

/*
 * The end of a connection tells how its TLS handshake went, and its socket does not know that it was
 * one. So a ClientHello leaves a mark in a table of fixed size, at a place made of the two ends of
 * its packet, which either socket has as well. With it stands how many segments with data the
 * client's socket had sent up to then: what came before belongs to an upgrade (STARTTLS). A mark is
 * written over by the next one with that place: nothing is added, removed or kept in order, and what
 * was written over is an end that is not told. A server's refusal and a request to turn to TLS
 * (hello.h) leave the same mark.
 */

#define HELLO_NOTE_ASKED \
	(1ull << 63) /* the next segment of the other side is the answer to a request */
#define HELLO_NOTE_UPWARD \
	(1ull << 62) /* .. which came from the lower of both ports, as it stands in the packet */
#define HELLO_NOTE_SEGMENTS 0x3fffffff

#define HELLO_NOTE_SHIFT 18 /* of the hash, for HELLO_NOTES places */

/* The same for both directions, and of a mapped IPv4 address as of the address itself. */
static __always_inline __u32 hello_fold_ipv6(const __u32 *a, const __u32 *b)
{
	return a[0] ^ a[1] ^ a[2] ^ a[3] ^ b[0] ^ b[1] ^ b[2] ^ b[3];
}

/* Never 0. @fold: both addresses. */
static __always_inline __u32 hello_mark(__u32 fold, __u16 a_port_be, __u16 b_port_be)
{
	__u32 ports = (__u32)a_port_be * b_port_be + (a_port_be ^ b_port_be);

	return (fold ^ ports) * 0x9e3779b1u | 1;
}

/* @segments: see above, with the ClientHello; 0: the client is elsewhere. */
static __always_inline void hello_note(__u32 mark, __u32 segments)
{
	__u32 place = mark >> HELLO_NOTE_SHIFT;
	__u64 *note = bpf_map_lookup_elem(&hello_notes, &place);

	if (note)
		*note = (__u64)(segments & HELLO_NOTE_SEGMENTS) << 32 | mark;
}

/* .. and it asks to turn to TLS, from a port to another one. */
static __always_inline void hello_note_asked(__u32 mark, __u32 segments, __u16 from_be, __u16 to_be)
{
	__u32 place = mark >> HELLO_NOTE_SHIFT;
	__u64 *note = bpf_map_lookup_elem(&hello_notes, &place);

	if (note)
		*note = (__u64)(segments & HELLO_NOTE_SEGMENTS) << 32 | mark | HELLO_NOTE_ASKED |
			(from_be < to_be ? HELLO_NOTE_UPWARD : 0);
}

/* Is that segment the answer? Asked once. */
static __always_inline bool hello_take_answer(__u32 mark, __u16 from_be, __u16 to_be)
{
	__u32 place = mark >> HELLO_NOTE_SHIFT;
	__u64 *note = bpf_map_lookup_elem(&hello_notes, &place);

	if (!note || (__u32)*note != mark || !(*note & HELLO_NOTE_ASKED) ||
	    !(*note & HELLO_NOTE_UPWARD) != (from_be < to_be))
		return false;
	*note &= ~HELLO_NOTE_ASKED;
	return true;
}

static __always_inline bool hello_is_noted(__u32 mark, __u32 *segments)
{
	__u32 place = mark >> HELLO_NOTE_SHIFT;
	__u64 *note = bpf_map_lookup_elem(&hello_notes, &place);

	if (!note || (__u32)*note != mark)
		return false;
	*segments = *note >> 32 & HELLO_NOTE_SEGMENTS;
	return true;
}
