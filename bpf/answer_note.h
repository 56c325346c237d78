/* SPDX-License-Identifier: GPL-2.0-only */
/* answer_note.h - what was noted of answers of HTTP/1 (answer.h), and what a client's socket makes of it */
#pragma once

#include "maps.h"

#define ANSWER_NOTE_SHIFT 19 /* of the hash, for ANSWER_NOTES places */

/* Of one direction of a connection; never 0. @port_be: the server's. */
static __always_inline __u32 answer_mark(__u32 mark, __u16 port_be)
{
	return (mark ^ port_be * 0x85ebca6bu) * 0x9e3779b1u | 1;
}

static __always_inline struct answer_note *answer_note_at(__u32 mark)
{
	__u32 place = mark >> ANSWER_NOTE_SHIFT;

	return bpf_map_lookup_elem(&answer_notes, &place);
}

/* ---- the client's socket ---- */

/*
 * What the last answer that the socket of a client got came to. @told: where EVENT_K_ANSWER's fields go; NULL: it is only
 * asked. @peer_first: the server ended the connection. Returns whether that is worth a record.
 */
static __always_inline bool answer_tell(const struct tcp_sock *tp, struct event_flow *told,
					__u32 mark, bool peer_first, bool peer_fin, __u32 *known)
{
	const struct answer_note *note = answer_note_at(mark);
	__u32 next = tp->rcv_nxt - peer_fin;
	__u64 received = tp->bytes_received;
	__u8 how;

	if (!note || note->mark != mark || !note->status)
		return false;
	received -= received && peer_fin;
	how = note->how & (ANSWER_F_CHUNKED | ANSWER_F_WANTS_TLS | ANSWER_F_HEAD | ANSWER_F_TUNNEL);
	/* of an earlier connection with these ends */
	if (next - note->begin > received)
		return false;
	if (next - note->begin == received)
		how |= ANSWER_F_FIRST;
	if ((note->how & ANSWER_F_LENGTH && (__s32)(note->end - next) > 0) ||
	    (note->how & ANSWER_F_CHUNKED && note->end == next && !(note->how & ANSWER_F_OVER)))
		how |= ANSWER_F_CUT;
	if (told) {
		told->answer_status = note->status;
		told->answer_how = how;
		told->answer_bytes = note->how & ANSWER_F_LENGTH ? note->end - note->body : 0;
		told->answer_came = (__s32)(next - note->body) > 0 ? next - note->body : 0;
		*known |= EVENT_K_ANSWER;
	}
	if (how & ANSWER_F_TUNNEL)
		return note->status >= 300;
	return how & ANSWER_F_WANTS_TLS ||
	       (peer_first && (how & ANSWER_F_CUT ||
			       (how & ANSWER_F_FIRST && ANSWER_SAYS_UNAVAILABLE(note->status))));
}
