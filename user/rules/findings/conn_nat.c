// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_nat.c - an established connection that NAT of this host translates, and a segment of it that it did not */

#include <linux/netfilter/nf_conntrack_common.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* The kernel's stamps are jiffies: 10 ms where it has the fewest. */
#define STAMP_NS (10 * NS_PER_MS)

static const struct flow *flow_of(const struct view *view)
{
	return &look_standing(view)->flow;
}

/* When the peer said or acknowledged something last: until then it had not heard of the reset, or did not believe it. */
static __u64 silent_from_ns(const struct view *view)
{
	const struct event_flow *counts = &flow_of(view)->counts;

	return ns_between(STAMP_NS, counts->heard_ns > counts->received_ns ? counts->heard_ns :
									     counts->received_ns);
}

/* One that shares an end with it: NAT gives one of them or both another address or port. */
static const struct bypass *near_bypass(const struct view *view)
{
	return join_bypass(view->join, &flow_of(view)->tuple, silent_from_ns(view), BYPASS_ONE_END);
}

/* What conntrack has of the connection; NULL: it was not asked, or has none. */
static const struct ev_fact *entry_of(const struct view *view)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++)
		if (!strcmp(fact->name, FACT_CONNTRACK_ENTRY))
			return fact->flags & FACT_F_ABSENT ? NULL : fact;
	return NULL;
}

/* The segment with the ends that NAT gave it, as conntrack says; NULL: none came. */
static const struct bypass *bypass_of(const struct view *view)
{
	const struct ev_fact *entry = entry_of(view);
	struct event_tuple tuple = { 0 };

	if (!entry || !(entry->number & IPS_NAT_MASK))
		return NULL;
	tuple.local_port = entry->port;
	tuple.remote_port = (__u16)entry->limit;
	memcpy(tuple.local, entry->address, sizeof(tuple.local));
	memcpy(tuple.remote, entry->address2, sizeof(tuple.remote));
	return join_bypass(view->join, &tuple, silent_from_ns(view), BYPASS_BOTH_ENDS);
}

/* By an error, or by a reset of what its process still had to say or to hear; or it is about to. */
static bool has_failed(const struct view *view)
{
	const struct flow *flow = flow_of(view);

	if (view->wake == WAKE_STALLED)
		return flow->counts.again_in_row >= view->thresholds->value[THRESHOLD_STUCK];
	return flow->error ||
	       (flow->reset_received &&
		(flow->counts.unacked_bytes || flow->counts.sent_ns > flow->counts.received_ns));
}

static bool match_bypassed(const struct view *view, struct guess *guess)
{
	if (!(flow_of(view)->known & EVENT_K_TIMES) || !has_failed(view))
		return false;
	guess->asks = !view->facts;
	return view->facts ? bypass_of(view) : near_bypass(view);
}

/* It came before the connection failed, and is told among what was seen of that. */
static void add_evidence(struct finding *finding, const struct evidence *evidence)
{
	size_t at = finding->evidence_count;

	if (at == ARRAY_SIZE(finding->evidence)) {
		finding->evidence_omitted++;
		return;
	}
	for (; at && finding->evidence[at - 1].ts_ns > evidence->ts_ns; at--)
		finding->evidence[at] = finding->evidence[at - 1];
	finding->evidence[at] = *evidence;
	finding->evidence_count++;
}

static void tell_bypassed(const struct view *view, struct finding *finding)
{
	const struct bypass *bypass = bypass_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;
	__u32 netns;

	netns = attempt_fact_netns(view->join, entry_of(view));
	words_count(&what, bypass->count, "segment", "segments");
	text_add(&what, " from ");
	address_print_port(&what, bypass->tuple.remote, bypass->tuple.remote_port);
	text_add(&what, " came to ");
	address_print_port(&what, bypass->tuple.local, bypass->tuple.local_port);
	words_in_netns(&what, view->join, bypass->netns);
	text_add(&what, ", where no socket has it, and %s reset",
		 bypass->count == 1 ? "was" : "were");
	text_add(&why, "NAT of ");
	words_netns(&why, view->join, netns);
	text_add(
		&why,
		" should have translated %s: its conntrack has this connection, but took %s for INVALID "
		"(mostly because it is outside of the window), and such pass as they are; the "
		"other side believed the reset and forgot the connection",
		bypass->count == 1 ? "it" : "them", bypass->count == 1 ? "it" : "them");
	if (look_sysctl(view, WORDS_BE_LIBERAL)) {
		text_add(&why, "; ");
		words_sysctl(&why, view, WORDS_BE_LIBERAL);
	}
	check = words_check(view, finding, netns);
	text_add(&check.run, "sysctl " WORDS_BE_LIBERAL);
	words_check_end(&check, "1: what is outside of the window belongs to its connection, too");
	check = words_check(view, finding, netns);
	text_add(&check.run, "nft list ruleset");
	words_check_end(&check, "whether packets of ct state invalid are dropped before they get "
				"to the host itself: then nobody resets");
	add_evidence(finding, bypass->evidence);
}

/* Source NAT is where the segment came to; another one leads here, most likely from the agent's own namespace. */
static void want_bypassed(const struct view *view, struct fact_request *wanted)
{
	const struct bypass *bypass = near_bypass(view);
	__u32 netns = bypass && bypass->netns != wanted->netns ? bypass->netns :
								 join_netns_own(view->join);

	wanted->tuple = flow_of(view)->tuple;
	if (!netns || netns == wanted->netns)
		return;
	wanted->netns = netns;
	wanted->pid = 0;
}

static bool quotes_liberal(const struct ev_fact *fact)
{
	return fact->what == FACT_SYSCTL && !strcmp(fact->name, WORDS_BE_LIBERAL);
}

const struct rule rule_conn_nat_bypassed = {
	.id = "conn-nat-bypassed",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.match_socket = match_bypassed,
	.tell_socket = tell_bypassed,
	.facts = BIT(FACT_SYSCTL) | BIT(FACT_COUNTER),
	.quotes = quotes_liberal,
	.want = want_bypassed,
	.sysctls = { WORDS_BE_LIBERAL },
	.counters = { FACT_CONNTRACK_ENTRY },
	.means =
		"a segment of the connection was not translated by NAT of this host, which reset it instead",
	.evidence =
		"this host reset a segment because it has no socket for it, conntrack has the connection that failed with just these ends before translation, and its peer said and acknowledged nothing afterwards",
	.gate = "a segment with ends that conntrack does not have for this connection is of another one, or a late one; a connection on which the peer went on, or acknowledged what came, did not fail by it",
	.general_check =
		"sysctl net.netfilter.nf_conntrack_tcp_be_liberal; whether the ruleset drops ct state invalid; conntrack -S",
	.kernels =
		"before 6.10 a drop for want of a socket stands for the reset, and 5.17 tells why it dropped; before that nothing is told",
};
