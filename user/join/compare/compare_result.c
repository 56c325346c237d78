// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_result.c - what both sides know of a connection, put together */

#include "join/compare/compare_parts.h"
#include "util/address.h"

/* ---- servers whose connections were matched ---- */

static __u64 server_hash(const struct compare_conn *conn)
{
	return hash_mix(address_hash(conn->end.address[1]), conn->end.port[1]);
}

bool compare_knows_server(const struct compare_side *side, const struct compare_conn *conn)
{
	__u64 hash = server_hash(conn);
	__u32 i = hash_first(&side->servers_by, hash);

	while (i != HASH_END && side->servers[i] != hash)
		i = hash_next(&side->servers_by, i);
	return i != HASH_END;
}

void compare_note_server(struct compare_side *side, const struct compare_conn *conn)
{
	__u64 hash = server_hash(conn);

	if (side->servers_count == SERVERS_MAX || compare_knows_server(side, conn))
		return;
	hash_add(&side->servers_by, hash, side->servers_count);
	side->servers[side->servers_count++] = hash;
}

/* ---- results ---- */

static void result_add_way(struct compare_way *to, unsigned int side,
			   const struct compare_conn_way *from)
{
	memcpy(to->seen[side], from->seen, sizeof(from->seen));
	memcpy(to->only[side], from->only, sizeof(from->only));
	to->only_bytes[side] = from->only_bytes;
	to->after_last[side] = from->after_last;
	to->copies[side] = from->copies;
	to->unjudged[side] = from->unjudged;
	to->untranslated[side] = from->untranslated;
	to->fin_ns[side] = from->fin_ns;
	to->syn[side] = from->syn;
	if (!to->ttl_matched)
		to->ttl[side] = from->ttl;
	to->reset_ns[side] = from->reset_ns;
	to->reset_ttl[side] = from->reset_ttl;
}

void compare_result_add_match(struct compare_way *to, const struct match_way *from)
{
	memcpy(to->matched, from->matched, sizeof(from->matched));
	memcpy(to->matched_last_ns, from->last_ns, sizeof(from->last_ns));
	memcpy(to->matched_data_ns, from->data_ns, sizeof(from->data_ns));
	to->matched_most_bytes = from->most_bytes;
	to->matched_bytes = from->bytes;
	to->resegmented = from->resegmented;
	to->times = from->times;
	to->changed = from->changed;
	to->ttl_matched = from->ttl_matched;
	if (!from->ttl_matched)
		return;
	to->ttl[0] = from->ttl[0];
	to->ttl[1] = from->ttl[1];
	if (from->ttl[0] != from->ttl[1])
		to->changed |= BIT(CHANGED_TTL);
}

/* Of what both sides saw of a SYN; .matched tells that it was one and the same. */
static __u16 syn_changes(const struct compare_syn *a, const struct compare_syn *b)
{
	__u16 options = a->options ^ b->options, changed = 0;

	if (!a->seen || !b->seen || a->cut || b->cut)
		return 0;
	if ((options & PACKET_F_MSS) || a->mss != b->mss)
		changed |= BIT(CHANGED_MSS);
	if ((options & PACKET_F_WSCALE) || a->wscale != b->wscale)
		changed |= BIT(CHANGED_WSCALE);
	if (options & PACKET_F_SACK)
		changed |= BIT(CHANGED_SACK);
	if (options & PACKET_F_TIMESTAMPS)
		changed |= BIT(CHANGED_TIMESTAMPS);
	return changed;
}

static __u16 end_changes(const struct compare_end *a, const struct compare_end *b, unsigned int way)
{
	__u16 changed = 0;

	if (!address_equal(a->address[way], b->address[way]))
		changed |= BIT(CHANGED_SOURCE);
	if (a->port[way] != b->port[way])
		changed |= BIT(CHANGED_SOURCE_PORT);
	if (!address_equal(a->address[!way], b->address[!way]))
		changed |= BIT(CHANGED_DESTINATION);
	if (a->port[!way] != b->port[!way])
		changed |= BIT(CHANGED_DESTINATION_PORT);
	return changed;
}

static bool ttl_is_fresh(__u8 ttl)
{
	return ttl == 64 || ttl == 128 || ttl == 255;
}

/* Which side is nearer to the client: by times, by TTL, by the other connections, as given. */
void compare_result_order(const struct compare *compare, struct compare_result *result,
			  const struct match *match)
{
	__u8 fresh[2];

	if (match && match->ordered) {
		result->near = match->near;
		result->order_by = ORDER_TIMES;
		return;
	}
	for (unsigned int way = 0; match && way < COMPARE_WAYS; way++) {
		const struct compare_way *w = &result->way[way];

		if (!w->ttl_matched || w->ttl[0] == w->ttl[1])
			continue;
		result->near = (w->ttl[0] < w->ttl[1]) ^ way;
		result->order_by = ORDER_TTL;
		return;
	}
	if (!compare->votes[0] != !compare->votes[1]) {
		result->near = compare->votes[1] > 0;
		result->order_by = ORDER_OTHERS;
		return;
	}
	fresh[0] = ttl_is_fresh(result->way[0].ttl[0]) || ttl_is_fresh(result->way[1].ttl[1]);
	fresh[1] = ttl_is_fresh(result->way[0].ttl[1]) || ttl_is_fresh(result->way[1].ttl[0]);
	if (fresh[0] != fresh[1] && compare->votes[0]) {
		result->near = fresh[1];
		result->order_by = ORDER_TTL;
		return;
	}
	result->order_by = compare->votes[0] ? ORDER_UNKNOWN : ORDER_GIVEN;
}

static __u32 side_blind(struct compare *compare, const struct compare_result *result,
			unsigned int s, const struct compare_conn *conn)
{
	const struct compare_side *side = &compare->side[s];
	__u32 blind = 0;

	if (!compare->pairs)
		blind |= BIT(UNSURE_EMPTY);
	if (!clocks_estimate(&compare->clocks)->known)
		blind |= BIT(UNSURE_CLOCK);
	if (side->dropped)
		blind |= BIT(UNSURE_DROPS);
	if (side->damaged)
		blind |= BIT(UNSURE_DAMAGED);
	if (conn && (conn->gaps[0] || conn->gaps[1]))
		blind |= BIT(UNSURE_GAPS);
	if (side->lacks_some)
		blind |= BIT(UNSURE_SOME);
	if (conn && conn->cut)
		blind |= BIT(UNSURE_CUT);
	if (result->way[0].unjudged[!s] || result->way[1].unjudged[!s])
		blind |= BIT(UNSURE_ROOM);
	if (!conn && !result->server_known[!s])
		blind |= BIT(UNSURE_FILTER);
	if (result->order_by == ORDER_UNKNOWN || result->order_by == ORDER_GIVEN)
		blind |= BIT(UNSURE_ORDER);
	return blind;
}

static void result_add_changes(struct compare_result *result,
			       const struct compare_conn *const *conn)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		struct compare_way *w = &result->way[way];

		w->changed |= end_changes(&result->end[0], &result->end[1], way);
		w->sequence_added = compare_conn_sequence_added(conn[0], conn[1], way);
		if (w->sequence_added)
			w->changed |= BIT(CHANGED_SEQUENCE);
		if (w->matched[way ? COMPARE_SYN_ACK : COMPARE_SYN])
			w->changed |= syn_changes(&w->syn[0], &w->syn[1]);
	}
}

const struct compare_result *compare_result_make(struct compare *compare, unsigned int side,
						 struct compare_conn *conn)
{
	struct compare_result *result = &compare->result;
	struct compare_conn *pair[2] = { side ? compare_conn_mate(compare, 1, conn) : conn,
					 side ? conn : compare_conn_mate(compare, 0, conn) };
	const struct match *match = conn->mate ? compare_conn_match(compare, side, conn) : NULL;

	*result = (struct compare_result){ .found = conn->found };
	for (unsigned int way = 0; match && way < COMPARE_WAYS; way++)
		compare_result_add_match(&result->way[way], &match->way[way]);
	for (unsigned int s = 0; s < COMPARE_SIDES; s++) {
		for (unsigned int way = 0; way < COMPARE_WAYS; way++)
			result->sees[s][way] = compare->side[s].way_packets[way] > 0;
		result->side_last_ns[s] = compare->side[s].counters.last_ns;
		if (!pair[s])
			continue;
		pair[s]->told = true;
		result->end[s] = pair[s]->end;
		result->server_known[s] = compare_knows_server(&compare->side[s], pair[s]);
		for (unsigned int way = 0; way < COMPARE_WAYS; way++)
			result_add_way(&result->way[way], s, &pair[s]->way[way]);
	}
	if (match)
		result_add_changes(result, (const struct compare_conn *const *)pair);
	compare_result_order(compare, result, match);
	for (unsigned int s = 0; s < COMPARE_SIDES; s++)
		result->blind[s] = side_blind(compare, result, s, pair[s]);
	return result;
}
