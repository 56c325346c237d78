// SPDX-License-Identifier: GPL-2.0-or-later
/* top_findings.c - the newest findings, a group each, with their text */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/text.h"
#include "sinks/top/top_model.h"

int top_findings_open(struct top *top)
{
	top->file = open_memstream(&top->text, &top->text_size);
	return top->file ? 0 : -ENOMEM;
}

void top_findings_close(struct top *top)
{
	if (top->file)
		fclose(top->file);
	free(top->text);
	for (size_t i = 0; i < TOP_FINDINGS_MOST; i++)
		free(top->findings[i].text);
}

/* The text as `run` tells it: with every packet and state that is evidence. */
static char *make_text(struct top *top, const struct join *join, const struct finding *finding)
{
	struct sink sink = {
		.options = {
			.file = top->file,
			.ascii = top->options.ascii,
			.utc = top->options.utc,
			.timeline = true,
		},
	};

	rewind(top->file);
	text_tell_block(&sink, join, finding);
	if (fflush(top->file))
		return NULL;
	return strndup(top->text, top->text_size < TOP_TEXT_MOST ? top->text_size : TOP_TEXT_MOST);
}

static void say_clock(struct text *text, const struct join *join, __u64 ns, bool utc)
{
	char buffer[40];
	struct text time = text_of(buffer);

	if (!join_realtime_ns(join, ns)) {
		say_time(text, join, ns, utc);
		return;
	}
	say_daytime(&time, join, ns, utc);
	text_add(text, "%.8s", buffer); /* without parts of a second: the first line has the zone */
}

/* "curl[4121] → 10.0.0.2:8080: ECONNREFUSED after 0.33 ms; nothing listens on 8080 there" */
static void say_headline(struct text *text, const struct top *top, const struct join *join,
			 const struct finding *finding)
{
	bool client = subject_role_asks(finding->role);
	char buffer[200];
	struct text end = text_of(buffer);

	if (finding->did) {
		say_owner(text, finding);
		text_add(text, "%s", client ? (top->options.ascii ? " -> " : " → ") : " at ");
		say_target(text, finding);
		say_end(&end, finding);
		text_add(text, "%s%s", buffer[0] ? ": " : "", buffer);
	} else {
		text_headline(text, join, finding);
	}
	if (finding->cause[0])
		text_add(text, "; %s", finding->cause);
}

/* The entry of the same attempt, which waited, or of the same group; else the oldest. */
static struct top_finding *place_for(struct top *top, const struct finding *finding)
{
	struct top_finding *oldest = top->findings, *same = NULL;

	for (struct top_finding *at = top->findings; at < top->findings + TOP_FINDINGS_MOST; at++) {
		if (at->number < oldest->number)
			oldest = at;
		if (!at->number)
			continue;
		if (at->attempt == finding->attempt && at->state == FINDING_PENDING)
			return at;
		if (at->group == finding->group && at->state == finding->state)
			same = at;
	}
	if (same)
		return same;
	free(oldest->text);
	*oldest = (struct top_finding){ 0 };
	return oldest;
}

void top_findings_take(struct top *top, const struct join *join, const struct finding *finding,
		       const __u64 keys[TOP_TABLE_COUNT])
{
	struct top_finding *entry = place_for(top, finding);
	/* a group that fell idle is told without what its findings were proven with */
	bool poorer = entry->text && !finding->evidence_count && entry->rule == finding->rule &&
		      entry->state == finding->state;
	struct text text = text_of(entry->headline);
	char *words = poorer ? NULL : make_text(top, join, finding);

	entry->number = ++top->numbers;
	if (!entry->id)
		entry->id = entry->number;
	entry->group = finding->group;
	entry->attempt = finding->attempt;
	entry->time_ns = finding->time_ns;
	entry->total = finding->total;
	entry->rule = finding->rule;
	entry->severity = finding->severity;
	entry->state = finding->state;
	memcpy(entry->key, keys, sizeof(entry->key));
	say_headline(&text, top, join, finding);
	text = text_of(entry->time);
	say_clock(&text, join, finding->time_ns, top->options.utc);
	if (poorer)
		return;
	free(entry->text);
	entry->text = words;
}

void top_findings_count(struct top *top, __u64 group)
{
	for (size_t i = 0; i < TOP_FINDINGS_MOST; i++) {
		struct top_finding *entry = &top->findings[i];

		if (entry->number && entry->group == group && entry->state == FINDING_FINAL) {
			entry->total++;
			return;
		}
	}
}

const struct top_finding *top_finding_next(const struct top *top, size_t *at)
{
	while (*at < TOP_FINDINGS_MOST) {
		const struct top_finding *entry = &top->findings[(*at)++];

		if (entry->number)
			return entry;
	}
	return NULL;
}

const struct top_finding *top_finding_by_id(const struct top *top, __u64 id)
{
	for (size_t i = 0; i < TOP_FINDINGS_MOST; i++)
		if (top->findings[i].number && top->findings[i].id == id)
			return &top->findings[i];
	return NULL;
}
