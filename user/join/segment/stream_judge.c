// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_judge.c - one segment is taken: what it is, by what both sides sent before it */

#include "join/segment/copy.h"
#include "join/segment/stream_judge.h"
#include "util/array.h"
#include "util/hot.h"
#include "util/time.h"

#define MARKS (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)
/* A fast retransmission follows the duplicate ACK that asks for it within this. */
#define FAST_NS (20 * NS_PER_MS)
/* Segments overtake each other within a round trip; while none is known, within this. */
#define OVERTAKE_NS (3 * NS_PER_MS)
/* So far from what was acknowledged a number is no hole of the capture, until something proves it. */
#define FAR_BYTES (1u << 20)

struct segment {
	const struct packet *packet;
	struct stream *stream;
	struct stream_side *from, *to;
	__u64 ts_ns;
	__u32 length; /* of the payload */
	__u32 flags; /* BIT(enum stream_flag) so far */
	bool marked; /* SYN, FIN or RST */
	bool probe; /* of a closed window: its next byte */
	bool repeats; /* same sequence number, acknowledgment, nothing in it: only the window speaks */
};

/*
 * Time since @then. Clocks of captures run backwards at times; what came before its cause is as far
 * from it as can be, so that nothing is concluded from nearness.
 */
static __u64 since(__u64 then, __u64 now)
{
	return now - then;
}

/* A probe of a closed window is its next byte (RFC 9293 3.8.6.1). */
static bool probes_next_byte(const struct segment *segment)
{
	return segment->length == 1 && segment->packet->seq == segment->from->next_seq &&
	       !segment->to->window;
}

/*
 * A keep-alive has the sequence number before the next one and at most that byte (RFC 9293 3.8.4).
 * Linux probes a closed window with the same (tcp_xmit_probe_skb()): what tells them apart is
 * whether the window is closed.
 */
static bool is_before_next(const struct segment *segment)
{
	return segment->length <= 1 && segment->packet->seq == segment->from->next_seq - 1 &&
	       !segment->marked;
}

/* What the sender's own segments tell: something missing before it, keep-alive, probe. */
static void judge_sequence(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	const struct stream_side *from = segment->from;

	if (!packet->window && !segment->marked)
		segment->flags |= BIT(STREAM_ZERO_WINDOW);
	if (from->next_seq && seq_before(from->next_seq, packet->seq) &&
	    !(packet->tcp_flags & TCP_F_RST))
		segment->flags |= BIT(STREAM_LOST_SEGMENT);
	if (is_before_next(segment))
		segment->flags |= segment->to->zero_since_ns && !segment->to->window ?
					  BIT(STREAM_ZERO_WINDOW_PROBE) :
					  BIT(STREAM_KEEP_ALIVE);
}

/*
 * Does a segment without marks end where the window of the other side does? Only if the scale is known:
 * it may be used from the first segment without SYN on (RFC 7323 2.2).
 */
static bool fills_window(const struct stream_side *to, const struct packet *packet)
{
	__u32 window = to->window;

	if (!packet->payload_bytes || to->wscale == STREAM_WSCALE_UNKNOWN ||
	    window == STREAM_WINDOW_UNKNOWN)
		return false;
	if (to->wscale != STREAM_WSCALE_UNUSED && !(to->state & SIDE_UNSCALED))
		window <<= to->wscale;
	return packet->seq + packet->payload_bytes == to->ack + window;
}

/*
 * RFC 8684 3: with an option of MPTCP an acknowledgment that repeats the last one may be sent for
 * the option's sake; with DSS, which every one of them has, where that acknowledges something else.
 */
static bool is_mptcp_word(const struct segment *segment)
{
	const struct packet *packet = segment->packet;

	return packet->flags & PACKET_F_MPTCP ||
	       (packet->flags & PACKET_F_DATA_ACK && packet->data_ack != segment->from->data_ack);
}

/* A segment that repeats the last one of its side: an answer to a probe, or a duplicate ACK. */
static void judge_repeat(struct segment *segment)
{
	__u32 window = segment->packet->window;
	struct stream_side *from = segment->from;

	if (!segment->repeats)
		return;
	if (window && window != from->window)
		segment->flags |= BIT(STREAM_WINDOW_UPDATE);
	if (window != from->window)
		return;
	if (window && (segment->to->last_flags & BIT(STREAM_KEEP_ALIVE))) {
		segment->flags |= BIT(STREAM_KEEP_ALIVE_ACK);
	} else if (!window && (segment->to->last_flags & BIT(STREAM_ZERO_WINDOW_PROBE))) {
		segment->flags |= BIT(STREAM_ZERO_WINDOW_PROBE_ACK);
	} else if (window && !is_mptcp_word(segment)) {
		from->repeats = from->repeats == STREAM_REPEATS_UNSEEN ? 1 : from->repeats + 1;
		segment->flags |= BIT(STREAM_DUPLICATE_ACK);
	}
}

/*
 * Acknowledges what the capture does not hold. Told once for a hole. Beyond everything seen it is
 * told once until the other side acknowledges something new: of a capture that holds one direction
 * alone, every later segment would be it.
 */
static void judge_ack(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	struct stream_side *to = segment->to;

	if (!(packet->tcp_flags & TCP_F_ACK) || !to->whole_seq ||
	    !seq_before(to->whole_seq, packet->ack))
		return;
	if (seq_before(to->whole_seq, to->next_seq)) {
		to->whole_seq = to->next_seq;
		segment->flags |= BIT(STREAM_ACK_LOST_SEGMENT);
		return;
	}
	if (!to->repeats)
		segment->flags |= BIT(STREAM_ACK_LOST_SEGMENT);
	to->repeats = STREAM_REPEATS_UNSEEN;
}

/* Payload, SYN or FIN that brings nothing new: sent again, or late. */
static void judge_again(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	const struct stream *stream = segment->stream;
	const struct stream_side *from = segment->from, *to = segment->to;
	__u32 end = packet->seq + segment->length;
	__u64 near_ns = stream->handshake_ns ? stream->handshake_ns : OVERTAKE_NS;
	bool old = from->next_seq && seq_before(packet->seq, from->next_seq);

	/* the byte of a probe of a closed window, now with what follows it */
	if (segment->length > 1 && packet->seq == from->next_seq - 1)
		old = false;
	if (segment->length && to->ack && !seq_before(to->ack, end)) {
		segment->flags |= BIT(STREAM_SPURIOUS_RETRANSMISSION);
		return;
	}
	if (!old)
		return;
	if (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN))
		end++;
	if (to->repeats >= 2 && to->ack == packet->seq &&
	    since(to->last_ns, segment->ts_ns) < FAST_NS)
		segment->flags |= BIT(STREAM_FAST_RETRANSMISSION);
	else if (since(from->next_ns, segment->ts_ns) < near_ns && from->next_seq != end)
		segment->flags |= BIT(STREAM_OUT_OF_ORDER);
	else
		segment->flags |= BIT(STREAM_RETRANSMISSION);
}

/* The order of the questions is that of precedence. */
static void judge(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	struct stream_side *from = segment->from;

	segment->repeats = !segment->length && !segment->marked && packet->seq == from->next_seq &&
			   packet->ack == from->ack;
	if (segment->probe) {
		segment->flags |= BIT(STREAM_ZERO_WINDOW_PROBE);
	} else {
		judge_sequence(segment);
		if (!segment->marked && fills_window(segment->to, packet))
			segment->flags |= BIT(STREAM_WINDOW_FULL);
		judge_repeat(segment);
	}
	judge_ack(segment);
	if ((segment->length || (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN))) &&
	    !is_before_next(segment))
		judge_again(segment);
}

static void take_isn(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	bool syn = packet->tcp_flags & TCP_F_SYN;

	if (!(segment->from->state & SIDE_BEGUN))
		segment->from->isn = syn ? packet->seq : packet->seq - 1;
	segment->from->state |= SIDE_BEGUN;
	if (!(segment->to->state & SIDE_BEGUN) && (packet->tcp_flags & TCP_F_ACK)) {
		segment->to->isn = packet->ack - 1;
		segment->to->state |= SIDE_BEGUN;
	}
}

/*
 * A SYN sent again starts the side over: a reset may have moved its sequence number to where the
 * answer acknowledged it (RFC 9293 3.5.2). A SYN with ACK that has another number than the one
 * acknowledged before is of another connection, too.
 */
static void look_at_syn(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	struct stream_side *from = segment->from;

	if (!(packet->tcp_flags & TCP_F_SYN) || !(from->state & SIDE_BEGUN))
		return;
	if (!(packet->tcp_flags & TCP_F_ACK)) {
		from->next_seq = from->whole_seq;
	} else if (packet->seq != from->isn) {
		from->isn = packet->seq;
		segment->flags |= BIT(STREAM_REUSED_PORTS);
	}
}

/*
 * RFC 9293 3.10.7.4: what lies outside of the window is not taken. By twice the largest window that was
 * seen, and FAR_BYTES: whoever captures misses windows, and what is near is a hole. Of a window whose
 * scale is unknown nothing is outside.
 */
static bool is_stray(const struct stream_side *from, const struct stream_side *to,
		     const struct packet *packet)
{
	__u64 room = 2ull * to->window_most > FAR_BYTES ? 2ull * to->window_most : FAR_BYTES;

	return packet->payload_bytes && from->next_seq && (to->state & SIDE_ACKED) &&
	       (to->wscale <= 14 || to->wscale == STREAM_WSCALE_UNUSED) && to->packets > 1 &&
	       !(packet->tcp_flags & (TCP_F_SYN | TCP_F_RST)) &&
	       seq_before(from->next_seq, packet->seq) &&
	       seq_distance(to->acked, packet->seq) > (__s64)room;
}

/* The capture lacks what stands before it, and it was none: the side goes on there. */
static void take_stray(struct stream_side *from)
{
	from->next_seq = from->stray_end;
	from->state &= ~SIDE_STRAY;
}

/* It is timed by nothing: nobody acknowledges it. */
static void note_stray(struct stream_side *from, const struct packet *packet)
{
	from->stray_seq = packet->seq;
	from->stray_end = stream_segment_end(packet);
	from->state |= SIDE_STRAY;
	from->timed_ns = 0;
}

static void look_at_strays(struct segment *segment)
{
	const struct packet *packet = segment->packet;
	struct stream_side *from = segment->from, *to = segment->to;

	if ((from->state & SIDE_STRAY) && packet->seq == from->stray_end &&
	    (packet->payload_bytes || (packet->tcp_flags & TCP_F_FIN)))
		take_stray(from);
	if ((to->state & SIDE_STRAY) && (packet->tcp_flags & TCP_F_ACK) &&
	    !(packet->tcp_flags & TCP_F_RST) && seq_before(to->stray_seq, packet->ack))
		take_stray(to);
}

/* Adds to @look what the segment is. Returns whether it probes a closed window. */
APART bool judge_any(struct stream *stream, struct stream_side *from, struct stream_side *to,
		     const struct packet *packet, __u64 ts_ns, struct stream_look *look)
{
	struct segment segment = {
		.packet = packet,
		.stream = stream,
		.from = from,
		.to = to,
		.ts_ns = ts_ns,
		.length = packet->payload_bytes,
		.flags = look->flags,
		.marked = packet->tcp_flags & MARKS,
	};

	look_at_syn(&segment);
	take_isn(&segment);
	look_at_strays(&segment);
	look->stray = is_stray(from, to, packet);
	segment.probe = probes_next_byte(&segment);
	judge(&segment);
	look->flags = segment.flags;
	return segment.probe;
}

/*
 * Nearly every segment: no mark, it goes on where its side stands, something in it is new, and nothing
 * that it acknowledges is missing. Of all that judge_any() asks only its end in the window is left.
 */
static bool goes_on(const struct stream_side *from, const struct stream_side *to,
		    const struct packet *packet)
{
	if ((packet->tcp_flags & (MARKS | TCP_F_ACK)) != TCP_F_ACK || !packet->window ||
	    packet->seq != from->next_seq || !(from->state & to->state & SIDE_BEGUN) ||
	    !to->whole_seq || seq_before(to->whole_seq, packet->ack))
		return false;
	if (!packet->payload_bytes)
		return packet->ack != from->ack;
	return packet->payload_bytes > 1 &&
	       seq_before(to->ack, packet->seq + packet->payload_bytes);
}

/* A window is scaled only if both SYNs say so (RFC 7323 2.2). */
static void take_scale(struct stream_side *from, struct stream_side *to,
		       const struct packet *packet)
{
	if (packet->flags & PACKET_F_WSCALE) {
		from->wscale = packet->wscale;
		if ((packet->tcp_flags & TCP_F_ACK) && to->wscale == STREAM_WSCALE_UNUSED)
			from->wscale = STREAM_WSCALE_UNUSED;
	} else if (from->wscale == STREAM_WSCALE_UNKNOWN) {
		from->wscale = STREAM_WSCALE_UNUSED;
		to->wscale = STREAM_WSCALE_UNUSED;
	}
}

/* What the next segment will be compared with. */
static void take_sequence(struct stream_side *from, const struct packet *packet, __u64 ts_ns)
{
	__u32 end = stream_segment_end(packet);

	if (!from->next_seq || seq_before(from->next_seq, end)) {
		from->next_seq = end;
		from->next_ns = ts_ns;
	}
	if (!from->whole_seq || packet->seq == from->whole_seq)
		from->whole_seq = from->next_seq;
}

/*
 * Something new was acknowledged: had the time-out been for nothing, it would have come sooner after
 * the repetition than any round trip takes (RFC 3522).
 */
static void settle_wait(struct stream_side *to, __u64 ts_ns)
{
	if (!to->waiting_ns)
		return;
	if (since(to->sent_ns, ts_ns) >= to->rtt.least_us * NS_PER_US / 2)
		to->waits_ns += to->waiting_ns;
	to->waiting_ns = 0;
}

static void take_over(struct stream_side *from, struct stream_side *to, const struct packet *packet,
		      __u64 ts_ns, __u32 flags)
{
	from->window = packet->window;
	from->ack = packet->ack;
	from->last_ns = ts_ns;
	from->last_flags = (__u16)flags;
	if (packet->flags & PACKET_F_DATA_ACK)
		from->data_ack = packet->data_ack;
	if ((packet->tcp_flags & TCP_F_ACK) &&
	    (!(from->state & SIDE_ACKED) || seq_before(from->acked, packet->ack))) {
		from->acked = packet->ack;
		from->acked_ns = ts_ns;
		from->state |= SIDE_ACKED;
		settle_wait(to, ts_ns);
	}
	if (packet->tcp_flags & TCP_F_SYN) {
		from->state |= SIDE_UNSCALED;
		take_scale(from, to, packet);
	} else if (packet->tcp_flags & TCP_F_ACK) {
		from->state &= ~SIDE_UNSCALED;
	}
}

void stream_take(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
		 __u64 ts_ns, __u64 frame, struct stream_look *look)
{
	struct stream_side *from = ELEMENT(stream->side, look->from);
	struct stream_side *to = ELEMENT(stream->side, !look->from);
	bool probe = false;

	stream->last_frame = frame;
	look->stream = stream;
	copy_of_segment(from, to, packet, ts_ns, look);
	if (!goes_on(from, to, packet))
		probe = judge_any(stream, from, to, packet, ts_ns, look);
	else if (fills_window(to, packet))
		look->flags |= BIT(STREAM_WINDOW_FULL);
	if (packet->ack != from->ack)
		from->repeats = 0;
	if (look->copy) {
		from->packets++;
		from->copies++;
	} else {
		from->again_soon += look->sent && (look->flags & BIT(STREAM_OUT_OF_ORDER));
		stream_count(stream, from, to, packet, ts_ns, look->flags);
		if (look->stray)
			note_stray(from, packet);
		else if ((packet->tcp_flags & MARKS) || !stream->handshake_ns ||
			 (to->state & SIDE_FIN))
			stream_count_marks(stream, ends, packet, ts_ns, look->from);
	}
	if (!probe && !look->stray)
		take_sequence(from, packet, ts_ns);
	take_over(from, to, packet, ts_ns, look->flags);
}
