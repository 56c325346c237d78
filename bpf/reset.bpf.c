// SPDX-License-Identifier: GPL-2.0-only
/* reset.bpf.c - resets that this host sends, and why */
#include "skb.h"

#define RESET_RECORD_SIZE(size) (__builtin_offsetof(struct reset_record, body.raw.bytes) + (size))

/* The socket's part. @sk: trusted; it may be a TIME_WAIT. */
static __always_inline void reset_fill_socket(struct reset_record *record, const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	__u16 port = sk->__sk_common.skc_num;

	record->body.state = sk->__sk_common.skc_state;
	record->head.cookie = compat_socket_cookie(sk);
	record->head.netns = skb_socket_netns(sk);
	record->head.known |= EVENT_K_TUPLE | EVENT_K_STATE;
	if (tp) {
		/* a closed socket has given its port back, but remembers it here */
		port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
		if (bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
			record->body.how |= SOCKET_F_MPTCP;
		record->head.flags |= sk->sk_lock.owned ? EVENT_F_TASK : EVENT_F_SOFTIRQ;
		if (sk->sk_lock.owned && fill_task_flags() & PF_EXITING)
			record->body.how |= SOCKET_F_EXITING;
	}
	fill_tuple(&record->body.tuple, &sk->__sk_common, port, IPPROTO_TCP);
}

static __always_inline void reset_fill(struct reset_record *record, const __u64 *ctx,
				       const struct sock *sk)
{
	__builtin_memset(&record->body, 0,
			 __builtin_offsetof(struct ev_reset, raw) +
				 __builtin_offsetof(struct ev_raw, bytes));
	if (compat_tells_reset_reason()) {
		record->body.reason = ctx[2];
		record->head.known |= EVENT_K_REASON;
	}
	if (skb_argument(ctx, 0) && sk)
		reset_fill_socket(record, sk);
}

/* A connection that is torn down from this side: no segment provoked the reset. */
static __always_inline int reset_tell_active(const __u64 *ctx, const struct sock *sk)
{
	struct emit_cpu *cpu = emit_cpu();
	struct reset_record *record;

	if (!cpu)
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_RESET_SENT, RESET_RECORD_SIZE(0), VANTAGE_SOCKET);
	if (!record)
		return 0;
	reset_fill(record, ctx, sk);
	emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_sent, const struct sock *sk, const struct sk_buff *skb)
{
	struct reset_record *record;
	struct skb_view view = {};
	struct emit_cpu *cpu;

	if (!skb)
		return reset_tell_active(ctx, sk);
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	skb_look(&view, skb);
	record = (void *)emit_reserve(cpu, EVENT_RESET_SENT, RESET_RECORD_SIZE(SKB_CAPTURE),
				      VANTAGE_SOCKET);
	if (!record)
		return 0;
	reset_fill(record, ctx, sk);
	record->head.flags |= skb_fill_raw(&record->body.raw, skb, &view);
	if (record->body.raw.captured_bytes)
		record->head.known |= EVENT_K_PACKET;
	if (!record->head.netns)
		skb_fill_place(cpu, &record->head, skb);
	emit_submit(cpu, &record->head);
	return 0;
}
