// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_untranslated.c - what a translator let pass as if it were none */

#include "join/compare/compare_parts.h"
#include "util/address.h"

/*
 * A packet that NAT did not translate has, on the side where it is a stranger, the addresses that its
 * connection has on the other side. It never has a SYN there: who captures a SYN before and after
 * its translation has two connections, each of which is whole.
 */

static bool has_syn(const struct compare_conn *conn)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		if (conn->way[way].seen[COMPARE_SYN] || conn->way[way].seen[COMPARE_SYN_ACK])
			return true;
	return false;
}

static bool end_is_same(const struct compare_end *a, const struct compare_end *b, unsigned int way)
{
	return a->port[0] == b->port[way] && address_equal(a->address[0], b->address[way]);
}

/* The connection of the other side that has these addresses, with a mate that has others. */
static struct compare_conn *other_of(struct compare *compare, unsigned int side,
				     const struct compare_conn *stray)
{
	const struct compare_end *end = &stray->end;
	const struct ends ends =
		ends_of(end->address[0], end->port[0], end->address[1], end->port[1]);
	const struct compare_side *there = &compare->side[!side];
	const struct conn *found = conns_find(there->table, &ends, 0);
	struct compare_conn *other;

	if (!found)
		return NULL;
	other = &there->conns[conns_index(there->table, found)];
	return other->number && other->mate && !other->told ? other : NULL;
}

static bool belongs(const struct compare_conn *stray, const struct compare_conn *home,
		    const struct compare_conn *other)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		if (compare_conn_sequence_added(home, other, way))
			return false;
	return stray->end.first_ns >= home->end.first_ns;
}

static void add_way(struct compare_conn_way *home, const struct compare_conn_way *stray)
{
	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++) {
		home->seen[kind] += stray->seen[kind];
		home->untranslated += stray->seen[kind];
	}
	home->copies += stray->copies;
	home->unjudged += stray->unjudged;
	if (stray->fin_ns && (!home->fin_ns || stray->fin_ns < home->fin_ns))
		home->fin_ns = stray->fin_ns;
	if (!stray->reset_ns || (home->reset_ns && home->reset_ns <= stray->reset_ns))
		return;
	home->reset_ns = stray->reset_ns;
	home->reset_ttl = stray->reset_ttl;
}

void compare_untranslated_join(struct compare *compare, unsigned int side,
			       struct compare_conn *stray)
{
	struct compare_conn *other, *home;
	struct held held;

	if (!stray->number || stray->mate || stray->told || has_syn(stray))
		return;
	other = other_of(compare, side, stray);
	home = other ? compare_conn_mate(compare, !side, other) : NULL;
	if (!home || !belongs(stray, home, other))
		return;
	if (!end_is_same(&stray->end, &other->end, 0))
		compare_conn_flip(compare, stray);
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		add_way(&home->way[way], &stray->way[way]);
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		while (held_take(compare, &stray->list[way], &held))
			if (!match_packet(compare, side, home, &held))
				held_add(compare, side, home, &held);
	if (stray->end.last_ns > home->end.last_ns)
		home->end.last_ns = stray->end.last_ns;
	compare_conn_unlink(compare, side, stray);
	stray->told = true;
	compare->side[side].counters.connections--;
}
