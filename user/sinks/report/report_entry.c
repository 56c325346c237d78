// SPDX-License-Identifier: GPL-2.0-or-later
/* report_entry.c - a finding becomes text that needs nothing else any more */

#include <stdlib.h>
#include <string.h>

#include "sinks/report/report.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

_Static_assert(JOIN_EVIDENCE_MAX <= REPORT_STEPS_MAX, "without packets all evidence is shown");

static void take_head(struct report_entry *entry, const struct join *join,
		      const struct finding *finding, bool utc)
{
	struct text time = text_of(entry->time), owner = text_of(entry->owner);
	struct text connection = text_of(entry->connection), end = text_of(entry->end);
	struct text instead = text_of(entry->instead), scope = text_of(entry->scope);

	say_time(&time, join, finding->time_ns, utc);
	say_owner(&owner, finding);
	say_connection(&connection, finding, false);
	say_end(&end, finding);
	entry->ended = strncmp(entry->end, "after ", strlen("after ")) != 0;
	if (!entry->ended)
		memmove(entry->end, entry->end + strlen("after "),
			end.length - strlen("after ") + 1);
	if (finding->supersedes)
		text_add(&instead, "%s", rule_id(finding->supersedes));
	memcpy(entry->summary, finding->summary, sizeof(entry->summary));
	memcpy(entry->cause, finding->cause, sizeof(entry->cause));
	say_scope(&scope, join, finding, utc);
}

static void take_lists(struct report_entry *entry, const struct join *join,
		       const struct finding *finding)
{
	struct text text;

	for (size_t i = 0; i < finding->related_count && i < ARRAY_SIZE(entry->related); i++) {
		text = text_of(entry->related[entry->related_count]);
		text_add(&text, "%s: ", finding->related[i].role);
		say_party(&text, join, finding, &finding->related[i]);
		entry->related_count++;
	}
	for (size_t i = 0; i < finding->changed_count && i < ARRAY_SIZE(entry->changed); i++) {
		text = text_of(entry->changed[entry->changed_count]);
		say_changed(&text, join, finding, &finding->changed[i]);
		entry->changed_count++;
	}
	for (size_t i = 0; i < finding->facts_count && i < ARRAY_SIZE(entry->facts); i++) {
		if (say_fact_stands_above(finding, &finding->facts[i]))
			continue;
		text = text_of(entry->facts[entry->facts_count]);
		say_fact(&text, &finding->facts[i]);
		entry->facts_count++;
	}
	text = text_of(entry->path);
	say_path(&text, finding);
	text = text_of(entry->blind);
	say_blind(&text, finding);
}

/* Who stands at the ends of the picture: left is the finding's own side. */
static void take_ends(struct report_entry *entry, const struct finding *finding)
{
	struct text left = text_of(entry->left), right = text_of(entry->right);
	const struct event_tuple *tuple = &finding->tuple;

	if (!finding->socket_path[0])
		address_print_port(&left, tuple->local, tuple->local_port);
	text_add_foreign(&right, finding->socket_path, sizeof(finding->socket_path));
	if (finding->owner_known) {
		text_add(&left, "%s", left.length ? "  " : "");
		say_process(&left, &finding->owner);
	}
	if (tuple->remote_port || !address_is_any(tuple->remote))
		address_print_port(&right, tuple->remote, tuple->remote_port);
}

static void take_checks(struct report_entry *entry, const struct finding *finding)
{
	struct text on = text_of(entry->remote);

	memcpy(entry->checks, finding->checks, sizeof(entry->checks));
	entry->checks_count = finding->checks_count;
	address_print(&on, finding->tuple.remote);
}

struct report_entry *report_entry_new(const struct report *report, const struct join *join,
				      const struct finding *finding)
{
	struct report_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->attempt = finding->attempt;
	entry->group = finding->group;
	entry->ts_ns = join_realtime_ns(join, finding->time_ns) ?: finding->time_ns;
	entry->total = finding->total ? finding->total : 1;
	entry->source = report->sources_count;
	entry->severity = finding->severity;
	entry->confidence = finding->confidence;
	entry->state = finding->state;
	entry->rule = finding->rule;
	take_head(entry, join, finding, report->utc);
	take_lists(entry, join, finding);
	take_ends(entry, finding);
	take_checks(entry, finding);
	report_take_points(report, finding, entry);
	report_take_steps(join, finding, entry);
	return entry;
}

const char *report_check_on(const struct report_entry *entry, const struct check *check)
{
	if (!strcmp(check->on, "remote"))
		return entry->remote;
	return strcmp(check->on, "local") != 0 && strcmp(check->on, "client") != 0 ? check->on :
										     NULL;
}

void report_entry_free(struct report_entry *entry)
{
	if (entry)
		free(entry->points);
	free(entry);
}

/* ---- sources ---- */

void report_source_fill(struct report_source *source, const struct join *join,
			const struct summary *summary, bool utc)
{
	const struct join_counters *counters = summary->counters;
	const struct conns *conns = join_conns(join);
	const struct ev_start *start = join_start(join);
	struct text host = text_of(source->host), release = text_of(source->release);
	struct text from = text_of(source->from), duration = text_of(source->duration);
	__u64 now_ns = join_now_ns(join);

	source->capture = capture_summary_counts(&summary->capture, counters);
	source->early_end = summary->early_end;
	if (start) {
		text_add_foreign(&host, start->host, sizeof(start->host));
		text_add_foreign(&release, start->release, sizeof(start->release));
	}
	say_time(&from, join, now_ns > summary->duration_ns ? now_ns - summary->duration_ns : 0,
		 utc);
	say_duration(&duration, summary->duration_ns / NS_PER_US);
	source->frames = counters->frames;
	for (unsigned int i = UNREAD_NONE + 1; i < UNREAD_COUNT; i++)
		source->unread += counters->unread[i];
	source->outside = summary->capture.outside;
	source->files = summary->capture.files;
	source->damaged = summary->capture.damaged;
	source->attempts = summary->counted.attempts;
	source->failures = summary->counted.failures;
	source->lost = counters->lost + counters->suppressed;
	source->evicted = counters->evicted;
	source->connections = conns_streams_seen(conns);
	source->evicted += conns_streams_evicted(conns);
}

static void add_count(struct text *text, __u64 count, const char *what)
{
	text_add(text, "%s%llu %s%s", text->length ? ", " : "", count, what, count == 1 ? "" : "s");
}

void report_say_seen(struct text *text, const struct report_source *source)
{
	if (source->capture) {
		add_count(text, source->frames, "packet");
		add_count(text, source->connections, "TCP connection");
	}
	if (!source->capture || source->attempts) {
		add_count(text, source->attempts, "attempt");
		text_add(text, " to connect or listen, %llu of them failed", source->failures);
	}
}

void report_say_gaps(struct text *text, const struct report_source *source)
{
	if (source->early_end)
		text_add(text, "the %s ends early", source->capture ? "capture" : "recording");
	if (source->damaged && source->files > 1)
		text_add(text, "; %u of %u files are damaged", source->damaged, source->files);
	if (source->unread)
		add_count(text, source->unread, "packet");
	text_add(text, "%s", source->unread ? " could not be read" : "");
	if (source->outside)
		add_count(text, source->outside, "packet");
	text_add(text, "%s", source->outside ? " outside --since and --until" : "");
	if (source->lost)
		add_count(text, source->lost, "record");
	text_add(text, "%s", source->lost ? " lost" : "");
	if (source->evicted)
		add_count(text, source->evicted, "connection");
	text_add(text, "%s",
		 source->evicted ? " let go early to make room (--max-connections)" : "");
}

void report_say_counts(struct text *text, const struct report *report)
{
	size_t before = text->length;

	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		__u64 count = report->findings[severity];

		if (count)
			text_add(text, "%s%llu %s%s", text->length > before ? ", " : "", count,
				 severity_name(severity),
				 count == 1 || severity == SEVERITY_INFO ? "" : "s");
	}
	if (text->length == before)
		text_add(text, "no finding");
}
