// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_find.c - which connection of one side is which of the other */

#include "join/compare/compare_parts.h"
#include "util/address.h"

/* Of connections that share a key so many of the newest are looked at. */
#define LOOK_MOST 64
/*
 * What agreement is worth. A sequence number is 32 bits of chance; one that differs may have been
 * rewritten, so that it weighs less against. Equal timestamps of a SYN alone may be of two
 * connections that a host without RFC 7323 5.4's random offsets opened in one millisecond.
 */
enum {
	WORTH_ENDS = 6,
	WORTH_PORT = 1,
	WORTH_ISN = 5,
	WORTH_OTHER_ISN = -3,
	WORTH_OTHER_SERVER_ISN = -2,
	WORTH_SYN_TIMESTAMP = 5,
	WORTH_OTHER_SYN_TIMESTAMP = -3,
	WORTH_TIMESTAMPS = 7,
	WORTH_SEGMENT = 6,
	WORTH_PAYLOAD = 3,
	ENOUGH_AT_ONCE = 5,
	ENOUGH_LATE = 4,
};

static __u32 item_of(const struct compare *compare, unsigned int side,
		     const struct compare_conn *conn, unsigned int key)
{
	return compare_conn_index(compare, side, conn) * COMPARE_KEY_COUNT + key;
}

static void link_add(struct compare *compare, unsigned int side, struct compare_conn *conn,
		     unsigned int key, __u64 hash)
{
	__u32 item = item_of(compare, side, conn, key);

	conn->key[key] = hash_mix(hash, key) | 1ull << 63;
	hash_remove(&compare->side[side].by, item);
	hash_add(&compare->side[side].by, conn->key[key], item);
}

void compare_conn_unlink(struct compare *compare, unsigned int side, struct compare_conn *conn)
{
	for (unsigned int key = 0; key < COMPARE_KEY_COUNT; key++) {
		hash_remove(&compare->side[side].by, item_of(compare, side, conn, key));
		conn->key[key] = 0;
	}
}

/* ---- what a packet tells ---- */

static __u64 pair_hash(const struct compare_end *end)
{
	return ends_of(end->address[0], end->port[0], end->address[1], end->port[1]).hash;
}

static __u64 segment_hash(const struct held *packet)
{
	__u64 h = hash_mix(packet->seq, packet->length);

	return hash_mix(h, packet->timestamps ? packet->ts_value : 0);
}

static bool learn_segment(struct compare *compare, unsigned int side, struct compare_conn *conn,
			  const struct held *packet)
{
	__u64 hash = segment_hash(packet);
	unsigned int key = KEY_SEGMENT + (hash >> 61) % 4;

	hash = hash_mix(hash, key) | 1ull << 63;
	if (conn->key[key] && conn->key[key] <= hash)
		return false;
	link_add(compare, side, conn, key, segment_hash(packet));
	return true;
}

static bool learn_isn(struct compare *compare, unsigned int side, struct compare_conn *conn,
		      unsigned int way, __u32 isn)
{
	if (conn->isn_known[way])
		return false;
	conn->isn_known[way] = true;
	conn->isn[way] = isn;
	link_add(compare, side, conn, way ? KEY_SERVER_ISN : KEY_ISN, isn);
	return true;
}

static bool learn_syn_ack(struct compare *compare, unsigned int side, struct compare_conn *conn,
			  const struct held *packet)
{
	bool more = learn_isn(compare, side, conn, 0, packet->ack - 1);

	more |= learn_isn(compare, side, conn, 1, packet->seq);
	if (!packet->timestamps || !packet->ts_value || !packet->ts_echo || conn->timestamps_known)
		return more;
	conn->timestamps_known = true;
	conn->timestamps = (__u64)packet->ts_value << 32 | packet->ts_echo;
	link_add(compare, side, conn, KEY_TIMESTAMPS, conn->timestamps);
	return true;
}

static bool learn_syn(struct compare *compare, unsigned int side, struct compare_conn *conn,
		      const struct held *packet)
{
	bool more = learn_isn(compare, side, conn, 0, packet->seq);

	/* of a SYN that is sent again it is another one; the first may have been lost */
	if (!packet->timestamps || !packet->ts_value ||
	    (conn->syn_timestamp_known && conn->syn_timestamp == packet->ts_value))
		return more;
	conn->syn_timestamp_known = true;
	conn->syn_timestamp = packet->ts_value;
	link_add(compare, side, conn, KEY_SYN_TIMESTAMP, packet->ts_value);
	return true;
}

bool compare_conn_learn(struct compare *compare, unsigned int side, struct compare_conn *conn,
			const struct held *packet)
{
	bool more = false;

	if (!conn->key[KEY_ENDS]) {
		link_add(compare, side, conn, KEY_ENDS, pair_hash(&conn->end));
		more = true;
	}
	if (packet->kind == COMPARE_SYN)
		return learn_syn(compare, side, conn, packet) || more;
	if (packet->kind == COMPARE_SYN_ACK)
		return learn_syn_ack(compare, side, conn, packet) || more;
	if (packet->kind == COMPARE_RESET || !packet->length)
		return more;
	if (!conn->payload_known && !packet->way && packet->digest_size >= 8) {
		conn->payload_known = true;
		conn->payload =
			hash_mix(hash_mix(packet->digest, packet->digest_size), packet->length);
		link_add(compare, side, conn, KEY_PAYLOAD, conn->payload);
	}
	return learn_segment(compare, side, conn, packet) || more;
}

/* ---- who is it ---- */

static bool ends_are_same(const struct compare_end *a, const struct compare_end *b, bool flip)
{
	return a->port[0] == b->port[flip] && a->port[1] == b->port[!flip] &&
	       address_equal(a->address[0], b->address[flip]) &&
	       address_equal(a->address[1], b->address[!flip]);
}

static int ends_worth(const struct compare_conn *a, const struct compare_conn *b, __u8 *found)
{
	if (ends_are_same(&a->end, &b->end, false) || ends_are_same(&a->end, &b->end, true)) {
		*found |= FOUND_ENDS;
		return WORTH_ENDS;
	}
	return WORTH_PORT *
	       ((a->end.port[0] == b->end.port[0]) + (a->end.port[1] == b->end.port[1]));
}

static int isn_worth(const struct compare_conn *a, const struct compare_conn *b, unsigned int way,
		     __u8 *found)
{
	if (!a->isn_known[way] || !b->isn_known[way])
		return 0;
	if (a->isn[way] != b->isn[way])
		return way ? WORTH_OTHER_SERVER_ISN : WORTH_OTHER_ISN;
	*found |= FOUND_SEQUENCE;
	return WORTH_ISN;
}

static int timestamps_worth(const struct compare_conn *a, const struct compare_conn *b, __u8 *found)
{
	int worth = 0;

	if (a->timestamps_known && b->timestamps_known && a->timestamps == b->timestamps)
		worth += WORTH_TIMESTAMPS;
	if (a->syn_timestamp_known && b->syn_timestamp_known) {
		if (a->syn_timestamp == b->syn_timestamp)
			worth += WORTH_SYN_TIMESTAMP;
		else if (!worth && !(*found & FOUND_SEQUENCE))
			worth += WORTH_OTHER_SYN_TIMESTAMP;
	}
	if (worth > 0)
		*found |= FOUND_TIMESTAMPS;
	return worth;
}

static int conn_worth(const struct compare_conn *a, const struct compare_conn *b, __u8 *found)
{
	int worth;

	*found = 0;
	worth = ends_worth(a, b, found) + isn_worth(a, b, 0, found) + isn_worth(a, b, 1, found);
	worth += timestamps_worth(a, b, found);
	for (unsigned int key = KEY_SEGMENT; key <= KEY_SEGMENT_LAST; key++)
		if (a->key[key] && a->key[key] == b->key[key]) {
			*found |= FOUND_SEQUENCE;
			worth += WORTH_SEGMENT;
			break;
		}
	if (a->payload_known && b->payload_known && a->payload == b->payload) {
		*found |= FOUND_PAYLOAD;
		worth += WORTH_PAYLOAD;
	}
	return worth;
}

struct search {
	const struct compare_conn *conn;
	struct compare_conn *best;
	int best_worth, next_worth;
	__u8 found;
};

static void search_bucket(struct compare_side *side, __u64 hash, struct search *search)
{
	__u32 item = hash_first(&side->by, hash);

	for (int looked = 0; item != HASH_END && looked < LOOK_MOST; looked++) {
		struct compare_conn *other = &side->conns[item / COMPARE_KEY_COUNT];
		__u64 key = other->key[item % COMPARE_KEY_COUNT];
		__u8 found;
		int worth;

		item = hash_next(&side->by, item);
		if (key != hash || other == search->best)
			continue;
		worth = conn_worth(search->conn, other, &found);
		if (worth > search->best_worth) {
			search->next_worth = search->best_worth;
			search->best = other;
			search->best_worth = worth;
			search->found = found;
		} else if (worth > search->next_worth) {
			search->next_worth = worth;
		}
	}
}

struct compare_conn *compare_conn_find(struct compare *compare, unsigned int side,
				       const struct compare_conn *conn, bool late, __u8 *found)
{
	struct search search = { .conn = conn };

	for (unsigned int key = 0; key < COMPARE_KEY_COUNT; key++)
		if (conn->key[key])
			search_bucket(&compare->side[!side], conn->key[key], &search);
	if (search.best_worth < (late ? ENOUGH_LATE : ENOUGH_AT_ONCE) ||
	    search.best_worth == search.next_worth)
		return NULL;
	*found = search.found;
	return search.best;
}

/* ---- turning round ---- */

void compare_conn_flip(struct compare *compare, struct compare_conn *conn)
{
	struct compare_end end = conn->end;
	struct held_list list = conn->list[0];
	struct compare_conn_way way = conn->way[0];
	__u32 isn = conn->isn[0], gaps = conn->gaps[0];
	bool isn_known = conn->isn_known[0];

	for (unsigned int i = 0; i < 2; i++) {
		memcpy(conn->end.address[i], end.address[!i], EVENT_ADDRESS_SIZE);
		conn->end.port[i] = end.port[!i];
	}
	conn->list[0] = conn->list[1];
	conn->list[1] = list;
	conn->way[0] = conn->way[1];
	conn->way[1] = way;
	conn->isn[0] = conn->isn[1];
	conn->isn[1] = isn;
	conn->isn_known[0] = conn->isn_known[1];
	conn->isn_known[1] = isn_known;
	conn->gaps[0] = conn->gaps[1];
	conn->gaps[1] = gaps;
	conn->client = !conn->client;
	for (unsigned int w = 0; w < COMPARE_WAYS; w++)
		for (__u32 at = conn->list[w].head; at; at = compare->pool[at - 1].next)
			compare->pool[at - 1].way = (__u8)w;
}
