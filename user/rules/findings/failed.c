// SPDX-License-Identifier: GPL-2.0-or-later
/* failed.c - the last resorts: it failed, and no cause could be established */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* @meaning: what the errno means here, NULL where that is as everywhere */
static void add_meaning(struct text *text, __s32 error, const char *meaning)
{
	const char *name = decode_errno_name(error);

	if (!meaning)
		meaning = decode_errno_meaning(error);

	if (name)
		text_add(text, "%s", name);
	else
		text_add(text, "error %d", error);
	if (meaning)
		text_add(text, " (%s)", meaning);
}

/* An errno that several calls give means less in one of them. */
static const char *connect_meaning(__s32 error)
{
	if (error == EINVAL)
		return "an argument makes no sense here: the address is malformed, or a blackhole route";
	if (error == EACCES)
		return "not permitted: a prohibiting route, a broadcast address or a rule of this host";
	return NULL;
}

static const char *bind_meaning(__s32 error)
{
	if (error == EINVAL)
		return "an argument makes no sense here: the socket is bound already, or the address is malformed";
	if (error == EACCES)
		return "not permitted: a low port without privilege, or a rule of this host";
	return NULL;
}

/* Who can refuse a call with these. */
static void add_suspects(struct text *text, __s32 error)
{
	if (error == EMFILE || error == ENFILE)
		text_add(text, "the limit on open files is reached");
	else if (error == ENOBUFS || error == ENOMEM)
		text_add(text, "the kernel had no memory for it");
	else if (error == ECONNABORTED)
		text_add(text, "something on this host destroyed the socket (ss -K)");
	else
		text_add(text, "no cause could be established");
}

/* What a call's errno may mean for this very destination. */
static void add_connect_suspects(struct text *text, const struct view *view)
{
	enum { ROUTE_BROADCAST = 3, ROUTE_MULTICAST = 5 }; /* linux/rtnetlink.h, RTN_* */
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route(view);
	bool ipv4 = address_is_ipv4(opening->tuple.remote);

	if (opening_call_alone(opening) && !ipv4 && address_is_link_local(opening->tuple.remote) &&
	    opening->error == EINVAL && !opening->bound_ifindex)
		text_add(text, "a link-local address needs its interface (as in fe80::1%%eth0)");
	else if (opening_call_alone(opening) && route &&
		 (route->port == ROUTE_BROADCAST || route->port == ROUTE_MULTICAST))
		text_add(text,
			 "TCP connects to one host, and this is a broadcast or multicast address");
	else if (opening_call_alone(opening) && ipv4 && opening->tuple.family == FAMILY_IPV6 &&
		 opening->error == ENETUNREACH)
		text_add(text,
			 "the socket may be for IPv6 only (IPV6_V6ONLY), and the address is IPv4");
	else
		add_suspects(text, opening->error);
}

/* ---- connect-failed ---- */

static bool match_connect_failed(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	guess->confidence = CONFIDENCE_POSSIBLE;
	/* the client itself would not have it: a scanner, or one that no longer waits */
	if (opening && opening_is_captured(opening) && opening->reset_out)
		guess->severity = SEVERITY_INFO;
	return opening;
}

/* What a capture shows instead of an errno. */
static void add_ended(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->reset_out) {
		text_add(text, " was ended by a reset of ");
		address_print(text, opening->tuple.local);
	} else {
		text_add(text, " came to nothing");
	}
	if (opening->end == WAIT_UNSEEN)
		words_end(text, view);
}

static void add_captured_suspects(struct text *text, const struct opening *opening)
{
	if (opening->reset_out && opening->synack_in)
		text_add(text, "the client no longer wanted it, did not ask for it, or only scans");
	else if (opening->synack_in)
		text_add(text, "the SYN/ACK does not reach the client, or its ACK is not captured");
	else if (opening->ack_in)
		text_add(text, "the SYN/ACK was not captured, nor what the client answered");
	else
		text_add(text, "no cause could be established");
}

/* What was seen of it on the way, so that the reader can go on from there. */
static void add_seen(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;
	const char *reason = look_drop_reason(view->join, &opening->drop_out);

	if (opening_call_alone(opening)) {
		text_add(text, " before any packet was made");
		return;
	}
	text_add(text, "; ");
	words_syns(text, opening);
	if (opening_is_captured(opening))
		;
	else if (opening->syn_handed || opening->syn_elsewhere)
		text_add(text, ", seen on an interface");
	else if (!opening->blind_wire)
		text_add(text, ", none seen on an interface");
	if (opening->synack_in)
		text_add(text, ", SYN/ACK seen");
	if (opening_is_captured(opening) && opening->reset_other_in)
		text_add(text, ", a reset that does not acknowledge the SYN (it refuses nothing)");
	else if (opening->reset_in || opening->reset_other_in || opening->reset_seen)
		text_add(text, ", reset seen");
	if (opening->ack_in)
		text_add(text, ", a plain ACK came instead of a SYN/ACK");
	if (opening->icmp_in.count)
		text_add(text, ", ICMP%s %u/%u seen", opening->icmp_in.ipv6 ? "v6" : "",
			 opening->icmp_in.type, opening->icmp_in.code);
	if (opening->drop_out.count) {
		text_add(text, ", dropped here");
		if (reason)
			text_add(text, " (%s)", reason);
	}
}

static void tell_connect_failed(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "connecting to ");
	words_remote(&what, view, opening);
	if (opening->error) {
		text_add(&what, " failed with ");
		add_meaning(&what, opening->error, connect_meaning(opening->error));
	} else if (opening_is_captured(opening)) {
		add_ended(&what, view);
	} else {
		text_add(&what, " did not end");
		words_end(&what, view);
	}
	add_seen(&what, view);
	if (opening_is_captured(opening))
		add_captured_suspects(&why, opening);
	else
		add_connect_suspects(&why, view);
	words_check_route(view, finding, "the way to it as the kernel sees it");
}

const struct rule rule_connect_failed = {
	.id = "connect-failed",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_POSSIBLE,
	.wakes = WAKE_FAILED,
	.match = match_connect_failed,
	.tell = tell_connect_failed,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR) | BIT(FACT_ADDRESS),
	.decide = look_decide_always,
	.means = "a connect failed and no cause could be established",
	.evidence = "its errno, what was seen of it and what could not be; the last resort",
	.gate = "",
	.general_check = "sockwhy doctor: what could not be seen; ip route get ADDRESS",
	.kernels = "all",
};

/* ---- bind-failed ---- */

static bool match_bind_failed(const struct view *view, struct guess *guess)
{
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->errno_alone = true;
	return view->attempt->call->call.error;
}

static void tell_bind_failed(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_syscall *call = &attempt->call->call;
	const char *name = decode_syscall_name(call->call);
	bool bind = call->call == SYSCALL_BIND;
	bool known = look_call_known(view);
	__u16 port = bind ? call->asked_port : call->tuple.local_port;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "%s() on ", name ? name : "bind");
	if (known)
		address_print(&what, bind ? call->asked : call->tuple.local);
	else
		text_add(&what, "an address that could not be read");
	if (known && (bind || port))
		text_add(&what, " port %u", port);
	text_add(&what, " failed with ");
	add_meaning(&what, call->error, bind_meaning(call->error));
	if (bind && call->error == EINVAL && call->tuple.local_port)
		text_add(&why, "the socket is bound already, to port %u", call->tuple.local_port);
	else
		add_suspects(&why, call->error);
	check = words_check(view, finding, attempt->netns);
	text_add(&check.run, "ss -ltnp");
	if (port)
		text_add(&check.run, " 'sport = :%u'", port);
	words_check_end(&check, "what has the port");
}

const struct rule rule_bind_failed = {
	.id = "bind-failed",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_POSSIBLE,
	.wakes = WAKE_BIND,
	.match = match_bind_failed,
	.tell = tell_bind_failed,
	.means = "a bind or listen failed and no cause could be established",
	.evidence = "its errno; the last resort",
	.gate = "",
	.general_check =
		"what else may refuse the call: cgroup BPF programs, security modules, seccomp",
	.kernels = "all",
};
