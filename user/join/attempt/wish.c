// SPDX-License-Identifier: GPL-2.0-or-later
/* wish.c - a lookup and the connect to what it gave are one wish, and get one verdict */

#include <string.h>

#include "join/attempt/attempt.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/time.h"

/*
 * A lookup that failed is followed by nothing. One that worked, but slowly, waits for the settle time
 * to see whether its caller connects to what it gave; if so, for what comes of that. A connect that
 * fails is the verdict, and says how long the lookup had taken; else the lookup has its own.
 */

static __u64 key_of(const struct lookup *lookup)
{
	__u64 who = lookup->owner ? lookup_asker(lookup->owner) : address_hash(lookup->client);

	return hash_bytes(who, lookup->name, strlen(lookup->name));
}

void wish_wait(struct join *join, struct attempt_slot *slot)
{
	slot->attempt.state = ATTEMPT_SETTLING;
	attempt_set_key(join, slot, key_of(slot->attempt.lookup));
	attempt_set_timer(join, slot, TIMER_WISH, slot->attempt.ended_ns + join->limits.settle_ns);
}

static bool is_of(const struct attempt_slot *waiting, const struct attempt_slot *slot,
		  const struct opening *opening, const char *name)
{
	const struct event_owner *owner = slot->attempt.owner;
	const struct lookup *lookup = waiting->attempt.lookup;

	if (waiting->timer != TIMER_WISH || strcmp(lookup->name, name) != 0)
		return false;
	if (lookup_is_captured(lookup))
		return opening_is_captured(opening) &&
		       address_equal(lookup->client, opening->tuple.local);
	return slot->attempt.owner_known && lookup->owner && lookup->owner->tgid == owner->tgid &&
	       lookup->owner->start_ns == owner->start_ns;
}

void wish_begin(struct join *join, struct attempt_slot *slot, const struct opening *opening)
{
	struct lookup wished = { .owner = slot->attempt.owner_known ? slot->attempt.owner : NULL };
	struct attempt_slot *waiting;
	const char *name;

	if (slot->lookup_slot || TAILQ_EMPTY(&join->attempts->timers[TIMER_WISH]))
		return;
	name = attempt_remote_name(join, &slot->attempt, opening);
	if (!name)
		return;
	memcpy(wished.client, opening->tuple.local, sizeof(wished.client));
	memcpy(wished.name, name, strlen(name) + 1);
	waiting = attempt_first(join, key_of(&wished));
	while (waiting && !is_of(waiting, slot, opening, name))
		waiting = attempt_next(join, waiting);
	if (!waiting)
		return;
	attempt_set_timer(join, waiting, TIMER_NONE, 0);
	slot->lookup_slot = waiting;
	slot->lookup_id = waiting->attempt.id;
}

void wish_end(struct join *join, struct attempt_slot *slot)
{
	struct attempt_slot *waiting = slot->lookup_slot;
	struct attempt *attempt = &slot->attempt;

	slot->lookup_slot = NULL;
	/* at the end of the stream it may have been judged before */
	if (!waiting || !waiting->used || waiting->is_due || waiting->attempt.id != slot->lookup_id)
		return;
	if (attempt->state == ATTEMPT_FINAL && !attempt->worked && !attempt->unknown) {
		attempt->lookup_ns =
			ns_between(waiting->attempt.started_ns, waiting->attempt.ended_ns);
		waiting->attempt.claimed = true;
	}
	attempt_judge(join, waiting, waiting->attempt.ended_ns);
}
