// SPDX-License-Identifier: GPL-2.0-or-later
/* join_flow_test.c - connections by their sockets: when each is told, once, and in bounded memory */

#include "join_fixture.h"

#define ROOM 4

static int set_up_flows(void **state)
{
	struct join_limits limits = join_limits_default;
	struct event start = event(EVENT_START, 0, 0);
	int err;

	limits.connections = 64;
	limits.strays = 16;
	limits.flows = ROOM;
	err = join_new((struct join **)state, &limits);
	start.head.known = EVENT_K_FLOW;
	if (!err)
		feed(*state, start);
	return err;
}

static struct event closing(__u64 ms, __u64 cookie, __u8 from, __u64 bytes)
{
	struct event e = state_to(ms, cookie, 7, 0);

	e.socket.old_state = from;
	e.socket.flow.bytes_sent = bytes;
	e.head.known = EVENT_K_TUPLE | EVENT_K_FLOW;
	return e;
}

static struct event seen_open(__u64 ms, __u64 cookie, __u64 bytes)
{
	struct event e = event(EVENT_SOCKET, ms, cookie);

	set_tuple(&e.snapshot.tuple, 40000 + cookie, 2, 80);
	e.snapshot.state = 1;
	e.snapshot.flow.bytes_sent = bytes;
	e.head.known = EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_FLOW;
	return e;
}

static const struct flow *due(struct join *join)
{
	return join_flow_due(join, false);
}

static const struct flow *last(struct join *join)
{
	return join_flow_due(join, true);
}

static void judge(struct join *join)
{
	struct attempt *attempt;

	while ((attempt = join_due(join)))
		join_told(join, attempt, NULL);
}

static void told_once_when_it_has_settled(void **state)
{
	struct join *join = *state;
	const struct flow *flow;
	struct figures figures;

	feed(join, opens(10, 1, 5, 2, 80));
	feed(join, state_to(11, 1, 1, 0));
	assert_null(due(join));
	feed(join, closing(20, 1, 9, 77));
	tick(join, 20 + FLOW_SETTLE_NS / MS - 1);
	assert_null(due(join));
	/* whether its connect is worth a word is judged when it has proven itself */
	tick(join, 20 + FLOW_SETTLE_NS / MS);
	assert_null(due(join));
	tick(join, 1011);
	judge(join);
	tick(join, 1011 + FLOW_SETTLE_NS / MS);
	flow = due(join);
	assert_non_null(flow);
	assert_int_equal(flow->cookie, 1);
	assert_int_equal(flow->counts.bytes_sent, 77);
	assert_int_equal(flow->owner->tgid, 100);
	figures_take_flow(&figures, flow, 0);
	assert_int_equal(figures.end, CONN_CLOSED);
	assert_int_equal(figures.closed_first, FIGURES_REMOTE);
	assert_null(due(join));
	assert_null(last(join));
}

/* An end that is told for its figures alone is no attempt, whose other end would be told with it; its nearest miss is. */
static void an_end_in_order_is_not_judged(void **state)
{
	struct join *join = *state;
	struct event end = closing(1500, 1, 5, 77);

	feed(join, opens(10, 1, 5, 2, 80));
	feed(join, state_to(11, 1, 1, 0));
	tick(join, 1100);
	judge(join);
	end.socket.flow.segments_in = 3;
	feed(join, end);
	assert_false(join_settling(join));

	feed(join, opens(2000, 2, 5, 2, 80));
	feed(join, state_to(2001, 2, 1, 0));
	tick(join, 3100);
	judge(join);
	end = closing(3500, 2, 5, 77);
	end.socket.flow.segments_in = 3;
	end.socket.flow.unacked_bytes = 10;
	feed(join, end);
	assert_true(join_settling(join));
}

static void open_ones_are_told_at_the_end(void **state)
{
	struct join *join = *state;
	const struct flow *flow;

	for (__u64 cookie = 1; cookie <= 3; cookie++)
		feed(join, opens(cookie, cookie, 5, 2, 80));
	feed(join, closing(50, 2, 9, 1));
	for (__u64 i = 0; i < 3; i++) {
		static const __u64 order[] = { 2, 1, 3 };

		flow = last(join);
		assert_non_null(flow);
		assert_int_equal(flow->cookie, order[i]);
	}
	assert_null(last(join));
	assert_int_equal(join_flow_counters(join)->seen, 3);
}

/* A full table tells what has ended at once, and keeps none of those that begin. */
static void full_of_open_ones(void **state)
{
	struct join *join = *state;
	const struct flow *flow;

	for (__u64 cookie = 1; cookie <= ROOM + 2; cookie++)
		feed(join, opens(cookie, cookie, 5, 2, 80));
	assert_int_equal(join_flow_counters(join)->unkept, 2);
	/* the end of one that was not kept is told, of itself alone */
	feed(join, closing(50, ROOM + 2, 9, 5));
	flow = due(join);
	assert_non_null(flow);
	assert_int_equal(flow->cookie, ROOM + 2);
	assert_null(flow->owner);
	assert_int_equal(flow->counts.bytes_sent, 5);
	assert_null(due(join));
	/* the end of one that was makes room without waiting */
	feed(join, closing(51, 2, 9, 6));
	flow = due(join);
	assert_non_null(flow);
	assert_int_equal(flow->cookie, 2);
	assert_non_null(flow->owner);
	assert_null(due(join));
	feed(join, opens(52, 99, 5, 2, 80));
	assert_int_equal(join_flow_counters(join)->unkept, 2);
}

/* The snapshot may tell of one socket twice, and of all of them again at the end. */
static void full_of_what_was_open_before(void **state)
{
	struct join *join = *state;

	for (int pass = 0; pass < 2; pass++)
		for (__u64 cookie = 1; cookie <= ROOM + 3; cookie++)
			feed(join, seen_open(1, cookie, 10));
	assert_true(join_flow_counters(join)->crowded);
	assert_int_equal(join_flow_counters(join)->seen, ROOM);
	assert_int_equal(join_flow_counters(join)->before, ROOM);
	assert_int_equal(join_flow_counters(join)->unkept, 0);
	for (int i = 0; i < ROOM; i++)
		assert_non_null(last(join));
	assert_null(last(join));
}

/* Places are used again for ever. */
static void a_thousand_in_four_places(void **state)
{
	struct join *join = *state;
	__u64 told = 0;

	for (__u64 cookie = 1; cookie <= 1000; cookie++) {
		feed(join, opens(cookie, cookie, 5, 2, 80));
		while (due(join))
			told++;
		feed(join, closing(cookie, cookie, 9, cookie));
		while (due(join))
			told++;
	}
	while (last(join))
		told++;
	assert_int_equal(told, 1000);
	assert_int_equal(join_flow_counters(join)->seen, 1000);
	assert_int_equal(join_flow_counters(join)->unkept, 0);
}

/* Kernels without cookies use addresses again, and connect() may be called again. */
static void the_same_cookie_again(void **state)
{
	struct join *join = *state;
	const struct flow *flow;

	feed(join, opens(1, 7, 5, 2, 80));
	feed(join, closing(2, 7, 9, 10));
	feed(join, opens(3, 7, 6, 2, 81));
	feed(join, closing(4, 7, 5, 20));
	flow = last(join);
	assert_int_equal(flow->counts.bytes_sent, 10);
	flow = last(join);
	assert_int_equal(flow->counts.bytes_sent, 20);
	assert_null(last(join));
}

static void a_second_end_is_none(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 5, 2, 80));
	feed(join, closing(2, 7, 9, 10));
	feed(join, closing(3, 7, 9, 11));
	assert_non_null(last(join));
	assert_null(last(join));
}

/* The snapshot of the end holds what is open; a tick may follow it, not a long watch. */
static void figures_are_fresh_or_unknown(void **state)
{
	struct join *join = *state;
	const struct flow *flow;

	feed(join, seen_open(1, 1, 10));
	feed(join, seen_open(1, 2, 10));
	for (__u64 ms = 20; ms <= 200; ms += 20)
		tick(join, ms);
	feed(join, seen_open(201, 2, 30));
	tick(join, 220);
	flow = last(join);
	assert_int_equal(flow->cookie, 1);
	assert_int_equal(flow->known, 0);
	flow = last(join);
	assert_int_equal(flow->cookie, 2);
	assert_true(flow->known & EVENT_K_FLOW);
	assert_int_equal(flow->counts.bytes_sent, 30);
	assert_int_equal(join_flow_counters(join)->before, 2);
}

static void figures_of_the_start_are_old(void **state)
{
	struct join *join = *state;

	feed(join, seen_open(1, 1, 10));
	for (__u64 ms = 20; ms <= 200; ms += 20)
		tick(join, ms);
	assert_int_equal(last(join)->known, 0);
}

/* A snapshot overtakes the ring: what it holds may have begun after the hooks were attached. */
static void a_snapshot_overtakes_openings(void **state)
{
	struct join *join = *state;
	struct event accepted = state_to(6, 2, 1, 0);
	const struct flow *flow;

	accepted.socket.old_state = 3;
	feed(join, seen_open(10, 1, 30));
	feed(join, seen_open(10, 2, 40));
	feed(join, seen_open(10, 3, 50));
	feed(join, opens(5, 1, 5, 2, 80));
	feed(join, state_to(6, 1, 1, 0));
	feed(join, accepted);
	tick(join, 20);
	assert_int_equal(join_flow_counters(join)->seen, 3);
	assert_int_equal(join_flow_counters(join)->before, 1);
	flow = last(join);
	assert_int_equal(flow->opened_ns, 5 * MS);
	assert_int_equal(flow->established_ns, 6 * MS);
	assert_int_equal(flow->owner->tgid, 100);
	assert_int_equal(flow->counts.bytes_sent, 30);
	assert_int_equal(flow->state, 1);
	flow = last(join);
	assert_int_equal(flow->opened_ns, 6 * MS);
	assert_int_equal(flow->counts.bytes_sent, 40);
	assert_int_equal(last(join)->opened_ns, 0);
	assert_null(last(join));
}

/* What the snapshot and the states do not call a connection. */
static void no_connections(void **state)
{
	struct join *join = *state;
	struct event left = seen_open(1, 5, 0), kernel = state_to(2, 6, 1, 0);

	left.snapshot.state = 6; /* TIME_WAIT: it counts nothing */
	left.head.known &= ~EVENT_K_FLOW;
	feed(join, left);
	kernel.head.cookie = 0;
	feed(join, kernel);
	feed(join, closing(3, 8, 3, 0)); /* a SYN_RECV that was never accepted */
	assert_null(last(join));
}

/* A recording of watch tells of openings, too. */
static void only_where_flows_are_told(void **state)
{
	struct join *join = *state;

	feed(join, event(EVENT_START, 0, 0));
	feed(join, opens(1, 1, 5, 2, 80));
	assert_null(last(join));
	assert_null(join_flow_counters(join));
}

#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_flows, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(told_once_when_it_has_settled), FLOW_TEST(an_end_in_order_is_not_judged),
		FLOW_TEST(open_ones_are_told_at_the_end), FLOW_TEST(full_of_open_ones),
		FLOW_TEST(full_of_what_was_open_before),  FLOW_TEST(a_thousand_in_four_places),
		FLOW_TEST(the_same_cookie_again),	  FLOW_TEST(a_second_end_is_none),
		FLOW_TEST(figures_are_fresh_or_unknown),  FLOW_TEST(figures_of_the_start_are_old),
		FLOW_TEST(a_snapshot_overtakes_openings), FLOW_TEST(no_connections),
		FLOW_TEST(only_where_flows_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
