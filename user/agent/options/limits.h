/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limits.h - join's numbers as named thresholds, for --set and explain */
#pragma once

#include <stddef.h>

#include "agent/options/options.h"
#include "join/join.h"
#include "rules/rules.h"

struct limit_row {
	const char *name; /* "join.settle" */
	const char *unit;
	size_t offset; /* of a __u64 in ns in struct join_limits */
	__u64 unit_ns;
	const char *what;
};

const struct limit_row *limits_row(size_t index); /* NULL at the end */
__u64 limits_value(const struct join_limits *limits, const struct limit_row *row); /* in its unit */

/* "join.settle=300". Returns 0; -ENOENT no such name; -EINVAL no number. */
int limits_set(struct join_limits *limits, const char *assignment);

/* All of --set, those of rules among them. Returns 0, or -EINVAL after logging. */
int limits_read(const struct words *words, struct thresholds *thresholds,
		struct join_limits *limits);
