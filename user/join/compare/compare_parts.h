/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare_parts.h - what the files of compare share */
#pragma once

#include <string.h>

#include "join/compare/compare.h"
#include "join/conn/conn.h"
#include "join/core.h"
#include "util/array.h"

/* What a connection can be found by on the other side. */
enum compare_key {
	KEY_ENDS,
	KEY_ISN, /* of the client's SYN */
	KEY_SYN_TIMESTAMP,
	KEY_SERVER_ISN,
	KEY_TIMESTAMPS, /* both of a SYN/ACK */
	KEY_PAYLOAD, /* the client's first */
	/*
	 * Of connections whose begin is on one side only: of all segments with payload, the least
	 * hash of each class, which is the same on both sides if both have that segment.
	 */
	KEY_SEGMENT,
	KEY_SEGMENT_LAST = KEY_SEGMENT + 3,
	COMPARE_KEY_COUNT
};

/* A packet that waits for itself on the other side. */
struct held {
	__u64 ts_ns;
	__u64 frame;
	__u32 next, prev; /* in its list; numbers from 1 */
	__u32 newer, older; /* in the pool */
	__u32 conn; /* index */
	__u32 seq, ack;
	__u32 ts_value, ts_echo;
	__u32 length;
	__u32 covered; /* bytes that the other side saw in other segments */
	__u32 digest; /* of the first bytes of its payload */
	__u16 ip_id, window;
	__u8 digest_size; /* 0: unknown */
	__u8 side, way;
	__u8 kind; /* enum compare_kind */
	__u8 flags; /* TCP_F_* */
	__u8 ttl;
	bool timestamps;
};

struct held_list {
	__u32 head, tail;
	__u32 cursor; /* behind the last that was matched: the next is likely there */
};

/* A connection on one side. */
struct compare_conn {
	__u64 number; /* the stream's, from 1; 0 unused */
	__u32 mate; /* index on the other side, from 1; 0 none */
	__u8 client; /* index in the stream */
	__u8 found; /* enum compare_found */
	bool told;
	bool isn_known[COMPARE_WAYS];
	bool syn_timestamp_known;
	bool timestamps_known;
	bool payload_known;
	__u32 isn[COMPARE_WAYS];
	__u32 syn_timestamp;
	__u64 timestamps; /* of the SYN/ACK, both */
	__u64 payload; /* hash */
	__u32 gaps[COMPARE_WAYS]; /* acknowledged, but not in this capture */
	__u32 cut; /* packets whose options were captured in part */
	struct compare_end end;
	__u64 key[COMPARE_KEY_COUNT]; /* what it is found by, 0 none */
	struct held_list list[COMPARE_WAYS];
	/* this side's part of struct compare_way */
	struct compare_conn_way {
		__u32 seen[COMPARE_KIND_COUNT];
		struct compare_only only[COMPARE_KIND_COUNT];
		__u64 only_bytes;
		__u32 after_last;
		__u32 copies;
		__u32 unjudged;
		struct compare_syn syn;
		__u32 untranslated;
		__u8 ttl;
		__u8 reset_ttl;
		__u64 reset_ns;
		__u64 fin_ns;
	} way[COMPARE_WAYS];
};

/* What both sides together tell; of the connection of side 0 with the same index. */
struct match {
	bool ordered; /* .near is known from times */
	__u8 near;
	bool loose; /* timestamps and IP identifications are not looked at any more */
	struct match_way {
		__u32 matched[COMPARE_KIND_COUNT];
		__u32 most_bytes;
		__u64 bytes;
		__u64 last_ns[COMPARE_SIDES];
		__u64 data_ns[COMPARE_SIDES];
		__u32 resegmented;
		struct compare_times times;
		__u8 ttl[COMPARE_SIDES];
		bool ttl_matched;
		bool ip_ids_differ;
		__u16 changed;
		__u32 window_changed;
	} way[COMPARE_WAYS];
};

#define CLOCK_WINDOWS 64

struct clock_bound {
	bool known;
	__s64 value; /* time of side 1 minus time of side 0 */
	__u64 at_ns; /* by side 0 */
};

struct clocks {
	struct compare_clock clock; /* the estimate, when .fresh */
	bool fresh;
	bool begun;
	__u64 begin_ns;
	__u64 width_ns;
	/* [0] bounds the offset from above: packets from side 0 to side 1; [1] from below */
	struct clock_bound bound[CLOCK_WINDOWS][2];
};

#define SERVERS_MAX 3072 /* later ones count as unknown: that only makes unsure */

struct compare_side {
	struct conns *table;
	struct compare_conn *conns;
	struct hash by; /* every key of every conn */
	__u64 latest_ns;
	__u64 dropped;
	bool damaged;
	bool lacks_some, lacks_any; /* its file says so */
	__u64 way_packets[COMPARE_WAYS];
	__u64 servers[SERVERS_MAX]; /* hash values of those whose connections were matched */
	__u32 servers_count;
	struct hash servers_by;
	struct compare_counters counters;
};

struct compare {
	struct compare_side side[COMPARE_SIDES];
	struct match *matches;
	struct held *pool;
	__u32 pool_room, pool_touched, pool_free;
	__u32 oldest, newest;
	__u32 room;
	__u32 pairs;
	__u64 spread_ns; /* the most by which ways of one connection and direction differed */
	__u32 votes[COMPARE_SIDES]; /* pairs whose client is nearer to that side */
	bool finished;
	struct clocks clocks;
	struct compare_result result; /* what was handed out last */
	bool has_gone;
	__u32 *order; /* after the end: what compare_next() hands out */
	size_t order_count, order_at;
};

static inline struct compare_conn *compare_conn_mate(struct compare *compare, unsigned int side,
						     const struct compare_conn *conn)
{
	return conn->mate ? &compare->side[!side].conns[conn->mate - 1] : NULL;
}

static inline __u32 compare_conn_index(const struct compare *compare, unsigned int side,
				       const struct compare_conn *conn)
{
	return (__u32)(conn - compare->side[side].conns);
}

/* The pair's, of either side's connection; the connection must have a mate. */
static inline struct match *compare_conn_match(struct compare *compare, unsigned int side,
					       const struct compare_conn *conn)
{
	return &compare->matches[side ? conn->mate - 1 : compare_conn_index(compare, 0, conn)];
}

/* From side 0 to side 1, modulo 2^32; 0 if it is not known. */
static inline __u32 compare_conn_sequence_added(const struct compare_conn *zero,
						const struct compare_conn *one, unsigned int way)
{
	return zero->isn_known[way] && one->isn_known[way] ? one->isn[way] - zero->isn[way] : 0;
}

/* ---- compare_find.c ---- */

/* Takes what a packet tells of its connection; returns true if it can be found by more now. */
bool compare_conn_learn(struct compare *compare, unsigned int side, struct compare_conn *conn,
			const struct held *packet);
void compare_conn_unlink(struct compare *compare, unsigned int side, struct compare_conn *conn);
/* The one on the other side; NULL none, or not the only one. @late: with less evidence, too. */
struct compare_conn *compare_conn_find(struct compare *compare, unsigned int side,
				       const struct compare_conn *conn, bool late, __u8 *found);
/* Turns client and server round. */
void compare_conn_flip(struct compare *compare, struct compare_conn *conn);

/* ---- compare_match.c ---- */

void held_add(struct compare *compare, unsigned int side, struct compare_conn *conn,
	      const struct held *packet);
/* Finds the packet on the other side and accounts for it. Returns false: it has to wait. */
bool match_packet(struct compare *compare, unsigned int side, struct compare_conn *conn,
		  struct held *packet);
/* All that waits on both sides. */
void match_lists(struct compare *compare, struct compare_conn *zero, struct compare_conn *one);
/* Gives up waiting for everything of a connection. */
void held_settle_all(struct compare *compare, unsigned int side, struct compare_conn *conn);

/* Takes the first that waits out of a list; false: none does. */
bool held_take(struct compare *compare, struct held_list *list, struct held *held);

/* ---- compare_untranslated.c ---- */

/* A connection without a mate may be what a translator let pass of another one: then it is that. */
void compare_untranslated_join(struct compare *compare, unsigned int side,
			       struct compare_conn *stray);

/* ---- compare_result.c ---- */

void compare_note_server(struct compare_side *side, const struct compare_conn *conn);
bool compare_knows_server(const struct compare_side *side, const struct compare_conn *conn);

void compare_result_add_match(struct compare_way *to, const struct match_way *from);
/* Which side is nearer to the client. */
void compare_result_order(const struct compare *compare, struct compare_result *result,
			  const struct match *match);
/* Fills compare->result; the connection and its mate count as told from now on. */
const struct compare_result *compare_result_make(struct compare *compare, unsigned int side,
						 struct compare_conn *conn);

/* ---- compare_clock.c ---- */

/* @back: from side 1 to side 0. @difference: time of side 1 minus time of side 0. */
void clocks_add(struct clocks *clocks, bool back, __u64 at_ns, __s64 difference);
const struct compare_clock *clocks_estimate(struct clocks *clocks);
