// SPDX-License-Identifier: GPL-2.0-or-later
/* handshakes.c - the table of TLS handshakes: places, and who has to leave */

#include <errno.h>
#include <stdlib.h>

#include "join/talk/handshakes.h"
#include "util/address.h"

/* Ends can be chosen so that they share a bucket. */
enum { CHAIN_MOST = 16 };

TAILQ_HEAD(handshake_queue, handshake_slot);

struct handshakes {
	struct handshake_slot *slots;
	struct hash by_ends;
	struct handshake_queue lines[HANDSHAKE_LINES];
	__u32 touched; /* slots that were ever used */
	__u32 numbers;
};

int handshakes_new(struct handshakes **out)
{
	struct handshakes *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (int line = 0; line < HANDSHAKE_LINES; line++)
		TAILQ_INIT(&table->lines[line]);
	table->slots = calloc(HANDSHAKES_MAX, sizeof(*table->slots));
	if (!table->slots || hash_new(&table->by_ends, HANDSHAKES_MAX)) {
		handshakes_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void handshakes_free(struct handshakes *table)
{
	if (!table)
		return;
	free(table->slots);
	hash_free(&table->by_ends);
	free(table);
}

/* ---- found again ---- */

static __u32 place_of(const struct handshakes *table, const struct handshake_slot *slot)
{
	return (__u32)(slot - table->slots);
}

struct handshake_ref handshakes_ref(const struct join *join, const struct handshake_slot *slot)
{
	return (struct handshake_ref){ place_of(join->handshakes, slot) + 1, slot->number };
}

struct handshake_slot *handshakes_at(const struct join *join, struct handshake_ref ref)
{
	struct handshake_slot *slot;

	if (!ref.place)
		return NULL;
	slot = &join->handshakes->slots[ref.place - 1];
	return slot->number == ref.number ? slot : NULL;
}

void handshakes_link(struct join *join, struct handshake_slot *slot, const struct ends *ends)
{
	hash_add(&join->handshakes->by_ends, ends->hash, place_of(join->handshakes, slot));
}

bool handshake_slot_is_client(const struct handshake_slot *slot, const struct ends *ends, __u8 end)
{
	return slot->tuple.local_port == ends->port[end] &&
	       address_equal(slot->tuple.local, ends->address[end]);
}

static bool is_server(const struct handshake_slot *slot, const struct ends *ends, __u8 end)
{
	return slot->tuple.remote_port == ends->port[end] &&
	       address_equal(slot->tuple.remote, ends->address[end]);
}

struct handshake_slot *handshakes_find(const struct join *join, const struct ends *ends)
{
	const struct handshakes *table = join->handshakes;

	for (__u32 i = hash_first(&table->by_ends, ends->hash); i != HASH_END;
	     i = hash_next(&table->by_ends, i)) {
		struct handshake_slot *slot = &table->slots[i];

		for (__u8 end = 0; end < 2; end++)
			if (handshake_slot_is_client(slot, ends, end) &&
			    is_server(slot, ends, !end))
				return slot;
	}
	return NULL;
}

struct handshake_slot *handshakes_crowded(const struct join *join, const struct ends *ends)
{
	__u32 oldest = hash_overlong(&join->handshakes->by_ends, ends->hash, CHAIN_MOST);

	return oldest == HASH_END ? NULL : &join->handshakes->slots[oldest];
}

/* ---- places ---- */

void handshakes_move(struct join *join, struct handshake_slot *slot, enum handshake_line line)
{
	struct handshakes *table = join->handshakes;

	TAILQ_REMOVE(&table->lines[slot->line], slot, by_age);
	slot->line = line;
	TAILQ_INSERT_TAIL(&table->lines[line], slot, by_age);
}

struct handshake_slot *handshakes_first(const struct join *join, enum handshake_line line)
{
	return TAILQ_FIRST(&join->handshakes->lines[line]);
}

/* What was judged with this record is still read. */
static struct handshake_slot *free_place(const struct join *join)
{
	struct handshake_slot *slot = handshakes_first(join, HANDSHAKE_FREE);

	return slot && slot->over_record != join->counters.records ? slot : NULL;
}

/* One that has a line; NULL: one that was never used is next. */
static struct handshake_slot *choose(const struct join *join, __u32 most)
{
	struct handshake_slot *slot = free_place(join);
	int line = HANDSHAKE_FREE;

	if (slot || join->handshakes->touched < most)
		return slot;
	while (!slot && ++line < HANDSHAKE_LINES)
		slot = handshakes_first(join, line);
	return slot;
}

struct handshake_slot *handshakes_take(struct join *join, enum handshake_line line, __u32 most,
				       struct handshake_slot *before)
{
	struct handshakes *table = join->handshakes;
	struct handshake_slot *slot = before ? before : choose(join, most);

	if (slot) {
		TAILQ_REMOVE(&table->lines[slot->line], slot, by_age);
		hash_remove(&table->by_ends, place_of(table, slot));
	} else if (table->touched < most) {
		slot = &table->slots[table->touched++];
	} else {
		return NULL;
	}
	*slot = (struct handshake_slot){ .number = ++table->numbers, .line = line };
	TAILQ_INSERT_TAIL(&table->lines[line], slot, by_age);
	return slot;
}
