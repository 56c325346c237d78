// SPDX-License-Identifier: GPL-2.0-or-later
/* copy.c - packets that were captured twice */

#include "join/segment/copy.h"
#include "join/segment/stream.h"
#include "util/hash.h"
#include "util/hot.h"
#include "util/time.h"

/* A timer sends again after 200 ms at the earliest (TCP_RTO_MIN), a SYN after a second. */
#define ID_NS (100 * NS_PER_MS)
/*
 * Duplicate ACKs have a segment sent again sooner, and a few stacks as it was; others never change
 * an identification.
 */
#define ID_NEAR_NS (10 * NS_PER_MS)
/* Without identifications: of a segment that may be sent again at once, and of any other packet. */
#define SEGMENT_NS (NS_PER_MS / 2)
#define PACKET_NS NS_PER_MS
/*
 * Or of a segment that bears the sender's clock (RFC 7323 5.4), which has ticked by then on the usual
 * systems (once in 1 to 10 ms).
 */
#define CLOCK_NS (20 * NS_PER_MS)

static __u64 apart_ns(__u64 a_ns, __u64 b_ns)
{
	return a_ns > b_ns ? a_ns - b_ns : b_ns - a_ns;
}

/* ---- segments ---- */

#define WHEN_SHIFT 10

static __u64 since_ns(__u32 when, __u64 ts_ns)
{
	__u32 apart = (__u32)(ts_ns >> WHEN_SHIFT) - when;

	return (__u64)(apart > 1u << 31 ? -apart : apart) << WHEN_SHIFT;
}

static __u16 print_of(const struct packet *packet)
{
	__u64 sizes = (__u64)packet->tcp_flags << 48 ^ (__u64)packet->window << 24 ^
		      packet->payload_bytes;
	__u64 h = hash_spread((__u64)packet->ts_value << 32 | packet->ack, sizes, 0, 0);

	return (__u16)(h >> 47 & ~1ull) | !!packet->payload_bytes;
}

static inline void remember(struct copy_segments *segments, const struct packet *packet,
			    __u64 ts_ns)
{
	__u32 i = segments->count++ % COPIES_OF_SEGMENTS;

	if (packet->ip_id != segments->ip_id) {
		if (!segments->changes)
			segments->changes = packet->ip_id && segments->ip_id;
	} else if (packet->ip_id && packet->seq != segments->seq) {
		segments->constant = true;
	}
	segments->ip_id = packet->ip_id;
	segments->seq = packet->seq;
	segments->last[i].seq = packet->seq;
	segments->last[i].when = (__u32)(ts_ns >> WHEN_SHIFT);
	segments->last[i].ip_id = packet->ip_id;
	segments->last[i].print = print_of(packet);
}

/*
 * What goes beyond all that its side sent or acknowledged was not seen before: nearly every segment.
 * One byte may be a probe of a closed window, which counts as nothing sent.
 */
static bool is_new(const struct stream_side *side, const struct packet *packet)
{
	if (packet->payload_bytes)
		return packet->payload_bytes > 1 && !seq_before(packet->seq, side->next_seq);
	return !(packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)) &&
	       (side->state & SIDE_ACKED) && seq_before(side->acked, packet->ack);
}

/*
 * What the other side asks for by duplicate ACKs is sent again on purpose, however soon: RFC 5681 3.2.
 * One of them may be a copy itself.
 */
static bool is_asked_for(const struct stream_side *to, const struct packet *packet)
{
	return to->repeats >= 2 && to->repeats != STREAM_REPEATS_UNSEEN && packet->seq == to->ack;
}

/* Apart from copy_of_segment(), which nearly always has nothing to compare. */
APART void compare(struct stream_side *side, const struct packet *packet, __u64 ts_ns,
		   bool asked_for, struct stream_look *look)
{
	struct copy_segments *segments = &side->last_segments;
	bool id = packet->ip_id && !segments->constant;
	/* a pure ACK or a reset that is like the one before may be meant */
	bool tells = packet->payload_bytes || (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN));
	/* what is sent again has a later time of the sender's than what it repeats */
	bool clock = !id && packet->ts_value && tells && !asked_for;
	__u64 id_ns = asked_for || !segments->changes ? ID_NEAR_NS : ID_NS;
	__u64 apart;

	for (__u32 i = 0; i < COPIES_OF_SEGMENTS && i < segments->count; i++) {
		bool near;

		if (segments->last[i].seq != packet->seq)
			continue;
		apart = since_ns(segments->last[i].when, ts_ns);
		near = apart < (id ? ID_NS : clock ? CLOCK_NS : PACKET_NS);
		if (packet->payload_bytes && (segments->last[i].print & 1) &&
		    (!near || (id && segments->last[i].ip_id != packet->ip_id)))
			look->sent = true;
		if (!near || segments->last[i].ip_id != packet->ip_id ||
		    segments->last[i].print != print_of(packet))
			continue;
		look->alike = true;
		look->copy |= id    ? apart < id_ns :
			      clock ? true :
				      tells && !asked_for && ts_ns - side->last_ns < SEGMENT_NS;
	}
	if (look->copy)
		look->sent = false;
	else
		remember(segments, packet, ts_ns);
}

void copy_of_segment(struct stream_side *from, const struct stream_side *to,
		     const struct packet *packet, __u64 ts_ns, struct stream_look *look)
{
	if (is_new(from, packet))
		remember(&from->last_segments, packet, ts_ns);
	else
		compare(from, packet, ts_ns, is_asked_for(to, packet), look);
}

/* ---- the rest ---- */

bool copy_of_packet(struct copy_past *past, __u32 count, __u32 *next, const struct event *event)
{
	const struct packet *packet = &event->packet;
	__u64 window_ns = packet->ip_id ? ID_NS : PACKET_NS, ts_ns = event->head.ts_ns;
	__u64 h = hash_mix(packet->ip_id, (__u64)packet->source_port << 16 | packet->protocol);

	h = hash_bytes(h, packet->source, sizeof(packet->source));
	h = hash_bytes(h, packet->destination, sizeof(packet->destination));
	if (packet->payload_at && packet->payload_at < event->bytes_captured)
		h = hash_bytes(h, event->bytes + packet->payload_at,
			       event->bytes_captured - packet->payload_at);
	h = hash_mix(h, (__u64)packet->inner.source_port << 32 | packet->inner.seq);
	h = hash_mix(h, (__u64)packet->seq << 32 | packet->ack);
	h = hash_mix(h, (__u64)packet->ts_value << 32 | packet->tcp_flags);
	for (__u32 i = 0; i < count; i++)
		if (past[i].print == (__u32)h && apart_ns(past[i].ts_ns, ts_ns) < window_ns)
			return true;
	past[*next] = (struct copy_past){ .ts_ns = ts_ns, .print = (__u32)h };
	*next = *next + 1 < count ? *next + 1 : 0;
	return false;
}
