// SPDX-License-Identifier: GPL-2.0-or-later
/* json_test.c - escaping, lines that stay under 16 KiB, Community ID */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "join/join.h"
#include "rules/rules.h"
#include "sinks/community.h"
#include "sinks/json_write.h"
#include "sinks/sinks.h"
#include "util/address.h"
#include "util/array.h"

static void test_escapes(void **state)
{
	static const struct {
		const char *text;
		const char *json;
	} rows[] = {
		{ "plain", "\"plain\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\n\t\r\b\x01\x1f\x7f", "\"\\n\\t\\r\\u0008\\u0001\\u001f\\u007f\"" },
		{ "→ ü 𝄞", "\"→ ü 𝄞\"" },
		/* not UTF-8: alone, overlong, surrogate, beyond the last, cut */
		{ "a\xff"
		  "b",
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x86", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "", "\"\"" },
	};
	char buffer[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json json = json_in(buffer, sizeof(buffer));

		json_string(&json, rows[i].text);
		assert_false(json.cut);
		assert_string_equal(buffer, rows[i].json);
	}
}

static void test_structure(void **state)
{
	char buffer[256];
	struct json json = json_in(buffer, sizeof(buffer));

	(void)state;
	json_open(&json, '{');
	json_pair(&json, "a", "x");
	json_pair(&json, "absent", "");
	json_pair(&json, "absent", NULL);
	json_key(&json, "list");
	json_open(&json, '[');
	json_number(&json, -5);
	json_unsigned(&json, UINT64_MAX);
	json_bool(&json, true);
	json_open(&json, '{');
	json_close(&json, '}');
	json_close(&json, ']');
	json_pair_of(&json, "cut", "four more", 4);
	json_close(&json, '}');
	assert_string_equal(
		buffer,
		"{\"a\":\"x\",\"list\":[-5,18446744073709551615,true,{}],\"cut\":\"four\"}");
}

static void test_no_room(void **state)
{
	char buffer[16];
	struct json json = json_in(buffer, sizeof(buffer));

	(void)state;
	json_string(&json, "more than fits into it");
	assert_true(json.cut);
	assert_int_equal(strlen(buffer) < sizeof(buffer), 1);
}

/* RFC 3174 7.3, and the lengths around a block's end */
static void test_sha1(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} rows[] = {
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		__u8 digest[20];
		char hex[41];

		community_sha1((const __u8 *)rows[i].text, strlen(rows[i].text), digest);
		for (int k = 0; k < 20; k++)
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(hex, rows[i].hex);
	}
}

/* Vectors of the specification's own baseline (github.com/corelight/community-id-spec). */
static void test_community_id(void **state)
{
	static const struct {
		const char *a, *b;
		__u16 a_port, b_port;
		__u16 protocol;
		const char *id;
	} rows[] = {
		{ "128.232.110.120", "66.35.250.204", 34855, 80, IPPROTO_TCP,
		  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ "192.168.1.52", "8.8.8.8", 54585, 53, IPPROTO_UDP,
		  "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
		{ "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
		  IPPROTO_TCP, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int turned = 0; turned < 2; turned++) {
			const char *ends[2] = { rows[i].a, rows[i].b };
			struct event_tuple tuple = { .protocol = rows[i].protocol };
			char printed[48];
			struct text text = text_of(printed);
			__u8 *sides[2] = { turned ? tuple.remote : tuple.local,
					   turned ? tuple.local : tuple.remote };

			tuple.local_port = turned ? rows[i].b_port : rows[i].a_port;
			tuple.remote_port = turned ? rows[i].a_port : rows[i].b_port;
			for (int side = 0; side < 2; side++) {
				__u8 bytes[16];

				if (inet_pton(AF_INET, ends[side], bytes) == 1)
					address_from_ipv4(sides[side], bytes);
				else if (inet_pton(AF_INET6, ends[side], bytes) == 1)
					address_from_ipv6(sides[side], bytes);
			}
			community_print(&text, &tuple);
			assert_string_equal(printed, rows[i].id);
		}
	}
}

/* A finding whose every text is as long and as hostile as it can be. */
static void fill_hostile(struct finding *finding, char fill)
{
	memset(finding, 0, sizeof(*finding));
	finding->rule = rules_row(0);
	finding->count = finding->total = 1;
	memset(finding->summary, fill, sizeof(finding->summary) - 1);
	memset(finding->cause, fill, sizeof(finding->cause) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(finding->checks); i++) {
		strcpy(finding->checks[i].on, "local");
		memset(finding->checks[i].run, fill, sizeof(finding->checks[i].run) - 1);
		memset(finding->checks[i].why, fill, sizeof(finding->checks[i].why) - 1);
	}
	finding->checks_count = ARRAY_SIZE(finding->checks);
	finding->owner_known = true;
	memset(finding->owner.comm, fill, sizeof(finding->owner.comm));
	memset(finding->owner.leader, fill, sizeof(finding->owner.leader));
	memset(finding->process.exe, fill, sizeof(finding->process.exe));
	memset(finding->process.unit, fill, sizeof(finding->process.unit));
	memset(finding->process.container, fill, sizeof(finding->process.container));
	memset(finding->process.cgroup, fill, sizeof(finding->process.cgroup));
	for (size_t i = 0; i < ARRAY_SIZE(finding->related); i++) {
		strcpy(finding->related[i].role, "holder");
		finding->related[i].owner_known = true;
		memset(finding->related[i].exe, fill, sizeof(finding->related[i].exe));
	}
	finding->related_count = ARRAY_SIZE(finding->related);
	for (size_t i = 0; i < ARRAY_SIZE(finding->facts); i++) {
		finding->facts[i].what = FACT_SYSCTL;
		memset(finding->facts[i].name, fill, sizeof(finding->facts[i].name));
		memset(finding->facts[i].text, fill, sizeof(finding->facts[i].text));
	}
	finding->facts_count = ARRAY_SIZE(finding->facts);
	for (size_t i = 0; i < JOIN_EVIDENCE_MAX; i++)
		finding->evidence[i] = (struct evidence){ .kind = EVENT_STATE,
							  .old_state = 2,
							  .new_state = 7,
							  .error = 111,
							  .ts_ns = 1000 * i };
	finding->evidence_count = JOIN_EVIDENCE_MAX;
	finding->evidence_omitted = 5;
}

static void check_line(const struct finding *finding, const struct join *join, size_t least,
		       size_t most)
{
	char *line = NULL, *omitted;
	size_t size;
	FILE *file = open_memstream(&line, &size);
	struct sink_options options = { .ops = &sink_json_ops, .file = file };
	struct sink *sink;

	assert_int_equal(sink_open(&sink, &options), 0);
	assert_int_equal(sink_finding(sink, join, finding), 0);
	assert_int_equal(sink_close(sink), 0);
	fclose(file);
	assert_in_range(size, 100, 16384);
	assert_int_equal(line[size - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + size - 1);
	assert_int_equal(line[size - 2], '}');
	omitted = strstr(line, "\"omitted\":");
	assert_non_null(omitted);
	assert_in_range(strtoul(omitted + 10, NULL, 10), least, most);
	free(line);
}

static void test_line_fits(void **state)
{
	static struct finding finding;
	struct join *join;

	(void)state;
	assert_int_equal(join_new(&join, &join_limits_default), 0);
	/* five were left out before; of control characters, six bytes each, little has room */
	fill_hostile(&finding, 'x');
	check_line(&finding, join, 5, 48);
	fill_hostile(&finding, '\x01');
	check_line(&finding, join, 6, 49);
	fill_hostile(&finding, '\xff');
	check_line(&finding, join, 6, 49);
	fill_hostile(&finding, 'x');
	finding.facts_count = 0;
	finding.related_count = 0;
	check_line(&finding, join, 5, 5);
	join_free(join);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),	     cmocka_unit_test(test_structure),
		cmocka_unit_test(test_no_room),	     cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_community_id), cmocka_unit_test(test_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
