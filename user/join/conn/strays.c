// SPDX-License-Identifier: GPL-2.0-or-later
/* strays.c - what was seen of a packet whose opening is not known yet */

#include <errno.h>
#include <stdlib.h>

#include "join/conn/opening.h"

/* What could not be placed yet: a ring, and the ways to find something in it. */
struct strays {
	struct sighting *ring;
	struct hash by_ends;
	struct hash by_isn; /* SYNs, and what was done to them */
	__u32 room;
	__u32 next;
};

int strays_new(struct strays **out, __u32 room)
{
	struct strays *strays = calloc(1, sizeof(*strays));

	if (!strays)
		return -ENOMEM;
	strays->room = room;
	strays->ring = calloc(room, sizeof(*strays->ring));
	if (!strays->ring || hash_new(&strays->by_ends, room) || hash_new(&strays->by_isn, room)) {
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
	hash_free(&strays->by_ends);
	hash_free(&strays->by_isn);
	free(strays->ring);
	free(strays);
}

static struct sighting *at(const struct strays *strays, __u32 index)
{
	return index == HASH_END ? NULL : &strays->ring[index];
}

static __u32 index_of(const struct strays *strays, const struct sighting *stray)
{
	return (__u32)(stray - strays->ring);
}

struct sighting *strays_between(const struct strays *strays, const struct ends *ends)
{
	return at(strays, hash_first(&strays->by_ends, ends->hash));
}

struct sighting *strays_next_between(const struct strays *strays, const struct sighting *stray)
{
	return at(strays, hash_next(&strays->by_ends, index_of(strays, stray)));
}

struct sighting *strays_of_isn(const struct strays *strays, __u32 isn)
{
	return at(strays, hash_first(&strays->by_isn, hash_mix(0, isn)));
}

struct sighting *strays_next_of_isn(const struct strays *strays, const struct sighting *stray)
{
	return at(strays, hash_next(&strays->by_isn, index_of(strays, stray)));
}

void strays_forget(struct strays *strays, const struct sighting *stray)
{
	hash_remove(&strays->by_ends, index_of(strays, stray));
	hash_remove(&strays->by_isn, index_of(strays, stray));
}

void strays_keep(struct strays *strays, const struct sighting *sighting, bool syn)
{
	__u32 index = strays->next;
	struct sighting *stray = &strays->ring[index];
	struct ends ends = ends_of(sighting->source, sighting->source_port, sighting->destination,
				   sighting->destination_port);

	strays->next = (index + 1) % strays->room;
	strays_forget(strays, stray);
	*stray = *sighting;
	hash_add(&strays->by_ends, ends.hash, index);
	if (stray->seq_known && !stray->quoted && syn)
		hash_add(&strays->by_isn, hash_mix(0, stray->seq), index);
}
