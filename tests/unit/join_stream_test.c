// SPDX-License-Identifier: GPL-2.0-or-later
/* join_stream_test.c - which records' packets are followed as connections */

#include "join_fixture.h"
#include "util/array.h"

static int follow(void **state)
{
	struct join_limits limits = join_limits_default;

	limits.connections = 64;
	limits.segments = true;
	return join_new((struct join **)state, &limits);
}

/* A segment of ten bytes; the same again is a retransmission. */
static struct event segment(enum event_kind kind, __u64 ms)
{
	struct event e = event(kind, ms, 0);

	set_address(e.packet.source, 1);
	set_address(e.packet.destination, 2);
	e.packet.what = PACKET_TCP;
	e.packet.source_port = 40000;
	e.packet.destination_port = 80;
	e.packet.tcp_flags = TCP_F_ACK;
	e.packet.seq = 1000;
	e.packet.ack = 5000;
	e.packet.payload_bytes = 10;
	e.packet.window = 100;
	return e;
}

static void frames(void **state)
{
	struct join *join = *state;
	struct event e = segment(EVENT_FRAME, 1), tick = event(EVENT_TICK, 3, 0);

	e.head.netns = 0;
	e.frame.frame = 7;
	join_event(join, &e);
	assert_non_null(join_look(join)->stream);
	assert_int_equal(join_look(join)->stream->first_frame, 7);
	assert_int_equal(join_look(join)->flags, 0);
	e.head.ts_ns = 500 * MS;
	e.frame.frame = 8;
	join_event(join, &e);
	assert_int_equal(join_look(join)->flags, BIT(STREAM_RETRANSMISSION));
	assert_int_equal(join_look(join)->stream->last_frame, 8);
	/* what was said of the last record is not said of this one */
	join_event(join, &tick);
	assert_null(join_look(join)->stream);
	assert_int_equal(join_look(join)->flags, 0);
	e.packet.what = PACKET_UDP;
	join_event(join, &e);
	assert_null(join_look(join)->stream);
	assert_int_equal(conns_streams_seen(join_conns(join)), 1);
}

/* Live, of a connection that nobody follows the kernel side shows a few packets only. */
static void packets_of_followed_processes(void **state)
{
	struct join *join = *state;
	struct event e = segment(EVENT_PACKET, 1);

	join_event(join, &e);
	assert_null(join_look(join)->stream);
	assert_int_equal(conns_streams_seen(join_conns(join)), 0);
	e.head.flags = EVENT_F_FOLLOWED;
	join_event(join, &e);
	assert_non_null(join_look(join)->stream);
	e.head.ts_ns = 500 * MS;
	join_event(join, &e);
	assert_int_equal(join_look(join)->flags, BIT(STREAM_RETRANSMISSION));
	/* the same ends in another namespace are another connection */
	e.head.netns = OTHER_NETNS;
	join_event(join, &e);
	assert_int_equal(join_look(join)->flags, 0);
	assert_int_equal(conns_streams_seen(join_conns(join)), 2);
}

static void watch_follows_none(void **state)
{
	struct join *join = *state;
	struct event e = segment(EVENT_PACKET, 1);

	e.head.flags = EVENT_F_FOLLOWED;
	join_event(join, &e);
	assert_null(join_look(join)->stream);
	assert_false(join_follows_segments(join));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames, follow, tear_down),
		cmocka_unit_test_setup_teardown(packets_of_followed_processes, follow, tear_down),
		cmocka_unit_test_setup_teardown(watch_follows_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
