/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counting.h - what --metrics and --listen tell: the same counters, counted once */
#pragma once

#include "agent/pipeline.h"
#include "sinks/metrics.h"

struct counting {
	struct metrics *metrics; /* NULL: nobody asks for them */
	struct sink *sink;
	__u64 start_ns; /* realtime */
	bool ended; /* what is printed now are the last words */
};

/* Returns 0 or a negative errno, logged. */
int counting_open(struct counting *counting);
void counting_close(struct counting *counting);

/* All of it, as it is now. @file has the error of a write. */
void counting_print(const struct counting *counting, const struct pipeline *pipeline, FILE *file);
