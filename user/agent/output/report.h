/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h - the file of --report */
#pragma once

#include <stdio.h>

#include "agent/output/lines.h"
#include "agent/options/options.h"
#include "sinks/sinks.h"

struct report {
	struct sink *sink; /* NULL: none was asked for */
	FILE *file;
	struct lines *lines; /* --mask: what stands before the file, else NULL */
	char *subject; /* what was looked at */
};

/* Opens --report FILE, if given; @mask: NULL none. Logs what is wrong. Returns 0 or a negative errno. */
int report_open(struct report *report, const struct options *options, struct mask *mask);

/* Writes the report, if there is one, and closes it. Returns EXIT_DONE or, logged, EXIT_FAILED. */
int report_close(struct report *report, const struct options *options);
