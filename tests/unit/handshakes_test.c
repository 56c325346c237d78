// SPDX-License-Identifier: GPL-2.0-or-later
/* handshakes_test.c - the table of TLS handshakes: who has to leave for whom */

#include "join_fixture.h"

#include "join/talk/handshakes.h"

enum { MOST = 4 };

static struct handshake_slot *take(struct join *join, enum handshake_line line)
{
	struct handshake_slot *slot = handshakes_take(join, line, MOST, NULL);

	assert_non_null(slot);
	return slot;
}

static void fill(struct join *join, struct handshake_slot **slots, enum handshake_line line)
{
	for (int i = 0; i < MOST; i++)
		slots[i] = take(join, line);
}

static void places_are_found_while_they_are_theirs(void **state)
{
	struct join *join = *state;
	struct handshake_slot *slots[MOST];
	struct handshake_ref ref;

	fill(join, slots, HANDSHAKE_OPEN);
	ref = handshakes_ref(join, slots[0]);
	assert_ptr_equal(handshakes_at(join, ref), slots[0]);
	slots[0]->told = true;
	assert_ptr_equal(take(join, HANDSHAKE_OPEN), slots[0]); /* the oldest */
	assert_null(handshakes_at(join, ref));
	assert_false(slots[0]->told);
	assert_null(handshakes_at(join, (struct handshake_ref){ 0 }));
}

static void what_came_to_its_end_leaves_first(void **state)
{
	struct join *join = *state;
	struct handshake_slot *slots[MOST];

	join->counters.records = 10;
	fill(join, slots, HANDSHAKE_OPEN);
	handshakes_move(join, slots[2], HANDSHAKE_FREE);
	assert_ptr_equal(take(join, HANDSHAKE_OPEN), slots[2]);
	assert_ptr_equal(take(join, HANDSHAKE_OPEN), slots[0]);
}

static void what_is_being_judged_is_left_alone(void **state)
{
	struct join *join = *state;
	struct handshake_slot *slots[MOST];

	join->counters.records = 10;
	fill(join, slots, HANDSHAKE_OPEN);
	slots[1]->over_record = 10;
	handshakes_move(join, slots[1], HANDSHAKE_FREE);
	assert_ptr_equal(take(join, HANDSHAKE_OPEN), slots[0]);
	join->counters.records = 11;
	assert_ptr_equal(take(join, HANDSHAKE_OPEN), slots[1]);
	for (int i = 0; i < MOST; i++) {
		slots[i]->over_record = 11;
		handshakes_move(join, slots[i], HANDSHAKE_FREE);
	}
	assert_null(handshakes_take(join, HANDSHAKE_OPEN, MOST, NULL));
}

static void who_waits_for_an_answer_leaves_last(void **state)
{
	struct join *join = *state;
	struct handshake_slot *slots[MOST];

	fill(join, slots, HANDSHAKE_WAITS);
	assert_ptr_equal(handshakes_first(join, HANDSHAKE_WAITS), slots[0]);
	handshakes_move(join, slots[3], HANDSHAKE_KEPT);
	assert_ptr_equal(take(join, HANDSHAKE_WAITS), slots[3]);
	assert_ptr_equal(take(join, HANDSHAKE_WAITS), slots[0]);
	/* an earlier connection's place, whoever is older */
	assert_ptr_equal(handshakes_take(join, HANDSHAKE_KEPT, MOST, slots[2]), slots[2]);
	assert_ptr_equal(handshakes_first(join, HANDSHAKE_KEPT), slots[2]);
}

/* Of one size for both: where more are held, a place never used comes before the oldest. */
static void a_place_never_used_comes_first(void **state)
{
	struct join *join = *state;
	struct handshake_slot *slots[MOST], *more;

	fill(join, slots, HANDSHAKE_OPEN);
	more = handshakes_take(join, HANDSHAKE_OPEN, MOST + 1, NULL);
	for (int i = 0; i < MOST; i++)
		assert_ptr_not_equal(more, slots[i]);
}

#define WITH_JOIN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_JOIN(places_are_found_while_they_are_theirs),
		WITH_JOIN(what_came_to_its_end_leaves_first),
		WITH_JOIN(what_is_being_judged_is_left_alone),
		WITH_JOIN(who_waits_for_an_answer_leaves_last),
		WITH_JOIN(a_place_never_used_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
