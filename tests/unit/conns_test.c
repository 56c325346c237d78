// SPDX-License-Identifier: GPL-2.0-or-later
/* conns_test.c - two ends of a connection on this host find each other, and no third */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "join/conn/conn.h"
#include "util/address.h"

enum { ROOM = 16, SERVER_PORT = 8080, CLIENT_PORT = 45678 };

struct script {
	struct conns *conns;
	__u8 client[EVENT_ADDRESS_SIZE];
	__u8 server[EVENT_ADDRESS_SIZE];
};

static struct script *begin(void)
{
	struct script *script = calloc(1, sizeof(*script));

	assert_non_null(script);
	assert_int_equal(conns_new(&script->conns, ROOM, 0, NULL), 0);
	return script;
}

static int begin_ipv4(void **state)
{
	struct script *script = begin();

	address_from_ipv4(script->client, "\x0a\x00\x00\x01");
	address_from_ipv4(script->server, "\x0a\x00\x00\x02");
	*state = script;
	return 0;
}

static int begin_ipv6(void **state)
{
	struct script *script = begin();

	address_from_ipv6(script->client, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	address_from_ipv6(script->server, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2");
	*state = script;
	return 0;
}

static int end(void **state)
{
	struct script *script = *state;

	conns_free(script->conns);
	free(script);
	return 0;
}

static struct ends of_client(const struct script *script)
{
	return ends_of(script->client, CLIENT_PORT, script->server, SERVER_PORT);
}

static struct ends of_server(const struct script *script)
{
	return ends_of(script->server, SERVER_PORT, script->client, CLIENT_PORT);
}

static struct conn *add(struct script *script, struct ends ends)
{
	struct conn *conn = conns_add(script->conns);

	assert_non_null(conn);
	conns_set_ends(script->conns, conn, &ends);
	return conn;
}

static struct conn *mirror(struct script *script, struct conn *conn, struct ends ends)
{
	return conns_mirror(script->conns, conn, &ends);
}

static void two_ends_are_mirrors_of_each_other(void **state)
{
	struct script *script = *state;
	struct conn *client = add(script, of_client(script));
	struct conn *server =
		conns_add(script->conns); /* accepted: nobody found it by its ends yet */

	assert_null(mirror(script, client, of_client(script)));
	assert_ptr_equal(mirror(script, server, of_server(script)), client);
	assert_ptr_equal(mirror(script, client, of_client(script)), server);
	/* of one that had to leave the other end is known, and is not taken for it for good */
	conns_remove(script->conns, server);
	assert_null(client->mirror);
	assert_ptr_equal(mirror(script, NULL, of_server(script)), client);
	assert_null(client->mirror);
}

static void ports_used_again_make_no_mirror(void **state)
{
	struct script *script = *state;
	struct conn *client = add(script, of_client(script));
	struct conn *server = add(script, of_server(script));
	struct conn *later;

	assert_ptr_equal(mirror(script, server, of_server(script)), client);
	later = add(script, of_client(script));
	assert_null(mirror(script, later, of_client(script))); /* that server's client is known */
	assert_ptr_equal(mirror(script, server, of_server(script)), client);
	server = conns_add(script->conns);
	assert_ptr_equal(mirror(script, server, of_server(script)), later);
}

static void another_host_has_no_mirror(void **state)
{
	struct script *script = *state;
	struct conn *client = add(script, of_client(script));
	struct conn *same = add(script, of_client(script)); /* in another namespace, maybe */
	struct ends ends = of_client(script);

	assert_null(mirror(script, client, of_client(script)));
	assert_null(mirror(script, same, of_client(script)));
	/* an alias that NAT gave: it is found by that, too */
	conns_unlink(script->conns, same);
	conns_unlink(script->conns, client);
	conns_set_alias(script->conns, client, &ends);
	assert_ptr_equal(mirror(script, conns_add(script->conns), of_server(script)), client);
}

#define BOTH(name)                                              \
	cmocka_unit_test_setup_teardown(name, begin_ipv4, end), \
		cmocka_unit_test_setup_teardown(name, begin_ipv6, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(two_ends_are_mirrors_of_each_other),
		BOTH(ports_used_again_make_no_mirror),
		BOTH(another_host_has_no_mirror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
