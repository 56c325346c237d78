// SPDX-License-Identifier: GPL-2.0-or-later
/* report_markdown.c - a report as Markdown (CommonMark with tables); time-sequences are tables */

#include <string.h>

#include "sinks/report/report.h"

static void put_item(FILE *file, const char *name, const char *text)
{
	if (!text[0])
		return;
	fprintf(file, "- **%s**: ", name);
	report_put_markdown(file, text);
	fputc('\n', file);
}

static void put_cell(FILE *file, const char *text)
{
	fputs(" ", file);
	report_put_markdown(file, text);
	fputs(" |", file);
}

static void put_heading(FILE *file, const struct report_entry *entry, size_t number)
{
	fprintf(file, "### %zu. %s (%s%s) ", number, rule_id(entry->rule),
		severity_name(entry->severity),
		entry->state == FINDING_PENDING ? ", still waiting" : "");
	report_put_markdown(file, entry->connection);
	fputs("\n\n", file);
}

/* ---- summary ---- */

static void put_overview(FILE *file, const struct report *report)
{
	if (!report->count)
		return;
	fputs("| No. | Severity | Finding | Times | Connection | What happened | Cause |\n"
	      "|---:|---|---|---:|---|---|---|\n",
	      file);
	for (size_t i = 0; i < report->count; i++) {
		const struct report_entry *entry = report->entries[i];

		fprintf(file, "| %zu | %s | %s | %llu |", i + 1, severity_name(entry->severity),
			rule_id(entry->rule), entry->total);
		put_cell(file, entry->connection);
		put_cell(file, entry->summary);
		fprintf(file, " %s:", confidence_name(entry->confidence));
		put_cell(file, entry->cause);
		fputc('\n', file);
	}
	fputc('\n', file);
}

static void put_sources(FILE *file, const struct report *report)
{
	fputs("What was looked at:\n\n| From | For | Host | Seen | Missing |\n|---|---|---|---|---|\n",
	      file);
	for (size_t i = 0; i < report->sources_count && i < REPORT_SOURCES_MAX; i++) {
		const struct report_source *source = &report->sources[i];
		char seen[160], gaps[400], host[200];
		struct text seen_text = text_of(seen), gaps_text = text_of(gaps);
		struct text host_text = text_of(host);

		report_say_seen(&seen_text, source);
		report_say_gaps(&gaps_text, source);
		text_add(&host_text, "%s%s%s", source->capture ? "a capture" : source->host,
			 source->release[0] ? ", Linux " : "", source->release);
		fputs("|", file);
		put_cell(file, source->from);
		put_cell(file, source->duration);
		put_cell(file, host);
		put_cell(file, seen);
		put_cell(file, gaps[0] ? gaps : "nothing, as far as is known");
		fputc('\n', file);
	}
	fputc('\n', file);
	if (report->sources_count > REPORT_SOURCES_MAX)
		fprintf(file, "Left out: %zu more recordings.\n\n",
			report->sources_count - REPORT_SOURCES_MAX);
}

static void put_summary(FILE *file, const struct report *report)
{
	char counts[120];
	struct text text = text_of(counts);

	report_say_counts(&text, report);
	fprintf(file, "## Summary\n\n**%s.** ", counts);
	if (report->count > 1)
		fputs("The gravest first: ", file);
	if (report->count)
		report_put_markdown(file, report->entries[0]->summary);
	else
		fputs("In what was looked at, nothing failed that sockwhy has a rule for", file);
	fputs(".\n\n", file);
	put_overview(file, report);
	if (report->sources_count)
		put_sources(file, report);
	else
		fputs("Nothing could be read.\n\n", file);
}

/* ---- findings ---- */

static void put_step(FILE *file, const struct report_step *step)
{
	if (step->skipped)
		fprintf(file, "| … | | | %u packet%s of this connection not shown | | |\n",
			step->skipped, step->skipped == 1 ? "" : "s");
	fputs("|", file);
	put_cell(file, step->offset);
	fprintf(file, " %s | %s |", step->layer, report_step_arrow(step));
	put_cell(file, step->text);
	put_cell(file, report_step_note(step));
	if (step->frame)
		fprintf(file, " %llu |\n", step->frame);
	else
		fputs(" |\n", file);
}

static void put_steps(FILE *file, const struct report_entry *entry)
{
	if (!entry->steps_count)
		return;
	fputs("#### Evidence\n\n→ is from ", file);
	report_put_markdown(file, entry->left);
	fputs(entry->points_count ? "; sequence numbers count from each side’s first.\n\n" :
				    ".\n\n",
	      file);
	fputs("| Time | Where | | What | Note | Frame |\n|---:|---|---|---|---|---:|\n", file);
	for (size_t i = 0; i < entry->steps_count; i++)
		put_step(file, &entry->steps[i]);
	fputc('\n', file);
	if (entry->omitted)
		fprintf(file, "%llu more pieces of evidence were not kept.\n\n", entry->omitted);
}

/* What happened, why, what to check, and what was seen: one place for each. */

static void put_cause(FILE *file, const struct report_entry *entry)
{
	fprintf(file, "**%s:** ", confidence_name(entry->confidence));
	report_put_markdown(file, entry->cause);
	fputs("\n\n", file);
}

static void put_checks(FILE *file, const struct report_entry *entry)
{
	fputs("#### Check\n\n", file);
	for (size_t i = 0; i < entry->checks_count; i++) {
		const struct check *check = &entry->checks[i];
		const char *on = report_check_on(entry, check);

		fputs(on ? "On " : "", file);
		report_put_markdown(file, on ? on : "");
		fputs(on ? ": " : "", file);
		report_put_markdown(file, check->why[0] || on ? check->why : "Look at:");
		fputs("\n\n", file);
		if (check->run[0])
			report_put_fenced(file, check->run);
		fputc('\n', file);
	}
	if (entry->checks_count)
		return;
	report_put_markdown(file, rule_check(entry->rule));
	fputs("\n\n", file);
}

static void put_finding(FILE *file, const struct report_entry *entry, size_t number)
{
	char repeats[120] = "";
	struct text text = text_of(repeats);

	if (entry->total > 1)
		text_add(&text, "%llu times, the last at %s; the first is shown", entry->total,
			 entry->last_time);
	put_heading(file, entry, number);
	report_put_markdown(file, entry->summary);
	fputs("\n\n", file);
	put_cause(file, entry);
	put_item(file, "Time", entry->time);
	put_item(file, "Process", entry->owner);
	put_item(file, entry->ended ? "Ended" : "Took", entry->end);
	put_item(file, "Repeated", repeats);
	put_item(file, "Told before as", entry->instead);
	for (size_t i = 0; i < entry->related_count; i++)
		put_item(file, "Involved", entry->related[i]);
	for (size_t i = 0; i < entry->facts_count; i++)
		put_item(file, "This host", entry->facts[i]);
	put_item(file, "Path", entry->path);
	put_item(file, "Scope", entry->scope);
	for (size_t i = 0; i < entry->changed_count; i++)
		put_item(file, "Changed", entry->changed[i]);
	put_item(file, "Not in sight", entry->blind);
	put_item(file, "Meaning", rule_means(entry->rule));
	fputc('\n', file);
	put_checks(file, entry);
	put_steps(file, entry);
}

void report_write_markdown(const struct report *report, FILE *file)
{
	fputs("# Connection report\n\n", file);
	report_put_markdown(file, report->subject);
	fputs("; times are ", file);
	report_put_markdown(file, report->zone);
	fputs("\n\n", file);
	put_summary(file, report);
	for (size_t i = 0; i < report->count; i++) {
		fputs(i ? "" :
			  "## Findings\n\nThe first command of each check only reads; one that "
			  "changes something begins with “to change:”.\n\n",
		      file);
		put_finding(file, report->entries[i], i + 1);
	}
	if (report->dropped)
		fprintf(file,
			"Left out: %llu more finding%s; a report tells the %d gravest kinds.\n\n",
			report->dropped, report->dropped == 1 ? "" : "s", REPORT_ENTRIES_MAX);
	fputs("## Actions taken\n\nTo be filled in.\n\n"
	      "| When | Who | What was done | Result |\n|---|---|---|---|\n"
	      "| | | | |\n| | | | |\n| | | | |\n\n",
	      file);
	fputs("Made by sockwhy " SOCKWHY_VERSION ".\n", file);
}
