/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h - the configuration file: options under their long names, mutes with a reason and an end */
#pragma once

#include <stdbool.h>

#include "agent/options/options.h"
#include "rules/rules.h"

/*
 * Theory of operation
 *
 * A line is NAME = VALUE, NAME the long name of an option of watch. A file is read after the command
 * line and fills what that left open; its words live as long as the options. Every line is checked
 * for itself, by the parts that use its value, while log_set_place() puts file and line before what
 * they say. A reload takes over the mutes alone: all else is woven into what runs.
 *
 * A mute of a file has an end and a reason, which those of the command line need not: they are still
 * there when nobody remembers why. It ends by the clock of the records.
 */

#define CONFIG_FILE "/etc/sockwhy/sockwhy.conf"
#define CONFIG_FOLDER "/etc/sockwhy/conf.d" /* *.conf, in the order of names */

struct mute {
	char pattern[48];
	__u64 until_ns; /* realtime; 0: without end */
	char until[16]; /* its last day, as written */
	char reason[160]; /* "" none was given */
};

struct config;

/*
 * Reads what --config names; the usual files where it names none and the command is watch or
 * doctor. Returns 0; -EINVAL a line is wrong, -errno a file cannot be read, both logged.
 */
int config_load(struct options *options);
void config_say(const struct options *options); /* one line: what was read */
void config_free(struct config *config); /* NULL is fine */

/* The files once more: their mutes hold from now on, or none changes. Returns as config_load(). */
int config_reload(const struct options *options);

/* Is this finding muted by a file, at @realtime_ns? @config: NULL is fine. */
bool config_mutes(const struct config *config, const struct rule *rule, __u64 realtime_ns);

size_t config_files(const struct config *config); /* that were read */
const char *config_path(const struct config *config, size_t index);
const struct mute *config_mute(const struct config *config, size_t index); /* NULL at the end */

/*
 * One file's content, which is written into. @path: for what is said. @options: filled; values
 * point into @text. @config: where its mutes go. Returns 0 or -EINVAL after logging.
 */
int config_parse(struct config *config, struct options *options, const char *path, char *text,
		 size_t size);
struct config *config_new(void); /* NULL: no memory */
