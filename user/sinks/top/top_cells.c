// SPDX-License-Identifier: GPL-2.0-or-later
/* top_cells.c - figures of a row as cells of a table, and which row stands before which */

#include <string.h>

#include "sinks/top/top_view.h"
#include "util/array.h"

#define NAME_LEAST 16
#define NAME_USUAL 28

const struct top_column_row top_columns[TOP_COLUMN_COUNT] = {
	[TOP_COLUMN_NAME] = { "", 0, true },	      [TOP_COLUMN_FAILED] = { "FAILED", 8, true },
	[TOP_COLUMN_TRIES] = { "TRIES", 7, true },    [TOP_COLUMN_AGAIN] = { "AGAIN", 7, false },
	[TOP_COLUMN_RESETS] = { "RESETS", 8, false }, [TOP_COLUMN_ROUND_TRIP] = { "RTT", 9, false },
	[TOP_COLUMN_RATE] = { "RATE", 10, false },    [TOP_COLUMN_OPEN] = { "OPEN", 6, false },
};

/* The last one goes first. */
unsigned int top_cells_fit(size_t width, size_t *name_width)
{
	unsigned int shown = BIT(TOP_COLUMN_COUNT) - 1;
	size_t taken = 0;

	for (size_t i = 0; i < TOP_COLUMN_COUNT; i++)
		taken += top_columns[i].width;
	for (int important = 0; important < 2; important++)
		for (size_t i = TOP_COLUMN_COUNT; i-- > 1 && taken + NAME_LEAST > width;) {
			if (top_columns[i].last_to_go != important)
				continue;
			shown &= ~BIT(i);
			taken -= top_columns[i].width;
		}
	*name_width = taken < width ? width - taken : 0;
	if (*name_width > 2 * NAME_USUAL) /* the newest finding stands in the rest */
		*name_width = NAME_USUAL + (*name_width - 2 * NAME_USUAL) / 3;
	return shown;
}

static void say_count(struct text *text, __u64 count)
{
	if (count < 1000000)
		text_add(text, "%llu", count);
	else if (count < 1000000000)
		text_add(text, "%lluk", count / 1000);
	else
		text_add(text, "%lluM", count / 1000000);
}

void top_cells_say_bytes(struct text *text, __u64 bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	__u64 rest = 0;
	size_t unit = 0;

	while (bytes >= 1000 && unit + 1 < ARRAY_SIZE(units)) {
		rest = bytes % 1000;
		bytes /= 1000;
		unit++;
	}
	if (unit && bytes < 100)
		text_add(text, "%llu.%llu %s", bytes, rest / 100, units[unit]);
	else
		text_add(text, "%llu %s", bytes, units[unit]);
}

void top_cells_say(struct text *text, const struct top_row *row, enum top_column column)
{
	switch (column) {
	case TOP_COLUMN_FAILED:
		say_count(text, row->failed);
		return;
	case TOP_COLUMN_TRIES:
		say_count(text, row->tries);
		return;
	case TOP_COLUMN_AGAIN:
		if (row->counted)
			say_count(text, row->again);
		return;
	case TOP_COLUMN_RESETS:
		if (row->counted)
			say_count(text, row->resets);
		return;
	case TOP_COLUMN_ROUND_TRIP:
		if (row->rtt_us)
			say_duration(text, row->rtt_us);
		return;
	case TOP_COLUMN_RATE:
		if (!row->rate_known)
			return;
		top_cells_say_bytes(text, row->rate);
		text_add(text, "/s");
		return;
	case TOP_COLUMN_OPEN:
		if (row->counted)
			say_count(text, row->open);
		return;
	case TOP_COLUMN_NAME:
	case TOP_COLUMN_COUNT:
		break;
	}
}

static __u64 figure(const struct top_row *row, enum top_column column)
{
	switch (column) {
	case TOP_COLUMN_FAILED:
		return row->failed;
	case TOP_COLUMN_TRIES:
		return row->tries;
	case TOP_COLUMN_AGAIN:
		return row->again;
	case TOP_COLUMN_RESETS:
		return row->resets;
	case TOP_COLUMN_ROUND_TRIP:
		return row->rtt_us;
	case TOP_COLUMN_RATE:
		return row->rate;
	case TOP_COLUMN_OPEN:
		return row->open;
	case TOP_COLUMN_NAME:
	case TOP_COLUMN_COUNT:
		break;
	}
	return 0;
}

/* Of equal ones who failed, then who was told of last: a list of zeros has an order, too. */
int top_cells_compare(const struct top_row *one, const struct top_row *other,
		      enum top_column column)
{
	__u64 a = figure(one, column), b = figure(other, column);

	if (a != b)
		return a > b ? -1 : 1;
	if (column != TOP_COLUMN_NAME && one->failed != other->failed)
		return one->failed > other->failed ? -1 : 1;
	if (column != TOP_COLUMN_NAME && one->tries != other->tries)
		return one->tries > other->tries ? -1 : 1;
	return strcmp(one->name, other->name);
}
