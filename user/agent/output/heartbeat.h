/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heartbeat.h - --heartbeat: says at intervals that the agent lives, and what it took */
#pragma once

#include "agent/pipeline.h"

struct heartbeat_timer {
	__u64 every_ns; /* 0: none is asked for */
	__u64 next_ns; /* monotonic */
	__u64 begun_ns;
};

void heartbeat_begin(struct heartbeat_timer *timer, const struct options *options, __u64 now_ns);

/* Tells one where it is due; those that a standstill left out are not made up for. */
void heartbeat_poll(struct heartbeat_timer *timer, struct pipeline *pipeline, __u64 now_ns);
