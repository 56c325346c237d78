// SPDX-License-Identifier: GPL-2.0-or-later
/* local_port.c - ports and addresses of this host: taken, used up, reserved, or not here */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

enum { ADDRESS_TENTATIVE = 0x40 }; /* linux/if_addr.h: IFA_F_TENTATIVE, DAD is not over */
enum { PORT_UNPRIVILEGED = 1024 }; /* default of net.ipv4.ip_unprivileged_port_start */

/* The port that a bind() or listen() was about. */
static __u16 port_of(const struct attempt *attempt)
{
	struct event_tuple tuple;

	subject_tuple(attempt, &tuple);
	return tuple.local_port;
}

/* "bind(0.0.0.0:80) failed with EADDRINUSE" */
static void add_call(struct text *text, const struct attempt *attempt)
{
	const struct ev_syscall *failed = &attempt->call->call;
	const char *call = decode_syscall_name(failed->call);
	const char *name = decode_errno_name(failed->error);
	struct event_tuple tuple;

	subject_tuple(attempt, &tuple);
	text_add(text, "%s() on ", call ? call : "bind");
	address_print(text, tuple.local);
	if (failed->call == SYSCALL_BIND || tuple.local_port)
		text_add(text, " port %u", tuple.local_port);
	text_add(text, " failed with %s", name ? name : "an error");
}

static void want_call(const struct view *view, struct fact_request *wanted)
{
	const struct attempt *attempt = view->attempt;

	if (view->opening)
		return;
	subject_tuple(attempt, &wanted->tuple);
	wanted->mark = attempt->call->call.mark;
	wanted->bound_ifindex = attempt->call->call.bound_ifindex;
}

/* ---- local-ports-exhausted ---- */

static bool match_ports_exhausted(const struct view *view, struct guess *guess)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;

	guess->errno_alone = true;
	if (view->wake == WAKE_BIND) /* no port was asked for, so none is left */
		return attempt->call->call.error == EADDRINUSE && look_call_known(view) &&
		       !port_of(attempt);
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
		add_call(&what, attempt);
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
	.want = want_call,
	.sysctls = { "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports" },
	.means =
		"no free ephemeral port: EADDRNOTAVAIL on connect, or EADDRINUSE on bind of port 0",
	.evidence =
		"EADDRNOTAVAIL after SYN_SENT of a socket whose port the kernel was to choose, or EADDRINUSE where no port was asked for: each has no other cause",
	.gate = "",
	.general_check = "ss -tan by state and destination; sysctl net.ipv4.ip_local_port_range",
	.kernels = "all",
};

/* ---- local-tuple-in-use ---- */

static bool match_tuple_in_use(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	guess->errno_alone = true;
	return opening->error == EADDRNOTAVAIL && opening->syn_sent && opening->bound_port;
}

static const struct ev_fact *holder_of(const struct view *view)
{
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_HOLDER, 0);

	return fact && !(fact->flags & FACT_F_ABSENT) ? fact : NULL;
}

/* "nginx[812] holds it (LISTEN on 0.0.0.0:80)", "a socket without a process, in TIME_WAIT, …" */
static void add_holder(struct text *text, const struct ev_fact *holder)
{
	const char *state = decode_state_name(holder->number);

	if (holder->pid) {
		text_add_foreign(text, holder->name, sizeof(holder->name));
		text_add(text, "[%u]", holder->pid);
	} else if (holder->number == TCP_STATE_LISTEN) {
		text_add(text, "a socket whose process was not found");
	} else {
		text_add(text, "a socket that no process holds any more");
	}
	text_add(text, " has it: ");
	address_print_port(text, holder->address, holder->port);
	if (holder->limit) {
		text_add(text, " to ");
		address_print_port(text, holder->address2, holder->limit);
	}
	if (holder->number == TCP_STATE_CLOSE)
		text_add(text, ", bound and no more");
	else if (state)
		text_add(text, " in %s", state);
}

static void add_holder_party(const struct view *view, struct finding *finding,
			     const struct ev_fact *holder)
{
	struct party *party = words_party(finding, "holder");
	struct text exe;

	if (!party)
		return;
	party->netns = view->opening ? view->opening->netns : view->attempt->netns;
	party->state = holder->number;
	party->tuple.protocol = 6; /* TCP */
	party->tuple.family = view->opening ? view->opening->tuple.family :
					      view->attempt->call->call.tuple.family;
	__builtin_memcpy(party->tuple.local, holder->address, EVENT_ADDRESS_SIZE);
	__builtin_memcpy(party->tuple.remote, holder->address2, EVENT_ADDRESS_SIZE);
	party->tuple.local_port = holder->port;
	party->tuple.remote_port = holder->limit;
	if (!holder->pid)
		return;
	party->owner_known = true;
	party->owner.tgid = holder->pid;
	__builtin_memcpy(party->owner.leader, holder->name, EVENT_COMM_SIZE - 1);
	__builtin_memcpy(party->owner.comm, holder->name, EVENT_COMM_SIZE - 1);
	exe = text_of(party->exe);
	text_add_foreign(&exe, holder->text, sizeof(holder->text));
}

static void tell_tuple_in_use(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *holder = holder_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "connect() to ");
	words_remote(&what, view, opening);
	text_add(&what, " from the bound port");
	if (opening->tuple.local_port)
		text_add(&what, " %u", opening->tuple.local_port);
	text_add(&what, " failed with EADDRNOTAVAIL before any packet was made");
	text_add(&why,
		 "that source address and port already have a connection to this destination");
	if (holder) {
		text_add(&why, "; ");
		add_holder(&why, holder);
		add_holder_party(view, finding, holder);
	}
	check = words_check(view, finding, opening->netns);
	text_add(&check.run, "ss -tanp 'dst ");
	address_print_port(&check.run, opening->tuple.remote, opening->tuple.remote_port);
	text_add(&check.run, "'");
	words_check_end(
		&check,
		"who has it, in which state; to change: let the kernel choose the source port");
}

const struct rule rule_local_tuple_in_use = {
	.id = "local-tuple-in-use",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED,
	.match = match_tuple_in_use,
	.tell = tell_tuple_in_use,
	.facts = BIT(FACT_HOLDER),
	.means = "EADDRNOTAVAIL: the source port is bound, and that very connection exists already",
	.evidence =
		"EADDRNOTAVAIL after SYN_SENT of a socket with a port of its own choice: no other cause; the holder is named",
	.gate = "",
	.general_check = "ss -tan dst ADDRESS:PORT; a TIME_WAIT there ends after 60 s",
	.kernels = "all",
};

/* ---- local-port-in-use ---- */

static bool match_port_in_use(const struct view *view, struct guess *guess)
{
	guess->errno_alone = true;
	if (view->attempt->call->bound_other_later)
		guess->severity = SEVERITY_INFO; /* it looks for a free one */
	return view->attempt->call->call.error == EADDRINUSE && port_of(view->attempt);
}

/* Would it stand in the way of that address? 0.0.0.0 and :: stand in everybody's. */
static bool conflicts(const struct listener *listener, const __u8 *address)
{
	const __u8 *own = listener->tuple.local;

	return address_is_any(own) || address_is_any(address) || address_equal(own, address);
}

/*
 * Without the fact, or where it found no process: a listener that has been seen on that port. With
 * the fact only the very socket that it speaks of.
 */
static const struct listener *known_listener(const struct view *view, const struct ev_fact *holder)
{
	const struct listener *listener;
	struct event_tuple tuple;

	subject_tuple(view->attempt, &tuple);
	for (__u32 at = 0; (listener = join_listener(view->join, &at));) {
		if (listener->netns != view->attempt->netns || !listener->owner ||
		    listener->tuple.local_port != tuple.local_port ||
		    listener->since_ns > view->attempt->ended_ns)
			continue;
		if (holder ? address_equal(listener->tuple.local, holder->address) :
			     conflicts(listener, tuple.local))
			return listener;
	}
	return NULL;
}

static void add_listener(struct text *text, const struct listener *listener)
{
	words_owner(text, listener->owner);
	text_add(text, " has it: ");
	address_print_port(text, listener->tuple.local, listener->tuple.local_port);
	text_add(text, " in LISTEN");
}

/* Who has the port, and what would let both have it. */
static void add_port_holder(struct text *text, const struct view *view, struct finding *finding)
{
	const struct ev_fact *holder = holder_of(view);
	bool nobody = holder && !holder->pid && holder->number == TCP_STATE_LISTEN;
	const struct listener *listener = holder && !nobody ? NULL : known_listener(view, holder);

	if (listener) {
		add_listener(text, listener);
		words_party_listener(finding, listener, "holder");
	} else if (holder) {
		add_holder(text, holder);
		add_holder_party(view, finding, holder);
	} else {
		text_add(text, "another socket has port %u", port_of(view->attempt));
		return;
	}
	if (listener || holder->number == TCP_STATE_LISTEN)
		text_add(text, "; SO_REUSEADDR would not do, only SO_REUSEPORT on both sockets");
	else if (view->attempt->call->call.socket_flags & SOCKET_F_REUSEADDR)
		text_add(text, "; the holder was made without SO_REUSEADDR");
	else
		text_add(text, "; SO_REUSEADDR, set before bind(), would do");
}

static void tell_port_in_use(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_call(&what, attempt);
	add_port_holder(&why, view, finding);
	words_in_netns(&why, view->join, attempt->netns);
	if (attempt->call->bound_other_later)
		text_add(&why, "; the process then took another port");
	check = words_check(view, finding, attempt->netns);
	text_add(&check.run, "ss -tanp 'sport = :%u'", port_of(attempt));
	words_check_end(&check, "which sockets have the port, of which process, in which state");
}

const struct rule rule_local_port_in_use = {
	.id = "local-port-in-use",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_BIND,
	.match = match_port_in_use,
	.tell = tell_port_in_use,
	.facts = BIT(FACT_HOLDER),
	.want = want_call,
	.means = "EADDRINUSE on bind or listen: another socket has the port",
	.evidence =
		"the errno has no other cause where a port was asked for; the holder is named: process, address, state, and whether SO_REUSEADDR would do",
	.gate = "info when the same process binds another port within 1 s",
	.general_check = "ss -tanp 'sport = :PORT'",
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
		add_call(&what, attempt);
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
	.sysctls = { WORDS_IPV6_OFF },
	.decide = look_decide_always,
	.want = want_call,
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
	__u16 port = port_of(attempt);

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

	add_call(&what, attempt);
	words_who(&why, attempt);
	text_add(&why, " (uid %u) lacks CAP_NET_BIND_SERVICE, and port %u is below ",
		 attempt->owner->uid, port_of(attempt));
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
	.want = want_call,
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
