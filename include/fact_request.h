/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fact_request.h - what a rule wants to know of this host; struct ev_fact (event.h) is the answer */
#pragma once

#include <stdbool.h>

#include "event.h"

/*
 * A counter that is not the kernel's own: how many connections conntrack has, and may have (.limit).
 * Where that is nearly full, others of this prefix come with it: "drop", packets that found no
 * room; of those looked at (.limit) how many are of the "source" that has most (.address), and in
 * the state that most are in.
 *
 * Another is of one packet that source NAT gave an address and a port (fact_request.translated): how
 * many entries with that address stand between it and where it goes, of so many ports (.limit) from
 * the lowest (.port) to the highest, and whose the packet's own port is (.address, its client; any:
 * nobody's).
 *
 * A third is of one connection (fact_request.tuple): how what comes back to its local side looks before
 * NAT of that namespace has translated it: from .address2 and port .limit to .address and .port; the status of its entry is .number
 * (IPS_* of nf_conntrack_common.h).
 */
#define FACT_CONNTRACK "Conntrack:"
#define FACT_CONNTRACK_ENTRIES FACT_CONNTRACK "entries"
#define FACT_CONNTRACK_PORTS FACT_CONNTRACK "ports"
#define FACT_CONNTRACK_ENTRY FACT_CONNTRACK "entry"

struct fact_request {
	__u64 attempt; /* goes into ev_fact.request */
	__u32 wanted; /* BIT(FACT_*) */
	__u32 netns; /* whose facts */
	__u32 pid; /* a process in that namespace, 0 unknown: found by walking /proc */
	/* route: to remote, from local if set; port use, holder: local port */
	struct event_tuple tuple;
	struct event_tuple translated; /* a packet of ours behind source NAT; no port: none */
	__u32 mark;
	__u32 uid;
	__u32 bound_ifindex;
	/* bpf-program: those asked about this call of a socket of .tuple.family, and not about packets */
	bool of_call;
	__u8 call; /* enum event_syscall */
	__u32 program; /* one that was asked, 0 none */
	const char *cgroup; /* where .pid was if it is gone, NULL unknown */
	__u32 ifindex; /* a % in the name of a sysctl stands for this interface's */
	const char *
		sysctls[8]; /* NULL-ended names, as net.core.somaxconn, net/ipv4/conf/%/rp_filter */
	const char *counters[4]; /* NULL-ended names, as TcpExt:ListenOverflows */
	const char *capability; /* CAP_* by name, of .pid */
	const char *name; /* proxy: what .tuple's remote side was looked up by, NULL not known */
	/* a Unix socket's path as the process gave it, "@name": an abstract one; NULL none */
	const char *path;
	__u32 mntns; /* where it means something */
};
