// SPDX-License-Identifier: GPL-2.0-or-later
/* attempts.c - the table of attempts: slots, keys, owners, timers */

#include <errno.h>
#include <stdlib.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"
#include "join/host/host.h"

int attempt_table_new(struct attempt_table **out, size_t room)
{
	struct attempt_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->room = room;
	table->slots = calloc(room, sizeof(*table->slots));
	table->extra = calloc(room, sizeof(*table->extra));
	table->free = calloc(room, sizeof(*table->free));
	if (!table->slots || !table->extra || !table->free || hash_new(&table->by, room) ||
	    hash_new(&table->undecided, room)) {
		attempt_table_free(table);
		return -ENOMEM;
	}
	TAILQ_INIT(&table->due);
	for (int i = 0; i < TIMER_COUNT; i++)
		TAILQ_INIT(&table->timers[i]);
	*out = table;
	return 0;
}

void attempt_table_free(struct attempt_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table->extra);
	free(table->free);
	hash_free(&table->by);
	hash_free(&table->undecided);
	free(table);
}

static struct attempt_slot *slot_at(const struct join *join, __u32 index)
{
	return index == HASH_END ? NULL : &join->attempts->slots[index];
}

static __u32 index_of(const struct join *join, const struct attempt_slot *slot)
{
	return (__u32)(slot - join->attempts->slots);
}

void attempt_set_key(struct join *join, struct attempt_slot *slot, __u64 key)
{
	hash_remove(&join->attempts->by, index_of(join, slot));
	hash_add(&join->attempts->by, key, index_of(join, slot));
}

struct attempt_slot *attempt_first(const struct join *join, __u64 key)
{
	return slot_at(join, hash_first(&join->attempts->by, key));
}

struct attempt_slot *attempt_next(const struct join *join, const struct attempt_slot *slot)
{
	return slot_at(join, hash_next(&join->attempts->by, index_of(join, slot)));
}

/* The same in every replay: boot id, cookie (or the task), start time. */
static __u64 attempt_id(const struct join *join, __u64 cookie, const struct event_owner *owner,
			__u64 started_ns)
{
	const struct ev_start *start = host_start(join);
	__u64 h = hash_bytes(0, start->boot_id, sizeof(start->boot_id));

	h = hash_mix(h, cookie ? cookie : (__u64)owner->tgid << 32 | owner->tid);
	return hash_mix(h, started_ns);
}

static const struct event_owner nobody;

void attempt_set_owner(struct join *join, struct attempt_slot *slot,
		       const struct event_owner *owner, bool known)
{
	const struct event_owner *kept = slot->attempt.owner_known ? slot->attempt.owner : NULL;

	slot->wisher = (struct wisher){ owner->start_ns, owner->tgid, owner->tid };
	owners_set(join->owners, &kept, known ? owner : NULL);
	slot->attempt.owner_known = kept;
	slot->attempt.owner = kept ? kept : &nobody;
}

union attempt_extra *attempt_extra(struct join *join, const struct attempt_slot *slot)
{
	return &join->attempts->extra[slot - join->attempts->slots];
}

struct attempt_slot *attempt_take(struct join *join, const struct subject *subject,
				  const struct event_owner *owner, bool owner_known, __u32 netns,
				  __u64 cookie, __u64 started_ns)
{
	struct attempt_table *table = join->attempts;
	struct attempt_slot *slot = NULL;

	if (table->free_count)
		slot = table->free[--table->free_count];
	else if (table->touched < table->room)
		slot = &table->slots[table->touched++];
	if (!slot) {
		join->counters.evicted++;
		return NULL;
	}
	owner = owner ? owner : &nobody;
	*slot = (struct attempt_slot){ .used = true };
	if (!subject->uncounted)
		join->counters.attempts++;
	slot->attempt.subject = subject;
	slot->attempt.netns = netns;
	attempt_set_owner(join, slot, owner, owner_known);
	slot->attempt.started_ns = started_ns;
	slot->attempt.id = attempt_id(join, cookie, owner, started_ns);
	return slot;
}

struct attempt_slot *attempt_take_nobodys(struct join *join, const struct subject *subject,
					  __u64 first, __u64 second, __u64 started_ns)
{
	const struct event_owner numbers = { .tgid = (__u32)first, .tid = (__u32)second };

	return attempt_take(join, subject, &numbers, false, 0, 0, started_ns);
}

void attempt_set_timer(struct join *join, struct attempt_slot *slot, enum timer timer,
		       __u64 deadline_ns)
{
	struct attempt_queue *queue = &join->attempts->timers[timer];
	struct attempt_slot *before;

	if (slot->timer)
		TAILQ_REMOVE(&join->attempts->timers[slot->timer], slot, by_timer);
	slot->timer = timer;
	if (!timer)
		return;
	slot->deadline_ns = deadline_ns;
	/* deadlines come nearly in order: two CPUs disagree by less than a millisecond */
	before = TAILQ_LAST(queue, attempt_queue);
	while (before && before->deadline_ns > deadline_ns)
		before = TAILQ_PREV(before, attempt_queue, by_timer);
	if (before)
		TAILQ_INSERT_AFTER(queue, before, slot, by_timer);
	else
		TAILQ_INSERT_HEAD(queue, slot, by_timer);
}

/* Whose connection it is outlives the wish for it, where that worked. */
static void leave_owner(struct join *join, const struct attempt_slot *slot,
			const struct opening_slot *opening)
{
	struct conn *conn = opening->conn;

	if (slot->attempt.owner_known && conn->opening == opening &&
	    (opening->opening.state == OPENING_WORKED || conn->stream))
		conns_set_owner(join->conns, conn, slot->attempt.owner);
}

void attempt_release(struct join *join, struct attempt_slot *slot)
{
	wish_end(join, slot);
	attempt_set_timer(join, slot, TIMER_NONE, 0);
	hash_remove(&join->attempts->by, index_of(join, slot));
	hash_remove(&join->attempts->undecided, index_of(join, slot));
	if (slot->is_due)
		TAILQ_REMOVE(&join->attempts->due, slot, by_due);
	evidence_release(join->evidence, &slot->seen);
	for (size_t i = 0; i < attempt_openings(&slot->attempt); i++) {
		struct opening_slot *opening = (struct opening_slot *)slot->attempt.openings[i];

		leave_owner(join, slot, opening);
		if (opening->opening.state == OPENING_CONNECTING)
			openings_let_go(opening); /* a loser: its end concerns nobody */
		else
			openings_retire(join, opening);
	}
	if (slot->attempt.subject->release)
		slot->attempt.subject->release(join, &slot->attempt);
	attempt_set_owner(join, slot, &nobody, false);
	slot->used = false;
	join->attempts->free[join->attempts->free_count++] = slot;
}
