/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_fact.h - which facts of this host there are: a part of records, included by event.h */
#pragma once

/*
 * One shape for every fact (struct ev_fact). Fields that a fact does not use are zero. A fact that
 * was looked for and not found comes with FACT_F_ABSENT.
 *
 * route        name: dev, address: source, address2: next hop (zero: on link), number: mtu,
 *              limit: table, port: rtm_type, text: as ip route prints it; absent: error is the
 *              errno of the look-up
 * neighbor     name: dev, address: next hop, port: NUD_*, text: link address
 * sysctl       name: as sysctl(8) prints it, text: value, number: the value if it is one
 * address      name: dev, address, number: prefix length, port: IFA_F_* low bits
 * holder       of a port. pid, name: comm, text: exe, address and port: local, address2 and
 *              limit: remote, number: TCP state, flags: SOCKET_F_* << 8
 * listener     the same, the header's netns tells where
 * port-use     name: state or "total", number: sockets, address2 and port: destination, if any,
 *              limit: size of the ephemeral range, on "total"
 * ruleset      name: "table/chain", text: hook and policy, or a rule that drops, as dumped,
 *              limit: FILTER_HOOK_* where a packet can meet it, 0 unknown
 * counter      name: as in /proc/net/netstat, number: value now
 * task-state   pid, name: comm, text: "running", "sleeping", "stopped", "zombie" …
 * capability   pid, name: CAP_…, number: 1 has it in effect
 * bpf-program  name: program, number: its id, text: where it is attached, "" not found
 * done         the last one of a request
 * resolver     pid, address: a name server in the resolv.conf of its mount namespace, number: the how
 *              manieth, from 1, limit: of how many
 * open-files   pid, name: "total", number: descriptors it has open now, limit: how many it may;
 *              name: "CLOSE_WAIT", number: of them sockets that the peer closed and it did not
 * unix-path    the part of a Unix socket's path that stops the process, else all of it. text: that
 *              part, name: "directory", "socket" or "file", number: mode, limit: uid of its owner,
 *              pid: gid of it, error: ENOENT, ENOTDIR, or EACCES where the mode refuses, 0: it is no obstacle;
 *              flags: FACT_F_OTHER_MOUNTS; absent: the file systems of the process cannot be seen
 * unix-listener who listens at it now. pid, name: comm, text: exe, number: connections that wait to be
 *              accepted, limit: how many may, port: SOCK_*, flags: FACT_F_OTHER_MOUNTS if it has the
 *              same path, and another file
 * lsm          name: "modules", text: the security modules of the kernel, with commas between; name:
 *              "label", pid, text: what one of them says of the process ("docker-default (enforce)"),
 *              number: 1 that is enforced; name: "programs", number: BPF programs that are asked, as a
 *              module is, about calls of sockets, text: the first one's name
 * proxy        that the environment of the process names, where that is what it went to. pid, name: variables,
 *              text: value of the first without user and password
 */
#define EVENT_FACTS(X)                    \
	X(ROUTE, "route")                 \
	X(NEIGHBOR, "neighbor")           \
	X(SYSCTL, "sysctl")               \
	X(ADDRESS, "address")             \
	X(HOLDER, "holder")               \
	X(LISTENER, "listener")           \
	X(PORT_USE, "port-use")           \
	X(RULESET, "ruleset")             \
	X(COUNTER, "counter")             \
	X(TASK_STATE, "task-state")       \
	X(CAPABILITY, "capability")       \
	X(BPF_PROGRAM, "bpf-program")     \
	X(DONE, "done")                   \
	X(RESOLVER, "resolver")           \
	X(OPEN_FILES, "open-files")       \
	X(UNIX_PATH, "unix-path")         \
	X(UNIX_LISTENER, "unix-listener") \
	X(LSM, "lsm")                     \
	X(PROXY, "proxy")

enum event_fact {
	FACT_NONE,
#define X(id, text) FACT_##id,
	EVENT_FACTS(X)
#undef X
		FACT_COUNT,
};

enum {
	FACT_F_ABSENT = 1 << 0,
	FACT_F_OTHER_MOUNTS =
		1 << 1, /* in another mount namespace than the agent's; listener: than the process */
};

#define FACT_RULES_MAX \
	16 /* rules and chains of a ruleset, the likeliest first: more are not told */

/* Where packet filters look at a packet. */
enum {
	FILTER_HOOK_INGRESS = 1 << 0,
	FILTER_HOOK_PREROUTING = 1 << 1,
	FILTER_HOOK_INPUT = 1 << 2,
	FILTER_HOOK_FORWARD = 1 << 3,
	FILTER_HOOK_OUTPUT = 1 << 4,
	FILTER_HOOK_POSTROUTING = 1 << 5,
	FILTER_HOOK_EGRESS = 1 << 6,
};
