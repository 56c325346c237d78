/* SPDX-License-Identifier: GPL-2.0-only */
/* syscall.h - the socket behind a call, for those that failed and for all of them (call.bpf.c) */
#pragma once

#include "emit.h"
#include "fill.h"
#include "refused.h"

#include <asm-generic/errno.h>

/* ERESTARTSYS and its kin: the kernel's own, never seen by an application */
#define ERESTART_FIRST 512
#define ERESTART_LAST 516

/* What a call was made with. */
struct syscall_call {
	const struct sock *sk; /* read; NULL: socket() */
	const void *address; /* in user memory unless @is_copied, NULL none */
	enum event_syscall call;
	int error;
	__u16 family;
	__u16 protocol;
	__u32 type;
	__u32 bytes; /* send: 0 unknown */
	bool kills; /* send: SIGPIPE ends the process */
	bool is_copied; /* the address is in the kernel's memory */
	bool is_seen_outside; /* where the system call ends, which its function may never have begun */
};

/* Does the current process count? */
static __always_inline bool syscall_is_wanted(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (tgid == knobs.agent_tgid)
		return false;
	return !knobs.follow || bpf_map_lookup_elem(&followed_processes, &tgid);
}

/* What most calls tell: nothing of a path. */
#define SYSCALL_RECORD_SIZE __builtin_offsetof(struct syscall_record, body.mntns)

/* A record of the call, and of what does not depend on its socket; NULL: no room. @size: constant */
static __always_inline struct syscall_record *
syscall_reserve_of(struct emit_cpu *cpu, const struct syscall_call *call, __u64 size)
{
	struct syscall_record *record =
		(void *)emit_reserve(cpu, EVENT_SYSCALL, size, VANTAGE_SYSCALL);
	struct ev_syscall *body;

	if (!record)
		return NULL;
	body = &record->body;
	__builtin_memset(body, 0, size - sizeof(record->head));
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	record->head.known = fill_current(&body->owner);
	body->call = call->call;
	if (call->address &&
	    (call->is_copied ? fill_asked_copy(body->asked, &body->asked_port, call->address) :
			       fill_asked(body->asked, &body->asked_port, call->address)))
		record->head.known |= EVENT_K_ASKED;
	return record;
}

static __always_inline struct syscall_record *syscall_reserve(struct emit_cpu *cpu,
							      const struct syscall_call *call)
{
	return syscall_reserve_of(cpu, call, SYSCALL_RECORD_SIZE);
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

/* The socket of an open file, NULL: none, or no internet socket. */
static __always_inline const struct sock *syscall_file_socket(struct file *file,
							      struct syscall_call *call)
{
	struct socket *socket;
	struct sock *sk;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	return sk ? syscall_take_socket(call, sk) : NULL;
}

/* The socket behind a file descriptor of the current process, NULL as above. */
static __always_inline const struct sock *syscall_socket(int fd, struct syscall_call *call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files;

	if ((__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + (__u32)fd) || !file)
		return NULL;
	return syscall_file_socket(file, call);
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

/* Stream sockets of TCP and MPTCP; datagram sockets only where @datagrams. */
static __always_inline bool syscall_is_ours(const struct syscall_call *call, bool datagrams)
{
	if (call->type == SOCK_STREAM)
		return call->protocol == IPPROTO_TCP || call->protocol == IPPROTO_MPTCP;
	return datagrams && call->type == SOCK_DGRAM && call->protocol == IPPROTO_UDP;
}

/*
 * Errors of connect() that a state record announces, or that end nothing. The rest is found out
 * before a packet is made (route, source address and port, LSM), or may be either.
 */
static __always_inline bool syscall_connect_is_silent(long error)
{
	switch (error) {
	case EINTR:
	case EAGAIN:
	case EPIPE:
	case ECONNRESET:
	case EISCONN:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case EALREADY:
	case EINPROGRESS:
		return true;
	}
	return error >= ERESTART_FIRST && error <= ERESTART_LAST;
}

/* Errors of accept() that say only that nobody is there yet. */
static __always_inline bool syscall_accept_is_silent(long error)
{
	return error == EAGAIN || error == EINTR ||
	       (error >= ERESTART_FIRST && error <= ERESTART_LAST);
}

static __always_inline bool syscall_is_silent(enum event_syscall call, long error)
{
	if (call == SYSCALL_CONNECT)
		return syscall_connect_is_silent(error);
	return call == SYSCALL_ACCEPT && syscall_accept_is_silent(error);
}

static __always_inline __u8 syscall_socket_options(const struct syscall_call *call)
{
	const struct sock *sk = call->sk;
	__u8 flags = call->protocol == IPPROTO_MPTCP ? SOCKET_F_MPTCP : 0;

	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_ipv6only))
		flags |= SOCKET_F_V6ONLY;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuse))
		flags |= SOCKET_F_REUSEADDR;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_reuseport))
		flags |= SOCKET_F_REUSEPORT;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		flags |= SOCKET_F_BOUND_PORT;
	return flags;
}

/* The cgroup whose programs are asked about the call. */
static __always_inline struct cgroup *syscall_group(const struct syscall_call *call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return call->sk ? compat_read_socket_group(call->sk) :
			  BPF_CORE_READ(task, cgroups, dfl_cgrp);
}

/* Errors of who forbids a call; RestrictAddressFamilies= of systemd gives the last. */
static __always_inline bool syscall_is_refused(int error)
{
	return error == EPERM || error == EACCES || error == EAFNOSUPPORT;
}

/* Who may have said that it is not permitted. */
static __always_inline void syscall_fill_refused(struct syscall_record *record,
						 const struct syscall_call *call)
{
	struct cgroup *group = syscall_group(call);

	if (!syscall_is_refused(call->error) || !group)
		return;
	record->head.known |= EVENT_K_REFUSED;
	record->body.seccomp = call->is_seen_outside && refused_is_filtered();
	if (bpf_core_field_exists(group->bpf.effective))
		record->body.program = refused_program(group, call->call, call->family == AF_INET6);
}

static __always_inline int syscall_emit_error(const struct syscall_call *call)
{
	struct emit_cpu *cpu = emit_cpu();
	struct syscall_record *record;
	const struct sock *sk = call->sk;
	struct ev_syscall *body;

	if (!cpu)
		return 0;
	record = syscall_reserve(cpu, call);
	if (!record)
		return 0;
	body = &record->body;
	body->error = call->error;
	body->type = call->type;
	body->bytes = call->bytes;
	syscall_fill_refused(record, call);
	if (sk) {
		record->head.cookie = syscall_fill_socket(&record->head, &body->tuple, call);
		record->head.known |= EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_BACKLOG;
		body->owner.cgroup_id = compat_read_socket_cgroup(sk);
		body->mark = BPF_CORE_READ(sk, sk_mark);
		body->bound_ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
		body->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
		body->backlog_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
		body->state = BPF_CORE_READ(sk, __sk_common.skc_state);
		body->socket_flags = syscall_socket_options(call);
		if (call->kills)
			body->socket_flags |= SOCKET_F_SIGPIPE;
		/* its port is given back with the end; inet_sport stays */
		if (call->call == SYSCALL_SEND && !body->tuple.local_port)
			body->tuple.local_port =
				bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	} else {
		record->head.netns = syscall_netns();
		body->tuple.family = call->family;
		body->tuple.protocol = IPPROTO_TCP;
	}
	emit_submit(cpu, &record->head);
	return 0;
}
