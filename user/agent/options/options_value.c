// SPDX-License-Identifier: GPL-2.0-or-later
/* options_value.c - numbers, times and words as people write them */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/options/options.h"
#include "util/array.h"
#include "util/time.h"

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

/* "1.5s" and the like into ns, as far as a double goes. */
static int time_parse(const char *text, double *ns)
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
		*ns = value * units[i].factor;
		/* a day more than a year keeps every sum of times far from overflow */
		return *ns > 367 * 86400e9 ? -EINVAL : 0;
	}
	return -EINVAL;
}

int options_time(const char *text, __u64 *ns)
{
	double value;

	if (time_parse(text, &value) || value < 1e6)
		return -EINVAL;
	*ns = (__u64)value;
	return 0;
}

/* ".412" and so on at *@at, into ns; digits after the ninth are below what is told. */
static __u64 fraction_parse(const char **at)
{
	__u64 ns = 0, digit = 100000000;

	if (**at != '.')
		return 0;
	for (*at += 1; **at >= '0' && **at <= '9'; *at += 1, digit /= 10)
		ns += (__u64)(**at - '0') * digit;
	return ns;
}

/* RFC 3339 5.6. Returns -EINVAL also for a day that no calendar has. */
static int stamp_parse(const char *text, __u64 *ns)
{
	struct tm tm = { .tm_isdst = -1 }, same;
	int end = 0, hours = 0, minutes = 0;
	__u64 fraction;
	char sign = 0;
	time_t time;

	if (sscanf(text, "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
	    !end)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	text += end;
	fraction = fraction_parse(&text);
	if (*text == 'Z' || *text == 'z')
		sign = *text++;
	else if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) == 3 &&
		 (sign == '+' || sign == '-'))
		text += end;
	else
		sign = 0;
	if (*text)
		return -EINVAL;
	same = tm;
	time = sign ? timegm(&same) : mktime(&same);
	if (time < 0 || same.tm_mday != tm.tm_mday || same.tm_mon != tm.tm_mon ||
	    same.tm_min != tm.tm_min || hours > 23 || minutes > 59)
		return -EINVAL;
	time -= (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	if (time < 0 ||
	    (__u64)time >= INT64_MAX / NS_PER_S) /* no capture has time before or after */
		return -EINVAL;
	*ns = (__u64)time * NS_PER_S + fraction;
	return 0;
}

int options_day(const char *text, __u64 *ns)
{
	struct tm tm = { .tm_isdst = -1 }, same;
	int end = 0;
	time_t time;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &end) != 3 ||
	    text[end])
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	time = mktime(&same);
	if (time < 0 || same.tm_mday != tm.tm_mday || same.tm_mon != tm.tm_mon)
		return -EINVAL;
	tm.tm_mday++;
	time = mktime(&tm);
	if (time < 0 || (__u64)time >= INT64_MAX / NS_PER_S)
		return -EINVAL;
	*ns = (__u64)time * NS_PER_S;
	return 0;
}

int options_when(const char *text, struct when *when)
{
	double value;

	*when = (struct when){ .given = true };
	if (!stamp_parse(text, &when->ns))
		return 0;
	if (time_parse(text, &value))
		return -EINVAL;
	when->relative = true;
	when->ns = (__u64)value;
	return 0;
}

/* Of two rows above: two letters that changed places are one slip of the hand, not two. */
static bool is_swapped(const char *a, const char *b, size_t i, size_t j)
{
	return i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
}

/* Optimal string alignment (Levenshtein's distance with transpositions), cut at words of 31 letters. */
static size_t spelling_distance(const char *a, const char *b)
{
	size_t rows[3][32];
	size_t la = strnlen(a, 31), lb = strnlen(b, 31);

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		const size_t *above = rows[(i - 1) % 3], *higher = rows[(i + 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (is_swapped(a, b, i, j) && higher[j - 2] + 1 < best)
				best = higher[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[la % 3][lb];
}

const char *options_nearest(const char *word, const char *(*words)(void *ctx, size_t index),
			    void *ctx)
{
	/* of three letters every word is some other's neighbour */
	size_t best = strlen(word) > 3 ? strlen(word) / 3 + 1 : 1;
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
