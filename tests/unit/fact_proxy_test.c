// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_proxy_test.c - which proxy an environment names */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "collect/facts/fact_proxy.h"
#include "util/address.h"

static const __u8 v4[] = { ADDRESS_MAPPED_PREFIX, 10, 0, 0, 2 };
static const __u8 v6[EVENT_ADDRESS_SIZE] = { 0xfd, [15] = 2 };
static const __u8 loopback[] = { ADDRESS_MAPPED_PREFIX, 127, 0, 0, 1 };

/* Of a text of lines, with zeros in place of their ends; NULL: none. */
static const char *find(const char *lines, const __u8 *remote, __u16 port, const char *name,
			struct ev_fact *fact)
{
	char environment[512];
	size_t size = strlen(lines);

	assert_true(size < sizeof(environment));
	memcpy(environment, lines, size + 1);
	for (size_t i = 0; i < size; i++)
		if (environment[i] == '\n')
			environment[i] = '\0';
	memset(fact, 0, sizeof(*fact));
	return proxy_find(environment, size, remote, port, name, fact) ? fact->name : NULL;
}

static void an_address_and_a_port(void **state)
{
	struct ev_fact fact;

	(void)state;
	assert_string_equal(find("A=1\nhttp_proxy=http://10.0.0.2:3128\n", v4, 3128, NULL, &fact),
			    "http_proxy");
	assert_string_equal(fact.text, "http://10.0.0.2:3128");
	assert_string_equal(find("HTTPS_PROXY=10.0.0.2:3128/", v4, 3128, NULL, &fact),
			    "HTTPS_PROXY");
	assert_string_equal(find("all_proxy=socks5h://[fd00::2]:1080", v6, 1080, NULL, &fact),
			    "all_proxy");
	assert_string_equal(find("http_proxy=x://10.0.0.2:8\nHTTP_PROXY=10.0.0.2:8\n", v4, 8, NULL,
				 &fact),
			    "http_proxy HTTP_PROXY");
	assert_string_equal(fact.text, "x://10.0.0.2:8");
	/* without a port */
	assert_string_equal(find("http_proxy=http://10.0.0.2", v4, 80, NULL, &fact), "http_proxy");
	assert_string_equal(find("http_proxy=http://10.0.0.2/", v4, 1080, NULL, &fact),
			    "http_proxy");
}

static void a_name(void **state)
{
	struct ev_fact fact;

	(void)state;
	assert_string_equal(find("http_proxy=http://Proxy.corp:3128", v4, 3128, "proxy.corp",
				 &fact),
			    "http_proxy");
	assert_null(find("http_proxy=http://proxy.corp:3128", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://proxy.corp:3128", v4, 3128, "other.corp", &fact));
	assert_string_equal(find("http_proxy=localhost:3128", loopback, 3128, NULL, &fact),
			    "http_proxy");
	assert_null(find("http_proxy=localhost:3128", v4, 3128, NULL, &fact));
}

static void others_are_none(void **state)
{
	struct ev_fact fact;

	(void)state;
	assert_null(find("", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://10.0.0.2:3129", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://10.0.0.2", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://10.0.0.3:3128", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://[fd00::2:3128", v6, 3128, NULL, &fact));
	assert_null(
		find("no_proxy=10.0.0.2:3128\nmy_http_proxy=10.0.0.2:3128", v4, 3128, NULL, &fact));
	assert_null(find("http_proxy=http://10.0.0.2:68664", v4, 3128, NULL, &fact));
}

static void nobody_learns_the_password(void **state)
{
	struct ev_fact fact;

	(void)state;
	assert_non_null(
		find("http_proxy=http://jane:s@cret@10.0.0.2:3128/?key=7", v4, 3128, NULL, &fact));
	assert_string_equal(fact.text, "http://...@10.0.0.2:3128/");
	assert_non_null(find("http_proxy=token@10.0.0.2:3128", v4, 3128, NULL, &fact));
	assert_string_equal(fact.text, "...@10.0.0.2:3128");
	/* a password that is not written as RFC 3986 3.2.1 has it makes no address of its rest */
	assert_null(find("http_proxy=http://jane:a/b@10.0.0.2:3128", v4, 3128, NULL, &fact));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_and_a_port),
		cmocka_unit_test(a_name),
		cmocka_unit_test(others_are_none),
		cmocka_unit_test(nobody_learns_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
