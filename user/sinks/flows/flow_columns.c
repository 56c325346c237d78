// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_columns.c - the figures of a connection by name */

#include "sinks/flows/flow_columns.h"
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

/* The round trip to the server as this vantage sees it, else to the client. */
GETTER(rtt)
{
	const struct stream_rtt *rtt = &stream->side[stream->client].rtt;

	(void)side;
	if (!rtt->samples)
		rtt = &stream->side[!stream->client].rtt;
	set_if(value, rtt->samples, stream_rtt_mean_us(rtt));
}

/* ---- the same of a socket: what it has counted is of its own end ---- */

#define LIVE(name)                                                           \
	static void live_##name(const struct flow_source *source, __u8 side, \
				struct flow_value *value)

#define LIVE_FIGURE(name, condition, expression)      \
	LIVE(name)                                    \
	{                                             \
		const struct flow *f = source->flow;  \
                                                      \
		(void)side;                           \
		set_if(value, condition, expression); \
	}

static const char *flow_side_name(const struct flow *flow, enum flow_side side)
{
	if (side == FLOW_NEITHER)
		return NULL;
	return side == flow_client(flow) ? "client" : "server";
}

static bool is_counted(const struct flow *flow)
{
	return flow->known & EVENT_K_FLOW;
}

static void set_word(struct flow_value *value, const char *word)
{
	value->word = word;
	value->known = word;
}

LIVE_FIGURE(number, true, f->number)
LIVE_FIGURE(started, f->opened_ns, f->opened_ns)
LIVE_FIGURE(duration, f->opened_ns,
	    after_us(f->opened_ns, f->ended_ns ? f->ended_ns : join_now_ns(source->join)))
LIVE_FIGURE(handshake_us, f->client && f->opened_ns && f->established_ns && !f->syn_again,
	    after_us(f->opened_ns, f->established_ns))
LIVE_FIGURE(packets, is_counted(f), (__u64)f->counts.packets_out + f->counts.packets_in)
LIVE_FIGURE(bytes, is_counted(f), f->counts.bytes_sent + f->counts.bytes_received)
LIVE_FIGURE(retransmissions, is_counted(f), f->counts.retransmits)
LIVE_FIGURE(closed_at_once, flow_end(f) == FLOW_CLOSED, flow_closed_first(f) == FLOW_NEITHER)
LIVE_FIGURE(rtt, is_counted(f) && f->counts.srtt_us, f->counts.srtt_us)
LIVE_FIGURE(idle_now, is_counted(f) && !f->ended_ns && f->counts.active_ns,
	    after_us(f->counts.active_ns, join_now_ns(source->join)))
LIVE_FIGURE(netns, f->netns, f->netns)
LIVE_FIGURE(cookie, f->cookie, f->cookie)
LIVE_FIGURE(pid, f->owner_known, f->owner.tgid)
LIVE_FIGURE(uid, f->owner_known, f->owner.uid)

LIVE(handshake)
{
	const struct flow *flow = source->flow;

	(void)side;
	if (flow->established_ns && flow->opened_ns)
		set_word(value, "whole");
	else
		set_word(value, flow->established_ns || flow->opened_ns ? "part" : "none");
}

LIVE(ended)
{
	(void)side;
	set_word(value, flow_end_name(flow_end(source->flow)));
}

LIVE(closed_first)
{
	(void)side;
	set_word(value, flow_side_name(source->flow, flow_closed_first(source->flow)));
}

LIVE(reset_by)
{
	(void)side;
	set_word(value, flow_side_name(source->flow, flow_reset_by(source->flow)));
}

LIVE(state)
{
	const struct flow *flow = source->flow;

	(void)side;
	if (!flow->ended_ns && (flow->known & EVENT_K_STATE))
		set_word(value, decode_state_name(flow->state));
}

LIVE(errno)
{
	(void)side;
	set_word(value, source->flow->error ? decode_errno_name(source->flow->error) : NULL);
}

LIVE(role)
{
	const struct flow *flow = source->flow;

	(void)side;
	set_word(value, flow->role_known ? flow_side_name(flow, FLOW_LOCAL) : NULL);
}

LIVE(comm)
{
	const struct flow *flow = source->flow;

	(void)side;
	set_word(value, flow->owner_known && flow->owner.leader[0] ? flow->owner.leader : NULL);
	value->size = sizeof(flow->owner.leader);
}

LIVE(unit)
{
	const struct flow *flow = source->flow;
	const struct ev_process *process = NULL;

	(void)side;
	if (flow->owner_known)
		process = join_process(source->join, flow->owner.tgid, flow->owner.start_ns);
	set_word(value, process && process->unit[0] ? process->unit : NULL);
	value->size = sizeof(process->unit);
}

/* clang-format off */
const struct flow_column flow_columns[] = {
	{ "stream", FLOW_NUMBER, true, get_stream, live_number },
	{ "started", FLOW_TIME, true, get_started, live_started },
	{ "duration_us", FLOW_NUMBER, false, get_duration, live_duration },
	{ "first_frame", FLOW_NUMBER, true, get_first_frame, NULL },
	{ "last_frame", FLOW_NUMBER, true, get_last_frame, NULL },
	{ "handshake", FLOW_WORD, false, get_handshake, live_handshake },
	{ "handshake_us", FLOW_NUMBER, false, get_handshake_us, live_handshake_us },
	{ "packets", FLOW_NUMBER, false, get_packets, live_packets },
	{ "bytes", FLOW_NUMBER, false, get_bytes, live_bytes },
	{ "retransmissions", FLOW_NUMBER, false, get_retransmissions, live_retransmissions },
	{ "lost_segments", FLOW_NUMBER, false, get_lost_segments, NULL },
	{ "idle_longest_us", FLOW_NUMBER, false, get_idle_most, NULL },
	{ "idle_longest_at_us", FLOW_NUMBER, true, get_idle_at, NULL },
	{ "idle_us", FLOW_NUMBER, false, get_idle, NULL },
	{ "ended", FLOW_WORD, false, get_ended, live_ended },
	{ "closed_first", FLOW_WORD, false, get_closed_first, live_closed_first },
	{ "closed_at_once", FLOW_TRUTH, false, get_closed_at_once, live_closed_at_once },
	{ "reset_by", FLOW_WORD, false, get_reset_by, live_reset_by },
	{ "rtt_us", FLOW_NUMBER, false, get_rtt, live_rtt },
	{ "idle_now_us", FLOW_NUMBER, false, NULL, live_idle_now },
	{ "state", FLOW_WORD, false, NULL, live_state },
	{ "errno", FLOW_WORD, false, NULL, live_errno },
	{ "role", FLOW_WORD, false, NULL, live_role },
	{ "netns", FLOW_NUMBER, true, NULL, live_netns },
	{ "cookie", FLOW_NUMBER, true, NULL, live_cookie },
	{ "pid", FLOW_NUMBER, true, NULL, live_pid },
	{ "comm", FLOW_TEXT, false, NULL, live_comm },
	{ "uid", FLOW_NUMBER, true, NULL, live_uid },
	{ "unit", FLOW_TEXT, false, NULL, live_unit },
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

/* The same of a socket: what it sent, and what it knows of what the other one did. */

#define LIVE_SIDE(name, local_known, local_value, remote_known, remote_value) \
	LIVE(name)                                                            \
	{                                                                     \
		const struct event_flow *c = &source->flow->counts;           \
                                                                              \
		if (!is_counted(source->flow))                                \
			return;                                               \
		if (side == FLOW_LOCAL)                                       \
			set_if(value, local_known, local_value);              \
		else                                                          \
			set_if(value, remote_known, remote_value);            \
	}

#define LIVE_LOCAL(name, expression) LIVE_SIDE(name, true, expression, false, 0)
#define LIVE_BOTH(name, local, remote) LIVE_SIDE(name, true, local, true, remote)

LIVE(address)
{
	const struct event_tuple *tuple = &source->flow->tuple;

	value->known = true;
	value->address = side == FLOW_LOCAL ? tuple->local : tuple->remote;
}

LIVE(port)
{
	const struct event_tuple *tuple = &source->flow->tuple;

	set(value, side == FLOW_LOCAL ? tuple->local_port : tuple->remote_port);
}

LIVE(side_timeouts)
{
	if (side == FLOW_LOCAL && (source->flow->known & EVENT_K_TIMEOUTS))
		set(value, source->flow->counts.timeouts);
}

LIVE_BOTH(side_packets, c->packets_out, c->packets_in)
LIVE_BOTH(side_segments, c->segments_out, c->segments_in)
LIVE_BOTH(side_bytes, c->bytes_sent, c->bytes_received)
LIVE_LOCAL(side_bytes_again, c->bytes_again)
LIVE_LOCAL(side_again, c->retransmits)
LIVE_SIDE(side_dsacks, false, 0, true, c->dsacks)
LIVE_SIDE(side_mss, c->mss_local, c->mss_local, c->mss_remote, c->mss_remote)
/* options that were not agreed on: who did not offer them is not known */
LIVE_SIDE(side_wscale, c->how &FLOW_F_WSCALE, c->wscale_local, c->how &FLOW_F_WSCALE,
	  c->wscale_remote)
LIVE_SIDE(side_sack, c->how &FLOW_F_SACK, true, c->how &FLOW_F_SACK, true)
LIVE_SIDE(side_timestamps, c->how &FLOW_F_TIMESTAMPS, true, c->how &FLOW_F_TIMESTAMPS, true)
LIVE_SIDE(side_rtt_least, c->rtt_least_us, c->rtt_least_us, false, 0)
LIVE_BOTH(side_delivered, c->bytes_delivered, c->bytes_received)
LIVE_LOCAL(side_unacknowledged, c->unacked_bytes)
LIVE_LOCAL(side_unread, c->unread_bytes)
LIVE_LOCAL(side_out_of_order, c->out_of_order)
LIVE_LOCAL(side_reorderings, c->reorderings)
LIVE_SIDE(side_window, true, c->rcv_wnd, c->mss_remote, c->snd_wnd)
LIVE_LOCAL(side_cwnd, c->cwnd)
LIVE_LOCAL(side_mss_current, c->mss)
LIVE_SIDE(side_rtt_smoothed, c->srtt_us, c->srtt_us, false, 0)
LIVE_SIDE(side_rtt_variation, c->srtt_us, c->rttvar_us, false, 0)

/* clang-format off */
const struct flow_column flow_side_columns[] = {
	{ "address", FLOW_ADDRESS, false, get_address, live_address },
	{ "port", FLOW_NUMBER, false, get_port, live_port },
	{ "packets", FLOW_NUMBER, false, get_side_packets, live_side_packets },
	{ "segments", FLOW_NUMBER, false, get_side_segments, live_side_segments },
	{ "bytes", FLOW_NUMBER, false, get_side_bytes, live_side_bytes },
	{ "bytes_retransmitted", FLOW_NUMBER, false, get_side_bytes_again, live_side_bytes_again },
	{ "retransmissions", FLOW_NUMBER, false, get_side_again, live_side_again },
	{ "timeouts", FLOW_NUMBER, false, get_side_timeouts, live_side_timeouts },
	{ "fast_retransmissions", FLOW_NUMBER, false, get_side_fast, NULL },
	{ "spurious_retransmissions", FLOW_NUMBER, false, get_side_spurious, NULL },
	{ "dsacks", FLOW_NUMBER, false, get_side_dsacks, live_side_dsacks },
	{ "out_of_order", FLOW_NUMBER, false, get_side_out_of_order, NULL },
	{ "lost_segments", FLOW_NUMBER, false, get_side_lost, NULL },
	{ "ack_lost_segments", FLOW_NUMBER, false, get_side_ack_lost, NULL },
	{ "duplicate_acks", FLOW_NUMBER, false, get_side_duplicates, NULL },
	{ "zero_windows", FLOW_NUMBER, false, get_side_zero, NULL },
	{ "zero_window_us", FLOW_NUMBER, false, get_zero_window, NULL },
	{ "windows_full", FLOW_NUMBER, false, get_side_full, NULL },
	{ "window_updates", FLOW_NUMBER, false, get_side_updates, NULL },
	{ "window_most", FLOW_NUMBER, false, get_side_window_most, NULL },
	{ "keep_alives", FLOW_NUMBER, false, get_side_keep_alives, NULL },
	{ "keep_alive_acks", FLOW_NUMBER, false, get_side_keep_alive_acks, NULL },
	{ "zero_window_probes", FLOW_NUMBER, false, get_side_probes, NULL },
	{ "zero_window_probe_acks", FLOW_NUMBER, false, get_side_probe_acks, NULL },
	{ "copies", FLOW_NUMBER, false, get_side_copies, NULL },
	{ "syns", FLOW_NUMBER, false, get_side_syns, NULL },
	{ "resets", FLOW_NUMBER, false, get_side_resets, NULL },
	{ "fin_at_us", FLOW_NUMBER, false, get_fin_at, NULL },
	{ "mss", FLOW_NUMBER, false, get_side_mss, live_side_mss },
	{ "window_scale", FLOW_NUMBER, false, get_side_wscale, live_side_wscale },
	{ "sack", FLOW_TRUTH, false, get_side_sack, live_side_sack },
	{ "timestamps", FLOW_TRUTH, false, get_side_timestamps, live_side_timestamps },
	{ "longest_segment", FLOW_NUMBER, false, get_side_longest, NULL },
	{ "rtt_samples", FLOW_NUMBER, false, get_side_rtt_samples, NULL },
	{ "rtt_least_us", FLOW_NUMBER, false, get_side_rtt_least, live_side_rtt_least },
	{ "rtt_mean_us", FLOW_NUMBER, false, get_side_rtt_mean, NULL },
	{ "rtt_most_us", FLOW_NUMBER, false, get_side_rtt_most, NULL },
	{ "rtt_deviation_us", FLOW_NUMBER, false, get_side_rtt_deviation, NULL },
	{ "bytes_delivered", FLOW_NUMBER, false, NULL, live_side_delivered },
	{ "bytes_unacknowledged", FLOW_NUMBER, false, NULL, live_side_unacknowledged },
	{ "bytes_unread", FLOW_NUMBER, false, NULL, live_side_unread },
	{ "received_out_of_order", FLOW_NUMBER, false, NULL, live_side_out_of_order },
	{ "reorderings", FLOW_NUMBER, false, NULL, live_side_reorderings },
	{ "window", FLOW_NUMBER, false, NULL, live_side_window },
	{ "congestion_window", FLOW_NUMBER, false, NULL, live_side_cwnd },
	{ "mss_current", FLOW_NUMBER, false, NULL, live_side_mss_current },
	{ "rtt_smoothed_us", FLOW_NUMBER, false, NULL, live_side_rtt_smoothed },
	{ "rtt_variation_us", FLOW_NUMBER, false, NULL, live_side_rtt_variation },
	{ .name = NULL },
};
/* clang-format on */

struct flow_value flow_get(const struct flow_column *column, const struct flow_source *source,
			   __u8 side)
{
	struct flow_value value = { 0 };

	if (source->stream && column->get)
		column->get(source->stream, side, &value);
	else if (source->flow && column->live)
		column->live(source, side, &value);
	return value;
}

__u8 flow_client_side(const struct flow_source *source)
{
	return source->stream ? source->stream->client : (__u8)flow_client(source->flow);
}
