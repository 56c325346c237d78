// SPDX-License-Identifier: GPL-2.0-or-later
/* look.c - questions about an opening that several rules ask, each answered in one place */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "util/address.h"
#include "util/drop.h"
#include "util/time.h"

bool look_in_time(const struct opening *opening, __u64 ns)
{
	return !opening->ended_ns || !ns || ns <= opening->ended_ns + JOIN_CLOCK_SLACK_NS;
}

bool look_nothing_back(const struct opening *opening)
{
	bool packets = opening->synack_in || opening->reset_in || opening->reset_other_in ||
		       opening->ack_in;

	return !(packets && look_in_time(opening, opening->answer_ns)) && !opening->reset_seen &&
	       !opening->established_ns && !opening->icmp_reported && !opening->soft_error &&
	       !(opening->icmp_in.count && look_in_time(opening, opening->icmp_in.first_ns)) &&
	       !(opening->icmp_here.count && look_in_time(opening, opening->icmp_here.first_ns)) &&
	       !(opening->drop_in.count && look_in_time(opening, opening->drop_in.first_ns));
}

bool look_reply_dropped(const struct opening *opening)
{
	return opening->drop_in.count && look_in_time(opening, opening->drop_in.first_ns) &&
	       (opening->drop_in.syn_ack || opening->drop_in.tcp_reset);
}

bool look_answer_in_time(const struct opening *opening)
{
	return (opening->synack_in || opening->reset_in) &&
	       look_in_time(opening, opening->answer_ns);
}

bool look_reset_author(const struct view *view)
{
	const struct ev_start *start = join_start(view->join);
	const struct opening *opening = view->opening;

	if (opening->blind_lost || opening->blind_start || !start)
		return false;
	/* before 6.10 tcp_send_reset is silent where no socket is: the drop tells instead */
	if (start->kernel_version < KERNEL(6, 10))
		return start->kernel_version >= KERNEL(5, 17) &&
		       join_hook_attached(view->join, "drop");
	return join_hook_attached(view->join, "reset-sent");
}

bool look_unanswered(const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->established_ns || opening->end == WAIT_ANSWERED)
		return false;
	if (view->wake == WAKE_PENDING || opening->end != WAIT_ERRNO)
		return true;
	if (opening_call_alone(opening))
		return false;
	/* ECONNABORTED: the socket was destroyed under its owner, which ends the wait and no more */
	return opening->error == ETIMEDOUT || opening->error == ECONNABORTED;
}

bool look_refused(const struct opening *opening)
{
	if (opening->established_ns || !opening->syn_sent)
		return false;
	if (opening->error && opening->error != ECONNREFUSED)
		return false;
	return opening->reset_seen || opening->reset_in;
}

bool look_remote_is_own(const struct view *view)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route(view);

	if (opening_is_captured(opening))
		return false; /* whose address it is, a capture does not tell */
	if (address_is_loopback(opening->tuple.remote))
		return true;
	if (!address_is_any(opening->tuple.local) &&
	    address_equal(opening->tuple.local, opening->tuple.remote))
		return true;
	return route && route->port == ROUTE_LOCAL;
}

const char *look_drop_reason(const struct join *join, const struct drop_seen *drop)
{
	return drop->reason_known ? join_name(join, NAME_DROP_REASON, drop->reason) : NULL;
}

const char *look_drop_place(const struct join *join, const struct drop_seen *drop)
{
	return drop->location ? join_name(join, NAME_SYMBOL, drop->location) : NULL;
}

static bool begins(const char *text, const char *with)
{
	return text && !strncmp(text, with, strlen(with));
}

/* By the reason; before 5.17, and where it says nothing (NOT_SPECIFIED), by who freed the packet. */
bool look_drop_is_filter(const struct join *join, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(join, drop);

	if (!drop->count)
		return false;
	if (drop_class_of(reason) == DROP_FILTER)
		return true;
	if (reason && strcmp(reason, "NOT_SPECIFIED") != 0)
		return false;
	return begins(look_drop_place(join, drop), "nf_hook_slow");
}

bool look_drop_is_hook(const struct join *join, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(join, drop);
	const char *place = look_drop_place(join, drop);

	if (!drop->count || (reason && strcmp(reason, "NETFILTER_DROP") != 0 &&
			     strcmp(reason, "NOT_SPECIFIED") != 0))
		return false;
	/* since 6.4 a rule of nftables that drops frees the packet itself (NF_DROP_REASON) */
	return begins(place, "nf_hook_slow");
}

const struct ev_fact *look_conntrack_full(const struct view *view, const struct drop_seen *drop)
{
	const struct ev_fact *fact, *entries = NULL;
	bool dropped = false;

	if (!look_drop_is_hook(view->join, drop))
		return NULL;
	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++) {
		if ((fact->flags & FACT_F_ABSENT) ||
		    attempt_fact_netns(view->join, fact) != drop->netns)
			continue;
		if (!strcmp(fact->name, FACT_CONNTRACK_ENTRIES))
			entries = fact;
		dropped |= !strcmp(fact->name, FACT_CONNTRACK "drop") && fact->number;
	}
	if (!entries || entries->number * 10 < entries->limit * 9)
		return NULL;
	return entries->number >= entries->limit || dropped ? entries : NULL;
}

bool look_translated(const struct opening *opening)
{
	return opening->stopped_from_port && opening->tuple.local_port &&
	       (opening->stopped_from_port != opening->tuple.local_port ||
		!address_equal(opening->stopped_from, opening->tuple.local));
}

struct event_tuple look_stopped(const struct opening *opening)
{
	struct event_tuple tuple = opening->tuple;

	memcpy(tuple.local, opening->stopped_from, sizeof(tuple.local));
	memcpy(tuple.remote, opening->stopped_to, sizeof(tuple.remote));
	tuple.local_port = opening->stopped_from_port;
	tuple.remote_port = opening->stopped_to_port;
	return tuple;
}

struct opening look_far(const struct opening *opening)
{
	struct opening far = *opening;

	if (opening->translated) {
		memcpy(far.tuple.remote, opening->translated_to, sizeof(far.tuple.remote));
		far.tuple.remote_port = opening->translated_to_port;
	}
	return far;
}

bool look_drop_is_neighbor(const struct join *join, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(join, drop);

	if (!drop->count)
		return false;
	if (drop_class_of(reason) == DROP_NEIGHBOR)
		return true;
	if (reason && strcmp(reason, "NOT_SPECIFIED") != 0)
		return false;
	return begins(look_drop_place(join, drop), "neigh_invalidate") ||
	       begins(look_drop_place(join, drop), "arp_error_report") ||
	       begins(look_drop_place(join, drop), "ndisc_error_report");
}

bool look_drop_is_no_route(const struct join *join, const struct drop_seen *drop)
{
	return drop->count && begins(look_drop_reason(join, drop), "IP_OUTNOROUTES");
}

/* An older recording tells of a chain's hook in the chain's own line alone. */
static __u32 hooks_of_chain(const struct view *view, const char *chain)
{
	static const char *const names[] = { "ingress", "prerouting",  "input", "forward",
					     "output",	"postrouting", "egress" };
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_RULESET, i)); i++) {
		const char *hook = strstr(fact->text, " hook ");

		if (strncmp(fact->text, "type ", 5) != 0 || !hook || strcmp(fact->name, chain) != 0)
			continue;
		for (size_t name = 0; name < ARRAY_SIZE(names); name++)
			if (begins(hook + 6, names[name]))
				return 1U << name;
	}
	return 0;
}

const struct ev_fact *look_ruleset(const struct view *view, __u32 hooks)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_RULESET, i)); i++) {
		__u32 at = (__u32)fact->limit;

		/* .port: it drops or rejects; a chain that lets pass explains nothing */
		if ((fact->flags & FACT_F_ABSENT) || !fact->port)
			continue;
		if (!at)
			at = hooks_of_chain(view, fact->name);
		if (at & hooks)
			return fact;
	}
	return NULL;
}

bool look_no_rule(const struct view *view, __u32 hooks)
{
	const struct ev_fact *fact;
	size_t i = 0;

	for (; (fact = attempt_fact(view->join, view->attempt, FACT_RULESET, i)); i++) {
		bool is_chain = !strncmp(fact->text, "type ", 5);

		/* a legacy table, or what of the call or chain is not known */
		if ((fact->flags & FACT_F_ABSENT) || (!is_chain && !fact->port) ||
		    (fact->port && !fact->limit && !hooks_of_chain(view, fact->name)))
			return false;
	}
	return i && i < FACT_RULES_MAX && !look_ruleset(view, hooks);
}

/* Before 6.12 the socket's refusal has no reason of its own. */
__u32 look_challenges(const struct view *view)
{
	const struct opening *opening = view->opening;
	const char *reason = look_drop_reason(view->join, &opening->drop_in);

	if (opening->stale_in || !reason || strcmp(reason, "TCP_INVALID_ACK_SEQUENCE") != 0 ||
	    opening->drop_in.syn_ack || opening->drop_in.tcp_reset ||
	    !look_in_time(opening, opening->drop_in.first_ns))
		return opening->stale_in;
	return opening->drop_in.count;
}

bool look_never_completed(const struct opening *opening)
{
	return opening_is_captured(opening) && opening->synack_in > 1 && !opening->established_ns;
}

/* Of a capture's clients each has a way of its own: what is usual for others tells nothing. */
__u32 look_usual_handshake_us(const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening_is_captured(opening))
		return 0;
	return join_handshake_median_us(view->join, opening->netns, opening->tuple.remote);
}

#define SYN_AGAIN_LEAST_NS (50 * NS_PER_MS)

bool look_slow(const struct view *view)
{
	const struct opening *opening = view->opening;
	__u64 took_us, median_us, slow_us;

	if (!opening->established_ns || opening->established_ns < opening->started_ns ||
	    !opening->seen_whole)
		return false;
	/* nobody who was not challenged sends a SYN again sooner: they are copies without anything that tells */
	if (opening->syn_sent > 1)
		return !opening_is_captured(opening) || look_challenges(view) ||
		       opening->established_ns - opening->started_ns >= SYN_AGAIN_LEAST_NS;
	took_us = (opening->established_ns - opening->started_ns) / NS_PER_US;
	slow_us = view->thresholds->value[THRESHOLD_SLOW_HANDSHAKE] * US_PER_MS;
	if (took_us <= slow_us)
		return false;
	if (opening->synack_in > 1)
		return true;
	median_us = look_usual_handshake_us(view);
	return median_us && took_us > view->thresholds->value[THRESHOLD_SLOW_FACTOR] * median_us;
}

/*
 * Was this opening needed? One that failed by itself before the other worked was; one that was given
 * up was only if that made room for the next: the losers of a race (RFC 8305 5) were not.
 */
static bool failed_before(const struct opening *failed, const struct opening *worked)
{
	if (failed->state != OPENING_FAILED || failed == worked)
		return false;
	if (failed->end == WAIT_ERRNO || failed->end == WAIT_ANSWERED)
		return failed->ended_ns <= worked->established_ns + JOIN_CLOCK_SLACK_NS;
	/* no slack: the thread that gave one up and began the next saw one clock */
	return failed->ended_ns <= worked->started_ns;
}

bool look_fallback(const struct view *view, const struct opening **first, __u64 *lost_ms)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *worked = view->opening;
	const struct opening *failed = NULL;

	for (size_t i = 0; i < attempt_openings(attempt) && !failed; i++)
		if (failed_before(attempt->openings[i], worked))
			failed = attempt->openings[i];
	if (!failed || address_equal(failed->tuple.remote, worked->tuple.remote))
		return false;
	*first = failed;
	*lost_ms = ns_between(failed->started_ns, worked->started_ns) / NS_PER_MS;
	return true;
}

enum known look_address(const struct view *view, __u32 netns, const __u8 *address)
{
	const struct ev_fact *fact;
	bool any = false;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_ADDRESS, i)); i++) {
		if ((fact->flags & FACT_F_ABSENT) || attempt_fact_netns(view->join, fact) != netns)
			continue;
		any = true;
		if (address_equal(fact->address, address))
			return KNOWN_YES;
	}
	return any ? KNOWN_NO : KNOWN_NOT;
}

static enum nearness nearness_of(const struct listener *listener, __u32 netns,
				 const struct event_tuple *asked)
{
	bool ipv4 = address_is_ipv4(asked->remote);

	if (listener->tuple.local_port != asked->remote_port)
		return NEAR_NONE;
	if (listener->netns != netns)
		return NEAR_NETNS;
	if (address_is_any(listener->tuple.local))
		return ipv4 && listener->v6only ? NEAR_V6ONLY : NEAR_ADDRESS;
	return NEAR_ADDRESS;
}

enum nearness look_near_listener(const struct join *join, __u32 netns,
				 const struct event_tuple *asked, __u64 before_ns,
				 const struct listener **nearest)
{
	const struct listener *listener;
	enum nearness best = NEAR_NONE;

	for (__u32 at = 0; (listener = join_listener(join, &at));) {
		enum nearness near = nearness_of(listener, netns, asked);

		if (near == NEAR_NONE || (best != NEAR_NONE && near >= best))
			continue;
		if (before_ns && listener->since_ns > before_ns)
			continue;
		best = near;
		*nearest = listener;
	}
	return best;
}

const struct listener *look_full_listener(const struct view *view)
{
	const struct opening *opening = view->opening;
	__u64 cookie = opening ? opening->full.listener_cookie : view->attempt->overflow->cookie;
	const struct listener *listener;

	if (!opening && view->attempt->overflow->listener)
		return view->attempt->overflow->listener;
	for (__u32 at = 0; (listener = join_listener(view->join, &at));)
		if (cookie && listener->cookie == cookie)
			return listener;
	if (!opening)
		return NULL;
	return join_listener_for(view->join,
				 opening->full.netns ? opening->full.netns : opening->netns,
				 &opening->tuple);
}

bool look_accept_fails(const struct view *view, const struct listener *listener)
{
	__u64 since_ns = view->opening ? view->opening->started_ns : view->attempt->started_ns;
	__u64 before_ns = view->thresholds->value[THRESHOLD_ACCEPT_FAILED] * NS_PER_S;

	return listener && listener->accept_failed_ns &&
	       listener->accept_failed_ns + before_ns >= since_ns;
}

const struct ev_fact *look_sysctl(const struct view *view, const char *name)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_SYSCTL, i)); i++)
		if (!strcmp(fact->name, name))
			return fact->flags & FACT_F_ABSENT ? NULL : fact;
	return NULL;
}

const struct ev_fact *look_route_in(const struct view *view, __u32 netns)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_ROUTE, i)); i++)
		if (attempt_fact_netns(view->join, fact) == netns)
			return fact;
	return NULL;
}

const struct ev_fact *look_route(const struct view *view)
{
	const struct ev_fact *route =
		view->opening ? look_route_in(view, view->opening->netns) : NULL;

	if (!route)
		return NULL;
	if (!(route->flags & FACT_F_ABSENT) || route->error == ENETUNREACH ||
	    route->error == EHOSTUNREACH || route->error == EACCES || route->error == EINVAL)
		return route;
	return NULL; /* the look-up itself could not be made */
}

__u64 look_lasted_ns(const struct view *view)
{
	const struct opening *opening = view->opening;
	__u64 end = view->attempt->due_ns;

	if (view->wake == WAKE_WORKED && opening->established_ns)
		end = opening->established_ns;
	else if (opening->ended_ns)
		end = opening->ended_ns;
	return ns_between(opening->started_ns, end);
}

bool look_begin_seen(const struct view *view)
{
	return view->opening->seen_whole && view->attempt->openings[0]->seen_whole;
}

bool look_call_known(const struct view *view)
{
	const struct failed_call *failed = view->attempt->call;

	return failed->call.call != SYSCALL_BIND || failed->asked_known;
}

bool look_went_on_by_ipv4(const struct view *view)
{
	const struct failed_call *failed = view->attempt->call;

	return failed->call.tuple.family == FAMILY_IPV6 && failed->bound_other_later;
}

__u16 look_call_port(const struct attempt *attempt)
{
	struct event_tuple tuple;

	subject_tuple(attempt, &tuple);
	return tuple.local_port;
}

void look_want_call(const struct view *view, struct fact_request *wanted)
{
	const struct attempt *attempt = view->attempt;

	if (view->opening)
		return;
	subject_tuple(attempt, &wanted->tuple);
	wanted->mark = attempt->call->call.mark;
	wanted->bound_ifindex = attempt->call->call.bound_ifindex;
}

bool look_decide_always(const struct verdict *verdict)
{
	return verdict->rule;
}

bool look_quotes_addresses(const struct ev_fact *fact)
{
	return fact->what == FACT_ADDRESS;
}
