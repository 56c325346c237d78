/* SPDX-License-Identifier: GPL-2.0-only */
/* syscall.h - the socket behind a call, for those that failed and for all of them (call.bpf.c) */
#pragma once

#include "emit.h"
#include "fill.h"

#include <asm-generic/errno.h>

/* ERESTARTSYS and its kin: the kernel's own, never seen by an application */
#define ERESTART_FIRST 512
#define ERESTART_LAST 516

/* What a call was made with. */
struct syscall_call {
	const struct sock *sk; /* read; NULL: socket() */
	const void *address; /* in user memory, NULL none */
	enum event_syscall call;
	int error;
	__u16 family;
	__u16 protocol;
	__u32 type;
	__u32 bytes; /* send: 0 unknown */
	bool kills; /* send: SIGPIPE ends the process */
};

/* Does the current process count? */
static __always_inline bool syscall_is_wanted(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (tgid == knobs.agent_tgid)
		return false;
	return !knobs.follow || bpf_map_lookup_elem(&followed_processes, &tgid);
}

/* A record of the call, and of what does not depend on its socket; NULL: no room. */
static __always_inline struct syscall_record *syscall_reserve(struct emit_cpu *cpu,
							      const struct syscall_call *call)
{
	struct syscall_record *record =
		(void *)emit_reserve(cpu, EVENT_SYSCALL, sizeof(*record), VANTAGE_SYSCALL);
	struct ev_syscall *body;

	if (!record)
		return NULL;
	body = &record->body;
	__builtin_memset(body, 0, sizeof(*body));
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	record->head.known = fill_current(&body->owner);
	body->call = call->call;
	if (call->address && fill_asked(body->asked, &body->asked_port, call->address))
		record->head.known |= EVENT_K_ASKED;
	return record;
}

static __always_inline bool syscall_is_internet(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* What kind of socket it is. NULL: none of the internet. */
static __always_inline const struct sock *syscall_take_socket(struct syscall_call *call,
							      const struct sock *sk)
{
	call->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	call->type = BPF_CORE_READ(sk, sk_type);
	call->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (!syscall_is_internet(call->family))
		return NULL;
	call->sk = sk;
	return sk;
}

/* The socket behind a file descriptor of the current process, NULL: none, or no internet socket. */
static __always_inline const struct sock *syscall_socket(int fd, struct syscall_call *call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files;
	struct socket *socket;
	struct sock *sk;

	if ((__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + (__u32)fd) || !file)
		return NULL;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	return sk ? syscall_take_socket(call, sk) : NULL;
}

/*
 * The socket that speaks for this one: an MPTCP parent's first subflow has the cookie and the state
 * changes.
 */
static __always_inline const struct sock *syscall_speaker(const struct syscall_call *call)
{
	const struct mptcp_sock *parent = (const struct mptcp_sock *)call->sk;
	const struct sock *first;

	if (call->protocol != IPPROTO_MPTCP || !bpf_core_type_exists(struct mptcp_sock))
		return call->sk;
	first = BPF_CORE_READ(parent, first);
	return first ? first : call->sk;
}

static __always_inline __u32 syscall_netns(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}

/* The socket's part of a record. Returns the cookie, 0 when it has none yet. */
static __always_inline __u64 syscall_fill_socket(struct event_header *head,
						 struct event_tuple *tuple,
						 const struct syscall_call *call)
{
	const struct sock *sk = syscall_speaker(call);

	fill_tuple_read(tuple, &sk->__sk_common, IPPROTO_TCP);
	tuple->protocol = call->protocol == IPPROTO_MPTCP ? IPPROTO_TCP : call->protocol;
	head->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	return compat_read_socket_cookie(sk);
}
