// SPDX-License-Identifier: GPL-2.0-or-later
/* openings.c - the pool of openings, the parts of conns whose connect() has not been told yet */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/conn/opening.h"

TAILQ_HEAD(opening_queue, opening_slot);

struct openings {
	struct opening_slot *slots;
	struct opening_slot **free;
	struct captured_last *last; /* beside .slots */
	size_t room;
	size_t touched; /* slots that were ever used */
	size_t free_count;
	struct opening_queue news; /* those with .notes, by the first of them */
	struct event_owner owner; /* whose the last one is that has an owner to be told */
	bool owner_known;
};

int openings_new(struct openings **out, __u32 room)
{
	struct openings *openings = calloc(1, sizeof(*openings));

	if (!openings)
		return -ENOMEM;
	openings->room = room;
	TAILQ_INIT(&openings->news);
	openings->slots = calloc(room, sizeof(*openings->slots));
	openings->free = calloc(room, sizeof(struct opening_slot *));
	openings->last = calloc(room, sizeof(*openings->last));
	if (!openings->slots || !openings->free || !openings->last) {
		openings_free(openings);
		return -ENOMEM;
	}
	*out = openings;
	return 0;
}

void openings_free(struct openings *openings)
{
	if (!openings)
		return;
	free(openings->slots);
	free(openings->free);
	free(openings->last);
	free(openings);
}

size_t openings_left(const struct join *join)
{
	const struct openings *openings = join->openings;

	return openings->room - openings->touched + openings->free_count;
}

bool openings_are_scarce(const struct join *join)
{
	return openings_left(join) <= join->openings->room / 16;
}

void openings_note(struct join *join, struct opening_slot *slot, enum opening_note note)
{
	if (!slot->notes)
		TAILQ_INSERT_TAIL(&join->openings->news, slot, by_news);
	slot->notes |= note;
	join->news = true;
}

void openings_note_owner(struct join *join, struct opening_slot *slot, enum opening_note note,
			 const struct event_owner *owner, bool owner_known)
{
	join->openings->owner = *owner;
	join->openings->owner_known = owner_known;
	openings_note(join, slot, note);
}

static void forget_notes(struct join *join, struct opening_slot *slot)
{
	if (slot->notes)
		TAILQ_REMOVE(&join->openings->news, slot, by_news);
	slot->notes = 0;
}

bool openings_news_next(struct join *join, struct opening_news *news)
{
	struct opening_slot *slot = TAILQ_FIRST(&join->openings->news);

	if (!slot) {
		join->news = false;
		return false;
	}
	*news = (struct opening_news){
		.slot = slot,
		.notes = slot->notes,
		.owner = &join->openings->owner,
		.owner_known = join->openings->owner_known,
	};
	forget_notes(join, slot);
	return true;
}

void openings_end_unseen(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	slot->opening.state = OPENING_UNKNOWN;
	slot->opening.ended_ns = now_ns;
	openings_note(join, slot, NOTE_UNSEEN);
}

static struct opening_slot *take(struct join *join, struct conn *conn)
{
	struct openings *openings = join->openings;
	struct opening_slot *slot = openings->free_count ? openings->free[--openings->free_count] :
							   &openings->slots[openings->touched++];

	memset(slot, 0, sizeof(*slot));
	slot->seen = &slot->own;
	slot->conn = conn;
	conn->opening = slot;
	conn->opened = true;
	conns_move(join->conns, conn, CONN_OPENING);
	return slot;
}

struct opening_slot *openings_take(struct join *join)
{
	struct conn *conn = openings_left(join) ? conns_add(join->conns) : NULL;

	return conn ? take(join, conn) : NULL;
}

struct opening_slot *openings_take_for(struct join *join, struct conn *conn)
{
	return openings_left(join) ? take(join, conn) : NULL;
}

void openings_let_go(struct opening_slot *slot)
{
	slot->attempt = NULL;
	slot->seen = NULL;
}

/* A connection that may live, or whose packets are still to be counted, stays in its table. */
void openings_retire(struct join *join, struct opening_slot *slot)
{
	struct openings *openings = join->openings;
	struct conn *conn = slot->conn;
	bool lives = slot->opening.state == OPENING_WORKED || conn->stream;

	forget_notes(join, slot);
	evidence_release(join->evidence, &slot->own);
	openings_let_go(slot);
	openings->free[openings->free_count++] = slot;
	if (conn->opening != slot)
		return; /* another one has begun with the same ends */
	conn->failed = slot->opening.state == OPENING_FAILED;
	conn->error = slot->opening.error;
	conn->error_returned = slot->opening.call_error;
	conn->opening = NULL;
	conns_move(join->conns, conn, lives ? CONN_LIVING : CONN_OVER);
}

struct opening_slot *openings_by_cookie(struct join *join, __u64 cookie)
{
	struct conn *conn = conns_by_cookie(join->conns, cookie);

	return conn ? conn->opening : NULL;
}

struct captured_last *openings_last(struct join *join, const struct opening_slot *slot)
{
	return &join->openings->last[slot - join->openings->slots];
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
