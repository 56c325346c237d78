/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare.h - two captures compared, told */
#pragma once

#include "join/compare/compare.h"
#include "rules/compare/compare.h"
#include "sinks/sinks.h"

struct comparison_summary {
	const char *path[COMPARE_SIDES];
	const struct compare_counters *counters[COMPARE_SIDES];
	__u64 dropped[COMPARE_SIDES];
	bool damaged[COMPARE_SIDES];
	const struct compare_clock *clock;
	__u64 verdicts[VERDICT_COUNT];
	__u64 connections; /* of either side, a pair once */
	__u64 pairs;
	__u64 untold; /* not shown: of less severity */
};

enum comparison_format { COMPARISON_TEXT, COMPARISON_BRIEF, COMPARISON_JSON };

struct comparison_options {
	enum comparison_format format;
	FILE *file;
	bool color;
	bool ascii;
	bool utc;
};

void comparison_tell(const struct comparison_options *options, const struct compare_result *result,
		     const struct compare_clock *clock, const struct comparison *comparison);
void comparison_tell_summary(const struct comparison_options *options,
			     const struct comparison_summary *summary);
