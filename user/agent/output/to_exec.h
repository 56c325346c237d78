/* SPDX-License-Identifier: GPL-2.0-or-later */
/* to_exec.h - --exec: a program of the user's for each finding */
#pragma once

#include "agent/options/options.h"
#include "agent/output/beside.h"
#include "sinks/sinks.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * What JSON would tell as a line goes, instead of into a file, to a process beside this one (beside.h),
 * which starts the program, without a shell and without arguments: the line is its standard input, and
 * words of our own of it are in its environment. One at a time, TO_EXEC_BURST at once and then
 * one in TO_EXEC_APART_NS; each has TO_EXEC_MOST_MS. Findings that get none are counted, and said at the end.
 */

#define TO_EXEC_BURST 10
#define TO_EXEC_APART_NS (6 * NS_PER_S)
#define TO_EXEC_MOST_MS 10000

struct to_exec {
	struct beside beside;
	const char *program; /* NULL: not asked for */
	struct sink *sink;
	FILE *file; /* what the sink writes to: in memory */
	char *lines;
	size_t size;
	__u64 full_ns; /* at this time there is as much of the burst as at the start */
	__u64 unheard; /* findings without a run */
};

/* Before anything is open: it forks. Logs what is wrong. Returns 0 or a negative errno. */
int to_exec_open(struct to_exec *to, const struct options *options);

/* What was told since the last call goes to its program. @now_ns: CLOCK_MONOTONIC */
void to_exec_poll(struct to_exec *to, __u64 now_ns);

/* Awaits the program that runs, for some seconds. */
void to_exec_close(struct to_exec *to);
