// SPDX-License-Identifier: GPL-2.0-or-later
/* say_fact.c - facts of this host and what changed on it in words, and which of the facts have been said */

#include <ctype.h>
#include <string.h>

#include "sinks/sink.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

/* "/run/mysqld directory 0700 of uid 110, gid 110", "/run/mysqld ENOENT" */
static void say_unix_path(struct text *text, const struct ev_fact *fact)
{
	text_add(text, " ");
	text_add_foreign(text, fact->text, sizeof(fact->text));
	if (fact->name[0]) {
		text_add(text, " ");
		text_add_foreign(text, fact->name, sizeof(fact->name));
		text_add(text, " %04llo of uid %lld, gid %u", (unsigned long long)fact->number,
			 fact->limit, fact->pid);
	}
	if (fact->error)
		text_add(text, " %s", decode_errno_name(fact->error) ?: "refused");
}

/* The text of a fact as ip(8), sysctl(8) or ss(8) would say it; layer `host` of the evidence. */
void say_fact(struct text *text, const struct ev_fact *fact)
{
	const char *state = decode_state_name((unsigned int)fact->number);
	bool absent = fact->flags & FACT_F_ABSENT;
	size_t before;

	if (fact->what == FACT_SYSCTL) {
		text_add_foreign(text, fact->name, sizeof(fact->name));
		text_add(text, "=");
		text_add_foreign(text, absent ? "(absent)" : fact->text, sizeof(fact->text));
		return;
	}
	if (fact->what == FACT_COUNTER || fact->what == FACT_CAPABILITY) {
		text_add_foreign(text, fact->name, sizeof(fact->name));
		text_add(text, "=%lld", fact->number);
		if (fact->limit)
			text_add(text, " of %lld", fact->limit);
		if (!address_is_any(fact->address)) {
			text_add(text, " (");
			address_print(text, fact->address);
			text_add(text, ")");
		}
		if (fact->what == FACT_CAPABILITY && fact->pid)
			text_add(text, " of pid %u", fact->pid);
		return;
	}
	text_add(text, "%s", decode_fact_name(fact->what));
	if (absent) {
		text_add(text, ": none found");
		return;
	}
	if (fact->what == FACT_UNIX_PATH) {
		say_unix_path(text, fact);
		return;
	}
	before = text->length;
	if (fact->name[0]) {
		text_add(text, " ");
		text_add_foreign(text, fact->name, sizeof(fact->name));
	}
	if (fact->pid)
		text_add(text, "%s%u%s", text->length > before ? "[" : " pid ", fact->pid,
			 text->length > before ? "]" : "");
	if (fact->what == FACT_ADDRESS || fact->what == FACT_HOLDER ||
	    fact->what == FACT_LISTENER || !address_is_any(fact->address)) {
		text_add(text, " ");
		address_print_port(
			text, fact->address,
			fact->what == FACT_ADDRESS || fact->what == FACT_NEIGHBOR ? 0 : fact->port);
	}
	if (fact->what == FACT_ADDRESS)
		text_add(text, "/%lld", fact->number);
	else if ((fact->what == FACT_HOLDER || fact->what == FACT_LISTENER) && state)
		text_add(text, " %s", state);
	else if ((fact->what == FACT_OPEN_FILES || fact->what == FACT_UNIX_LISTENER) && fact->limit)
		text_add(text, ": %lld of %lld", fact->number, fact->limit);
	else if (fact->what == FACT_PORT_USE || fact->what == FACT_OPEN_FILES)
		text_add(text, ": %lld sockets", fact->number);
	if (fact->text[0]) {
		text_add(text, " ");
		text_add_foreign(text, fact->text, sizeof(fact->text));
	}
}

/* As a word of its own: "14" is none of "140" or "1.14". */
static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (!length)
		return false;
	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
		const char *end = at + length;
		bool begins =
			at == text || !(isalnum((unsigned char)at[-1]) || strchr("._-:=/", at[-1]));

		if (begins && !isalnum((unsigned char)*end) &&
		    !(strchr(".-:/", *end) && isalnum((unsigned char)end[1])))
			return true;
	}
	return false;
}

/* A small number stands in many a sentence: it is this one only beside its name. */
#define NUMBER_TELLS 10

static bool number_stands(const struct finding *finding, const struct ev_fact *fact)
{
	char buffer[24];
	struct text text = text_of(buffer);

	text_add(&text, "%lld", fact->number);
	return (fact->number >= NUMBER_TELLS || has_word(finding->cause, fact->name)) &&
	       has_word(finding->cause, buffer);
}

/* The cause quotes it already. */
static bool is_quoted(const struct finding *finding, const struct ev_fact *fact)
{
	char buffer[320];
	struct text text = text_of(buffer);

	switch (fact->what) {
	case FACT_SYSCTL:
		say_fact(&text, fact);
		return has_word(finding->cause, buffer);
	case FACT_COUNTER:
	case FACT_PORT_USE:
	case FACT_OPEN_FILES:
	case FACT_UNIX_LISTENER:
		return number_stands(finding, fact);
	case FACT_CAPABILITY:
		return has_word(finding->cause, fact->name);
	case FACT_ADDRESS:
		address_print(&text, fact->address);
		return has_word(finding->cause, buffer);
	case FACT_RULESET:
	case FACT_UNIX_PATH:
	case FACT_TASK_STATE:
		text_add_foreign(&text, fact->text, sizeof(fact->text));
		return buffer[0] && strstr(finding->cause, buffer);
	default:
		return false;
	}
}

bool say_fact_stands_above(const struct finding *finding, const struct ev_fact *fact)
{
	bool party = fact->what == FACT_HOLDER || fact->what == FACT_LISTENER;

	/* that nothing was found says nothing, but of a sysctl that this kernel lacks */
	if ((fact->flags & FACT_F_ABSENT) && fact->what != FACT_SYSCTL)
		return true;
	return (finding->related_count && party) || is_quoted(finding, fact);
}

/* ---- what changed ---- */

const char *say_change(const struct change *change)
{
	static const char *const names[] = {
		[CHANGE_ROUTE] = "route",	[CHANGE_ADDRESS] = "address",
		[CHANGE_LINK] = "link",		[CHANGE_RULESET] = "ruleset",
		[CHANGE_LISTENER] = "listener",
	};
	_Static_assert(ARRAY_SIZE(names) == CHANGE_COUNT, "a word for every change");

	return change->what < CHANGE_COUNT ? names[change->what] : "other";
}

void say_changed(struct text *text, const struct join *join, const struct finding *finding,
		 const struct change *change)
{
	const size_t begin = text->length;

	if (finding->started_ns > change->ts_ns) {
		say_duration(text, (finding->started_ns - change->ts_ns) / NS_PER_US);
		text_add(text, " before");
	}
	if (change->netns != finding->netns) {
		text_add(text, "%sin ", text->length > begin ? " " : "");
		if (change->netns == join_netns_own(join))
			text_add(text, "this host's own namespace");
		else
			text_add(text, "namespace ");
		if (change->netns != join_netns_own(join))
			say_namespace(text, join, change->netns);
	}
	if (text->length > begin)
		text_add(text, ": ");
	/* the others say themselves what happened */
	if (change->what == CHANGE_ROUTE || change->what == CHANGE_ADDRESS)
		text_add(text, "%s %s: ", say_change(change),
			 change->removed ? "removed" : "added");
	text_add_foreign(text, change->text, sizeof(change->text));
}
