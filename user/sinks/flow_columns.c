// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_columns.c - the figures of a connection by name */

#include "sinks/flow_columns.h"
#include "util/array.h"

#define GETTER(name) \
	static void get_##name(const struct stream *stream, __u8 side, struct flow_value *value)

static void set(struct flow_value *value, __u64 number)
{
	value->number = number;
	value->known = true;
}

static void set_if(struct flow_value *value, bool known, __u64 number)
{
	value->number = number;
	value->known = known;
}

static const char *side_name(const struct stream *stream, int side)
{
	return side == stream->client ? "client" : "server";
}

/* Nearest to zero where clocks ran backwards: a pause is never negative. */
static __u64 after_us(__u64 from_ns, __u64 ns)
{
	return ns > from_ns ? (ns - from_ns) / 1000 : 0;
}

/* ---- of the connection ---- */

GETTER(stream)
{
	(void)side;
	set(value, stream->number);
}

GETTER(started)
{
	(void)side;
	set(value, stream->first_ns);
}

GETTER(duration)
{
	(void)side;
	set(value, after_us(stream->first_ns, stream->last_ns));
}

GETTER(first_frame)
{
	(void)side;
	set_if(value, stream->first_frame, stream->first_frame);
}

GETTER(last_frame)
{
	(void)side;
	set_if(value, stream->last_frame, stream->last_frame);
}

/* Whether the capture holds the begin: who is the client is a guess by port without. */
GETTER(handshake)
{
	const struct stream_side *sides = stream->side;

	(void)side;
	value->known = true;
	if ((sides[0].state & SIDE_SYN) && (sides[1].state & SIDE_SYN) && stream->handshake_ns)
		value->word = "whole";
	else
		value->word = stream->client_known ? "part" : "none";
}

GETTER(handshake_us)
{
	__u32 us = stream_handshake_us(stream);

	(void)side;
	set_if(value, us, us);
}

GETTER(packets)
{
	(void)side;
	set(value, stream->side[0].packets + stream->side[1].packets);
}

GETTER(bytes)
{
	(void)side;
	set(value, stream->side[0].bytes + stream->side[1].bytes);
}

GETTER(retransmissions)
{
	(void)side;
	set(value, (__u64)stream_side_retransmissions(&stream->side[0]) +
			   stream_side_retransmissions(&stream->side[1]));
}

GETTER(lost_segments)
{
	(void)side;
	set(value, (__u64)stream->side[0].flagged[STREAM_LOST_SEGMENT] +
			   stream->side[1].flagged[STREAM_LOST_SEGMENT]);
}

GETTER(idle_most)
{
	(void)side;
	set(value, stream->idle_most_ns / 1000);
}

GETTER(idle_at)
{
	(void)side;
	set_if(value, stream->idle_most_ns, after_us(stream->first_ns, stream->idle_at_ns));
}

GETTER(idle)
{
	(void)side;
	set(value, stream->idle_ns / 1000);
}

GETTER(ended)
{
	(void)side;
	value->known = true;
	value->word = stream_end_name(stream_end(stream));
}

GETTER(closed_first)
{
	int first = stream_closed_first(stream);

	(void)side;
	value->known = first >= 0;
	value->word = first >= 0 ? side_name(stream, first) : NULL;
}

GETTER(closed_at_once)
{
	(void)side;
	set_if(value, stream->side[0].state & stream->side[1].state & SIDE_FIN,
	       stream_closed_at_once(stream));
}

GETTER(reset_by)
{
	(void)side;
	value->known = (stream->side[0].state | stream->side[1].state) & SIDE_RESET;
	value->word = value->known ? side_name(stream, stream->reset_by) : NULL;
}

/* clang-format off */
const struct flow_column flow_columns[] = {
	{ "stream", FLOW_NUMBER, true, get_stream },
	{ "started", FLOW_TIME, true, get_started },
	{ "duration_us", FLOW_NUMBER, false, get_duration },
	{ "first_frame", FLOW_NUMBER, true, get_first_frame },
	{ "last_frame", FLOW_NUMBER, true, get_last_frame },
	{ "handshake", FLOW_WORD, false, get_handshake },
	{ "handshake_us", FLOW_NUMBER, false, get_handshake_us },
	{ "packets", FLOW_NUMBER, false, get_packets },
	{ "bytes", FLOW_NUMBER, false, get_bytes },
	{ "retransmissions", FLOW_NUMBER, false, get_retransmissions },
	{ "lost_segments", FLOW_NUMBER, false, get_lost_segments },
	{ "idle_longest_us", FLOW_NUMBER, false, get_idle_most },
	{ "idle_longest_at_us", FLOW_NUMBER, true, get_idle_at },
	{ "idle_us", FLOW_NUMBER, false, get_idle },
	{ "ended", FLOW_WORD, false, get_ended },
	{ "closed_first", FLOW_WORD, false, get_closed_first },
	{ "closed_at_once", FLOW_TRUTH, false, get_closed_at_once },
	{ "reset_by", FLOW_WORD, false, get_reset_by },
	{ .name = NULL },
};
/* clang-format on */

/* ---- of one side: what it sent, and how the other answered it ---- */

#define SIDE_FIGURE(name, expression)                              \
	GETTER(name)                                               \
	{                                                          \
		const struct stream_side *s = &stream->side[side]; \
                                                                   \
		set(value, expression);                            \
	}

#define SIDE_FIGURE_IF(name, condition, expression)                \
	GETTER(name)                                               \
	{                                                          \
		const struct stream_side *s = &stream->side[side]; \
                                                                   \
		set_if(value, condition, expression);              \
	}

GETTER(address)
{
	value->known = true;
	value->address = stream->address[side];
}

GETTER(port)
{
	set(value, stream->port[side]);
}

/* The first FIN, since the begin of the connection. */
GETTER(fin_at)
{
	set_if(value, stream->side[side].state & SIDE_FIN,
	       after_us(stream->first_ns, stream->side[side].fin_ns));
}

GETTER(zero_window)
{
	const struct stream_side *s = &stream->side[side];

	/* a window that is closed at the end was so until the last packet */
	set(value, (s->zero_ns + (s->zero_since_ns && stream->last_ns > s->zero_since_ns ?
					  stream->last_ns - s->zero_since_ns :
					  0)) /
			   1000);
}

SIDE_FIGURE(side_packets, s->packets)
SIDE_FIGURE(side_segments, s->segments)
SIDE_FIGURE(side_bytes, s->bytes)
SIDE_FIGURE(side_bytes_again, s->bytes_again)
SIDE_FIGURE(side_again, stream_side_retransmissions(s))
SIDE_FIGURE(side_timeouts, s->timeouts)
SIDE_FIGURE(side_fast, s->flagged[STREAM_FAST_RETRANSMISSION])
SIDE_FIGURE(side_spurious, s->flagged[STREAM_SPURIOUS_RETRANSMISSION])
SIDE_FIGURE(side_dsacks, s->dsacks)
SIDE_FIGURE(side_out_of_order, s->flagged[STREAM_OUT_OF_ORDER])
SIDE_FIGURE(side_lost, s->flagged[STREAM_LOST_SEGMENT])
SIDE_FIGURE(side_ack_lost, s->flagged[STREAM_ACK_LOST_SEGMENT])
SIDE_FIGURE(side_duplicates, s->flagged[STREAM_DUPLICATE_ACK])
SIDE_FIGURE(side_zero, s->flagged[STREAM_ZERO_WINDOW])
SIDE_FIGURE(side_full, s->flagged[STREAM_WINDOW_FULL])
SIDE_FIGURE(side_updates, s->flagged[STREAM_WINDOW_UPDATE])
SIDE_FIGURE(side_keep_alives, s->flagged[STREAM_KEEP_ALIVE])
SIDE_FIGURE(side_keep_alive_acks, s->flagged[STREAM_KEEP_ALIVE_ACK])
SIDE_FIGURE(side_probes, s->flagged[STREAM_ZERO_WINDOW_PROBE])
SIDE_FIGURE(side_probe_acks, s->flagged[STREAM_ZERO_WINDOW_PROBE_ACK])
SIDE_FIGURE(side_copies, s->copies)
SIDE_FIGURE(side_syns, s->syns)
SIDE_FIGURE(side_resets, s->resets)
SIDE_FIGURE(side_longest, s->longest)
SIDE_FIGURE(side_window_most, s->window_most)
SIDE_FIGURE_IF(side_mss, s->state &SIDE_MSS, s->mss)
SIDE_FIGURE_IF(side_wscale, s->wscale <= 14, s->wscale)
SIDE_FIGURE_IF(side_sack, s->state &SIDE_SYN, !!(s->state & SIDE_SACK))
SIDE_FIGURE_IF(side_timestamps, s->state &SIDE_SYN, !!(s->state & SIDE_TIMESTAMPS))
SIDE_FIGURE(side_rtt_samples, s->rtt.samples)
SIDE_FIGURE_IF(side_rtt_least, s->rtt.samples, s->rtt.least_us)
SIDE_FIGURE_IF(side_rtt_mean, s->rtt.samples, stream_rtt_mean_us(&s->rtt))
SIDE_FIGURE_IF(side_rtt_most, s->rtt.samples, s->rtt.most_us)
SIDE_FIGURE_IF(side_rtt_deviation, s->rtt.samples > 1, stream_rtt_deviation_us(&s->rtt))

/* clang-format off */
const struct flow_column flow_side_columns[] = {
	{ "address", FLOW_ADDRESS, false, get_address },
	{ "port", FLOW_NUMBER, false, get_port },
	{ "packets", FLOW_NUMBER, false, get_side_packets },
	{ "segments", FLOW_NUMBER, false, get_side_segments },
	{ "bytes", FLOW_NUMBER, false, get_side_bytes },
	{ "bytes_retransmitted", FLOW_NUMBER, false, get_side_bytes_again },
	{ "retransmissions", FLOW_NUMBER, false, get_side_again },
	{ "timeouts", FLOW_NUMBER, false, get_side_timeouts },
	{ "fast_retransmissions", FLOW_NUMBER, false, get_side_fast },
	{ "spurious_retransmissions", FLOW_NUMBER, false, get_side_spurious },
	{ "dsacks", FLOW_NUMBER, false, get_side_dsacks },
	{ "out_of_order", FLOW_NUMBER, false, get_side_out_of_order },
	{ "lost_segments", FLOW_NUMBER, false, get_side_lost },
	{ "ack_lost_segments", FLOW_NUMBER, false, get_side_ack_lost },
	{ "duplicate_acks", FLOW_NUMBER, false, get_side_duplicates },
	{ "zero_windows", FLOW_NUMBER, false, get_side_zero },
	{ "zero_window_us", FLOW_NUMBER, false, get_zero_window },
	{ "windows_full", FLOW_NUMBER, false, get_side_full },
	{ "window_updates", FLOW_NUMBER, false, get_side_updates },
	{ "window_most", FLOW_NUMBER, false, get_side_window_most },
	{ "keep_alives", FLOW_NUMBER, false, get_side_keep_alives },
	{ "keep_alive_acks", FLOW_NUMBER, false, get_side_keep_alive_acks },
	{ "zero_window_probes", FLOW_NUMBER, false, get_side_probes },
	{ "zero_window_probe_acks", FLOW_NUMBER, false, get_side_probe_acks },
	{ "copies", FLOW_NUMBER, false, get_side_copies },
	{ "syns", FLOW_NUMBER, false, get_side_syns },
	{ "resets", FLOW_NUMBER, false, get_side_resets },
	{ "fin_at_us", FLOW_NUMBER, false, get_fin_at },
	{ "mss", FLOW_NUMBER, false, get_side_mss },
	{ "window_scale", FLOW_NUMBER, false, get_side_wscale },
	{ "sack", FLOW_TRUTH, false, get_side_sack },
	{ "timestamps", FLOW_TRUTH, false, get_side_timestamps },
	{ "longest_segment", FLOW_NUMBER, false, get_side_longest },
	{ "rtt_samples", FLOW_NUMBER, false, get_side_rtt_samples },
	{ "rtt_least_us", FLOW_NUMBER, false, get_side_rtt_least },
	{ "rtt_mean_us", FLOW_NUMBER, false, get_side_rtt_mean },
	{ "rtt_most_us", FLOW_NUMBER, false, get_side_rtt_most },
	{ "rtt_deviation_us", FLOW_NUMBER, false, get_side_rtt_deviation },
	{ .name = NULL },
};
/* clang-format on */

struct flow_value flow_get(const struct flow_column *column, const struct stream *stream, __u8 side)
{
	struct flow_value value = { 0 };

	column->get(stream, side, &value);
	return value;
}
