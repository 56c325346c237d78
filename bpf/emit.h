/* SPDX-License-Identifier: GPL-2.0-only */
/* emit.h - how a record gets into the ring, or is counted */
#pragma once

#include "maps.h"
#include "record.h"

#define EMIT_LOOK_EVERY 16 /* records of a CPU between two looks at the fill level */
#define EMIT_LOOK_MASK (EMIT_LOOK_EVERY - 1)

/* What goes first when the ring fills up faster than it is read: packets before sockets. */
static __always_inline bool emit_is_sheddable(__u16 kind)
{
	return kind == EVENT_PIECE || kind == EVENT_PACKET || kind == EVENT_DROP ||
	       kind == EVENT_CLAIM || kind == EVENT_ICMP_SENT || kind == EVENT_RETRANSMIT ||
	       kind == EVENT_LISTEN_FULL;
}

/* Up to which fill level a sheddable record is told. Payload goes first: nothing is judged by it. */
static __always_inline __u64 emit_level(__u16 kind)
{
	return kind == EVENT_PIECE ? knobs.ring_bytes / 2 : knobs.ring_bytes / 4 * 3;
}

/* What was not told makes absence no evidence, but for the rest of a packet that was told of. */
static __always_inline void emit_note_lost(struct emit_cpu *cpu, __u16 kind)
{
	if (kind != EVENT_PIECE)
		__sync_fetch_and_add(&cpu->lost_total, 1);
}

/* A record of what comes by the thousand, though its kind does not: is it shed? Counted then. */
static __always_inline bool emit_is_shed(struct emit_cpu *cpu, __u16 kind)
{
	if (cpu->pending <= emit_level(EVENT_PACKET))
		return false;
	cpu->turn++;
	cpu->pending = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__sync_fetch_and_add(&cpu->counts.suppressed[kind], 1);
	emit_note_lost(cpu, kind);
	return true;
}

static __always_inline struct emit_cpu *emit_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&emit_cpus, &zero);
}

/*
 * Reserves room for a record of @size bytes, header included, and fills in the header but for
 * cookie, netns, ifindex, known and flags, which are zero. The caller must emit_submit().
 */
static __always_inline struct event_header *emit_reserve(struct emit_cpu *cpu, __u16 kind,
							 __u64 size, __u8 vantage)
{
	struct event_header *header;

	if (!(++cpu->turn & EMIT_LOOK_MASK))
		cpu->pending = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (emit_is_sheddable(kind) && cpu->pending > emit_level(kind)) {
		__sync_fetch_and_add(&cpu->counts.suppressed[kind], 1);
		emit_note_lost(cpu, kind);
		return NULL;
	}
	header = bpf_ringbuf_reserve(&ring, size, 0);
	if (!header) {
		__sync_fetch_and_add(&cpu->counts.lost[kind], 1);
		emit_note_lost(cpu, kind);
		return NULL;
	}
	header->ts_ns = bpf_ktime_get_ns();
	header->cookie = 0;
	header->netns = 0;
	header->ifindex = 0;
	header->lost = cpu->lost_total;
	header->known = 0;
	header->kind = kind;
	header->size = size;
	header->cpu = bpf_get_smp_processor_id();
	header->vantage = vantage;
	header->flags = 0;
	return header;
}

/*
 * A wake-up costs ten times the record (2.3 us and 0.1 to 0.2 us measured on 6.18), and the reader
 * comes by itself every 20 ms: it is woken only when more than a quarter of the ring waits for it,
 * and then once in EMIT_LOOK_EVERY records.
 */
static __always_inline void emit_submit(struct emit_cpu *cpu, struct event_header *header)
{
	bool wake = !(cpu->turn & EMIT_LOOK_MASK) && cpu->pending > knobs.ring_bytes / 4;

	bpf_ringbuf_submit(header, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
