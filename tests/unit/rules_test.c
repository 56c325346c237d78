// SPDX-License-Identifier: GPL-2.0-or-later
/* rules_test.c - the table of findings, thresholds and texts that hold for every rule */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/words.h"
#include "util/array.h"

static void test_table_is_sound(void **state)
{
	const struct rule *rule;
	size_t count = 0;

	(void)state;
	for (; (rule = rules_row(count)); count++) {
		assert_ptr_equal(rules_find(rule_id(rule)), rule);
		assert_true(rule->match || rule->match_socket);
		assert_int_equal(!rule->match, !rule->tell);
		assert_int_equal(!rule->match_socket, !rule->tell_socket);
		assert_true(rule->wakes);
		assert_true(rule_cap(rule) < CONFIDENCE_COUNT);
		assert_true(rule_severity(rule) < SEVERITY_COUNT);
		assert_true(*rule_means(rule) && *rule_evidence(rule) && *rule_check(rule) &&
			    *rule_kernels(rule));
		/* of what is about an established connection alone it may follow from that */
		assert_true(stage_name(rule_stage(rule)) ||
			    !(rule->wakes & ~(WAKE_CONNECTION | WAKE_STALLED)));
		assert_non_null(rule_gate(rule));
		/* facts that need a name have one */
		assert_true(!(rule->facts & BIT(FACT_SYSCTL)) || rule->sysctls[0]);
		assert_true(!(rule->facts & BIT(FACT_COUNTER)) || rule->counters[0]);
		assert_true(!(rule->facts & BIT(FACT_CAPABILITY)) || rule->capability);
	}
	assert_int_equal(count, RULES_COUNT);
	assert_null(rules_find("connect-refuse"));
	assert_null(rules_row(SIZE_MAX));
}

/* The list's name of a row is its id: none is twice there, because none of its names can be. */
static void test_names_are_ids(void **state)
{
	static const char *const names[] = {
#define X(name) #name,
		RULES(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *id = rule_id(rules_row(i));

		assert_int_equal(strlen(id), strlen(names[i]));
		for (size_t k = 0; id[k]; k++)
			assert_int_equal(id[k], names[i][k] == '_' ? '-' : names[i][k]);
	}
}

/* The last resorts come last, else they would hide what is known. */
static void test_last_resorts_come_last(void **state)
{
	(void)state;
	for (size_t i = RULES_COUNT - 2; i < RULES_COUNT; i++) {
		assert_true(rules_row(i) == &rule_connect_failed ||
			    rules_row(i) == &rule_bind_failed);
		assert_int_equal(rule_cap(rules_row(i)), CONFIDENCE_POSSIBLE);
	}
}

/* What only captures tell so far has its cases among theirs. */
static const char *prefix_of(const struct rule *rule)
{
	return strncmp(rule_kernels(rule), "captures only", 13) ? "" : "capture-";
}

static void test_every_case_of_a_finding_is_there(void **state)
{
	static const char *const suffixes[] = { ".events", ".expected" };
	const struct rule *rule;

	(void)state;
	for (size_t i = 0; (rule = rules_row(i)); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
			char path[200];

			snprintf(path, sizeof(path), "tests/replay/cases/%s%s%s", prefix_of(rule),
				 rule_id(rule), suffixes[k]);
			if (access(path, R_OK))
				fail_msg("%s: no case that fires", path);
			snprintf(path, sizeof(path), "tests/replay/cases/%s%s-near%s",
				 prefix_of(rule), rule_id(rule), suffixes[k]);
			if (access(path, R_OK))
				fail_msg("%s: no nearest miss", path);
		}
	}
}

/* The first line of a case's expectation. */
static void read_first(const char *id, const char *suffix, char *line, size_t size)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "tests/replay/cases/%s%s%s.expected",
		 prefix_of(rules_find(id)), id, suffix);
	file = fopen(path, "r");
	assert_non_null(file);
	line[0] = '\0';
	while (fgets(line, (int)size, file) && line[0] == '\t')
		;
	fclose(file);
}

static bool tells(const char *line, const char *id)
{
	const char *space = strchr(line, ' ');

	return space && !strncmp(space + 1, id, strlen(id)) && space[1 + strlen(id)] == ' ';
}

/* Its own case fires it (early or as the final); its nearest miss does not, at an alarming level. */
static void test_cases_fire_and_miss(void **state)
{
	const struct rule *rule;
	char line[400];

	(void)state;
	for (size_t i = 0; (rule = rules_row(i)); i++) {
		read_first(rule_id(rule), "-near", line, sizeof(line));
		if (tells(line, rule_id(rule)) && !strstr(line, " info "))
			fail_msg("the nearest miss of %s: %s", rule_id(rule), line);
	}
}

/* ---- thresholds ---- */

static void test_thresholds(void **state)
{
	struct thresholds thresholds = thresholds_default;
	size_t count = 0;

	(void)state;
	while (threshold_row(count)) {
		assert_true(*threshold_row(count)->name && *threshold_row(count)->unit &&
			    *threshold_row(count)->what);
		assert_true(threshold_row(count)->value == thresholds_default.value[count]);
		count++;
	}
	assert_int_equal(count, THRESHOLD_COUNT);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake=800"), 0);
	assert_true(thresholds.value[THRESHOLD_SLOW_HANDSHAKE] == 800);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake"), -EINVAL);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake="), -EINVAL);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake=-1"), -EINVAL);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake=5s"), -EINVAL);
	assert_int_equal(threshold_set(&thresholds, "slow-handshake=99999999999999999999"),
			 -EINVAL);
	assert_int_equal(threshold_set(&thresholds, "slow=1"), -ENOENT);
	assert_int_equal(threshold_set(&thresholds, "slow-handshakes=1"), -ENOENT);
	assert_true(thresholds.value[THRESHOLD_SLOW_HANDSHAKE] == 800);
}

/* ---- words ---- */

static void assert_duration(__u64 ns, const char *expected)
{
	char buffer[64];
	struct text text = text_of(buffer);

	words_duration(&text, ns);
	assert_string_equal(buffer, expected);
}

static void test_durations(void **state)
{
	(void)state;
	assert_duration(0, "0.00 ms");
	assert_duration(294000, "0.29 ms");
	assert_duration(9999999, "9.99 ms");
	assert_duration(10000000, "10 ms");
	assert_duration(999999999, "999 ms");
	assert_duration(3070000000, "3.0 s");
	assert_duration(130000000000, "2 min 10 s");
}

static void assert_argument(const char *argument, const char *expected, bool cut)
{
	char buffer[64];
	struct text text = text_of(buffer);

	words_argument(&text, argument, strlen(argument));
	assert_int_equal(text.cut, cut);
	if (!cut)
		assert_string_equal(buffer, expected);
}

/* What comes from outside never becomes a command of its own. */
static void test_arguments_are_quoted(void **state)
{
	(void)state;
	assert_argument("eth0", "eth0", false);
	assert_argument("/run/netns/web-1", "/run/netns/web-1", false);
	assert_argument("a b", "'a b'", false);
	assert_argument("$(reboot)", "'$(reboot)'", false);
	assert_argument("it's", "'it'\\''s'", false);
	assert_argument("", "''", false);
	assert_argument("a\nb", NULL, true);
	assert_argument("caf\xc3\xa9", NULL, true);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
	assert_string_equal(confidence_name(CONFIDENCE_CERTAIN), "certain");
	assert_string_equal(finding_state_name(FINDING_CLEARED), "cleared");
	assert_string_equal(blind_name(0), "lost-records");
	assert_string_equal(blind_name(4), "lookup-not-on-wire");
	assert_null(blind_name(BLIND_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sound),
		cmocka_unit_test(test_names_are_ids),
		cmocka_unit_test(test_last_resorts_come_last),
		cmocka_unit_test(test_every_case_of_a_finding_is_there),
		cmocka_unit_test(test_cases_fire_and_miss),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_arguments_are_quoted),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
