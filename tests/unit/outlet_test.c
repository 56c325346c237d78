// SPDX-License-Identifier: GPL-2.0-or-later
/* outlet_test.c - what cannot be written in one place is noted there, and told in the others */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/output/outlet.h"
#include "sinks/sink.h"

/* A sink that counts what it is told and answers as it is bid. */
struct told {
	int answer;
	int records, summaries, again;
	bool wants_again;
};

static int record(struct sink *sink, const struct join *join, const struct event *event,
		  bool wanted)
{
	struct told *told = sink->state;

	(void)join;
	(void)event;
	(void)wanted;
	told->records++;
	return told->answer;
}

static bool wants_again(const struct sink *sink)
{
	return ((const struct told *)sink->state)->wants_again;
}

static int again(struct sink *sink, const struct join *join, const struct event *event, bool wanted)
{
	(void)join;
	(void)event;
	(void)wanted;
	return ((struct told *)sink->state)->again++;
}

static void summary(struct sink *sink, const struct join *join, const struct summary *of)
{
	(void)join;
	(void)of;
	((struct told *)sink->state)->summaries++;
}

static const struct sink_ops ops = {
	.record = record,
	.wants_again = wants_again,
	.again = again,
	.summary = summary,
};
static const struct sink_ops ops_of_findings = { .summary = summary };

/* The main one, and a file beside it. */
struct lab {
	struct outlets outlets;
	struct told main, file;
};

static void add(struct lab *lab, const struct sink_ops *of, struct told *told, struct outlet outlet)
{
	const struct sink_options options = { .ops = of, .state = told };

	assert_int_equal(sink_open(&outlet.sink, &options), 0);
	outlets_add(&lab->outlets, outlet);
}

static void begin(struct lab *lab, bool whole)
{
	memset(lab, 0, sizeof(*lab));
	outlets_add(&lab->outlets, (struct outlet){ .path = "none" });
	add(lab, &ops, &lab->file, (struct outlet){ .path = "file", .whole = whole });
	add(lab, &ops, &lab->main, (struct outlet){ .main = true });
	assert_int_equal(lab->outlets.count, 2);
	assert_true(lab->outlets.want_records);
}

static void end(struct lab *lab)
{
	for (size_t i = 0; i < lab->outlets.count; i++)
		sink_close(lab->outlets.at[i].sink);
}

static void tell(struct lab *lab)
{
	outlets_record(&lab->outlets, NULL, NULL, true);
}

static void all_are_told(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, false);
	tell(&lab);
	outlets_end(&lab.outlets, NULL, NULL);
	assert_int_equal(lab.main.records + lab.file.records, 2);
	assert_int_equal(lab.main.summaries + lab.file.summaries, 2);
	assert_false(outlets_failed(&lab.outlets) || outlets_unread(&lab.outlets));
	end(&lab);
}

/* Nobody reads any more: nothing more is wanted, unless a file is to be whole. No failure. */
static void closed_pipe(void **state)
{
	struct lab lab;

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		begin(&lab, whole);
		lab.main.answer = -EPIPE;
		tell(&lab);
		assert_int_equal(lab.outlets.closed, !whole);
		assert_true(outlets_unread(&lab.outlets));
		assert_false(outlets_failed(&lab.outlets));
		outlets_end(&lab.outlets, NULL, NULL);
		assert_int_equal(lab.main.summaries, 0);
		assert_int_equal(lab.file.summaries, 1);
		end(&lab);
	}
}

/* A full disk of one does not end the other, nor itself; that of the main one is counted. */
static void full_disk(void **state)
{
	struct lab lab;

	(void)state;
	for (int main = 0; main < 2; main++) {
		begin(&lab, false);
		(main ? &lab.main : &lab.file)->answer = -ENOSPC;
		tell(&lab);
		tell(&lab);
		(main ? &lab.main : &lab.file)->answer = 0;
		tell(&lab);
		assert_int_equal(lab.main.records + lab.file.records, 6);
		assert_int_equal(lab.outlets.failed, main ? 2 : 0);
		assert_false(lab.outlets.closed || outlets_unread(&lab.outlets));
		assert_true(outlets_failed(&lab.outlets));
		end(&lab);
	}
}

static void once_more(void **state)
{
	struct lab lab;

	(void)state;
	begin(&lab, false);
	assert_false(outlets_want_again(&lab.outlets));
	lab.file.wants_again = true;
	assert_true(outlets_want_again(&lab.outlets));
	outlets_again(&lab.outlets, NULL, NULL, true);
	assert_int_equal(lab.file.again, 1);
	assert_int_equal(lab.main.again, 0);
	end(&lab);
}

/* Most runs: no record is told to anybody. */
static void findings_only(void **state)
{
	struct lab lab = { .outlets = { .count = 0 } };

	(void)state;
	add(&lab, &ops_of_findings, &lab.main, (struct outlet){ .main = true });
	assert_false(lab.outlets.want_records);
	tell(&lab);
	outlets_flush(&lab.outlets);
	outlets_end(&lab.outlets, NULL, NULL);
	assert_int_equal(lab.main.summaries, 1);
	end(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_told),	 cmocka_unit_test(closed_pipe),
		cmocka_unit_test(full_disk),	 cmocka_unit_test(once_more),
		cmocka_unit_test(findings_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
