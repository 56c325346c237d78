// SPDX-License-Identifier: GPL-2.0-or-later
/* gauges.c - how full something of the host is, look by look */

#include "join/host/gauges_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/time.h"

#define GAUGES_MAX 1024 /* a few of each namespace: looks are rare, so they are walked */
#define FORGOTTEN_NS (600 * NS_PER_S) /* what is older says nothing of a trend */

struct gauge_slot {
	struct gauge gauge; /* first */
	bool told;
};

struct gauges {
	struct gauge_slot slots[GAUGES_MAX];
	size_t count;
};

int gauges_new(struct gauges **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void gauges_free(struct gauges *gauges)
{
	free(gauges);
}

static const struct gauge_reading *last_of(const struct gauge *gauge)
{
	return &gauge->readings[gauge->count - 1];
}

static struct gauge_slot *find(struct gauges *gauges, __u32 netns, __u32 what)
{
	for (size_t i = 0; i < gauges->count; i++)
		if (gauges->slots[i].gauge.netns == netns && gauges->slots[i].gauge.what == what)
			return &gauges->slots[i];
	return NULL;
}

/* The one that was not read for longest makes room. */
static struct gauge_slot *take(struct gauges *gauges, __u32 netns, __u32 what)
{
	struct gauge_slot *slot = find(gauges, netns, what);

	if (slot)
		return slot;
	if (gauges->count < GAUGES_MAX) {
		slot = &gauges->slots[gauges->count++];
	} else {
		slot = &gauges->slots[0];
		for (size_t i = 1; i < GAUGES_MAX; i++)
			if (last_of(&gauges->slots[i].gauge)->ts_ns < last_of(&slot->gauge)->ts_ns)
				slot = &gauges->slots[i];
	}
	*slot = (struct gauge_slot){ .gauge = { .netns = netns, .what = what } };
	return slot;
}

const struct gauge *join_gauge(const struct join *join, __u32 netns, enum event_gauge what)
{
	const struct gauge_slot *slot = find(join->gauges, netns, what);

	return slot ? &slot->gauge : NULL;
}

static bool is_counter(const struct gauge *gauge)
{
	return gauge->what == GAUGE_TCP_PRESSURES || gauge->what == GAUGE_TCP_ABORTED;
}

/* The first reading of a counter is what later ones are compared with, however old it is. */
static void keep(struct gauge *gauge, const struct event *event)
{
	size_t last = gauge->count - 1, gone = 0;

	if (gauge->count && is_counter(gauge))
		gone = event->gauge.number < gauge->readings[last].number ? gauge->count : last;
	while (!is_counter(gauge) && gone < gauge->count &&
	       (gauge->readings[gone].ts_ns + FORGOTTEN_NS < event->head.ts_ns ||
		gauge->count - gone == JOIN_READINGS_MAX))
		gone++;
	gauge->count -= gone;
	memmove(gauge->readings, gauge->readings + gone, gauge->count * sizeof(gauge->readings[0]));
	gauge->readings[gauge->count++] = (struct gauge_reading){
		.ts_ns = event->head.ts_ns,
		.number = event->gauge.number,
		.most = event->gauge.most,
	};
}

static bool is_bad(const struct gauge *gauge)
{
	const struct gauge_reading *last = last_of(gauge);

	switch (gauge->what) {
	case GAUGE_CONNTRACK:
		return last->most && last->number >= last->most / 2;
	case GAUGE_TCP_PRESSURES:
		return gauge->count > 1;
	default:
		return false;
	}
}

const struct gauge *gauges_event(struct join *join, const struct event *event)
{
	struct gauge_slot *slot = take(join->gauges, event->head.netns, event->gauge.what);

	keep(&slot->gauge, event);
	if (!is_bad(&slot->gauge))
		slot->told = false;
	return is_bad(&slot->gauge) && !slot->told ? &slot->gauge : NULL;
}

void gauges_told(const struct gauge *gauge)
{
	((struct gauge_slot *)gauge)->told = true;
}
