// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_match.c - which packet of one side is which of the other, and what becomes of the rest */

#include "join/compare/compare_parts.h"
#include "util/seq.h"
#include "util/time.h"

/* Where the counterpart is looked for: so many packets from the cursor, and as many from the head. */
#define LOOK_MOST 512
/* No packet is longer on its way than RFC 9293 3.4.2's maximum segment lifetime allows in practice. */
#define WAY_MOST_NS ((__s64)(30 * NS_PER_S))
/* The first packets of both directions tell which side is nearer if no clock drifts far between. */
#define ORDER_MOST_NS ((__s64)(10 * NS_PER_S))

enum grade { GRADE_NONE, GRADE_WEAK, GRADE_SURE };

static struct held *held_at(const struct compare *compare, __u32 number)
{
	return number ? &compare->pool[number - 1] : NULL;
}

/* ---- the pool ---- */

static void held_remove(struct compare *compare, struct held *held)
{
	struct compare_conn *conn = &compare->side[held->side].conns[held->conn];
	struct held_list *list = &conn->list[held->way];
	__u32 number = (__u32)(held - compare->pool) + 1;

	if (list->cursor == number)
		list->cursor = held->next;
	*(held->prev ? &held_at(compare, held->prev)->next : &list->head) = held->next;
	*(held->next ? &held_at(compare, held->next)->prev : &list->tail) = held->prev;
	*(held->older ? &held_at(compare, held->older)->newer : &compare->oldest) = held->newer;
	*(held->newer ? &held_at(compare, held->newer)->older : &compare->newest) = held->older;
	held->next = compare->pool_free;
	compare->pool_free = number;
}

static struct compare_only *only_of(struct compare_conn *conn, const struct held *held)
{
	return &conn->way[held->way].only[held->kind];
}

/* Why the other side could not have seen it: bits that make it no evidence. */
static __u32 blind_of(struct compare *compare, const struct held *held)
{
	const struct compare_side *other = &compare->side[!held->side];
	const struct compare_clock *clock = clocks_estimate(&compare->clocks);
	__u64 there_ns = compare_map_time(clock, held->side, held->ts_ns);
	__u32 blind = 0;

	__u64 slack_ns = compare->spread_ns + 2 * clock->uncertainty_ns;

	if (!other->counters.frames || !compare->pairs)
		return BIT(UNSURE_EMPTY);
	/* it may have passed so much earlier or later as others did */
	if (there_ns < other->counters.first_ns + slack_ns)
		blind |= BIT(UNSURE_BEGAN_LATER);
	if (there_ns + slack_ns > other->latest_ns)
		blind |= BIT(UNSURE_ENDED_EARLIER);
	if (!other->way_packets[held->way])
		blind |= BIT(UNSURE_ONE_WAY);
	if (other->lacks_any ||
	    (other->lacks_some && (held->kind == COMPARE_ACK || held->kind == COMPARE_DATA)))
		blind |= BIT(UNSURE_SOME);
	return blind;
}

/* The other side has not come so far yet that the packet could not be there any more. */
static bool is_too_early(struct compare *compare, const struct held *held)
{
	const struct compare_clock *clock = clocks_estimate(&compare->clocks);
	__u64 there_ns = compare_map_time(clock, held->side, held->ts_ns);

	return !compare->finished && compare->side[!held->side].latest_ns < there_ns + WAY_MOST_NS;
}

static void note_only(struct compare *compare, struct compare_conn *conn, const struct held *held)
{
	struct compare_only *only = only_of(conn, held);
	const struct match *match =
		conn->mate ? compare_conn_match(compare, held->side, conn) : NULL;
	__u32 blind = blind_of(compare, held);

	if (blind) {
		only->unsure++;
		only->blind |= blind;
		return;
	}
	if (!only->count++) {
		only->first_ns = held->ts_ns;
		only->first_frame = held->frame;
	}
	only->last_ns = held->ts_ns;
	if (held->length && (!only->least_bytes || held->length < only->least_bytes))
		only->least_bytes = held->length;
	conn->way[held->way].only_bytes += held->length - held->covered;
	if (match && held->ts_ns > match->way[held->way].last_ns[held->side])
		conn->way[held->way].after_last++;
}

/* It was never found on the other side. */
static void held_settle(struct compare *compare, struct held *held)
{
	struct compare_conn *conn = &compare->side[held->side].conns[held->conn];

	if (is_too_early(compare, held)) {
		conn->way[held->way].unjudged++;
		compare->side[held->side].counters.unjudged++;
	} else {
		note_only(compare, conn, held);
	}
	held_remove(compare, held);
}

bool held_take(struct compare *compare, struct held_list *list, struct held *held)
{
	struct held *first = held_at(compare, list->head);

	if (!first)
		return false;
	*held = *first;
	held_remove(compare, first);
	return true;
}

void held_settle_all(struct compare *compare, unsigned int side, struct compare_conn *conn)
{
	(void)side;
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		while (conn->list[way].head)
			held_settle(compare, held_at(compare, conn->list[way].head));
}

void held_add(struct compare *compare, unsigned int side, struct compare_conn *conn,
	      const struct held *packet)
{
	struct held_list *list = &conn->list[packet->way];
	struct held *held;
	__u32 number;

	if (!compare->pool_free && compare->pool_touched == compare->pool_room)
		held_settle(compare, held_at(compare, compare->oldest));
	number = compare->pool_free ? compare->pool_free : ++compare->pool_touched;
	held = held_at(compare, number);
	if (compare->pool_free)
		compare->pool_free = held->next;
	*held = *packet;
	held->side = (__u8)side;
	held->conn = compare_conn_index(compare, side, conn);
	held->next = 0;
	held->prev = list->tail;
	held->newer = 0;
	held->older = compare->newest;
	*(list->tail ? &held_at(compare, list->tail)->next : &list->head) = number;
	list->tail = number;
	if (!list->cursor)
		list->cursor = number;
	*(compare->newest ? &held_at(compare, compare->newest)->newer : &compare->oldest) = number;
	compare->newest = number;
}

/* ---- are they the same? ---- */

struct pair {
	struct compare *compare;
	struct compare_conn *conn[COMPARE_SIDES];
	struct match *match;
	__u32 added[COMPARE_WAYS]; /* to sequence numbers, from side 0 to side 1 */
};

static struct pair pair_of(struct compare *compare, struct compare_conn *zero,
			   struct compare_conn *one)
{
	struct pair pair = { compare, { zero, one }, compare_conn_match(compare, 0, zero) };

	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		pair.added[way] = compare_conn_sequence_added(zero, one, way);
	return pair;
}

static bool numbers_agree(const struct pair *pair, const struct held *zero, const struct held *one)
{
	if (zero->seq + pair->added[zero->way] != one->seq)
		return false;
	return !(zero->flags & TCP_F_ACK) || zero->ack + pair->added[!zero->way] == one->ack;
}

/*
 * How sure is it that these are one packet? A segment that is sent again has the same numbers, but
 * another IP identification and, later than a millisecond, another timestamp.
 */
static enum grade held_grade(const struct pair *pair, const struct held *zero,
			     const struct held *one)
{
	const struct match_way *way = &pair->match->way[zero->way];
	bool loose = pair->match->loose;
	enum grade grade = GRADE_WEAK;

	if (zero->kind != one->kind || zero->length != one->length ||
	    ((zero->flags ^ one->flags) & ~(TCP_F_PSH | TCP_F_URG)) ||
	    !numbers_agree(pair, zero, one))
		return GRADE_NONE;
	if (loose)
		return GRADE_WEAK;
	if (zero->timestamps && one->timestamps) {
		if (zero->ts_value != one->ts_value || zero->ts_echo != one->ts_echo)
			return GRADE_NONE;
		grade = GRADE_SURE;
	}
	if (!zero->ip_id || !one->ip_id || way->ip_ids_differ)
		return grade;
	/* a sending within the same millisecond, unless no other fits better */
	return zero->ip_id == one->ip_id ? GRADE_SURE : GRADE_WEAK;
}

/* Same numbers, no timestamps, and another identification: the same only if nothing else is. */
static bool is_other_sending(const struct pair *pair, const struct held *zero,
			     const struct held *one)
{
	return !pair->match->loose && !(zero->timestamps && one->timestamps) && zero->ip_id &&
	       one->ip_id && zero->ip_id != one->ip_id &&
	       !pair->match->way[zero->way].ip_ids_differ;
}

/* ---- they are ---- */

static void times_add(struct compare_times *times, __u64 at_ns, __s64 difference)
{
	__s64 sum;

	if (!times->samples++) {
		times->begin_ns = times->least_at = times->most_at = at_ns;
		times->first = times->least = times->most = difference;
		return;
	}
	if (difference < times->least) {
		times->least = difference;
		times->least_at = at_ns;
	}
	if (difference > times->most) {
		times->most = difference;
		times->most_at = at_ns;
	}
	if (__builtin_add_overflow(times->sum, difference - times->first, &sum))
		return; /* of damaged times; the mean of the others stays */
	times->sum = sum;
	times->sum_at += at_ns > times->begin_ns ? (at_ns - times->begin_ns) / NS_PER_US : 0;
}

/*
 * Side 1 shows what the client sends later than side 0 does, and what the server sends earlier, if
 * side 0 is nearer to the client; whatever the clocks' offset.
 */
static void match_order(struct compare *compare, struct match *match)
{
	const struct compare_times *to = &match->way[0].times, *from = &match->way[1].times;
	__s64 apart = (__s64)(from->begin_ns - to->begin_ns);

	if (match->ordered || !to->samples || !from->samples || apart > ORDER_MOST_NS ||
	    apart < -ORDER_MOST_NS || to->first == from->first)
		return;
	match->ordered = true;
	match->near = to->first < from->first;
	compare->votes[match->near]++;
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		const struct compare_times *times = &match->way[way].times;

		clocks_add(&compare->clocks, match->near != way, times->begin_ns, times->first);
	}
}

static void note_way_time(struct compare *compare, struct match *match, const struct held *zero,
			  const struct held *one)
{
	struct compare_times *times = &match->way[zero->way].times;

	times_add(times, zero->ts_ns, (__s64)(one->ts_ns - zero->ts_ns));
	if ((__u64)(times->most - times->least) > compare->spread_ns)
		compare->spread_ns = (__u64)(times->most - times->least);
}

/*
 * Clocks may be decades apart (one that begins in 1970), but what is further, or jumps by weeks within
 * one connection, is a damaged time.
 */
static bool is_plausible(const struct compare_times *times, __s64 difference)
{
	const __s64 most = 1ll << 61, jump = 1ll << 50; /* 73 years, 13 days */

	if (difference > most || difference < -most)
		return false;
	return !times->samples ||
	       (difference - times->first <= jump && difference - times->first >= -jump);
}

static void note_time(struct compare *compare, struct match *match, const struct held *zero,
		      const struct held *one)
{
	bool ordered = match->ordered;
	__s64 difference = (__s64)(one->ts_ns - zero->ts_ns);

	if (!is_plausible(&match->way[zero->way].times, difference))
		return;
	note_way_time(compare, match, zero, one);
	match_order(compare, match);
	if (ordered)
		clocks_add(&compare->clocks, match->near != zero->way, zero->ts_ns, difference);
}

static void note_changes(struct match *match, const struct held *zero, const struct held *one)
{
	struct match_way *way = &match->way[zero->way];

	if (!way->ttl_matched) {
		way->ttl_matched = true;
		way->ttl[0] = zero->ttl;
		way->ttl[1] = one->ttl;
	}
	if (zero->ip_id != one->ip_id) {
		way->changed |= BIT(CHANGED_IP_ID);
		way->ip_ids_differ = true;
	}
	if (zero->timestamps && one->timestamps && zero->ts_value != one->ts_value)
		way->changed |= BIT(CHANGED_TIMESTAMP_VALUES);
	if (zero->window != one->window)
		way->changed |= BIT(CHANGED_WINDOW);
	if (zero->digest_size && zero->digest_size == one->digest_size &&
	    zero->digest != one->digest)
		way->changed |= BIT(CHANGED_PAYLOAD);
}

/* A packet that its numbers alone identify is sure when each side saw it once. */
static bool is_only_one(const struct pair *pair, const struct held *held)
{
	return held->kind != COMPARE_DATA && held->kind != COMPARE_ACK &&
	       pair->conn[0]->way[held->way].seen[held->kind] == 1 &&
	       pair->conn[1]->way[held->way].seen[held->kind] == 1;
}

/*
 * Whose numbers are rewritten may be behind a SYN proxy: its SYN/ACK came before the server's, not
 * from it, and their times say nothing of the clocks or of the way between.
 */
static bool is_of_a_proxy(const struct pair *pair, const struct held *zero)
{
	return zero->kind == COMPARE_SYN_ACK && pair->added[zero->way];
}

/* Payload went through, in one segment of so many bytes. */
static void note_passed(struct match_way *way, const struct held *zero, const struct held *one,
			__u32 bytes)
{
	if (bytes > way->most_bytes)
		way->most_bytes = bytes;
	if (zero->ts_ns > way->data_ns[0])
		way->data_ns[0] = zero->ts_ns;
	if (one->ts_ns > way->data_ns[1])
		way->data_ns[1] = one->ts_ns;
}

static void take_match(const struct pair *pair, const struct held *zero, const struct held *one,
		       enum grade grade)
{
	struct match_way *way = &pair->match->way[zero->way];

	way->matched[zero->kind]++;
	way->bytes += zero->length;
	if (zero->ts_ns > way->last_ns[0])
		way->last_ns[0] = zero->ts_ns;
	if (one->ts_ns > way->last_ns[1])
		way->last_ns[1] = one->ts_ns;
	if (zero->length)
		note_passed(way, zero, one, zero->length);
	note_changes(pair->match, zero, one);
	if (is_of_a_proxy(pair, zero))
		return;
	if (grade == GRADE_SURE || (!pair->match->loose && is_only_one(pair, zero)))
		note_time(pair->compare, pair->match, zero, one);
}

/* ---- looking for it ---- */

struct look {
	struct held *best;
	enum grade grade;
	bool resegmented; /* all of its bytes were seen in other segments */
};

/* The same bytes in a segment that is not the same one: it was sent again. */
static bool covers_nothing_else(const struct pair *pair, const struct held *waiting,
				const struct held *packet)
{
	__u32 added = pair->added[packet->way];

	return packet->seq == waiting->seq + (packet->side ? added : -added);
}

/* Whole bytes that both segments hold and that neither was credited with. */
static void cover(const struct pair *pair, struct held *waiting, struct held *packet)
{
	__u32 added = pair->added[packet->way];
	__s32 behind; /* where the waiting one begins, from the packet's begin on */
	__s64 from, to;

	if (!waiting->length || waiting->kind > COMPARE_FIN || packet->kind > COMPARE_FIN ||
	    (waiting->length == packet->length && covers_nothing_else(pair, waiting, packet)) ||
	    (waiting->timestamps && packet->timestamps && waiting->ts_value != packet->ts_value))
		return;
	behind = seq_distance(packet->seq, waiting->seq + (packet->side ? added : -added));
	from = behind > 0 ? behind : 0;
	to = (__s64)behind + waiting->length;
	if (to > packet->length)
		to = packet->length;
	if (to <= from || waiting->covered + (to - from) > waiting->length ||
	    packet->covered + (to - from) > packet->length)
		return;
	waiting->covered += (__u32)(to - from);
	packet->covered += (__u32)(to - from);
	note_passed(&pair->match->way[packet->way], packet->side ? waiting : packet,
		    packet->side ? packet : waiting,
		    waiting->length < packet->length ? waiting->length : packet->length);
	/* a way like any other, but no bound of a clock: when a merged segment is stamped varies */
	if (pair->match->ordered)
		note_way_time(pair->compare, pair->match, packet->side ? waiting : packet,
			      packet->side ? packet : waiting);
}

static bool look_at(const struct pair *pair, struct look *look, struct held *waiting,
		    const struct held *packet)
{
	const struct held *zero = packet->side ? waiting : packet;
	const struct held *one = packet->side ? packet : waiting;
	enum grade grade = held_grade(pair, zero, one);

	if (grade == GRADE_WEAK && is_other_sending(pair, zero, one))
		grade = GRADE_NONE;
	if (grade > look->grade) {
		look->best = waiting;
		look->grade = grade;
	}
	return look->grade == GRADE_SURE;
}

/* From @number on, at most LOOK_MOST; stops before @end. */
static void look_from(const struct pair *pair, struct look *look, __u32 number, __u32 end,
		      const struct held *packet)
{
	for (int i = 0; number && number != end && i < LOOK_MOST; i++) {
		struct held *waiting = held_at(pair->compare, number);

		if (look_at(pair, look, waiting, packet))
			return;
		number = waiting->next;
	}
}

/* No segment is the same: do others hold its bytes? */
static bool cover_from(const struct pair *pair, __u32 number, struct held *packet)
{
	struct match_way *way = &pair->match->way[packet->way];

	for (int i = 0; number && i < LOOK_MOST && packet->covered < packet->length; i++) {
		struct held *waiting = held_at(pair->compare, number);

		number = waiting->next;
		cover(pair, waiting, packet);
		if (waiting->length && waiting->covered == waiting->length) {
			way->resegmented++;
			way->changed |= BIT(CHANGED_SEGMENTS);
			way->last_ns[waiting->side] = waiting->ts_ns;
			held_remove(pair->compare, waiting);
		}
	}
	if (packet->covered != packet->length)
		return false;
	way->resegmented++;
	way->changed |= BIT(CHANGED_SEGMENTS);
	way->last_ns[packet->side] = packet->ts_ns;
	return true;
}

bool match_packet(struct compare *compare, unsigned int side, struct compare_conn *conn,
		  struct held *packet)
{
	struct compare_conn *mate = compare_conn_mate(compare, side, conn);
	struct pair pair = side ? pair_of(compare, mate, conn) : pair_of(compare, conn, mate);
	struct held_list *list = &mate->list[packet->way];
	struct look look = { 0 };

	packet->side = (__u8)side;
	look_from(&pair, &look, list->cursor, 0, packet);
	if (look.grade < GRADE_SURE)
		look_from(&pair, &look, list->head, list->cursor, packet);
	if (!look.best)
		return packet->length && cover_from(&pair, list->head, packet);
	take_match(&pair, side ? look.best : packet, side ? packet : look.best, look.grade);
	list->cursor = look.best->next;
	held_remove(compare, look.best);
	return true;
}

void match_lists(struct compare *compare, struct compare_conn *zero, struct compare_conn *one)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		__u32 number = one->list[way].head;

		zero->list[way].cursor = zero->list[way].head;
		while (number) {
			struct held *held = held_at(compare, number);

			number = held->next;
			if (match_packet(compare, 1, one, held))
				held_remove(compare, held);
		}
	}
}
