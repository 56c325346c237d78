// SPDX-License-Identifier: GPL-2.0-or-later
/* groups_test.c - repeats are told at once, then after 1, 2, 4 … 60 s, and none is forgotten */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/sinks.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define BEGIN (1000 * SEC)

struct counts {
	__u64 lines;
	__u64 told; /* sum of their counts */
};

static bool note(struct groups *groups, __u64 group, __u64 ns, struct counts *counts)
{
	struct group_seen seen = { .attempt = ns, .time_ns = ns, .started_ns = ns - MS };
	struct finding finding = { .group = group, .attempt = ns, .time_ns = ns };
	struct group_counts note;

	if (!groups_note(groups, group, &seen, &note))
		return false;
	counts->lines++;
	counts->told += note.count;
	groups_keep(groups, &finding);
	return true;
}

static void flush(struct groups *groups, __u64 now_ns, bool all, struct counts *counts)
{
	const struct finding *finding;

	while ((finding = groups_idle(groups, now_ns, all))) {
		counts->lines++;
		counts->told += finding->count;
	}
}

static void test_at_once_then_rarer(void **state)
{
	/* a failure every 100 ms for five minutes */
	const __u64 wanted_s[] = { 0, 1, 3, 7, 15, 31, 63, 123, 183, 243 };
	struct counts counts = { 0 };
	struct groups *groups;
	size_t next = 0;

	(void)state;
	assert_int_equal(groups_new(&groups, 64), 0);
	for (__u64 ns = 0; ns < 300 * SEC; ns += 100 * MS) {
		bool printed = note(groups, 7, BEGIN + ns, &counts);

		if (!printed)
			continue;
		assert_true(next < sizeof(wanted_s) / sizeof(wanted_s[0]));
		assert_int_equal(ns / SEC, wanted_s[next]);
		next++;
	}
	assert_int_equal(next, 10);
	flush(groups, BEGIN + 300 * SEC, true, &counts);
	assert_int_equal(counts.told, 3000);
	groups_free(groups);
}

static void test_idle_group_is_told(void **state)
{
	struct counts counts = { 0 };
	const struct finding *finding;
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 64), 0);
	assert_true(note(groups, 7, BEGIN, &counts));
	for (int i = 1; i < 10; i++)
		assert_false(note(groups, 7, BEGIN + i * MS, &counts));
	assert_null(groups_idle(groups, BEGIN + 500 * MS, false));
	finding = groups_idle(groups, BEGIN + 2 * SEC, false);
	assert_non_null(finding);
	assert_int_equal(finding->count, 9);
	assert_int_equal(finding->total, 10);
	/* it speaks of the last one, and claims nothing of it that only the first had */
	assert_int_equal(finding->attempt, BEGIN + 9 * MS);
	assert_int_equal(finding->time_ns, BEGIN + 9 * MS);
	assert_int_equal(finding->evidence_count, 0);
	assert_false(finding->duration_known);
	assert_null(groups_idle(groups, BEGIN + 2 * SEC, false));
	assert_null(groups_idle(groups, BEGIN + 90 * SEC, true));
	groups_free(groups);
}

static void test_forgotten_group_begins_anew(void **state)
{
	struct counts counts = { 0 };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 64), 0);
	assert_true(note(groups, 7, BEGIN, &counts));
	assert_true(note(groups, 7, BEGIN + 2 * SEC, &counts));
	assert_false(note(groups, 7, BEGIN + 3 * SEC, &counts));
	flush(groups, BEGIN + 10 * SEC, false, &counts);
	assert_true(note(groups, 7, BEGIN + 500 * SEC, &counts));
	/* its interval is the first one again */
	assert_true(note(groups, 7, BEGIN + 501 * SEC, &counts));
	assert_int_equal(counts.told, 5);
	groups_free(groups);
}

static void test_groups_do_not_disturb_each_other(void **state)
{
	struct counts counts = { 0 };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 4096), 0);
	for (int round = 0; round < 5; round++)
		for (__u64 group = 1; group <= 200; group++)
			assert_int_equal(note(groups, group * 0x9e3779b97f4a7c15ull,
					      BEGIN + round * 10 * MS, &counts),
					 round == 0);
	flush(groups, BEGIN + 10 * SEC, true, &counts);
	assert_int_equal(counts.lines, 400);
	assert_int_equal(counts.told, 1000);
	groups_free(groups);
}

static void test_more_groups_than_room(void **state)
{
	struct counts counts = { 0 };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 8), 0);
	/* every one is new and told at once: the table is bounded, nothing is lost by it */
	for (__u64 group = 1; group <= 10000; group++)
		assert_true(note(groups, group, BEGIN + group * MS, &counts));
	flush(groups, BEGIN + 100 * SEC, true, &counts);
	assert_int_equal(counts.told, 10000);
	groups_free(groups);
}

/* 256 findings are kept; of those that owe nobody a word the one that failed least lately leaves. */
static void test_whose_finding_is_kept(void **state)
{
	struct counts counts = { 0 };
	const struct finding *finding;
	bool told[5] = { false };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 65536), 0);
	for (__u64 group = 1; group <= 256; group++)
		assert_true(note(groups, group, BEGIN + group, &counts));
	assert_false(note(groups, 1, BEGIN + 300, &counts));
	/* so 1 is owed a word, and 2 leaves */
	assert_true(note(groups, 257, BEGIN + 301, &counts));
	for (__u64 group = 2; group <= 4; group++)
		assert_false(note(groups, group, BEGIN + 302, &counts));
	while ((finding = groups_idle(groups, BEGIN + 10 * SEC, true))) {
		assert_in_range(finding->group, 1, 4);
		told[finding->group] = true;
	}
	assert_true(told[1] && told[3] && told[4]);
	assert_false(told[2]);
	groups_free(groups);
}

static void test_time_that_goes_back(void **state)
{
	struct counts counts = { 0 };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 64), 0);
	assert_true(note(groups, 7, BEGIN, &counts));
	assert_false(note(groups, 7, BEGIN - MS, &counts));
	assert_null(groups_idle(groups, BEGIN - SEC, false));
	flush(groups, BEGIN - SEC, true, &counts);
	assert_int_equal(counts.told, 2);
	groups_free(groups);
}

static void test_group_zero(void **state)
{
	struct counts counts = { 0 };
	struct groups *groups;

	(void)state;
	assert_int_equal(groups_new(&groups, 64), 0);
	assert_true(note(groups, 0, BEGIN, &counts));
	assert_false(note(groups, 0, BEGIN + MS, &counts));
	flush(groups, BEGIN + 10 * SEC, true, &counts);
	assert_int_equal(counts.told, 2);
	groups_free(groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once_then_rarer),
		cmocka_unit_test(test_idle_group_is_told),
		cmocka_unit_test(test_forgotten_group_begins_anew),
		cmocka_unit_test(test_groups_do_not_disturb_each_other),
		cmocka_unit_test(test_more_groups_than_room),
		cmocka_unit_test(test_whose_finding_is_kept),
		cmocka_unit_test(test_time_that_goes_back),
		cmocka_unit_test(test_group_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
