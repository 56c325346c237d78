// SPDX-License-Identifier: GPL-2.0-or-later
/* report_test.c - escaping, bounds, and what stands for what in a report */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/report/report.h"
#include "util/array.h"

static const __u8 client[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
static const __u8 server[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };

/* ---- escaping ---- */

struct escape {
	const char *text;
	const char *wanted;
};

static void check_escapes(const struct escape *rows, size_t count,
			  void (*put)(FILE *, const char *))
{
	for (size_t i = 0; i < count; i++) {
		char *out = NULL;
		size_t size;
		FILE *file = open_memstream(&out, &size);

		put(file, rows[i].text);
		fclose(file);
		assert_string_equal(out, rows[i].wanted);
		free(out);
	}
}

static void test_html(void **state)
{
	static const struct escape rows[] = {
		{ "", "" },
		{ "a<script>&\"'", "a&lt;script&gt;&amp;&quot;&#39;" },
		{ "→ ü 𝄞", "→ ü 𝄞" },
		{ "\x01\n\x7f", "\\x01\\x0a\\x7f" },
		/* not UTF-8, overlong <, cut at the end */
		{ "\xff\xc0\xbc\xe2\x86", "\\xff\\xc0\\xbc\\xe2\\x86" },
		/* C1, right-to-left override, zero width, byte order mark, tag characters */
		{ "\xc2\x9b", "\\xc2\\x9b" },
		{ "a\xe2\x80\xaegnp.exe", "a\\u202egnp.exe" },
		{ "\xe2\x80\x8b\xef\xbb\xbf\xf3\xa0\x81\x81", "\\u200b\\ufeff\\ue0041" },
		{ "&lt;", "&amp;lt;" },
	};

	(void)state;
	check_escapes(rows, ARRAY_SIZE(rows), report_put_html);
}

static void test_markdown(void **state)
{
	static const struct escape rows[] = {
		{ "<b>&", "&lt;b&gt;&amp;" },
		{ "a|b", "a\\|b" },
		{ "*_`[x](y)!", "\\*\\_\\`\\[x\\](y)\\!" },
		{ "a\n# b", "a\\\\x0a\\# b" },
		{ "http://evil/", "http\\://evil/" },
		{ "WWW.evil", "&#87;WW.evil" },
		{ "a@b $x$ ~~y~~", "a\\@b \\$x\\$ \\~\\~y\\~\\~" },
		{ "10.0.0.1:80", "10.0.0.1:80" },
		{ "\\", "\\\\" },
	};

	(void)state;
	check_escapes(rows, ARRAY_SIZE(rows), report_put_markdown);
}

static void test_fenced(void **state)
{
	static const struct escape rows[] = {
		{ "ss -ltn", "```\nss -ltn\n```\n" },
		{ "a````b`", "`````\na````b`\n`````\n" },
		{ "a\n```\n<b>", "````\na\\x0a```\\x0a<b>\n````\n" },
	};

	(void)state;
	check_escapes(rows, ARRAY_SIZE(rows), report_put_fenced);
}

/* ---- a report under test ---- */

struct bench {
	struct join *join;
	struct sink *sink;
	FILE *file;
	char *out;
	size_t size;
	__u64 ns;
	struct finding *finding;
};

static void bench_begin(struct bench *bench, const struct sink_ops *ops)
{
	struct join_limits limits = join_limits_default;
	struct sink_options options = { .ops = ops, .utc = true, .subject = "test" };

	*bench = (struct bench){ .ns = 1000000000ull };
	limits.connections = 256;
	limits.segments = true;
	assert_int_equal(join_new(&bench->join, &limits), 0);
	bench->file = open_memstream(&bench->out, &bench->size);
	options.file = bench->file;
	assert_int_equal(sink_open(&bench->sink, &options), 0);
	bench->finding = calloc(1, sizeof(*bench->finding));
	assert_non_null(bench->finding);
}

/* Closes the source and the report: .out is what was written. */
static void bench_write(struct bench *bench)
{
	struct summary summary = { .counters = join_counters(bench->join) };

	assert_int_equal(sink_summary(bench->sink, bench->join, &summary), 0);
	assert_int_equal(sink_close(bench->sink), 0);
	assert_int_equal(fclose(bench->file), 0);
}

static void bench_end(struct bench *bench)
{
	join_free(bench->join);
	free(bench->finding);
	free(bench->out);
}

/* A finding of its own attempt and group, from 10.0.0.1:45678 to 10.0.0.2:80. */
static struct finding *bench_finding(struct bench *bench, unsigned int number, int severity)
{
	struct finding *finding = bench->finding;

	memset(finding, 0, sizeof(*finding));
	finding->rule = rules_find("connect-refused");
	finding->attempt = 1000 + number;
	finding->group = 5000 + number;
	finding->time_ns = bench->ns;
	finding->started_ns = 1000000000ull;
	finding->severity = (__u8)severity;
	finding->state = FINDING_FINAL;
	finding->count = finding->total = 1;
	finding->role = "client";
	memcpy(finding->tuple.local, client, sizeof(client));
	memcpy(finding->tuple.remote, server, sizeof(server));
	finding->tuple.local_port = 45678;
	finding->tuple.remote_port = 80;
	snprintf(finding->summary, sizeof(finding->summary), "finding number %u.", number);
	return finding;
}

static void bench_tell(struct bench *bench)
{
	assert_int_equal(sink_finding(bench->sink, bench->join, bench->finding), 0);
}

static void bench_packet(struct bench *bench, bool out, __u8 flags, __u32 seq, __u32 ack,
			 __u32 length, __u16 port)
{
	struct event event = { .head = { .kind = EVENT_FRAME, .ts_ns = bench->ns } };
	struct packet *packet = &event.packet;

	event.frame.frame = join_counters(bench->join)->frames + 1;
	packet->what = PACKET_TCP;
	packet->protocol = 6;
	memcpy(packet->source, out ? client : server, sizeof(client));
	memcpy(packet->destination, out ? server : client, sizeof(client));
	packet->source_port = out ? port : 80;
	packet->destination_port = out ? 80 : port;
	packet->tcp_flags = flags;
	packet->seq = (out ? 1000 : 5000) + seq;
	packet->ack = flags & TCP_F_ACK ? (out ? 5000 : 1000) + ack : 0;
	packet->payload_bytes = length;
	packet->window = 1000;
	packet->ip_id = (__u16)event.frame.frame;
	join_event(bench->join, &event);
	sink_record(bench->sink, bench->join, &event, true);
	bench->ns += 1000;
}

static void bench_handshake(struct bench *bench, __u16 port)
{
	bench_packet(bench, true, TCP_F_SYN, 0, 0, 0, port);
	bench_packet(bench, false, TCP_F_SYN | TCP_F_ACK, 0, 1, 0, port);
	bench_packet(bench, true, TCP_F_ACK, 1, 1, 0, port);
}

static size_t count_of(const char *out, const char *words)
{
	size_t count = 0;

	for (const char *at = out; (at = strstr(at, words)); at += strlen(words))
		count++;
	return count;
}

#define assert_has(bench, words) assert_non_null(strstr((bench)->out, words))
#define assert_has_not(bench, words) assert_null(strstr((bench)->out, words))

/* ---- which findings ---- */

static void test_graver_findings_stay(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, &sink_markdown_ops);
	for (unsigned int i = 0; i < 2 * REPORT_ENTRIES_MAX; i++) {
		bench_finding(&bench, i,
			      i >= REPORT_ENTRIES_MAX + 50 ? SEVERITY_ERROR : SEVERITY_WARNING);
		bench_tell(&bench);
	}
	bench_write(&bench);
	/* every error, and the first of the warnings */
	for (unsigned int i = 0; i < 2 * REPORT_ENTRIES_MAX; i++) {
		char words[40];

		snprintf(words, sizeof(words), "finding number %u.", i);
		assert_int_equal(strstr(bench.out, words) != NULL,
				 i < 50 || i >= REPORT_ENTRIES_MAX + 50);
	}
	assert_has(&bench, "Left out: 100 more findings");
	assert_true(strstr(bench.out, "finding number 150.") < strstr(bench.out, "number 0."));
	bench_end(&bench);
}

static void test_pictures_are_bounded(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, &sink_html_ops);
	for (unsigned int i = 0; i < REPORT_DRAWN_MAX + 5; i++) {
		bench_finding(&bench, i, SEVERITY_ERROR);
		bench.finding->evidence[0] =
			(struct evidence){ .kind = EVENT_OPEN, .new_state = 2 };
		bench.finding->evidence_count = 1;
		bench_tell(&bench);
	}
	bench_write(&bench);
	assert_int_equal(count_of(bench.out, "<svg"), REPORT_DRAWN_MAX);
	assert_int_equal(count_of(bench.out, "Not drawn:"), 5);
	assert_has_not(&bench, "Left out");
	bench_end(&bench);
}

static void test_pending_repeats_cleared(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, &sink_markdown_ops);
	bench_finding(&bench, 1, SEVERITY_ERROR)->state = FINDING_PENDING;
	bench_tell(&bench);
	strcpy(bench_finding(&bench, 1, SEVERITY_ERROR)->summary, "it ended so");
	bench_tell(&bench);
	bench_finding(&bench, 2, SEVERITY_ERROR)->state = FINDING_PENDING;
	bench_tell(&bench);
	bench_finding(&bench, 2, SEVERITY_ERROR)->state = FINDING_CLEARED;
	bench_tell(&bench);
	bench_finding(&bench, 3, SEVERITY_ERROR)->state = FINDING_PENDING;
	bench_tell(&bench);
	bench_finding(&bench, 4, SEVERITY_ERROR);
	bench_tell(&bench);
	bench_finding(&bench, 5, SEVERITY_ERROR)->group = 5004; /* another attempt of that group */
	bench.finding->total = 17;
	bench_tell(&bench);
	bench_write(&bench);
	assert_has(&bench, "it ended so");
	assert_has_not(&bench, "number 1.");
	assert_has_not(&bench, "number 2.");
	assert_has(&bench, "number 3.");
	assert_int_equal(count_of(bench.out, "still waiting"), 1);
	assert_has(&bench, "number 4.");
	assert_has_not(&bench, "number 5.");
	assert_has(&bench, "17 times, the last at");
	bench_end(&bench);
}

/* ---- packets ---- */

static const struct report_entry *bench_entry(const struct bench *bench)
{
	const struct report *report = bench->sink->state;

	assert_int_equal(report->count, 1);
	return report->entries[0];
}

/* More packets than both rings hold: the handshake stays, and what is missing is counted. */
static void test_long_transfer(void **state)
{
	const __u32 count = 3 * REPORT_RING;
	const struct report_entry *entry;
	struct bench bench;
	__u32 shown = 0, skipped = 0;

	(void)state;
	bench_begin(&bench, &sink_html_ops);
	bench_handshake(&bench, 45678);
	for (__u32 i = 0; i < count; i++) {
		bench_packet(&bench, true, TCP_F_ACK, 1 + i * 100, 1, 100, 45678);
		if (i == count / 2) /* again */
			bench_packet(&bench, true, TCP_F_ACK, 1 + i * 100, 1, 100, 45678);
	}
	bench_packet(&bench, false, TCP_F_RST, 1, 0, 0, 45678);
	bench_finding(&bench, 1, SEVERITY_ERROR);
	bench_tell(&bench);
	entry = bench_entry(&bench);
	assert_int_equal(entry->points_count, REPORT_POINTS_MAX);
	assert_int_equal(entry->packets, count + 5);
	assert_int_equal(entry->points[0].tcp_flags, TCP_F_SYN);
	assert_true(entry->steps_count <= REPORT_STEPS_MAX);
	assert_int_equal(entry->steps[0].skipped, 0);
	assert_string_equal(entry->steps[0].text, "SYN  seq 0 win 1000");
	assert_int_equal(entry->steps[0].direction, DIRECTION_OUT);
	for (size_t i = 0; i < entry->steps_count; i++) {
		shown++;
		skipped += entry->steps[i].skipped;
	}
	assert_int_equal(shown + skipped, entry->packets);
	assert_int_equal(entry->steps[entry->steps_count - 1].mark, MARK_RESET);
	bench_write(&bench);
	assert_has(&bench, ">retransmission<");
	assert_has(&bench, "The connection had 98309 packets; the picture has 1000 of them");
	assert_int_equal(count_of(bench.out, "<svg class=\"graph\""), 1);
	assert_has_not(&bench, "nan");
	assert_has_not(&bench, "inf,");
	bench_end(&bench);
}

/* The packets of others, and of an earlier connection with the same ends, are not drawn. */
static void test_only_its_own_packets(void **state)
{
	const struct report_entry *entry;
	struct bench bench;

	(void)state;
	bench_begin(&bench, &sink_markdown_ops);
	bench_handshake(&bench, 45678);
	bench_packet(&bench, true, TCP_F_RST, 1, 0, 0, 45678);
	bench_handshake(&bench, 999);
	bench.ns += 1000000000ull;
	bench_packet(&bench, true, TCP_F_SYN, 70000, 0, 0, 45678);
	bench_packet(&bench, false, TCP_F_RST | TCP_F_ACK, 0, 70001, 0, 45678);
	bench_finding(&bench, 1, SEVERITY_ERROR);
	bench_tell(&bench);
	entry = bench_entry(&bench);
	assert_int_equal(entry->points_count, 2);
	assert_string_equal(entry->steps[0].text, "SYN  seq 0 win 1000");
	assert_int_equal(entry->steps[0].frame, 8);
	assert_int_equal(entry->steps[1].direction, DIRECTION_IN);
	assert_int_equal(entry->steps[1].mark, MARK_RESET);
	bench_write(&bench);
	bench_end(&bench);
}

/* Another recording may have the same ends: its packets are its own, its repeats are added. */
static void test_sources_stay_apart(void **state)
{
	struct bench bench;
	struct summary summary = { 0 };

	(void)state;
	bench_begin(&bench, &sink_markdown_ops);
	bench_handshake(&bench, 45678);
	bench_finding(&bench, 1, SEVERITY_ERROR)->total = 3;
	bench_tell(&bench);
	assert_int_equal(bench_entry(&bench)->points_count, 3);
	summary.counters = join_counters(bench.join);
	assert_int_equal(sink_summary(bench.sink, bench.join, &summary), 0);
	bench_finding(&bench, 1, SEVERITY_ERROR)->total = 2;
	bench_tell(&bench);
	assert_int_equal(bench_entry(&bench)->total, 5);
	bench_finding(&bench, 2, SEVERITY_ERROR);
	bench_tell(&bench);
	assert_int_equal(((struct report *)bench.sink->state)->entries[1]->points_count, 0);
	bench_write(&bench);
	bench_end(&bench);
}

/* All at one time, one byte, no time between: no division by nothing. */
static void test_flat_pictures(void **state)
{
	struct bench bench;

	(void)state;
	bench_begin(&bench, &sink_html_ops);
	for (__u32 i = 0; i < 5; i++) {
		bench_packet(&bench, true, TCP_F_ACK, 0xfffffffe + i, 1, 1, 45678);
		bench.ns = 1000000000ull;
	}
	bench_finding(&bench, 1, SEVERITY_ERROR);
	bench_tell(&bench);
	bench_write(&bench);
	assert_int_equal(count_of(bench.out, "<svg class=\"graph\""), 1);
	assert_has_not(&bench, "nan");
	bench_end(&bench);
}

/* Ten days of silence between two bursts, and time that goes back: bounded, and inside of the frame. */
static void test_long_pause(void **state)
{
	struct bench bench;
	const char *at;
	int x, y;

	(void)state;
	bench_begin(&bench, &sink_html_ops);
	for (__u32 i = 0; i < 20; i++) {
		bench_packet(&bench, true, TCP_F_ACK, 1 + i * 100, 1, 100, 45678);
		if (i == 9)
			bench.ns += 864000ull * 1000000000;
		else if (i == 15)
			bench.ns -= 3000;
	}
	bench_finding(&bench, 1, SEVERITY_ERROR);
	bench_tell(&bench);
	bench_write(&bench);
	assert_int_equal(count_of(bench.out, "<rect class=\"pause\""), 1);
	assert_has(&bench, ">864000 s<");
	assert_true(bench.size < 40000);
	at = strstr(bench.out, "<path class=\"data\" d=\"");
	assert_non_null(at);
	while ((at = strchr(at, 'M')) && sscanf(at, "M%d.%*d %d", &x, &y) == 2) {
		assert_in_range(x, 70, 890);
		assert_in_range(y, 20, 290);
		at++;
	}
	bench_end(&bench);
}

/* ---- every text that a finding has ---- */

static void fill_hostile(struct finding *finding)
{
	static const char evil[] = "</td><script>x</script><b a='|`";

#define EVIL(array) snprintf(array, sizeof(array), "%.*s", (int)sizeof(array) - 1, evil)
	EVIL(finding->summary);
	EVIL(finding->cause);
	EVIL(finding->scope_text);
	EVIL(finding->checks[0].run);
	EVIL(finding->checks[0].why);
	finding->checks_count = 1;
	finding->owner_known = true;
	EVIL(finding->owner.comm);
	EVIL(finding->owner.leader);
	EVIL(finding->process.unit);
	EVIL(finding->changed[0].text);
	finding->changed_count = 1;
	finding->related[0].owner_known = true;
	EVIL(finding->related[0].role);
	EVIL(finding->related[0].owner.leader);
	finding->related_count = 1;
	finding->facts[0].what = FACT_SYSCTL;
	EVIL(finding->facts[0].name);
	EVIL(finding->facts[0].text);
	finding->facts_count = 1;
	finding->path[0].what = FACT_ROUTE;
	EVIL(finding->path[0].name);
	finding->path_count = 1;
	finding->evidence[0] = (struct evidence){ .kind = EVENT_PACKET,
						  .packet_what = PACKET_TCP,
						  .direction = DIRECTION_OUT };
	finding->evidence_count = 1;
#undef EVIL
}

static void test_hostile_texts(void **state)
{
	static const struct sink_ops *const formats[] = { &sink_html_ops, &sink_markdown_ops };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct bench bench;

		bench_begin(&bench, formats[i]);
		fill_hostile(bench_finding(&bench, 1, SEVERITY_ERROR));
		bench_tell(&bench);
		bench_write(&bench);
		assert_true(count_of(bench.out, "&lt;script&gt;") >= 8);
		/* a command in Markdown stands in a fence, where nothing is read as anything */
		assert_int_equal(count_of(bench.out, "<script"), formats[i] == &sink_markdown_ops);
		assert_int_equal(count_of(bench.out, "<b a"), formats[i] == &sink_markdown_ops);
		bench_end(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_fenced),
		cmocka_unit_test(test_graver_findings_stay),
		cmocka_unit_test(test_pictures_are_bounded),
		cmocka_unit_test(test_pending_repeats_cleared),
		cmocka_unit_test(test_long_transfer),
		cmocka_unit_test(test_only_its_own_packets),
		cmocka_unit_test(test_sources_stay_apart),
		cmocka_unit_test(test_flat_pictures),
		cmocka_unit_test(test_long_pause),
		cmocka_unit_test(test_hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
