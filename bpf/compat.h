/* SPDX-License-Identifier: GPL-2.0-only */
/* compat.h - every difference between kernels, one inline function each, naming the version */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "maps.h"
#include "ns.h"

/* BPF_PROG() gives every program its ctx, used or not */
#pragma clang diagnostic ignored "-Wunused-parameter"

/* Of a task that is in a system call: which one. SYSCALL_FUNCTION: how its function's name begins. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_FUNCTION "__x64_sys_"
#define SYSCALL_NUMBER(regs) ((regs)->orig_ax)
#define SYSCALL_NUMBER_READ(regs) BPF_CORE_READ(regs, orig_ax)
#define SYSCALL_NUMBER_CONNECT 42 /* of 32-bit programs this is pipe(): it opens no connection */
#define SYSCALL_NUMBER_WRITE 1
#define SYSCALL_NUMBER_WRITEV 20
#define SYSCALL_NUMBER_SENDTO 44
#define SYSCALL_NUMBER_SENDMSG 46
#define SYSCALL_NUMBER_SENDMMSG 307
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_FUNCTION "__arm64_sys_"
#define SYSCALL_NUMBER(regs) ((regs)->syscallno)
#define SYSCALL_NUMBER_READ(regs) BPF_CORE_READ(regs, syscallno)
#define SYSCALL_NUMBER_CONNECT 203
#define SYSCALL_NUMBER_WRITE 64
#define SYSCALL_NUMBER_WRITEV 66
#define SYSCALL_NUMBER_SENDTO 206
#define SYSCALL_NUMBER_SENDMSG 211
#define SYSCALL_NUMBER_SENDMMSG 269
#endif

/*
 * Prototypes of tracepoints, to be compared with the running kernel's: an argument beyond the
 * prototype must not be read, and a branch that the comparison rules out is never verified.
 */
typedef void (*btf_trace_tcp_send_reset___reason)(void *, const struct sock *,
						  const struct sk_buff *, const enum sk_rst_reason);
typedef void (*btf_trace_tcp_retransmit_skb___error)(void *, const struct sock *,
						     const struct sk_buff *, int);
typedef void (*btf_trace_kfree_skb___reason)(void *, struct sk_buff *, void *,
					     enum skb_drop_reason);
typedef void (*btf_trace_kfree_skb___receiver)(void *, struct sk_buff *, void *,
					       enum skb_drop_reason, struct sock *);

typedef void (*btf_trace_udp_fail_queue_rcv_skb___packet)(void *, int, struct sock *,
							  struct sk_buff *);

typedef void (*btf_trace_io_uring_complete___entry)(void *, struct io_ring_ctx *, void *,
						    struct io_uring_cqe *);
typedef void (*btf_trace_io_uring_complete___result)(void *, void *, void *, u64, int, unsigned int,
						     u64, u64);

struct sock_cgroup_data___old {
	__u64 val;
} __attribute__((preserve_access_index));

/* Since 6.10: the reason, and resets that belong to no full socket are told of at all. */
static __always_inline bool compat_tells_reset_reason(void)
{
	return bpf_core_type_exists(btf_trace_tcp_send_reset___reason);
}

/* 6.17: the result of the send. */
static __always_inline bool compat_tells_retransmit_error(void)
{
	return bpf_core_type_exists(btf_trace_tcp_retransmit_skb___error);
}

/* 6.11 added the receiving socket, 5.17 the reason. */
static __always_inline bool compat_tells_drop_receiver(void)
{
	return bpf_core_type_exists(btf_trace_kfree_skb___receiver);
}

static __always_inline bool compat_tells_drop_reason(void)
{
	return compat_tells_drop_receiver() || bpf_core_type_exists(btf_trace_kfree_skb___reason);
}

/* The datagram for which there was no room: told by 6.12, not by 6.1. */
static __always_inline bool compat_tells_datagram(void)
{
	return bpf_core_type_exists(btf_trace_udp_fail_queue_rcv_skb___packet);
}

/*
 * The entry with the result of a request (seen with 6.18), or the result itself (6.1, 6.12). 5.19 made that
 * of which request stand beside it.
 */
static __always_inline bool compat_tells_uring_entry(void)
{
	return bpf_core_type_exists(btf_trace_io_uring_complete___entry);
}

static __always_inline bool compat_tells_uring_result(void)
{
	return bpf_core_type_exists(btf_trace_io_uring_complete___result);
}

/* The numbers move with every release. 0 where the kernel has none: no drop has reason 0. */
static __always_inline __u32 compat_drop_no_socket(void)
{
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET))
		return bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET);
	return 0;
}

static __always_inline __u32 compat_drop_queue_full(void)
{
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_SOCKET_RCVBUFF))
		return bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_SOCKET_RCVBUFF);
	return 0;
}

/* What keeps a datagram of a socket of this host from leaving. */
static __always_inline bool compat_drop_is_of_sender(__u32 reason)
{
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP))
		return true;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NEIGH_FAILED) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NEIGH_FAILED))
		return true;
	return bpf_core_enum_value_exists(enum skb_drop_reason,
					  SKB_DROP_REASON_BPF_CGROUP_EGRESS) &&
	       reason ==
		       bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_BPF_CGROUP_EGRESS);
}

static __always_inline __u32 compat_drop_not_specified(void)
{
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED))
		return bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED);
	return 0;
}

/* 5.11: the current task as a pointer that can be followed without bpf_probe_read_kernel(). */
static __always_inline bool compat_has_task_btf(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* 5.15: its registers, as such a pointer. */
static __always_inline bool compat_has_task_registers(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

/*
 * The registers with which a task entered the kernel. 5.15 has a helper; before, they stand at the
 * top of the kernel stack (16 KiB on x86-64 and, with pages of 4 KiB, on arm64).
 */
static __always_inline struct pt_regs *compat_task_registers(void)
{
	struct task_struct *task;
	void *stack;

	if (compat_has_task_registers())
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	task = (struct task_struct *)bpf_get_current_task();
	stack = BPF_CORE_READ(task, stack);
	return (struct pt_regs *)(stack + 16384 - bpf_core_type_size(struct pt_regs));
}

/* A system call of a 32-bit program: its numbers are others. */
static __always_inline bool compat_is_narrow_call(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & 2; /* TS_COMPAT */
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task, thread_info.flags) & 1 << 22; /* TIF_32BIT */
#endif
}

/* 6.7 counts how often the retransmission timer ran out. */
static __always_inline bool compat_counts_timeouts(const struct tcp_sock *tp)
{
	return bpf_core_field_exists(tp->total_rto);
}

/* A number for an address of the kernel's that does not tell it. */
static __always_inline __u64 compat_hide(__u64 address)
{
	__u64 mixed = (address ^ knobs.secret) * 0x9e3779b97f4a7c15ull;

	return mixed ^ mixed >> 32;
}

/* 5.12: cookies of sockets in tracing programs. Before, the address mixed with a secret. */
static __always_inline __u64 compat_socket_cookie(const void *sk)
{
	__u64 address;

	if (knobs.has_cookies)
		return bpf_get_socket_cookie((void *)sk);
	/* the verifier forbids arithmetic with the pointer itself, not with a copy of its bytes */
	bpf_probe_read_kernel(&address, sizeof(address), &sk);
	return compat_hide(address);
}

/* The same of a socket that is read: then a cookie cannot be made. 0: it has none yet. */
static __always_inline __u64 compat_read_socket_cookie(const struct sock *sk)
{
	if (knobs.has_cookies)
		return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	return compat_socket_cookie(sk);
}

/*
 * The cgroup of a socket that is read, NULL unknown. Until 5.14 one word held either a pointer or (lowest
 * bit set) something else.
 */
static __always_inline struct cgroup *compat_old_socket_group(const struct sock *sk)
{
	struct sock_cgroup_data___old *old =
		(void *)sk + bpf_core_field_offset(struct sock, sk_cgrp_data);
	__u64 group = BPF_CORE_READ(old, val);

	return group & 1 ? NULL : (struct cgroup *)group;
}

static __always_inline struct cgroup *compat_read_socket_group(const struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	return compat_old_socket_group(sk);
}

/* Its number, 0 unknown. @sk: read. */
static __always_inline __u64 compat_read_socket_cgroup(const struct sock *sk)
{
	struct cgroup *group = compat_read_socket_group(sk);

	return BPF_CORE_READ(group, kn, id);
}

/* @sk: trusted. */
static __always_inline __u64 compat_socket_cgroup(const struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return sk->sk_cgrp_data.cgroup->kn->id;
	return compat_read_socket_cgroup(sk);
}
