// SPDX-License-Identifier: GPL-2.0-or-later
/* conns.c - the table of connections: slots, and how a record finds its own */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/conn/conn.h"
#include "join/host/owner.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/hot.h"

/*
 * Ends chosen so that they share a bucket must not make a look-up slow: a chain is no longer than
 * this, its oldest is unlinked. By chance 65,536 connections in 131,072 buckets make 8.
 */
#define CHAIN_MOST 32
/* Over for so many others, a conn is forgotten. */
#define OVER_MOST 1024
#define ROOM_LEAST 16
/* NAT of this machine is met by some connections, not by all. */
#define ALIAS_SHARE 4

TAILQ_HEAD(conn_line, conn);

/* Other ends under which packets of a conn pass. */
struct conn_alias {
	struct conn_ends ends;
	__u8 local;
	struct conn *conn;
	struct conn_alias *free; /* the next that is free */
};

struct conns {
	struct owners *owners; /* NULL: none is kept */
	struct conn *slots;
	struct conn_alias *aliases;
	struct stream *streams; /* one a slot; NULL: none is followed */
	struct hash by_ends;
	struct hash by_alias;
	struct hash by_cookie;
	__u32 room;
	__u32 touched; /* slots that were ever used */
	__u32 aliases_touched;
	struct conn_alias *aliases_free;
	__u32 *free;
	__u32 free_count;
	__u32 over_count;
	struct conn_line lines[CONN_QUEUE_COUNT];
	struct conn *gone;
	__u64 streams_seen;
	__u64 streams_evicted;
};

static __u32 aliases_room(const struct conns *conns)
{
	return conns->room / ALIAS_SHARE;
}

int conns_new(struct conns **out, __u32 room, unsigned int parts, struct owners *owners)
{
	struct conns *conns = calloc(1, sizeof(*conns));

	if (!conns)
		return -ENOMEM;
	conns->owners = owners;
	conns->room = room < ROOM_LEAST ? ROOM_LEAST : room;
	/* one more: who leaves can be had while the new one is there */
	conns->slots = calloc((size_t)conns->room + 1, sizeof(*conns->slots));
	conns->free = calloc((size_t)conns->room + 1, sizeof(*conns->free));
	conns->aliases = calloc(aliases_room(conns), sizeof(*conns->aliases));
	if (parts & CONNS_STREAMS)
		conns->streams = calloc((size_t)conns->room + 1, sizeof(*conns->streams));
	if (!conns->slots || !conns->free || !conns->aliases ||
	    hash_new(&conns->by_ends, (size_t)conns->room + 1) ||
	    hash_new(&conns->by_alias, aliases_room(conns)) ||
	    hash_new(&conns->by_cookie, (size_t)conns->room + 1) ||
	    (!conns->streams && (parts & CONNS_STREAMS))) {
		conns_free(conns);
		return -ENOMEM;
	}
	for (int i = 0; i < CONN_QUEUE_COUNT; i++)
		TAILQ_INIT(&conns->lines[i]);
	*out = conns;
	return 0;
}

void conns_free(struct conns *conns)
{
	if (!conns)
		return;
	free(conns->slots);
	free(conns->free);
	free(conns->aliases);
	hash_free(&conns->by_ends);
	hash_free(&conns->by_alias);
	hash_free(&conns->by_cookie);
	free(conns->streams);
	free(conns);
}

__u32 conns_slots(const struct conns *conns)
{
	return conns->room + 1;
}

__u32 conns_index(const struct conns *conns, const struct conn *conn)
{
	return (__u32)(conn - conns->slots);
}

struct conn *conns_at(const struct conns *conns, __u32 index)
{
	return index < conns->touched ? &conns->slots[index] : NULL;
}

/* ---- the order of leaving ---- */

void conns_move(struct conns *conns, struct conn *conn, enum conn_queue queue)
{
	if (conn->queue)
		TAILQ_REMOVE(&conns->lines[conn->queue], conn, by_age);
	conns->over_count -= conn->queue == CONN_OVER;
	conn->queue = queue;
	if (!queue)
		return;
	TAILQ_INSERT_TAIL(&conns->lines[queue], conn, by_age);
	if (queue == CONN_OVER && ++conns->over_count > OVER_MOST)
		conns_remove(conns, TAILQ_FIRST(&conns->lines[CONN_OVER]));
}

struct conn *conns_first(const struct conns *conns, enum conn_queue queue)
{
	return TAILQ_FIRST(&conns->lines[queue]);
}

struct conn *conns_next(const struct conn *conn)
{
	return TAILQ_NEXT(conn, by_age);
}

/* ---- by ends ---- */

static __u32 alias_index(const struct conns *conns, const struct conn_alias *alias)
{
	return (__u32)(alias - conns->aliases);
}

static void free_alias(struct conns *conns, struct conn *conn)
{
	struct conn_alias *alias = conn->alias;

	if (!alias)
		return;
	hash_remove(&conns->by_alias, alias_index(conns, alias));
	conn->alias = NULL;
	alias->free = conns->aliases_free;
	conns->aliases_free = alias;
}

void conns_unlink(struct conns *conns, struct conn *conn)
{
	hash_remove(&conns->by_ends, conns_index(conns, conn));
}

bool conns_is_linked(const struct conns *conns, const struct conn *conn)
{
	return hash_has(&conns->by_ends, conns_index(conns, conn));
}

static void set_ends(struct conn_ends *known, const struct ends *ends)
{
	memcpy(known->address[0], ends->address[0], EVENT_ADDRESS_SIZE);
	memcpy(known->address[1], ends->address[1], EVENT_ADDRESS_SIZE);
	known->port[0] = ends->port[0];
	known->port[1] = ends->port[1];
}

/* A chain that is too long loses its oldest: it is no longer found, and the next to make room. */
void conns_set_ends(struct conns *conns, struct conn *conn, const struct ends *ends)
{
	__u32 overlong;

	conns_unlink(conns, conn);
	set_ends(&conn->ends, ends);
	conn->local = ends->from;
	hash_add(&conns->by_ends, ends->hash, conns_index(conns, conn));
	overlong = hash_overlong(&conns->by_ends, ends->hash, CHAIN_MOST);
	if (overlong != HASH_END)
		conns_unlink(conns, &conns->slots[overlong]);
}

void conns_set_alias(struct conns *conns, struct conn *conn, const struct ends *ends)
{
	struct conn_alias *alias;
	__u32 overlong;

	free_alias(conns, conn);
	alias = conns->aliases_free;
	if (alias)
		conns->aliases_free = alias->free;
	else if (conns->aliases_touched < aliases_room(conns))
		alias = &conns->aliases[conns->aliases_touched++];
	else
		return; /* its packets behind NAT stay nobody's */
	set_ends(&alias->ends, ends);
	alias->local = ends->from;
	alias->conn = conn;
	conn->alias = alias;
	hash_add(&conns->by_alias, ends->hash, alias_index(conns, alias));
	overlong = hash_overlong(&conns->by_alias, ends->hash, CHAIN_MOST);
	if (overlong != HASH_END)
		free_alias(conns, conns->aliases[overlong].conn);
}

INLINED bool has_ends(const struct conn_ends *known, const struct ends *ends)
{
	return known->port[0] == ends->port[0] && known->port[1] == ends->port[1] &&
	       address_equal(known->address[0], ends->address[0]) &&
	       address_equal(known->address[1], ends->address[1]);
}

bool conns_has_ends(const struct conn *conn, const struct ends *ends)
{
	return has_ends(&conn->ends, ends);
}

struct conns_walk conns_walk(const struct conns *conns, const struct ends *ends)
{
	return (struct conns_walk){
		.ends = ends,
		.next = hash_first(&conns->by_ends, ends->hash),
		.next_alias = hash_first(&conns->by_alias, ends->hash),
	};
}

struct conn *conns_walk_next(const struct conns *conns, struct conns_walk *walk)
{
	while (walk->next != HASH_END) {
		struct conn *conn = &conns->slots[walk->next];

		walk->next = hash_next(&conns->by_ends, walk->next);
		if (conn->local == walk->ends->from && has_ends(&conn->ends, walk->ends))
			return conn;
	}
	while (walk->next_alias != HASH_END) {
		const struct conn_alias *alias = &conns->aliases[walk->next_alias];

		walk->next_alias = hash_next(&conns->by_alias, walk->next_alias);
		if (alias->local == walk->ends->from && has_ends(&alias->ends, walk->ends))
			return alias->conn;
	}
	return NULL;
}

struct conn *conns_sender(const struct conns *conns, const struct ends *ends)
{
	struct conns_walk walk = conns_walk(conns, ends);

	return conns_walk_next(conns, &walk);
}

/* ---- the other end ---- */

void conns_pair(struct conn *conn, struct conn *mirror)
{
	conn->mirror = mirror;
	mirror->mirror = conn;
}

struct conn *conns_mirror(const struct conns *conns, struct conn *conn, const struct ends *ends)
{
	struct ends other = *ends;
	struct conn *mirror;

	if (conn && conn->mirror)
		return conn->mirror;
	other.from = !ends->from;
	mirror = conns_sender(conns, &other);
	if (!mirror || mirror->mirror)
		return NULL;
	if (conn)
		conns_pair(conn, mirror);
	return mirror;
}

/* ---- by cookie ---- */

void conns_set_cookie(struct conns *conns, struct conn *conn, __u64 cookie)
{
	__u32 index = conns_index(conns, conn);

	hash_remove(&conns->by_cookie, index);
	conn->cookie = cookie;
	if (cookie)
		hash_add(&conns->by_cookie, hash_mix(0, cookie), index);
}

struct conn *conns_by_cookie(const struct conns *conns, __u64 cookie)
{
	__u32 i;

	if (!cookie)
		return NULL;
	for (i = hash_first(&conns->by_cookie, hash_mix(0, cookie)); i != HASH_END;
	     i = hash_next(&conns->by_cookie, i))
		if (conns->slots[i].cookie == cookie)
			return &conns->slots[i];
	return NULL;
}

void conns_set_owner(struct conns *conns, struct conn *conn, const struct event_owner *owner)
{
	__u32 number = conns->owners && owner ? owners_take(conns->owners, owner) : 0;

	if (conn->owner)
		owners_drop(conns->owners, conn->owner);
	conn->owner = number;
}

const struct event_owner *conns_owner(const struct conns *conns, const struct conn *conn)
{
	return conn->owner ? owners_at(conns->owners, conn->owner) : NULL;
}

/* ---- slots ---- */

/* Nobody finds it any more, and no line holds it. */
static void detach(struct conns *conns, struct conn *conn)
{
	conns_unlink(conns, conn);
	conns_set_cookie(conns, conn, 0);
	free_alias(conns, conn);
	if (conn->owner)
		owners_drop(conns->owners, conn->owner);
	conn->owner = 0;
	conns_move(conns, conn, CONN_NOWHERE);
	if (conn->mirror)
		conn->mirror->mirror = NULL;
	conn->mirror = NULL;
}

static void give_back(struct conns *conns, struct conn *conn)
{
	conns->free[conns->free_count++] = conns_index(conns, conn);
}

void conns_remove(struct conns *conns, struct conn *conn)
{
	detach(conns, conn);
	give_back(conns, conn);
}

/* The next that was not seen again since it was passed, or that nobody finds any more. */
static struct conn *second_chance(struct conns *conns)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&conns->lines[CONN_LIVING])) && conn->recent &&
	       conns_is_linked(conns, conn)) {
		conn->recent = false;
		conns_move(conns, conn, CONN_LIVING);
	}
	return conn;
}

static struct conn *take_slot(struct conns *conns)
{
	if (conns->free_count)
		return &conns->slots[conns->free[--conns->free_count]];
	return &conns->slots[conns->touched++];
}

void conns_settle(struct conns *conns)
{
	if (conns->gone)
		give_back(conns, conns->gone);
	conns->gone = NULL;
}

static __u32 free_slots(const struct conns *conns)
{
	return conns->room + 1 - conns->touched + conns->free_count;
}

/* One slot is always left for the new one beside the one that leaves. */
static bool make_room(struct conns *conns)
{
	struct conn *conn;

	conns_settle(conns);
	if (free_slots(conns) > 1)
		return true;
	conn = TAILQ_FIRST(&conns->lines[CONN_OVER]);
	if (!conn)
		conn = second_chance(conns);
	if (!conn)
		return false;
	detach(conns, conn);
	conns->gone = conn;
	conns->streams_evicted += !!conn->stream;
	return true;
}

struct conn *conns_gone(const struct conns *conns)
{
	return conns->gone;
}

static struct conn *add(struct conns *conns)
{
	struct conn *conn = take_slot(conns);

	memset(conn, 0, sizeof(*conn));
	conns_move(conns, conn, CONN_LIVING);
	return conn;
}

struct conn *conns_add(struct conns *conns)
{
	return make_room(conns) ? add(conns) : NULL;
}

struct conn *conns_add_beside(struct conns *conns)
{
	conns_settle(conns);
	return free_slots(conns) ? add(conns) : NULL;
}

/* ---- segments ---- */

static __u32 packets_netns(const struct conn *conn)
{
	return conn->stream ? conn->stream_netns : conn->netns;
}

/* One whose segments are followed already goes before one that only has these ends, too. */
INLINED struct conn *find(const struct conns *conns, const struct ends *ends, __u32 netns)
{
	__u32 i = hash_first(&conns->by_ends, ends->hash);
	struct conn *conn, *other = NULL;

	for (; i != HASH_END; i = hash_next(&conns->by_ends, i)) {
		conn = &conns->slots[i];
		if (conn->stream) {
			/* what is read next, while the ends are still on their way from memory */
			__builtin_prefetch(&conn->stream->side[0]);
			__builtin_prefetch(&conn->stream->side[0].next_ns);
			__builtin_prefetch(&conn->stream->side[1]);
			__builtin_prefetch(&conn->stream->side[1].next_ns);
		}
		if (!has_ends(&conn->ends, ends) || packets_netns(conn) != netns)
			continue;
		if (conn->stream)
			return conn;
		if (!other)
			other = conn;
	}
	return other;
}

struct conn *conns_find(const struct conns *conns, const struct ends *ends, __u32 netns)
{
	return find(conns, ends, netns);
}

void conns_narrowed(struct conns *conns, const struct packet *packet, __u32 netns)
{
	struct ends ends = ends_of(packet->inner.source, packet->inner.source_port,
				   packet->inner.destination, packet->inner.destination_port);
	struct conn *conn = find(conns, &ends, netns);

	if (conn && conn->stream)
		conn->stream->narrowed[ends.from] = true;
}

struct conn *conns_of_packet(struct conns *conns, const struct packet *packet,
			     const struct ends *ends, __u32 netns, struct stream_look *look)
{
	struct conn *conn = find(conns, ends, netns);

	look->from = ends->from;
	if (!conn)
		return NULL;
	if ((packet->tcp_flags & TCP_F_SYN) && conn->stream &&
	    stream_begins_another(conn->stream, packet, ends->from)) {
		conns_unlink(conns, conn);
		look->replaced = conn;
		look->flags = BIT(STREAM_REUSED_PORTS);
		return NULL;
	}
	conn->recent = true;
	return conn;
}

struct conn *conns_add_packet(struct conns *conns, const struct ends *ends, __u32 netns)
{
	struct conn *conn = conns_add(conns);
	__u16 first = ends->port[0], second = ends->port[1];

	if (!conn)
		return NULL;
	conn->netns = netns;
	conns_set_ends(conns, conn, ends);
	/* until a SYN tells: the server's port is the lower one, clients' are ephemeral */
	conn->ends.client = first == second ? ends->from : first < second;
	return conn;
}

void conns_follow(struct conns *conns, struct conn *conn, __u32 netns, __u64 ts_ns, __u64 frame)
{
	conn->stream = &conns->streams[conns_index(conns, conn)];
	conn->stream_netns = netns;
	stream_begin(conn->stream, &conn->ends, conns->streams_seen++, ts_ns, frame);
}

struct stream_look conns_packet(struct conns *conns, const struct packet *packet, __u64 ts_ns,
				__u64 frame, __u32 netns)
{
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	struct stream_look look = { 0 };
	struct conn *conn;

	conns_settle(conns);
	if (!stream_is_segment(packet))
		return look;
	conn = conns_of_packet(conns, packet, &ends, netns, &look);
	if (!conn) /* not recent: of many with one packet each, a scan, none may push out who speaks */
		conn = conns_add_packet(conns, &ends, netns);
	if (conn)
		conns_take_packet(conns, conn, packet, netns, ts_ns, frame, &look);
	return look;
}

struct conn *conns_of_stream(const struct conns *conns, const struct stream *stream)
{
	return &conns->slots[stream - conns->streams];
}

__u64 conns_streams_seen(const struct conns *conns)
{
	return conns->streams_seen;
}

__u32 conns_held(const struct conns *conns)
{
	return conns->touched - conns->free_count;
}

__u32 conns_room(const struct conns *conns)
{
	return conns->room;
}

__u64 conns_streams_evicted(const struct conns *conns)
{
	return conns->streams_evicted;
}
