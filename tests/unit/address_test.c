// SPDX-License-Identifier: GPL-2.0-or-later
/* address_test.c - the one address type */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <string.h>

#include <cmocka.h>

#include "util/address.h"
#include "util/array.h"

static void parse(const char *printed, __u8 *address)
{
	__u8 bytes[16];

	if (strchr(printed, ':')) {
		assert_int_equal(inet_pton(AF_INET6, printed, bytes), 1);
		address_from_ipv6(address, bytes);
	} else {
		assert_int_equal(inet_pton(AF_INET, printed, bytes), 1);
		address_from_ipv4(address, bytes);
	}
}

static void kinds_of_addresses(void **state)
{
	static const struct {
		const char *printed;
		bool ipv4, any, loopback, link_local;
	} cases[] = {
		{ "0.0.0.0", true, true, false, false },
		{ "10.0.0.1", true, false, false, false },
		{ "127.0.0.1", true, false, true, false },
		{ "127.255.255.254", true, false, true, false },
		{ "128.0.0.1", true, false, false, false },
		{ "126.255.255.255", true, false, false, false },
		{ "169.254.1.1", true, false, false, true },
		{ "169.253.1.1", true, false, false, false },
		{ "255.255.255.255", true, false, false, false },
		{ "::", false, true, false, false },
		{ "::1", false, false, true, false },
		{ "::2", false, false, false, false },
		{ "1::1", false, false, false, false },
		{ "fe80::1", false, false, false, true },
		{ "febf::1", false, false, false, true },
		{ "fec0::1", false, false, false, false },
		{ "2001:db8::1", false, false, false, false },
		/* mapped is IPv4, compatible (RFC 4291 2.5.5.1) is not */
		{ "::ffff:127.0.0.1", true, false, true, false },
		{ "::ffff:0.0.0.0", true, true, false, false },
		{ "::127.0.0.1", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u8 address[EVENT_ADDRESS_SIZE];

		parse(cases[i].printed, address);
		assert_int_equal(address_is_ipv4(address), cases[i].ipv4);
		assert_int_equal(address_is_any(address), cases[i].any);
		assert_int_equal(address_is_loopback(address), cases[i].loopback);
		assert_int_equal(address_is_link_local(address), cases[i].link_local);
	}
}

static void print_with_port(void **state)
{
	static const struct {
		const char *in;
		unsigned int port;
		const char *out;
	} cases[] = {
		{ "10.0.0.1", 80, "10.0.0.1:80" },
		{ "10.0.0.1", 0, "10.0.0.1" },
		{ "0.0.0.0", 65535, "0.0.0.0:65535" },
		{ "fe80::1", 80, "[fe80::1]:80" },
		{ "fe80::1", 0, "fe80::1" },
		{ "::", 53, "[::]:53" },
		{ "::ffff:10.1.2.3", 443, "10.1.2.3:443" },
		{ "2001:db8:0:0::1", 1, "[2001:db8::1]:1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u8 address[EVENT_ADDRESS_SIZE];
		char buffer[64];
		struct text text = text_of(buffer);

		parse(cases[i].in, address);
		address_print_port(&text, address, (__u16)cases[i].port);
		assert_string_equal(text.at, cases[i].out);
	}
}

static void global_addresses(void **state)
{
	static const char *const global[] = { "1.1.1.1",    "9.255.255.255",  "11.0.0.1",
					      "100.63.0.1", "100.128.0.1",    "172.15.0.1",
					      "172.32.0.1", "192.167.0.1",    "198.17.0.1",
					      "198.20.0.1", "223.255.255.1",  "2001:db7::1",
					      "2600::1",    "2a00:1450::200e" };
	static const char *const special[] = {
		"0.0.0.0",	"10.255.0.1", "100.64.0.1",	 "100.127.0.1", "127.0.0.1",
		"169.254.0.1",	"172.16.0.1", "172.31.255.1",	 "192.168.1.1", "198.18.0.1",
		"198.19.255.1", "224.0.0.1",  "255.255.255.255", "::1",		"2001:db8::1",
		"fc00::1",	"fdff::1",    "fe80::1",	 "ff02::1"
	};
	__u8 address[EVENT_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(global); i++) {
		parse(global[i], address);
		assert_true(address_is_global(address));
	}
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		parse(special[i], address);
		assert_false(address_is_global(address));
	}
}

static void equal_by_all_bytes(void **state)
{
	__u8 a[EVENT_ADDRESS_SIZE], b[EVENT_ADDRESS_SIZE];

	(void)state;
	parse("10.0.0.1", a);
	parse("::ffff:10.0.0.1", b);
	assert_true(address_equal(a, b));
	for (size_t i = 0; i < sizeof(b); i++) {
		b[i] ^= 1;
		assert_false(address_equal(a, b));
		b[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_addresses),
		cmocka_unit_test(print_with_port),
		cmocka_unit_test(global_addresses),
		cmocka_unit_test(equal_by_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
