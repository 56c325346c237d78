/* SPDX-License-Identifier: GPL-2.0-only */
/* piece.h - what of a packet did not fit into its record, piece by piece */
#pragma once

#include "emit.h"
#include "load.h"

#define PIECE_SMALL 320 /* with EVENT_PACKET_MAX and a large piece: an Ethernet frame */
#define PIECES_MAX ((EVENT_SNAP_MAX - EVENT_PACKET_MAX) / EVENT_PIECE_MAX + 1)

/* A piece record that has room for @size bytes. */
#define PIECE_RECORD_SIZE(size) (__builtin_offsetof(struct piece_record, body.bytes) + (size))

/* What piece_emit() is told of a packet, in one number. */
#define PIECE_PLACE(start, vantage, flags) ((__u32)(start) << 16 | (vantage) << 8 | (flags))
#define PIECE_START(place) ((place) >> 16)
#define PIECE_VANTAGE(place) ((place) >> 8 & 0xff)
#define PIECE_FLAGS(place) ((place)&0xff)

/*
 * Bytes into a record that is reserved already, which ends with them: what stood in the ring
 * before is not told. False: they could not be read.
 */
static __always_inline bool piece_fill(struct piece_record *record, struct __sk_buff *skb,
				       __u32 from, __s64 size, __u32 room)
{
	record->head.size = PIECE_RECORD_SIZE(size);
	record->body.size = size;
	/* both bounds of this very register, as in packet_fill() */
	asm volatile("" : "+r"(size));
	if (size > (__s64)room)
		return false;
	asm volatile("" : "+r"(size));
	if (size <= 0)
		return false;
	return !packet_load(skb, from, record->body.bytes, size);
}

#define PIECE_TELL(room)                                                                           \
	do {                                                                                       \
		record = (void *)emit_reserve(cpu, EVENT_PIECE, PIECE_RECORD_SIZE(room), vantage); \
		if (!record)                                                                       \
			return 0;                                                                  \
		if (!piece_fill(record, skb, from, size, room)) {                                  \
			bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);                             \
			return 0;                                                                  \
		}                                                                                  \
		record->head.flags = PIECE_FLAGS(place);                                           \
		record->head.ifindex = skb->ifindex;                                               \
		record->head.netns = cpu->device_netns; /* looked up for the packet's record */    \
		record->body.packet_ns = cpu->packet_ns;                                           \
		record->body.offset = offset;                                                      \
		record->body.last = left == size;                                                  \
		record->body.pad = 0;                                                              \
		emit_submit(cpu, &record->head);                                                   \
	} while (0)

/*
 * Tells the piece that begins at @offset. Returns where the next one begins, 0: there is none, or
 * no room for it. A global function, so that the verifier goes through it once.
 */
__noinline int piece_emit(struct __sk_buff *skb, __u32 place, __u32 offset, __u32 total)
{
	__u32 left = total - offset, from = PIECE_START(place) + offset;
	__u32 size = left < EVENT_PIECE_MAX ? left : EVENT_PIECE_MAX;
	__u8 vantage = PIECE_VANTAGE(place);
	struct emit_cpu *cpu = emit_cpu();
	struct piece_record *record;

	if (!cpu || offset >= total)
		return 0;
	if (size <= PIECE_SMALL)
		PIECE_TELL(PIECE_SMALL);
	else
		PIECE_TELL(EVENT_PIECE_MAX);
	return left > size ? (int)(offset + size) : 0;
}

/* The rest of a packet whose record holds EVENT_PACKET_MAX bytes of it, up to @total. */
__noinline int piece_emit_all(struct __sk_buff *skb, __u32 place, __u32 total)
{
	__u32 offset = EVENT_PACKET_MAX;
	int i;

	if (knobs.snap_bytes <= EVENT_PACKET_MAX)
		return 0;
	for (i = 0; i < PIECES_MAX && offset; i++)
		offset = piece_emit(skb, place, offset, total);
	return 0;
}
