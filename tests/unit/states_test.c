// SPDX-License-Identifier: GPL-2.0-or-later
/* states_test.c - the sockets of this host at one moment: counted once, grouped, marked */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join_fixture.h"
#include "rules/states/states.h"
#include "util/array.h"
#include "util/time.h"

#define NOW_NS (1000 * NS_PER_S)
#define GROUPS 8

static int set_up_states(void **state)
{
	return states_new((struct states **)state, GROUPS);
}

static int tear_down_states(void **state)
{
	states_free(*state);
	return 0;
}

/* One that process @pid holds (0: nobody), and on which nothing has moved for @quiet_s. */
static struct event socket_of(__u64 cookie, __u8 tcp_state, __u32 pid, __u64 quiet_s)
{
	struct event event = { .head = { .kind = EVENT_SOCKET,
					 .ts_ns = NOW_NS,
					 .cookie = cookie,
					 .netns = 1,
					 .known = EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_COUNTERS |
						  EVENT_K_TIMES } };

	event.snapshot.tuple.protocol = IPPROTO_TCP;
	event.snapshot.tuple.local_port = 8080;
	event.snapshot.tuple.remote_port = (__u16)(40000 + cookie);
	event.snapshot.state = tcp_state;
	event.snapshot.flow.heard_ns = NOW_NS - quiet_s * NS_PER_S;
	event.snapshot.flow.snd_wnd = 65535;
	if (pid) {
		event.head.known |= EVENT_K_OWNER;
		event.snapshot.owner.tgid = pid;
		event.snapshot.owner.start_ns = pid;
	}
	return event;
}

static enum states_mark mark_of(const struct event *event)
{
	struct states_socket socket;
	struct states *states;
	enum states_mark mark;

	assert_int_equal(states_new(&states, GROUPS), 0);
	assert_true(states_meet(states, event, &socket));
	mark = states_judge(&socket, &thresholds_default);
	states_free(states);
	return mark;
}

static bool count(struct states *states, const struct event *event)
{
	struct states_socket socket;

	if (!states_meet(states, event, &socket))
		return false;
	socket.mark = states_judge(&socket, &thresholds_default);
	states_count(states, &socket);
	return true;
}

/* ---- counting ---- */

static void a_socket_is_counted_once(void **state)
{
	struct states *states = *state;
	struct event held = socket_of(7, TCP_STATE_ESTABLISHED, 100, 1);
	struct event again = socket_of(7, TCP_STATE_ESTABLISHED, 0, 1);
	struct event unknown = socket_of(0, TCP_STATE_ESTABLISHED, 0, 1);

	assert_true(count(states, &held));
	assert_false(count(states, &again));
	/* without a cookie nothing tells one from another */
	assert_true(count(states, &unknown));
	assert_true(count(states, &unknown));
	assert_int_equal(states_sockets(states), 3);
	assert_int_equal(states_total(states, TCP_STATE_ESTABLISHED), 3);
	states_begin(states);
	assert_int_equal(states_sockets(states), 0);
	assert_true(count(states, &again));
}

static void many_sockets_are_still_counted_once(void **state)
{
	struct states *states = *state;

	for (int round = 0; round < 2; round++)
		for (__u64 cookie = 1; cookie <= 20000; cookie++) {
			struct event event = socket_of(cookie, TCP_STATE_TIME_WAIT, 0, 0);

			assert_int_equal(count(states, &event), !round);
		}
	states_sort(states);
	assert_int_equal(states_sockets(states), 20000);
	assert_int_equal(states_at(states, 0)->sockets, 20000);
	assert_null(states_at(states, 1));
}

static void what_is_no_tcp_socket_is_left_out(void **state)
{
	struct event event = socket_of(1, TCP_STATE_ESTABLISHED, 1, 0);

	event.snapshot.tuple.protocol = IPPROTO_UDP;
	assert_false(count(*state, &event));
	event = socket_of(1, TCP_STATE_COUNT, 1, 0);
	assert_false(count(*state, &event));
	event = socket_of(1, 0, 1, 0);
	assert_false(count(*state, &event));
	event = socket_of(1, TCP_STATE_ESTABLISHED, 1, 0);
	event.head.kind = EVENT_OPEN;
	assert_false(count(*state, &event));
	assert_int_equal(states_sockets(*state), 0);
}

static void groups_are_of_state_owner_and_mark(void **state)
{
	struct states *states = *state;
	const struct event events[] = {
		socket_of(1, TCP_STATE_ESTABLISHED, 100, 1),
		socket_of(2, TCP_STATE_ESTABLISHED, 100, 9),
		socket_of(3, TCP_STATE_ESTABLISHED, 200, 1),
		socket_of(4, TCP_STATE_CLOSE_WAIT, 100, 1),
		socket_of(5, TCP_STATE_CLOSE_WAIT, 100, 600),
		socket_of(6, TCP_STATE_NEW_SYN_RECV, 0, 0),
	};
	const struct states_group *group;

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		assert_true(count(states, &events[i]));
	states_sort(states);
	/* what has a mark comes first, then states as a connection lives, then the largest */
	group = states_at(states, 0);
	assert_int_equal(group->quietest.mark, STATES_NOT_CLOSED);
	assert_int_equal(group->sockets, 1);
	group = states_at(states, 1);
	assert_int_equal(group->quietest.state, TCP_STATE_SYN_RECV);
	group = states_at(states, 2);
	assert_int_equal(group->sockets, 2);
	assert_int_equal(group->quietest.cookie, 2);
	assert_int_equal(states_at(states, 3)->quietest.owner.tgid, 200);
	assert_int_equal(states_at(states, 4)->quietest.state, TCP_STATE_CLOSE_WAIT);
	assert_null(states_at(states, 5));
}

static void without_room_sockets_are_counted_all_the_same(void **state)
{
	struct states *states = *state;

	for (__u32 pid = 1; pid <= GROUPS + 3; pid++) {
		struct event event = socket_of(pid, TCP_STATE_ESTABLISHED, pid, 1);

		assert_true(count(states, &event));
	}
	assert_int_equal(states_ungrouped(states), 3);
	assert_int_equal(states_sockets(states), GROUPS + 3);
}

/* ---- marks, each beside its nearest miss ---- */

static void half_closed(void **state)
{
	struct event event = socket_of(1, TCP_STATE_CLOSE_WAIT, 100, 60);

	(void)state;
	assert_int_equal(mark_of(&event), STATES_NOT_CLOSED);
	event = socket_of(1, TCP_STATE_CLOSE_WAIT, 100, 59);
	assert_int_equal(mark_of(&event), STATES_FINE);
	event = socket_of(1, TCP_STATE_CLOSE_WAIT, 0, 600); /* nobody has accepted it yet */
	assert_int_equal(mark_of(&event), STATES_FINE);
	event = socket_of(1, TCP_STATE_FIN_WAIT2, 100, 60);
	assert_int_equal(mark_of(&event), STATES_PEER_NOT_CLOSED);
	event = socket_of(1, TCP_STATE_FIN_WAIT2, 100, 59);
	assert_int_equal(mark_of(&event), STATES_FINE);
	event = socket_of(1, TCP_STATE_TIME_WAIT, 0, 600);
	assert_int_equal(mark_of(&event), STATES_FINE);
}

static void handshakes_under_way(void **state)
{
	static const struct {
		__u8 state;
		enum states_mark mark;
	} cases[] = {
		{ TCP_STATE_SYN_SENT, STATES_UNANSWERED },
		{ TCP_STATE_NEW_SYN_RECV, STATES_HALF_OPEN },
		{ TCP_STATE_SYN_RECV, STATES_HALF_OPEN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct event event = socket_of(1, cases[i].state, 0, 0);

		event.snapshot.flow.again_in_row = 2;
		assert_int_equal(mark_of(&event), cases[i].mark);
		event.snapshot.flow.again_in_row = 1;
		assert_int_equal(mark_of(&event), STATES_FINE);
		event.snapshot.flow.again_in_row = 2;
		event.head.known &= ~(__u32)EVENT_K_COUNTERS;
		assert_int_equal(mark_of(&event), STATES_FINE);
	}
}

static void queues(void **state)
{
	struct event event = socket_of(1, TCP_STATE_LISTEN, 100, 0);

	(void)state;
	event.head.known |= EVENT_K_BACKLOG;
	event.snapshot.backlog = 129;
	event.snapshot.backlog_max = 128;
	assert_int_equal(mark_of(&event), STATES_QUEUE_FULL);
	event.snapshot.backlog = 128; /* the kernel takes one more */
	assert_int_equal(mark_of(&event), STATES_FINE);

	event = socket_of(1, TCP_STATE_ESTABLISHED, 100, 60);
	event.snapshot.flow.unread_bytes = 1;
	assert_int_equal(mark_of(&event), STATES_NOT_READ);
	event.snapshot.flow.unread_bytes = 0;
	assert_int_equal(mark_of(&event), STATES_FINE);
	event = socket_of(1, TCP_STATE_ESTABLISHED, 100, 59);
	event.snapshot.flow.unread_bytes = 1;
	assert_int_equal(mark_of(&event), STATES_FINE);

	event = socket_of(1, TCP_STATE_ESTABLISHED, 100, 5);
	event.snapshot.flow.unacked_bytes = 1000;
	event.snapshot.flow.snd_wnd = 0;
	event.snapshot.flow.probes = 1;
	assert_int_equal(mark_of(&event), STATES_WINDOW_CLOSED);
	event.snapshot.flow.snd_wnd = 1;
	assert_int_equal(mark_of(&event), STATES_FINE);
}

static void what_nobody_acknowledges(void **state)
{
	static const __u8 ends[] = { TCP_STATE_FIN_WAIT1, TCP_STATE_CLOSING, TCP_STATE_LAST_ACK };
	struct event event = socket_of(1, TCP_STATE_ESTABLISHED, 100, 1);

	(void)state;
	event.snapshot.flow.again_in_row = 3;
	assert_int_equal(mark_of(&event), STATES_UNHEARD);
	event.snapshot.flow.again_in_row = 2;
	assert_int_equal(mark_of(&event), STATES_FINE);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		event = socket_of(1, ends[i], 0, 5);
		assert_int_equal(mark_of(&event), STATES_END_UNHEARD);
		event = socket_of(1, ends[i], 0, 4);
		assert_int_equal(mark_of(&event), STATES_FINE);
	}
}

static void every_mark_has_its_words(void **state)
{
	(void)state;
	assert_null(states_mark_name(STATES_FINE));
	assert_null(states_mark_what(STATES_MARK_COUNT));
	for (unsigned int mark = STATES_FINE + 1; mark < STATES_MARK_COUNT; mark++) {
		const struct states_group group = {
			.quietest = { .mark = (__u8)mark,
				      .owned = true,
				      .owner.tgid = 4121,
				      .tuple = { .local_port = 8080, .remote_port = 9090 } }
		};
		char buffer[200];
		struct text text = text_of(buffer);

		assert_non_null(states_mark_name(mark));
		assert_non_null(states_mark_what(mark));
		states_say_check(&text, &group);
		assert_false(text.cut);
		assert_true(strstr(buffer, "8080") || strstr(buffer, "9090"));
		assert_non_null(strstr(buffer, "/proc/4121/"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_socket_is_counted_once, set_up_states,
						tear_down_states),
		cmocka_unit_test_setup_teardown(many_sockets_are_still_counted_once, set_up_states,
						tear_down_states),
		cmocka_unit_test_setup_teardown(what_is_no_tcp_socket_is_left_out, set_up_states,
						tear_down_states),
		cmocka_unit_test_setup_teardown(groups_are_of_state_owner_and_mark, set_up_states,
						tear_down_states),
		cmocka_unit_test_setup_teardown(without_room_sockets_are_counted_all_the_same,
						set_up_states, tear_down_states),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(handshakes_under_way),
		cmocka_unit_test(queues),
		cmocka_unit_test(what_nobody_acknowledges),
		cmocka_unit_test(every_mark_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
