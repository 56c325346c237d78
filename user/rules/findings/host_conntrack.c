// SPDX-License-Identifier: GPL-2.0-or-later
/* host_conntrack.c - conntrack has no room: in its table, or among the ports that NAT may give out */

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
	words_conntrack_fill(&why, view);
	check = words_check(view, finding, drop->netns);
	text_add(&check.run,
		 "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
	words_check_end(&check, "how full it is now");
	words_check_conntrack(view, finding, drop->netns);
}

/* ---- host-nat-ports-exhausted ---- */

/* Who has the port that NAT gave our SYN at last; NULL: nobody, or that is not known. */
static const struct ev_fact *ports_of(const struct view *view)
{
	const struct drop_seen *drop = &view->opening->drop_out;
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++)
		if (!(fact->flags & FACT_F_ABSENT) && !strcmp(fact->name, FACT_CONNTRACK_PORTS) &&
		    attempt_fact_netns(view->join, fact) == drop->netns)
			return fact->number && !address_is_any(fact->address) ? fact : NULL;
	return NULL;
}

/*
 * NAT tries some ports and takes the last one though it is another's; the packet is dropped where
 * its entry would have been made (nf_conntrack_confirm()), after the last of postrouting's rules.
 */
static bool match_nat_ports(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *ports;

	if (!opening->drop_out.count || !look_drop_is_hook(view->join, &opening->drop_out) ||
	    !look_translated(opening) || opening->established_ns || opening->refused_here ||
	    opening->full.seen || (!look_unanswered(view) && opening->error != EPERM))
		return false;
	ports = ports_of(view);
	if (!ports)
		return false;
	guess->confidence =
		ports->number >= ports->limit && !look_ruleset(view, FILTER_HOOK_POSTROUTING) ?
			CONFIDENCE_CERTAIN :
			CONFIDENCE_LIKELY;
	return true;
}

static void add_ports(struct text *text, const struct ev_fact *ports,
		      const struct event_tuple *packet)
{
	text_add(text, " found no free port: ");
	if (ports->number >= ports->limit)
		text_add(text, ports->number == 1 ? "port %u" : "all of %u to %lld", ports->port,
			 ports->port + ports->limit - 1);
	else
		text_add(text, "%lld of %u to %lld", ports->number, ports->port,
			 ports->port + ports->limit - 1);
	text_add(text, " at ");
	address_print(text, packet->local);
	text_add(text, ports->number == 1 ? " is in use towards " : " are in use towards ");
	address_print_port(text, packet->remote, packet->remote_port);
	if (ports->number == 1)
		text_add(text, ", by ");
	else
		text_add(text, ", %u by ", packet->local_port);
	address_print(text, ports->address);
}

static void tell_nat_ports(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct drop_seen *drop = &opening->drop_out;
	const char *reason = look_drop_reason(view->join, drop);
	const char *place = look_drop_place(view->join, drop);
	struct event_tuple packet = look_stopped(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "this host dropped ");
	words_count(&what, drop->count, "SYN", "SYNs");
	if (reason || place)
		text_add(&what, " (%s%s%s)", reason ? reason : "", reason && place ? " in " : "",
			 place ? place : "");
	words_in_netns(&what, view->join, drop->netns);
	text_add(&what, " behind NAT, as from ");
	address_print_port(&what, packet.local, packet.local_port);
	words_end(&what, view);
	text_add(&why, "NAT of ");
	words_netns(&why, view->join, drop->netns);
	add_ports(&why, ports_of(view), &packet);
	check = words_check(view, finding, drop->netns);
	text_add(&check.run, "conntrack -L -p tcp --orig-port-dst %u -r ", packet.remote_port);
	address_print(&check.run, packet.remote);
	words_check_end(&check, "whose connections have the ports, and in which state");
	check = words_check(view, finding, drop->netns);
	text_add(&check.run, "nft list ruleset");
	words_check_end(&check, "the range that masquerade or snat may use; to change: a wider "
				"range, or more addresses to translate to");
}

static void want_where_dropped(const struct view *view, struct fact_request *wanted)
{
	const struct drop_seen *drop = dropped(view->opening);

	if (!drop || !drop->netns || drop->netns == view->opening->netns)
		return;
	wanted->netns = drop->netns;
	wanted->pid = 0;
}

static bool quotes_entries(const struct ev_fact *fact)
{
	return fact->what == FACT_COUNTER && strcmp(fact->name, FACT_CONNTRACK_PORTS) != 0;
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
	.quotes = quotes_entries,
	.decide = look_decide_always,
	.want = want_where_dropped,
	.counters = { FACT_CONNTRACK_ENTRIES, FACT_CONNTRACK_PORTS },
	.means = "the table of connections (conntrack) is full: new connections are dropped",
	.evidence =
		"our SYN or its answer was dropped by the packet filter's hooks, not by a rule of nftables, in a namespace whose table has as many entries as it may. Certain only where no rule that drops could have met it either; nine tenths full, with packets that found no entry counted there: likely",
	.gate = "a table that is not full leaves it to local-firewall, local-forward-dropped and connect-reply-dropped",
	.general_check =
		"sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; which source has so many entries",
	.kernels = "drop with reason: 5.17 on, before: nf_hook_slow as its place",
};

const struct rule rule_host_nat_ports_exhausted = {
	.id = "host-nat-ports-exhausted",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_nat_ports,
	.tell = tell_nat_ports,
	.facts = BIT(FACT_COUNTER) | BIT(FACT_RULESET),
	.decide = look_decide_always,
	.want = want_where_dropped,
	.counters = { FACT_CONNTRACK_ENTRIES, FACT_CONNTRACK_PORTS },
	.means =
		"masquerade or SNAT found no free port: new connections to that address are dropped",
	.evidence =
		"our SYN was dropped by the packet filter's hooks after source NAT of this machine had given it an address and a port, and the table of connections (conntrack) of that namespace has this port towards this destination for somebody else. Certain only where every port from the lowest to the highest in use is taken and no rule is known that drops in postrouting",
	.gate = "a port that nobody has leaves it to local-firewall and local-forward-dropped",
	.general_check =
		"conntrack -L; the port range and the addresses of masquerade or snat in nft list ruleset",
	.kernels = "drop with reason: 5.17 on, before: nf_hook_slow as its place",
};
