// SPDX-License-Identifier: GPL-2.0-or-later
/* options_test.c - the command line, row by row */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/explain.h"
#include "agent/options/options.h"
#include "attach/attach.h"
#include "decode/decode.h"
#include "rules/rules.h"
#include "util/log.h"

#define WORDS_OF(...) ((char *[]){ "sockwhy", __VA_ARGS__, NULL })

static const struct command_row commands[COMMAND_COUNT] = {
	[COMMAND_WATCH] = { "watch", "", "", NULL },
	[COMMAND_RUN] = { "run", "", "", NULL },
	[COMMAND_READ] = { "read", "", "", NULL },
	[COMMAND_STATES] = { "states", "", "", NULL },
	[COMMAND_FLOWS] = { "flows", "", "", NULL },
	[COMMAND_TOP] = { "top", "", "", NULL },
	[COMMAND_COMPARE] = { "compare", "", "", NULL },
	[COMMAND_EXPLAIN] = { "explain", "", "", NULL },
	[COMMAND_DOCTOR] = { "doctor", "", "", NULL },
};

static int parse(struct options *options, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return options_parse(options, commands, argc, argv);
}

/* Parses and frees: for what must be refused. */
static int refuse(char **argv)
{
	struct options options;
	int err;

	err = parse(&options, argv);
	options_free(&options);
	return err;
}

static void test_defaults(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, (char *[]){ "sockwhy", NULL }), 0);
	assert_int_equal(options.command, COMMAND_WATCH);
	assert_false(options.command_given);
	assert_int_equal(options.severity, -1);
	assert_int_equal(options.fail_on, -1);
	assert_int_equal(options.color, COLOR_AUTO);
	assert_int_equal(options.packets, PACKETS_TC);
	assert_int_equal(options.ring_bytes, 4 << 20);
	assert_int_equal(options.connections_max, 65536);
	assert_int_equal(options.findings_max, 0);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(options.rest_count, 0);
	options_free(&options);
}

static void test_every_type(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options,
			       WORDS_OF("watch", "--json", "-vv", "-o", "out", "--mute", "a,b",
					"--mute=c", "--duration", "1.5m", "--severity=warning",
					"-c5", "--ring-size", "2M", "-f", "port 80", "-i", "eth0",
					"-i", "eth1", "-p12,13")),
			 0);
	assert_true(options.json);
	assert_int_equal(options.verbose, 2);
	assert_string_equal(options.output, "out");
	assert_int_equal(options.mutes.count, 3);
	assert_string_equal(options.mutes.at[1], "b");
	assert_string_equal(options.mutes.at[2], "c");
	assert_null(options.mutes.at[3]);
	assert_int_equal(options.duration_ns, 90 * 1000000000ull);
	assert_int_equal(options.severity, SEVERITY_WARNING);
	assert_int_equal(options.findings_max, 5);
	assert_int_equal(options.ring_bytes, 2 << 20);
	assert_string_equal(options.expression, "port 80");
	assert_int_equal(options.interfaces.count, 2);
	assert_int_equal(options.pids.count, 2);
	options_free(&options);
}

static void test_command_and_words(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(
		parse(&options, WORDS_OF("-q", "host", "10.0.0.1", "--json", "and", "tcp")), 0);
	assert_int_equal(options.command, COMMAND_WATCH);
	assert_int_equal(options.rest_count, 4);
	assert_string_equal(options.rest[3], "tcp");
	assert_true(options.json);
	options_free(&options);

	/* options before the command, and a filter that has a command's name in it */
	assert_int_equal(parse(&options, WORDS_OF("--utc", "read", "-v", "run", "-")), 0);
	assert_int_equal(options.command, COMMAND_READ);
	assert_int_equal(options.rest_count, 2);
	assert_string_equal(options.rest[1], "-");
	options_free(&options);
}

static void test_run_leaves_the_commands_words_alone(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, WORDS_OF("run", "-v", "--", "curl", "-v", "--json", "--")),
			 0);
	assert_int_equal(options.verbose, 1);
	assert_false(options.json);
	assert_int_equal(options.rest_count, 4);
	assert_string_equal(options.rest[1], "-v");
	assert_string_equal(options.rest[3], "--");
	options_free(&options);

	assert_int_equal(parse(&options, WORDS_OF("run", "-u", "app", "curl", "-q")), 0);
	assert_string_equal(options.user, "app");
	assert_int_equal(options.rest_count, 2);
	assert_false(options.quiet);
	options_free(&options);
}

static void test_file_means_read(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, WORDS_OF("-r", "rec")), 0);
	assert_int_equal(options.command, COMMAND_READ);
	assert_string_equal(options.file, "rec");
	options_free(&options);
}

static void test_refused(void **state)
{
	char **const lines[] = {
		WORDS_OF("--nonsense"),
		WORDS_OF("-Z"),
		WORDS_OF("-c"),
		WORDS_OF("-c", "0"),
		WORDS_OF("-c", "12x"),
		WORDS_OF("-c", "99999999999999999999"),
		WORDS_OF("--json=1"),
		WORDS_OF("--severity", "bad"),
		WORDS_OF("--duration", "5 s"),
		WORDS_OF("--ring-size", "1T"),
		WORDS_OF("--ring-size", "17179869184G"),
		WORDS_OF("read", "--record", "x"),
		WORDS_OF("--since", "5"),
		WORDS_OF("read", "--since", "never", "x"),
		WORDS_OF("read", "--since", "5", "--until", "4", "x"),
		WORDS_OF("explain", "--csv"),
		WORDS_OF("--json", "--text"),
		WORDS_OF("run", "-c", "1"),
		WORDS_OF("--set"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(refuse(lines[i]), -EINVAL);
}

static void test_too_many(void **state)
{
	char *argv[2 * (WORDS_MAX + 2) + 1];
	int argc = 0;

	(void)state;
	argv[argc++] = "sockwhy";
	for (int i = 0; i < WORDS_MAX + 1; i++) {
		argv[argc++] = "--comm";
		argv[argc++] = "x";
	}
	argv[argc] = NULL;
	assert_int_equal(refuse(argv), -EINVAL);
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		__u64 ns;
	} good[] = {
		{ "1", 1000000000ull },	     { "30s", 30000000000ull }, { "250ms", 250000000ull },
		{ "1.5s", 1500000000ull },   { "5m", 300000000000ull }, { "8h", 28800000000000ull },
		{ "1d", 86400000000000ull },
	};
	static const char *const bad[] = { "",	   "s",	  "-1",	 "1x",	  "1 s",  "0",
					   "1e9d", "nan", "inf", "0x10z", "0.1ms" };
	__u64 ns;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_time(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_time(bad[i], &ns), -EINVAL);
}

/* RFC 3339 5.8 has most of the good ones; what no calendar has is refused. */
static void test_whens(void **state)
{
	static const struct {
		const char *text;
		bool relative;
		__u64 ns;
	} good[] = {
		{ "1985-04-12T23:20:50.52Z", false, 482196050520000000ull },
		{ "1996-12-19T16:39:57-08:00", false, 851042397000000000ull },
		{ "2026-11-20 10:31:07Z", false, 1795170667000000000ull },
		{ "2026-11-20t10:31:07.1234567891z", false, 1795170667123456789ull },
		{ "2024-02-29T00:00:00+00:00", false, 1709164800000000000ull },
		{ "1970-01-01T05:30:00+05:30", false, 0 },
		{ "0", true, 0 },
		{ "0.0001", true, 100000 },
		{ "1.5", true, 1500000000 },
		{ "90s", true, 90000000000ull },
		{ "2h", true, 7200000000000ull },
	};
	static const char *const bad[] = {
		"",
		"now",
		"-1",
		"1e30",
		"2023-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-11-20",
		"2026-11-20T10:31Z",
		"2026-11-20T10:61:07Z",
		"2026-11-20T24:31:07Z",
		"2026-11-20T10:31:07+2:00x",
		"2026-11-20T10:31:07 Z",
		"2026-11-20T10:31:07+25:00",
		"1969-12-31T23:59:59Z",
		"2262-12-31T23:59:59Z",
		"9999-12-31T23:59:59Z",
		"1970-01-01T00:00:00+01:00",
	};
	struct when when;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_when(good[i].text, &when), 0);
		assert_true(when.given);
		assert_int_equal(when.relative, good[i].relative);
		assert_int_equal(when.ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_when(bad[i], &when), -EINVAL);
}

static const char *word_at(void *ctx, size_t index)
{
	return ((const char *const *)ctx)[index];
}

static void test_nearest(void **state)
{
	const char *words[] = { "connect-refused", "connect-reset", "local-no-route", NULL };

	(void)state;
	assert_string_equal(options_nearest("conect-refused", word_at, words), "connect-refused");
	assert_string_equal(options_nearest("local", word_at, words), "local-no-route");
	assert_string_equal(options_nearest("local-noroute", word_at, words), "local-no-route");
	assert_null(options_nearest("zzz", word_at, words));
}

/* what explain says of an errno names findings that exist */
static void test_errnos_name_findings(void **state)
{
	const struct explain_errno *row;
	size_t i;

	(void)state;
	for (i = 0; (row = explain_errno_row(i)); i++) {
		assert_non_null(decode_errno_name(row->error));
		assert_non_null(row->findings[0]);
		for (size_t k = 0; row->findings[k]; k++)
			assert_non_null(rules_find(row->findings[k]));
	}
	assert_true(i > 5);
	for (i = 0; explain_lookup_row(i); i++)
		for (size_t k = 0; explain_lookup_row(i)->findings[k]; k++)
			assert_non_null(rules_find(explain_lookup_row(i)->findings[k]));
	assert_true(i > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_command_and_words),
		cmocka_unit_test(test_run_leaves_the_commands_words_alone),
		cmocka_unit_test(test_file_means_read),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_whens),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_errnos_name_findings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
