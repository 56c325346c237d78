// SPDX-License-Identifier: GPL-2.0-only
/* drop.bpf.c - packets that the kernel drops, of those that matter */
#include "skb.h"

#define DROP_RECORD_SIZE (__builtin_offsetof(struct drop_record, body.raw.bytes) + SKB_CAPTURE)

/* Which reasons are wanted; user space writes it at any time. */
__u8 drop_wanted[DROP_REASONS];

struct drop {
	const struct sk_buff *skb;
	const struct sock *sk; /* that the packet leads to; read */
	const struct sock *receiver; /* read; NULL: none, or the kernel does not tell (before 6.11) */
	__u64 receiver_cookie;
	__u32 reason;
};

static __always_inline bool drop_is_reason_wanted(__u32 reason)
{
	__u32 subsystem = reason >> 16, index = reason & 0xffff;

	if (subsystem >= DROP_SUBSYSTEMS || index >= DROP_REASONS_PER_SUBSYSTEM)
		return false;
	index += subsystem * DROP_REASONS_PER_SUBSYSTEM;
	return drop_wanted[index & (DROP_REASONS - 1)];
}

static __always_inline bool drop_is_listener(const struct sock *sk)
{
	return sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
}

/*
 * A route of the namespace it passes through says no. A blackhole gives no reason (6.18: ip_error,
 * IPv6: dst_discard_out), and nobody's socket hangs on a packet that is forwarded.
 */
static __always_inline bool drop_is_route_refused(const struct sk_buff *skb)
{
	const struct dst_entry *route = (const struct dst_entry *)(skb->_skb_refdst & ~1ul);

	return skb->skb_iif && route && BPF_CORE_READ(route, error);
}

/* Reason "not specified" is mostly the end of a connection's leftovers. */
static __always_inline bool drop_is_unspecified_wanted(const struct drop *drop)
{
	/* locals: a member of our own struct must not become part of a relocation */
	const struct sock *receiver = drop->receiver, *sk;

	if (drop_is_listener(receiver))
		return BPF_CORE_READ(receiver, sk_ack_backlog) >
		       BPF_CORE_READ(receiver, sk_max_ack_backlog);
	sk = skb_socket(drop->skb);
	/* e.g. the next hop of an IPv6 SYN does not answer */
	if (sk)
		return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT;
	return drop_is_route_refused(drop->skb);
}

/* Is the reason one of those that the sockets decide about? */
static __always_inline bool drop_is_special(__u32 reason)
{
	return !compat_tells_drop_reason() || reason == compat_drop_not_specified() ||
	       reason == compat_drop_no_socket();
}

static __always_inline bool drop_is_special_wanted(const struct drop *drop)
{
	if (!compat_tells_drop_reason() || drop->reason == compat_drop_not_specified())
		return drop_is_unspecified_wanted(drop);
	/* where resets without a socket are told of, they say the same; but a SYN cookie's ACK that
	 * meets a full accept queue has this reason too */
	return !compat_tells_reset_reason() || drop_is_listener(drop->receiver);
}

/* The receiving socket: from the tracepoint, or by early demultiplexing. */
static __always_inline void drop_fill_receiver(struct drop_record *record, const struct sock *sk,
					       __u64 cookie)
{
	struct ev_drop *body = &record->body;

	body->rx_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	body->rx_cookie = cookie;
	record->head.known |= EVENT_K_RX_SOCKET;
	record->head.netns = skb_socket_netns(sk);
	if (body->rx_state == TCP_LISTEN) {
		body->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
		body->backlog_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
		record->head.known |= EVENT_K_BACKLOG;
	}
}

static __always_inline void drop_fill_tuple(struct drop_record *record, const struct sock *sk,
					    __u16 protocol)
{
	record->body.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	record->head.known |= EVENT_K_TUPLE | EVENT_K_STATE;
	fill_tuple_read(&record->body.tuple, &sk->__sk_common, protocol);
}

/*
 * A datagram that its own host does not let go, while its sender waits for what send() says. What
 * comes in is dropped for many reasons, and most of those are no fault.
 */
static __always_inline bool drop_is_own_datagram(const struct drop *drop,
						 const struct skb_view *view)
{
	const struct sock *sk = drop->sk;

	return view->protocol == IPPROTO_UDP && !drop->skb->skb_iif && sk &&
	       compat_drop_is_of_sender(drop->reason) &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP;
}

static __always_inline void drop_fill_sockets(struct emit_cpu *cpu, struct drop_record *record,
					      const struct drop *drop, const struct skb_view *view)
{
	const struct sock *sk = drop->sk;

	if (sk && skb_is_tcp_socket(sk)) {
		drop_fill_tuple(record, sk, IPPROTO_TCP);
		if (skb_is_sender(sk, drop->skb, view)) {
			record->head.cookie = compat_read_socket_cookie(sk);
			/* on its way in the packet is elsewhere already */
			if (!skb_fill_place(cpu, &record->head, drop->skb))
				record->head.netns = skb_socket_netns(sk);
		} else {
			drop_fill_receiver(record, sk, compat_read_socket_cookie(sk));
		}
	}
	if (drop->receiver && skb_is_tcp_socket(drop->receiver)) {
		drop_fill_receiver(record, drop->receiver, drop->receiver_cookie);
		if (!(record->head.known & EVENT_K_TUPLE))
			drop_fill_tuple(record, drop->receiver, IPPROTO_TCP);
	}
	if (sk && view->protocol == IPPROTO_UDP) {
		drop_fill_tuple(record, sk, IPPROTO_UDP);
		record->head.cookie = compat_read_socket_cookie(sk);
		record->head.netns = skb_socket_netns(sk);
	}
	if (!record->head.netns)
		skb_fill_place(cpu, &record->head, drop->skb);
	if (!record->head.ifindex)
		record->head.ifindex = drop->skb->skb_iif;
}

static __always_inline void drop_emit(const struct drop *drop, struct skb_view *view,
				      __u64 location)
{
	struct emit_cpu *cpu = emit_cpu();
	struct drop_record *record;

	if (!cpu)
		return;
	record = (void *)emit_reserve(cpu, EVENT_DROP, DROP_RECORD_SIZE, VANTAGE_SOCKET);
	if (!record)
		return;
	skb_forget_ways(view, record->body.raw.bytes);
	__builtin_memset(&record->body, 0, __builtin_offsetof(struct ev_drop, raw));
	record->head.flags = drop->skb->skb_iif ? 0 : EVENT_F_OUT;
	record->body.location = location;
	if (compat_tells_drop_reason()) {
		record->body.reason = drop->reason;
		record->head.known |= EVENT_K_REASON;
	}
	drop_fill_sockets(cpu, record, drop, view);
	record->head.flags |= skb_fill_raw(&record->body.raw, drop->skb, view);
	if (record->body.raw.captured_bytes)
		record->head.known |= EVENT_K_PACKET;
	emit_submit(cpu, &record->head);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff *skb, void *location)
{
	struct drop drop = { .skb = skb };
	struct skb_view view = {};
	bool special;

	if (compat_tells_drop_reason())
		drop.reason = ctx[2];
	/* most are neither: nothing more is looked at */
	special = drop_is_special(drop.reason);
	if (!special && !drop_is_reason_wanted(drop.reason))
		return 0;
	if (compat_tells_drop_receiver())
		drop.receiver = (const struct sock *)skb_argument(ctx, 3);
	if (special && !drop_is_special_wanted(&drop))
		return 0;
	drop.sk = skb_socket(skb);
	if (compat_tells_drop_receiver() && drop.receiver && ctx[3])
		drop.receiver_cookie = compat_socket_cookie((const void *)ctx[3]);
	skb_look(&view, skb);
	/* without an IP header (no route): by its socket alone */
	if (view.version ? !skb_is_tcp_or_icmp(&view) && !drop_is_own_datagram(&drop, &view) :
			   !drop.sk || !skb_is_tcp_socket(drop.sk))
		return 0;
	drop_emit(&drop, &view, (__u64)location);
	return 0;
}
