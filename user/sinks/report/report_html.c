// SPDX-License-Identifier: GPL-2.0-or-later
/* report_html.c - a report as one page: no script, nothing fetched, every text escaped */

#include <string.h>

#include "sinks/report/report.h"
#include "sinks/report/report_style.h"
#include "util/array.h"

static const char *const mark_classes[] = {
	[MARK_PLAIN] = "",	 [MARK_AGAIN] = "again", [MARK_RESET] = "reset",
	[MARK_STOPPED] = "stop", [MARK_FAILED] = "stop", [MARK_WINDOW] = "win",
	[MARK_ODD] = "odd",
};
_Static_assert(ARRAY_SIZE(mark_classes) == MARK_COUNT, "a class for every mark");

/* <@tag>@text</@tag>: @tag is ours, @text anyone's; none if empty */
static void put(FILE *file, const char *tag, const char *text)
{
	if (!text[0])
		return;
	fprintf(file, "<%s>", tag);
	report_put_html(file, text);
	fprintf(file, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

static void put_row(FILE *file, const char *name, const char *text)
{
	if (!text[0])
		return;
	fprintf(file, "<tr><th scope=\"row\">%s</th><td>", name);
	report_put_html(file, text);
	fputs("</td></tr>\n", file);
}

static void put_head(FILE *file, const struct report *report)
{
	/* even if something slipped through: no script runs, and nothing is fetched */
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"generator\" content=\"sockwhy " SOCKWHY_VERSION "\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>Connection report: ",
	      file);
	report_put_html(file, report->subject);
	fprintf(file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", report_style);
	fputs("<h1>Connection report</h1>\n<p class=\"soft\">", file);
	report_put_html(file, report->subject);
	fputs("; times are ", file);
	report_put_html(file, report->zone);
	fputs("</p>\n", file);
}

/* ---- summary ---- */

static void put_tag(FILE *file, const struct report_entry *entry)
{
	const char *severity = severity_name(entry->severity);

	fprintf(file, "<span class=\"tag %s\">%s</span>", severity, severity);
	if (entry->state == FINDING_PENDING)
		fputs(" <span class=\"soft\">still waiting</span>", file);
}

static void put_overview(FILE *file, const struct report *report)
{
	if (!report->count)
		return;
	fputs("<div class=\"scroll\"><table class=\"overview\">\n<caption>Findings, the gravest first</caption>\n"
	      "<thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Severity</th>"
	      "<th scope=\"col\">Finding</th><th scope=\"col\">Connection</th>"
	      "<th scope=\"col\">What happened</th><th scope=\"col\">Cause</th></tr></thead>\n<tbody>\n",
	      file);
	for (size_t i = 0; i < report->count; i++) {
		const struct report_entry *entry = report->entries[i];

		fprintf(file, "<tr><td>%zu</td><td>", i + 1);
		put_tag(file, entry);
		fprintf(file, "</td><td><a href=\"#f%zu\">%s</a>", i + 1, rule_id(entry->rule));
		if (entry->total > 1)
			fprintf(file, " ×%llu", entry->total);
		fputs("</td><td class=\"mono\">", file);
		report_put_html(file, entry->connection);
		fputs("</td><td>", file);
		report_put_html(file, entry->summary);
		fprintf(file, "</td><td>%s: ", confidence_name(entry->confidence));
		report_put_html(file, entry->cause);
		fputs("</td></tr>\n", file);
	}
	fputs("</tbody></table></div>\n", file);
}

static void put_sources(FILE *file, const struct report *report)
{
	size_t kept = report->sources_count < REPORT_SOURCES_MAX ? report->sources_count :
								   REPORT_SOURCES_MAX;

	fputs("<div class=\"scroll\"><table>\n<caption>What was looked at</caption>\n<thead><tr>"
	      "<th scope=\"col\">From</th><th scope=\"col\">For</th><th scope=\"col\">Host</th>"
	      "<th scope=\"col\">Seen</th><th scope=\"col\">Missing</th></tr></thead>\n<tbody>\n",
	      file);
	for (size_t i = 0; i < kept; i++) {
		const struct report_source *source = &report->sources[i];
		char seen[160], gaps[400];
		struct text seen_text = text_of(seen), gaps_text = text_of(gaps);

		report_say_seen(&seen_text, source);
		report_say_gaps(&gaps_text, source);
		fputs("<tr><td>", file);
		report_put_html(file, source->from);
		fputs("</td><td>", file);
		report_put_html(file, source->duration);
		fputs("</td><td>", file);
		report_put_html(file, source->capture ? "a capture" : source->host);
		if (source->release[0])
			fputs(", Linux ", file);
		report_put_html(file, source->release);
		fputs("</td><td>", file);
		report_put_html(file, seen);
		fputs("</td><td>", file);
		report_put_html(file, gaps[0] ? gaps : "nothing, as far as is known");
		fputs("</td></tr>\n", file);
	}
	fputs("</tbody></table></div>\n", file);
	if (report->sources_count > kept)
		fprintf(file, "<p class=\"soft\">Left out: %zu more recordings.</p>\n",
			report->sources_count - kept);
}

static void put_summary(FILE *file, const struct report *report)
{
	char counts[120];
	struct text text = text_of(counts);

	report_say_counts(&text, report);
	fputs("<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n", file);
	fprintf(file, "<p class=\"lead\"><strong>%s.</strong> ", counts);
	if (report->count > 1)
		fputs("The gravest first: ", file);
	if (report->count)
		report_put_html(file, report->entries[0]->summary);
	else
		fputs("In what was looked at, nothing failed that sockwhy has a rule for", file);
	fputs(".</p>\n", file);
	put_overview(file, report);
	if (report->sources_count)
		put_sources(file, report);
	else
		fputs("<p>Nothing could be read.</p>\n", file);
	fputs("</section>\n", file);
}

/* ---- findings ---- */

static void put_step(FILE *file, const struct report_step *step, bool frames)
{
	if (step->skipped)
		fprintf(file,
			"<tr class=\"gap\"><td colspan=\"%d\">%u packet%s of this connection not "
			"shown</td></tr>\n",
			frames ? 6 : 5, step->skipped, step->skipped == 1 ? "" : "s");
	fputs("<tr><td class=\"time mono\">", file);
	report_put_html(file, step->offset);
	fprintf(file, "</td><td>%s</td><td>%s</td><td class=\"mono\">", step->layer,
		report_step_arrow(step));
	report_put_html(file, step->text);
	fprintf(file, "</td><td class=\"%s\">", mark_classes[step->mark]);
	report_put_html(file, report_step_note(step));
	fputs("</td>", file);
	if (frames && step->frame)
		fprintf(file, "<td class=\"number\">%llu</td>", step->frame);
	else if (frames)
		fputs("<td></td>", file);
	fputs("</tr>\n", file);
}

static void put_steps(FILE *file, const struct report_entry *entry)
{
	bool frames = false;

	for (size_t i = 0; i < entry->steps_count; i++)
		frames |= entry->steps[i].frame != 0;
	if (!entry->steps_count)
		return;
	fprintf(file,
		"<div class=\"scroll\"><table class=\"steps\">\n<caption>What was seen, from the "
		"begin on%s</caption>\n<thead><tr><th scope=\"col\">Time</th>"
		"<th scope=\"col\">Where</th><th scope=\"col\"><span aria-label=\"direction\">⇄</span>"
		"</th><th scope=\"col\">What</th><th scope=\"col\">Note</th>%s</tr></thead>\n<tbody>\n",
		entry->points_count ? "; sequence numbers count from each side’s first" : "",
		frames ? "<th scope=\"col\">Frame</th>" : "");
	for (size_t i = 0; i < entry->steps_count; i++)
		put_step(file, &entry->steps[i], frames);
	fputs("</tbody></table></div>\n", file);
	if (entry->omitted)
		fprintf(file, "<p class=\"soft\">%llu more pieces of evidence were not kept.</p>\n",
			entry->omitted);
}

static void put_pictures(FILE *file, const struct report_entry *entry, size_t number)
{
	if (number > REPORT_DRAWN_MAX) {
		fprintf(file,
			"<p class=\"soft\">Not drawn: a report has pictures of its %d gravest "
			"findings.</p>\n",
			REPORT_DRAWN_MAX);
		return;
	}
	if (!entry->steps_count)
		return;
	fputs("<figure>", file);
	report_draw_ladder(file, entry, number);
	fprintf(file, "<figcaption>%s, time running down.</figcaption></figure>\n",
		entry->points_count ? "Packet by packet, with what the sockets said between" :
				      "What was seen, step by step");
	if (report_draw_graph(file, entry, number) && entry->packets > entry->points_count)
		fprintf(file,
			"<p class=\"soft\">The connection had %u packets; the picture has %zu of "
			"them, all kinds of trouble first.</p>\n",
			entry->packets, entry->points_count);
}

static void put_lists(FILE *file, const struct report_entry *entry)
{
	for (size_t i = 0; i < entry->related_count; i++)
		put_row(file, "Involved", entry->related[i]);
	for (size_t i = 0; i < entry->facts_count; i++)
		put_row(file, "This host", entry->facts[i]);
	put_row(file, "Path", entry->path);
	put_row(file, "Scope", entry->scope);
	for (size_t i = 0; i < entry->changed_count; i++)
		put_row(file, "Changed", entry->changed[i]);
	put_row(file, "Not in sight", entry->blind);
	put_row(file, "Meaning", rule_means(entry->rule));
}

/* What happened, why, what to check, and what was seen: one place for each. */

static void put_cause(FILE *file, const struct report_entry *entry)
{
	fprintf(file, "<p><strong>%s:</strong> ", confidence_name(entry->confidence));
	report_put_html(file, entry->cause);
	fputs("</p>\n", file);
}

static void put_checks(FILE *file, const struct report_entry *entry)
{
	fputs("<h4>Check</h4>\n", file);
	for (size_t i = 0; i < entry->checks_count; i++) {
		const struct check *check = &entry->checks[i];
		const char *on = report_check_on(entry, check);

		fputs("<p>", file);
		if (on) {
			fputs("On ", file);
			report_put_html(file, on);
			fputs(check->why[0] ? ": " : ":", file);
		}
		report_put_html(file, check->why[0] ? check->why : on ? "" : "Look at:");
		fputs("</p>\n", file);
		if (check->run[0])
			put(file, "pre", check->run);
	}
	if (!entry->checks_count)
		put(file, "p", rule_check(entry->rule));
}

static void put_finding(FILE *file, const struct report_entry *entry, size_t number)
{
	char repeats[120] = "";
	struct text text = text_of(repeats);

	if (entry->total > 1)
		text_add(&text, "%llu times, the last at %s; the first is shown", entry->total,
			 entry->last_time);
	fprintf(file,
		"<section class=\"finding %s\" id=\"f%zu\" aria-labelledby=\"h%zu\">\n"
		"<h3 id=\"h%zu\">%zu. %s ",
		severity_name(entry->severity), number, number, number, number,
		rule_id(entry->rule));
	put_tag(file, entry);
	fputs("</h3>\n", file);
	put(file, "p", entry->summary);
	put_cause(file, entry);
	fputs("<div class=\"scroll\"><table class=\"facts\">\n<tbody>\n", file);
	put_row(file, "Time", entry->time);
	put_row(file, "Process", entry->owner);
	put_row(file, "Connection", entry->connection);
	put_row(file, entry->ended ? "Ended" : "Took", entry->end);
	put_row(file, "Repeated", repeats);
	put_row(file, "Told before as", entry->instead);
	put_lists(file, entry);
	fputs("</tbody></table></div>\n", file);
	put_checks(file, entry);
	fputs("<h4>Evidence</h4>\n", file);
	put_pictures(file, entry, number);
	put_steps(file, entry);
	fputs("</section>\n", file);
}

static void put_findings(FILE *file, const struct report *report)
{
	if (!report->count)
		return;
	fputs("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n"
	      "<p class=\"soft\">How sure a cause is: <em>certain</em> rests on what a kernel itself said, "
	      "<em>likely</em> also on what other machines sent, <em>possible</em> on less. The first command of "
	      "each check only reads; one that changes something begins with “to change:”.</p>\n",
	      file);
	for (size_t i = 0; i < report->count; i++)
		put_finding(file, report->entries[i], i + 1);
	if (report->dropped)
		fprintf(file,
			"<p>Left out: %llu more finding%s; a report tells the %d gravest kinds.</p>\n",
			report->dropped, report->dropped == 1 ? "" : "s", REPORT_ENTRIES_MAX);
	fputs("</section>\n", file);
}

/* ---- actions ---- */

static void put_actions(FILE *file)
{
	fputs("<section aria-labelledby=\"actions\">\n<h2 id=\"actions\">Actions taken</h2>\n"
	      "<p class=\"soft\">To be filled in.</p>\n"
	      "<table class=\"fill\">\n<thead><tr><th scope=\"col\">When</th>"
	      "<th scope=\"col\">Who</th><th scope=\"col\">What was done</th>"
	      "<th scope=\"col\">Result</th></tr></thead>\n<tbody>\n",
	      file);
	for (int i = 0; i < 4; i++)
		fputs("<tr><td></td><td></td><td></td><td></td></tr>\n", file);
	fputs("</tbody></table>\n</section>\n", file);
}

void report_write_html(const struct report *report, FILE *file)
{
	put_head(file, report);
	put_summary(file, report);
	put_findings(file, report);
	put_actions(file);
	fputs("</main>\n<footer class=\"soft\"><p>Made by sockwhy " SOCKWHY_VERSION
	      ". Texts from the wire and of processes are shown as they came, with control "
	      "characters spelled out.</p></footer>\n</body>\n</html>\n",
	      file);
}
