// SPDX-License-Identifier: GPL-2.0-or-later
/* join_claims_test.c - who claims an address: when it is told, the bounds of the table, clocks that disagree */

#include "join_fixture.h"

static void begin(struct join *join)
{
	struct event start = event(EVENT_START, 0, 0);

	start.head.vantage = VANTAGE_FILE;
	join_event(join, &start);
}

static void claim_of(struct join *join, __u64 ms, enum claim_how how, __u32 machine, __u32 address)
{
	struct event e = event(EVENT_FRAME, ms, 0);

	e.head.vantage = VANTAGE_FILE;
	e.head.netns = 0;
	e.frame.frame = ms;
	e.frame.unread = UNREAD_NOT_IP;
	e.claim.how = (__u8)how;
	e.claim.mac[0] = 2;
	e.claim.mac[4] = (__u8)(machine >> 8);
	e.claim.mac[5] = (__u8)machine;
	e.claim.asker[0] = how == CLAIM_ANNOUNCED ? 0 : 9;
	set_address(e.claim.address, 0);
	e.claim.address[14] = (__u8)(address >> 8);
	e.claim.address[15] = (__u8)address;
	join_event(join, &e);
}

static void tick_at(struct join *join, __u64 ms)
{
	struct event e = event(EVENT_TICK, ms, 0);

	join_event(join, &e);
}

/* Tells everything that is due; returns how many, the last one's claims at @last. */
static size_t told(struct join *join, struct address_claims *last)
{
	struct attempt *attempt;
	size_t count = 0;

	for (; (attempt = join_due(join)); count++) {
		assert_ptr_equal(attempt->subject, &subject_claims);
		if (last)
			*last = *attempt->claims;
		join_told(join, attempt, NULL);
	}
	return count;
}

static void it_is_told_ten_seconds_later(void **state)
{
	struct address_claims claims;
	struct join *join = *state;

	begin(join);
	claim_of(join, 1000, CLAIM_ANSWERED, 1, 5);
	claim_of(join, 1001, CLAIM_ANSWERED, 2, 5);
	tick_at(join, 11000);
	assert_int_equal(told(join, NULL), 0);
	claim_of(join, 11000, CLAIM_ANSWERED, 2, 5);
	tick_at(join, 11001);
	assert_int_equal(told(join, &claims), 1);
	assert_true(claims.both_answered);
	assert_int_equal(claims.by[0].count, 1);
	assert_int_equal(claims.by[1].count, 2);
	/* and never again */
	claim_of(join, 12000, CLAIM_ANSWERED, 1, 5);
	claim_of(join, 12001, CLAIM_ANSWERED, 2, 5);
	tick_at(join, 30000);
	join_finish(join);
	assert_int_equal(told(join, NULL), 0);
	assert_int_equal(join_counters(join)->attempts, 0); /* nobody's attempt */
}

static void what_is_proven_stays_in_a_full_table(void **state)
{
	struct join *join = *state;

	begin(join);
	claim_of(join, 1000, CLAIM_ANSWERED, 1, 5);
	claim_of(join, 1001, CLAIM_ANSWERED, 2, 5);
	for (__u32 i = 0; i < 20000; i++)
		claim_of(join, 1002, CLAIM_ANNOUNCED, 3, 1000 + i);
	join_finish(join);
	assert_int_equal(told(join, NULL), 1);
}

/* Each of 10,000 addresses has two owners: 64 fit into the table of attempts. */
static void as_many_are_told_as_have_room(void **state)
{
	struct join *join = *state;

	begin(join);
	for (__u32 i = 0; i < 10000; i++) {
		claim_of(join, 1000, CLAIM_ANSWERED, 2 * i, i);
		claim_of(join, 1001, CLAIM_ANSWERED, 2 * i + 1, i);
	}
	join_finish(join);
	assert_int_equal(told(join, NULL), 64);
}

/* Four addresses with the same two owners: one of them answers for others. */
static void who_answers_for_others_is_a_proxy(void **state)
{
	struct join *join = *state;

	begin(join);
	for (__u32 i = 1; i <= 4; i++) {
		claim_of(join, 1000, CLAIM_ANSWERED, i, i);
		claim_of(join, 1001, CLAIM_ANSWERED, 9, i);
	}
	join_finish(join);
	assert_int_equal(told(join, NULL), 0);
}

static void times_that_go_backwards(void **state)
{
	struct address_claims claims;
	struct join *join = *state;

	begin(join);
	for (__u64 i = 0; i < 6; i++)
		claim_of(join, 90000 - 1000 * i, CLAIM_ANNOUNCED, (__u8)(1 + i % 2), 5);
	join_finish(join);
	assert_int_equal(told(join, &claims), 1);
	assert_true(claims.first_ns <= claims.last_ns);
	assert_int_equal(claims.changes, 5);
}

/* Of three machines the last two are compared. */
static void a_third_machine_begins_anew(void **state)
{
	struct address_claims claims;
	struct join *join = *state;

	begin(join);
	for (__u64 i = 0; i < 9; i++)
		claim_of(join, 1000 + 1000 * i, CLAIM_ANNOUNCED, (__u8)(1 + i % 3), 5);
	claim_of(join, 20000, CLAIM_ANNOUNCED, 1, 6);
	for (__u64 i = 0; i < 4; i++)
		claim_of(join, 20500 + 1000 * i, CLAIM_ANNOUNCED, (__u8)(2 + i % 2), 6);
	join_finish(join);
	assert_int_equal(told(join, &claims), 1);
	assert_int_equal(claims.address[15], 6);
	assert_int_equal(claims.by[0].mac[5] + claims.by[1].mac[5], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_told_ten_seconds_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_proven_stays_in_a_full_table, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(as_many_are_told_as_have_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_answers_for_others_is_a_proxy, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(times_that_go_backwards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_third_machine_begins_anew, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
