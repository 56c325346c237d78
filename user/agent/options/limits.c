// SPDX-License-Identifier: GPL-2.0-or-later
/* limits.c - join's numbers as named thresholds */

#include <errno.h>
#include <string.h>

#include "agent/options/limits.h"
#include "agent/options/options.h"
#include "util/array.h"
#include "util/log.h"
#include "util/time.h"

#define MOST (86400 * NS_PER_S) /* sums of times stay far from overflow */

static const struct limit_row rows[] = {
	{ "join.settle", "ms", offsetof(struct join_limits, settle_ns), NS_PER_MS,
	  "a final verdict waits so long for late evidence" },
	{ "join.settle-reset", "ms", offsetof(struct join_limits, settle_reset_ns), NS_PER_MS,
	  "that of a reset: whether the process then closes without having heard of it" },
	{ "join.settle-bind", "ms", offsetof(struct join_limits, settle_bind_ns), NS_PER_MS,
	  "that of a bind(): whether the process then binds another port" },
	{ "join.fallback", "ms", offsetof(struct join_limits, fallback_ns), NS_PER_MS,
	  "a try so soon after a failure belongs to the same attempt" },
	{ "join.stagger", "ms", offsetof(struct join_limits, stagger_ns), NS_PER_MS,
	  "overlapping tries begun closer than this are attempts of their own" },
	{ "join.proven", "ms", offsetof(struct join_limits, proven_ns), NS_PER_MS,
	  "a connection that lived so long worked" },
	{ "join.episode", "ms", offsetof(struct join_limits, episode_ns), NS_PER_MS,
	  "a listener's overflow is told after so long" },
	{ "join.unanswered", "ms", offsetof(struct join_limits, unanswered_ns), NS_PER_MS,
	  "a SYN of a capture is unanswered when nothing came for so long" },
	{ "join.expire", "s", offsetof(struct join_limits, expire_ns), NS_PER_S,
	  "a try whose end was never seen is let go after so long" },
};

const struct limit_row *limits_row(size_t index)
{
	return index < ARRAY_SIZE(rows) ? &rows[index] : NULL;
}

static __u64 *row_value(struct join_limits *limits, const struct limit_row *row)
{
	return (__u64 *)((char *)limits + row->offset);
}

__u64 limits_value(const struct join_limits *limits, const struct limit_row *row)
{
	return *row_value((struct join_limits *)limits, row) / row->unit_ns;
}

int limits_set(struct join_limits *limits, const char *assignment)
{
	size_t length = strcspn(assignment, "=");
	const char *end;
	__u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strlen(rows[i].name) != length ||
		    strncmp(rows[i].name, assignment, length) != 0)
			continue;
		if (!assignment[length] || options_number(assignment + length + 1, &value, &end) ||
		    *end || !value || value > MOST / rows[i].unit_ns)
			return -EINVAL;
		*row_value(limits, &rows[i]) = value * rows[i].unit_ns;
		return 0;
	}
	return -ENOENT;
}

int limits_read(const struct words *words, struct thresholds *thresholds,
		struct join_limits *limits)
{
	for (size_t i = 0; i < words->count; i++) {
		int err = threshold_set(thresholds, words->at[i]);

		if (err == -ENOENT)
			err = limits_set(limits, words->at[i]);
		if (!err)
			continue;
		log_error("--set %s: %s", words->at[i],
			  err == -ENOENT ? "no such threshold" : "not NAME=NUMBER");
		log_hint("sockwhy explain lists the thresholds with their units");
		return -EINVAL;
	}
	return 0;
}
