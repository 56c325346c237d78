// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_test.c - the rows of what an attempt may be about */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "join/attempt/subject.h"
#include "util/array.h"

#define SUBJECT(name) &subject_##name,
static const struct subject *const subjects[] = { SUBJECTS(SUBJECT) };

/*
 * In ids of groups, which stand in output and are compared from one version to the next: a new
 * subject takes a number that nobody ever had.
 */
static const struct {
	const char *name;
	unsigned int number;
} numbers[] = {
	{ "connect", 0 },   { "bind", 1 },	 { "listen", 2 },	{ "overflow", 3 },
	{ "lookup", 4 },    { "connection", 5 }, { "claims", 6 },	{ "standing", 7 },
	{ "served", 8 },    { "kept", 12 },	 { "kept-served", 13 }, { "send", 14 },
	{ "receiver", 15 }, { "socket", 16 },	 { "accept", 17 },	{ "knock", 18 },
	{ "unix", 19 },	    { "host", 20 },
};

static void numbers_stay(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(subjects), ARRAY_SIZE(numbers));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct subject *found = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(subjects); k++)
			if (!strcmp(subjects[k]->name, numbers[i].name))
				found = subjects[k];
		assert_non_null(found);
		assert_int_equal(found->number, numbers[i].number);
	}
}

static void numbers_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(subjects[i]->number, subjects[k]->number);
			assert_string_not_equal(subjects[i]->name, subjects[k]->name);
		}
}

/* Whoever asks a row asks these without looking whether they are there. */
static void rows_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		const struct subject *subject = subjects[i];

		assert_non_null(subject->role);
		assert_non_null(subject->about);
		assert_non_null(subject->key);
		assert_non_null(subject->evidence);
		assert_true(subject->wakes);
		/* of several somebody has to say which */
		assert_true(subject->wake || !(subject->wakes & (subject->wakes - 1)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stay),
		cmocka_unit_test(numbers_differ),
		cmocka_unit_test(rows_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
