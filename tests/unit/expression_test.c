// SPDX-License-Identifier: GPL-2.0-or-later
/* expression_test.c - pcap-filter expressions over a connection */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/options/expression.h"
#include "util/address.h"

static struct event_tuple tuple_of(const char *local, __u16 local_port, const char *remote,
				   __u16 remote_port)
{
	struct event_tuple tuple = { .local_port = local_port,
				     .remote_port = remote_port,
				     .protocol = IPPROTO_TCP };
	__u8 bytes[16];

	if (inet_pton(AF_INET, local, bytes) == 1)
		address_from_ipv4(tuple.local, bytes);
	else if (inet_pton(AF_INET6, local, bytes) == 1)
		address_from_ipv6(tuple.local, bytes);
	if (inet_pton(AF_INET, remote, bytes) == 1)
		address_from_ipv4(tuple.remote, bytes);
	else if (inet_pton(AF_INET6, remote, bytes) == 1)
		address_from_ipv6(tuple.remote, bytes);
	return tuple;
}

static bool matches(const char *text, const struct event_tuple *tuple)
{
	struct expression *expression;
	bool match;

	assert_int_equal(expression_new(&expression, text, NULL), 0);
	match = expression_match(expression, tuple);
	expression_free(expression);
	return match;
}

static void test_ipv4(void **state)
{
	struct event_tuple tuple = tuple_of("10.0.0.1", 45678, "10.0.0.2", 443);

	(void)state;
	assert_true(matches("host 10.0.0.2", &tuple));
	assert_true(matches("src host 10.0.0.2", &tuple)); /* its answers have */
	assert_true(matches("dst host 10.0.0.2 and dst port 443", &tuple));
	assert_true(matches("src host 10.0.0.1 and dst port 443", &tuple));
	assert_false(matches("src host 10.0.0.1 and src port 443", &tuple));
	assert_true(matches("tcp port 443", &tuple));
	assert_true(matches("port https", &tuple)); /* /etc/services, no name service */
	assert_true(matches("portrange 400-500", &tuple));
	assert_true(matches("net 10.0.0.0/8 and not host 10.0.0.3", &tuple));
	assert_true(matches("ip and tcp", &tuple));
	assert_false(matches("udp", &tuple));
	assert_false(matches("ip6", &tuple));
	assert_false(matches("port 44", &tuple));
	assert_true(matches("", &tuple));
}

static void test_ipv6(void **state)
{
	struct event_tuple tuple = tuple_of("fd00::1", 45678, "fd00::2", 443);

	(void)state;
	assert_true(matches("host fd00::2 and port 443", &tuple));
	assert_true(matches("ip6 net fd00::/64", &tuple));
	assert_false(matches("ip", &tuple));
	assert_false(matches("host fd00::3", &tuple));
}

/* ports that are not chosen yet, a socket bound to no address */
static void test_half_known(void **state)
{
	struct event_tuple tuple = tuple_of("0.0.0.0", 0, "10.0.0.2", 443);

	(void)state;
	assert_true(matches("host 10.0.0.2 and port 443", &tuple));
	tuple = tuple_of("10.0.0.1", 80, "", 0);
	assert_true(matches("port 80", &tuple));
	assert_true(matches("host 10.0.0.1", &tuple));
	assert_false(matches("host 10.0.0.2", &tuple));
}

static void test_none_matches_all(void **state)
{
	struct event_tuple tuple = tuple_of("10.0.0.1", 1, "10.0.0.2", 2);

	(void)state;
	assert_true(expression_match(NULL, &tuple));
}

static void test_refused(void **state)
{
	static const char *const refused[] = {
		"host localhost",
		"net loopback",
		"port no-such-service",
		"ether src 0:0:0:0:0:0",
		"tcp[tcpflags] & tcp-syn != 0",
		"ip[0] & 0xf != 5",
		"len < 4",
		"vlan",
		"inbound",
		"host",
		"and",
		"port 70000",
		"host 10.0.0.1 or (port 80",
		"ip proto nonsense",
	};
	struct expression *expression;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(expression_new(&expression, refused[i], NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),	   cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_half_known), cmocka_unit_test(test_none_matches_all),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
