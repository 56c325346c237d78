/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare_words.h - words that the forms of a comparison share */
#pragma once

#include "sinks/compare/compare.h"
#include "util/text.h"

/* How a change looks on either side: "1460", "10.0.0.1:4000"; empty: nothing to show. */
void comparison_say_change(struct text *text, const struct compare_result *result, unsigned int way,
			   unsigned int change, unsigned int side);

/* "4 packets", of all kinds */
__u32 comparison_matched(const struct compare_way *way);
__u32 comparison_only(const struct compare_way *way, unsigned int side);
__u32 comparison_unsure(const struct compare_way *way, unsigned int side);

void comparison_json(FILE *file, const struct compare_result *result,
		     const struct compare_clock *clock, const struct comparison *comparison);
void comparison_json_summary(FILE *file, const struct comparison_summary *summary);
