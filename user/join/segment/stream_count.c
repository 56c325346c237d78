// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_count.c - the figures of a connection */

#include <stdint.h>

#include "join/segment/stream_judge.h"
#include "join/core.h"
#include "util/array.h"
#include "util/time.h"

#define SENT_AGAIN                                                      \
	(BIT(STREAM_RETRANSMISSION) | BIT(STREAM_FAST_RETRANSMISSION) | \
	 BIT(STREAM_SPURIOUS_RETRANSMISSION))
/*
 * Before a timer sends again, a sender has been silent for its RTO. RFC 6298 2.4 wants it to be a
 * second at least; Linux takes 200 ms (TCP_RTO_MIN), the shortest in wide use.
 */
#define RTO_LEAST_NS (200 * NS_PER_MS)
#define PAUSE_NS NS_PER_S

static const char *const flag_names[] = {
	[STREAM_RETRANSMISSION] = "retransmission",
	[STREAM_FAST_RETRANSMISSION] = "fast-retransmission",
	[STREAM_SPURIOUS_RETRANSMISSION] = "spurious-retransmission",
	[STREAM_OUT_OF_ORDER] = "out-of-order",
	[STREAM_LOST_SEGMENT] = "lost-segment",
	[STREAM_ACK_LOST_SEGMENT] = "ack-lost-segment",
	[STREAM_DUPLICATE_ACK] = "duplicate-ack",
	[STREAM_ZERO_WINDOW] = "zero-window",
	[STREAM_WINDOW_FULL] = "window-full",
	[STREAM_WINDOW_UPDATE] = "window-update",
	[STREAM_KEEP_ALIVE] = "keep-alive",
	[STREAM_KEEP_ALIVE_ACK] = "keep-alive-ack",
	[STREAM_ZERO_WINDOW_PROBE] = "zero-window-probe",
	[STREAM_ZERO_WINDOW_PROBE_ACK] = "zero-window-probe-ack",
	[STREAM_REUSED_PORTS] = "reused-ports",
};
_Static_assert(ARRAY_SIZE(flag_names) == STREAM_FLAG_COUNT, "a flag has no name");
_Static_assert(STREAM_FLAG_COUNT <= 16, "last_flags holds 16");

const char *stream_flag_name(unsigned int flag)
{
	return flag < STREAM_FLAG_COUNT ? flag_names[flag] : NULL;
}

/* ---- round trip ---- */

static void rtt_add(struct stream_rtt *rtt, __u64 ns)
{
	__u64 us = ns / NS_PER_US > UINT32_MAX ? UINT32_MAX : ns / NS_PER_US;
	__u64 square = us * us;

	rtt->least_us = rtt->samples && rtt->least_us < us ? rtt->least_us : (__u32)us;
	rtt->most_us = rtt->most_us > us ? rtt->most_us : (__u32)us;
	rtt->sum_us += us;
	rtt->sum_squares =
		square > UINT64_MAX - rtt->sum_squares ? UINT64_MAX : rtt->sum_squares + square;
	rtt->samples++;
}

/*
 * One segment is timed at a time (RFC 6298 3). When something is sent again, an acknowledgment may
 * be of either (Karn's algorithm): the timed one is given up.
 */
static void time_segment(struct stream_side *from, const struct packet *packet, __u64 ts_ns,
			 __u32 flags)
{
	__u32 end = stream_segment_end(packet);

	if (flags & (SENT_AGAIN | BIT(STREAM_OUT_OF_ORDER)))
		from->timed_ns = 0;
	else if (!from->timed_ns && end != packet->seq && !(flags & BIT(STREAM_KEEP_ALIVE)) &&
		 !(flags & BIT(STREAM_ZERO_WINDOW_PROBE)) && !(packet->tcp_flags & TCP_F_RST) &&
		 (!from->next_seq || seq_before(from->next_seq, end))) {
		from->timed_end = end;
		from->timed_ns = ts_ns;
	}
}

static void time_ack(struct stream_side *to, const struct packet *packet, __u64 ts_ns)
{
	if (!to->timed_ns || !(packet->tcp_flags & TCP_F_ACK) ||
	    seq_before(packet->ack, to->timed_end))
		return;
	/* an acknowledgment before its segment: the clock stepped, or the capture lost the order */
	if (ts_ns >= to->timed_ns && !(packet->tcp_flags & TCP_F_RST))
		rtt_add(&to->rtt, ts_ns - to->timed_ns);
	to->timed_ns = 0;
}

__u32 stream_rtt_mean_us(const struct stream_rtt *rtt)
{
	return rtt->samples ? (__u32)(rtt->sum_us / rtt->samples) : 0;
}

static __u32 root(__u64 square)
{
	__u64 low = 0, high = UINT32_MAX;

	while (low < high) {
		__u64 middle = (low + high + 1) / 2;

		if (middle * middle <= square)
			low = middle;
		else
			high = middle - 1;
	}
	return (__u32)low;
}

__u32 stream_rtt_deviation_us(const struct stream_rtt *rtt)
{
	double mean, variance;

	if (rtt->samples < 2 || rtt->sum_squares == UINT64_MAX)
		return 0;
	mean = (double)rtt->sum_us / rtt->samples;
	variance = (double)rtt->sum_squares / rtt->samples - mean * mean;
	return variance > 0 ? root((__u64)variance) : 0;
}

/* ---- begin and end ---- */

static void count_syn(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
		      __u64 ts_ns, __u8 index)
{
	struct stream_side *from = &stream->side[index];
	bool ack = packet->tcp_flags & TCP_F_ACK;

	from->syns++;
	from->state |= ack ? SIDE_SYN | SIDE_SYN_ACK : SIDE_SYN;
	if (packet->flags & PACKET_F_MSS) {
		from->mss = packet->mss;
		from->state |= SIDE_MSS;
	}
	if (packet->flags & PACKET_F_SACK)
		from->state |= SIDE_SACK;
	if (packet->flags & PACKET_F_TIMESTAMPS)
		from->state |= SIDE_TIMESTAMPS;
	if (ack) {
		if (!stream->synack_ns)
			stream->synack_ns = ts_ns;
	} else {
		stream->syn_ns = ts_ns;
		if (!stream->syn_first_ns)
			stream->syn_first_ns = ts_ns;
	}
	if (ends->client_known)
		return;
	ends->client = ack ? !index : index;
	ends->client_known = true;
}

/*
 * In SYN-SENT a reset counts only if it acknowledges the SYN (RFC 9293 3.10.7.3): a bare one
 * refuses nothing, and the SYN is sent again.
 */
static void count_reset(struct stream *stream, const struct packet *packet, __u64 ts_ns, __u8 index)
{
	struct stream_side *from = &stream->side[index];
	const struct stream_side *to = &stream->side[!index];

	from->resets++;
	if ((to->state & (SIDE_SYN | SIDE_SYN_ACK)) == SIDE_SYN && !(from->state & SIDE_SYN) &&
	    !stream->handshake_ns &&
	    (!(packet->tcp_flags & TCP_F_ACK) || packet->ack != to->next_seq)) {
		from->state |= SIDE_SHOT;
		return;
	}
	if (!((from->state | to->state) & SIDE_RESET)) {
		stream->reset_ns = ts_ns;
		stream->reset_by = index;
	}
	from->state |= SIDE_RESET;
}

static void count_fin(struct stream *stream, const struct packet *packet, __u64 ts_ns, __u8 index)
{
	struct stream_side *from = &stream->side[index];
	const struct stream_side *to = &stream->side[!index];

	if (from->state & SIDE_FIN)
		return;
	from->state |= SIDE_FIN;
	from->fin_ns = ts_ns;
	from->fin_end = stream_segment_end(packet);
	stream->crossed = (to->state & SIDE_FIN) && seq_before(packet->ack, to->fin_end);
}

void stream_count_marks(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
			__u64 ts_ns, __u8 index)
{
	struct stream_side *to = &stream->side[!index];

	if (packet->tcp_flags & TCP_F_SYN)
		count_syn(stream, ends, packet, ts_ns, index);
	if (packet->tcp_flags & TCP_F_FIN)
		count_fin(stream, packet, ts_ns, index);
	if (packet->tcp_flags & TCP_F_RST)
		count_reset(stream, packet, ts_ns, index);
	if ((packet->tcp_flags & TCP_F_ACK) && (to->state & SIDE_FIN) &&
	    !seq_before(packet->ack, to->fin_end))
		to->state |= SIDE_FIN_ACKED;
	/* the first ACK without SYN ends the handshake, whoever sent it */
	if ((packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_ACK && stream->syn_ns &&
	    !stream->handshake_ns)
		stream->handshake_ns = ts_ns - stream->syn_ns;
}

/* ---- sums ---- */

static void count_window(struct stream_side *from, const struct packet *packet, __u64 ts_ns)
{
	__u32 window = packet->window;

	if (packet->tcp_flags & TCP_F_RST)
		return; /* says nothing about room */
	if (!(packet->tcp_flags & TCP_F_SYN) && from->wscale <= 14)
		window <<= from->wscale;
	if (window > from->window_most)
		from->window_most = window;
	if (from->zero_since_ns && window) {
		if (ts_ns > from->zero_since_ns)
			from->zero_ns += ts_ns - from->zero_since_ns;
		from->zero_since_ns = 0;
	} else if (!window && !from->zero_since_ns && !(packet->tcp_flags & TCP_F_SYN)) {
		from->zero_since_ns = ts_ns;
	}
}

static void count_pause(struct stream *stream, __u64 ts_ns)
{
	__u64 pause;

	if (ts_ns <= stream->last_ns)
		return;
	pause = ts_ns - stream->last_ns;
	if (pause > stream->idle_most_ns) {
		stream->idle_most_ns = pause;
		stream->idle_at_ns = stream->last_ns;
	}
	if (pause >= PAUSE_NS)
		stream->idle_ns += pause;
	stream->last_ns = ts_ns;
}

void stream_count(struct stream *stream, struct stream_side *from, struct stream_side *to,
		  const struct packet *packet, __u64 ts_ns, __u32 flags)
{
	count_pause(stream, ts_ns);
	from->packets++;
	if (packet->payload_bytes) {
		from->segments++;
		from->bytes += packet->payload_bytes;
		if (flags & SENT_AGAIN)
			from->bytes_again += packet->payload_bytes;
		if (packet->payload_bytes > from->longest)
			from->longest = packet->payload_bytes;
	}
	if ((flags & BIT(STREAM_RETRANSMISSION)) && from->sent_ns && ts_ns > from->sent_ns &&
	    ts_ns - from->sent_ns >= RTO_LEAST_NS) {
		from->timeouts++;
		if (packet->payload_bytes && !to->zero_since_ns)
			from->waiting_ns += ts_ns - from->sent_ns;
	}
	for (__u32 left = flags; left; left &= left - 1)
		from->flagged[__builtin_ctz(left)]++;
	if (packet->flags & PACKET_F_DSACK)
		from->dsacks++;
	time_ack(to, packet, ts_ns);
	time_segment(from, packet, ts_ns, flags);
	if (packet->payload_bytes || (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN)))
		from->sent_ns = ts_ns;
	count_window(from, packet, ts_ns);
}

/* ---- what they say ---- */

__u32 stream_side_retransmissions(const struct stream_side *side)
{
	return side->flagged[STREAM_RETRANSMISSION] + side->flagged[STREAM_FAST_RETRANSMISSION] +
	       side->flagged[STREAM_SPURIOUS_RETRANSMISSION];
}
