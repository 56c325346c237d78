/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow.h - TCP connections as their sockets tell of them: begin, owner, figures, end */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"

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
 * was answered with and the accept() that takes it come later; then flow_due() gives it once, and
 * its place is free. When no place is left, those that ended leave at once, and an opening that
 * finds none is not kept, which is counted: its end is told all the same, with the kernel's figures
 * and without owner or begin.
 *
 * Figures that a later snapshot should have renewed and did not are unknown, not old.
 */

#define FLOW_SETTLE_NS 100000000ull

enum flow_end {
	FLOW_END_UNKNOWN,
	FLOW_OPEN,
	FLOW_CONNECTING,
	FLOW_UNANSWERED, /* ETIMEDOUT while connecting */
	FLOW_REFUSED,
	FLOW_CANCELED, /* the application gave up connecting */
	FLOW_FAILED, /* another error: flow.error */
	FLOW_CLOSED, /* in order. The peer's FIN may still have been awaited (TIME_WAIT's part) */
	FLOW_HALF_CLOSED, /* our FIN was never acknowledged */
	FLOW_RESET,
	FLOW_TIMED_OUT, /* the peer did not answer any more */
	FLOW_END_COUNT
};

enum flow_side { FLOW_LOCAL, FLOW_REMOTE, FLOW_NEITHER };

struct flow {
	__u64 cookie;
	__u64 number; /* from 0, in the order in which they were noticed */
	__u64 seen_ns; /* first noticed */
	__u64 opened_ns; /* 0: open before, or its opening was not seen */
	__u64 established_ns; /* 0: not seen */
	__u64 ended_ns; /* 0: open */
	struct event_tuple tuple;
	struct event_owner owner;
	struct event_flow counts; /* valid with EVENT_K_FLOW in .known */
	__u32 known; /* EVENT_K_FLOW, EVENT_K_TIMEOUTS, EVENT_K_STATE */
	__u32 netns;
	__s32 error; /* it ended with, positive errno, 0 none */
	bool owner_known;
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

const char *flow_end_name(enum flow_end end); /* "half-closed"; NULL unknown */
enum flow_end flow_end(const struct flow *flow);

/* Who sent the first FIN, or the reset that ended it. */
enum flow_side flow_closed_first(const struct flow *flow);
enum flow_side flow_reset_by(const struct flow *flow);

/* The side to be called client: a guess by port, the higher, where the role is unknown. */
enum flow_side flow_client(const struct flow *flow);
