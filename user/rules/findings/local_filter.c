// SPDX-License-Identifier: GPL-2.0-or-later
/* local_filter.c - this machine dropped or rejected our SYN: its own filter, or on the way through it */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* Where on this machine the SYN met its end; 0: nowhere that is known. */
static __u32 place_of(const struct opening *opening)
{
	if (opening->drop_out.count)
		return opening->drop_out.netns;
	if (opening->icmp_here.count)
		return opening->icmp_here_netns;
	return 0;
}

/* Its end fits a SYN that was filtered: silence, or an error that a filter sends. */
static bool fits(const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->established_ns || opening_call_alone(opening) || opening->refused_here ||
	    opening->full.seen || opening->synack_in)
		return false;
	if (look_unanswered(view))
		return true;
	return opening->error == ECONNREFUSED || opening->error == EHOSTUNREACH ||
	       opening->error == EACCES || opening->error == ENETUNREACH ||
	       opening->error == ENOPROTOOPT || opening->error == EPERM;
}

/* Only filters send these about TCP (RFC 1812 5.2.7.1); the stack itself sends the others. */
static bool is_filter_icmp(const struct icmp_seen *icmp)
{
	if (!icmp->count)
		return false;
	if (icmp->ipv6)
		return icmp->type == 1 && icmp->code != 0 && icmp->code != 3;
	return icmp->type == 3 && icmp->code != 0 && icmp->code != 1 && icmp->code != 4;
}

static bool is_forwarding_place(const struct view *view)
{
	static const char *const places[] = { "ip_forward", "ip6_forward", "ip_error",
					      "ip6_pkt_",   "dst_discard", "ip_mr_forward" };
	const char *place = look_drop_place(view->join, &view->opening->drop_out);

	for (size_t i = 0; place && i < ARRAY_SIZE(places); i++)
		if (!strncmp(place, places[i], strlen(places[i])))
			return true;
	return false;
}

static bool is_forwarding_reason(const struct view *view)
{
	const char *reason = look_drop_reason(view->join, &view->opening->drop_out);

	return (reason &&
		(!strcmp(reason, "IP_INNOROUTES") || !strcmp(reason, "IP_OUTNOROUTES"))) ||
	       words_is_of_source(view, &view->opening->drop_out);
}

/* ---- local-firewall ---- */

static bool looped_back(const struct view *view)
{
	const struct opening *opening = view->opening;
	const struct interface *interface =
		join_interface(view->join, opening->syn_netns, opening->syn_ifindex);

	return interface && (interface->flags & INTERFACE_F_LOOPBACK);
}

static bool is_reason(const struct view *view, const char *with)
{
	const char *reason = look_drop_reason(view->join, &view->opening->drop_out);

	return reason && !strncmp(reason, with, strlen(with));
}

/* Where the SYN was to go when it met its end. */
static const __u8 *destination_of(const struct opening *opening)
{
	return opening->stopped_to_port ? opening->stopped_to : opening->tuple.remote;
}

/* Over lo what is sent comes in, too. */
static __u32 hooks_passed(const struct view *view, __u32 place)
{
	const struct opening *opening = view->opening;

	if (place == opening->netns)
		return look_remote_is_own(view) ? WORDS_HOOKS_OUT | WORDS_HOOKS_IN :
						  WORDS_HOOKS_OUT;
	switch (look_address(view, place, destination_of(opening))) {
	case KNOWN_YES:
		return WORDS_HOOKS_IN;
	case KNOWN_NO:
		return WORDS_HOOKS_FORWARD;
	default:
		return WORDS_HOOKS_EITHER;
	}
}

/* More than dropped: the socket was told at once; a time-out and ss -K only say how waiting ended. */
static bool rejected(const struct opening *opening)
{
	return opening->icmp_here.count || opening->soft_error ||
	       (opening->error && opening->error != ETIMEDOUT && opening->error != ECONNABORTED);
}

/* In the socket's own namespace: the kernel said so, or nothing else explains what was seen. */
static bool filtered_in_own(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	bool left = opening->syn_handed && !look_remote_is_own(view);

	if (look_drop_is_filter(view->join, &opening->drop_out) &&
	    (!opening->drop_out.netns || opening->drop_out.netns == opening->netns)) {
		if (is_reason(view, "NETFILTER_DROP") &&
		    look_no_rule(view, hooks_passed(view, opening->netns)))
			guess->confidence = CONFIDENCE_POSSIBLE; /* the hooks have other users */
		else if (look_drop_is_hook(view->join, &opening->drop_out) && !rejected(opening) &&
			 !look_ruleset(view, hooks_passed(view, opening->netns)))
			guess->confidence =
				CONFIDENCE_LIKELY; /* nor is a rule known that does it */
		/* some SYNs were dropped and others not: then the others had their own fate */
		if (left && opening->drop_out.count < opening->syn_sent)
			guess->confidence = CONFIDENCE_LIKELY;
		return true;
	}
	guess->confidence = CONFIDENCE_LIKELY;
	if (is_filter_icmp(&opening->icmp_here) && opening->icmp_here_netns == opening->netns)
		return true;
	if (!opening->syn_handed &&
	    (opening->retransmit_error == EPERM || opening->retransmit_error == -EPERM))
		return true; /* 6.18 on: the verdict of the output hooks comes back to TCP */
	/*
	 * Where drops are not recorded: a reset that this machine's TCP did not send though the SYN
	 * went no further than lo, or one that came though no SYN went out. Where they are, a filter
	 * leaves a record, and what leaves none is not one.
	 */
	guess->absence = true;
	if (join_hook_attached(view->join, "drop") || !look_refused(opening) || opening->reset_here)
		return false;
	if (opening->syn_handed)
		return looped_back(view) && look_reset_author(view);
	return !opening->blind_wire && !opening->syn_elsewhere && !opening->reset_in;
}

static bool match_firewall(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	__u32 place = opening ? place_of(opening) : 0;

	if (!opening)
		return look_not_sent(view) && look_not_sent_filtered(view, guess);
	if (!fits(view))
		return false;
	if (!place || place == opening->netns)
		return filtered_in_own(view, guess);
	if (!look_drop_is_filter(view->join, &opening->drop_out) &&
	    !is_filter_icmp(&opening->icmp_here))
		return false;
	/* in another namespace of this machine: its own filter if it is the destination */
	switch (look_address(view, place, destination_of(opening))) {
	case KNOWN_YES:
		return true;
	case KNOWN_NO:
		return false;
	default:
		guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
}

/* "this host dropped 3 SYNs (NETFILTER_DROP in nf_hook_slow) in namespace web" */
static void add_drop(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;
	const struct drop_seen *drop = &opening->drop_out;
	const char *reason = look_drop_reason(view->join, drop);
	const char *place = look_drop_place(view->join, drop);

	text_add(text, "this host %s ", rejected(opening) ? "rejected" : "dropped");
	words_count(text, drop->count, "SYN", "SYNs");
	if (reason || place)
		text_add(text, " (%s%s%s)", reason ? reason : "", reason && place ? " in " : "",
			 place ? place : "");
	words_in_netns(text, view->join, drop->netns);
	if (look_refused(opening))
		text_add(text, " with a reset");
}

/* The error that answered our SYN: what was sent, or, where no kernel tells (ICMPv6), what came. */
static const struct icmp_seen *icmp_of(const struct opening *opening)
{
	return opening->icmp_here.count || !opening->drop_out.count ? &opening->icmp_here :
								      &opening->icmp_in;
}

static void add_icmp(struct text *text, const struct view *view)
{
	const struct icmp_seen *icmp = icmp_of(view->opening);
	const char *name = decode_icmp_name(icmp->ipv6, icmp->type, icmp->code);

	if (view->opening->drop_out.count) {
		if (icmp == &view->opening->icmp_in) {
			text_add(text, ", and ");
			address_print(text, icmp->sender);
			text_add(text, " answered");
		}
		text_add(text, " with ");
	} else {
		if (view->opening->icmp_here_netns != view->opening->netns)
			words_netns(text, view->join, view->opening->icmp_here_netns);
		else
			text_add(text, "this host");
		text_add(text, " answered the SYN itself with ");
	}
	text_add(text, "%s %s (%u/%u)", icmp->ipv6 ? "ICMPv6" : "ICMP", name ? name : "error",
		 icmp->type, icmp->code);
}

static void add_what(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->drop_out.count)
		add_drop(text, view);
	if (icmp_of(opening)->count)
		add_icmp(text, view);
	else if (opening->drop_out.count)
		; /* said */
	else if (opening->retransmit_error)
		text_add(
			text,
			"the kernel refused to send the SYN with EPERM, and none reached an interface");
	else if (opening->syn_handed)
		text_add(text, "a reset came from this host's own address, and its TCP sent none");
	else
		text_add(text, "a reset reached the socket, yet no SYN was handed to an interface");
	words_end(text, view);
}

static void add_program(struct text *text, const struct view *view)
{
	const struct ev_fact *program =
		attempt_fact(view->join, view->attempt, FACT_BPF_PROGRAM, 0);

	if (!program || (program->flags & FACT_F_ABSENT))
		return;
	text_add(text, "; program ");
	text_add_foreign(text, program->name, sizeof(program->name));
	text_add(text, " is attached at ");
	text_add_foreign(text, program->text, sizeof(program->text));
}

static void add_filter_check(const struct view *view, struct finding *finding, __u32 netns)
{
	struct words_check check = words_check(view, finding, netns);

	if (is_reason(view, "BPF_CGROUP") && finding->process.unit[0]) {
		text_add(&check.run, "systemctl show -p IPAddressAllow,IPAddressDeny ");
		words_argument(&check.run, finding->process.unit, sizeof(finding->process.unit));
		words_check_end(&check,
				"what the unit denies; bpftool cgroup tree lists other programs");
	} else if (is_reason(view, "BPF_CGROUP")) {
		text_add(&check.run, "bpftool cgroup tree");
		words_check_end(
			&check,
			"programs attached to the process's cgroup; systemd's IPAddressDeny= is one");
	} else if (is_reason(view, "TC_") || is_reason(view, "QDISC") || is_reason(view, "XDP")) {
		const struct opening *opening = view->opening;
		const struct interface *dev =
			join_interface(view->join, netns, opening->drop_out.ifindex);

		text_add(&check.run, "tc -s qdisc show");
		if (dev) {
			text_add(&check.run, " dev ");
			words_argument(&check.run, dev->name, sizeof(dev->name));
		}
		words_check_end(
			&check,
			"drops of the queueing discipline; tc filter show lists the filters");
	} else {
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "the rules and chain policies that match it");
	}
}

static void add_conntrack_check(const struct view *view, struct finding *finding, __u32 netns)
{
	struct words_check check = words_check(view, finding, netns);

	text_add(&check.run,
		 "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
	words_check_end(&check, "whether the table of connections is full");
}

/* Were it full, that would be told instead. */
static bool conntrack_is_known(const struct view *view)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++)
		if (!strcmp(fact->name, FACT_CONNTRACK_ENTRIES) && !(fact->flags & FACT_F_ABSENT))
			return true;
	return false;
}

static void tell_firewall_of_opening(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	__u32 place = place_of(opening) ? place_of(opening) : opening->netns;
	bool unexplained =
		is_reason(view, "NETFILTER_DROP") && look_no_rule(view, hooks_passed(view, place));
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_what(&what, view);
	if (is_reason(view, "BPF_CGROUP"))
		text_add(&why, "a BPF program on the process's cgroup denies it");
	else if (is_reason(view, "TC_"))
		text_add(&why, "a TC filter on the interface drops it");
	else if (is_reason(view, "QDISC") || is_reason(view, "FQ_") || is_reason(view, "CAKE"))
		text_add(&why, "the queueing discipline of the interface is full");
	else if (is_reason(view, "SECURITY_HOOK"))
		text_add(&why, "a security module denies the packet");
	else if (unexplained)
		text_add(&why,
			 "the packet filter's hooks dropped it, and no rule or policy there "
			 "matches: %sanother kernel module",
			 conntrack_is_known(view) ? "" :
						    "a full table of connections (conntrack), or ");
	else
		text_add(&why, "a rule or policy of the packet filter matches it");
	words_in_netns(&why, view->join, place);
	if (place != opening->netns &&
	    look_address(view, place, destination_of(opening)) == KNOWN_NOT)
		text_add(&why, "; whether on input or on forwarding is not known");
	if (is_reason(view, "BPF_CGROUP") || is_reason(view, "TC_"))
		add_program(&why, view);
	else
		words_ruleset(&why, view, hooks_passed(view, place));
	if (unexplained && !conntrack_is_known(view))
		add_conntrack_check(view, finding, place);
	add_filter_check(view, finding, place);
	words_check_route(view, finding, "interface and source that rules may match");
}

/* In another namespace the SYN comes in, as at a server: the other end is the near one there. */
static void turn_round(struct event_tuple *tuple)
{
	struct event_tuple here = *tuple;

	memcpy(tuple->local, here.remote, sizeof(tuple->local));
	memcpy(tuple->remote, here.local, sizeof(tuple->remote));
	tuple->local_port = here.remote_port;
	tuple->remote_port = here.local_port;
}

static void want_there(const struct view *view, struct fact_request *wanted)
{
	__u32 place = view->opening ? place_of(view->opening) : 0;

	if (!view->opening) {
		look_want_not_sent(view, wanted);
		return;
	}
	if (!look_drop_is_hook(view->join, &view->opening->drop_out))
		wanted->wanted &= ~BIT(FACT_COUNTER); /* conntrack has no part in it */
	if (!place && view->opening->syn_elsewhere)
		place = view->opening->syn_netns;
	if (!place || place == view->opening->netns)
		return;
	wanted->netns = place;
	wanted->pid = 0;
	if (view->opening->stopped_to_port) {
		memcpy(wanted->tuple.remote, view->opening->stopped_to,
		       sizeof(wanted->tuple.remote));
		wanted->tuple.remote_port = view->opening->stopped_to_port;
	}
	turn_round(&wanted->tuple);
	wanted->wanted &= ~(BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR)); /* not the socket's own path */
	wanted->wanted |= BIT(FACT_ADDRESS);
	if (words_is_of_source(view, &view->opening->drop_out))
		words_want_source(view, &view->opening->drop_out, wanted,
				  view->opening->tuple.local);
}

/* Another namespace may have the address, or not; and where hooks drop, conntrack may be full. */
static bool decide_firewall(const struct verdict *verdict)
{
	return verdict->opening && place_of(verdict->opening);
}

static void tell_firewall(const struct view *view, struct finding *finding)
{
	if (view->opening)
		tell_firewall_of_opening(view, finding);
	else
		words_tell_filtered(view, finding);
}

const struct rule rule_local_firewall = {
	.id = "local-firewall",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING | WAKE_LOOKUP,
	.match = match_firewall,
	.tell = tell_firewall,
	.facts = BIT(FACT_RULESET) | BIT(FACT_BPF_PROGRAM) | BIT(FACT_ROUTE) | BIT(FACT_COUNTER),
	.counters = { FACT_CONNTRACK_ENTRIES, FACT_CONNTRACK_PORTS },
	.decide = decide_firewall,
	.want = want_there,
	.means =
		"this host dropped or rejected what we sent: netfilter, a cgroup's BPF program (systemd's IPAddressDeny=), TC, a queueing discipline",
	.evidence =
		"a drop of our SYN with its reason (NETFILTER_DROP, BPF_CGROUP_EGRESS, TC_EGRESS, QDISC…) here, or in the namespace of this machine that has the destination address; an ICMP error that we sent ourselves; EPERM from sending, of a datagram with its drop; a reset that nobody's TCP sent. A SYN that was not seen proves nothing alone",
	.gate = "a SYN that was forwarded to a drop is local-forward-dropped",
	.general_check =
		"nft list ruleset, iptables-save; systemctl show UNIT -p IPAddressDeny; tc -s qdisc",
	.kernels =
		"drop with reason: 5.17 on, before: nf_hook_slow as its place; result of sending: 6.18 on; ICMP sent by ourselves: 5.14 on, IPv4 only; author of a reset: 6.10 on",
};

/* ---- local-forward-dropped ---- */

/* Seen in another namespace of this machine, nowhere else, and that one does not forward. */
static bool forwarding_is_off(const struct view *view)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *fact;

	if (!opening->syn_elsewhere || opening->syn_left || !look_unanswered(view) ||
	    !look_nothing_back(opening) ||
	    look_address(view, opening->syn_netns, opening->tuple.remote) != KNOWN_NO)
		return false;
	fact = look_sysctl(view, address_is_ipv4(opening->tuple.remote) ?
					 "net.ipv4.ip_forward" :
					 "net.ipv6.conf.all.forwarding");
	return fact && fact->number == 0;
}

static bool match_forward_dropped(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	__u32 place = place_of(opening);

	guess->confidence = CONFIDENCE_LIKELY;
	if (!fits(view))
		return false;
	if (!place && forwarding_is_off(view)) {
		guess->absence = true;
		return true;
	}
	if (!place || place == opening->netns)
		return false;
	if (opening->drop_out.count && (is_forwarding_place(view) || is_forwarding_reason(view)))
		return true;
	if (look_drop_is_filter(view->join, &opening->drop_out) ||
	    is_filter_icmp(&opening->icmp_here))
		return look_address(view, place, destination_of(opening)) == KNOWN_NO;
	/* net or host unreachable, sent by a namespace that was to forward (RFC 1812 5.2.7.1) */
	return !opening->drop_out.count && opening->icmp_here.count;
}

/*
 * The type of the route that says no, where the kernel's ways differ (measured on 6.18). IPv4 ends
 * in ip_error() for each of them: without a reason, with the ICMP error of its type, or with none
 * for a blackhole. IPv6 has a function each.
 */
static const char *refusing_route(const struct view *view)
{
	const struct opening *opening = view->opening;
	const char *reason = look_drop_reason(view->join, &opening->drop_out);
	const char *place = look_drop_place(view->join, &opening->drop_out);
	const struct icmp_seen *icmp = icmp_of(opening);

	if (!place)
		return NULL;
	if (!strncmp(place, "dst_discard", strlen("dst_discard")))
		return "blackhole";
	if (!strncmp(place, "ip6_pkt_prohibit", strlen("ip6_pkt_prohibit")))
		return "prohibit";
	if (strncmp(place, "ip_error", strlen("ip_error")) != 0 || !reason ||
	    strcmp(reason, "NOT_SPECIFIED") != 0)
		return NULL;
	if (!icmp->count)
		return "blackhole, or of type unreachable or prohibit without its ICMP error,";
	if (icmp->type == 3 && icmp->code == 1)
		return "unreachable";
	return icmp->type == 3 && icmp->code == 13 ? "prohibit" : NULL;
}

static void add_why_not_forwarded(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;
	const char *type = refusing_route(view);

	if (type)
		text_add(text, ": a route of type %s matches there", type);
	else if (look_drop_is_filter(view->join, &opening->drop_out) ||
		 is_filter_icmp(&opening->icmp_here)) {
		if (look_no_rule(view, WORDS_HOOKS_FORWARD))
			text_add(
				text,
				": its packet filter's hooks dropped it, and no rule or policy there matches (%sanother module)",
				conntrack_is_known(view) ? "" : "a full table of connections, ");
		else
			text_add(text,
				 ": a rule or policy of its packet filter on forwarding matches");
		words_ruleset(text, view, WORDS_HOOKS_FORWARD);
	} else {
		text_add(text, ": it has no route for it, or does not accept where it came from");
	}
}

static void tell_forward_dropped(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	bool ipv4 = address_is_ipv4(opening->tuple.remote);
	const char *sysctl = ipv4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
	const struct ev_fact *forward = look_sysctl(view, sysctl);
	__u32 place = place_of(opening) ? place_of(opening) : opening->syn_netns;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (place_of(opening)) {
		add_what(&what, view);
	} else {
		words_count(&what, opening->syn_sent, "SYN", "SYNs");
		text_add(&what, " reached ");
		words_netns(&what, view->join, place);
		text_add(&what, " and did not leave it");
		words_end(&what, view);
	}
	if (words_is_of_source(view, &opening->drop_out)) {
		words_refused_source(&why, view, finding, &opening->drop_out, opening->tuple.local);
		return;
	}
	if (place == join_netns_own(view->join))
		text_add(&why, "this host");
	else
		words_netns(&why, view->join, place);
	text_add(&why, " did not forward the SYN to ");
	words_remote(&why, view, opening);
	if (forward && !forward->number) {
		text_add(&why, ": ");
		words_sysctl(&why, view, sysctl);
		words_in_netns(&why, view->join, place);
	} else {
		add_why_not_forwarded(&why, view);
	}
	check = words_check(view, finding, place);
	text_add(&check.run, "nft list ruleset");
	words_check_end(&check, "rules and policy of the forward hook");
	check = words_check(view, finding, place);
	text_add(&check.run, "sysctl %s", sysctl);
	words_check_end(&check, "whether it forwards at all");
	check = words_check(view, finding, place);
	text_add(&check.run, "ip %sroute get ", ipv4 ? "" : "-6 ");
	address_print(&check.run, opening->tuple.remote);
	words_check_end(&check, "whether it has a route");
}

const struct rule rule_local_forward_dropped = {
	.id = "local-forward-dropped",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_forward_dropped,
	.tell = tell_forward_dropped,
	.facts = BIT(FACT_ADDRESS) | BIT(FACT_SYSCTL) | BIT(FACT_RULESET) | BIT(FACT_COUNTER),
	.counters = { FACT_CONNTRACK_ENTRIES, FACT_CONNTRACK_PORTS },
	.decide = look_decide_always,
	.want = want_there,
	.sysctls = { "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding" },
	.means = "a container's or VM's packet reached this host and was not forwarded",
	.evidence =
		"our SYN was dropped or rejected in another namespace of this machine, by the forwarding code, a route that refuses (unreachable, prohibit, blackhole), or by a filter in a namespace that does not have the destination address; or it came there, went nowhere, and forwarding is off",
	.gate = "the namespace that has the address: local-firewall",
	.general_check =
		"in the namespace that forwards: nft list ruleset; sysctl net.ipv4.ip_forward; ip route get ADDRESS; for a Kubernetes service: has it a ready endpoint",
	.kernels =
		"drop with reason: 5.17 on, before: the function that dropped it; ICMP sent: 5.14 on, IPv4 only",
};
