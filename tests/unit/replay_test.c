// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay_test.c - every case of tests/replay/cases through decode, join and rules, as kernel 6.18
 * and as kernel 6.1 would have recorded it; what must be found stands beside it (NAME.expected, or
 * NAME.6.1.expected where the older kernel tells less).
 *
 * REPLAY=NAME runs one case, REPLAY_PRINT=1 prints what was found, REPLAY_WRITE=1 writes it as the
 * expectation: to be read, line by line, before it is committed.
 */

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../replay/assemble.h"
#include "agent/facts.h"
#include "decode/decode.h"
#include "join/join.h"
#include "rules/rules.h"
#include "util/array.h"
#include "util/own.h"

#define CASES "tests/replay/cases"
#define CASES_MAX 1024
#define RECORDS_MAX 4000
#define OUT_BYTES 65536
#define QUESTIONS_MAX 64
#define FACTS_MAX 256

static const char *const kernels[] = { "6.18", "6.1" };

/* What is done to the records of a case before they are replayed. */
enum twist {
	TWIST_NONE,
	TWIST_SHUFFLED, /* timestamps of kernel records differ by up to 1 ms; their order stays */
	TWIST_LOST, /* records are lost all the time */
	TWIST_NO_PACKETS, /* no packet hook is attached */
	TWIST_DOUBLED, /* of a capture: a mirror port shows every packet twice */
};

struct record {
	__u8 bytes[EVENT_SIZE_MAX] __attribute__((aligned(8)));
	size_t size;
};

/* How many facts each question got, in the straight run. */
struct plan {
	size_t count[QUESTIONS_MAX];
};

struct replay {
	struct record *records;
	size_t count;
	size_t next;
	struct record *facts; /* twisted: taken out of the stream */
	size_t facts_count;
	size_t next_fact;
	size_t questions;
	struct plan *plan;
	enum twist twist;
	struct join *join;
	struct text *out;
	bool words; /* texts too, not only verdicts */
};

static int keep_record(void *ctx, const void *bytes, size_t size)
{
	struct replay *replay = ctx;
	struct record *record = &replay->records[replay->count];

	if (replay->count == RECORDS_MAX || size > sizeof(record->bytes))
		return -1;
	memcpy(record->bytes, bytes, size);
	record->size = size;
	replay->count++;
	return 0;
}

static struct event_header *head_of(struct record *record)
{
	return (struct event_header *)record->bytes;
}

/* ---- twists ---- */

static void shuffle(struct replay *replay)
{
	__u32 random = 12345;

	for (size_t i = 0; i < replay->count; i++) {
		struct event_header *head = head_of(&replay->records[i]);

		random = random * 1664525 + 1013904223;
		if (head->kind < EVENT_KERNEL_KIND_COUNT)
			head->ts_ns += (__s64)(random % 2000001) - 1000000;
	}
}

static void lose(struct replay *replay)
{
	__u32 lost = 0;

	for (size_t i = 0; i < replay->count; i++) {
		struct event_header *head = head_of(&replay->records[i]);

		if (head->kind < EVENT_KERNEL_KIND_COUNT)
			head->lost = ++lost;
	}
}

static void take_packets_away(struct replay *replay)
{
	size_t kept = 0;

	for (size_t i = 0; i < replay->count; i++) {
		struct record *record = &replay->records[i];
		struct event_header *head = head_of(record);

		if (head->kind == EVENT_PACKET)
			continue;
		if (head->kind == EVENT_INTERFACE)
			((struct ev_interface *)(head + 1))->flags &=
				~(INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT);
		replay->records[kept++] = *record;
	}
	replay->count = kept;
}

static void double_frames(struct replay *replay)
{
	size_t frames = 0, to;

	for (size_t i = 0; i < replay->count; i++)
		frames += head_of(&replay->records[i])->kind == EVENT_FRAME;
	assert_true(replay->count + frames <= RECORDS_MAX);
	to = replay->count + frames;
	for (size_t i = replay->count; i--;) {
		replay->records[--to] = replay->records[i];
		if (head_of(&replay->records[i])->kind == EVENT_FRAME)
			replay->records[--to] = replay->records[i];
	}
	replay->count += frames;
}

static void take_facts_out(struct replay *replay)
{
	size_t kept = 0;

	for (size_t i = 0; i < replay->count; i++) {
		if (head_of(&replay->records[i])->kind != EVENT_FACT) {
			replay->records[kept++] = replay->records[i];
			continue;
		}
		assert_true(replay->facts_count < FACTS_MAX);
		replay->facts[replay->facts_count++] = replay->records[i];
	}
	replay->count = kept;
}

static void twist(struct replay *replay)
{
	if (replay->twist != TWIST_NONE)
		take_facts_out(replay);
	switch (replay->twist) {
	case TWIST_SHUFFLED:
		shuffle(replay);
		break;
	case TWIST_LOST:
		lose(replay);
		break;
	case TWIST_NO_PACKETS:
		take_packets_away(replay);
		break;
	case TWIST_DOUBLED:
		double_frames(replay);
		break;
	default:
		break;
	}
}

/* ---- as the agent's pipeline does ---- */

static void feed(struct replay *replay, const struct record *record)
{
	struct event event;

	assert_int_equal(decode_event(record->bytes, record->size, &event), 0);
	join_event(replay->join, &event);
}

static void feed_fact(struct replay *replay, struct record *record, const struct attempt *attempt,
		      __u32 wanted)
{
	struct ev_fact *fact = (struct ev_fact *)(head_of(record) + 1);

	assert_true(!fact->request || fact->request == attempt->id);
	if (replay->twist == TWIST_NONE && fact->what != FACT_DONE && !(wanted & BIT(fact->what)))
		fail_msg("%s was not asked for", decode_fact_name(fact->what));
	fact->request = attempt->id;
	feed(replay, record);
	fact->request = 0;
}

/*
 * The facts that stand next are those asked for; in a case they carry request 0. Twisted, a
 * deadline may move by a tick: then the n-th question gets what it got in the straight run.
 */
static bool fetch(struct replay *replay, const struct attempt *attempt,
		  const struct verdict *verdict)
{
	size_t question = replay->questions++;
	struct fact_request asked, path = { 0 };
	bool asks = rules_want(replay->join, &thresholds_default, attempt, verdict, &asked);
	bool asks_path = facts_want_path(replay->join, attempt, verdict, &asked, &path);
	__u32 wanted = asked.wanted | path.wanted;
	size_t from;

	if (!asks && !asks_path)
		return false;
	assert_true(question < QUESTIONS_MAX);
	if (replay->twist == TWIST_NONE) {
		from = replay->next;
		while (replay->next < replay->count &&
		       head_of(&replay->records[replay->next])->kind == EVENT_FACT)
			feed_fact(replay, &replay->records[replay->next++], attempt, wanted);
		replay->plan->count[question] = replay->next - from;
		return true;
	}
	for (size_t i = 0;
	     i < replay->plan->count[question] && replay->next_fact < replay->facts_count; i++)
		feed_fact(replay, &replay->facts[replay->next_fact++], attempt, wanted);
	return true;
}

static void print_blind(struct text *out, __u32 blind)
{
	const char *comma = "";

	for (unsigned int bit = 0; bit < BLIND_COUNT; bit++) {
		if (!(blind & BIT(bit)))
			continue;
		text_add(out, "%s%s", comma, blind_name(bit));
		comma = ",";
	}
	if (!*comma)
		text_add(out, "-");
}

static const char *end_name(__u8 end)
{
	static const char *const names[] = {
		[WAIT_NONE] = "-",	  [WAIT_ERRNO] = "errno",   [WAIT_CANCELED] = "canceled",
		[WAIT_KILLED] = "killed", [WAIT_EXITED] = "exited", [WAIT_ANSWERED] = "answered",
		[WAIT_UNSEEN] = "unseen"
	};

	return names[end];
}

static void print_words(struct replay *replay, const struct finding *finding)
{
	text_add(replay->out, "\twhat    %s\n\twhy     %s\n", finding->summary, finding->cause);
	if (finding->supersedes)
		text_add(replay->out, "\tinstead %s\n", rule_id(finding->supersedes));
	if (finding->scope_text[0])
		text_add(replay->out, "\tscope   %s\n", finding->scope_text);
	for (size_t i = 0; i < finding->changed_count; i++)
		text_add(replay->out, "\tchanged %s\n", finding->changed[i].text);
	for (size_t i = 0; i < finding->related_count; i++)
		text_add(replay->out, "\trelated %s %u\n", finding->related[i].role,
			 finding->related[i].owner.tgid);
	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *evidence = &finding->evidence[i];
		__s64 us = (__s64)(evidence->ts_ns - finding->started_ns) / 1000;

		text_add(replay->out, "\tseen    %+lld us %s %s: ", (long long)us,
			 evidence_layer(evidence), evidence_event(evidence));
		evidence_print(replay->join, evidence, 0, replay->out);
		text_add(replay->out, "\n");
	}
	for (size_t i = 0; i < finding->checks_count; i++)
		text_add(replay->out, "\tcheck   %s: %s\n\t        (%s)\n", finding->checks[i].on,
			 finding->checks[i].run, finding->checks[i].why);
}

static void check_finding(const struct finding *finding)
{
	assert_true(finding->summary[0]);
	assert_true(finding->cause[0]);
	assert_true(finding->confidence <= rule_cap(finding->rule));
	assert_true(finding->state == FINDING_CLEARED || finding->checks_count > 0);
	/* a text that fills its buffer was cut */
	assert_true(strlen(finding->summary) < sizeof(finding->summary) - 1);
	assert_true(strlen(finding->cause) < sizeof(finding->cause) - 1);
	for (size_t i = 0; i < finding->checks_count; i++)
		assert_true(strlen(finding->checks[i].why) < sizeof(finding->checks[i].why) - 1);
}

/* Without packets, or with records lost, only an errno that has one cause may be sure of itself. */
static void check_twist(const struct replay *replay, const struct attempt *attempt,
			const struct finding *finding)
{
	bool packets = attempt_decider(attempt) && attempt_decider(attempt)->syn_sent &&
		       finding->error != EADDRNOTAVAIL;

	if (!packets)
		return;
	if (replay->twist == TWIST_LOST)
		assert_int_equal(finding->confidence, CONFIDENCE_POSSIBLE);
	if (replay->twist == TWIST_NO_PACKETS)
		assert_true(finding->confidence < CONFIDENCE_CERTAIN);
	if (replay->twist == TWIST_LOST || replay->twist == TWIST_NO_PACKETS)
		assert_true(finding->blind);
}

static void tell(struct replay *replay, const struct attempt *attempt,
		 const struct verdict *verdict)
{
	static struct finding whole;
	struct finding *finding = &whole;
	const char *name;

	memset(finding, 0x5a, sizeof(*finding)); /* rules_tell() leaves nothing as it was */
	rules_tell(replay->join, &thresholds_default, attempt, verdict, finding);
	assert_ptr_equal(finding->rule, verdict->rule);
	assert_true(finding->group == rules_group(replay->join, attempt, verdict));
	check_finding(finding);
	check_twist(replay, attempt, finding);
	name = decode_errno_name(finding->error);
	text_add(replay->out, "%s %s %s %s %u %s %s ", finding_state_name(finding->state),
		 rule_id(finding->rule), confidence_name(finding->confidence),
		 severity_name(finding->severity), finding->owner.tgid, name ? name : "-",
		 end_name(finding->end));
	print_blind(replay->out, finding->blind);
	text_add(replay->out, "\n");
	if (replay->words)
		print_words(replay, finding);
}

static void judge_due(struct replay *replay)
{
	struct attempt *attempt;

	while ((attempt = join_due(replay->join))) {
		struct verdict verdict;
		bool fetched = false;

		rules_judge(replay->join, &thresholds_default, attempt, &verdict);
		if (rules_facts_decide(&verdict)) {
			fetched = fetch(replay, attempt, &verdict);
			rules_judge(replay->join, &thresholds_default, attempt, &verdict);
		}
		if (verdict.rule && !fetched && fetch(replay, attempt, &verdict))
			rules_judge(replay->join, &thresholds_default, attempt, &verdict);
		if (verdict.rule)
			tell(replay, attempt, &verdict);
		join_told(replay->join, attempt,
			  attempt->state == ATTEMPT_FINAL || verdict.state == FINDING_PENDING ?
				  verdict.rule :
				  NULL);
	}
}

/* Cases of capture files have frames and no kernel. */
static bool is_capture(const char *name)
{
	return !strncmp(name, "capture-", 8);
}

/* A mirror doubles acknowledgments too: whether order or loss made them is not told then. */
static bool told_of_mirrors(const char *name)
{
	return strcmp(name, "capture-conn-reordered") != 0 &&
	       strncmp(name, "capture-again-soon", strlen("capture-again-soon")) != 0;
}

static void run(const char *name, const char *kernel, enum twist how, bool words, struct text *out)
{
	static struct record records[RECORDS_MAX], facts[FACTS_MAX];
	static struct plan plan;
	struct join_limits limits = join_limits_default;
	struct replay replay = { .records = records,
				 .facts = facts,
				 .plan = &plan,
				 .twist = how,
				 .out = out,
				 .words = words };
	char text[512];

	limits.connections = 1024; /* a table is made for each twist, and all of it marked */
	if (how == TWIST_NONE)
		memset(&plan, 0, sizeof(plan));
	snprintf(text, sizeof(text),
		 "include ../preamble-%s.events\ninclude ../common.events\ninclude %s.events\n",
		 is_capture(name) ? "capture" : kernel, name);
	assert_int_equal(assemble_text(CASES "/", text, keep_record, &replay), 0);
	twist(&replay);
	limits.segments = true; /* as read has it; live it matters to packets that are followed */
	limits.established = true;
	assert_int_equal(join_new(&replay.join, &limits), 0);
	while (replay.next < replay.count) {
		if (head_of(&replay.records[replay.next])->kind == EVENT_FACT && how == TWIST_NONE)
			fail_msg("%s as kernel %s: facts that nobody asked for", name, kernel);
		feed(&replay, &replay.records[replay.next++]);
		judge_due(&replay);
	}
	join_finish(replay.join);
	judge_due(&replay);
	join_free(replay.join);
	assert_false(out->cut);
	if (!out->length)
		text_add(out, "nothing\n");
}

/* ---- expectations ---- */

static bool read_expected(const char *name, const char *kernel, char *expected)
{
	char path[256];
	FILE *file = NULL;
	size_t n;

	if (!strcmp(kernel, "6.1")) {
		snprintf(path, sizeof(path), CASES "/%s.6.1.expected", name);
		file = fopen(path, "r");
	}
	if (!file) {
		snprintf(path, sizeof(path), CASES "/%s.expected", name);
		file = fopen(path, "r");
	}
	if (!file)
		return false;
	n = fread(expected, 1, OUT_BYTES - 1, file);
	expected[n] = '\0';
	fclose(file);
	return true;
}

static void write_expected(const char *name, const char *kernel, const char *got)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), CASES "/%s%s.expected", name,
		 strcmp(kernel, "6.1") ? "" : ".6.1");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(got, file);
	fclose(file);
}

/* The lines of an expectation that are verdicts: texts may differ in a duration. */
static void only_verdicts(char *text)
{
	char *to = text;

	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n');
		size_t length = (size_t)(end - line) + (*end == '\n');

		if (*line != '\t') {
			memmove(to, line, length);
			to += length;
		}
		line += length;
	}
	*to = '\0';
}

static void test_case(void **state)
{
	const char *name = *state;
	static char got[OUT_BYTES], expected[OUT_BYTES];

	for (size_t i = 0; i < (is_capture(name) ? 1 : ARRAY_SIZE(kernels)); i++) {
		struct text out = text_of(got);

		run(name, kernels[i], TWIST_NONE, true, &out);
		if (getenv("REPLAY_PRINT"))
			printf("---- %s as %s\n%s", name, kernels[i], got);
		expected[0] = '\0';
		read_expected(name, kernels[i], expected);
		if (getenv("REPLAY_WRITE") && strcmp(got, expected)) {
			write_expected(name, kernels[i], got);
			continue;
		}
		if (strcmp(got, expected))
			fail_msg("%s as kernel %s found\n%sbut expected is\n%s", name, kernels[i],
				 got, expected);
		only_verdicts(expected);
		out = text_of(got);
		run(name, kernels[i], is_capture(name) ? TWIST_DOUBLED : TWIST_SHUFFLED, false,
		    &out);
		if (strcmp(got, told_of_mirrors(name) ? expected : "nothing\n"))
			fail_msg(
				"%s as kernel %s, shuffled or doubled, found\n%sbut expected is\n%s",
				name, kernels[i], got, expected);
		if (is_capture(name))
			continue;
		out = text_of(got);
		run(name, kernels[i], TWIST_LOST, false, &out);
		out = text_of(got);
		run(name, kernels[i], TWIST_NO_PACKETS, false, &out);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct CMUnitTest *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int main(void)
{
	static struct CMUnitTest tests[CASES_MAX];
	static char names[CASES_MAX][80];
	const char *only = getenv("REPLAY");
	DIR *folder = opendir(CASES);
	struct dirent *entry;
	size_t n = 0;

	if (!folder) {
		fprintf(stderr, "replay_test: no " CASES ": run it in the top folder\n");
		return 1;
	}
	while ((entry = readdir(folder))) {
		char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".events"))
			continue;
		*dot = '\0';
		if (only && strcmp(only, entry->d_name))
			continue;
		if (n == CASES_MAX) {
			fprintf(stderr, "replay_test: more than %d cases\n", CASES_MAX);
			return 1;
		}
		snprintf(names[n], sizeof(names[n]), "%.79s", entry->d_name);
		tests[n] = (struct CMUnitTest){ .name = names[n],
						.test_func = test_case,
						.initial_state = names[n] };
		n++;
	}
	closedir(folder);
	qsort(tests, n, sizeof(tests[0]), by_name);
	if (!n) {
		fprintf(stderr, "replay_test: no case\n");
		return 1;
	}
	return _cmocka_run_group_tests("replay", tests, n, NULL, NULL);
}
