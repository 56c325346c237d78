// SPDX-License-Identifier: GPL-2.0-or-later
/* options_value.c - numbers, times and words as people write them */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/options.h"
#include "util/array.h"

int options_number(const char *text, __u64 *number, const char **end)
{
	char *stop;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, &stop, 10);
	*end = stop;
	return errno ? -EINVAL : 0;
}

int options_bytes(const char *text, __u64 *bytes)
{
	const char *end;
	int shift;

	if (options_number(text, bytes, &end))
		return -EINVAL;
	shift = *end == 'k' || *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	end += shift ? 1 : 0;
	if (*end || *bytes >> (63 - shift))
		return -EINVAL;
	*bytes <<= shift;
	return 0;
}

int options_time(const char *text, __u64 *ns)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = { { "", 1e9 },   { "s", 1e9 },    { "ms", 1e6 },
		      { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };
	double value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	value = strtod(text, &end);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		/* a day more than a year keeps every sum of times far from overflow */
		if (value * units[i].factor < 1e6 || value * units[i].factor > 367 * 86400e9)
			return -EINVAL;
		*ns = (__u64)(value * units[i].factor);
		return 0;
	}
	return -EINVAL;
}

/* Levenshtein's distance, cut at words of 31 letters. */
static size_t spelling_distance(const char *a, const char *b)
{
	size_t rows[2][32];
	size_t la = strnlen(a, 31), lb = strnlen(b, 31);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *old = rows[(i - 1) & 1], *new = rows[i & 1];

		new[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = old[j - 1] + (a[i - 1] != b[j - 1]);

			best = old[j] + 1 < best ? old[j] + 1 : best;
			new[j] = new[j - 1] + 1 < best ? new[j - 1] + 1 : best;
		}
	}
	return rows[la & 1][lb];
}

const char *options_nearest(const char *word, const char *(*words)(void *ctx, size_t index),
			    void *ctx)
{
	size_t best = strlen(word) / 3 + 1;
	const char *nearest = NULL, *candidate;

	for (size_t i = 0; (candidate = words(ctx, i)); i++) {
		size_t distance = spelling_distance(word, candidate);

		/* a word that was only begun is near, however much is missing */
		if (strlen(word) >= 3 && !strncmp(word, candidate, strlen(word)))
			distance = 0;
		if (distance <= best && (!nearest || distance < best)) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}
