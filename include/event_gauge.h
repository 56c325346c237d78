/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_gauge.h - what a look at the host reads; part of event.h */
#pragma once

/* What a look at the host reads of a namespace. Every name is also its text. */
#define EVENT_GAUGES(X)                                                                           \
	X(CONNTRACK, "conntrack") /* entries of its table; told from half full on */              \
	X(TCP_MEMORY, "tcp-memory") /* pages that TCP holds; most: tcp_mem's last; of the host */ \
	X(TCP_PRESSURES, "tcp-pressures") /* TCPMemoryPressures: it began to be short */          \
	X(TCP_ABORTED, "tcp-aborted") /* TCPAbortOnMemory: connections that ended for it */

enum event_gauge {
#define X(id, text) GAUGE_##id,
	EVENT_GAUGES(X)
#undef X
		GAUGE_COUNT,
};

struct ev_gauge { /* header: netns */
	__u64 number; /* now, or since the namespace began */
	__u64 most; /* 0: it has no end, or that is not known */
	__u32 what; /* enum event_gauge */
	__u32 pad;
};
