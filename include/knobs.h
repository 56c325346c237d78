/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knobs.h - what user space tells the kernel side before it is loaded */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "event.h"

#define KNOBS_CALLS 512 /* system calls have numbers below */
#define KNOBS_CALL_BYTES (1 << 7) /* its third argument is a number of bytes */
#define KNOBS_CALL_COUNT (1 << 6) /* its second argument is a number of descriptors, or which way */
#define KNOBS_CALL_FIRST (1 << 5) /* .. the first is */
#define KNOBS_CALL_MASK (KNOBS_CALL_FIRST - 1)

/*
 * Read-only once loaded: the verifier takes the branches that a knob switches off out of the
 * programs, so that a knob costs nothing and an old kernel never sees what it does not know.
 * What a program can ask the kernel's types itself (fields, enums, prototypes) is no knob but a
 * function in bpf/compat.h.
 */
struct knobs {
	__u64 secret; /* mixed into socket addresses where the kernel gives no cookies */
	__u32 agent_tgid; /* whose own sockets are left out */
	__u32 ring_bytes;
	__u8 has_cookies; /* bpf_get_socket_cookie() of a socket in tracing programs: 5.12 */
	__u8 has_reset_hook; /* reset-received is attached: a state record knows of resets */
	__u8 follow; /* open and syscall records of followed processes only */
	__u8 all_packets; /* every packet of followed connections */
	__u8 accepts; /* a record for every accepted connection */
	__u8 fins; /* packet records of FINs too */
	__u8 flows; /* begin, end and figures of every connection, too */
	/*
	 * A retransmission once the connection stands is told from the how manieth in a row on; 0:
	 * each one. A filter: what it means is for the rules.
	 */
	__u8 retransmit_floor;
	/*
	 * Of a packet, where that is more than its headers; 0: headers. With .all_packets only of
	 * followed connections. More than EVENT_PACKET_MAX: the rest in piece records.
	 */
	__u32 snap_bytes;
	__u32 tick_ns; /* of the kernel's clock that counts jiffies; 0 unknown: no times are told */
	/*
	 * The end of a connection is told where so many percent of its segments were sent again.
	 */
	__u32 loss_floor_percent;
	/* A look tells of a connection that one side has closed, of a closed window, after so long. */
	__u32 look_closed_ms;
	__u32 look_window_ms;
	/* A close is told where nothing was ever heard, so long after the last word of this side. */
	__u32 unheard_floor_ms;
	__u32 timeline; /* every call and state of followed processes' sockets is told */
	/* What a system call is, by its number: enum event_syscall and one, KNOBS_CALL_*; 0: no such call */
	__u8 calls[KNOBS_CALLS];
};

#define FOLLOWED_PROCESSES_MAX 16384
#define FOLLOWED_CONNECTIONS_MAX 32768

/*
 * Drop reasons that are wanted, one byte each: subsystem (upper half of the number) times 256 plus
 * index. Written at any time.
 */
#define DROP_SUBSYSTEMS 8
#define DROP_REASONS_PER_SUBSYSTEM 256
#define DROP_REASONS (DROP_SUBSYSTEMS * DROP_REASONS_PER_SUBSYSTEM)

/* Counters of one CPU, by kind. The first fields of the kernel side's own record of a CPU. */
struct cpu_counts {
	__u64 lost[EVENT_KERNEL_KIND_COUNT]; /* no room in the ring */
	__u64 suppressed[EVENT_KERNEL_KIND_COUNT]; /* shed while the ring was filling up */
};
