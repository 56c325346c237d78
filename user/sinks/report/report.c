// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - keeps what it is told within bounds and writes it, in order of weight, at the end */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sinks/report/report.h"
#include "util/array.h"
#include "util/time.h"

static void report_free(struct report *report)
{
	for (size_t i = 0; i < report->count; i++)
		report_entry_free(report->entries[i]);
	report_rings_free(report);
	free(report);
}

static int report_open(struct sink *sink)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	if (report_rings_new(report)) {
		report_free(report);
		return -ENOMEM;
	}
	report->utc = sink->options.utc;
	report->subject = sink->options.subject ? sink->options.subject : "";
	sink->state = report;
	return 0;
}

static int report_record(struct sink *sink, const struct join *join, const struct event *event,
			 bool wanted)
{
	(void)wanted; /* of a connection with a finding every packet is drawn */
	if (join_look(join)->stream)
		report_note_packet(sink->state, join, event);
	return 0;
}

/* ---- which findings are told whole ---- */

/* Of the attempt, or of its group: what hung is told by its end, repeats by the first of them. */
static size_t find_entry(const struct report *report, const struct finding *finding)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->entries[i]->attempt == finding->attempt ||
		    report->entries[i]->group == finding->group)
			return i;
	return report->count;
}

/* The least grave, of those the last. */
static size_t least_entry(const struct report *report)
{
	size_t least = 0;

	for (size_t i = 0; i < report->count; i++)
		if (report->entries[i]->severity <= report->entries[least]->severity)
			least = i;
	return least;
}

static void replace_entry(struct report *report, size_t index, const struct join *join,
			  const struct finding *finding)
{
	struct report_entry *entry = report_entry_new(report, join, finding);

	if (!entry) {
		report->dropped++;
		return;
	}
	if (index == report->count)
		report->count++;
	else
		report_entry_free(report->entries[index]);
	report->entries[index] = entry;
}

static void add_entry(struct report *report, const struct join *join, const struct finding *finding)
{
	size_t index = report->count;

	if (report->count == REPORT_ENTRIES_MAX) {
		report->dropped++;
		index = least_entry(report);
		if (report->entries[index]->severity >= finding->severity)
			return;
	}
	replace_entry(report, index, join, finding);
}

static void remove_entry(struct report *report, size_t index)
{
	report_entry_free(report->entries[index]);
	report->entries[index] = report->entries[--report->count];
}

/* A repeat: the first stays as the example, with their number and the time of the last. */
static void note_repeat(const struct report *report, struct report_entry *entry,
			const struct join *join, const struct finding *finding)
{
	struct text last = text_of(entry->last_time);

	if (entry->source != report->sources_count) { /* another recording counts anew */
		entry->source = report->sources_count;
		entry->total_before = entry->total;
	}
	entry->total = entry->total_before + finding->total;
	say_time(&last, join, finding->time_ns, report->utc);
}

static void report_finding(struct sink *sink, const struct join *join,
			   const struct finding *finding)
{
	struct report *report = sink->state;
	size_t index = find_entry(report, finding);
	struct report_entry *known = index < report->count ? report->entries[index] : NULL;

	if (finding->state == FINDING_CLEARED) {
		if (known && known->state == FINDING_PENDING)
			remove_entry(report, index);
	} else if (!known) {
		add_entry(report, join, finding);
	} else if (known->state == FINDING_PENDING) {
		replace_entry(report, index, join, finding);
	} else if (finding->state == FINDING_FINAL) {
		note_repeat(report, known, join, finding);
	}
}

static void report_summary(struct sink *sink, const struct join *join,
			   const struct summary *summary)
{
	struct report *report = sink->state;

	for (int i = 0; i < SEVERITY_COUNT; i++)
		report->findings[i] += summary->findings[i];
	if (report->sources_count < REPORT_SOURCES_MAX)
		report_source_fill(&report->sources[report->sources_count], join, summary,
				   report->utc);
	report->sources_count++;
	report_rings_clear(report);
}

/* ---- the end ---- */

/* The gravest first, of those the oldest. */
static int compare_entries(const void *a, const void *b)
{
	const struct report_entry *left = *(struct report_entry *const *)a;
	const struct report_entry *right = *(struct report_entry *const *)b;

	if (left->severity != right->severity)
		return left->severity > right->severity ? -1 : 1;
	return (left->ts_ns > right->ts_ns) - (left->ts_ns < right->ts_ns);
}

/* Of the first time told: summer has another one. */
static void name_zone(struct report *report)
{
	time_t now = report->count ? (time_t)(report->entries[0]->ts_ns / NS_PER_S) : 0;
	struct tm tm;

	if (report->utc || !localtime_r(&now, &tm) ||
	    !strftime(report->zone, sizeof(report->zone), "%Z (%z)", &tm))
		strcpy(report->zone, "UTC");
}

static int write_report(struct sink *sink, void (*write)(const struct report *report, FILE *file))
{
	struct report *report = sink->state;
	FILE *file = sink->options.file;
	int err;

	qsort(report->entries, report->count, sizeof(report->entries[0]), compare_entries);
	name_zone(report);
	errno = 0;
	write(report, file);
	fflush(file);
	err = ferror(file) ? (errno ? -errno : -EIO) : 0;
	clearerr(file);
	report_free(report);
	return err;
}

static int close_html(struct sink *sink)
{
	return write_report(sink, report_write_html);
}

static int close_markdown(struct sink *sink)
{
	return write_report(sink, report_write_markdown);
}

const struct sink_ops sink_html_ops = {
	.open = report_open,
	.close = close_html,
	.record = report_record,
	.finding = report_finding,
	.summary = report_summary,
};

const struct sink_ops sink_markdown_ops = {
	.open = report_open,
	.close = close_markdown,
	.record = report_record,
	.finding = report_finding,
	.summary = report_summary,
};
