// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_clock_test.c - two clocks, by packets that are lost, late and out of step */

#include <stdlib.h>

#include "compare_fixture.h"

static const struct compare_clock *clock_of(struct scene *scene)
{
	compare_finish(scene->compare);
	return compare_clock(scene->compare);
}

static void assert_offset(const struct compare_clock *clock, __s64 offset)
{
	assert_true(clock->known);
	assert_true(llabs(clock->offset_ns - offset) <= (__s64)clock->uncertainty_ns);
}

static void offset_of_a_quiet_path(void **state)
{
	struct scene *scene = *state;

	scene->offset = -3 * (__s64)SEC;
	for (__u16 port = 1000; port < 1010; port++)
		healthy(scene, port);
	assert_offset(clock_of(scene), scene->offset);
	assert_int_equal(compare_clock(scene->compare)->uncertainty_ns, MS / 2);
	assert_false(compare_clock(scene->compare)->drifts);
	assert_int_equal(compare_map_time(compare_clock(scene->compare), 0, BEGIN),
			 BEGIN - 3 * SEC);
	assert_int_equal(compare_map_time(compare_clock(scene->compare), 1, BEGIN - 3 * SEC),
			 BEGIN);
}

/* Every packet but a few is late by up to 50 ms: the bounds come from the few. */
static void jitter_does_not_move_it(void **state)
{
	struct scene *scene = *state;
	unsigned int random = 1;

	scene->offset = 1234567;
	for (__u16 port = 1000; port < 1060; port++) {
		random = random * 1103515245 + 12345;
		scene->late_ns = random / 65536 % 50 * MS;
		healthy(scene, port);
	}
	assert_offset(clock_of(scene), scene->offset);
	assert_in_range(compare_clock(scene->compare)->uncertainty_ns, 1, MS);
}

/*
 * What stands between answers the SYN itself, and connects to the server later: that the SYN/ACK of
 * side 0 came before the one of side 1 says nothing of the clocks, nor of who is nearer to the client.
 */
static void a_syn_proxy_does_not_move_it(void **state)
{
	struct scene *scene = *state;
	const struct comparison *told;

	scene->offset = 5 * (__s64)SEC;
	scene->rewrite[1] = true;
	scene->hops = 0; /* the order is told by times alone */
	for (__u16 port = 1000; port < 1003; port++) {
		SEND(scene, 0, SYN(port, 1));
		SEND(scene, 0, SYN_ACK(port, 7, 1));
		SEND(scene, 1, SYN(port, 1));
		SEND(scene, 1, SYN_ACK(port, 7, 1));
		SEND(scene, BOTH, ACK(port, 2, 7));
		SEND(scene, BOTH, .port = port, .flags = TCP_F_ACK, .seq = 1, .ack = 1,
		     .length = 40, .stamp = 3, .echo = 7);
		SEND(scene, BOTH, .port = port, .from_server = true, .flags = TCP_F_ACK, .seq = 1,
		     .ack = 41, .length = 30, .stamp = 9, .echo = 3);
	}
	told = judge(scene, 1001);
	assert_verdict(told, VERDICT_PASSED);
	assert_int_equal(scene->result.order_by, ORDER_TIMES);
	assert_int_equal(scene->result.near, 0);
	assert_int_equal(scene->result.way[1].matched[COMPARE_SYN_ACK], 1);
	assert_offset(compare_clock(scene->compare), scene->offset);
}

/* Slow to the server, fast back: the true offset stays within the uncertainty. */
static void asymmetry_is_in_the_uncertainty(void **state)
{
	struct scene *scene = *state;
	const struct compare_clock *clock;

	for (__u32 i = 0; i < 20; i++) {
		scene->late_ns = 20 * MS;
		SEND(scene, BOTH, SYN(1000 + i, 1 + i));
		SEND(scene, BOTH, SYN_ACK(1000 + i, 7, 1 + i));
	}
	clock = clock_of(scene);
	assert_offset(clock, 0);
	assert_in_range(clock->uncertainty_ns, 10 * MS, 11 * MS);
}

static void drift_is_found(void **state)
{
	struct scene *scene = *state;
	const struct compare_clock *clock;
	__u64 end_ns;

	scene->offset = 7 * SEC;
	scene->drift = 50e-6;
	for (__u16 i = 0; i < 600; i++) {
		healthy(scene, 1000 + i % 60);
		scene->ns += SEC;
		compare_gone(scene->compare);
	}
	end_ns = scene->ns;
	clock = clock_of(scene);
	assert_true(clock->known && clock->drifts);
	assert_true(clock->drift > 45e-6 && clock->drift < 55e-6);
	/* at the end a constant would be wrong by 30 ms */
	assert_true(llabs((__s64)(compare_map_time(clock, 0, end_ns) -
				  scene_clock(scene, 1, end_ns))) < (__s64)(2 * MS));
}

/* Nearest miss: too short a time to tell a drift from the delay. */
/* Times of damaged captures: what no type holds is clamped, not undefined. */
static void far_clocks_are_clamped(void **state)
{
	const struct compare_clock far = {
		.known = true,
		.drift = 1e9,
		.offset_ns = INT64_MIN,
		.reference_ns = 1,
	};

	(void)state;
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		for (int bit = 0; bit < 64; bit++) {
			compare_map_time(&far, side, 1ull << bit);
			compare_map_time(&far, side, ~0ull >> bit);
		}
	assert_int_equal(compare_map_time(&far, 0, 1), 1 + (1ull << 63));
}

static void short_captures_show_no_drift(void **state)
{
	struct scene *scene = *state;

	scene->drift = 50e-6;
	for (__u16 port = 1000; port < 1010; port++)
		healthy(scene, port);
	assert_true(clock_of(scene)->known);
	assert_false(compare_clock(scene->compare)->drifts);
}

static void a_clock_that_was_set(void **state)
{
	struct scene *scene = *state;

	for (__u16 i = 0; i < 40; i++) {
		scene->offset = i < 20 ? 0 : 2 * (__s64)SEC;
		healthy(scene, 1000 + i);
		scene->ns += SEC;
	}
	assert_false(clock_of(scene)->known);
	assert_true(compare_clock(scene->compare)->stepped);
}

/* One direction bounds the offset on one side only. */
static void one_direction_is_not_enough(void **state)
{
	struct scene *scene = *state;

	for (__u32 i = 0; i < 20; i++) {
		SEND(scene, BOTH, SYN(1000 + i, 1 + i));
		SEND(scene, 1, SYN_ACK(1000 + i, 7, 1 + i));
	}
	assert_false(clock_of(scene)->known);
	assert_false(compare_clock(scene->compare)->stepped);
	assert_true(compare_clock(scene->compare)->samples[0] > 0);
	assert_int_equal(compare_clock(scene->compare)->samples[1], 0);
}

/* Segments that were sent again, the first of them lost, are no samples of a long way. */
static void loss_does_not_move_it(void **state)
{
	struct scene *scene = *state;

	scene->offset = 5 * MS;
	for (__u32 i = 0; i < 20; i++) {
		SEND(scene, 0, SYN(1000 + i, 1 + i));
		scene->ns += SEC;
		SEND(scene, BOTH, SYN(1000 + i, 1001 + i));
		SEND(scene, 1, SYN_ACK(1000 + i, 7, 1001 + i));
		scene->ns += SEC;
		SEND(scene, BOTH, SYN_ACK(1000 + i, 1007, 1001 + i));
		SEND(scene, BOTH, ACK(1000 + i, 2000, 1007));
	}
	assert_offset(clock_of(scene), scene->offset);
	assert_int_equal(compare_clock(scene->compare)->uncertainty_ns, MS / 2);
}

static void delays_have_the_offset_taken_off(void **state)
{
	struct scene *scene = *state;
	struct compare_delay delay;

	scene->offset = 40 * SEC;
	for (__u16 port = 1000; port < 1010; port++)
		healthy(scene, port);
	SEND(scene, BOTH, SYN(5000, 1));
	SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
	scene->late_ns = 30 * MS;
	SEND(scene, BOTH, ACK(5000, 2, 7));
	judge(scene, 5000);
	assert_true(compare_delay(compare_clock(scene->compare), &scene->result, 0, &delay));
	assert_in_range(delay.least_ns, 0, MS);
	assert_in_range(delay.most_ns, 30 * MS, 31 * MS);
	assert_in_range(delay.mean_ns, 15 * MS, 16 * MS);
	assert_true(compare_delay(compare_clock(scene->compare), &scene->result, 1, &delay));
	assert_in_range(delay.most_ns, 0, MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_syn_proxy_does_not_move_it),
		TEST(offset_of_a_quiet_path),
		TEST(jitter_does_not_move_it),
		TEST(asymmetry_is_in_the_uncertainty),
		TEST(drift_is_found),
		TEST(far_clocks_are_clamped),
		TEST(short_captures_show_no_drift),
		TEST(a_clock_that_was_set),
		TEST(one_direction_is_not_enough),
		TEST(loss_does_not_move_it),
		TEST(delays_have_the_offset_taken_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
