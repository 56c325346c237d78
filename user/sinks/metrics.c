// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics.c - what was found, counted: Prometheus' text format */

#include <stdlib.h>

#include "sinks/metrics.h"
#include "sinks/sink.h"
#include "util/array.h"
#include "util/time.h"

#define COUNTS_MAX 512 /* findings have one severity or two, and up to three confidences */

struct count {
	const struct rule *rule;
	__u8 severity;
	__u8 confidence;
	__u64 total;
};

#define FATES 3

static const char *const fates[FATES] = { "failed", "worked", "unknown" };

#define SUBJECT_ROW(name) &subject_##name,
static const struct subject *const subjects[] = { SUBJECTS(SUBJECT_ROW) };

struct metrics {
	struct count counts[COUNTS_MAX];
	size_t counts_count;
	struct durations connects[2]; /* that failed, that worked */
	__u64 fates[ARRAY_SIZE(subjects)][FATES]; /* of those that count as attempts */
};

struct metrics *metrics_new(void)
{
	return calloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
	free(metrics);
}

/* One that works is over when it has proven itself: it took until its handshake was over. */
static void metrics_attempt(struct sink *sink, const struct join *join,
			    const struct attempt *attempt)
{
	const struct opening *opening = attempt_decider(attempt);
	struct metrics *metrics = sink->state;
	__u64 until_ns;

	(void)join;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		if (subjects[i] == attempt->subject && !attempt->subject->uncounted)
			metrics->fates[i][attempt->unknown ? 2 : attempt->worked]++;
	if (!opening || attempt->unknown)
		return;
	until_ns = attempt->worked ? opening->established_ns : attempt->ended_ns;
	if (until_ns)
		durations_add(&metrics->connects[attempt->worked],
			      ns_between(attempt->started_ns, until_ns) / NS_PER_US);
}

static void metrics_verdict(struct sink *sink, const struct join *join,
			    const struct attempt *attempt, const struct verdict *verdict,
			    const struct finding *finding)
{
	struct metrics *metrics = sink->state;
	struct count *count;

	(void)join;
	(void)attempt;
	(void)finding;
	if (verdict->state != FINDING_FINAL)
		return;
	for (size_t i = 0; i < metrics->counts_count; i++) {
		count = &metrics->counts[i];
		if (count->rule == verdict->rule && count->severity == verdict->severity &&
		    count->confidence == verdict->confidence) {
			count->total++;
			return;
		}
	}
	if (metrics->counts_count < COUNTS_MAX)
		metrics->counts[metrics->counts_count++] =
			(struct count){ verdict->rule, verdict->severity, verdict->confidence, 1 };
}

static void print_head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP sockwhy_%s %s\n# TYPE sockwhy_%s %s\n", name, help, name, type);
}

static void print_gauge(FILE *file, const char *name, const char *help, __u64 value)
{
	print_head(file, name, "gauge", help);
	fprintf(file, "sockwhy_%s %llu\n", name, value);
}

static void print_total(FILE *file, const char *name, const char *help, __u64 total)
{
	print_head(file, name, "counter", help);
	fprintf(file, "sockwhy_%s %llu\n", name, total);
}

/* Kinds that never came have no line, but the metric has its head: it is known, and empty. */
static void print_kinds(FILE *file, const char *name, const char *help, const __u64 *by_kind)
{
	print_head(file, name, "counter", help);
	for (unsigned int kind = 0; kind < EVENT_KIND_COUNT; kind++)
		if (by_kind[kind] && decode_kind_name(kind))
			fprintf(file, "sockwhy_%s{kind=\"%s\"} %llu\n", name,
				decode_kind_name(kind), by_kind[kind]);
}

static void print_seconds(FILE *file, __u64 us)
{
	fprintf(file, "%llu.%06llu", us / US_PER_S, us % US_PER_S);
}

static void print_durations(FILE *file, const char *name, const char *result,
			    const struct durations *durations)
{
	__u64 count = 0;

	for (size_t i = 0; i < DURATION_BOUNDS; i++) {
		count += durations->within[i];
		fprintf(file, "sockwhy_%s_bucket{result=\"%s\",le=\"", name, result);
		print_seconds(file, durations_bound_us(i));
		fprintf(file, "\"} %llu\n", count);
	}
	fprintf(file, "sockwhy_%s_bucket{result=\"%s\",le=\"+Inf\"} %llu\n", name, result,
		durations->count);
	fprintf(file, "sockwhy_%s_sum{result=\"%s\"} ", name, result);
	print_seconds(file, durations->sum_us);
	fprintf(file, "\nsockwhy_%s_count{result=\"%s\"} %llu\n", name, result, durations->count);
}

static void print_fates(FILE *file, const struct metrics *metrics)
{
	print_head(file, "attempts_by_subject_total", "counter",
		   "What attempts were about, and what became of them.");
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		for (size_t fate = 0; fate < FATES && !subjects[i]->uncounted; fate++)
			fprintf(file,
				"sockwhy_attempts_by_subject_total{subject=\"%s\",result=\"%s\"} %llu\n",
				subjects[i]->name, fates[fate], metrics->fates[i][fate]);
}

void metrics_print(const struct metrics *metrics, FILE *file, const struct join *join,
		   const struct metrics_more *more)
{
	const struct join_counters *counters = join_counters(join);

	print_head(file, "build_info", "gauge", "The program that counts.");
	fprintf(file, "sockwhy_build_info{version=\"%s\"} 1\n", more->version);
	print_head(file, "start_time_seconds", "gauge", "When it began, since the epoch.");
	fprintf(file, "sockwhy_start_time_seconds %llu.%03llu\n", more->start_ns / NS_PER_S,
		more->start_ns / NS_PER_MS % 1000);
	print_gauge(file, "up", "1 while it runs; 0 in what it wrote last.", !more->ended);
	print_head(file, "last_turn_timestamp_seconds", "gauge",
		   "When its loop came round last, since the epoch.");
	fprintf(file, "sockwhy_last_turn_timestamp_seconds %llu.%03llu\n", more->now_ns / NS_PER_S,
		more->now_ns / NS_PER_MS % 1000);
	print_head(file, "findings_total", "counter", "Final verdicts, one an attempt.");
	for (size_t i = 0; i < metrics->counts_count; i++)
		fprintf(file,
			"sockwhy_findings_total{finding=\"%s\",severity=\"%s\",confidence=\"%s\"} %llu\n",
			rule_id(metrics->counts[i].rule),
			severity_name(metrics->counts[i].severity),
			confidence_name(metrics->counts[i].confidence), metrics->counts[i].total);
	print_total(file, "attempts_total", "Attempts to connect or listen that ended.",
		    more->counted.attempts);
	print_total(file, "attempts_failed_total", "Those of them that failed.",
		    more->counted.failures);
	print_fates(file, metrics);
	print_gauge(file, "connections", "Connections held in memory.",
		    conns_held(join_conns(join)));
	print_gauge(file, "connections_limit", "How many there is room for (--max-connections).",
		    conns_room(join_conns(join)));
	print_head(file, "connect_duration_seconds", "histogram",
		   "From connect() until the handshake was over, or until it failed.");
	print_durations(file, "connect_duration_seconds", "failed", &metrics->connects[false]);
	print_durations(file, "connect_duration_seconds", "worked", &metrics->connects[true]);
	print_head(
		file, "lookup_duration_seconds", "histogram",
		"From the first query until a name's last answer, or until it had failed; of everybody.");
	print_durations(file, "lookup_duration_seconds", "failed", &counters->lookups[false]);
	print_durations(file, "lookup_duration_seconds", "worked", &counters->lookups[true]);
	print_kinds(file, "records_total", "Records of kernel and host, by kind.",
		    counters->by_kind);
	print_kinds(file, "records_lost_total", "Records for which there was no room, by kind.",
		    counters->lost_by_kind);
	print_kinds(file, "records_shed_total", "Records left out under a flood, by kind.",
		    counters->suppressed_by_kind);
	print_total(file, "connections_evicted_total",
		    "Connections let go unjudged for want of room (--max-connections).",
		    counters->evicted);
	print_total(file, "writes_failed_total", "Writes of findings that failed.",
		    more->failed_writes);
}

const struct sink_ops sink_metrics_ops = { .verdict = metrics_verdict, .attempt = metrics_attempt };
