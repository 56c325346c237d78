/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - the command line: one table of options feeds parsing, defaults and --help */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/types.h>

/*
 * Theory of operation
 *
 * A row of the table in options.c says what an option is called, which commands take it, where its
 * value goes and what it does. Parsing, defaults, --help and the test that the manual knows every
 * option all walk that table. What a value means (a finding's id, a filter expression) is checked
 * by the part that uses it.
 */

enum command {
	COMMAND_WATCH,
	COMMAND_RUN,
	COMMAND_READ,
	COMMAND_STATES,
	COMMAND_FLOWS,
	COMMAND_TOP,
	COMMAND_COMPARE,
	COMMAND_EXPLAIN,
	COMMAND_DOCTOR,
	COMMAND_COUNT,
};

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_FOUND };
enum { EXIT_RUN_FAILED = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL = 128 };

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

#define WORDS_MAX 63
#define FLIGHT_FOLDER "/var/lib/sockwhy"

#define OPTIONS_MAX 96 /* rows of the table at most */

/* Words in the order given, NULL-ended. */
struct words {
	const char *at[WORDS_MAX + 1];
	size_t count;
};

/* A point of packet time. */
struct when {
	bool given;
	bool relative; /* to the first packet */
	__u64 ns; /* else since the epoch */
};

struct config;

struct options {
	enum command command;
	bool command_given;
	char **rest; /* FILTER words; run: the command; read, compare: files; explain: what */
	size_t rest_count;

	const char *expression;
	struct words pids;
	struct words comms;
	struct words names;
	struct words uids;
	struct words units;
	struct words containers;
	struct words pods;
	struct words cgroups;
	struct words netns;
	struct words interfaces;

	struct words findings;
	struct words mutes;
	struct words thresholds;
	int severity; /* -1: the command's default */
	bool all;

	bool text;
	bool brief;
	bool json;
	bool ecs;
	bool otlp_json;
	bool csv;
	const char *sort; /* flows: a column, NULL as they come */
	unsigned int verbose;
	bool quiet;
	bool utc;
	int color;
	const char *output;
	const char *record;
	const char *write; /* -w */
	__u64 rotate_bytes; /* 0: one file */
	__u64 files_max; /* 0: all are kept */
	__u64 snap_bytes; /* 0: headers */
	const char *keylog;
	bool mask;
	const char *report; /* ends in .html, .htm or .md */
	const char *metrics;
	const char *listen; /* NULL: nobody may ask for metrics */
	__u64 flight_bytes; /* 0: no flight recorder */
	const char *exec; /* NULL: no program for findings */
	const char *flight_to; /* NULL: FLIGHT_FOLDER */
	bool journal;
	const char *syslog; /* a path */
	bool force;

	__u64 findings_max; /* -c, 0 without end */
	__u64 duration_ns; /* 0 without end */
	__u64 heartbeat_ns; /* 0: none */
	struct when since;
	struct when until;
	int fail_on; /* -1: off */

	const char *user;
	const char *file; /* -r */

	int packets; /* enum attach_packets */
	struct words without;
	struct words no_fences;
	__u64 ring_bytes;
	__u64 connections_max;

	bool clean;
	bool dry_run;

	const char *config; /* "none"; "": the usual files, as NULL for watch */
	struct config *read; /* what config_load() read; NULL nothing */

	bool help;
	bool version;

	bool given[OPTIONS_MAX]; /* rows that the command line has */
	char arguments[256]; /* the whole line, for the recording's start record */

	void *owned[WORDS_MAX]; /* copies of lists that were split at commas, and of joined words */
	size_t owned_count;
	const struct command_row *commands; /* COMMAND_COUNT rows; NULL: no command line was read */
};

struct command_row {
	const char *name;
	const char *arguments; /* for usage */
	const char *what;
	int (*run)(const struct options *options);
};

/*
 * Reads the command line. @commands: COMMAND_COUNT rows. Returns 0, or -EINVAL after logging one
 * line and a hint. Free with options_free() in both cases.
 */
int options_parse(struct options *options, const struct command_row *commands, int argc,
		  char **argv);
size_t options_forms(const struct options *options); /* how many forms of output are asked for */
int options_check_form(const struct options *options); /* one at most */
void options_free(struct options *options);

/* The word of the table of options nearest to @name, for a hint; NULL none is near. */
const char *option_nearest(const char *name);

/* Does the command show connections by what their sockets count, begin, end and figures of every one? */
bool options_count_flows(const struct options *options);

/* Usage of one command; COMMAND_COUNT: of the whole program. */
void options_help(FILE *file, const struct command_row *commands, enum command command);

/* Digits; @end behind the last one. Returns 0 or -EINVAL. */
int options_number(const char *text, __u64 *number, const char **end);

/* "4096", "64k", "4M". Returns 0 or -EINVAL. */
int options_bytes(const char *text, __u64 *bytes);

/* "10", "1.5s", "250ms", "5m", "8h" into ns. Returns 0 or -EINVAL. */
int options_time(const char *text, __u64 *ns);

/* "2026-11-20": the first moment after that day, in this machine's time zone. Returns 0 or -EINVAL. */
int options_day(const char *text, __u64 *ns);

/*
 * "2026-11-20T10:31:07.412Z", with a blank for the T, with an offset as +02:00, or of this machine's
 * time zone without; or as options_time() from the first packet on, 0 included. Returns 0 or -EINVAL.
 */
int options_when(const char *text, struct when *when);

/* The word of @words nearest to @word in spelling; NULL when none is near. */
const char *options_nearest(const char *word, const char *(*words)(void *ctx, size_t index),
			    void *ctx);
