/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_file.h - the file of --metrics, for node exporter's textfile collector */
#pragma once

#include "agent/options/options.h"
#include "agent/output/counting.h"

/*
 * Theory of operation
 *
 * The collector may read at any moment: a new content is written beside (FILE.tmp, which it does not
 * look at) and renamed, every 15 s and at the end. It runs as another user, so the file has mode
 * 0644; there is no address and no name in it. One that is there already is replaced only if this
 * user's sockwhy wrote it, or with --force.
 */

struct metrics_file {
	const char *path; /* NULL: none is wanted */
	int folder;
	__u64 next_ns;
	bool failed; /* that was said */
};

/* Logs what is wrong. Returns 0 or a negative errno. */
int metrics_file_open(struct metrics_file *file, const struct options *options);

/* Writes it when it is time to, by @now_ns; 0: now. */
void metrics_file_poll(struct metrics_file *file, const struct counting *counting,
		       const struct pipeline *pipeline, __u64 now_ns);

/* Returns 0, or -EIO if the last write failed: told. */
int metrics_file_close(struct metrics_file *file);
