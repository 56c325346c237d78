// SPDX-License-Identifier: GPL-2.0-or-later
/* join_test.c - which openings belong together, when they are due, what the wire adds */

#include "join_fixture.h"

static void refused_is_due_once_after_settling(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	tick(join, 200);
	assert_null(join_due(join));
	tick(join, 300);
	attempt = only_due(join);
	assert_int_equal(attempt->state, ATTEMPT_FINAL);
	assert_int_equal(attempt->due_ns, 252 * MS); /* the deadline's time, not the tick's */
	assert_int_equal(attempt->openings_count, 1);
	assert_int_equal(attempt->openings[0]->error, ECONNREFUSED);
	assert_int_equal(attempt->openings[0]->tuple.local_port, 40007);
	assert_false(attempt->worked);
	join_told(join, attempt, NULL);
	assert_null(join_due(join));
	assert_int_equal(join_counters(join)->failures, 1);
}

static void success_is_due_when_proven(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 1, 0));
	tick(join, 900);
	assert_null(join_due(join));
	tick(join, 1100);
	attempt = only_due(join);
	assert_true(attempt->worked);
	assert_int_equal(attempt_decider(attempt)->state, OPENING_WORKED);
	join_told(join, attempt, NULL);
	assert_int_equal(join_counters(join)->failures, 0);
}

static void reset_before_any_data_is_a_failure(void **state)
{
	struct join *join = *state;
	struct event reset = state_to(5, 7, 7, ECONNRESET);

	reset.socket.old_state = 1;
	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 1, 0));
	feed(join, reset);
	tick(join, 1300);
	assert_int_equal(only_due(join)->openings[0]->state, OPENING_FAILED);
	assert_true(only_due(join)->openings[0]->established_ns);
}

static void data_before_the_reset_is_a_success(void **state)
{
	struct join *join = *state;
	struct event reset = state_to(5, 7, 7, ECONNRESET);
	struct attempt *attempt;

	reset.socket.old_state = 1;
	reset.socket.flow.bytes_received = 10;
	reset.head.known = EVENT_K_COUNTERS;
	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 1, 0));
	feed(join, reset);
	tick(join, 300); /* what became of the connection is an attempt of its own */
	attempt = only_due(join);
	assert_ptr_equal(attempt->subject, &subject_standing);
	join_told(join, attempt, NULL);
	tick(join, 1300);
	assert_true(only_due(join)->worked);
}

static void same_socket_again_is_another_attempt(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	feed(join, opens(3, 7, 100, 2, 80));
	feed(join, state_to(4, 7, 7, ECONNREFUSED));
	tick(join, 300);
	join_told(join, only_due(join), NULL);
	assert_int_equal(only_due(join)->openings[0]->started_ns, 3 * MS);
	join_told(join, only_due(join), NULL);
	assert_null(join_due(join));
}

static void other_address_after_failure_is_the_same_attempt(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	feed(join, opens(3, 8, 100, 3, 80));
	feed(join, state_to(4, 8, 1, 0));
	tick(join, 2000);
	attempt = only_due(join);
	assert_int_equal(attempt->openings_count, 2);
	assert_true(attempt->worked);
	assert_int_equal(attempt_decider(attempt)->cookie, 8);
	join_told(join, attempt, NULL);
	assert_null(join_due(join));
}

static void other_thread_or_port_is_another_attempt(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	feed(join, opens(3, 8, 101, 3, 80));
	feed(join, opens(3, 9, 100, 3, 81));
	tick(join, 300);
	assert_int_equal(only_due(join)->openings_count, 1);
}

static void parallel_asking_is_not_fallback(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, opens(2, 8, 100, 3, 80)); /* 1 ms later: closer than any stagger */
	feed(join, opens(200, 9, 100, 4, 80)); /* staggered */
	assert_int_equal(join_counters(join)->attempts, 2);
}

static void loser_of_the_race_is_nobodys_failure(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, opens(251, 8, 100, 3, 80));
	feed(join, state_to(252, 8, 1, 0));
	feed(join, state_to(253, 7, 7, 0)); /* given up */
	tick(join, 2000);
	attempt = only_due(join);
	assert_true(attempt->worked);
	join_told(join, attempt, NULL);
	tick(join, 4000);
	assert_null(join_due(join));
	assert_int_equal(join_counters(join)->failures, 0);
}

static void loser_given_up_late_is_silent_too(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, opens(251, 8, 100, 3, 80));
	feed(join, state_to(252, 8, 1, 0));
	tick(join, 2000);
	join_told(join, only_due(join), NULL);
	feed(join, state_to(2500, 7, 7, 0));
	tick(join, 4000);
	assert_null(join_due(join));
}

static void second_syn_is_pending_once(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;
	int rule;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, retransmit(1001, 7));
	attempt = only_due(join);
	assert_int_equal(attempt->state, ATTEMPT_OPEN);
	assert_int_equal(attempt->openings[0]->syn_sent, 2);
	join_told(join, attempt, &rule);
	feed(join, retransmit(2001, 7));
	assert_null(join_due(join));
	feed(join, state_to(3000, 7, 7, ETIMEDOUT));
	tick(join, 4000);
	attempt = only_due(join);
	assert_ptr_equal(attempt->pending_rule, &rule);
	assert_true(attempt->pending_told);
}

static void wire_is_joined_by_cookie_and_by_tuple(void **state)
{
	struct join *join = *state;
	struct event closed = state_to(2, 7, 7, ECONNREFUSED);
	const struct opening *opening;

	closed.socket.tuple.local_port = 0;
	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, tcp_packet(1, 7, false, 41000, TCP_F_SYN, 500, 0));
	feed(join, tcp_packet(2, 0, true, 41000, TCP_F_RST | TCP_F_ACK, 0, 501));
	feed(join, closed);
	tick(join, 300);
	opening = only_due(join)->openings[0];
	assert_int_equal(opening->tuple.local_port, 41000); /* learned from the SYN */
	assert_int_equal(opening->isn, 500);
	assert_int_equal(opening->syn_handed, 1);
	assert_int_equal(opening->reset_in, 1);
}

/* NAT gave the SYN another port before it was seen. */
static void socket_knows_its_port_better_than_the_wire(void **state)
{
	struct join *join = *state;
	const struct opening *opening;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, tcp_packet(1, 7, false, 41000, TCP_F_SYN, 500, 0));
	feed(join, tcp_packet(2, 0, true, 41000, TCP_F_RST | TCP_F_ACK, 0, 501));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	tick(join, 300);
	opening = only_due(join)->openings[0];
	assert_int_equal(opening->tuple.local_port, 40007);
	assert_int_equal(opening->reset_in, 1);
}

static void old_reset_does_not_refuse(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, tcp_packet(1, 7, false, 41000, TCP_F_SYN, 500, 0));
	feed(join, tcp_packet(2, 0, true, 41000, TCP_F_RST | TCP_F_ACK, 0, 77));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	tick(join, 300);
	assert_int_equal(only_due(join)->openings[0]->reset_in, 0);
	assert_int_equal(only_due(join)->openings[0]->reset_other_in, 1);
}

static struct event refusal(__u64 ms, __u32 netns, __u32 seq)
{
	struct event e = tcp_packet(ms, 0, false, 40007, TCP_F_SYN, seq, 0);

	e.head.kind = EVENT_RESET_SENT;
	e.head.netns = netns;
	e.head.known = EVENT_K_PACKET | EVENT_K_REASON;
	return e;
}

static struct event end_with_isn(__u64 ms, __u64 cookie, __u32 isn)
{
	struct event e = state_to(ms, cookie, 7, ECONNREFUSED);

	e.socket.isn = isn;
	e.head.known = EVENT_K_ISN;
	return e;
}

static void stray_of_another_namespace_is_found_by_sequence(void **state)
{
	struct join *join = *state;

	/* no packet hook: port and sequence are known only at the end */
	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, refusal(2, OTHER_NETNS, 500));
	feed(join, end_with_isn(3, 7, 500));
	tick(join, 300);
	assert_true(only_due(join)->openings[0]->refused_here);
	assert_int_equal(only_due(join)->openings[0]->refused_netns, OTHER_NETNS);
}

static void same_tuple_elsewhere_is_somebody_else(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, refusal(2, OTHER_NETNS, 999));
	feed(join, end_with_isn(3, 7, 500));
	tick(join, 300);
	assert_false(only_due(join)->openings[0]->refused_here);
}

static void frames_are_counted_by_what_became_of_them(void **state)
{
	struct event start = event(EVENT_START, 1, 0), frame = event(EVENT_FRAME, 2, 0);
	const struct join_counters *counters = join_counters(*state);

	join_event(*state, &start);
	assert_non_null(join_start(*state)); /* it is the agent's */
	start.head.vantage = VANTAGE_FILE;
	join_event(*state, &start);
	assert_null(join_start(*state)); /* whose the frames are, nobody tells */
	frame.frame.unread = UNREAD_NOT_IP;
	join_event(*state, &frame);
	join_event(*state, &frame);
	frame.frame.unread = UNREAD_NONE;
	frame.packet.what = PACKET_TCP;
	join_event(*state, &frame);
	frame.packet.flags = PACKET_F_CUT;
	join_event(*state, &frame);
	assert_int_equal(counters->frames, 4);
	assert_int_equal(counters->by_kind[EVENT_FRAME], 4);
	assert_int_equal(counters->unread[UNREAD_NOT_IP], 2);
	assert_int_equal(counters->unread[UNREAD_CUT], 0);
	assert_int_equal(counters->cut, 1);
	assert_int_equal(join_now_ns(*state), 2 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refused_is_due_once_after_settling),
		TEST(success_is_due_when_proven),
		TEST(reset_before_any_data_is_a_failure),
		TEST(data_before_the_reset_is_a_success),
		TEST(same_socket_again_is_another_attempt),
		TEST(other_address_after_failure_is_the_same_attempt),
		TEST(other_thread_or_port_is_another_attempt),
		TEST(parallel_asking_is_not_fallback),
		TEST(loser_of_the_race_is_nobodys_failure),
		TEST(loser_given_up_late_is_silent_too),
		TEST(second_syn_is_pending_once),
		TEST(wire_is_joined_by_cookie_and_by_tuple),
		TEST(socket_knows_its_port_better_than_the_wire),
		TEST(old_reset_does_not_refuse),
		TEST(stray_of_another_namespace_is_found_by_sequence),
		TEST(same_tuple_elsewhere_is_somebody_else),
		TEST(frames_are_counted_by_what_became_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
