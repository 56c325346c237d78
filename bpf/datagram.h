/* SPDX-License-Identifier: GPL-2.0-only */
/* datagram.h - what a UDP socket shows of its past, and who waits at it */
#pragma once

#include "fill.h"

#define WQ_FLAG_EXCLUSIVE 0x01
#define DATAGRAM_WAITERS 4 /* looked at, of one socket */
#define DATAGRAM_AWAITED_WITH 2 /* sockets: who waits for more of them listens, and asked nothing */

/*
 * Has anything ever come to this socket? The kernel counts no datagrams. But memory that was charged for
 * one is given back in whole pages, and what is left of the last page stays with the socket: more
 * than 0 from the first datagram on (__udp_enqueue_schedule_skb(), udp_rmem_release()). Read.
 */
static __always_inline bool datagram_is_heard(const struct sock *sk)
{
	const struct udp_sock *up = (const struct udp_sock *)sk;

	return BPF_CORE_READ(sk, sk_forward_alloc) || BPF_CORE_READ(up, forward_deficit) ||
	       BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter) ||
	       BPF_CORE_READ(sk, sk_drops.counter);
}

/*
 * Who takes what comes before the socket has it (tunnels, IPsec) leaves no such trace, and who may send to
 * a broadcast address need not be answered by anybody. Read.
 */
static __always_inline bool datagram_is_plain(const struct sock *sk)
{
	__u64 broadcast = 1ull << bpf_core_enum_value(enum sock_flags, SOCK_BROADCAST);

	return !BPF_CORE_READ((const struct udp_sock *)sk, encap_rcv) &&
	       !(BPF_CORE_READ(sk, __sk_common.skc_flags) & broadcast);
}

/*
 * Does @entry wait for @tgid in recv(), or in poll() or select() for hardly anything else? An event
 * loop's epoll has no task of its own here, and says nothing: it is there for what may come.
 */
static __always_inline bool datagram_waits(const struct wait_queue_entry *entry, __u32 tgid)
{
	/* the member in front of func, by a name that C++ keeps for itself */
	const __u64 at = bpf_core_field_offset(entry->func) - sizeof(void *);
	const struct poll_wqueues *poll;
	const struct task_struct *task;
	void *by = NULL;

	bpf_probe_read_kernel(&by, sizeof(by), (const void *)entry + at);
	poll = by;
	task = by;
	if (!by)
		return false;
	if (BPF_CORE_READ(entry, flags) & WQ_FLAG_EXCLUSIVE)
		return (__u32)BPF_CORE_READ(task, tgid) == tgid;
	return (__u32)BPF_CORE_READ(poll, polling_task, tgid) == tgid &&
	       BPF_CORE_READ(poll, inline_index) <= DATAGRAM_AWAITED_WITH;
}

/* Does a call of this process wait for what the socket hears? Read. */
static __always_inline bool datagram_is_awaited_by(const struct sock *sk, __u32 tgid)
{
	const struct socket_wq *queue = BPF_CORE_READ(sk, sk_wq);
	const struct list_head *head = &queue->wait.head;
	const struct list_head *at;
	int i;

	if (!queue)
		return false;
	at = BPF_CORE_READ(head, next);
#pragma unroll
	for (i = 0; i < DATAGRAM_WAITERS; i++) {
		if (!at || at == head)
			return false;
		if (datagram_waits((const void *)at - offsetof(struct wait_queue_entry, entry),
				   tgid))
			return true;
		at = BPF_CORE_READ(at, next);
	}
	return false;
}
