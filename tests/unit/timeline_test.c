// SPDX-License-Identifier: GPL-2.0-or-later
/* timeline_test.c - calls, states and packets become one list of their socket, within bounds */

#include <stdlib.h>

#include "join_fixture.h"
#include "join/timeline/timeline.h"
#include "util/tcp.h"

#define OWN_PORT 4000
#define SOCKET 77 /* its number, until it has a cookie */
#define COOKIE 5
#define THREAD 31

static int set_up_timelines(void **state)
{
	return timelines_new((struct timelines **)state);
}

static int tear_down_timelines(void **state)
{
	timelines_free(*state);
	return 0;
}

/* A call that took a millisecond. */
static struct event call(enum event_syscall which, __u64 ms, __u64 socket, __u64 cookie)
{
	struct event e = event(EVENT_SYSCALL, ms + 1, cookie);

	e.head.known = EVENT_K_TIMELINE | EVENT_K_OWNER | EVENT_K_TUPLE;
	e.syscall.call = (__u8)which;
	e.syscall.socket = socket;
	e.syscall.began_ns = ms * MS;
	e.syscall.owner.tid = THREAD;
	return e;
}

static void take(struct timelines *timelines, struct event e)
{
	timelines_take(timelines, &e, true);
}

static struct event connects(__u64 ms)
{
	struct event e = opens(ms, COOKIE, THREAD, 2, 80);

	e.head.flags = EVENT_F_FOLLOWED;
	return e;
}

/* From us to 10.0.0.2:80, or back. */
static struct event passes(__u64 ms, bool out, __u32 seq, __u32 ifindex)
{
	struct event e = event(EVENT_PACKET, ms, out ? COOKIE : 0);

	e.head.ifindex = ifindex;
	e.packet.what = PACKET_TCP;
	e.packet.seq = seq;
	set_address(e.packet.source, out ? 1 : 2);
	set_address(e.packet.destination, out ? 2 : 1);
	e.packet.source_port = out ? OWN_PORT : 80;
	e.packet.destination_port = out ? 80 : OWN_PORT;
	return e;
}

static const struct timeline *only(const struct timelines *timelines)
{
	size_t at = 0;
	const struct timeline *timeline = timelines_next(timelines, &at);

	assert_non_null(timeline);
	assert_null(timelines_next(timelines, &at));
	return timeline;
}

static size_t list(const struct timelines *timelines, struct moment **moments, __u64 *omitted)
{
	return timeline_moments(timelines, only(timelines), moments, omitted);
}

/* socket() has no cookie yet, connect() returns behind its SYN, and both are of one socket. */
static void one_socket(void **state)
{
	struct timelines *timelines = *state;
	struct moment *moments;
	struct event connected;
	__u64 omitted;

	take(timelines, call(SYSCALL_SOCKET, 10, SOCKET, 0));
	take(timelines, connects(21));
	take(timelines, passes(22, true, 1, 2));
	take(timelines, passes(23, false, 9, 2));
	connected = call(SYSCALL_CONNECT, 20, SOCKET, COOKIE);
	set_tuple(&connected.syscall.tuple, OWN_PORT, 2, 80);
	take(timelines, connected);
	take(timelines, call(SYSCALL_CLOSE, 30, SOCKET, COOKIE));
	assert_int_equal(list(timelines, &moments, &omitted), 6);
	assert_int_equal(omitted, 0);
	assert_int_equal(moments[0].call.call, SYSCALL_SOCKET);
	assert_int_equal(moments[1].call.call, SYSCALL_CONNECT);
	assert_int_equal(moments[1].call.took_ns, MS);
	assert_int_equal(moments[2].seen.new_state, TCP_STATE_SYN_SENT);
	assert_int_equal(moments[3].seen.direction, DIRECTION_OUT);
	assert_int_equal(moments[4].seen.direction, DIRECTION_IN);
	assert_int_equal(moments[5].call.call, SYSCALL_CLOSE);
	free(moments);
}

static void again_is_another(void **state)
{
	struct timelines *timelines = *state;
	size_t at = 0, count = 0;

	for (int i = 0; i < 3; i++)
		take(timelines, call(SYSCALL_SOCKET, 10 + i, SOCKET, 0));
	while (timelines_next(timelines, &at))
		count++;
	assert_int_equal(count, 3);
}

/* A packet at two interfaces is one, what is sent again is not; what is others' is none. */
static void packets(void **state)
{
	struct timelines *timelines = *state;
	struct event others = passes(24, true, 1, 2);

	take(timelines, connects(21));
	take(timelines, passes(22, true, 1, 2));
	take(timelines, passes(22, true, 1, 3));
	take(timelines, passes(23, true, 1, 2));
	others.packet.source_port++;
	others.head.cookie = 0;
	take(timelines, others);
	assert_int_equal(only(timelines)->count, 3);
}

/* A thread's waits stand in the lists of what that thread called, while it had them. */
static void waits(void **state)
{
	struct timelines *timelines = *state;
	struct event wait = call(SYSCALL_EPOLL_WAIT, 15, 0, 0);
	struct moment *moments;
	__u64 omitted;

	take(timelines, call(SYSCALL_SOCKET, 10, SOCKET, 0));
	take(timelines, wait);
	wait.syscall.owner.tid++;
	take(timelines, wait);
	take(timelines, call(SYSCALL_EPOLL_WAIT, 40, 0, 0));
	take(timelines, call(SYSCALL_CLOSE, 30, SOCKET, 0));
	assert_int_equal(list(timelines, &moments, &omitted), 3);
	assert_int_equal(moments[1].call.call, SYSCALL_EPOLL_WAIT);
	free(moments);
}

/* The begin and the end of a long one are kept, and of many sockets the first. */
static void bounds(void **state)
{
	struct timelines *timelines = *state;
	struct moment *moments;
	__u64 omitted;
	size_t count;

	for (int i = 0; i < 1000; i++)
		take(timelines, call(SYSCALL_SEND, 10 + (__u64)i, SOCKET, 0));
	count = list(timelines, &moments, &omitted);
	assert_int_equal(count, TIMELINE_HEAD + TIMELINE_TAIL);
	assert_int_equal(omitted, 1000 - TIMELINE_HEAD - TIMELINE_TAIL);
	assert_int_equal(moments[TIMELINE_HEAD - 1].at_ns, (10 + TIMELINE_HEAD - 1) * MS);
	assert_int_equal(moments[TIMELINE_HEAD].at_ns, (1010 - TIMELINE_TAIL) * MS);
	assert_int_equal(moments[count - 1].at_ns, 1009 * MS);
	free(moments);
	for (__u64 i = 1; i <= TIMELINES_MAX; i++)
		take(timelines, call(SYSCALL_SOCKET, 2000, SOCKET + i, 0));
	assert_int_equal(timelines_untold(timelines), 1);
}

/* What a filter leaves nothing of is not told. */
static void filtered(void **state)
{
	struct timelines *timelines = *state;
	struct event e = call(SYSCALL_SOCKET, 10, SOCKET, 0);
	size_t at = 0;

	timelines_take(timelines, &e, false);
	assert_null(timelines_next(timelines, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_socket, set_up_timelines, tear_down_timelines),
		cmocka_unit_test_setup_teardown(again_is_another, set_up_timelines,
						tear_down_timelines),
		cmocka_unit_test_setup_teardown(packets, set_up_timelines, tear_down_timelines),
		cmocka_unit_test_setup_teardown(waits, set_up_timelines, tear_down_timelines),
		cmocka_unit_test_setup_teardown(bounds, set_up_timelines, tear_down_timelines),
		cmocka_unit_test_setup_teardown(filtered, set_up_timelines, tear_down_timelines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
