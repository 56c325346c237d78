// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_socket_test.c - who holds a port, who listens near, what uses up the ports */

#include "fact_fixture.h"

/* ---- sockets, as the iterators would tell them ---- */

struct told_socket {
	bool owners; /* in which walk */
	__u64 cookie;
	bool elsewhere;
	const char *local, *remote;
	__u16 local_port, remote_port;
	__u8 state;
	__u32 pid;
};

static const struct told_socket *told_sockets;
static size_t told_count;

static int iterate(void *ctx, bool owners)
{
	FILE *file = tmpfile();
	int fd;

	(void)ctx;
	assert_non_null(file);
	for (size_t i = 0; i < told_count; i++) {
		const struct told_socket *told = &told_sockets[i];
		struct {
			struct event_header head;
			struct ev_snapshot body;
		} record = { .body = { .state = told->state, .flags = SOCKET_F_REUSEADDR } };

		if (told->owners != owners)
			continue;
		collect_header(&record.head, EVENT_SOCKET, sizeof(record.body));
		record.head.cookie = told->cookie;
		record.head.netns = told->elsewhere ? 77 : inode;
		record.head.known = owners ? EVENT_K_OWNER : 0;
		parse(told->local, record.body.tuple.local);
		parse(told->remote, record.body.tuple.remote);
		record.body.tuple.local_port = told->local_port;
		record.body.tuple.remote_port = told->remote_port;
		record.body.owner.tgid = told->pid;
		strcpy(record.body.owner.leader, "holder");
		assert_int_equal(fwrite(&record, sizeof(record), 1, file), 1);
	}
	rewind(file);
	fd = dup(fileno(file));
	fclose(file);
	return fd;
}

#define TELL(sockets) (told_sockets = (sockets), told_count = ARRAY_SIZE(sockets))

static void who_holds_a_port(void **state)
{
	static const struct told_socket sockets[] = {
		{ true, 1, false, "10.0.0.9", "0.0.0.0", 80, 0, 10, 100 }, /* another address */
		{ true, 2, false, "0.0.0.0", "0.0.0.0", 80, 0, 10, 200 },
		{ true, 2, false, "0.0.0.0", "0.0.0.0", 80, 0, 10, 201 }, /* the same, inherited */
		{ true, 3, true, "0.0.0.0", "0.0.0.0", 80, 0, 10, 300 }, /* another namespace */
		{ true, 4, false, "10.0.0.1", "10.0.0.5", 80, 999, 1, 400 },
		{ true, 5, false, "0.0.0.0", "0.0.0.0", 81, 0, 10, 500 }, /* another port */
		{ false, 2, false, "0.0.0.0", "0.0.0.0", 80, 0, 10, 0 }, /* known from before */
		{ false, 6, false, "10.0.0.1", "10.0.0.6", 80, 998, 6,
		  0 }, /* TIME_WAIT: nobody's */
	};
	struct fact_request request = request_to("0.0.0.0", BIT(FACT_HOLDER));

	(void)state;
	TELL(sockets);
	request.tuple.remote_port = 0;
	parse("10.0.0.1", request.tuple.local);
	request.tuple.local_port = 80;
	fetch(&request, iterate);
	assert_int_equal(fact(FACT_HOLDER, 0)->pid, 200); /* who listens, first */
	assert_string_equal(fact(FACT_HOLDER, 0)->name, "holder");
	assert_int_equal(fact(FACT_HOLDER, 0)->number, 10);
	assert_int_equal(fact(FACT_HOLDER, 0)->port, 80);
	assert_int_equal(fact(FACT_HOLDER, 0)->flags, SOCKET_F_REUSEADDR << 8);
	assert_int_equal(fact(FACT_HOLDER, 1)->pid, 400);
	assert_int_equal(fact(FACT_HOLDER, 1)->limit, 999);
	assert_int_equal(fact(FACT_HOLDER, 2)->number, 6);
	assert_int_equal(fact(FACT_HOLDER, 2)->pid, 0);
	assert_null(fact(FACT_HOLDER, 3));

	request.tuple.local_port = 82;
	fetch(&request, iterate);
	assert_int_equal(fact(FACT_HOLDER, 0)->flags, FACT_F_ABSENT);
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_HOLDER, 0)->error, ENOTSUP);
}

static void who_listens_near(void **state)
{
	static const struct told_socket sockets[] = {
		{ true, 1, true, "0.0.0.0", "0.0.0.0", 80, 0, 10, 100 },
		{ true, 2, false, "127.0.0.1", "0.0.0.0", 80, 0, 10, 200 },
		{ true, 3, false, "10.77.0.2", "10.77.0.1", 80, 5, 1, 300 }, /* no listener */
		{ true, 4, false, "0.0.0.0", "0.0.0.0", 8080, 0, 10, 400 }, /* another port */
	};
	struct fact_request request = request_to("10.77.0.2", BIT(FACT_LISTENER));

	(void)state;
	TELL(sockets);
	fetch(&request, iterate);
	assert_int_equal(fact(FACT_LISTENER, 0)->pid, 200);
	assert_int_equal(heard.at[0].head.netns, inode);
	assert_int_equal(fact(FACT_LISTENER, 1)->pid, 100);
	assert_int_equal(heard.at[1].head.netns, 77); /* where it listens */
	assert_null(fact(FACT_LISTENER, 2));
}

static void what_uses_up_the_ports(void **state)
{
	static const struct told_socket sockets[] = {
		{ true, 1, false, "0.0.0.0", "0.0.0.0", 40001, 0, 7, 100 }, /* bound */
		{ true, 1, false, "0.0.0.0", "0.0.0.0", 40001, 0, 7, 101 }, /* and inherited */
		{ true, 2, false, "10.77.0.2", "10.77.0.1", 40002, 80, 1, 100 }, /* counted below */
		{ false, 2, false, "10.77.0.2", "10.77.0.1", 40002, 80, 1, 0 },
		{ false, 3, false, "10.77.0.2", "10.77.0.1", 40003, 80, 6, 0 },
		{ false, 4, false, "10.77.0.2", "10.77.0.1", 40004, 443, 6, 0 },
		{ false, 5, false, "10.77.0.2", "10.77.0.1", 40005, 443, 6, 0 },
		{ false, 6, false, "10.77.0.2", "10.77.0.1", 40006, 443, 6, 0 },
		{ false, 7, false, "10.77.0.2", "10.77.0.1", 39999, 80, 6, 0 }, /* out of range */
		{ false, 8, true, "10.77.0.2", "10.77.0.1", 40007, 80, 6, 0 }, /* elsewhere */
	};
	struct fact_request request = request_to("10.77.0.1", BIT(FACT_PORT_USE));

	(void)state;
	TELL(sockets);
	fetch(&request, iterate);
	assert_string_equal(fact(FACT_PORT_USE, 0)->name, "total");
	assert_int_equal(fact(FACT_PORT_USE, 0)->number, 6);
	assert_int_equal(fact(FACT_PORT_USE, 0)->limit, 10); /* 40000 to 40009 */
	assert_int_equal(fact_named(FACT_PORT_USE, "ESTABLISHED", "")->number, 1);
	assert_int_equal(fact_named(FACT_PORT_USE, "TIME_WAIT", "")->number, 4);
	assert_int_equal(fact_named(FACT_PORT_USE, "bound", "")->number, 1);
	/* The destination asked for first, then the greatest. */
	assert_string_equal(fact(FACT_PORT_USE, 4)->name, "destination");
	assert_int_equal(fact(FACT_PORT_USE, 4)->port, 80);
	assert_int_equal(fact(FACT_PORT_USE, 4)->number, 2);
	assert_int_equal(fact(FACT_PORT_USE, 5)->port, 443);
	assert_int_equal(fact(FACT_PORT_USE, 5)->number, 3);
	assert_null(fact(FACT_PORT_USE, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_holds_a_port),
		cmocka_unit_test(who_listens_near),
		cmocka_unit_test(what_uses_up_the_ports),
	};

	return cmocka_run_group_tests(tests, make_namespace, remove_namespace);
}
