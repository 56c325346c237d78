// SPDX-License-Identifier: GPL-2.0-or-later
/* accept_knock.c - clients of other machines come, and this host does not take them in */

#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/*
 * Whoever can reach a host from everywhere is asked for every port all day, and does right to refuse.
 * So what comes from a public address, or from one that tries one port after another, is no more than
 * an info.
 */
static bool is_everyday(const struct knock *knock)
{
	return knock->scanned || address_is_global(knock->tuple.remote);
}

static bool is_knock(const struct view *view, enum knock_what what, struct guess *guess)
{
	const struct knock *knock = view->attempt->knock;

	if (knock->what != what)
		return false;
	if (knock->unseen)
		guess->blind |= BLIND_LOST_RECORDS; /* it may be a client of this machine */
	if ((what == KNOCK_REFUSED || what == KNOCK_DROPPED) && is_everyday(knock))
		guess->severity = SEVERITY_INFO;
	return true;
}

/* As look_near_listener() asks: from the client's side. */
static struct event_tuple asked_of(const struct knock *knock)
{
	struct event_tuple asked = { .remote_port = knock->tuple.local_port,
				     .family = knock->tuple.family };

	memcpy(asked.remote, knock->tuple.local, sizeof(asked.remote));
	return asked;
}

static enum nearness near_of(const struct view *view, const struct listener **near)
{
	const struct knock *knock = view->attempt->knock;
	struct event_tuple asked = asked_of(knock);

	return look_near_listener(view->join, knock->netns, &asked, view->attempt->ended_ns, near);
}

/* "the SYN of 10.0.0.9 for 10.0.0.1:5432 in namespace web" */
static void add_syn(struct text *text, const struct view *view)
{
	const struct knock *knock = view->attempt->knock;

	text_add(text, "the SYN of ");
	address_print(text, knock->tuple.remote);
	text_add(text, " for ");
	address_print_port(text, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(text, view->join, knock->netns);
}

/* " (3 SYNs of at least 2 clients)": nothing of one */
static void add_count(struct text *text, const struct view *view)
{
	const struct knock *knock = view->attempt->knock;

	if (knock->syns < 2)
		return;
	text_add(text, " (%u SYNs", knock->syns);
	if (knock->clients > 1)
		text_add(text, " of at least %u clients", knock->clients);
	text_add(text, ")");
}

/* All of what is seen where TCP refuses. */
static void add_refused(struct text *text, const struct view *view)
{
	text_add(text, "this host answered ");
	add_syn(text, view);
	text_add(text, " with a reset");
	add_count(text, view);
}

/* ---- accept-wrong-bind ---- */

static bool match_wrong_bind(const struct view *view, struct guess *guess)
{
	const struct listener *near;

	return is_knock(view, KNOCK_REFUSED, guess) && near_of(view, &near) != NEAR_NONE;
}

static void tell_wrong_bind(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct event_tuple asked = asked_of(knock);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	const struct listener *near = NULL;
	enum nearness how = near_of(view, &near);

	add_refused(&what, view);
	text_add(&why, "nothing listens on ");
	address_print_port(&why, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(&why, view->join, knock->netns);
	if (near) {
		text_add(&why, "; ");
		words_near_listener(&why, view->join, knock->netns, &asked, near, how);
		words_party_listener(finding, near, "listener");
	}
	words_check_port(view, finding, knock->netns, knock->tuple.local_port);
}

const struct rule rule_accept_wrong_bind = {
	.id = "accept-wrong-bind",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_wrong_bind,
	.tell = tell_wrong_bind,
	.means =
		"another machine asks for a port that is served here on another address only (loopback), in another family or namespace",
	.evidence =
		"this host's TCP answers a SYN with a reset because no socket takes it (NO_SOCKET), while a process listens on that very port elsewhere on this host",
	.gate = "a client of this machine has connect-refused-local; an info where the client's address is a public one, or it asks for three ports or more that nobody serves: both are everyday; who began to listen after the refusal does not count",
	.general_check =
		"ss -ltnp 'sport = :PORT'; the address, the family and the namespace it is bound to, and the service's own setting for it (listen_addresses, bind, host)",
	.kernels = "reset without a socket: 6.10 on, before: drop NO_SOCKET (5.17 on)",
};

/* ---- accept-no-listener ---- */

static bool match_no_listener(const struct view *view, struct guess *guess)
{
	return is_knock(view, KNOCK_REFUSED, guess);
}

static void tell_no_listener(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_refused(&what, view);
	if (knock->ports > 1)
		text_add(&what, "; that client asked for %u ports or more", knock->ports);
	text_add(&why, "nothing listens there");
	if (knock->scanned || knock->ports > 2)
		text_add(&why, ": a scanner tries one port after another");
	else
		text_add(&why, ": the client's configuration is old, the service does not run, or "
			       "it is a scanner");
	words_check_port(view, finding, knock->netns, knock->tuple.local_port);
}

const struct rule rule_accept_no_listener = {
	.id = "accept-no-listener",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_INFO,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_no_listener,
	.tell = tell_no_listener,
	.means = "another machine asks for a port on which nothing listens here",
	.evidence =
		"this host's TCP answers a SYN with a reset because no socket takes it (NO_SOCKET), and no process of this host listens on that port",
	.gate = "told on request (--finding, --all); one finding a client, 64 clients at a time; a client of this machine has connect-refused-local",
	.general_check =
		"ss -ltn: is something meant to listen there; whose the client's address is",
	.kernels = "reset without a socket: 6.10 on, before: drop NO_SOCKET (5.17 on)",
};

/* ---- accept-firewall ---- */

static const struct drop_seen *drop_of(const struct view *view)
{
	return &view->attempt->knock->drop;
}

/* What is forwarded may pass a port that is served here, too: then it is not for this host. */
static bool is_for_this_host(const struct view *view, struct guess *guess)
{
	const struct knock *knock = view->attempt->knock;

	switch (look_address(view, knock->netns, knock->tuple.local)) {
	case KNOWN_YES:
		return true;
	case KNOWN_NO:
		return false;
	default:
		guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
}

static bool match_accept_firewall(const struct view *view, struct guess *guess)
{
	if (!is_knock(view, KNOCK_DROPPED, guess) || !is_for_this_host(view, guess))
		return false;
	if (words_is_of_source(view, drop_of(view)))
		return true;
	if (!look_drop_is_filter(view->join, drop_of(view)) ||
	    look_conntrack_full(view, drop_of(view)))
		return false;
	if (look_drop_is_hook(view->join, drop_of(view)) && !look_ruleset(view, WORDS_HOOKS_IN) &&
	    guess->confidence > CONFIDENCE_LIKELY)
		guess->confidence = CONFIDENCE_LIKELY; /* the hooks have other users */
	return true;
}

static void add_filter(struct text *why, const struct view *view, struct finding *finding)
{
	const char *reason = look_drop_reason(view->join, drop_of(view));
	bool hook =
		!reason || !strcmp(reason, "NETFILTER_DROP") || !strcmp(reason, "NOT_SPECIFIED");
	struct words_check check = words_check(view, finding, view->attempt->knock->netns);

	if (hook) {
		text_add(why, "a rule or policy of the packet filter matches it");
		words_in_netns(why, view->join, view->attempt->knock->netns);
		words_ruleset(why, view, WORDS_HOOKS_IN);
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "the rules and chain policies that match it");
		return;
	}
	text_add(why, "a filter outside the packet filter's rules drops it (%s)", reason);
	text_add(&check.run, "bpftool net show");
	words_check_end(&check,
			"programs at the interfaces; tc filter show and bpftool cgroup tree "
			"have the others");
}

static void tell_accept_firewall(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	const char *reason = look_drop_reason(view->join, drop_of(view));
	const char *place = look_drop_place(view->join, drop_of(view));
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "this host dropped ");
	add_syn(&what, view);
	if (reason || place)
		text_add(&what, ": %s%s%s", reason ? reason : "", reason && place ? " in " : "",
			 place ? place : "");
	add_count(&what, view);
	if (knock->listener) {
		text_add(&what, "; ");
		words_listener(&what, knock->listener);
		text_add(&what, " listens there");
	}
	if (words_is_of_source(view, drop_of(view)))
		words_refused_source(&why, view, finding, drop_of(view), knock->tuple.remote);
	else
		add_filter(&why, view, finding);
	if (look_address(view, knock->netns, knock->tuple.local) == KNOWN_NOT)
		text_add(&why, "; whether that address is this host's own is not known");
}

static void want_accept_firewall(const struct view *view, struct fact_request *wanted)
{
	const struct knock *knock = view->attempt->knock;

	wanted->netns = knock->netns;
	wanted->tuple = knock->tuple;
	wanted->pid = 0;
	if (words_is_of_source(view, drop_of(view)))
		words_want_source(view, drop_of(view), wanted, knock->tuple.remote);
}

const struct rule rule_accept_firewall = {
	.id = "accept-firewall",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_accept_firewall,
	.tell = tell_accept_firewall,
	.facts = BIT(FACT_RULESET) | BIT(FACT_ADDRESS) | BIT(FACT_COUNTER),
	.counters = { FACT_CONNTRACK_ENTRIES },
	.decide = look_decide_always,
	.want = want_accept_firewall,
	.means =
		"another machine reaches this host, and its own packet filter or reverse path filter drops the SYN before the listener",
	.evidence =
		"a SYN that came in was dropped with its reason (NETFILTER_DROP, IP_RPFILTER, TC_INGRESS…) in a namespace that has its destination address and a listener for that very port. Certain where a rule of nftables dropped it, or the reverse path filter; likely where the hooks did and no rule that drops is known",
	.gate = "never for a port that nobody serves, nor for what is forwarded, nor where the table of connections is full; a client of this machine has local-firewall; an info where the client's address is a public one (a filter that keeps those out does its work) or it tries one port after another",
	.general_check =
		"nft list ruleset, iptables-save; rp_filter and ip route get CLIENT for the reverse path filter",
	.kernels =
		"drop with reason: 5.17 on, before: nf_hook_slow as its place; reverse path filter: 6.0 on",
};

/* ---- accept-syn-flood ---- */

#define SYNCOOKIES "net.ipv4.tcp_syncookies"

/* Until 6.1 and some way beyond a queue takes as many as its maximum, later one more. */
static bool match_syn_flood(const struct view *view, struct guess *guess)
{
	const struct knock *knock = view->attempt->knock;

	if (!is_knock(view, KNOCK_FLOODED, guess))
		return false;
	if (knock->pending <= knock->pending_max)
		guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_syn_flood(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	const struct ev_fact *cookies = look_sysctl(view, SYNCOOKIES);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "%u handshakes for ", knock->pending);
	address_print_port(&what, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(&what, view->join, knock->netns);
	text_add(&what,
		 " wait for the client's ACK, and its queue of them takes %u; the last is of ",
		 knock->pending_max);
	address_print(&what, knock->tuple.remote);
	text_add(&why, "a flood of SYNs, or clients that the SYN/ACK does not reach");
	if (cookies) {
		text_add(&why, "; ");
		words_sysctl(&why, view, SYNCOOKIES);
		text_add(&why, cookies->number ?
				       ": further SYNs are answered with a cookie, without a place "
				       "in the queue" :
				       ": further SYNs are ignored");
	}
	check = words_check(view, finding, knock->netns);
	text_add(&check.run, "ss -tan state syn-recv 'sport = :%u'", knock->tuple.local_port);
	words_check_end(&check, "who they are: many addresses with one or two each are a flood");
	check = words_check(view, finding, knock->netns);
	text_add(&check.run, "nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDrop");
	words_check_end(&check, "whether it goes on; to change: a larger listen() backlog and "
				"net.core.somaxconn, net.ipv4.tcp_syncookies=1");
}

static void want_syn_flood(const struct view *view, struct fact_request *wanted)
{
	wanted->netns = view->attempt->knock->netns;
}

const struct rule rule_accept_syn_flood = {
	.id = "accept-syn-flood",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_syn_flood,
	.tell = tell_syn_flood,
	.facts = BIT(FACT_SYSCTL),
	.sysctls = { SYNCOOKIES },
	.want = want_syn_flood,
	.means =
		"a listener's queue of handshakes that wait for the client's ACK is full (SYN queue)",
	.evidence =
		"a SYN/ACK is sent again while as many handshakes as the listener's backlog allows wait: further SYNs are answered with a SYN cookie, or ignored. Certain above that maximum, at it likely (newer kernels take one more)",
	.gate = "one finding a listener, never one a source; clients of this machine do not count",
	.general_check =
		"ss -tan state syn-recv; nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDrop; whether the SYN/ACKs reach their clients",
	.kernels = "SYN/ACKs sent again: all",
};
