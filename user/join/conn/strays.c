// SPDX-License-Identifier: GPL-2.0-or-later
/* strays.c - what was seen of a packet whose opening is not known yet */

#include <errno.h>
#include <stdlib.h>

#include "join/conn/opening.h"

LIST_HEAD(sighting_list, sighting);

/* What could not be placed yet: a ring, and the ways to find something in it. */
struct strays {
	struct sighting *ring;
	struct sighting_list *by_ends;
	struct sighting_list *by_isn;
	size_t room;
	size_t next;
	size_t mask;
};

int strays_new(struct strays **out, __u32 room)
{
	struct strays *strays = calloc(1, sizeof(*strays));
	size_t buckets = 64;

	if (!strays)
		return -ENOMEM;
	while (buckets < 2 * (size_t)room)
		buckets *= 2;
	strays->mask = buckets - 1;
	strays->room = room;
	strays->ring = calloc(room, sizeof(*strays->ring));
	strays->by_ends = calloc(buckets, sizeof(*strays->by_ends));
	strays->by_isn = calloc(buckets, sizeof(*strays->by_isn));
	if (!strays->ring || !strays->by_ends || !strays->by_isn) {
		strays_free(strays);
		return -ENOMEM;
	}
	*out = strays;
	return 0;
}

void strays_free(struct strays *strays)
{
	if (!strays)
		return;
	free(strays->ring);
	free(strays->by_ends);
	free(strays->by_isn);
	free(strays);
}

struct sighting *strays_between(const struct strays *strays, const struct ends *ends)
{
	return LIST_FIRST(&strays->by_ends[ends->hash & strays->mask]);
}

static struct sighting_list *isn_bucket(const struct strays *strays, __u32 isn)
{
	return &strays->by_isn[hash_mix(0, isn) & strays->mask];
}

struct sighting *strays_of_isn(const struct strays *strays, __u32 isn)
{
	return LIST_FIRST(isn_bucket(strays, isn));
}

void strays_forget(struct sighting *stray)
{
	LIST_REMOVE(stray, link);
	if (stray->in_isn)
		LIST_REMOVE(stray, by_isn);
	stray->used = false;
	stray->in_isn = false;
}

bool strays_keep(struct strays *strays, const struct sighting *sighting, bool syn)
{
	struct sighting *stray = &strays->ring[strays->next];
	bool overwritten = stray->used;
	struct ends ends = ends_of(sighting->source, sighting->source_port, sighting->destination,
				   sighting->destination_port);

	strays->next = (strays->next + 1) % strays->room;
	if (overwritten)
		strays_forget(stray);
	*stray = *sighting;
	stray->used = true;
	LIST_INSERT_HEAD(&strays->by_ends[ends.hash & strays->mask], stray, link);
	if (!stray->seq_known || stray->quoted || !syn)
		return overwritten;
	stray->in_isn = true;
	LIST_INSERT_HEAD(isn_bucket(strays, stray->seq), stray, by_isn);
	return overwritten;
}
