// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_test.c - addresses, names and text masked: the same by the same, nothing left */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mask_fixture.h"
#include "util/mask_key.h"

static unsigned int common_bits(const __u8 *a, const __u8 *b)
{
	unsigned int n = 0;

	while (n < 128 && !((a[n / 8] ^ b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

/* The hash is SipHash-2-4: the vector of its authors' paper, appendix A. */
static void the_hash_is_what_it_says(void **state)
{
	__u8 key_bytes[16], message[15];
	__u64 key[2];

	(void)state;
	for (__u8 i = 0; i < 16; i++)
		key_bytes[i] = i;
	for (__u8 i = 0; i < 15; i++)
		message[i] = i;
	memcpy(key, key_bytes, sizeof(key));
	assert_true(mask_hash(key, message, sizeof(message)) == 0xa129ca6149be45e5ull);
}

static void prefixes_are_kept(void **state)
{
	static const char *const addresses[] = {
		"10.1.2.3",    "10.1.2.4",	"10.1.3.3",	  "10.200.0.1",	 "192.168.1.1",
		"192.168.1.9", "172.16.4.4",	"172.31.255.255", "100.64.3.3",	 "169.254.7.7",
		"fe80::1",     "fe80::1:2:3",	"fd00:1:2::3",	  "fd00:1:2::4", "2001:db8::1",
		"2001:db8::2", "2001:db8:1::1",
	};
	struct mask *mask = *state;
	__u8 a[16], b[16], masked_a[16], masked_b[16];

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		for (size_t k = 0; k < ARRAY_SIZE(addresses); k++) {
			parse_address(addresses[i], a);
			parse_address(addresses[k], b);
			mask_address(mask, a, masked_a);
			mask_address(mask, b, masked_b);
			assert_int_equal(common_bits(a, b), common_bits(masked_a, masked_b));
		}
}

static void what_an_address_is_for_is_kept(void **state)
{
	static const char *const same[] = { "0.0.0.0",	 "127.0.0.1",	    "127.3.4.5",
					    "224.0.0.1", "255.255.255.255", "::",
					    "::1",	 "ff02::1" };
	struct mask *mask = *state;
	__u8 address[16], masked[16];

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		parse_address(same[i], address);
		mask_address(mask, address, masked);
		assert_address(masked, same[i]);
	}
	for (__u32 i = 0; i < 3000; i++) {
		__u32 number = htonl(i * 1431655765u);
		bool is_private;

		address_from_ipv4(address, &number);
		mask_address(mask, address, masked);
		is_private = address[12] == 10 || (address[12] == 192 && address[13] == 168) ||
			     (address[12] == 172 && address[13] >> 4 == 1);
		assert_int_equal(is_private, masked[12] == 10 ||
						     (masked[12] == 192 && masked[13] == 168) ||
						     (masked[12] == 172 && masked[13] >> 4 == 1));
		assert_int_equal(address_is_loopback(address), address_is_loopback(masked));
		assert_int_equal(address_is_link_local(address), address_is_link_local(masked));
		assert_int_equal(address[12] >= 224, masked[12] >= 224);
	}
}

/* One to one: 4096 neighbours have 4096 masks. */
static void no_two_become_one(void **state)
{
	struct mask *mask = *state;
	static bool seen[4096];
	__u8 address[16], masked[16];

	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < 4096; i++) {
		__u8 four[4] = { 172, 16, (__u8)(i >> 8), (__u8)i };
		unsigned int low;

		address_from_ipv4(address, four);
		mask_address(mask, address, masked);
		low = (masked[14] & 15u) << 8 | masked[15];
		assert_false(seen[low]);
		seen[low] = true;
	}
}

/* Two runs cannot be laid side by side. */
static void every_mask_is_another(void **state)
{
	struct mask *other;
	__u8 address[16], one[16], two[16];

	assert_int_equal(mask_new(&other), 0);
	parse_address("2001:db8:1234:5678:9abc:def0:1234:5678", address);
	mask_address(*state, address, one);
	mask_address(other, address, two);
	assert_memory_not_equal(one, two, 16);
	assert_memory_not_equal(one, address, 16);
	mask_free(other);
}

static void names(void **state)
{
	struct mask *mask = *state;
	char one[64] = "", two[64] = "", three[64] = "";

	mask_name(mask, "db.internal", 11, one);
	assert_int_equal(strlen(one), 11);
	assert_int_equal(one[2], '.');
	assert_string_not_equal(one, "db.internal");
	mask_name(mask, "DB.Internal", 11, two);
	assert_string_equal(one, two);
	mask_name(mask, "web.internal", 12, three);
	assert_string_equal(one + 2, three + 3);
	mask_name(mask, "", 0, one);
}

static const char *masked_text(struct mask *mask, const char *text)
{
	static char out[2048];

	out[mask_text(mask, text, strlen(text), false, out, sizeof(out))] = 0;
	return out;
}

static const char *masked_one(struct mask *mask, const char *printed)
{
	static char out[64];
	struct text text = text_of(out);
	__u8 address[16];

	parse_address(printed, address);
	mask_address(mask, address, address);
	address_print(&text, address);
	return out;
}

/* Wherever an address may stand in what is told, it is found; what only looks like one is left. */
static void addresses_in_text(void **state)
{
	static const char *const frames[] = {
		"%s",	 "%s:45678", "to %s.",	      "\"address\":\"%s\",",	"(%s)",
		"x=%s;", "%s, then", "%s: no answer", "dev e0 src %s metric 5", "[%s]:80",
		"-%s-",	 "via:%s",
	};
	static const char *const addresses[] = { "10.0.0.1", "203.0.113.255", "2001:db8::1",
						 "fe80::42:acff:fe11:2" };
	struct mask *mask = *state;
	char text[200], wanted[200];

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		for (size_t k = 0; k < ARRAY_SIZE(addresses); k++) {
			if (k > 1 && strstr(frames[i], "%s:4"))
				continue; /* is not written so: the port would be the address's */
			snprintf(text, sizeof(text), frames[i], addresses[k]);
			snprintf(wanted, sizeof(wanted), frames[i], masked_one(mask, addresses[k]));
			assert_string_equal(masked_text(mask, text), wanted);
		}
}

static void no_addresses_in_text(void **state)
{
	static const char *const texts[] = {
		"2026-11-20T10:31:07.412345678Z",
		"10:31:07.412",
		"6.18.5",
		"0.33 ms",
		"net.core.somaxconn=128",
		"10.0.0.1.5 1.2.3",
		"300.1.1.1",
		"dead:beef",
		"1.2.3.4567",
		"a::b::c",
		"::",
		"connect-refused",
		"\"community_id\":\"1:TwYS7HEnG4cdmVRSUgYQ9ZnI/cs=\"",
		"",
		"d26d5538d57fe7d6",
		"5a275539-e01d-9015-8f7d-c9e939d0a393",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_string_equal(masked_text(*state, texts[i]), texts[i]);
}

static void networks_stay_networks(void **state)
{
	const char *masked = masked_text(*state, "10.20.0.0/16 via 10.20.0.1 fd00:1::/32 dev e0");
	unsigned int a, b, c, d, bits;

	assert_int_equal(sscanf(masked, "10.%u.%u.%u/%u via 10.%u", &b, &c, &d, &bits, &a), 5);
	assert_int_equal(c | d, 0);
	assert_int_equal(bits, 16);
	assert_int_equal(a, b);
	assert_non_null(strstr(masked, "::/32 dev e0"));
}

static void link_addresses_and_names_in_text(void **state)
{
	struct mask *mask = *state;
	char name[32] = "";
	const char *masked = masked_text(mask, "link 52:54:00:12:34:56 up");

	assert_null(strstr(masked, "12:34:56"));
	assert_int_equal(strlen(masked), 25);
	assert_string_equal(masked_text(mask, "db.internal"), "db.internal");
	mask_learn_name(mask, "db.internal.", 12);
	mask_learn_name(mask, "db.internal", 11);
	mask_name(mask, "db.internal", 11, name);
	assert_string_equal(masked_text(mask, "db.internal"), name);
	masked = masked_text(mask, "at DB.internal: (db.internal) xdb.internal db.internals");
	assert_int_equal(strncmp(masked + 3, name, 11), 0);
	assert_int_equal(strncmp(masked + 17, name, 11), 0);
	assert_non_null(strstr(masked, "xdb.internal db.internals"));
}

/* However many names came after it. */
static void the_first_name_is_not_forgotten(void **state)
{
	struct mask *mask = *state;
	char name[32];

	mask_learn_name(mask, "first.internal", 14);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d.www.example", i);
		mask_learn_name(mask, name, strlen(name));
	}
	assert_null(strstr(masked_text(mask, "ask First.internal, twice"), "irst"));
	assert_null(strstr(masked_text(mask, "n4999.www.example."), "www"));
	assert_false(mask_is_full(mask));
}

static void a_mask_that_cannot_know_all_says_so(void **state)
{
	struct mask *mask = *state;
	char name[32];

	for (int i = 0; i <= MASK_NAMES_MAX; i++) {
		assert_false(mask_is_full(mask));
		snprintf(name, sizeof(name), "n%d", i + 1000000);
		mask_learn_name(mask, name, strlen(name));
	}
	assert_true(mask_is_full(mask));
}

static void keys_of_json_stay(void **state)
{
	const char *line = "{\"finding\":\"finding\",\"n\":\"x finding\"}";
	char out[64];

	mask_learn_name(*state, "finding", 7);
	out[mask_text(*state, line, strlen(line), true, out, sizeof(out))] = 0;
	assert_int_equal(strlen(out), strlen(line));
	assert_int_equal(strncmp(out, line, 12), 0);
	assert_null(strstr(out + 12, "finding"));
}

static void paths_and_units(void **state)
{
	char path[] = "/srv/jane/bin/curl", unit[] = "payroll-api@7.service",
	     cgroup[] = "/system.slice/payroll.service";

	mask_path(*state, path, sizeof(path));
	assert_int_equal(strncmp(path, "/srv/", 5), 0);
	assert_string_equal(path + 9, "/bin/curl");
	assert_null(strstr(path, "jane"));
	mask_unit(*state, unit, sizeof(unit));
	assert_string_equal(unit + 13, ".service");
	assert_null(strstr(unit, "payroll"));
	mask_unit(*state, cgroup, sizeof(cgroup));
	assert_int_equal(strncmp(cgroup, "/system.slice/", 14), 0);
	assert_null(strstr(cgroup, "payroll"));
	assert_string_equal(cgroup + 21, ".service");
}

/* What does not fit is left out, never written past. */
static void text_without_room(void **state)
{
	char out[8];

	assert_int_equal(mask_text(*state, "10.0.0.1 10.0.0.1", 17, false, out, sizeof(out)), 7);
	assert_int_equal(out[7], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_mask, free_mask)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_what_it_says),
		TEST(prefixes_are_kept),
		TEST(what_an_address_is_for_is_kept),
		TEST(no_two_become_one),
		TEST(every_mask_is_another),
		TEST(names),
		TEST(addresses_in_text),
		TEST(no_addresses_in_text),
		TEST(networks_stay_networks),
		TEST(link_addresses_and_names_in_text),
		TEST(the_first_name_is_not_forgotten),
		TEST(a_mask_that_cannot_know_all_says_so),
		TEST(keys_of_json_stay),
		TEST(paths_and_units),
		TEST(text_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
