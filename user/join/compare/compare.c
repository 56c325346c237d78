// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - two captures side by side: their connections, paired as soon as they can be */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "join/compare/compare_parts.h"
#include "util/address.h"

/* Packets that wait, for each connection that can be held; at most, for all of them. */
#define HELD_PER_CONNECTION 16
#define HELD_LEAST 4096
#define HELD_MOST (1u << 22)
/* Of the payload so much is compared. */
#define DIGEST_MOST 32

static int side_new(struct compare_side *side, __u32 room)
{
	size_t conns = (size_t)room + 1; /* and who leaves */

	if (conns_new(&side->table, room, CONNS_STREAMS, NULL))
		return -ENOMEM;
	side->conns = calloc(conns, sizeof(*side->conns));
	if (!side->conns || hash_new(&side->servers_by, SERVERS_MAX))
		return -ENOMEM;
	return hash_new(&side->by, conns * COMPARE_KEY_COUNT);
}

static void side_free(struct compare_side *side)
{
	conns_free(side->table);
	free(side->conns);
	hash_free(&side->by);
	hash_free(&side->servers_by);
}

int compare_new(struct compare **out, __u32 connections)
{
	struct compare *compare = calloc(1, sizeof(*compare));
	__u64 held;

	if (!compare)
		return -ENOMEM;
	compare->room = connections < 16 ? 16 : connections;
	held = (__u64)compare->room * HELD_PER_CONNECTION;
	compare->pool_room = held < HELD_LEAST ? HELD_LEAST : held > HELD_MOST ? HELD_MOST : held;
	compare->pool = calloc(compare->pool_room, sizeof(*compare->pool));
	compare->matches = calloc((size_t)compare->room + 1, sizeof(*compare->matches));
	compare->order = calloc(2 * ((size_t)compare->room + 1), sizeof(*compare->order));
	if (!compare->pool || !compare->matches || !compare->order ||
	    side_new(&compare->side[0], compare->room) ||
	    side_new(&compare->side[1], compare->room)) {
		compare_free(compare);
		return -ENOMEM;
	}
	*out = compare;
	return 0;
}

void compare_free(struct compare *compare)
{
	if (!compare)
		return;
	side_free(&compare->side[0]);
	side_free(&compare->side[1]);
	free(compare->pool);
	free(compare->matches);
	free(compare->order);
	free(compare);
}

void compare_note_file(struct compare *compare, unsigned int side, __u64 dropped, bool damaged)
{
	compare->side[side].dropped = dropped;
	compare->side[side].damaged = damaged;
}

void compare_note_lack(struct compare *compare, unsigned int side, bool all)
{
	compare->side[side].lacks_some = true;
	compare->side[side].lacks_any |= all;
}

const struct compare_counters *compare_counters(const struct compare *compare, unsigned int side)
{
	return &compare->side[side].counters;
}

const struct compare_clock *compare_clock(const struct compare *compare)
{
	return &compare->clocks.clock;
}

/* ---- pairs ---- */

static bool ends_are_turned(const struct compare_conn *zero, const struct compare_conn *one)
{
	return zero->end.port[0] == one->end.port[1] && zero->end.port[1] == one->end.port[0] &&
	       address_equal(zero->end.address[0], one->end.address[1]);
}

/* The client is the same on both sides; who saw the SYN knows. */
static void align(struct compare *compare, struct compare_conn *zero, struct compare_conn *one)
{
	struct compare_conn *guessed = one->end.client_known ? zero : one;

	if (guessed->end.client_known || !ends_are_turned(zero, one))
		return;
	compare_conn_flip(compare, guessed);
}

static void pair_make(struct compare *compare, struct compare_conn *zero, struct compare_conn *one,
		      __u8 found)
{
	struct match *match = &compare->matches[compare_conn_index(compare, 0, zero)];

	compare_conn_unlink(compare, 0, zero);
	compare_conn_unlink(compare, 1, one);
	align(compare, zero, one);
	zero->mate = compare_conn_index(compare, 1, one) + 1;
	one->mate = compare_conn_index(compare, 0, zero) + 1;
	zero->found = one->found = found;
	*match = (struct match){ 0 };
	compare->pairs++;
	compare_note_server(&compare->side[0], zero);
	compare_note_server(&compare->side[1], one);
	match_lists(compare, zero, one);
}

static bool pair_try(struct compare *compare, unsigned int side, struct compare_conn *conn,
		     bool late)
{
	__u8 found = 0;
	struct compare_conn *other = compare_conn_find(compare, side, conn, late, &found);

	/* the other one must not fit another as well */
	if (!other || compare_conn_find(compare, !side, other, late, &found) != conn)
		return false;
	pair_make(compare, side ? other : conn, side ? conn : other, found);
	return true;
}

/* ---- the life of a connection ---- */

/* What has no match although its numbers have: timestamps or identifications are rewritten. */
static void match_loosely(struct compare *compare, struct compare_conn *zero)
{
	struct compare_conn *one = compare_conn_mate(compare, 0, zero);
	struct match *match = compare_conn_match(compare, 0, zero);

	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		__u32 matched = 0;

		for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
			matched += match->way[way].matched[kind];
		if (matched || !zero->list[way].head || !one->list[way].head)
			continue;
		match->loose = true;
		match_lists(compare, zero, one);
		match->loose = false;
	}
}

/* Nothing waits for its counterpart any more. */
static void compare_conn_settle(struct compare *compare, unsigned int side,
				struct compare_conn *conn)
{
	struct compare_conn *mate = compare_conn_mate(compare, side, conn);

	if (mate)
		match_loosely(compare, side ? mate : conn);
	held_settle_all(compare, side, conn);
	if (mate)
		held_settle_all(compare, !side, mate);
}

static void compare_conn_retire(struct compare *compare, unsigned int side,
				struct compare_conn *conn)
{
	struct compare_conn *mate = compare_conn_mate(compare, side, conn);

	compare->side[side].counters.evicted++;
	compare_conn_unlink(compare, side, conn);
	if (conn->told)
		return;
	compare_conn_settle(compare, side, conn);
	compare->has_gone = true;
	compare_result_make(compare, side, conn);
	if (mate)
		mate->mate = 0;
}

static void compare_conn_init(struct compare_conn *conn, const struct stream_look *look,
			      const struct packet *packet, __u64 ts_ns, __u64 frame)
{
	const struct stream *stream = look->stream;
	bool syn = packet->tcp_flags & TCP_F_SYN;

	*conn = (struct compare_conn){ .number = stream->number + 1,
				       .client = stream->ends->client };
	if (syn)
		conn->client = (packet->tcp_flags & TCP_F_ACK) ? !look->from : look->from;
	conn->end.seen = true;
	conn->end.client_known = syn || stream->ends->client_known;
	conn->end.first_ns = ts_ns;
	conn->end.first_frame = frame;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int from = i ? !conn->client : conn->client;

		memcpy(conn->end.address[i], stream->ends->address[from], EVENT_ADDRESS_SIZE);
		conn->end.port[i] = stream->ends->port[from];
	}
}

/* ---- packets ---- */

static enum compare_kind kind_of(const struct packet *packet)
{
	if (packet->tcp_flags & TCP_F_RST)
		return COMPARE_RESET;
	if (packet->tcp_flags & TCP_F_SYN)
		return packet->tcp_flags & TCP_F_ACK ? COMPARE_SYN_ACK : COMPARE_SYN;
	if (packet->tcp_flags & TCP_F_FIN)
		return COMPARE_FIN;
	return packet->payload_bytes ? COMPARE_DATA : COMPARE_ACK;
}

static void held_digest(struct held *held, const struct packet *packet, const __u8 *bytes,
			size_t captured)
{
	size_t size = packet->payload_bytes < DIGEST_MOST ? packet->payload_bytes : DIGEST_MOST;

	if (!bytes || !packet->payload_at || captured < size ||
	    packet->payload_at > captured - size)
		return;
	held->digest = (__u32)hash_bytes(0, bytes + packet->payload_at, size);
	held->digest_size = (__u8)size;
}

static struct held held_of(const struct packet *packet, __u64 ts_ns, __u64 frame)
{
	return (struct held){
		.ts_ns = ts_ns,
		.frame = frame,
		.seq = packet->seq,
		.ack = packet->tcp_flags & TCP_F_ACK ? packet->ack : 0,
		.ts_value = packet->ts_value,
		.ts_echo = packet->ts_echo,
		.timestamps = packet->flags & PACKET_F_TIMESTAMPS,
		.length = packet->payload_bytes,
		.ip_id = packet->ip_id,
		.window = packet->window,
		.kind = (__u8)kind_of(packet),
		.flags = packet->tcp_flags,
		.ttl = packet->ttl,
	};
}

static void note_seen(struct compare_conn *conn, const struct held *held,
		      const struct packet *packet)
{
	struct compare_conn_way *way = &conn->way[held->way];

	way->seen[held->kind]++;
	if (packet->flags & PACKET_F_CUT)
		conn->cut++;
	if (held->kind == COMPARE_FIN && !way->fin_ns)
		way->fin_ns = held->ts_ns;
	if (!way->ttl && held->kind != COMPARE_RESET)
		way->ttl = held->ttl;
	if (held->kind == COMPARE_RESET && !way->reset_ns) {
		way->reset_ns = held->ts_ns;
		way->reset_ttl = held->ttl;
	}
	if (held->kind <= COMPARE_SYN_ACK && !way->syn.seen)
		way->syn = (struct compare_syn){
			.seen = true,
			.cut = packet->flags & PACKET_F_CUT,
			.wscale = packet->wscale,
			.mss = packet->mss,
			.options = packet->flags & (PACKET_F_MSS | PACKET_F_WSCALE | PACKET_F_SACK |
						    PACKET_F_TIMESTAMPS),
		};
}

static void take_held(struct compare *compare, unsigned int side, struct compare_conn *conn,
		      struct held *held)
{
	__u8 client = conn->client;

	if (!conn->mate && compare_conn_learn(compare, side, conn, held))
		pair_try(compare, side, conn, false);
	if (conn->client != client) /* the other side knew better who is the client */
		held->way = !held->way;
	if (conn->mate && held->kind <= COMPARE_SYN_ACK) {
		/* numbers that only the pair's later packets tell */
		unsigned int way = held->kind == COMPARE_SYN_ACK;

		if (!conn->isn_known[way]) {
			conn->isn_known[way] = true;
			conn->isn[way] = held->seq;
		}
		if (way && !conn->isn_known[0]) {
			conn->isn_known[0] = true;
			conn->isn[0] = held->ack - 1;
		}
	}
	if (!conn->mate || !match_packet(compare, side, conn, held))
		held_add(compare, side, conn, held);
}

static void take_tcp(struct compare *compare, unsigned int s, const struct packet *packet,
		     const __u8 *bytes, size_t captured, __u64 ts_ns, __u64 frame)
{
	struct compare_side *side = &compare->side[s];
	struct stream_look look = conns_packet(side->table, packet, ts_ns, frame, 0);
	const struct conn *gone = conns_gone(side->table);
	struct held held;
	struct compare_conn *conn;

	if (!look.stream) {
		side->counters.cut++;
		return;
	}
	if (gone)
		compare_conn_retire(compare, s, &side->conns[conns_index(side->table, gone)]);
	conn = &side->conns[conns_index(side->table, conns_of_stream(side->table, look.stream))];
	if (conn->number != look.stream->number + 1) {
		compare_conn_init(conn, &look, packet, ts_ns, frame);
		side->counters.connections++;
	}
	if (conn->told) {
		side->counters.unjudged++; /* its other side had to make room */
		return;
	}
	held = held_of(packet, ts_ns, frame);
	held.way = look.from != conn->client;
	side->way_packets[held.way]++;
	if (ts_ns > conn->end.last_ns)
		conn->end.last_ns = ts_ns;
	if (look.copy) {
		conn->way[held.way].copies++;
		side->counters.copies++;
		return;
	}
	if (look.flags & BIT(STREAM_ACK_LOST_SEGMENT))
		conn->gaps[!held.way]++;
	held_digest(&held, packet, bytes, captured);
	note_seen(conn, &held, packet);
	take_held(compare, s, conn, &held);
}

/* An error about one of the connections: what refused it says so itself. */
static void take_icmp(struct compare *compare, unsigned int s, const struct packet *packet)
{
	struct compare_side *side = &compare->side[s];
	const struct conn *found;
	struct compare_icmp *icmp;
	struct compare_conn *conn;
	struct ends ends;

	side->counters.icmp++;
	if (!(packet->flags & PACKET_F_INNER) || packet->inner.protocol != IPPROTO_TCP)
		return;
	ends = ends_of(packet->inner.source, packet->inner.source_port, packet->inner.destination,
		       packet->inner.destination_port);
	found = conns_find(side->table, &ends, 0);
	if (!found)
		return;
	conn = &side->conns[conns_index(side->table, found)];
	icmp = &conn->end.icmp;
	if (icmp->count++)
		return;
	icmp->type = packet->icmp_type;
	icmp->code = packet->icmp_code;
	icmp->ipv6 = packet->protocol == IPPROTO_ICMPV6;
	memcpy(icmp->sender, packet->source, EVENT_ADDRESS_SIZE);
}

void compare_packet(struct compare *compare, unsigned int s, const struct packet *packet,
		    const __u8 *bytes, size_t captured, __u64 ts_ns, __u64 frame)
{
	struct compare_counters *counters = &compare->side[s].counters;

	compare->has_gone = false;
	counters->frames++;
	if (!counters->first_ns || ts_ns < counters->first_ns)
		counters->first_ns = ts_ns;
	if (ts_ns > counters->last_ns)
		counters->last_ns = compare->side[s].latest_ns = ts_ns;
	switch (packet->what) {
	case PACKET_TCP:
		counters->tcp++;
		take_tcp(compare, s, packet, bytes, captured, ts_ns, frame);
		return;
	case PACKET_UDP:
		counters->udp++;
		return;
	case PACKET_ICMP:
		take_icmp(compare, s, packet);
		return;
	case PACKET_OTHER:
		counters->other++;
		return;
	default:
		counters->unread++;
	}
}

const struct compare_result *compare_gone(struct compare *compare)
{
	return compare->has_gone ? &compare->result : NULL;
}

/* ---- the end ---- */

static struct compare_conn *compare_conn_at(struct compare *compare, __u32 entry)
{
	return &compare->side[entry & 1].conns[entry >> 1];
}

/* By the clock of side 0; then as they were found. */
static int compare_entries(const void *a, const void *b, void *ctx)
{
	struct compare *compare = ctx;
	__u32 left = *(const __u32 *)a, right = *(const __u32 *)b;
	__u64 when[2] = { compare_conn_at(compare, left)->end.first_ns,
			  compare_conn_at(compare, right)->end.first_ns };

	if (left & 1)
		when[0] = compare_map_time(compare_clock(compare), 1, when[0]);
	if (right & 1)
		when[1] = compare_map_time(compare_clock(compare), 1, when[1]);
	if (when[0] != when[1])
		return when[0] < when[1] ? -1 : 1;
	return (left > right) - (left < right);
}

/* Pairs are told once, as the connection of side 0. */
static void list_conns(struct compare *compare)
{
	for (__u32 side = 0; side < COMPARE_SIDES; side++)
		for (__u32 i = 0; conns_at(compare->side[side].table, i); i++) {
			const struct compare_conn *conn = &compare->side[side].conns[i];

			if (conn->number && !conn->told && !(side && conn->mate))
				compare->order[compare->order_count++] = i << 1 | side;
		}
}

/* Bounds of pairs whose order the TTL alone tells. */
static void add_late_bounds(struct compare *compare, struct compare_conn *conn)
{
	struct match *match = compare_conn_match(compare, 0, conn);
	struct compare_result order = { 0 };

	if (match->ordered)
		return;
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		compare_result_add_match(&order.way[way], &match->way[way]);
	compare_result_order(compare, &order, match);
	if (order.order_by != ORDER_TTL)
		return;
	compare->votes[order.near]++;
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		const struct compare_times *times = &match->way[way].times;
		bool back = order.near != way;

		if (times->samples)
			clocks_add(&compare->clocks, back, back ? times->most_at : times->least_at,
				   back ? times->most : times->least);
	}
}

void compare_finish(struct compare *compare)
{
	const struct conns *table = compare->side[0].table;

	compare->has_gone = false;
	for (__u32 i = 0; conns_at(table, i); i++) {
		struct compare_conn *conn = &compare->side[0].conns[i];

		if (conn->number && !conn->told && !conn->mate)
			pair_try(compare, 0, conn, true);
	}
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		for (__u32 i = 0; conns_at(compare->side[side].table, i); i++)
			compare_untranslated_join(compare, side, &compare->side[side].conns[i]);
	for (__u32 i = 0; conns_at(table, i); i++)
		if (compare->side[0].conns[i].mate)
			add_late_bounds(compare, &compare->side[0].conns[i]);
	compare->finished = true;
	clocks_estimate(&compare->clocks);
	list_conns(compare);
	qsort_r(compare->order, compare->order_count, sizeof(*compare->order), compare_entries,
		compare);
}

const struct compare_result *compare_next(struct compare *compare)
{
	struct compare_conn *conn;
	__u32 entry;

	if (compare->order_at == compare->order_count)
		return NULL;
	entry = compare->order[compare->order_at++];
	conn = compare_conn_at(compare, entry);
	compare_conn_settle(compare, entry & 1, conn);
	return compare_result_make(compare, entry & 1, conn);
}
