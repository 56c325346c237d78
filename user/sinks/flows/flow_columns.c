// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_columns.c - the figures of a connection by name */

#include "sinks/flows/flow_columns.h"
#include "util/time.h"

#define GETTER(name)                                                        \
	static void get_##name(const struct flow_source *source, __u8 side, \
			       struct flow_value *value)

#define NUMBER(name, condition, expression)                \
	GETTER(name)                                       \
	{                                                  \
		const struct figures *f = source->figures; \
                                                           \
		(void)side;                                \
		set_if(value, condition, expression);      \
	}

#define FIGURE(name, group, expression) NUMBER(name, (f->known & FIGURES_##group), expression)

#define WORD(name, expression)                             \
	GETTER(name)                                       \
	{                                                  \
		const struct figures *f = source->figures; \
                                                           \
		(void)side;                                \
		set_word(value, expression);               \
	}

static void set_if(struct flow_value *value, bool known, __u64 number)
{
	value->number = number;
	value->known = known;
}

static void set_word(struct flow_value *value, const char *word)
{
	value->word = word;
	value->known = word;
}

static __u64 us_between(__u64 from_ns, __u64 to_ns)
{
	return ns_between(from_ns, to_ns) / NS_PER_US;
}

const char *flow_side_name(const struct figures *figures, int side)
{
	if (side == FIGURES_NEITHER)
		return NULL;
	return side == figures->client ? "client" : "server";
}

const char *flow_state_name(const struct figures *figures)
{
	return figures->known & FIGURES_STATE ? decode_state_name(figures->state) : NULL;
}

const char *flow_role(const struct figures *figures)
{
	return figures->known & FIGURES_ROLE ? flow_side_name(figures, FIGURES_LOCAL) : NULL;
}

/* ---- of the connection ---- */

/* Whether the begin was seen: who is the client is a guess by port without. */
static const char *handshake_name(const struct figures *figures)
{
	static const char *const names[] = {
		[HANDSHAKE_UNSEEN] = "none",
		[HANDSHAKE_PART] = "part",
		[HANDSHAKE_WHOLE] = "whole",
	};

	return names[figures->handshake];
}

/* Either side's, as far as they are known. */
static void set_sum(struct flow_value *value, const struct figures *figures, __u32 known,
		    __u64 first, __u64 second)
{
	const struct figures_side *side = figures->side;

	value->known = (side[0].known | side[1].known) & known;
	value->number = (side[0].known & known ? first : 0) + (side[1].known & known ? second : 0);
}

#define SUM(name, group, member)                                                            \
	GETTER(name)                                                                        \
	{                                                                                   \
		const struct figures_side *s = source->figures->side;                       \
                                                                                            \
		(void)side;                                                                 \
		set_sum(value, source->figures, FIGURES_##group, s[0].member, s[1].member); \
	}

NUMBER(stream, true, f->number)
FIGURE(started, BEGIN, f->started_ns)
FIGURE(duration, BEGIN, us_between(f->started_ns, f->last_ns))
NUMBER(first_frame, f->first_frame, f->first_frame)
NUMBER(last_frame, f->last_frame, f->last_frame)
FIGURE(handshake_us, HANDSHAKE, f->handshake_us)
FIGURE(idle_most, PAUSES, f->idle_most_ns / NS_PER_US)
NUMBER(idle_at, f->idle_most_ns, us_between(f->started_ns, f->idle_at_ns))
FIGURE(idle, PAUSES, f->idle_ns / NS_PER_US)
FIGURE(closed_at_once, AT_ONCE, f->at_once)
FIGURE(rtt, ROUND_TRIP, f->rtt_us)
FIGURE(idle_now, IDLE_NOW, f->idle_now_ns / NS_PER_US)
NUMBER(netns, f->netns, f->netns)
NUMBER(cookie, f->cookie, f->cookie)
WORD(handshake, handshake_name(f))
WORD(ended, conn_end_name(f->end))
WORD(closed_first, flow_side_name(f, f->closed_first))
WORD(reset_by, flow_side_name(f, f->reset_by))
WORD(state, flow_state_name(f))
WORD(errno, f->error ? decode_errno_name(f->error) : NULL)
WORD(role, flow_role(f))
SUM(packets, COUNTS, packets)
SUM(bytes, COUNTS, bytes)
SUM(retransmissions, AGAIN, again)
SUM(lost_segments, SEGMENTS, flagged[STREAM_LOST_SEGMENT])

GETTER(pid)
{
	(void)side;
	set_if(value, source->owner, source->owner ? source->owner->tgid : 0);
}

GETTER(uid)
{
	(void)side;
	set_if(value, source->owner, source->owner ? source->owner->uid : 0);
}

GETTER(comm)
{
	const struct event_owner *owner = source->owner;

	(void)side;
	set_word(value, owner && owner->leader[0] ? owner->leader : NULL);
	value->size = sizeof(owner->leader);
}

GETTER(unit)
{
	const struct ev_process *process = NULL;

	(void)side;
	if (source->owner)
		process = join_process(source->join, source->owner->tgid, source->owner->start_ns);
	set_word(value, process && process->unit[0] ? process->unit : NULL);
	value->size = sizeof(process->unit);
}

GETTER(attempt)
{
	(void)side;
	set_if(value, source->verdict, source->verdict ? source->verdict->attempt : 0);
}

#define VERDICT(name, expression)                               \
	GETTER(name)                                            \
	{                                                       \
		const struct flow_verdict *v = source->verdict; \
                                                                \
		(void)side;                                     \
		set_word(value, v ? (expression) : NULL);       \
	}

VERDICT(finding, rule_id(v->rule))
VERDICT(finding_state, finding_state_name(v->state))
VERDICT(severity, severity_name(v->severity))
VERDICT(confidence, confidence_name(v->confidence))

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
	{ "rtt_us", FLOW_NUMBER, false, get_rtt },
	{ "idle_now_us", FLOW_NUMBER, false, get_idle_now },
	{ "state", FLOW_WORD, false, get_state },
	{ "errno", FLOW_WORD, false, get_errno },
	{ "role", FLOW_WORD, false, get_role },
	{ "netns", FLOW_NUMBER, true, get_netns },
	{ "cookie", FLOW_NUMBER, true, get_cookie },
	{ "pid", FLOW_NUMBER, true, get_pid },
	{ "comm", FLOW_TEXT, false, get_comm },
	{ "uid", FLOW_NUMBER, true, get_uid },
	{ "unit", FLOW_TEXT, false, get_unit },
	{ "finding", FLOW_WORD, false, get_finding },
	{ "finding_state", FLOW_WORD, false, get_finding_state },
	{ "severity", FLOW_WORD, false, get_severity },
	{ "confidence", FLOW_WORD, false, get_confidence },
	{ "attempt", FLOW_ID, false, get_attempt },
	{ .name = NULL },
};
/* clang-format on */

/* ---- of one side: what it sent, and how the other answered it ---- */

#define SIDE_NUMBER(name, condition, expression)                             \
	GETTER(side_##name)                                                  \
	{                                                                    \
		const struct figures_side *s = &source->figures->side[side]; \
                                                                             \
		set_if(value, condition, expression);                        \
	}

#define SIDE_FIGURE(name, group, expression) \
	SIDE_NUMBER(name, (s->known & FIGURES_##group), expression)

GETTER(side_address)
{
	value->known = true;
	value->address = source->figures->side[side].address;
}

/* The first FIN, since the begin of the connection. */
GETTER(side_fin_at)
{
	const struct figures *f = source->figures;

	set_if(value, f->side[side].known & FIGURES_FIN,
	       us_between(f->started_ns, f->side[side].fin_ns));
}

/* A window that is closed at the end was so until the last packet. */
GETTER(side_zero_window)
{
	const struct figures *f = source->figures;
	const struct figures_side *s = &f->side[side];
	__u64 since_ns = s->zero_since_ns ? ns_between(s->zero_since_ns, f->last_ns) : 0;

	set_if(value, s->known & FIGURES_SEGMENTS, (s->zero_ns + since_ns) / NS_PER_US);
}

SIDE_NUMBER(port, true, s->port)
SIDE_FIGURE(packets, COUNTS, s->packets)
SIDE_FIGURE(segments, COUNTS, s->segments)
SIDE_FIGURE(bytes, COUNTS, s->bytes)
SIDE_FIGURE(bytes_again, AGAIN, s->bytes_again)
SIDE_FIGURE(again, AGAIN, s->again)
SIDE_FIGURE(timeouts, TIMEOUTS, s->timeouts)
SIDE_FIGURE(fast, SEGMENTS, s->flagged[STREAM_FAST_RETRANSMISSION])
SIDE_FIGURE(spurious, SEGMENTS, s->flagged[STREAM_SPURIOUS_RETRANSMISSION])
SIDE_FIGURE(dsacks, DSACKS, s->dsacks)
SIDE_FIGURE(out_of_order, SEGMENTS, s->flagged[STREAM_OUT_OF_ORDER])
SIDE_FIGURE(lost, SEGMENTS, s->flagged[STREAM_LOST_SEGMENT])
SIDE_FIGURE(ack_lost, SEGMENTS, s->flagged[STREAM_ACK_LOST_SEGMENT])
SIDE_FIGURE(duplicates, SEGMENTS, s->flagged[STREAM_DUPLICATE_ACK])
SIDE_FIGURE(zero, SEGMENTS, s->flagged[STREAM_ZERO_WINDOW])
SIDE_FIGURE(full, SEGMENTS, s->flagged[STREAM_WINDOW_FULL])
SIDE_FIGURE(updates, SEGMENTS, s->flagged[STREAM_WINDOW_UPDATE])
SIDE_FIGURE(keep_alives, SEGMENTS, s->flagged[STREAM_KEEP_ALIVE])
SIDE_FIGURE(keep_alive_acks, SEGMENTS, s->flagged[STREAM_KEEP_ALIVE_ACK])
SIDE_FIGURE(probes, SEGMENTS, s->flagged[STREAM_ZERO_WINDOW_PROBE])
SIDE_FIGURE(probe_acks, SEGMENTS, s->flagged[STREAM_ZERO_WINDOW_PROBE_ACK])
SIDE_FIGURE(copies, SEGMENTS, s->copies)
SIDE_FIGURE(syns, SEGMENTS, s->syns)
SIDE_FIGURE(resets, SEGMENTS, s->resets)
SIDE_FIGURE(longest, SEGMENTS, s->longest)
SIDE_FIGURE(window_most, SEGMENTS, s->window_most)
SIDE_FIGURE(mss, MSS, s->mss)
SIDE_FIGURE(wscale, WSCALE, s->wscale)
SIDE_FIGURE(sack, SACK, s->sack)
SIDE_FIGURE(timestamps, TIMESTAMPS, s->timestamps)
SIDE_FIGURE(rtt_samples, SEGMENTS, s->rtt.samples)
SIDE_FIGURE(rtt_least, RTT_LEAST, s->rtt.least_us)
SIDE_NUMBER(rtt_mean, s->rtt.samples, stream_rtt_mean_us(&s->rtt))
SIDE_NUMBER(rtt_most, s->rtt.samples, s->rtt.most_us)
SIDE_NUMBER(rtt_deviation, s->rtt.samples > 1, stream_rtt_deviation_us(&s->rtt))
SIDE_FIGURE(delivered, DELIVERED, s->delivered_bytes)
SIDE_FIGURE(unacknowledged, UNACKED, s->unacked_bytes)
SIDE_FIGURE(unread, SOCKET, s->unread_bytes)
SIDE_FIGURE(received_out_of_order, SOCKET, s->received_out_of_order)
SIDE_FIGURE(reorderings, SOCKET, s->reorderings)
SIDE_FIGURE(window, WINDOW, s->window)
SIDE_FIGURE(cwnd, SOCKET, s->cwnd)
SIDE_FIGURE(mss_now, SOCKET, s->mss_now)
SIDE_FIGURE(rtt_smoothed, SRTT, s->srtt_us)
SIDE_FIGURE(rtt_variation, SRTT, s->rttvar_us)

/* clang-format off */
const struct flow_column flow_side_columns[] = {
	{ "address", FLOW_ADDRESS, false, get_side_address },
	{ "port", FLOW_NUMBER, false, get_side_port },
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
	{ "zero_window_us", FLOW_NUMBER, false, get_side_zero_window },
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
	{ "fin_at_us", FLOW_NUMBER, false, get_side_fin_at },
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
	{ "bytes_delivered", FLOW_NUMBER, false, get_side_delivered },
	{ "bytes_unacknowledged", FLOW_NUMBER, false, get_side_unacknowledged },
	{ "bytes_unread", FLOW_NUMBER, false, get_side_unread },
	{ "received_out_of_order", FLOW_NUMBER, false, get_side_received_out_of_order },
	{ "reorderings", FLOW_NUMBER, false, get_side_reorderings },
	{ "window", FLOW_NUMBER, false, get_side_window },
	{ "congestion_window", FLOW_NUMBER, false, get_side_cwnd },
	{ "mss_current", FLOW_NUMBER, false, get_side_mss_now },
	{ "rtt_smoothed_us", FLOW_NUMBER, false, get_side_rtt_smoothed },
	{ "rtt_variation_us", FLOW_NUMBER, false, get_side_rtt_variation },
	{ .name = NULL },
};
/* clang-format on */

struct flow_value flow_get(const struct flow_column *column, const struct flow_source *source,
			   __u8 side)
{
	struct flow_value value = { 0 };

	column->get(source, side, &value);
	return value;
}
