// SPDX-License-Identifier: GPL-2.0-or-later
/* look_send.c - datagrams that this host did not let go: what the rules of SYNs say of them */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/port.h"

#define ATTEMPTS_MOST 5 /* that resolv.conf(5) lets one lookup make at a server */

/*
 * What was connected to is no name server, as the process's resolv.conf says. Of a process that is gone
 * nobody knows it: who asked for the same address more often than a lookup may, sorted addresses.
 */
static bool is_no_server(const struct view *view)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *fact;
	size_t i;

	for (i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_RESOLVER, i)); i++) {
		if (fact->flags & FACT_F_ABSENT)
			return lookup->repeats >= ATTEMPTS_MOST;
		if (address_equal(fact->address, lookup->server))
			return false;
	}
	return i;
}

bool look_not_sent(const struct view *view)
{
	return view->wake == WAKE_LOOKUP && view->attempt->lookup->about == LOOKUP_NOT_SENT &&
	       !(view->attempt->lookup->call == SYSCALL_CONNECT && is_no_server(view));
}

static struct drop_seen drop_of(const struct lookup *lookup)
{
	return (struct drop_seen){
		.count = lookup->drop_seen,
		.reason_known = lookup->drop_reason_known,
		.reason = lookup->drop_reason,
		.location = lookup->drop_location,
		.netns = lookup->netns,
	};
}

static bool is_query(const struct lookup *lookup)
{
	return lookup->server_port == PORT_DNS;
}

/* To many at once: whoever announces himself expects nobody, and interfaces come and go. */
static bool is_to_many(const __u8 *address)
{
	if (!address_is_ipv4(address))
		return address[0] == 0xff;
	return (address[12] & 0xf0) == 224 ||
	       (address[12] & address[13] & address[14] & address[15]) == 0xff;
}

static void guess_of(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
	if (is_to_many(lookup->server))
		guess->severity = SEVERITY_INFO;
}

static const struct ev_fact *route_of(const struct view *view)
{
	const struct ev_fact *route = attempt_fact(view->join, view->attempt, FACT_ROUTE, 0);

	return route && attempt_fact_netns(view->join, route) == view->attempt->netns ? route :
											NULL;
}

void look_want_not_sent(const struct view *view, struct fact_request *wanted)
{
	struct subject_about about = { .cookie = 0 };

	view->attempt->subject->about(view->attempt, &about);
	wanted->tuple = about.tuple;
	if (view->attempt->lookup->call == SYSCALL_CONNECT)
		wanted->wanted |= BIT(FACT_RESOLVER);
}

/* ---- why ---- */

bool look_not_sent_no_route(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *route = route_of(view);

	if (lookup->error != ENETUNREACH)
		return false;
	guess_of(view, guess);
	guess->errno_alone = true;
	/* on a host of one family whoever has the other one's address as well goes on with that */
	if (!is_query(lookup) && !address_is_ipv4(lookup->server))
		guess->severity = SEVERITY_INFO;
	if (!route)
		guess->confidence = CONFIDENCE_LIKELY;
	return !route || (route->flags & FACT_F_ABSENT);
}

bool look_not_sent_route_rejects(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *route = route_of(view);

	if (lookup->error == EPERM || lookup->drop_seen)
		return false;
	guess_of(view, guess);
	guess->errno_alone = true;
	if (!route) { /* only such a route gives this errno, where no ICMP error did */
		guess->confidence = CONFIDENCE_LIKELY;
		return lookup->error == EHOSTUNREACH &&
		       join_hook_attached(view->join, "datagram-error");
	}
	if (!(route->flags & FACT_F_ABSENT))
		return route->port >= ROUTE_BLACKHOLE && route->port <= ROUTE_THROW;
	return route->error == lookup->error && lookup->error != ENETUNREACH;
}

bool look_not_sent_filtered(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct drop_seen drop = drop_of(lookup);

	if (lookup->error != EPERM || !look_drop_is_filter(view->join, &drop))
		return false;
	guess_of(view, guess);
	if (look_no_rule(view, WORDS_HOOKS_OUT))
		guess->confidence = CONFIDENCE_POSSIBLE; /* the hooks have other users */
	return true;
}

bool look_not_sent_neighbor(const struct view *view, struct guess *guess)
{
	const struct drop_seen drop = drop_of(view->attempt->lookup);

	if (!look_drop_is_neighbor(view->join, &drop))
		return false;
	guess_of(view, guess);
	return true;
}

/* ---- in words ---- */

/* "send() of a query of 10.0.0.1 to 10.0.0.2:53 failed with EPERM, 3 times" */
void words_not_sent(struct text *text, const struct view *view)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct drop_seen drop = drop_of(lookup);
	const char *reason = look_drop_reason(view->join, &drop);
	const char *place = look_drop_place(view->join, &drop);
	const char *name = decode_errno_name(lookup->error);

	if (lookup->error == EHOSTUNREACH && lookup->drop_seen)
		text_add(text, "this host dropped a %s", is_query(lookup) ? "query" : "datagram");
	else
		text_add(text, "%s() of a %s", lookup->call == SYSCALL_CONNECT ? "connect" : "send",
			 is_query(lookup) ? "query" : "datagram");
	if (!address_is_any(lookup->client)) {
		text_add(text, " of ");
		address_print(text, lookup->client);
	}
	text_add(text, " to ");
	address_print_port(text, lookup->server, lookup->server_port);
	if (lookup->error != EHOSTUNREACH || !lookup->drop_seen)
		text_add(text, " failed with %s", name ? name : "an error");
	if (lookup->drop_seen && (reason || place))
		text_add(text, " (%s%s%s)", reason ? reason : "", reason && place ? " in " : "",
			 place ? place : "");
	words_in_netns(text, view->join, lookup->netns);
	if (!lookup->again)
		return;
	text_add(text, ", ");
	words_count(text, lookup->again + 1, "time", "times");
}

void words_check_not_sent(const struct view *view, struct finding *finding, const char *why)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct words_check check = words_check(view, finding, lookup->netns);

	text_add(&check.run, "ip %sroute get ", address_is_ipv4(lookup->server) ? "" : "-6 ");
	address_print(&check.run, lookup->server);
	words_check_end(&check, "%s", why);
}

static bool sent_reason_is(const struct view *view, const char *with)
{
	const struct drop_seen drop = drop_of(view->attempt->lookup);
	const char *reason = look_drop_reason(view->join, &drop);

	return reason && !strncmp(reason, with, strlen(with));
}

void words_tell_filtered(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_not_sent(&what, view);
	if (sent_reason_is(view, "BPF_CGROUP")) {
		text_add(&why, "a BPF program on the process's cgroup denies it");
		check = words_check(view, finding, 0);
		text_add(&check.run, "bpftool cgroup tree");
		words_check_end(&check, "programs attached to the process's cgroup; systemd's "
					"IPAddressDeny= is one");
		return;
	}
	if (look_no_rule(view, WORDS_HOOKS_OUT))
		text_add(&why, "the packet filter's hooks dropped it, and no rule or policy there "
			       "matches: a full table of connections (conntrack), or another "
			       "kernel module");
	else
		text_add(&why, "a rule or policy of the packet filter matches it");
	words_in_netns(&why, view->join, lookup->netns);
	words_ruleset(&why, view, WORDS_HOOKS_OUT);
	check = words_check(view, finding, lookup->netns);
	text_add(&check.run, "nft list ruleset");
	words_check_end(&check, "the rules and chain policies that match it");
	words_check_not_sent(view, finding, "interface and source that rules may match");
}
