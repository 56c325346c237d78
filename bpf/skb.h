/* SPDX-License-Identifier: GPL-2.0-only */
/* skb.h - packets that a tracing program is shown as struct sk_buff */
#pragma once

#include "emit.h"
#include "fill.h"

#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif

#define SKB_CAPTURE 96 /* holds an ICMPv6 error with the ports of what it quotes */
#define SKB_NO_HEADER 0xffff
#define SKB_IPV4_BYTES 20
#define SKB_IPV6_BYTES 40
#define SKB_TCP_BYTES 13 /* of a TCP header up to and with its length */
#define SKB_SMALL 1280 /* a packet of this size is not several in one */

/* What the first bytes of a packet say. */
struct skb_view {
	__u64 start; /* address of the IP header */
	__u32 linear_bytes; /* from there to the end of the linear part */
	__u32 wire_bytes;
	__u32 keep_bytes; /* of TCP the headers, no payload */
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 version; /* 4, 6; 0: there is no IP header (yet) */
};

/*
 * An argument of a tracepoint as a number. The verifier believes that arguments are never NULL on
 * kernels that do not say so, and takes the test for NULL out; a copy of the bytes can be tested.
 */
static __always_inline __u64 skb_argument(const __u64 *ctx, __u32 number)
{
	const __u64 *at = ctx;
	__u64 value = 0;

	/* a pointer of its own: ctx itself must not be moved */
	asm volatile("" : "+r"(at));
	bpf_probe_read_kernel(&value, sizeof(value), at + number);
	return value;
}

/* Ports and length of a TCP header. */
static __always_inline void skb_look_at_tcp(struct skb_view *view, const __u8 *tcp, __u32 at)
{
	view->source_port = tcp[0] << 8 | tcp[1];
	view->destination_port = tcp[2] << 8 | tcp[3];
	view->keep_bytes = at + (tcp[12] >> 4) * 4;
}

/* @skb: trusted and not NULL. @view: zeroed. */
static __always_inline void skb_look(struct skb_view *view, const struct sk_buff *skb)
{
	__u64 head = (__u64)skb->head, data = (__u64)skb->data;
	__u32 offset = skb->network_header, tail = skb->tail;
	__u32 at = SKB_IPV6_BYTES;
	__u8 ip[SKB_IPV6_BYTES], tcp[SKB_TCP_BYTES];

	view->keep_bytes = SKB_CAPTURE;
	if (!offset || offset == SKB_NO_HEADER || offset + SKB_IPV4_BYTES > tail)
		return;
	view->start = head + offset;
	view->linear_bytes = tail - offset;
	view->wire_bytes = skb->len + (__u32)(data - view->start);
	/* there is always so much room behind it: the kernel's own struct ends the buffer */
	if (bpf_probe_read_kernel(ip, sizeof(ip), (void *)view->start))
		return;
	if (ip[0] >> 4 == 4) {
		view->version = 4;
		view->protocol = ip[9];
		at = (ip[0] & 0xf) * 4;
	} else if (ip[0] >> 4 == 6) {
		view->version = 6;
		view->protocol = ip[6];
	} else {
		return;
	}
	if (view->protocol != IPPROTO_TCP)
		return;
	if (at == SKB_IPV4_BYTES)
		skb_look_at_tcp(view, ip + SKB_IPV4_BYTES, at);
	else if (!bpf_probe_read_kernel(tcp, sizeof(tcp), (void *)view->start + at))
		skb_look_at_tcp(view, tcp, at);
}

/*
 * What the verifier knows of a view by the way that led to it, it forgets of what it reads from memory of others: else it
 * goes through what follows once for each way. @room: of a record, for a view.
 */
static __always_inline void skb_forget_ways(struct skb_view *view, void *room)
{
	__builtin_memcpy(room, view, sizeof(*view));
	asm volatile("" : : : "memory");
	__builtin_memcpy(view, room, sizeof(*view));
}

static __always_inline bool skb_is_tcp_or_icmp(const struct skb_view *view)
{
	return view->protocol == IPPROTO_TCP || view->protocol == IPPROTO_ICMP ||
	       (view->version == 6 && view->protocol == IPPROTO_ICMPV6);
}

/* Copies the first bytes. Returns the flags that say what was copied; 0: none. */
static __always_inline __u8 skb_fill_raw(struct ev_raw *raw, const struct sk_buff *skb,
					 const struct skb_view *view)
{
	__u64 size = view->linear_bytes;
	struct skb_shared_info *shared;
	__u8 flags = 0;

	__builtin_memset(raw->bytes, 0, SKB_CAPTURE);
	raw->wire_bytes = 0;
	raw->captured_bytes = 0;
	raw->gso_bytes = 0;
	if (!view->version)
		return 0;
	raw->wire_bytes = view->wire_bytes;
	if (size > view->wire_bytes)
		size = view->wire_bytes;
	if (size > view->keep_bytes)
		size = view->keep_bytes;
	if (size > SKB_CAPTURE)
		size = SKB_CAPTURE;
	asm volatile("" : "+r"(size));
	if (size > SKB_CAPTURE || bpf_probe_read_kernel(raw->bytes, size, (void *)view->start))
		return 0;
	raw->captured_bytes = size;
	if (view->wire_bytes > SKB_SMALL) {
		shared = (struct skb_shared_info *)((__u64)skb->head + skb->end);
		raw->gso_bytes = BPF_CORE_READ(shared, gso_size);
	}
	if (size < view->wire_bytes)
		flags |= EVENT_F_TRUNCATED;
	return flags | (view->version == 6 ? EVENT_F_IPV6 : 0);
}

/* TIME_WAIT and NEW_SYN_RECV are smaller structures: only the common part may be read of them. */
static __always_inline bool skb_is_full_socket(__u8 state)
{
	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

/*
 * A socket that a packet leads to (read). Its address is taken as a number on purpose: to follow
 * skb->sk directly costs the verifier of 6.18 a search through all types of the kernel for every
 * load, 0.2 s in all.
 */
static __always_inline const struct sock *skb_socket(const struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, sk);
}

/*
 * May cookie and tuple of the packet's socket be told? Not of the kernel's own raw sockets, through
 * which resets without a socket and ICMP leave. @sk: read, not NULL.
 */
static __always_inline bool skb_is_tcp_socket(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return false;
	return !skb_is_full_socket(BPF_CORE_READ(sk, __sk_common.skc_state)) ||
	       (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
		BPF_CORE_READ(sk, sk_type) == SOCK_STREAM);
}

/* @sk: read, though it may be trusted: see fill.h. */
static __always_inline __u32 skb_socket_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/*
 * skb->sk is the sender's socket until the packet reaches the IP layer of the receiver, and then,
 * by early demultiplexing, the receiver's: the ports tell.
 */
static __always_inline bool skb_is_sender(const struct sock *sk, const struct sk_buff *skb,
					  const struct skb_view *view)
{
	if (!view->version || view->source_port == view->destination_port)
		return !skb->skb_iif;
	return BPF_CORE_READ(sk, __sk_common.skc_num) == view->source_port;
}

#define SKB_LOOPBACK_IFINDEX 1

/* Namespace and interface of a packet by its device, else its route's. False: it has none. */
static __always_inline bool skb_fill_place(struct emit_cpu *cpu, struct event_header *head,
					   const struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	struct dst_entry *route;

	if (!dev) {
		route = (struct dst_entry *)(skb->_skb_refdst & ~1ul);
		dev = route ? BPF_CORE_READ(route, dev) : NULL;
		if (!dev)
			return false;
	}
	head->netns = fill_device_netns(cpu, dev, head->ts_ns);
	head->ifindex = BPF_CORE_READ(dev, ifindex);
	if (head->ifindex == SKB_LOOPBACK_IFINDEX)
		head->flags |= EVENT_F_LOOPBACK;
	return true;
}
