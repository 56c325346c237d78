/* SPDX-License-Identifier: GPL-2.0-only */
/* flow.h - what a TCP socket has counted */
#pragma once

#include "fill.h"

/*
 * Payload that the peer acknowledged: what was sent once less what is on its way. Sequence numbers
 * count the SYN and the FIN, too. The FIN is the last of them: it is on its way once all was sent.
 */
static __always_inline __u64 flow_delivered(const struct tcp_sock *tp, bool has_syn, bool has_fin)
{
	__u64 sent = tp->bytes_sent - tp->bytes_retrans;
	__u32 flight = tp->snd_nxt - tp->snd_una;

	if (flight && (has_syn || (has_fin && tp->snd_nxt == tp->write_seq)))
		flight--;
	return sent > flight ? sent - flight : 0;
}

/*
 * Who opened it: bytes_acked counts the SYN of an active opening, and a passive one's was
 * acknowledged before the socket was there. A FIN would count, too: told before there is one.
 */
static __always_inline __u8 flow_role(const struct tcp_sock *tp, __u8 state, __u64 delivered)
{
	__u64 acknowledged = tp->bytes_acked;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return 0;
	if (acknowledged == delivered)
		return FLOW_F_ROLE;
	return acknowledged == delivered + 1 ? FLOW_F_ROLE | FLOW_F_CLIENT : 0;
}

#define TIMESTAMP_BYTES \
	12 /* of each segment, with its padding: advmss is less them once agreed on */

static __always_inline void flow_fill_options(struct event_flow *flow, const struct tcp_sock *tp,
					      __u8 state)
{
	flow->mss = tp->mss_cache;
	flow->mss_local = tp->advmss;
	flow->mss_remote = state == TCP_SYN_SENT ? 0 : tp->rx_opt.mss_clamp;
	flow->wscale_local = 0;
	flow->wscale_remote = 0;
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.wscale_ok)) {
		flow->how |= FLOW_F_WSCALE;
		flow->wscale_local = BPF_CORE_READ_BITFIELD(tp, rx_opt.rcv_wscale);
		flow->wscale_remote = BPF_CORE_READ_BITFIELD(tp, rx_opt.snd_wscale);
	}
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.sack_ok))
		flow->how |= FLOW_F_SACK;
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.tstamp_ok)) {
		flow->how |= FLOW_F_TIMESTAMPS;
		flow->mss_local += TIMESTAMP_BYTES;
	}
}

/*
 * Packets on their way. The kernel empties the write queue, and with it packets_out, before a reset
 * or a time-out closes the socket; sequence numbers still tell what was on its way.
 */
static __always_inline __u32 flow_flight_packets(const struct tcp_sock *tp, bool has_syn)
{
	__u32 flight = tp->snd_nxt - tp->snd_una, mss = tp->mss_cache;

	if (tp->packets_out || !flight)
		return tp->packets_out;
	return has_syn || !mss ? 1 : (flight + mss - 1) / mss;
}

/* @stamp: in jiffies, of something that happened last: that was so long ago. */
static __always_inline bool flow_is_past(__u32 stamp, __u32 most_ms)
{
	__u32 ticks = (__u32)bpf_jiffies64() - stamp;

	return knobs.tick_ns && (__u64)ticks * knobs.tick_ns >= most_ms * NS_PER_MS;
}

/* @stamp: in jiffies, of a segment with payload or an acknowledgment; it wraps after 49 days and more. */
static __always_inline __u64 flow_time(__u32 stamp, __u32 now_jiffies, __u64 now_ns)
{
	/* within a tick it may have been any time: the middle, which is never after the record's own */
	__u64 age_ns = (__u64)(now_jiffies - stamp) * knobs.tick_ns + knobs.tick_ns / 2;

	return age_ns < now_ns ? now_ns - age_ns : 0;
}

/* Returns what is known. */
static __always_inline __u32 flow_fill_times(struct event_flow *flow, const struct tcp_sock *tp)
{
	__u32 now_jiffies = bpf_jiffies64();
	__u64 now_ns = bpf_ktime_get_ns();

	flow->sent_ns = 0;
	flow->received_ns = 0;
	flow->heard_ns = 0;
	if (!knobs.tick_ns)
		return 0;
	if (tp->data_segs_out)
		flow->sent_ns = flow_time(tp->lsndtime, now_jiffies, now_ns);
	if (tp->data_segs_in)
		flow->received_ns = flow_time(tp->inet_conn.icsk_ack.lrcvtime, now_jiffies, now_ns);
	if (tp->rcv_tstamp)
		flow->heard_ns = flow_time(tp->rcv_tstamp, now_jiffies, now_ns);
	return EVENT_K_TIMES;
}

/* Behind the first part. Returns what is known. */
static __always_inline __u32 flow_fill_rest(struct event_flow *flow, const struct tcp_sock *tp,
					    __u8 state, bool peer_fin)
{
	__u32 least_us = tp->rtt_min.s[0].v;
	__u32 known = EVENT_K_FLOW;

	flow->packets_out = tp->segs_out;
	flow->bytes_sent = tp->bytes_sent;
	flow->bytes_again = tp->bytes_retrans;
	flow->active_ns = tp->tcp_mstamp * NS_PER_US;
	flow->packets_in = tp->segs_in;
	flow->segments_out = tp->data_segs_out;
	flow->segments_in = tp->data_segs_in;
	flow->timeouts = compat_counts_timeouts(tp) ? tp->total_rto : 0;
	flow->dsacks = tp->dsack_dups;
	flow->out_of_order = tp->rcv_ooopack;
	flow->reorderings = tp->reord_seen;
	flow->rttvar_us = tp->mdev_us >> 2;
	flow->rtt_least_us = least_us == ~0u ? 0 : least_us;
	flow->rcv_wnd = tp->rcv_wnd;
	flow->cwnd = tp->snd_cwnd;
	flow->how = flow_role(tp, state, flow->bytes_delivered);
	if (peer_fin)
		flow->how |= FLOW_F_PEER_FIN;
	if (tp->sacked_out)
		flow->how |= FLOW_F_SACKED;
	if (peer_fin && tp->rcv_nxt != tp->copied_seq)
		flow->how |= FLOW_F_END_UNREAD;
	flow_fill_options(flow, tp, state);
	flow->answer_how = 0;
	flow->answer_status = 0;
	flow->answer_bytes = 0;
	flow->answer_came = 0;
	if (compat_counts_timeouts(tp))
		known |= EVENT_K_TIMEOUTS;
	return known | flow_fill_times(flow, tp);
}

/* The peer's FIN has come, with all that stands before it. */
static __always_inline bool flow_peer_fin(const struct sock *sk)
{
	return sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
}

/*
 * @tp: trusted. @state: which it has, or had until it was closed in this very step. @whole: there is
 * room behind the first part. Returns what is known.
 */
static __always_inline __u32 flow_fill(struct event_flow *flow, const struct tcp_sock *tp,
				       __u8 state, bool whole)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	bool has_syn = state == TCP_SYN_SENT || state == TCP_SYN_RECV;
	bool has_fin = state == TCP_FIN_WAIT1 || state == TCP_CLOSING || state == TCP_LAST_ACK;
	bool peer_fin = flow_peer_fin(sk);
	__u32 queued = tp->write_seq - tp->snd_una;
	__u32 unread = tp->rcv_nxt - tp->copied_seq;
	__u64 received = tp->bytes_received; /* counts the FIN, as sequence numbers do */

	flow->bytes_delivered = flow_delivered(tp, has_syn, has_fin);
	flow->bytes_received = received && peer_fin ? received - 1 : received;
	flow->unacked_bytes = queued && (has_syn || has_fin) ? queued - 1 : queued;
	flow->unread_bytes = unread && peer_fin ? unread - 1 : unread;
	flow->flight_packets = flow_flight_packets(tp, has_syn);
	flow->retransmits = tp->total_retrans;
	flow->srtt_us = tp->srtt_us >> 3;
	flow->snd_wnd = tp->snd_wnd;
	flow->again_in_row = tp->inet_conn.icsk_retransmits;
	flow->probes = tp->inet_conn.icsk_probes_out;
	flow->again_bytes = 0;
	if (!whole)
		return EVENT_K_COUNTERS;
	return EVENT_K_COUNTERS | flow_fill_rest(flow, tp, state, peer_fin);
}
