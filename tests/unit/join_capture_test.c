// SPDX-License-Identifier: GPL-2.0-or-later
/* join_capture_test.c - openings from packets alone: the bounds of the tables, clocks that disagree */

#include "join_fixture.h"

#define FROM_CLIENT false
#define FROM_SERVER true

static void begin(struct join *join)
{
	struct event start = event(EVENT_START, 0, 0);

	start.head.vantage = VANTAGE_FILE;
	join_event(join, &start);
}

static void frame_of(struct join *join, __u64 ms, bool in, __u16 port, __u8 flags, __u32 seq,
		     __u32 ack)
{
	struct event e = tcp_packet(ms, 0, in, port, flags, seq, ack);

	e.head.kind = EVENT_FRAME;
	e.head.vantage = VANTAGE_FILE;
	e.head.netns = 0;
	memset(&e.frame, 0, sizeof(e.frame));
	join_event(join, &e);
}

/* Tells everything that is due; returns how many of it had failed. */
static size_t told(struct join *join)
{
	struct attempt *attempt;
	size_t failed = 0;

	while ((attempt = join_due(join))) {
		failed += !attempt->worked && !attempt->unknown;
		join_told(join, attempt, NULL);
	}
	return failed;
}

/* 64 openings fit: who waited for the longest is told, not forgotten. */
static void a_scan_larger_than_the_table_is_told_whole(void **state)
{
	struct join *join = *state;
	size_t failed = 0;

	begin(join);
	for (__u16 i = 0; i < 1000; i++) {
		frame_of(join, 1 + 100ull * i, FROM_CLIENT, (__u16)(20000 + i), TCP_F_SYN, i, 0);
		failed += told(join);
	}
	tick(join, 120000);
	join_finish(join);
	failed += told(join);
	assert_int_equal(failed, 1000);
	assert_int_equal(join_counters(join)->evicted, 0);
}

/* Faster than a second for all of them: then nobody was waited for, and nobody failed. */
static void who_makes_room_too_early_did_not_fail(void **state)
{
	struct join *join = *state;
	size_t failed = 0;

	begin(join);
	for (__u16 i = 0; i < 500; i++) {
		frame_of(join, 1 + i / 10, FROM_CLIENT, (__u16)(20000 + i), TCP_F_SYN, i, 0);
		failed += told(join);
	}
	join_finish(join);
	assert_int_equal(failed + told(join), 0);
}

static void who_waits_too_long_is_let_go(void **state)
{
	struct join *join = *state;

	begin(join);
	frame_of(join, 1000, FROM_CLIENT, 20000, TCP_F_SYN, 7, 0);
	tick(join, 130000);
	assert_null(join_due(join));
	tick(join, 132000);
	assert_int_equal(only_due(join)->openings[0]->end, WAIT_UNSEEN);
	assert_int_equal(only_due(join)->openings[0]->ended_ns, 131000 * MS);
}

static void an_answer_before_its_question_is_one(void **state)
{
	struct join *join = *state;
	const struct opening *opening;

	begin(join);
	frame_of(join, 1000, FROM_CLIENT, 20000, TCP_F_SYN, 7, 0);
	frame_of(join, 400, FROM_SERVER, 20000, TCP_F_RST | TCP_F_ACK, 0, 8);
	tick(join, 2000);
	opening = only_due(join)->openings[0];
	assert_int_equal(opening->end, WAIT_ANSWERED);
	assert_int_equal(opening->error, 0);
	assert_true(opening->ended_ns >= opening->started_ns);
}

static void a_repetition_after_the_verdict_is_no_new_try(void **state)
{
	struct join *join = *state;

	begin(join);
	for (__u64 ms = 1000; ms < 4000; ms += 1000) {
		frame_of(join, ms, FROM_CLIENT, 20000, TCP_F_SYN, 7, 0);
		frame_of(join, ms + 1, FROM_SERVER, 20000, TCP_F_RST | TCP_F_ACK, 0, 8);
		tick(join, ms + 700);
		told(join);
	}
	assert_int_equal(join_counters(join)->attempts, 1);
	assert_int_equal(join_counters(join)->failures, 1);
}

/* A SYN that was cut in its header makes a conn, but no segment: who leaves for it is judged, too. */
static void who_leaves_for_a_cut_syn_is_judged(void **state)
{
	struct join_limits limits = join_limits_default;
	struct join *join;
	size_t judged = 0;

	(void)state;
	limits.connections = 64;
	limits.segments = limits.established = true;
	assert_int_equal(join_new(&join, &limits), 0);
	begin(join);
	for (__u16 i = 0; i <= 64; i++) {
		struct event e = tcp_packet(1 + i, 0, FROM_CLIENT, (__u16)(20000 + i),
					    i < 64 ? TCP_F_ACK : TCP_F_SYN, 1000, 5000);

		e.head.kind = EVENT_FRAME;
		e.head.vantage = VANTAGE_FILE;
		e.head.netns = 0;
		memset(&e.frame, 0, sizeof(e.frame));
		e.packet.payload_bytes = i < 64 ? 10 : 0;
		e.packet.flags |= i < 64 ? 0 : PACKET_F_CUT | PACKET_F_SHORT;
		assert_null(join_due(join));
		join_event(join, &e);
	}
	for (struct attempt *attempt; (attempt = join_due(join)); judged++)
		join_told(join, attempt, NULL);
	assert_int_equal(judged, 1);
	join_free(join);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_scan_larger_than_the_table_is_told_whole),
		TEST(who_makes_room_too_early_did_not_fail),
		TEST(who_waits_too_long_is_let_go),
		TEST(an_answer_before_its_question_is_one),
		TEST(a_repetition_after_the_verdict_is_no_new_try),
		cmocka_unit_test(who_leaves_for_a_cut_syn_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
