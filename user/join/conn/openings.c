// SPDX-License-Identifier: GPL-2.0-or-later
/* openings.c - the table of openings: slots, and how a record finds its own */

#include <string.h>

#include "join/attempt/attempt.h"
#include "util/address.h"

static void unlink_slot(struct opening_slot *slot)
{
	if (slot->by_cookie.le_prev)
		LIST_REMOVE(slot, by_cookie);
	slot->by_cookie.le_prev = NULL;
	for (int i = 0; i < ALIAS_COUNT; i++)
		if (slot->alias[i].linked)
			LIST_REMOVE(&slot->alias[i], link);
}

/*
 * Order of preference for a slot: one that is free, one never used, the longest retired, and as
 * the last resort the oldest live one, whose attempt is then given up and counted.
 */
struct opening_slot *openings_take(struct join *join)
{
	size_t room = join->limits.connections - join->openings_touched +
		      join->openings_free_count + join->retired_count;
	struct opening_slot *slot;

	if (room <= join->limits.connections / 16)
		attempt_hurry(join);
	if (!join->openings_free_count && join->openings_touched == join->limits.connections) {
		if (TAILQ_EMPTY(&join->retired)) {
			slot = TAILQ_FIRST(&join->live);
			if (!slot)
				return NULL;
			join->counters.evicted++;
			if (slot->attempt)
				attempt_evict(join, slot->attempt);
			else
				openings_retire(join, slot);
		}
		slot = TAILQ_FIRST(&join->retired);
		if (!slot)
			return NULL; /* its attempt waits to be told */
		TAILQ_REMOVE(&join->retired, slot, by_age);
		join->retired_count--;
		unlink_slot(slot);
	} else {
		slot = join->openings_free_count ?
			       join->openings_free[--join->openings_free_count] :
			       &join->openings[join->openings_touched++];
	}
	memset(slot, 0, sizeof(*slot));
	TAILQ_INSERT_TAIL(&join->live, slot, by_age);
	return slot;
}

static struct opening_list *cookie_bucket(struct join *join, __u64 cookie)
{
	return &join->by_cookie[hash_mix(0, cookie) & (join->buckets - 1)];
}

void openings_set_cookie(struct join *join, struct opening_slot *slot, __u64 cookie)
{
	if (slot->by_cookie.le_prev)
		LIST_REMOVE(slot, by_cookie);
	slot->by_cookie.le_prev = NULL;
	slot->opening.cookie = cookie;
	if (cookie)
		LIST_INSERT_HEAD(cookie_bucket(join, cookie), slot, by_cookie);
}

struct opening_slot *openings_by_cookie(struct join *join, __u64 cookie)
{
	struct opening_slot *slot;

	if (!cookie)
		return NULL;
	LIST_FOREACH(slot, cookie_bucket(join, cookie), by_cookie)
		if (slot->opening.cookie == cookie)
			return slot;
	return NULL;
}

void openings_set_alias(struct join *join, struct opening_slot *slot, int which, const __u8 *local,
			__u16 local_port, const __u8 *remote, __u16 remote_port)
{
	struct alias *alias = &slot->alias[which];
	__u64 h = ends_hash(local, local_port, remote, remote_port);

	if (alias->linked)
		LIST_REMOVE(alias, link);
	memcpy(alias->local, local, sizeof(alias->local));
	memcpy(alias->remote, remote, sizeof(alias->remote));
	alias->local_port = local_port;
	alias->remote_port = remote_port;
	alias->slot = slot;
	alias->linked = true;
	LIST_INSERT_HEAD(&join->by_tuple[h & (join->buckets - 1)], alias, link);
}

struct opening_slot *openings_by_tuple(struct join *join, struct alias **previous,
				       const __u8 *local, __u16 local_port, const __u8 *remote,
				       __u16 remote_port)
{
	__u64 h = ends_hash(local, local_port, remote, remote_port);
	struct alias *alias = *previous ? LIST_NEXT(*previous, link) :
					  LIST_FIRST(&join->by_tuple[h & (join->buckets - 1)]);

	for (; alias; alias = LIST_NEXT(alias, link)) {
		if (alias->local_port == local_port && alias->remote_port == remote_port &&
		    address_equal(alias->local, local) && address_equal(alias->remote, remote)) {
			*previous = alias;
			return alias->slot;
		}
	}
	return NULL;
}

static void free_slot(struct join *join, struct opening_slot *slot)
{
	unlink_slot(slot);
	join->openings_free[join->openings_free_count++] = slot;
}

void openings_let_go(struct opening_slot *slot)
{
	slot->attempt = NULL;
	slot->seen = NULL;
}

void openings_retire(struct join *join, struct opening_slot *slot)
{
	if (slot->opening.captured)
		capture_unwatch(join, slot);
	TAILQ_REMOVE(&join->live, slot, by_age);
	openings_let_go(slot);
	slot->retired = true;
	TAILQ_INSERT_TAIL(&join->retired, slot, by_age);
	if (++join->retired_count <= JOIN_RETIRED_MAX)
		return;
	slot = TAILQ_FIRST(&join->retired);
	TAILQ_REMOVE(&join->retired, slot, by_age);
	join->retired_count--;
	free_slot(join, slot);
}

void openings_add_evidence(struct join *join, const struct opening_slot *slot,
			   const struct evidence *evidence)
{
	struct evidence own = *evidence;

	if (!slot->seen)
		return;
	own.opening_index = slot->index;
	evidence_add(join->evidence, slot->seen, &own);
}
