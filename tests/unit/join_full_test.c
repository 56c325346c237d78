// SPDX-License-Identifier: GPL-2.0-or-later
/* join_full_test.c - a record costs the same however many there are, also when a table is full */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "join_fixture.h"
#include "util/tcp.h"

/*
 * What a record costs is counted in instructions, by stepping a child through it: the same on
 * every machine, however busy. A walk over MANY would be twenty times one over FEW, and a look-up
 * that may meet another in its bucket costs a little more or less.
 */
#define FEW 200
#define MANY 4000
#define STEPS_MOST 2000000

typedef struct event make_fn(__u32 number);

static __u64 ts_of(__u32 number)
{
	return 1000 * MS + number * 1000ull;
}

static struct event numbered(enum event_kind kind, __u32 number)
{
	struct event e = event(kind, 0, number + 1);

	e.head.ts_ns = ts_of(number);
	e.head.known = EVENT_K_OWNER | EVENT_K_TUPLE | EVENT_K_BACKLOG;
	return e;
}

static void set_place(struct event_tuple *tuple, __u32 number)
{
	set_tuple(tuple, 1024 + number % 60000, 2, 443);
}

static struct event connects(__u32 number)
{
	struct event e = numbered(EVENT_OPEN, number);

	set_place(&e.open.tuple, number);
	e.open.how = OPEN_CONNECT;
	e.open.owner.tgid = 100;
	e.open.owner.tid = 100;
	return e;
}

static struct event connecting(__u32 number)
{
	struct event e = numbered(EVENT_SOCKET, number);

	set_place(&e.snapshot.tuple, number);
	e.snapshot.state = TCP_STATE_SYN_SENT;
	e.snapshot.owner.tgid = 100;
	return e;
}

static struct event listens(__u32 number)
{
	struct event e = numbered(EVENT_OPEN, number);

	set_tuple(&e.open.tuple, 1024 + number % 60000, 0, 0);
	e.open.how = OPEN_LISTEN;
	e.open.owner.tgid = 100;
	return e;
}

static struct event listening(__u32 number)
{
	struct event e = numbered(EVENT_SOCKET, number);

	set_tuple(&e.snapshot.tuple, 1024 + number % 60000, 0, 0);
	e.snapshot.state = TCP_STATE_LISTEN;
	return e;
}

static struct event overflows(__u32 number)
{
	struct event e = numbered(EVENT_LISTEN_FULL, number);

	set_place(&e.listener.tuple, number);
	e.listener.backlog = 2;
	e.listener.backlog_max = 1;
	e.listener.isn = number;
	return e;
}

static struct event binds(__u32 number)
{
	struct event e = numbered(EVENT_SYSCALL, number);

	e.syscall.call = SYSCALL_BIND;
	e.syscall.error = EADDRINUSE;
	e.syscall.owner.tgid = 100;
	e.syscall.tuple.family = AF_INET;
	set_address(e.syscall.asked, 1);
	e.syscall.asked_port = 1024 + number % 60000;
	return e;
}

/* A process that fails to bind and connects, in turn. */
static struct event binds_and_connects(__u32 number)
{
	return number & 1 ? connects(number) : binds(number);
}

static void take(struct join *join, struct event e)
{
	struct attempt *attempt;

	join_event(join, &e);
	while ((attempt = join_due(join)))
		join_told(join, attempt, NULL);
}

/* The child: a join that holds as many as it can, and stops around one record more. */
static void fill_and_stop(make_fn *make, __u32 room)
{
	struct join_limits limits = join_limits_default;
	struct join *join;
	__u32 number = 0;

	limits.connections = room;
	limits.listeners = room;
	if (join_new(&join, &limits) || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	while (number < 2 * room)
		take(join, make(number++));
	raise(SIGSTOP);
	take(join, make(number));
	raise(SIGSTOP);
	_exit(0);
}

static long steps_of(make_fn *make, __u32 room)
{
	pid_t child = fork();
	long steps = 0;
	int status;

	assert_true(child >= 0);
	if (!child)
		fill_and_stop(make, room);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	do {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSTOPPED(status));
	} while (WSTOPSIG(status) == SIGTRAP && ++steps < STEPS_MOST);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return steps;
}

static void no_record_walks_a_full_table(void **state)
{
	static const struct {
		const char *name;
		make_fn *make;
	} rows[] = {
		{ "connects", connects },
		{ "connecting", connecting },
		{ "listens", listens },
		{ "listening", listening },
		{ "overflows", overflows },
		{ "binds", binds },
		{ "binds and connects", binds_and_connects },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long few = steps_of(rows[i].make, FEW), many = steps_of(rows[i].make, MANY);

		if (many > 2 * few)
			fail_msg("%s: %ld instructions among %d, %ld among %d", rows[i].name, few,
				 FEW, many, MANY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_record_walks_a_full_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
