/* SPDX-License-Identifier: GPL-2.0-only */
/* fill.h - the parts that several records have in common, read from the kernel's structures */
#pragma once

#include "compat.h"
#include "emit.h"

#include <bpf/bpf_endian.h>

/* What vmlinux.h cannot carry: macros of the kernel. */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define SOCK_BINDPORT_LOCK 8
#define S_IFMT 00170000
#define S_IFSOCK 0140000

/*
 * A pointer that a program gets from its hook can be followed directly ("trusted" below): loads of
 * a nanosecond. Any other pointer is a number for the verifier and is read through
 * bpf_probe_read_kernel() ("read" below). Both ways end in the same records.
 *
 * Of each pointer that is followed through a trusted one the verifier of 6.18 asks all the kernel's types four times for
 * a name, 3 ms of loading. What bpf_skc_to_tcp_sock() gives ("plain") is followed like a trusted one, without
 * a question: it is asked for where a socket leads on.
 */

#define DEVICE_HOLDS_NS NS_PER_MS

/*
 * Namespace of a device (read). The last answer holds for so short a time that no device can be
 * freed and its place be taken.
 */
static __always_inline __u32 fill_device_netns(struct emit_cpu *cpu, const struct net_device *dev,
					       __u64 now_ns)
{
	if (cpu->device != (__u64)dev || now_ns - cpu->device_ns > DEVICE_HOLDS_NS) {
		cpu->device_netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
		cpu->device = (__u64)dev;
		cpu->device_ns = now_ns;
	}
	return cpu->device_netns;
}

static __always_inline void fill_ipv4(__u8 *address, __u32 ipv4_be)
{
	__u32 *word = (__u32 *)address;

	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = ipv4_be;
}

/* @common: trusted. @local_port: host order; the caller knows which of the fields is valid. */
static __always_inline void fill_tuple(struct event_tuple *tuple, const struct sock_common *common,
				       __u16 local_port, __u16 protocol)
{
	__u32 *local = (__u32 *)tuple->local;
	__u32 *remote = (__u32 *)tuple->remote;
	int i;

	tuple->family = common->skc_family;
	if (common->skc_family == AF_INET6) {
#pragma unroll
		for (i = 0; i < 4; i++) {
			local[i] = common->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			remote[i] = common->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		fill_ipv4(tuple->local, common->skc_rcv_saddr);
		fill_ipv4(tuple->remote, common->skc_daddr);
	}
	tuple->local_port = local_port;
	tuple->remote_port = bpf_ntohs(common->skc_dport);
	tuple->protocol = protocol;
}

/* @common: read. The local port is skc_num. */
static __always_inline void fill_tuple_read(struct event_tuple *tuple,
					    const struct sock_common *common, __u16 protocol)
{
	tuple->family = BPF_CORE_READ(common, skc_family);
	if (tuple->family == AF_INET6) {
		bpf_core_read(tuple->local, EVENT_ADDRESS_SIZE, &common->skc_v6_rcv_saddr);
		bpf_core_read(tuple->remote, EVENT_ADDRESS_SIZE, &common->skc_v6_daddr);
	} else {
		fill_ipv4(tuple->local, BPF_CORE_READ(common, skc_rcv_saddr));
		fill_ipv4(tuple->remote, BPF_CORE_READ(common, skc_daddr));
	}
	tuple->local_port = BPF_CORE_READ(common, skc_num);
	tuple->remote_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	tuple->protocol = protocol;
}

/* False: not an internet address. */
static __always_inline bool fill_asked_taken(__u8 *address, __u16 *port,
					     const struct sockaddr_in6 *asked)
{
	if (asked->sin6_family == AF_INET)
		/* sin_port stands where sin6_port does, sin_addr where sin6_flowinfo does */
		fill_ipv4(address, asked->sin6_flowinfo);
	else if (asked->sin6_family == AF_INET6)
		__builtin_memcpy(address, &asked->sin6_addr, EVENT_ADDRESS_SIZE);
	else
		return false;
	*port = bpf_ntohs(asked->sin6_port);
	return true;
}

/* The address argument of a socket call, from user memory. False: not an internet address. */
static __always_inline bool fill_asked(__u8 *address, __u16 *port, const void *user)
{
	struct sockaddr_in6 asked = {};

	if (bpf_probe_read_user(&asked, sizeof(struct sockaddr_in), user))
		return false;
	if (asked.sin6_family == AF_INET6 && bpf_probe_read_user(&asked, sizeof(asked), user))
		return false;
	return fill_asked_taken(address, port, &asked);
}

/* The same of a copy that the kernel made. */
static __always_inline bool fill_asked_copy(__u8 *address, __u16 *port, const void *copy)
{
	struct sockaddr_in6 asked = {};

	return !bpf_probe_read_kernel(&asked, sizeof(asked), copy) &&
	       fill_asked_taken(address, port, &asked);
}

/* @task: read, though it may be trusted: see above. */
static __always_inline void fill_owner(struct event_owner *owner, const struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	const unsigned char *name;

	owner->start_ns = BPF_CORE_READ(leader, start_boottime);
	owner->tgid = BPF_CORE_READ(task, tgid);
	owner->tid = BPF_CORE_READ(task, pid);
	owner->ppid = BPF_CORE_READ(leader, real_parent, tgid);
	owner->uid = BPF_CORE_READ(task, cred, uid.val);
	BPF_CORE_READ_STR_INTO(&owner->comm, task, comm);
	BPF_CORE_READ_STR_INTO(&owner->leader, leader, comm);
	owner->exe[0] = 0;
	name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(owner->exe, sizeof(owner->exe), name);
}

/* The EVENT_K_* that are known of it now. */
static __always_inline __u32 fill_owner_known(const struct event_owner *owner)
{
	return owner->exe[0] ? EVENT_K_OWNER | EVENT_K_EXE : EVENT_K_OWNER;
}

/* The owner is the current task. Returns the EVENT_K_* that are known now. */
static __always_inline __u32 fill_current(struct event_owner *owner)
{
	fill_owner(owner, (const struct task_struct *)bpf_get_current_task());
	return fill_owner_known(owner);
}

/* The same for what every connection passes: it takes 0.4 us less. */
static __always_inline __u32 fill_current_fast(struct event_owner *owner)
{
	struct task_struct *task, *leader;
	const unsigned char *name;

	if (!compat_has_task_btf())
		return fill_current(owner);
	task = bpf_get_current_task_btf();
	leader = task->group_leader;
	owner->start_ns = leader->start_boottime;
	owner->tgid = task->tgid;
	owner->tid = task->pid;
	owner->ppid = leader->real_parent->tgid;
	owner->uid = bpf_get_current_uid_gid();
	bpf_probe_read_kernel_str(owner->comm, sizeof(owner->comm), task->comm);
	if (leader->pid == task->pid)
		__builtin_memcpy(owner->leader, owner->comm, sizeof(owner->leader));
	else
		bpf_probe_read_kernel_str(owner->leader, sizeof(owner->leader), leader->comm);
	owner->exe[0] = 0;
	name = task->mm->exe_file->f_path.dentry->d_name.name;
	bpf_probe_read_kernel_str(owner->exe, sizeof(owner->exe), name);
	return fill_owner_known(owner);
}

/* PF_* of the current task. */
static __always_inline __u32 fill_task_flags(void)
{
	if (compat_has_task_btf())
		return bpf_get_current_task_btf()->flags;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), flags);
}

/*
 * A further subflow of an MPTCP connection (RFC 8684 3.2), which the kernel opens or takes for itself: what
 * becomes of it is nobody's wish, the connection has its first one.
 */
static __always_inline bool fill_is_subflow(const struct tcp_sock *tp)
{
	const struct mptcp_subflow_context *subflow;

	if (!bpf_core_field_exists(tp->is_mptcp) || !tp->is_mptcp)
		return false;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	return subflow && (BPF_CORE_READ_BITFIELD_PROBED(subflow, request_join) ||
			   BPF_CORE_READ_BITFIELD_PROBED(subflow, mp_join));
}

/* @sk: trusted, a full TCP socket. SOCKET_F_* that its options give. */
static __always_inline __u8 fill_socket_options(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u8 flags = 0;

	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_ipv6only))
		flags |= SOCKET_F_V6ONLY;
	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuse))
		flags |= SOCKET_F_REUSEADDR;
	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuseport))
		flags |= SOCKET_F_REUSEPORT;
	if (BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		flags |= SOCKET_F_BOUND_PORT;
	if (bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
		flags |= SOCKET_F_MPTCP;
	return flags;
}
