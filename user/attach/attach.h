/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attach.h - brings the kernel side in and takes it out again */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "health.h"

/*
 * Theory of operation
 *
 * A table in attach/ has one row a hook: its name, the programs it needs, the kernel feature they
 * need, and what is lost without. attach_open() probes the running kernel (BTF, capabilities,
 * memory lock limit, tracefs), switches off the programs that cannot load or were asked to be left
 * out, sets the knobs and loads. attach_start() attaches what was loaded. Everything held is a file
 * descriptor of this process, so that the kernel lets go of it when the process ends, however it
 * ends; except a clsact filter on kernels without TC links, which carries our pid and start time
 * in its name and is removed by the next start and by attach_clean().
 *
 * Nothing here knows records or findings. The list of hooks becomes records in agent/.
 */

enum attach_packets { PACKETS_TC, PACKETS_CGROUP, PACKETS_NONE };

struct attach_options {
	__u32 ring_bytes; /* power of two times the page size */
	enum attach_packets packets;
	const char *const *left_out; /* names of hooks to leave out, NULL-ended; NULL: none */
	bool follow; /* only what followed processes open (attach_follow()) */
	bool all_packets; /* headers of every packet of followed connections */
	bool accepts; /* a record for every accepted connection */
	bool timeline; /* every call and state of followed processes' sockets */
	bool fins; /* packet records of FINs, too (all_packets has them) */
	bool retransmits; /* every one, not only the third in a row and later ones */
	bool sockets_only; /* the iterators of open sockets, and no hook */
	bool flows; /* begin, end and figures of every connection, too */
	__u32 snap_bytes; /* of a packet, with all_packets of followed connections; 0: headers */
	__u32 look_closed_ms; /* one side has closed and nothing came since: told by ITERATOR_LOOK */
	__u32 look_window_ms; /* a window is closed for so long: the same */
	__u32 unheard_floor_ms; /* a close so long after a word that nobody answered is told */
};

struct attach_hook {
	const char *name; /* "state", "drop", "tcx", "syscall-connect", … */
	const char *lost; /* what is lost without it */
	int error; /* positive errno of the try, 0 attached */
	enum event_hook_state state;
	const char *why; /* missing or left out: in words; else NULL */
};

struct attach;

/*
 * Loads the kernel side. Logs what is wrong, once, with a hint.
 * Returns 0; -EPERM capabilities or memory lock; -ENOTSUP no BTF; another negative errno of libbpf.
 */
int attach_open(struct attach **out, const struct attach_options *options);

/* Attaches all but the packet hooks. A hook that fails is missing, not fatal; fatal if none works. */
int attach_start(struct attach *attach);

void attach_close(struct attach *attach);

/* Every hook of the table, in order, with its state. */
const struct attach_hook *attach_hooks(const struct attach *attach, size_t *count);

/* File descriptor of the ring buffer map. */
int attach_ring_fd(const struct attach *attach);

/* Records that did not fit or were shed so far, by kind, summed over the CPUs. */
int attach_read_lost(const struct attach *attach, struct ev_lost *lost, struct ev_lost *suppressed);

/* Switches a drop reason's record on by its number (default: none; collect reads the numbers). */
int attach_want_drop_reason(struct attach *attach, __u32 reason);

/* Follows a process: its descendants join by themselves. */
int attach_follow(struct attach *attach, __u32 pid);

/*
 * Attaches the packet hooks to an interface of the network namespace that the calling thread is in.
 * @flags: INTERFACE_F_TC_IN and _OUT of what was attached are set, INTERFACE_F_CHAINED if others
 * stand in front. Returns 0 or a negative errno; -EALREADY when it was attached before.
 */
int attach_interface(struct attach *attach, __u32 netns, __u32 ifindex, const char *name,
		     __u32 *flags);

/* Forgets an interface that is gone, so that its number can be used again. */
void attach_forget_interface(struct attach *attach, __u32 netns, __u32 ifindex);

enum attach_iterator {
	ITERATOR_TCP,
	ITERATOR_OWNERS,
	ITERATOR_LOOK,
	ITERATOR_DATAGRAMS,
	ITERATOR_COUNT
};

/*
 * A file descriptor from which records (EVENT_SOCKET) can be read to its end: ITERATOR_TCP gives
 * the TCP sockets of the calling thread's network namespace, ITERATOR_OWNERS every TCP socket that
 * a process holds, of all namespaces, with its owner, ITERATOR_LOOK those of them where something
 * is left undone (.look_closed_ms). Negative errno: -ENOTSUP not on this kernel.
 */
int attach_iterate(const struct attach *attach, enum attach_iterator which);

/* What an ended agent left behind (clsact filters, an empty clsact we made). */
struct attach_leftover {
	char netns[64]; /* name or inode */
	char interface[16];
	char what[96]; /* "tc ingress filter prio 49131 sockwhy:4121:123456 (program 77)" */
	bool removed;
};

/*
 * Finds leftovers of agents that are gone in the network namespace of the calling thread and, unless
 * @dry_run, removes them: only what is proven ours (name, program id, tag and name re-read first).
 * Calls @found for each. Returns how many were found or a negative errno.
 */
int attach_clean(bool dry_run, void (*found)(void *ctx, const struct attach_leftover *leftover),
		 void *ctx);

/* From now on attach_find_agents() of any process finds this. Returns 0 or a negative errno. */
int attach_tell_health(const struct attach *attach, const struct agent_health *health);

/*
 * Calls @found for each agent of this kernel that has told its health: whoever holds the map lives, or stands still. Returns
 * how many, or a negative errno: -EPERM without CAP_SYS_ADMIN.
 */
int attach_find_agents(void (*found)(void *ctx, const struct agent_health *health), void *ctx);

/* A capability or kernel feature as `doctor` shows it. */
struct attach_check {
	const char *name; /* "BTF", "CAP_BPF", "tracefs", "memory lock", "TC links", "cgroup v2" */
	bool ok;
	bool needed; /* watch cannot run without */
	char detail[160];
	const char *hint; /* how to mend it, NULL none */
};

/* Checks what this kernel and these privileges offer; loads nothing that stays. Returns how many were written. */
size_t attach_probe(struct attach_check *checks, size_t room);
