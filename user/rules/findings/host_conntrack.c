// SPDX-License-Identifier: GPL-2.0-or-later
/* host_conntrack.c - the table of connections (conntrack) is full */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* Our SYN or the answer to it; NULL: neither was dropped. */
static const struct drop_seen *dropped(const struct opening *opening)
{
	if (opening->drop_out.count)
		return &opening->drop_out;
	return look_reply_dropped(opening) ? &opening->drop_in : NULL;
}

/* Where a rule could have done the same. */
static __u32 hooks_of(const struct opening *opening, const struct drop_seen *drop)
{
	if (drop->netns != opening->netns)
		return WORDS_HOOKS_EITHER;
	return drop == &opening->drop_out ? WORDS_HOOKS_OUT : WORDS_HOOKS_IN;
}

static bool match_conntrack_full(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	const struct drop_seen *drop = dropped(opening);
	const struct ev_fact *entries = drop ? look_conntrack_full(view, drop) : NULL;

	if (!entries || opening->established_ns || opening->refused_here || opening->full.seen ||
	    (!look_unanswered(view) && opening->error != EPERM))
		return false;
	guess->confidence =
		entries->number >= entries->limit && look_no_rule(view, hooks_of(opening, drop)) ?
			CONFIDENCE_CERTAIN :
			CONFIDENCE_LIKELY;
	return true;
}

static void add_fill(struct text *text, const struct view *view)
{
	const struct ev_fact *fact;
	const char *joint = "; of ";

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++) {
		bool source = !strcmp(fact->name, FACT_CONNTRACK "source");

		if (strncmp(fact->name, FACT_CONNTRACK, strlen(FACT_CONNTRACK)) != 0 ||
		    (fact->flags & FACT_F_ABSENT) || !fact->limit ||
		    !strcmp(fact->name, FACT_CONNTRACK_ENTRIES))
			continue;
		if (*joint == ';')
			text_add(text, "; of %lld looked at ", fact->limit);
		else
			text_add(text, ", ");
		joint = "";
		text_add(text, "%lld are %s", fact->number, source ? "from " : "in ");
		if (source)
			address_print(text, fact->address);
		else
			text_add_foreign(text, fact->name + strlen(FACT_CONNTRACK),
					 sizeof(fact->name) - strlen(FACT_CONNTRACK));
	}
}

static void tell_conntrack_full(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct drop_seen *drop = dropped(opening);
	const struct ev_fact *entries = look_conntrack_full(view, drop);
	const char *reason = look_drop_reason(view->join, drop);
	const char *place = look_drop_place(view->join, drop);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "this host dropped ");
	if (drop == &opening->drop_out)
		words_count(&what, drop->count, "SYN", "SYNs");
	else
		text_add(&what, "the answer to the SYN");
	if (reason || place)
		text_add(&what, " (%s%s%s)", reason ? reason : "", reason && place ? " in " : "",
			 place ? place : "");
	words_in_netns(&what, view->join, drop->netns);
	words_end(&what, view);
	text_add(&why, "the table of connections (conntrack) of ");
	words_netns(&why, view->join, drop->netns);
	text_add(&why, " is full: %lld of %lld", entries->number, entries->limit);
	add_fill(&why, view);
	check = words_check(view, finding, drop->netns);
	text_add(&check.run,
		 "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
	words_check_end(&check, "how full it is now");
	check = words_check(view, finding, drop->netns);
	text_add(&check.run, "sysctl -ar 'net.netfilter.nf_conntrack.*timeout'");
	words_check_end(&check,
			"how long an entry stays; to change: net.netfilter.nf_conntrack_max, "
			"or what makes so many");
}

static void want_where_dropped(const struct view *view, struct fact_request *wanted)
{
	const struct drop_seen *drop = dropped(view->opening);

	if (!drop || !drop->netns || drop->netns == view->opening->netns)
		return;
	wanted->netns = drop->netns;
	wanted->pid = 0;
}

static bool decide_always(const struct verdict *verdict)
{
	return verdict->rule;
}

const struct rule rule_host_conntrack_full = {
	.id = "host-conntrack-full",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_conntrack_full,
	.tell = tell_conntrack_full,
	.facts = BIT(FACT_COUNTER) | BIT(FACT_RULESET),
	.decide = decide_always,
	.want = want_where_dropped,
	.counters = { FACT_CONNTRACK_ENTRIES },
	.means = "the table of connections (conntrack) is full: new connections are dropped",
	.evidence =
		"our SYN or its answer was dropped by the packet filter's hooks, not by a rule of nftables, in a namespace whose table has as many entries as it may. Certain only where no rule that drops could have met it either; nine tenths full, with packets that found no entry counted there: likely",
	.gate = "a table that is not full leaves it to local-firewall, local-forward-dropped and connect-reply-dropped",
	.general_check =
		"sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; which source has so many entries",
	.kernels = "drop with reason: 5.17 on, before: nf_hook_slow as its place",
};
