/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gauges.h - how full something of the host is, as the last looks found it */
#pragma once

#include "event.h"

#define JOIN_READINGS_MAX 5

struct gauge_reading {
	__u64 ts_ns;
	__u64 number;
	__u64 most; /* 0: no end, or not known */
};

/* One thing of one namespace. */
struct gauge {
	__u32 netns;
	__u32 what; /* enum event_gauge */
	__u32 count; /* of .readings, at least 1 */
	struct gauge_reading
		readings[JOIN_READINGS_MAX]; /* in the order of time, the last one is of now */
};

struct join;
/* Of a namespace; NULL: never told. */
const struct gauge *join_gauge(const struct join *join, __u32 netns, enum event_gauge what);
