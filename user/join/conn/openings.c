// SPDX-License-Identifier: GPL-2.0-or-later
/* openings.c - the pool of openings, the parts of conns whose connect() has not been told yet */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"

struct openings {
	struct opening_slot *slots;
	struct opening_slot **free;
	struct captured_last *last; /* beside .slots */
	size_t room;
	size_t touched; /* slots that were ever used */
	size_t free_count;
};

int openings_new(struct openings **out, __u32 room)
{
	struct openings *openings = calloc(1, sizeof(*openings));

	if (!openings)
		return -ENOMEM;
	openings->room = room;
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

static size_t left(const struct openings *openings)
{
	return openings->room - openings->touched + openings->free_count;
}

/* No more is to come of it: whoever waits for it is told so, else its place is free. */
static void give_up(struct join *join, struct opening_slot *slot)
{
	if (slot->attempt)
		attempt_evict(join, slot->attempt);
	else
		openings_retire(join, slot);
}

void openings_end_unseen(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	slot->opening.state = OPENING_UNKNOWN;
	slot->opening.ended_ns = now_ns;
	give_up(join, slot);
}

/* Where every place is taken the oldest is given up, with its attempt, and counted. */
static bool make_room(struct join *join)
{
	struct openings *openings = join->openings;
	struct opening_slot *oldest;

	if (left(openings) <= openings->room / 16)
		attempt_hurry(join);
	if (left(openings))
		return true;
	oldest = conns_first(join->conns, CONN_OPENING)->opening;
	join->counters.evicted++;
	give_up(join, oldest);
	return left(openings); /* else its attempt waits to be told */
}

static struct opening_slot *take(struct join *join, struct conn *conn)
{
	struct openings *openings = join->openings;
	struct opening_slot *slot = openings->free_count ? openings->free[--openings->free_count] :
							   &openings->slots[openings->touched++];

	memset(slot, 0, sizeof(*slot));
	slot->conn = conn;
	conn->opening = slot;
	conn->opened = true;
	conns_move(join->conns, conn, CONN_OPENING);
	return slot;
}

struct opening_slot *openings_take(struct join *join)
{
	struct conn *conn = make_room(join) ? conns_add(join->conns) : NULL;

	return conn ? take(join, conn) : NULL;
}

struct opening_slot *openings_take_for(struct join *join, struct conn *conn)
{
	return make_room(join) ? take(join, conn) : NULL;
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

struct conn *openings_still(const struct join *join, struct conn *next)
{
	return !next || next->opening ? next : conns_first(join->conns, CONN_OPENING);
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
