// SPDX-License-Identifier: GPL-2.0-or-later
/* local_port.c - ports and addresses of this host: used up, reserved, or not here */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

enum { ADDRESS_TENTATIVE = 0x40 }; /* linux/if_addr.h: IFA_F_TENTATIVE, DAD is not over */
enum { PORT_UNPRIVILEGED = 1024 }; /* default of net.ipv4.ip_unprivileged_port_start */

/* ---- local-ports-exhausted ---- */

static bool match_ports_exhausted(const struct view *view, struct guess *guess)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;

	guess->errno_alone = true;
	if (view->wake == WAKE_BIND) /* no port was asked for, so none is left */
		return attempt->call->call.error == EADDRINUSE && look_call_known(view) &&
		       !look_call_port(attempt);
	/* SYN_SENT comes before the port is chosen; without a source there is no SYN_SENT */
	return opening->error == EADDRNOTAVAIL && opening->syn_sent && !opening->bound_port;
}

/* "27034 sockets hold ports of a range of 28232, 26000 of them in TIME_WAIT, 25000 to …" */
static void add_use(struct text *text, const struct view *view)
{
	const struct ev_fact *fact;
	const struct ev_fact *total = NULL;
	const struct ev_fact *most = NULL;
	const struct ev_fact *where = NULL;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_PORT_USE, i));
	     i++) {
		if (fact->flags & FACT_F_ABSENT)
			continue;
		if (!__builtin_strcmp(fact->name, "total"))
			total = fact;
		else if (fact->port && (!where || fact->number > where->number))
			where = fact;
		else if (!fact->port && (!most || fact->number > most->number))
			most = fact;
	}
	if (total)
		text_add(text, "; %lld sockets hold ports of a range of %lld",
			 (long long)total->number, (long long)total->limit);
	if (most) {
		text_add(text, ", %lld of them in ", (long long)most->number);
		text_add_foreign(text, most->name, sizeof(most->name));
	}
	if (where) {
		text_add(text, ", %lld to ", (long long)where->number);
		address_print_port(text, where->address2, where->port);
	}
}

static void tell_ports_exhausted(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	__u32 netns = view->opening ? view->opening->netns : attempt->netns;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (view->opening) {
		text_add(&what, "connect() to ");
		words_remote(&what, view, view->opening);
		text_add(
			&what,
			" failed with EADDRNOTAVAIL before any packet was made: no source port was found");
	} else {
		words_call(&what, attempt);
		text_add(&what, ": no port was found");
	}
	text_add(&why, "no ephemeral port is free for this %s",
		 view->opening ? "destination" : "address");
	words_in_netns(&why, view->join, netns);
	if (look_sysctl(view, "net.ipv4.ip_local_port_range")) {
		text_add(&why, ", ");
		words_sysctl(&why, view, "net.ipv4.ip_local_port_range");
	}
	add_use(&why, view);
	check = words_check(view, finding, netns);
	text_add(&check.run, "ss -tan%s", view->opening ? "" : "p");
	if (view->opening) {
		text_add(&check.run, " 'dst ");
		address_print_port(&check.run, view->opening->tuple.remote,
				   view->opening->tuple.remote_port);
		text_add(&check.run, "'");
	}
	words_check_end(&check, "who holds the ports, in which states");
	check = words_check(view, finding, netns);
	text_add(&check.run,
		 "sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports");
	words_check_end(
		&check,
		"the range; to change: keep connections open and use them again, or widen it");
}

const struct rule rule_local_ports_exhausted = {
	.id = "local-ports-exhausted",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_BIND,
	.match = match_ports_exhausted,
	.tell = tell_ports_exhausted,
	.facts = BIT(FACT_PORT_USE) | BIT(FACT_SYSCTL),
	.want = look_want_call,
	.sysctls = { "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports" },
	.means =
		"no free ephemeral port: EADDRNOTAVAIL on connect, or EADDRINUSE on bind of port 0",
	.evidence =
		"EADDRNOTAVAIL after SYN_SENT of a socket whose port the kernel was to choose, or EADDRINUSE where no port was asked for: each has no other cause",
	.gate = "",
	.general_check = "ss -tan by state and destination; sysctl net.ipv4.ip_local_port_range",
	.kernels = "all",
};

/* ---- local-address-absent ---- */

static const struct ev_fact *address_fact(const struct view *view, const __u8 *address)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_ADDRESS, i)); i++)
		if (!(fact->flags & FACT_F_ABSENT) && address_equal(fact->address, address))
			return fact;
	return NULL;
}

static bool match_address_absent(const struct view *view, struct guess *guess)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;
	const struct ev_fact *there;

	guess->errno_alone = true;
	if (view->wake != WAKE_BIND) {
		if (!opening_call_alone(opening))
			return false;
		if (opening->error ==
		    EADDRNOTAVAIL) /* no source address at all for that destination */
			return true;
		return opening->error == EINVAL && !address_is_any(opening->tuple.local) &&
		       look_address(view, opening->netns, opening->tuple.local) == KNOWN_NO;
	}
	if (attempt->call->call.error != EADDRNOTAVAIL || !look_call_known(view))
		return false;
	there = address_fact(view, attempt->call->call.asked);
	if (there && !(there->port & ADDRESS_TENTATIVE))
		return false; /* it is here: something else is wrong with it */
	if (!there && look_address(view, attempt->netns, attempt->call->call.asked) == KNOWN_NOT)
		guess->confidence =
			CONFIDENCE_LIKELY; /* a device or VRF it is bound to may be why */
	/* a program that serves both families where it can is content with the one there is */
	if (attempt->call->bound_other_later && address_is_loopback(attempt->call->call.asked) &&
	    !address_is_ipv4(attempt->call->call.asked))
		guess->silent = true;
	return true;
}

/* What there is instead of @absent. */
static void add_addresses(struct text *text, const struct view *view, bool ipv4, const __u8 *absent)
{
	const struct ev_fact *fact;
	unsigned int told = 0;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_ADDRESS, i)); i++) {
		if ((fact->flags & FACT_F_ABSENT) || address_is_ipv4(fact->address) != ipv4 ||
		    address_equal(fact->address, absent))
			continue;
		if (told == 6) {
			text_add(text, ", …");
			return;
		}
		text_add(text, "%s", told++ ? ", " : "; the addresses here are ");
		address_print(text, fact->address);
	}
	if (!told && attempt_fact(view->join, view->attempt, FACT_ADDRESS, 0))
		text_add(text, "; there is no other of that family");
}

static struct event_tuple tuple_of(const struct view *view)
{
	struct event_tuple tuple;

	if (view->opening)
		return view->opening->tuple;
	subject_tuple(view->attempt, &tuple);
	return tuple;
}

static void tell_address_absent(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;
	struct event_tuple tuple = tuple_of(view);
	const __u8 *address = tuple.local;
	bool ipv4 = address_is_ipv4(opening ? tuple.remote : address);
	__u32 netns = opening ? opening->netns : attempt->netns;
	const struct ev_fact *there = address_fact(view, address);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (opening) {
		const char *name = decode_errno_name(opening->error);

		text_add(&what, "connect() to ");
		words_remote(&what, view, opening);
		text_add(&what, " failed with %s before any packet was made",
			 name ? name : "an error");
	} else {
		words_call(&what, attempt);
	}
	if (address_is_any(address)) {
		text_add(&why, "no address of this host%s can be the source for that destination",
			 ipv4 ? "" : ", of IPv6,");
	} else if (there) {
		address_print(&why, address);
		text_add(&why, " is still tentative (duplicate address detection runs)");
	} else {
		address_print(&why, address);
		text_add(&why, " is not an address of this host");
	}
	words_in_netns(&why, view->join, netns);
	add_addresses(&why, view, ipv4, address);
	words_family_off(&why, view, opening ? tuple.remote : address, netns);
	check = words_check(view, finding, netns);
	text_add(&check.run, "ip %saddress show", ipv4 ? "-4 " : "-6 ");
	words_check_end(&check, "the addresses there are");
}

const struct rule rule_local_address_absent = {
	.id = "local-address-absent",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_BIND,
	.match = match_address_absent,
	.tell = tell_address_absent,
	.facts = BIT(FACT_ADDRESS) | BIT(FACT_SYSCTL),
	.quotes = look_quotes_addresses,
	.sysctls = { WORDS_IPV6_OFF },
	.decide = look_decide_always,
	.want = look_want_call,
	.means = "EADDRNOTAVAIL on bind or connect: the source address is not on this host",
	.evidence =
		"the errno of bind(), or of connect() before SYN_SENT, and the addresses of the socket's namespace: not among them, or tentative",
	.gate = "bind(::1) of a process that then uses IPv4 is none; nor is a family that another address made unneeded",
	.general_check = "ip address show in the socket's namespace",
	.kernels = "all",
};

/* ---- local-port-privileged ---- */

#define UNPRIVILEGED_START "net.ipv4.ip_unprivileged_port_start"

static bool match_port_privileged(const struct view *view, struct guess *guess)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_fact *start = look_sysctl(view, UNPRIVILEGED_START);
	const struct ev_fact *may = attempt_fact(view->join, attempt, FACT_CAPABILITY, 0);
	__u16 port = look_call_port(attempt);

	guess->errno_alone = true;
	if (attempt->call->call.error != EACCES || !port)
		return false;
	if (may && !(may->flags & FACT_F_ABSENT) && may->number)
		return false; /* it has the right: somebody else denies */
	/* root has it as a rule, others have not; else the process was gone before it was asked */
	if (!start || (!may && !attempt->owner->uid))
		guess->confidence = CONFIDENCE_LIKELY;
	return port < (start ? start->number : PORT_UNPRIVILEGED);
}

static void tell_port_privileged(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_call(&what, attempt);
	words_who(&why, attempt);
	text_add(&why, " (uid %u) lacks CAP_NET_BIND_SERVICE, and port %u is below ",
		 attempt->owner->uid, look_call_port(attempt));
	if (!words_sysctl(&why, view, UNPRIVILEGED_START))
		text_add(&why, UNPRIVILEGED_START " (1024 unless changed)");
	words_in_netns(&why, view->join, attempt->netns);
	check = words_check(view, finding, attempt->netns);
	text_add(&check.run, "sysctl " UNPRIVILEGED_START);
	words_check_end(
		&check,
		"ports below need the capability; to change: AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit");
	if (!attempt->owner_known)
		return;
	check = words_check(view, finding, 0);
	text_add(&check.run, "grep CapEff /proc/%u/status", attempt->owner->tgid);
	words_check_end(&check, "bit 10 is CAP_NET_BIND_SERVICE (0x400)");
}

const struct rule rule_local_port_privileged = {
	.id = "local-port-privileged",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_BIND,
	.match = match_port_privileged,
	.tell = tell_port_privileged,
	.facts = BIT(FACT_SYSCTL) | BIT(FACT_CAPABILITY),
	.decide = look_decide_always,
	.want = look_want_call,
	.sysctls = { UNPRIVILEGED_START },
	.capability = "CAP_NET_BIND_SERVICE",
	.means = "EACCES on bind: the port is below ip_unprivileged_port_start",
	.evidence =
		"EACCES, and the port against the sysctl of the socket's namespace; a process that has CAP_NET_BIND_SERVICE was denied by something else (bind-failed)",
	.gate = "",
	.general_check =
		"sysctl net.ipv4.ip_unprivileged_port_start; to change: give the service CAP_NET_BIND_SERVICE",
	.kernels = "all",
};
