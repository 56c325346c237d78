// SPDX-License-Identifier: GPL-2.0-or-later
/* local_route.c - this host has no way there: no route, a route that refuses, a next hop that is silent */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

enum { NEIGHBOR_INCOMPLETE = 0x01, NEIGHBOR_FAILED = 0x20 }; /* linux/neighbour.h, NUD_* */

/* The fetched route is one that leads somewhere. */
static bool leads(const struct ev_fact *route)
{
	return !(route->flags & FACT_F_ABSENT) && route->port && route->port < ROUTE_BLACKHOLE;
}

/* A route that matches and says no: by its type, or by the errno of the look-up itself. */
static bool refuses(const struct ev_fact *route, const struct opening *opening)
{
	if (!(route->flags & FACT_F_ABSENT))
		return route->port >= ROUTE_BLACKHOLE && route->port <= ROUTE_THROW;
	return route->error == opening->error && opening->error != ENETUNREACH;
}

static const char *rtm_name(__u16 type)
{
	static const char *const names[] = {
		[ROUTE_BLACKHOLE] = "blackhole",
		[ROUTE_UNREACHABLE] = "unreachable",
		[ROUTE_PROHIBIT] = "prohibit",
		[ROUTE_THROW] = "throw",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "refusing";
}

static void want_not_sent(const struct view *view, struct fact_request *wanted)
{
	if (!view->opening)
		look_want_not_sent(view, wanted);
}

static void add_table_check(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const char *family = address_is_ipv4(opening->tuple.remote) ? "" : "-6 ";
	struct words_check check = words_check(view, finding, opening->netns);

	text_add(&check.run, "ip %sroute show table all", family);
	words_check_end(&check, "the routes there are; ip %srule tells which tables are asked",
			family);
}

/* ---- local-no-route ---- */

static bool match_no_route(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route(view);

	if (!opening)
		return look_not_sent(view) && look_not_sent_no_route(view, guess);
	if (opening->established_ns)
		return false;
	if (look_drop_is_no_route(view->join, &opening->drop_out))
		return opening->drop_out.netns == opening->netns;
	if (!opening_call_alone(opening) || opening->error != ENETUNREACH)
		return false;
	guess->errno_alone = true;
	if (route)
		return !leads(route) && !refuses(route, opening);
	guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_no_route_sent(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_not_sent(&what, view);
	text_add(&what, " before any packet was made");
	text_add(&why, "no route%s covers ", address_is_ipv4(lookup->server) ? "" : " of IPv6");
	address_print(&why, lookup->server);
	words_in_netns(&why, view->join, lookup->netns);
	words_check_not_sent(view, finding, "which route the kernel finds");
}

static void tell_no_route(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	bool ipv4 = address_is_ipv4(opening->tuple.remote);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	const struct ev_fact *fact;
	bool source = false, any = false;

	if (opening_call_alone(opening))
		text_add(&what, "connect() failed with ENETUNREACH before any packet was made");
	else
		text_add(&what, "the kernel dropped the SYN for want of a route (IP_OUTNOROUTES)");
	text_add(&why, "no route%s covers ", ipv4 ? "" : " of IPv6");
	words_host(&why, view, opening);
	words_in_netns(&why, view->join, opening->netns);
	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_ADDRESS, i)); i++) {
		any = true;
		source = source || (!(fact->flags & FACT_F_ABSENT) &&
				    address_is_ipv4(fact->address) == ipv4 &&
				    !address_is_loopback(fact->address) &&
				    !address_is_link_local(fact->address));
	}
	if (any && !source)
		text_add(&why, "; there is no %s address but local ones", ipv4 ? "IPv4" : "IPv6");
	words_family_off(&why, view, opening->tuple.remote, opening->netns);
	words_check_route(view, finding, "which route the kernel finds");
	add_table_check(view, finding);
}

static void tell_no_route_any(const struct view *view, struct finding *finding)
{
	if (view->opening)
		tell_no_route(view, finding);
	else
		tell_no_route_sent(view, finding);
}

const struct rule rule_local_no_route = {
	.id = "local-no-route",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING | WAKE_LOOKUP,
	.match = match_no_route,
	.tell = tell_no_route_any,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_ADDRESS) | BIT(FACT_SYSCTL),
	.quotes = look_quotes_addresses,
	.sysctls = { WORDS_IPV6_OFF },
	.want = want_not_sent,
	.decide = look_decide_always,
	.means =
		"connect(), or send() of a datagram, failed with ENETUNREACH: no route covers the destination",
	.evidence =
		"the call failed before any state change and packet; the route look-up in the socket's own namespace finds none (certain), or was not made (likely). Later: the SYN was dropped with IP_OUTNOROUTES",
	.gate = "connect() of a datagram socket is a route question, no failure, but a resolver's to port 53: told where it tries each server again, none of them has a route, resolv.conf does not contradict it, and TCP to the address does not follow; nor is a family that another address made unneeded. A datagram to IPv6, a group or a broadcast address is info",
	.general_check = "ip route get ADDRESS; is there a default route, a carrier, an address",
	.kernels = "errno of the call: all; drop reason: 5.17 on",
};

/* ---- local-route-rejects ---- */

static bool match_route_rejects(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route(view);

	if (!opening)
		return look_not_sent(view) && look_not_sent_route_rejects(view, guess);
	if (!opening_call_alone(opening))
		return false;
	if (opening->error != EHOSTUNREACH && opening->error != EACCES &&
	    opening->error != EINVAL && opening->error != ENETUNREACH)
		return false;
	guess->errno_alone = true;
	if (route && opening->error == EINVAL &&
	    look_address(view, opening->netns, opening->tuple.local) == KNOWN_NO &&
	    !address_is_any(opening->tuple.local))
		return false; /* the kernel looks routes up for its own addresses only */
	if (route)
		return refuses(route, opening);
	/* without the route: only an unreachable one gives this errno from the call itself */
	guess->confidence = CONFIDENCE_LIKELY;
	return opening->error == EHOSTUNREACH;
}

static void tell_route_rejects_sent(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *route = attempt_fact(view->join, view->attempt, FACT_ROUTE, 0);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_not_sent(&what, view);
	text_add(&what, " before any packet was made");
	text_add(&why, "a route of type %s matches ",
		 route && !(route->flags & FACT_F_ABSENT) ? rtm_name(route->port) :
		 lookup->error == EHOSTUNREACH		  ? "unreachable" :
		 lookup->error == EACCES		  ? "prohibit" :
							    "blackhole");
	address_print(&why, lookup->server);
	if (route && !(route->flags & FACT_F_ABSENT) && route->text[0]) {
		text_add(&why, ": ");
		text_add_foreign(&why, route->text, sizeof(route->text));
	}
	words_in_netns(&why, view->join, lookup->netns);
	words_check_not_sent(view, finding, "the kernel's answer for this destination");
}

static void tell_route_rejects(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route(view);
	const char *name = decode_errno_name(opening->error);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "connect() failed with %s before any packet was made",
		 name ? name : "an error");
	if (route && !(route->flags & FACT_F_ABSENT)) {
		text_add(&why, "a route of type %s matches ", rtm_name(route->port));
		words_host(&why, view, opening);
		if (route->text[0]) {
			text_add(&why, ": ");
			words_route(&why, view);
		}
	} else {
		text_add(&why, "a route of type %s matches ",
			 opening->error == EHOSTUNREACH ? "unreachable" :
			 opening->error == EACCES	? "prohibit" :
							  "blackhole");
		words_host(&why, view, opening);
	}
	words_in_netns(&why, view->join, opening->netns);
	words_check_route(view, finding, "the kernel's answer for this destination");
	add_table_check(view, finding);
}

static void tell_route_rejects_any(const struct view *view, struct finding *finding)
{
	if (view->opening)
		tell_route_rejects(view, finding);
	else
		tell_route_rejects_sent(view, finding);
}

const struct rule rule_local_route_rejects = {
	.id = "local-route-rejects",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_LOOKUP,
	.match = match_route_rejects,
	.tell = tell_route_rejects_any,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_ADDRESS),
	.want = want_not_sent,
	.decide = look_decide_always,
	.means = "a route of type unreachable, prohibit, blackhole or throw matched",
	.evidence =
		"EHOSTUNREACH, EACCES, EINVAL or ENETUNREACH from the call itself, no packet, and the route look-up in the socket's namespace is refused likewise; without the look-up only EHOSTUNREACH is told, as likely",
	.gate = "EACCES, EPERM and EINVAL have other causes (a cgroup hook, a security module): those are connect-failed",
	.general_check = "ip route get ADDRESS; ip rule; ip route show table all type unreachable",
	.kernels = "errno of the call: all",
};

/* ---- local-neighbor-failed ---- */

static bool neighbor_is_down(const struct view *view)
{
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_NEIGHBOR, 0);

	return fact && !(fact->flags & FACT_F_ABSENT) &&
	       (fact->port == NEIGHBOR_INCOMPLETE || fact->port == NEIGHBOR_FAILED);
}

static bool match_neighbor_of_opening(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	const struct icmp_seen *icmp = &opening->icmp_here;
	bool host_unreachable = icmp->count && !icmp->ipv6 && icmp->type == 3 && icmp->code == 1;
	bool dropped = look_drop_is_neighbor(view->join, &opening->drop_out);
	bool elsewhere =
		(opening->neighbor_failed && opening->neighbor_netns != opening->netns) ||
		(dropped && opening->drop_out.netns && opening->drop_out.netns != opening->netns);

	if (opening->established_ns || opening_call_alone(opening) || look_refused(opening) ||
	    look_answer_in_time(opening) || look_drop_is_filter(view->join, &opening->drop_out))
		return false;
	if (opening->error && opening->error != EHOSTUNREACH && opening->error != ETIMEDOUT)
		return false;
	if (elsewhere)
		return !opening->syn_left; /* another namespace of this machine is the router */
	if (opening->syn_handed)
		return false;
	if (opening->neighbor_failed || dropped)
		return true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (host_unreachable) /* a router's may mean a route of its own as well */
		return opening->icmp_here_netns == opening->netns;
	/*
	 * From 6.18 on a SYN that cannot be repeated because the first one still waits in the
	 * neighbour's queue tells so (EBUSY); before, the neighbour's state says the same.
	 */
	guess->absence = true;
	if (neighbor_is_down(view))
		return true;
	return opening->retransmit_error == EBUSY || opening->retransmit_error == -EBUSY;
}

static bool match_neighbor_failed(const struct view *view, struct guess *guess)
{
	return view->opening ? match_neighbor_of_opening(view, guess) :
			       look_not_sent(view) && look_not_sent_neighbor(view, guess);
}

static bool decide_neighbor_failed(const struct verdict *verdict)
{
	return verdict->opening && !verdict->opening->neighbor_failed;
}

static void want_neighbor_failed(const struct view *view, struct fact_request *wanted)
{
	if (!view->opening) {
		look_want_not_sent(view, wanted);
		return;
	}
	if (!view->opening->neighbor_failed ||
	    view->opening->neighbor_netns == view->opening->netns)
		return;
	wanted->netns = view->opening->neighbor_netns;
	wanted->pid = 0;
	wanted->wanted = 0;
}

/* Where nobody answered: as the neighbour's own record says, else where the SYN was dropped for it. */
static __u32 neighbor_netns(const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->neighbor_failed)
		return opening->neighbor_netns;
	if (look_drop_is_neighbor(view->join, &opening->drop_out) && opening->drop_out.netns)
		return opening->drop_out.netns;
	return opening->netns;
}

static void tell_neighbor_sent(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_NEIGHBOR, 0);
	const char *question = address_is_ipv4(lookup->server) ? "ARP" : "neighbour discovery";
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_not_sent(&what, view);
	if (fact && !(fact->flags & FACT_F_ABSENT) &&
	    !address_equal(fact->address, lookup->server)) {
		text_add(&why, "the router ");
		address_print(&why, fact->address);
	} else {
		text_add(&why, "the next hop");
	}
	text_add(&why, " does not answer %s: switched off, another network, or a wrong address",
		 question);
	check = words_check(view, finding, lookup->netns);
	text_add(&check.run, "ip neigh show");
	words_check_end(&check, "the neighbour's state");
	words_check_not_sent(view, finding, "whether that next hop is the right one");
}

static void add_link(struct text *text, const struct interface *interface)
{
	if (!interface || !interface->type[0])
		return;
	text_add(text, " (the link is a ");
	text_add_foreign(text, interface->type, sizeof(interface->type));
	text_add(text, ")");
}

static void tell_neighbor_of_opening(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_NEIGHBOR, 0);
	__u32 netns = neighbor_netns(view);
	bool elsewhere = netns != opening->netns;
	const __u8 *who = opening->neighbor_failed ? opening->neighbor :
			  fact && !elsewhere	   ? fact->address :
						     NULL;
	__u32 ifindex =
		opening->neighbor_failed ? opening->neighbor_ifindex : opening->drop_out.ifindex;
	const struct interface *interface = join_interface(view->join, netns, ifindex);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;
	const char *question;

	question = address_is_ipv4(opening->tuple.remote) ? "ARP" : "neighbour discovery";
	if (opening->neighbor_failed) {
		address_print(&what, who);
		text_add(&what, " did not answer %s", question);
		if (ifindex) {
			text_add(&what, " on ");
			words_interface(&what, view->join, netns, ifindex);
		}
		words_in_netns(&what, view->join, netns);
		text_add(&what, netns == opening->netns ? "; no SYN went out" :
							  "; the SYN went no further");
	} else if (look_drop_is_neighbor(view->join, &opening->drop_out)) {
		text_add(&what, "the kernel dropped the SYN");
		if (elsewhere && ifindex) {
			text_add(&what, " on ");
			words_interface(&what, view->join, netns, ifindex);
		}
		words_in_netns(&what, view->join, netns);
		text_add(&what, ": the next hop did not answer %s", question);
	} else {
		text_add(&what, "no SYN reached an interface, the first one still waits here");
	}
	words_end(&what, view);
	if (elsewhere && !(who && address_equal(who, opening->tuple.remote)))
		text_add(
			&why,
			"the SYN was passed on there, and where it was sent to (as translated, if it "
			"was) does not answer on that link: switched off, gone, or a wrong address");
	else if (who && address_equal(who, opening->tuple.remote))
		text_add(
			&why,
			"the host itself does not answer on that link: switched off, another network, or a wrong address");
	else if (who)
		text_add(
			&why,
			"the router does not answer on that link: switched off, another network, or a wrong gateway");
	else
		text_add(&why, "the next hop does not answer %s", question);
	add_link(&why, interface);
	if (!elsewhere && look_route(view) && look_route(view)->text[0]) {
		text_add(&why, "; the route is ");
		words_route(&why, view);
	}
	check = words_check(view, finding, netns);
	text_add(&check.run, "ip neigh show");
	if (who) {
		text_add(&check.run, " ");
		address_print(&check.run, who);
	}
	words_check_end(&check, "the neighbour's state");
	if (!elsewhere)
		words_check_route(view, finding, "whether that next hop is the right one");
}

static void tell_neighbor_failed(const struct view *view, struct finding *finding)
{
	if (view->opening)
		tell_neighbor_of_opening(view, finding);
	else
		tell_neighbor_sent(view, finding);
}

const struct rule rule_local_neighbor_failed = {
	.id = "local-neighbor-failed",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING | WAKE_LOOKUP,
	.match = match_neighbor_failed,
	.tell = tell_neighbor_failed,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.decide = decide_neighbor_failed,
	.want = want_neighbor_failed,
	.means = "no ARP or neighbour discovery answer from the next hop, or from the host itself",
	.evidence =
		"the neighbour's probes ended in FAILED, or the SYN was dropped with NEIGH_FAILED or NEIGH_QUEUEFULL; no SYN was handed to an interface. The same in a namespace of this machine that was to forward it. Host unreachable sent by the socket's own namespace, or a SYN that waits behind an unresolved neighbour: likely",
	.gate = "",
	.general_check = "ip neigh; ip route get ADDRESS; the cable, the VLAN, the prefix length",
	.kernels =
		"neighbour events: all (neigh_timer_handler); drop reason: 5.17 on, IPv6 by the function that dropped it; result of a repeated SYN: 6.18 on; ICMP sent by ourselves: 5.14 on, IPv4 only",
};
