// SPDX-License-Identifier: GPL-2.0-or-later
/* brief.c - findings for people, one line each; and the storms that every text has */

#include <errno.h>
#include <string.h>

#include "sinks/text.h"
#include "util/array.h"

#define BRIEF_COLUMNS 120 /* a wider terminal has room for more */
#define WHO_COLUMNS 40 /* a namespace's or unit's long name leaves room for the cause */

/* ---- storms ---- */

int text_open_storms(struct sink *sink)
{
	sink->state = storms_new();
	return sink->state ? 0 : -ENOMEM;
}

int text_close_storms(struct sink *sink)
{
	storms_free(sink->state);
	return 0;
}

/* "curl could not connect to 2503 destinations (10.0.0.1:80, …): 14597 failures since 10:29:51" */
void text_add_storm(const struct sink *sink, struct text *text, const struct join *join,
		    const struct storm *storm)
{
	text_add(text, "%s", storm->who);
	if (storm->did)
		text_add(text, " %s %s%u destinations", storm->did, storm->more ? "more than " : "",
			 storm->destinations);
	else
		text_add(text, ": %s at %s%u destinations", rule_id(storm->rule),
			 storm->more ? "more than " : "", storm->destinations);
	for (size_t i = 0; i < STORM_SHOWN; i++)
		text_add(text, "%s%s", i ? ", " : " (", storm->shown[i]);
	text_add(text, "%s): %llu in all since ", sink->options.ascii ? " ..." : " …",
		 storm->failures);
	say_since(text, join, storm->first_ns, sink->options.utc);
}

void text_count_storm(struct sink *sink, const struct join *join, const struct attempt *attempt,
		      const struct verdict *verdict, text_storm_fn *tell)
{
	const struct storm *storm;

	if (verdict->state != FINDING_FINAL)
		return;
	storm = storms_count(sink->state, rules_storm(join, attempt, verdict), attempt->due_ns);
	if (storm)
		tell(sink, join, storm);
}

void text_tell_storms(struct sink *sink, const struct join *join, text_storm_fn *tell)
{
	const struct storm *storm;

	while ((storm = storms_untold(sink->state)))
		tell(sink, join, storm);
}

/* ---- one line a finding ---- */

static void brief_begin(struct sink *sink, struct text *text, const struct join *join, __u64 ns,
			__u8 severity, const struct rule *rule)
{
	say_time(text, join, ns, sink->options.utc);
	text_add(text, " %s%s%s %s ", text_color(sink, text_severity_color(severity)),
		 severity_name(severity), text_color(sink, TEXT_PLAIN), rule_id(rule));
}

static void brief_storm(struct sink *sink, const struct join *join, const struct storm *storm)
{
	char buffer[1600];
	struct text text = text_of(buffer);

	brief_begin(sink, &text, join, storm->last_ns, storm->severity, storm->rule);
	text_add_storm(sink, &text, join, storm);
	fprintf(sink->options.file, "%s\n", buffer);
}

/* Cut to @columns, between two characters. */
static void add_cut(const struct sink *sink, struct text *text, const char *words, size_t columns)
{
	const char *more = sink->options.ascii ? "..." : "…", *at = words;
	size_t room = columns - (sink->options.ascii ? 3 : 1), column = 0;
	const char *fits = words;

	for (; *at; at++) {
		if (((unsigned char)*at & 0xc0) == 0x80)
			continue;
		if (column == room)
			fits = at;
		if (++column > columns)
			break;
	}
	if (*at)
		text_add(text, "%.*s%s", (int)(fits - words), words, more);
	else
		text_add(text, "%s", words);
}

/* "curl[4121] → 10.0.0.2:8080: " */
static void add_whereto(const struct sink *sink, struct text *text, const struct join *join,
			const struct finding *finding)
{
	bool client = subject_role_asks(finding->role);
	const char *arrow = sink->options.ascii ? " -> " : " → ";
	char buffer[600];
	struct text who = text_of(buffer);

	say_who(&who, join, finding);
	add_cut(sink, text, buffer, WHO_COLUMNS);
	text_add(text, "%s", !who.length ? "" : client ? arrow : " at ");
	say_target(text, finding);
	if (finding->state != FINDING_FINAL)
		text_add(text, " (%s)", finding_state_name(finding->state));
	if (finding->total > 1)
		text_add(text, " (%llu in all)", finding->total);
	text_add(text, ": ");
}

static void brief_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	size_t width = sink->options.width, columns = width > BRIEF_COLUMNS ? width : BRIEF_COLUMNS;
	char begin[120], buffer[1200], line[1200];
	struct text text = text_of(begin);
	size_t taken;

	if (storms_take(sink->state, finding))
		return;
	brief_begin(sink, &text, join, finding->time_ns, finding->severity, finding->rule);
	fputs(begin, sink->options.file);
	taken = text.length - strlen(text_color(sink, text_severity_color(finding->severity))) -
		strlen(text_color(sink, TEXT_PLAIN));
	text = text_of(buffer);
	add_whereto(sink, &text, join, finding);
	text_add(&text, "%s", finding->cause[0] ? finding->cause : finding->summary);
	text = text_of(line);
	add_cut(sink, &text, buffer, columns - taken);
	fprintf(sink->options.file, "%s\n", line);
}

static void brief_verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
			  const struct verdict *verdict, const struct finding *finding)
{
	(void)finding;
	text_count_storm(sink, join, attempt, verdict, brief_storm);
}

static int brief_end(struct sink *sink, const struct join *join)
{
	text_tell_storms(sink, join, brief_storm);
	return 0;
}

const struct sink_ops sink_brief_ops = {
	.open = text_open_storms,
	.close = text_close_storms,
	.event = text_event,
	.lost = text_lost,
	.heartbeat = text_heartbeat,
	.finding = brief_finding,
	.verdict = brief_verdict,
	.end = brief_end,
};
