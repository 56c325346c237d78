// SPDX-License-Identifier: GPL-2.0-or-later
/* connect_refused.c - refused: by another host, by this one, or right after the handshake */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/*
 * The kernel's TCP forged no reset and yet one came without our SYN being seen to go out: then it
 * was made on this host (nftables' "reject with tcp reset"), which is local-firewall's.
 */
static bool reset_from_nowhere(const struct opening *opening)
{
	return !opening->blind_wire && !opening->syn_handed && !opening->syn_elsewhere &&
	       !opening->reset_in;
}

static bool filtered_here(const struct view *view)
{
	const struct opening *opening = view->opening;

	return look_drop_is_filter(view->join, &opening->drop_out) && !opening->refused_here;
}

/* ---- connect-refused ---- */

static bool match_refused(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (!look_refused(opening) || opening->refused_here || opening->synack_in ||
	    filtered_here(view) || reset_from_nowhere(opening))
		return false;
	if (opening->reset_here) {
		guess->confidence = CONFIDENCE_CERTAIN; /* a socket of this very machine said so */
		return true;
	}
	if (look_remote_is_own(view))
		return false;
	guess->confidence = CONFIDENCE_LIKELY; /* RFC 9293 3.10.7.1, but anybody can forge it */
	return true;
}

static void add_answer_time(struct text *text, const struct opening *opening)
{
	__u64 sent = opening->syn_last_ns ? opening->syn_last_ns : opening->started_ns;

	if (opening->answer_ns < sent + 10000)
		return; /* not seen, or less than two CPUs disagree */
	text_add(text, " after ");
	words_duration(text, opening->answer_ns - sent);
}

static void tell_refused(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct opening far = look_far(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_host(&what, view, &far);
	text_add(&what, " answered the SYN with a reset");
	add_answer_time(&what, opening);
	if (opening->answer_ttl)
		text_add(&what, ", ttl %u", opening->answer_ttl);
	if (opening->reset_here) {
		const char *state = decode_state_name(opening->reset_here_state);

		text_add(&why, "a socket in state %s on this host sent it",
			 state ? state : "unknown");
	} else {
		text_add(&why,
			 "nothing listens on %u there, or a firewall or balancer refuses for it",
			 far.tuple.remote_port);
	}
	words_check_listener(view, finding, &far, "what listens on that port there");
	words_check_route(view, finding, "whether this is the way to the machine that is meant");
}

const struct rule rule_connect_refused = {
	.id = "connect-refused",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED,
	.match = match_refused,
	.tell = tell_refused,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means = "another host answered the SYN with a reset",
	.evidence =
		"a reset that acknowledges our SYN reached the socket; the cause is likely (a closed port, or a firewall, balancer or proxy that refuses for it), certain only when a socket of this machine sent it",
	.gate = "an address that refuses before another one of the same attempt works is connect-fallback",
	.general_check =
		"on the far host: does anything listen on that port, on that address, in that family",
	.kernels = "reset at the socket: all (tcp_receive_reset); on the wire: TC on all",
};

/* ---- connect-refused-local ---- */

static __u32 refused_netns(const struct opening *opening)
{
	return opening->refused_here && opening->refused_netns ? opening->refused_netns :
								 opening->netns;
}

/* What the refused SYN asked for when it came there: NAT may have changed it. */
static void refused_asked(const struct opening *opening, struct event_tuple *tuple)
{
	if (!opening->refused_here || !opening->refused_rewritten)
		return;
	memcpy(tuple->remote, opening->refused_to, sizeof(tuple->remote));
	tuple->remote_port = opening->refused_to_port;
}

/* What listens there by now, and began to after the refusal; NULL: nothing. */
static const struct listener *listens_since(const struct view *view)
{
	const struct opening *opening = view->opening;
	struct event_tuple tuple = opening->tuple;
	const struct listener *listener;

	refused_asked(opening, &tuple);
	listener = join_listener_for(view->join, refused_netns(opening), &tuple);
	return opening->refused_here && listener && listener->since_ns > opening->ended_ns ?
		       listener :
		       NULL;
}

/* The age of its process when it began to listen; false: not known. */
static bool listener_age(const struct view *view, const struct listener *listener, __u64 *age_ns)
{
	__u64 since_ns = join_realtime_ns(view->join, listener->since_ns);
	__u64 start_ns;

	if (!listener->owner)
		return false;
	start_ns = join_realtime_of_boottime_ns(view->join, listener->owner->start_ns);
	if (!start_ns || since_ns < start_ns)
		return false;
	*age_ns = since_ns - start_ns;
	return true;
}

/* The refusal met a service on its start: by the time of the verdict it listens. */
static bool was_starting(const struct view *view)
{
	const struct listener *listener = listens_since(view);
	__u64 age_ns;

	return listener && listener_age(view, listener, &age_ns) &&
	       age_ns < view->thresholds->value[THRESHOLD_SERVICE_YOUNG] * NS_PER_S;
}

static bool match_refused_local(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (opening->established_ns || opening->error != ECONNREFUSED ||
	    opening_call_alone(opening))
		return false;
	if (opening->refused_here) {
		if (was_starting(view))
			guess->severity = SEVERITY_INFO;
		return true;
	}
	/*
	 * The destination is here and a reset came, but who sent it could not be seen: a closed port
	 * is by far the most usual, a filter's reset looks the same.
	 */
	if (!look_refused(opening) || opening->synack_in || !look_remote_is_own(view) ||
	    filtered_here(view) || look_reset_author(view))
		return false;
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->absence = true;
	if (!opening->blind_lost && !opening->blind_start)
		guess->blind |= BLIND_HOOK_MISSING;
	return true;
}

/* Listeners fetched after the fact: of sockets that join has no record of. */
static const struct ev_fact *fetched_listener(const struct view *view)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_LISTENER, i)); i++)
		if (!(fact->flags & FACT_F_ABSENT) &&
		    fact->port == view->opening->tuple.remote_port)
			return fact;
	return NULL;
}

/* "; nginx[812] began to listen there 119 ms after the refusal, 500 ms after its own start" */
static void add_since(struct text *text, const struct view *view, const struct listener *listener)
{
	__u64 age_ns;

	text_add(text, "; ");
	words_listener(text, listener);
	text_add(text, " began to listen there ");
	words_duration(text, listener->since_ns - view->opening->ended_ns);
	text_add(text, " after the refusal");
	if (!listener_age(view, listener, &age_ns))
		return;
	text_add(text, ", ");
	words_duration(text, age_ns);
	text_add(text, " after its own start");
}

static void tell_nearest(const struct view *view, struct finding *finding, struct text *why)
{
	__u32 netns = refused_netns(view->opening);
	const struct listener *near = NULL;
	const struct ev_fact *fetched = fetched_listener(view);
	enum nearness how = look_near_listener(view->join, netns, &view->opening->tuple,
					       view->opening->ended_ns, &near);

	if (how == NEAR_NONE && fetched) {
		__u32 where = attempt_fact_netns(view->join, fetched);

		text_add(why, "; ");
		text_add_foreign(why, fetched->name, sizeof(fetched->name));
		text_add(why, "[%u] listens on ", fetched->pid);
		address_print_port(why, fetched->address, fetched->port);
		if (where != netns) {
			text_add(why, " in ");
			words_netns(why, view->join, where);
		}
		return;
	}
	if (how == NEAR_NONE)
		return;
	text_add(why, "; ");
	words_near_listener(why, view->join, netns, &view->opening->tuple, near, how);
	words_party_listener(finding, near, "listener");
}

static void tell_refused_local(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	__u32 netns = refused_netns(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	const struct listener *since = listens_since(view);
	struct opening asked = *opening;
	struct view there = *view;

	refused_asked(opening, &asked.tuple);
	there.opening = &asked;

	if (opening->refused_here)
		text_add(&what, "this host");
	else
		text_add(&what, "a reset from this host's own address");
	if (opening->refused_here && netns != opening->netns)
		words_in_netns(&what, view->join, netns);
	text_add(&what, " answered the SYN%s", opening->refused_here ? " with a reset" : "");
	add_answer_time(&what, opening);
	text_add(&why, since ? "nothing listened on " : "nothing listens on ");
	words_remote(&why, view, &asked);
	words_in_netns(&why, view->join, netns);
	if (opening->refused_here && opening->refused_rewritten)
		text_add(&why, ", where NAT on this machine sent the SYN");
	if (since) {
		add_since(&why, view, since);
		words_party_listener(finding, since, "listener");
	} else {
		tell_nearest(&there, finding, &why);
	}
	words_check_port(view, finding, netns, asked.tuple.remote_port);
}

static void want_refused_local(const struct view *view, struct fact_request *wanted)
{
	__u32 netns = refused_netns(view->opening);

	refused_asked(view->opening, &wanted->tuple);
	if (netns == view->opening->netns && !view->opening->refused_rewritten)
		return;
	wanted->netns = netns; /* the path there is not ours to tell */
	wanted->wanted = BIT(FACT_LISTENER);
	wanted->pid = 0;
}

const struct rule rule_connect_refused_local = {
	.id = "connect-refused-local",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED,
	.match = match_refused_local,
	.tell = tell_refused_local,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_LISTENER),
	.want = want_refused_local,
	.means = "this host refused: nothing listens there",
	.evidence =
		"this machine's TCP answered that very SYN (tuple and sequence number) with a reset without a socket; the nearest listener (other address, family or namespace) is named",
	.gate = "as connect-refused; info where a service younger than service-young listens there by the time of the verdict",
	.general_check =
		"ss -ltnp 'sport = :PORT' in the namespace that refused: is the service up, and bound to the address that is asked for",
	.kernels =
		"reset without a socket: 6.10 on (tcp_send_reset); 5.17 to 6.9: drop NO_SOCKET with tuple and sequence; before: the reset alone, possible",
};

/* ---- connect-reset-in-handshake ---- */

static bool match_reset_in_handshake(const struct view *view, struct guess *guess)
{
	__u64 young = view->thresholds->value[THRESHOLD_RESET_YOUNG] * NS_PER_MS;
	const struct opening *opening = view->opening;

	guess->confidence = CONFIDENCE_LIKELY;
	if (!opening->established_ns) /* RFC 9293 3.10.7.3: SYN/ACK first, the reset in its place */
		return opening->synack_in && look_refused(opening) && !opening->refused_here &&
		       !look_never_completed(opening) && !look_reply_dropped(opening);
	if (!opening->reset_seen && !opening->reset_in && opening->error != ECONNRESET)
		return false;
	return !opening->bytes_sent && !opening->bytes_received &&
	       opening->ended_ns >= opening->established_ns &&
	       opening->ended_ns - opening->established_ns <= young;
}

#define OWN_RESETS \
	"the server closed it with SO_LINGER 0, or its listener closed before it was accepted"
#define OTHER_RESETS \
	"a proxy or balancer without a backend, an accept queue with tcp_abort_on_overflow, or a server that closes with SO_LINGER 0"

static void tell_reset_in_handshake(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct opening far = look_far(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_host(&what, view, &far);
	text_add(&what, opening->established_ns ? " completed the handshake" :
						  " answered the SYN with a SYN/ACK");
	if (opening->established_ns > opening->started_ns) {
		text_add(&what, " in ");
		words_duration(&what, opening->established_ns - opening->started_ns);
	}
	text_add(&what, ", then a reset came");
	if (opening->established_ns && opening->ended_ns > opening->established_ns) {
		text_add(&what, " ");
		words_duration(&what, opening->ended_ns - opening->established_ns);
		text_add(&what, " later");
	}
	text_add(&what, ", before any data was acknowledged or received");
	if (opening->reset_here_unaccepted)
		words_listener_closed(&why, view, opening->reset_here_netns, &opening->tuple,
				      opening->ended_ns);
	else if (opening->reset_here)
		text_add(&why, "a socket of this host sent it: %s", OWN_RESETS);
	else
		text_add(&why, "%s", OTHER_RESETS);
	words_check_listener(view, finding, &far, "which service answers there, and its queue");
	words_check_route(view, finding, "whether a proxy or balancer stands at that address");
}

const struct rule rule_connect_reset_in_handshake = {
	.id = "connect-reset-in-handshake",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED,
	.match = match_reset_in_handshake,
	.tell = tell_reset_in_handshake,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means = "the SYN/ACK came, then a reset before any data",
	.evidence =
		"a reset reached the socket within reset-young of the handshake, no byte was acknowledged or received",
	.gate = "a connection that the local side itself resets (a health check) is not a failure",
	.general_check =
		"the far service's log and, for a proxy, its backends; nstat -az TcpExtListenOverflows there",
	.kernels = "reset at the socket and byte counters: all",
};
