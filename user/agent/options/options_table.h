/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_table.h - every option, a row each: what parses them and what --help prints */
#pragma once

#include "agent/options/options.h"

enum option_type {
	OPTION_FLAG, /* bool */
	OPTION_COUNT, /* unsigned int: how often */
	OPTION_TEXT, /* const char * */
	OPTION_WORDS, /* struct words, repeatable */
	OPTION_LIST, /* struct words, repeatable and split at commas */
	OPTION_NUMBER, /* __u64 */
	OPTION_BYTES, /* __u64, k and M */
	OPTION_TIME, /* __u64 ns */
	OPTION_WHEN, /* struct when */
	OPTION_CHOICE, /* int: index in .names */
};

enum option_group {
	GROUP_WHICH,
	GROUP_FINDINGS,
	GROUP_OUTPUT,
	GROUP_HOW,
	GROUP_DOCTOR,
	GROUP_COUNT
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	__u8 type; /* enum option_type */
	__u8 group; /* enum option_group */
	__u16 commands; /* BIT(COMMAND_*) that take it */
	size_t offset; /* in struct options */
	const char *value; /* how --help calls the value */
	const char *const *names; /* OPTION_CHOICE */
	__s64 preset; /* OPTION_CHOICE, _NUMBER, _BYTES */
	__u64 least, most; /* OPTION_NUMBER, _BYTES */
	const char *what;
	bool line_only; /* of the command line: no configuration file has it */
	bool lone; /* its value may be left out at the end of the line */
	bool form; /* of the output: of these only one can be */
};

extern const struct option_row option_rows[];
extern const size_t option_rows_count;

/* The row of a long name; NULL none. */
const struct option_row *option_find(const char *name, size_t length);

/* Where its value stands in @options, and whether the command line has it, or another of its kind. */
void *option_place(const struct option_row *row, struct options *options);
bool option_is_given(const struct options *options, const struct option_row *row);

/* Returns 0 or -EINVAL after logging. The value's words live as long as @value, copies are owned. */
int option_set(const struct option_row *row, struct options *options, const char *value);
