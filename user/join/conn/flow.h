/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow.h - TCP connections as their sockets tell of them: begin, owner, figures, end */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"
#include "join/segment/figures.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * A flow is one end of a TCP connection: a socket of this host. Over loopback a connection is two
 * flows. Where a stream (stream.h) counts packets, here the kernel has counted: a flow is begun by
 * a record of its opening or of a snapshot, gets its owner, and its figures come with the record
 * of its end, or with the last snapshot while it is open. So no packet costs anything, and nothing
 * is lost of a connection that was open long before.
 *
 * It is kept by its socket's cookie. One that ended waits for FLOW_SETTLE_NS, because the reset it
 * was answered with, the accept() that takes it and its verdict come later; while its attempt is not
 * judged it waits again, for FLOW_JUDGED_NS at most; then flow_due() gives it once, and its place is free. When no place is left, those that ended leave at once, and an opening that
 * finds none is not kept, which is counted: its end is told all the same, with the kernel's figures
 * and without owner or begin.
 *
 * Figures that a later snapshot should have renewed and did not are unknown, not old.
 *
 * Who shows connections while they are open walks them by join_flow_look(), again and again: each comes
 * with what it had counted at the walk before.
 */

#define FLOW_SETTLE_NS (300 * NS_PER_MS) /* join.settle, and a tick */
#define FLOW_JUDGED_NS (130 * NS_PER_S) /* another try of its attempt may hang for so long */

/* What a socket had counted at some time. */
struct flow_counted {
	__u64 sent_bytes; /* payload that the peer acknowledged */
	__u64 received_bytes;
	__u32 again; /* segments sent again */
};

struct flow {
	__u64 cookie;
	__u64 number; /* from 0, in the order in which they were noticed */
	__u64 seen_ns; /* first noticed */
	__u64 opened_ns; /* 0: open before, or its opening was not seen */
	__u64 established_ns; /* 0: not seen */
	__u64 ended_ns; /* 0: open */
	struct event_tuple tuple;
	const struct event_owner *owner; /* NULL: not known */
	struct event_flow counts; /* valid with EVENT_K_FLOW in .known */
	struct flow_counted looked; /* at the last join_flow_look(), valid with .looked_known */
	__u32 known; /* EVENT_K_FLOW, EVENT_K_COUNTERS, EVENT_K_TIMEOUTS, EVENT_K_STATE */
	__u32 netns;
	__s32 error; /* it ended with, positive errno, 0 none */
	bool looked_known; /* also of one that began since: zeros */
	bool owner_listens; /* it is the listener's: nobody was seen to accept() */
	bool role_known;
	bool client; /* the local side opened it */
	bool syn_again; /* the handshake took more than one SYN */
	bool reset_received;
	bool reset_sent;
	bool resets_told; /* a reset that this host sends is told of */
	__u8 state; /* the kernel's last word; of one that ended: before it did */
};

struct flow_counters {
	__u64 seen; /* flows */
	__u64 before; /* of them: open before */
	__u64 unkept; /* openings that found no place */
	bool crowded; /* a snapshot held more than found a place: how many, it tells twice */
};

/* What the socket tells; of one that is open, until @now_ns. [0] is the socket itself, [1] its peer. */
void figures_take_flow(struct figures *figures, const struct flow *flow, __u64 now_ns);
