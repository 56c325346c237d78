/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output.h - where findings go, in which form, and the last line on standard error */
#pragma once

#include "agent/options/options.h"
#include "agent/pipeline.h"
#include "agent/output/lines.h"
#include "agent/output/report.h"
#include "agent/output/to_journal.h"
#include "agent/output/to_syslog.h"
#include "agent/output/write.h"
#include "sinks/sinks.h"

struct output {
	struct sink *sink;
	struct report report; /* --report */
	struct to_journal journal; /* --journal */
	struct to_syslog syslog; /* --syslog */
	bool color; /* of .sink */
	struct flows *flows; /* flows: the table; NULL of the other commands */
	FILE *file; /* what the sink writes to */
	struct lines *lines; /* -o FILE, --mask: whose file that is; NULL: it is as it is */
	struct outfile *outfile; /* -o FILE */
	struct mask *mask; /* --mask, NULL none */
	struct timelines *timelines; /* run -v: what its text is made of; else NULL */
	char *held; /* run: what is said at the end */
	size_t held_size, held_shown;
	struct write write; /* -w FILE */
	const struct options *options;
	FILE *hold; /* the text that is held */
};

/*
 * Opens -o FILE, else standard output, else (@hold) a text that output_show_held() and output_close()
 * write to standard error; and the file of -w. Logs what is wrong. Returns 0 or a negative errno.
 */
int output_open(struct output *output, const struct options *options, bool hold);

/* On the terminal to which findings go. @hold: as above. */
bool output_wants_color(const struct options *options, bool hold);

/* What @pipeline tells goes here. */
void output_attach(struct output *output, struct pipeline *pipeline);

/* Files that were moved away: what comes goes into new ones of their names. */
void output_reopen(struct output *output);

/* What was held until now goes to standard error. Returns 0 or a negative errno, not yet told. */
int output_show_held(struct output *output);

/* Returns 0 or the error of the last write, not yet told. */
int output_close(struct output *output);

/* "sockwhy: 12.3 s: 412 attempts to connect or listen, 3 failed; found …" on standard error */
void output_log_summary(const struct pipeline *pipeline, bool early);

/* The same in a few words while it goes on: "12 attempts to connect or listen, 2 failed, 0 records lost". */
const char *output_say_state(const struct pipeline *pipeline, struct text *text);
