// SPDX-License-Identifier: GPL-2.0-or-later
/* lookups.c - the table of lookups: slots, found by client and name; evidence */

#include "join/lookup/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/lookup/names.h"
#include "join/lookup/veil.h"
#include "util/address.h"
#include "util/array.h"

bool lookup_is_copy(struct join *join, const struct event *event)
{
	struct lookups *lookups = join->lookups;

	return copy_of_packet(lookups->past, ARRAY_SIZE(lookups->past), &lookups->past_next, event);
}

/* ---- slots ---- */

int lookups_new(struct lookups **out)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));

	if (!lookups)
		return -ENOMEM;
	TAILQ_INIT(&lookups->waiting);
	TAILQ_INIT(&lookups->worked);
	TAILQ_INIT(&lookups->datagrams);
	TAILQ_INIT(&lookups->ended);
	TAILQ_INIT(&lookups->free);
	TAILQ_INIT(&lookups->early);
	lookups->slots = calloc(LOOKUPS_MAX, sizeof(*lookups->slots));
	if (!lookups->slots || hash_new(&lookups->by_name, LOOKUPS_MAX) ||
	    hash_new(&lookups->by_wish, LOOKUPS_MAX) || lookup_askers_new(&lookups->askers) ||
	    veils_new(&lookups->veils) || names_new(&lookups->names)) {
		lookups_free(lookups);
		return -ENOMEM;
	}
	*out = lookups;
	return 0;
}

void lookups_free(struct lookups *lookups)
{
	if (!lookups)
		return;
	free(lookups->slots);
	hash_free(&lookups->by_name);
	hash_free(&lookups->by_wish);
	lookup_askers_free(lookups->askers);
	veils_free(lookups->veils);
	names_free(lookups->names);
	free(lookups);
}

static __u32 index_of(const struct lookups *lookups, const struct lookup_slot *slot)
{
	return (__u32)(slot - lookups->slots);
}

/* A process may ask each server from another address of the host; a capture knows only addresses. */
static __u64 name_key(__u64 asker, const __u8 *client, const char *name)
{
	return hash_bytes(asker ? asker : address_hash(client), name, strlen(name));
}

__u64 lookups_wish_key(const char *name)
{
	return hash_bytes(0, name, strlen(name));
}

struct lookup_slot *lookups_find(struct lookups *lookups, __u64 asker, const __u8 *client,
				 const char *name)
{
	__u32 i = hash_first(&lookups->by_name, name_key(asker, client, name));

	for (; i != HASH_END; i = hash_next(&lookups->by_name, i)) {
		struct lookup_slot *slot = &lookups->slots[i];

		if (slot->asker == asker && (asker || address_equal(slot->lookup.client, client)) &&
		    !strcmp(slot->lookup.name, name))
			return slot;
	}
	return NULL;
}

void lookup_release(struct join *join, const struct lookup *lookup)
{
	struct lookup_slot *slot = (struct lookup_slot *)lookup;

	owners_set(join->owners, &slot->lookup.owner, NULL);
	owners_set(join->owners, &slot->lookup.upstream.owner, NULL);
	TAILQ_INSERT_HEAD(&join->lookups->free, slot, by_time);
}

struct lookup_slot *lookup_next(struct join *join)
{
	struct lookup_slot *slot = TAILQ_FIRST(&join->lookups->ended);

	if (slot)
		TAILQ_REMOVE(&join->lookups->ended, slot, by_time);
	return slot;
}

static struct lookup_queue *queue_of(struct lookups *lookups, enum lookup_queued queued)
{
	return queued == LOOKUP_WAITING ? &lookups->waiting :
	       queued == LOOKUP_WORKED	? &lookups->worked :
					  &lookups->datagrams;
}

static void enqueue(struct lookups *lookups, struct lookup_slot *slot, enum lookup_queued queued)
{
	slot->queued = queued;
	TAILQ_INSERT_TAIL(queue_of(lookups, queued), slot, by_time);
	lookups->worked_count += queued == LOOKUP_WORKED;
	lookups->datagrams_count += queued == LOOKUP_DATAGRAM;
}

static void dequeue(struct lookups *lookups, struct lookup_slot *slot)
{
	TAILQ_REMOVE(queue_of(lookups, slot->queued), slot, by_time);
	lookups->worked_count -= slot->queued == LOOKUP_WORKED;
	lookups->datagrams_count -= slot->queued == LOOKUP_DATAGRAM;
}

void lookups_move(struct lookups *lookups, struct lookup_slot *slot, enum lookup_queued queued)
{
	dequeue(lookups, slot);
	enqueue(lookups, slot, queued);
}

void lookups_set_failed(struct lookups *lookups, struct lookup_slot *slot, __u64 failed_ns)
{
	lookups->failed_count -= !!slot->failed_ns;
	lookups->failed_count += !!failed_ns;
	slot->failed_ns = failed_ns;
}

void lookups_forget_truncation(struct lookups *lookups, struct lookup_slot *slot)
{
	if (!slot->truncated_ns)
		return;
	slot->truncated_ns = 0;
	LIST_REMOVE(slot, by_truncation);
	lookups->truncated_count--;
}

void lookups_unlink(struct lookups *lookups, struct lookup_slot *slot)
{
	lookups_forget_truncation(lookups, slot);
	lookups_set_failed(lookups, slot, 0);
	hash_remove(&lookups->by_name, index_of(lookups, slot));
	hash_remove(&lookups->by_wish, index_of(lookups, slot));
	if (slot->in_early)
		TAILQ_REMOVE(&lookups->early, slot, by_early);
	slot->in_early = false;
	dequeue(lookups, slot);
}

struct lookup_slot *lookup_next_early(struct join *join)
{
	struct lookup_slot *slot = TAILQ_FIRST(&join->lookups->early);

	if (!slot)
		return NULL;
	TAILQ_REMOVE(&join->lookups->early, slot, by_early);
	slot->in_early = false;
	return slot;
}

/* Of what was told early it is told that it is over. */
void lookup_drop(struct join *join, struct lookup_slot *slot)
{
	lookups_unlink(join->lookups, slot);
	if (!slot->attempt) {
		lookup_release(join, &slot->lookup);
		return;
	}
	slot->lookup.unknown = true;
	slot->lookup.ended_ns = join->now_ns;
	slot->queued = LOOKUP_ENDED;
	TAILQ_INSERT_TAIL(&join->lookups->ended, slot, by_time);
}

/* Makes room: one that worked, with which nothing is lost, else the oldest; NULL: it cannot be. */
static struct lookup_slot *evict(struct join *join)
{
	struct lookups *lookups = join->lookups;
	struct lookup_slot *slot = TAILQ_FIRST(&lookups->worked);

	if (slot) {
		lookups_unlink(lookups, slot);
		lookup_release(join, &slot->lookup);
	} else {
		join->counters.evicted++;
		slot = TAILQ_FIRST(&lookups->waiting);
		if (!slot)
			return NULL;
		lookup_drop(join, slot);
	}
	slot = TAILQ_FIRST(&lookups->free);
	if (slot)
		TAILQ_REMOVE(&lookups->free, slot, by_time);
	return slot;
}

static void set_from(struct join *join, struct lookup_slot *slot, const struct lookup_from *from)
{
	struct lookup *lookup = &slot->lookup;

	slot->asker = from->asker;
	slot->place = from->place;
	slot->foreign = from->foreign;
	slot->reach = from->reach;
	lookup->sources = from->sources;
	lookup->cookie = from->cookie;
	lookup->netns = from->netns;
	lookup->at_home = from->at_home;
	owners_set(join->owners, &lookup->owner, from->owner);
}

struct lookup_slot *lookups_take(struct join *join, const struct lookup_from *from,
				 const __u8 *client, const char *name, __u64 started_ns,
				 enum lookup_queued queued)
{
	struct lookups *lookups = join->lookups;
	struct lookup_slot *slot = TAILQ_FIRST(&lookups->free);

	if (slot)
		TAILQ_REMOVE(&lookups->free, slot, by_time);
	else if (lookups->touched < LOOKUPS_MAX)
		slot = &lookups->slots[lookups->touched++];
	else
		slot = evict(join);
	if (!slot)
		return NULL;
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->lookup.client, client, EVENT_ADDRESS_SIZE);
	memcpy(slot->lookup.name, name, strlen(name) + 1);
	slot->lookup.started_ns = started_ns;
	set_from(join, slot, from);
	hash_add(&lookups->by_name, name_key(from->asker, client, name), index_of(lookups, slot));
	if (from->asker)
		hash_add(&lookups->by_wish, lookups_wish_key(name), index_of(lookups, slot));
	enqueue(lookups, slot, queued);
	return slot;
}

struct lookup_slot *lookup_take_datagram(struct join *join, const __u8 *client, __u64 started_ns)
{
	const struct lookup_from nobody = { .sources = SOURCE_CAPTURE };

	return lookups_take(join, &nobody, client, "", started_ns, LOOKUP_DATAGRAM);
}

/* ---- evidence ---- */

struct evidence lookup_evidence(const struct event *event, enum evidence_direction direction)
{
	struct evidence evidence = evidence_of(event);

	evidence_note_packet(&evidence, &event->packet);
	evidence.kind = EVENT_PACKET; /* a frame is one, taken from a file */
	if (event->head.kind == EVENT_FRAME)
		evidence.frame = event->frame.frame;
	evidence.direction = direction;
	memcpy(evidence.address, event->packet.source, EVENT_ADDRESS_SIZE);
	return evidence;
}

void lookup_add_evidence(struct lookup_slot *slot, const struct evidence *evidence)
{
	if (slot->evidence_count == LOOKUP_EVIDENCE)
		slot->evidence_omitted++;
	else
		slot->evidence[slot->evidence_count++] = *evidence;
}
