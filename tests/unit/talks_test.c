// SPDX-License-Identifier: GPL-2.0-or-later
/* talks_test.c - a connection that was judged gives its place to the next, and nothing else */

#include "join_fixture.h"
#include "join/talk/talk_table.h"

static void places_are_given_on(void **state)
{
	const struct talk none = { 0 };
	struct conns *conns;
	struct talks *talks;
	struct talk *last = NULL;
	__u32 most;

	(void)state;
	assert_int_equal(conns_new(&conns, 16, 0, NULL), 0);
	assert_int_equal(talks_new(&talks, conns), 0);
	most = conns_slots(conns);
	for (__u32 i = 0; i < most; i++) {
		struct talk *talk = talks_take(talks);

		assert_non_null(talk);
		assert_ptr_not_equal(talk, last);
		assert_memory_equal(talk, &none, sizeof(none));
		memset(talk, 0xff, sizeof(*talk));
		last = talk;
	}
	assert_null(talks_take(talks));
	talks_give_back(talks, last);
	assert_ptr_equal(talks_take(talks), last);
	assert_memory_equal(last, &none, sizeof(none));
	assert_null(talks_take(talks));
	talks_free(talks);
	conns_free(conns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_given_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
