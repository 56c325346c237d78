// SPDX-License-Identifier: GPL-2.0-or-later
/* join_call_test.c - calls that fail at once, full queues, coverage, bounds */

#include "join_fixture.h"

static struct event call_error(__u64 ms, __u64 cookie, int error)
{
	struct event e = event(EVENT_SYSCALL, ms, cookie);

	e.syscall.call = SYSCALL_CONNECT;
	e.syscall.error = error;
	e.syscall.type = SOCK_STREAM;
	set_address(e.syscall.asked, 2);
	e.syscall.asked_port = 80;
	e.syscall.owner.tgid = 100;
	e.syscall.owner.tid = 100;
	e.syscall.owner.start_ns = 5;
	e.head.known = EVENT_K_OWNER | EVENT_K_ASKED;
	return e;
}

static void call_that_fails_at_once_is_a_try(void **state)
{
	struct join *join = *state;

	feed(join, call_error(1, 0, ENETUNREACH));
	tick(join, 300);
	assert_int_equal(only_due(join)->openings[0]->error, ENETUNREACH);
	assert_int_equal(only_due(join)->openings[0]->tuple.remote_port, 80);
}

static void call_that_reports_the_end_is_no_other_try(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, EHOSTUNREACH));
	feed(join, call_error(3, 7, EHOSTUNREACH));
	tick(join, 300);
	assert_int_equal(only_due(join)->openings[0]->call_error, EHOSTUNREACH);
	join_told(join, only_due(join), NULL);
	assert_null(join_due(join));
}

static void datagram_connect_is_a_route_question(void **state)
{
	struct join *join = *state;
	struct event e = call_error(1, 0, ENETUNREACH);

	e.syscall.type = SOCK_DGRAM;
	feed(join, e);
	tick(join, 300);
	assert_null(join_due(join));
}

static void bind_waits_for_another_port(void **state)
{
	struct join *join = *state;
	struct event e = call_error(1, 0, EADDRINUSE);
	struct event other = opens(500, 9, 100, 0, 0);

	e.syscall.call = SYSCALL_BIND;
	other.open.how = OPEN_LISTEN;
	other.open.tuple.local_port = 81;
	feed(join, e);
	tick(join, 600);
	assert_null(join_due(join));
	feed(join, other);
	tick(join, 1100);
	assert_ptr_equal(only_due(join)->subject, &subject_bind);
	assert_true(only_due(join)->call->bound_other_later);
}

static void asking_again_is_not_another_way(void **state)
{
	struct join *join = *state;
	struct event e = call_error(1, 0, EADDRINUSE), again = call_error(600, 0, EADDRINUSE);
	struct event other = opens(2, 9, 100, 0, 0);

	e.syscall.call = again.syscall.call = SYSCALL_BIND;
	other.open.how = OPEN_LISTEN;
	other.open.tuple.local_port = 81;
	feed(join, e);
	feed(join, other); /* the next listener of its configuration */
	feed(join, again);
	tick(join, 1100);
	assert_false(only_due(join)->call->bound_other_later);
	join_told(join, only_due(join), NULL);
	other.head.ts_ns = 1200 * MS;
	feed(join, other);
	tick(join, 1700);
	assert_false(only_due(join)->call->bound_other_later);
}

static struct event full_queue(__u64 ms, __u32 isn)
{
	struct event e = event(EVENT_LISTEN_FULL, ms, 55);

	set_tuple(&e.listener.tuple, 80, 1, 40007);
	set_address(e.listener.tuple.local, 2);
	e.listener.backlog = 2;
	e.listener.backlog_max = 1;
	e.listener.isn = isn;
	e.head.known = EVENT_K_BACKLOG | EVENT_K_TUPLE;
	return e;
}

static void overflow_tells_of_clients_elsewhere(void **state)
{
	struct join *join = *state;

	feed(join, full_queue(1, 500));
	feed(join, full_queue(1000, 600));
	tick(join, 1600);
	assert_ptr_equal(only_due(join)->subject, &subject_overflow);
	assert_int_equal(only_due(join)->overflow->count, 2);
}

static void overflow_is_claimed_by_the_local_client(void **state)
{
	struct join *join = *state;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, full_queue(2, 500)); /* before the client's port is known */
	feed(join, retransmit(1002, 7));
	join_told(join, only_due(join), NULL);
	tick(join, 1600);
	assert_null(join_due(join));
	feed(join, state_to(3000, 7, 7, ETIMEDOUT));
	tick(join, 3300);
	assert_true(only_due(join)->openings[0]->full.seen);
}

static void late_start_is_marked(void **state)
{
	struct join *join = *state;

	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	tick(join, 300);
	assert_true(only_due(join)->openings[0]->blind_start);
	assert_false(only_due(join)->owner_known);
}

static void loss_while_it_lived_is_marked(void **state)
{
	struct join *join = *state;
	struct event end = state_to(2, 7, 7, ECONNREFUSED);

	end.head.lost = 3;
	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, end);
	tick(join, 300);
	assert_true(only_due(join)->openings[0]->blind_lost);
}

static void the_end_leaves_open_ones_unknown(void **state)
{
	struct join *join = *state;
	struct attempt *attempt;
	int rule;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, opens(1, 8, 200, 2, 81));
	feed(join, retransmit(1001, 8));
	join_told(join, only_due(join), &rule);
	join_finish(join);
	attempt = only_due(join); /* the one that something was told of */
	assert_true(attempt->unknown);
	join_told(join, attempt, NULL);
	assert_null(join_due(join));
}

static void a_full_table_gives_up_the_oldest(void **state)
{
	struct join *join = *state;

	for (__u64 i = 1; i <= 200; i++)
		feed(join, opens(i, i, i, 2, 80));
	assert_int_equal(join_counters(join)->openings, 200);
	assert_true(join_counters(join)->evicted >= 136);
}

static void failures_are_told_before_they_make_room(void **state)
{
	struct join *join = *state;
	size_t told = 0;

	for (__u64 i = 1; i <= 500; i++) {
		struct attempt *attempt;

		feed(join, opens(1, i, i, 2, 80));
		feed(join, state_to(1, i, 7, ECONNREFUSED));
		for (; (attempt = join_due(join)); told++)
			join_told(join, attempt, NULL);
	}
	tick(join, 1000);
	for (struct attempt *attempt; (attempt = join_due(join)); told++)
		join_told(join, attempt, NULL);
	assert_int_equal(told, 500);
	assert_int_equal(join_counters(join)->evicted, 0);
}

static void evidence_keeps_the_first_and_the_last(void **state)
{
	struct join *join = *state;
	struct evidence evidence[JOIN_EVIDENCE_MAX];
	size_t n, omitted;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, tcp_packet(1, 7, false, 41000, TCP_F_SYN, 500, 0));
	for (__u64 i = 2; i < 100; i++)
		feed(join, tcp_packet(i, 7, false, 41000, TCP_F_SYN, 500, 0));
	feed(join, state_to(100, 7, 7, ETIMEDOUT));
	tick(join, 400);
	n = attempt_evidence(join, only_due(join), evidence, JOIN_EVIDENCE_MAX, &omitted);
	assert_int_equal(n, JOIN_EVIDENCE_MAX);
	assert_int_equal(n + omitted, 101);
	assert_int_equal(evidence[0].kind, EVENT_OPEN);
	assert_int_equal(evidence[n - 1].kind, EVENT_STATE);
	for (size_t i = 1; i < n; i++)
		assert_true(evidence[i - 1].ts_ns <= evidence[i].ts_ns);
}

static void scope_counts_by_destination(void **state)
{
	struct join *join = *state;
	struct scope scope;
	__u8 remote[EVENT_ADDRESS_SIZE];

	set_address(remote, 2);
	for (__u64 i = 1; i <= 3; i++) {
		feed(join, opens(i * 1000, i, i, 2, 80));
		feed(join, state_to(i * 1000 + 1, i, i == 1 ? 1 : 7, i == 1 ? 0 : ECONNREFUSED));
	}
	tick(join, 9000);
	for (struct attempt *attempt; (attempt = join_due(join));)
		join_told(join, attempt, NULL);
	join_scope(join, NETNS, remote, 80, &scope);
	assert_int_equal(scope.openings, 3);
	assert_int_equal(scope.failures, 2);
	assert_int_equal(scope.first_failure_ns, 2001 * MS);
	assert_int_equal(scope.last_success_ns, 1001 * MS);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 81, &scope), 80);
}

static void asks(struct join *join, __u64 *ms, __u32 host, __u16 port, bool works)
{
	++*ms;
	feed(join, opens(*ms * 1000, *ms, *ms, host, port));
	feed(join, state_to(*ms * 1000 + 1, *ms, works ? 1 : 7, works ? 0 : ECONNREFUSED));
	tick(join, *ms * 1000 + 3000);
	for (struct attempt *attempt; (attempt = join_due(join));)
		join_told(join, attempt, NULL);
}

static void scope_knows_the_best_port(void **state)
{
	struct join *join = *state;
	struct scope scope;
	__u8 remote[EVENT_ADDRESS_SIZE];
	__u64 ms = 0;

	set_address(remote, 2);
	asks(join, &ms, 2, 80, false);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 443, &scope), 0);
	asks(join, &ms, 2, 80, true);
	asks(join, &ms, 2, 81, true);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 443, &scope), 81); /* younger */
	asks(join, &ms, 2, 80, true);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 443, &scope), 80);
	assert_int_equal(scope.openings, 3);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 80, &scope), 81);
	assert_int_equal(join_scope_other_port(join, OTHER_NETNS, remote, 443, &scope), 0);
	/* as many destinations as are remembered, all younger: nothing of the host is left */
	for (__u16 port = 1000; port < 1000 + 4096; port++)
		asks(join, &ms, 3, port, port % 2);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 443, &scope), 0);
	set_address(remote, 3);
	assert_int_equal(join_scope_other_port(join, NETNS, remote, 443, &scope), 5095);
	join_scope(join, NETNS, remote, 1000, &scope);
	assert_int_equal(scope.failures, 1);
}

static void ids_are_the_same_in_every_replay(void **state)
{
	struct join *join = *state, *again;
	__u64 id;

	feed(join, opens(1, 7, 100, 2, 80));
	feed(join, state_to(2, 7, 7, ECONNREFUSED));
	tick(join, 300);
	id = only_due(join)->id;
	assert_int_equal(set_up((void **)&again), 0);
	feed(again, opens(1, 7, 100, 2, 80));
	feed(again, state_to(2, 7, 7, ECONNREFUSED));
	tick(again, 300);
	assert_true(only_due(again)->id == id);
	join_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(call_that_fails_at_once_is_a_try),
		TEST(call_that_reports_the_end_is_no_other_try),
		TEST(datagram_connect_is_a_route_question),
		TEST(bind_waits_for_another_port),
		TEST(asking_again_is_not_another_way),
		TEST(overflow_tells_of_clients_elsewhere),
		TEST(overflow_is_claimed_by_the_local_client),
		TEST(late_start_is_marked),
		TEST(loss_while_it_lived_is_marked),
		TEST(the_end_leaves_open_ones_unknown),
		TEST(a_full_table_gives_up_the_oldest),
		TEST(failures_are_told_before_they_make_room),
		TEST(evidence_keeps_the_first_and_the_last),
		TEST(scope_counts_by_destination),
		TEST(scope_knows_the_best_port),
		TEST(ids_are_the_same_in_every_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
