/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.h - what was found, counted: Prometheus' text format */
#pragma once

#include "sinks/sinks.h"

/*
 * Theory of operation
 *
 * A sink that counts each final verdict, also those that a group only counts, by finding, severity
 * and confidence: labels without end (a process, an address) are what a finding's line is for. What
 * join and outputs count themselves is asked of them when the file is written.
 *
 * The format is Prometheus' text format 0.0.4. Counters begin with the process, as there the
 * convention is: who reads them knows a start from a fall.
 */

struct metrics;

extern const struct sink_ops sink_metrics_ops; /* its options' state: metrics_new() */

/* What is told beside what the sink has counted. */
struct metrics_more {
	const char *version;
	__u64 start_ns; /* realtime */
	__u64 now_ns; /* realtime */
	bool ended; /* these are its last words */
	__u64 failed_writes;
	struct counted counted;
};

struct metrics *metrics_new(void); /* NULL: no memory */
void metrics_free(struct metrics *metrics);
void metrics_print(const struct metrics *metrics, FILE *file, const struct join *join,
		   const struct metrics_more *more);
