// SPDX-License-Identifier: GPL-2.0-or-later
/* kept_test.c - half-closed connections counted by who keeps them */

#include <stdlib.h>

#include "join_fixture.h"
#include "join/conn/kept_table.h"
#include "util/tcp.h"

#define SECOND (1000 * MS)
#define LEAST_NS (60 * SECOND)
#define LOOK_S 30
#define PLACES 128

struct looks {
	struct owners *owners;
	struct kept_table *table;
	__u64 now_s;
};

static int set_up_looks(void **state)
{
	struct looks *looks = calloc(1, sizeof(*looks));

	assert_non_null(looks);
	looks->now_s = 1000;
	*state = looks;
	assert_int_equal(owners_new(&looks->owners, PLACES + 2), 0);
	return kept_new(&looks->table, looks->owners);
}

static int tear_down_looks(void **state)
{
	struct looks *looks = *state;

	kept_free(looks->table);
	owners_free(looks->owners);
	free(looks);
	return 0;
}

/* A socket that a look finds: one of a client of that process, on which nothing was heard for 100 s. */
static struct event found(const struct looks *looks, __u32 pid)
{
	struct event e = event(EVENT_SOCKET, looks->now_s * 1000, 1);

	set_tuple(&e.snapshot.tuple, 40000, 2, 80);
	e.snapshot.owner.tgid = pid;
	e.snapshot.owner.start_ns = 5;
	e.snapshot.state = TCP_STATE_CLOSE_WAIT;
	e.snapshot.flow.heard_ns = (looks->now_s - 100) * SECOND;
	return e;
}

static void add(struct looks *looks, __u32 pid, unsigned int count)
{
	struct event e = found(looks, pid);

	while (count--)
		kept_add(looks->table, &e, false);
}

static void end_look(struct looks *looks)
{
	kept_look_over(looks->table);
	looks->now_s += LOOK_S;
}

/* How many the one that is due keeps; 0: none is. */
static unsigned int due(struct looks *looks)
{
	const struct kept *kept = kept_next(looks->table, LEAST_NS);
	unsigned int count = kept ? kept->count : 0;

	assert_true(!kept || !kept_next(looks->table, LEAST_NS));
	return count;
}

static unsigned int look(struct looks *looks, unsigned int count)
{
	add(looks, 100, count);
	end_look(looks);
	return due(looks);
}

/* At three looks more than ever, and for a minute: then once, and again when they are twice as many. */
static void what_grows(void **state)
{
	struct looks *looks = *state;

	assert_int_equal(look(looks, 1), 0);
	assert_int_equal(look(looks, 2), 0);
	assert_int_equal(look(looks, 3), 3);
	assert_int_equal(due(looks), 0);
	assert_int_equal(look(looks, 5), 0);
	assert_int_equal(look(looks, 6), 6);
}

/* Near: a pool that is full, and one that grew within less than a minute. */
static void what_has_an_end(void **state)
{
	struct looks *looks = *state;

	assert_int_equal(look(looks, 10), 0);
	assert_int_equal(look(looks, 20), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(look(looks, 20), 0);
}

static void what_grew_at_once(void **state)
{
	struct looks *looks = *state;

	for (unsigned int i = 1; i < 10; i++) {
		add(looks, 100, i);
		kept_look_over(looks->table);
		assert_int_equal(due(looks), 0);
		looks->now_s += 5;
	}
}

/* Who closes half of them has not leaked them: all begins anew. */
static void what_is_cleaned_up(void **state)
{
	struct looks *looks = *state;

	assert_int_equal(look(looks, 4), 0);
	assert_int_equal(look(looks, 8), 0);
	assert_int_equal(look(looks, 3), 0);
	assert_int_equal(look(looks, 4), 0);
	assert_int_equal(look(looks, 5), 5); /* three looks since the first of the three */
}

/* Gone at one look: what comes later is another story. */
static void what_is_gone(void **state)
{
	struct looks *looks = *state;

	assert_int_equal(look(looks, 1), 0);
	assert_int_equal(look(looks, 2), 0);
	assert_int_equal(owners_used(looks->owners), 1);
	assert_int_equal(look(looks, 0), 0);
	assert_int_equal(owners_used(looks->owners), 0);
	assert_int_equal(look(looks, 3), 0);
	assert_int_equal(look(looks, 4), 0);
	assert_int_equal(look(looks, 5), 5);
}

/* Each look has one socket more of them, and they are five: of none are there more than before. */
static void counted_apart(void **state)
{
	struct looks *looks = *state;

	for (unsigned int i = 0; i < 5; i++) {
		struct event e = found(looks, 100);

		e.snapshot.owner.tgid += i == 1;
		e.snapshot.owner.start_ns += i == 2; /* another process of that number */
		e.snapshot.tuple.remote_port += i == 3;
		e.head.netns = i == 4 ? OTHER_NETNS : NETNS;
		for (unsigned int k = 0; k <= i; k++)
			kept_add(looks->table, &e, false);
		end_look(looks);
		assert_int_equal(due(looks), 0);
	}
}

/* Clients' ports differ, a server's is one: of both the service counts. */
static void counted_by_the_service(void **state)
{
	struct looks *looks = *state;

	for (int served = 0; served < 2; served++) {
		const struct kept *kept = NULL;

		for (__u16 i = 0; i < 3; i++) {
			for (__u16 k = 0; k <= i; k++) {
				struct event e = found(looks, 100);

				if (served)
					e.snapshot.tuple.remote_port = 50000 + k;
				else
					e.snapshot.tuple.local_port = 50000 + k;
				kept_add(looks->table, &e, served);
			}
			end_look(looks);
			assert_null(kept);
			kept = kept_next(looks->table, LEAST_NS);
		}
		assert_non_null(kept);
		assert_int_equal(kept->count, 3);
		assert_int_equal(kept->served, served);
	}
}

/* The one that is silent longest stands for all. */
static void the_oldest_is_told(void **state)
{
	struct looks *looks = *state;
	const struct kept *kept;
	struct event e;

	look(looks, 1);
	look(looks, 2);
	add(looks, 100, 2);
	e = found(looks, 100);
	e.head.cookie = 77;
	e.snapshot.tuple.local_port = 50000;
	e.snapshot.flow.heard_ns = 5 * SECOND;
	e.snapshot.flow.how = FLOW_F_END_UNREAD;
	kept_add(looks->table, &e, false);
	add(looks, 100, 1);
	end_look(looks);
	kept = kept_next(looks->table, LEAST_NS);
	assert_non_null(kept);
	assert_int_equal(kept->count, 4);
	assert_int_equal(kept->unread, 1);
	assert_int_equal(kept->cookie, 77);
	assert_int_equal(kept->tuple.local_port, 50000);
	assert_int_equal(kept->oldest_ns, 5 * SECOND);
	assert_int_equal(kept->since_ns, 1000 * SECOND);
	assert_int_equal(kept->seen_ns, (1000 + 2 * LOOK_S) * SECOND);
}

/* Those that find no place are not judged; a place is free again when its process has closed all. */
static void no_place_is_left(void **state)
{
	struct looks *looks = *state;

	for (unsigned int i = 1; i <= 3; i++) {
		for (__u32 pid = 0; pid < PLACES; pid++)
			add(looks, 1000 + pid, 1);
		assert_int_equal(look(looks, i), 0);
	}
	for (unsigned int i = 1; i <= 3; i++) {
		for (__u32 pid = 1; pid < PLACES; pid++)
			add(looks, 1000 + pid, 1);
		assert_int_equal(look(looks, i), 0);
	}
	assert_int_equal(look(looks, 4), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_grows, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(what_has_an_end, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(what_grew_at_once, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(what_is_cleaned_up, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(what_is_gone, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(counted_apart, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(counted_by_the_service, set_up_looks,
						tear_down_looks),
		cmocka_unit_test_setup_teardown(the_oldest_is_told, set_up_looks, tear_down_looks),
		cmocka_unit_test_setup_teardown(no_place_is_left, set_up_looks, tear_down_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
