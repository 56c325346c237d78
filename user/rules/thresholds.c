// SPDX-License-Identifier: GPL-2.0-or-later
/* thresholds.c - every number a rule compares with: name, unit, default, and how to set it */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "rules/rules.h"
#include "util/array.h"

static const struct threshold_row rows[] = {
#define X(id, name, unit, value, what) { name, unit, value, what },
	THRESHOLDS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(rows) == THRESHOLD_COUNT, "a row for every threshold");

const struct thresholds thresholds_default = { {
#define X(id, name, unit, value, what) [THRESHOLD_##id] = value,
	THRESHOLDS(X)
#undef X
} };

const struct threshold_row *threshold_row(size_t index)
{
	return index < ARRAY_SIZE(rows) ? &rows[index] : NULL;
}

/* Decimal digits only, no sign, no overflow. */
static int parse_number(const char *text, __u64 *out)
{
	__u64 value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (__u64)(*text - '0'), &value))
			return -EINVAL;
	}
	/* the greatest unit is seconds: what is compared is nanoseconds in 64 bits */
	if (value > UINT32_MAX)
		return -EINVAL;
	*out = value;
	return 0;
}

int threshold_set(struct thresholds *thresholds, const char *assignment)
{
	size_t length = strcspn(assignment, "=");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strlen(rows[i].name) != length ||
		    strncmp(rows[i].name, assignment, length) != 0)
			continue;
		if (!assignment[length])
			return -EINVAL;
		return parse_number(assignment + length + 1, &thresholds->value[i]);
	}
	return -ENOENT;
}
