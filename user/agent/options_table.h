/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_table.h - every option, a row each: what parses them and what --help prints */
#pragma once

#include "agent/options.h"

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
	__u8 commands; /* BIT(COMMAND_*) that take it */
	size_t offset; /* in struct options */
	const char *value; /* how --help calls the value */
	const char *const *names; /* OPTION_CHOICE */
	__s64 preset; /* OPTION_CHOICE, _NUMBER, _BYTES */
	__u64 least, most; /* OPTION_NUMBER, _BYTES */
	const char *what;
};

#define OPTIONS_MAX 64 /* rows at most */

extern const struct option_row option_rows[];
extern const size_t option_rows_count;
