// SPDX-License-Identifier: GPL-2.0-or-later
/* local_held.c - a port, or a pair of addresses, that another socket of this host has */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

#define PORT_RANGE "net.ipv4.ip_local_port_range"

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
	return view->attempt->call->call.error == EADDRINUSE && look_call_port(view->attempt);
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
		text_add(text, "another socket has port %u", look_call_port(view->attempt));
		return;
	}
	if (listener || holder->number == TCP_STATE_LISTEN)
		text_add(text, "; SO_REUSEADDR would not do, only SO_REUSEPORT on both sockets");
	else if (holder->flags & SOCKET_F_REUSEADDR << 8)
		text_add(text, "; SO_REUSEADDR, set before bind(), would do");
	else if (view->attempt->call->call.socket_flags & SOCKET_F_REUSEADDR)
		text_add(text, "; the holder was made without SO_REUSEADDR");
	else
		text_add(text, "; SO_REUSEADDR would not do, for the holder was made without it");
}

/* "32768 60999" */
static bool in_range(const struct ev_fact *range, __u32 port)
{
	__u32 ends[2] = { 0, 0 };
	size_t n = 0;

	for (const char *at = range->text; *at; at++)
		if (*at == ' ')
			n = 1;
		else
			ends[n] = ends[n] * 10 + (__u32)(*at - '0');
	return port >= ends[0] && port <= ends[1];
}

/*
 * A connection that this host made, whose port the kernel chose: from the range for that, to a port which is
 * none of it. One that a listener took looks the same but for the other end's port.
 */
static bool is_outgoing(const struct view *view, const struct ev_fact *holder)
{
	const struct ev_fact *range = look_sysctl(view, PORT_RANGE);

	return holder && range && holder->limit && holder->number != TCP_STATE_LISTEN &&
	       in_range(range, holder->port) && !in_range(range, holder->limit);
}

static void add_outgoing(const struct view *view, struct text *text, struct finding *finding)
{
	struct words_check check;

	text_add(text, "; it is an outgoing connection, whose port the kernel chose from ");
	words_sysctl(text, view, PORT_RANGE);
	check = words_check(view, finding, view->attempt->netns);
	text_add(&check.run, "sysctl net.ipv4.ip_local_reserved_ports");
	words_check_end(
		&check,
		"ports that the kernel leaves out; to change: put port %u there, or use one outside the range",
		look_call_port(view->attempt));
}

static void tell_port_in_use(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_call(&what, attempt);
	add_port_holder(&why, view, finding);
	words_in_netns(&why, view->join, attempt->netns);
	if (attempt->call->bound_other_later)
		text_add(&why, "; the process then took another port");
	check = words_check(view, finding, attempt->netns);
	text_add(&check.run, "ss -tanp 'sport = :%u'", look_call_port(attempt));
	words_check_end(&check, "which sockets have the port, of which process, in which state");
	if (is_outgoing(view, holder_of(view)))
		add_outgoing(view, &why, finding);
}

const struct rule rule_local_port_in_use = {
	.id = "local-port-in-use",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_BIND,
	.match = match_port_in_use,
	.tell = tell_port_in_use,
	.facts = BIT(FACT_HOLDER) | BIT(FACT_SYSCTL),
	.sysctls = { PORT_RANGE },
	.want = look_want_call,
	.means = "EADDRINUSE on bind or listen: another socket has the port",
	.evidence =
		"the errno has no other cause where a port was asked for; the holder is named: process, address, state, whether SO_REUSEADDR would do, and whether it is an outgoing connection with a port of the ephemeral range to one outside it",
	.gate = "info when the same process binds another port within 1 s",
	.general_check = "ss -tanp 'sport = :PORT'",
	.kernels = "all",
};
