/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.h - one line on a terminal that says what goes on, gone when it is done */
#pragma once

#include <stdbool.h>

#include "agent/options/options.h"

struct progress {
	bool on; /* standard error is a terminal, and nobody asked for silence or for events */
	bool shown; /* its line stands there */
	__u64 begun_ns;
	__u64 next_ns; /* when it is shown again */
};

void progress_begin(struct progress *progress, const struct options *options);

/* Is it time to show it? Costs a clock. */
bool progress_due(struct progress *progress);

/* @left of @total bytes; @total 0: nobody knows. */
void progress_show(struct progress *progress, __u64 packets, __u64 left, __u64 total);

/* Any line. */
void progress_say(struct progress *progress, const char *line);

/* Before anything else is written to the terminal. */
void progress_clear(struct progress *progress);
