// SPDX-License-Identifier: GPL-2.0-or-later
/* accept.c - a listener of this machine takes no more connections */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

#define OVERFLOWS "TcpExt:ListenOverflows"
#define ABORT "net.ipv4.tcp_abort_on_overflow"

/* NULL: not fetched. It counts from the begin of the namespace: only 0 says something by itself. */
static const struct ev_fact *overflows(const struct view *view)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++)
		if (!strcmp(fact->name, OVERFLOWS) && !(fact->flags & FACT_F_ABSENT))
			return fact;
	return NULL;
}

/*
 * The kernel ignores a SYN that meets a queue above its maximum, and counts it: a queue seen so and
 * a counter that agrees leave no other cause. A counter of 0 refutes it.
 */
static __u8 confidence_of(const struct view *view)
{
	const struct ev_fact *counter = overflows(view);
	__u32 backlog =
		view->opening ? view->opening->full.backlog : view->attempt->overflow->backlog;
	__u32 most = view->opening ? view->opening->full.backlog_max :
				     view->attempt->overflow->backlog_max;

	if (counter && !counter->number)
		return CONFIDENCE_POSSIBLE;
	return counter && backlog > most ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
}

/* The reset that tcp_abort_on_overflow answers the handshake's last ACK with is the listener's. */
static bool aborted(const struct opening *opening)
{
	bool listener = (opening->full.seen && opening->full.at_ack) ||
			(opening->reset_here && opening->reset_here_state == TCP_STATE_LISTEN);

	return opening->established_ns && listener && (opening->reset_seen || opening->reset_in) &&
	       !opening->bytes_received;
}

static bool is_starved(const struct view *view)
{
	const struct listener *listener = look_full_listener(view);

	return look_accept_fails(view, listener) &&
	       (listener->accept_error == EMFILE || listener->accept_error == ENFILE);
}

static bool match_queue_full(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	guess->confidence = confidence_of(view);
	if (view->wake == WAKE_OVERFLOW) {
		/* its own call failed: that is what is told of it (local-fd-limit) */
		guess->silent = is_starved(view);
		return true;
	}
	if (opening->refused_here)
		return false;
	if (opening->established_ns)
		return aborted(opening);
	return opening->full.seen && look_unanswered(view) && !look_answer_in_time(opening);
}

static __u32 netns_of(const struct view *view)
{
	if (view->opening)
		return view->opening->full.netns ? view->opening->full.netns : view->opening->netns;
	return view->attempt->netns;
}

static void add_queue(struct text *text, const struct view *view, const struct listener *listener)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;
	__u32 backlog = opening ? opening->full.backlog : attempt->overflow->backlog;
	__u32 most = opening ? opening->full.backlog_max : attempt->overflow->backlog_max;

	if (listener)
		address_print_port(text, listener->tuple.local, listener->tuple.local_port);
	else if (opening)
		words_remote(text, view, opening);
	else
		address_print_port(text, attempt->overflow->tuple.local,
				   attempt->overflow->tuple.local_port);
	words_in_netns(text, view->join, netns_of(view));
	if (backlog)
		text_add(text, " had %u %s in its accept queue (maximum %u%s)", backlog,
			 backlog == 1 ? "connection" : "connections", most,
			 backlog == most + 1 ? "; the kernel takes one more" : "");
	else
		text_add(text, " had no room in its accept queue");
}

/* Which of the two made the maximum what it is. */
static void add_limit(struct text *text, const struct view *view)
{
	const struct ev_fact *somaxconn = look_sysctl(view, "net.core.somaxconn");
	const struct opening *opening = view->opening;
	bool known = opening ? opening->full.backlog : view->attempt->overflow->backlog;
	__u32 most = opening ? opening->full.backlog_max : view->attempt->overflow->backlog_max;
	bool asked_less = known && somaxconn && most < somaxconn->number;

	if (!somaxconn)
		return;
	text_add(text, "; ");
	if (asked_less)
		text_add(text, "listen() asked for %u, below ", most);
	words_sysctl(text, view, "net.core.somaxconn");
	words_in_netns(text, view->join, netns_of(view));
	if (!asked_less)
		text_add(text, " limits what listen() asks for");
}

static void tell_queue_full(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;
	const struct listener *listener = look_full_listener(view);
	const struct ev_fact *state = attempt_fact(view->join, attempt, FACT_TASK_STATE, 0);
	const struct ev_fact *counter = overflows(view);
	bool fails = look_accept_fails(view, listener);
	__u16 port = listener ?
			     listener->tuple.local_port : /* behind a published port another one */
			     opening ? opening->tuple.remote_port :
				       attempt->overflow->tuple.local_port;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_queue(&what, view, listener);
	if (opening) {
		if (aborted(opening))
			text_add(&what, " and answered the handshake's last ACK with a reset");
		else
			text_add(&what, " and ignored the SYN");
		words_end(&what, view);
	} else {
		text_add(&what, " and ignored ");
		if (attempt->overflow->at_ack)
			words_count(&what, attempt->overflow->count, "last ACK", "last ACKs");
		else
			words_count(&what, attempt->overflow->count, "SYN", "SYNs");
		text_add(&what, ", the last from ");
		address_print(&what, attempt->overflow->tuple.remote);
	}
	words_why_full(&why, view, listener);
	if (!fails && state && !(state->flags & FACT_F_ABSENT)) {
		text_add(&why, "; its main thread is ");
		text_add_foreign(&why, state->text, sizeof(state->text));
	}
	if (!fails)
		add_limit(&why, view);
	if (counter)
		text_add(&why, "; " OVERFLOWS " is %lld since that namespace began",
			 counter->number);
	if (opening && opening->established_ns && look_sysctl(view, ABORT)) {
		text_add(&why, "; ");
		words_sysctl(&why, view, ABORT);
	}
	if (opening && listener)
		words_party_listener(finding, listener, "listener");
	if (listener && fails)
		words_check_starved(view, finding, listener->accept_owner, listener->accept_error);
	check = words_check(view, finding, netns_of(view));
	text_add(&check.run, "ss -ltnp 'sport = :%u'", port);
	words_check_end(&check, "Recv-Q is the queue now, Send-Q its maximum");
	check = words_check(view, finding, netns_of(view));
	text_add(&check.run, "nstat -az TcpExtListenOverflows TcpExtListenDrops");
	words_check_end(
		&check,
		"whether it goes on; to change: accept faster, or a larger listen() backlog and net.core.somaxconn");
}

static void want_queue_full(const struct view *view, struct fact_request *wanted)
{
	const struct listener *listener = look_full_listener(view);

	if (!view->opening || view->opening->netns != netns_of(view)) {
		/* the path of a client that is not of this namespace is not ours to tell */
		wanted->netns = netns_of(view);
		wanted->wanted &= ~(BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR));
	}
	if (listener && listener->owner)
		wanted->pid = listener->owner->tgid;
	else if (view->opening)
		wanted->wanted &= ~BIT(FACT_TASK_STATE);
	words_want_starved(view, wanted);
}

const struct rule rule_accept_queue_full = {
	.id = "accept-queue-full",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING | WAKE_OVERFLOW,
	.match = match_queue_full,
	.tell = tell_queue_full,
	.facts = BIT(FACT_SYSCTL) | BIT(FACT_COUNTER) | BIT(FACT_TASK_STATE) | BIT(FACT_ROUTE) |
		 BIT(FACT_OPEN_FILES),
	.decide = look_decide_always,
	.want = want_queue_full,
	.sysctls = { "net.core.somaxconn", ABORT },
	.counters = { OVERFLOWS },
	.means = "a listener's accept queue overflowed",
	.evidence =
		"a SYN met a queue above its maximum and was ignored; or the handshake's last ACK did (dropped with TCP_LISTEN_OVERFLOW, or answered with a reset). Certain only where the queue was seen above its maximum and that namespace's ListenOverflows, read afterwards, is not 0; 0 refutes it: possible. Why it fills: accept() is not called, or it is called and fails (a descriptor or memory is wanting)",
	.gate = "a listener whose own accept() fails for want of a descriptor has that told (local-fd-limit); a client of this machine that fails for it has it as its own verdict; others are told once per listener and episode",
	.general_check =
		"ss -ltn: Recv-Q against Send-Q; nstat -az TcpExtListenOverflows; why the process does not accept",
	.kernels =
		"queue at the SYN: cgroup_skb/ingress on all; drop LISTEN_OVERFLOW: 6.16 on, before: SYN/ACKs repeated while the queue is full",
};

/* ---- accept-unfinished ---- */

enum { UNFINISHED_PERCENT = 5 };

/* Of public addresses one that sends a SYN and is gone is everyday, also where few others come. */
static bool is_scan(const struct knock *knock, __u64 unfinished)
{
	enum { NO_SCAN = 3 };

	return unfinished < NO_SCAN && address_is_global(knock->tuple.remote);
}

/* Live it is the server's to tell, who sees no opening. */
static bool match_unfinished_here(const struct view *view, struct guess *guess)
{
	const struct knock *knock = view->attempt->knock;
	const struct listener *listener = knock->listener;
	__u64 heard, unfinished;

	if (knock->what != KNOCK_UNFINISHED || !listener)
		return false;
	/* that its queue is full says more */
	if (listener->load.flooded_ns &&
	    listener->load.flooded_ns + 60 * NS_PER_S > view->attempt->started_ns)
		return false;
	heard = (__u64)listener->load.heard[0] + listener->load.heard[1];
	unfinished = (__u64)listener->load.unfinished[0] + listener->load.unfinished[1];
	guess->absence = true;
	if (knock->unseen)
		guess->blind |= BLIND_LOST_RECORDS;
	/* where SYNs are out of sight it is not known how many do finish */
	if (!heard || unfinished * 100 <= heard * UNFINISHED_PERCENT || is_scan(knock, unfinished))
		guess->severity = SEVERITY_INFO;
	return true;
}

static bool match_unfinished(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;
	struct scope scope;

	if (view->wake == WAKE_KNOCK)
		return match_unfinished_here(view, guess);
	if (!look_never_completed(opening) || opening->reset_out || opening->icmp_in.count)
		return false;
	guess->absence = true;
	join_scope(view->join, opening->netns, opening->tuple.remote, opening->tuple.remote_port,
		   &scope);
	if (scope.failures * 100 <= scope.openings * UNFINISHED_PERCENT)
		guess->severity = SEVERITY_INFO; /* scanners and clients that vanish are everyday */
	return true;
}

/* "; of 40 SYNs of other machines for that port within two minutes 3 ended so" */
static void add_share(struct text *why, const struct listener *listener)
{
	__u32 heard = listener ? listener->load.heard[0] + listener->load.heard[1] : 0;
	__u32 unfinished =
		listener ? listener->load.unfinished[0] + listener->load.unfinished[1] : 0;

	if (heard < unfinished || !unfinished)
		return;
	text_add(why, "; of ");
	words_count(why, heard, "SYN", "SYNs");
	text_add(why, " of other machines for that port within two minutes %u ended so",
		 unfinished);
}

static void tell_unfinished_here(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "this host answered the SYN of ");
	address_print(&what, knock->tuple.remote);
	text_add(&what, " for ");
	address_print_port(&what, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(&what, view->join, knock->netns);
	text_add(&what, " with three SYN/ACKs, and none was acknowledged");
	if (knock->syns > 1)
		text_add(&what, " (%u handshakes)", knock->syns);
	text_add(&why,
		 "the client is gone or never asked (a spoofed source), the SYN/ACK or its ACK is "
		 "lost or takes another way, or the client's own host drops the SYN/ACK");
	add_share(&why, knock->listener);
	check = words_check(view, finding, knock->netns);
	text_add(&check.run, "ip %sroute get ", address_is_ipv4(knock->tuple.remote) ? "" : "-6 ");
	address_print(&check.run, knock->tuple.remote);
	words_check_end(&check, "whether the way back is the one the SYN came by");
	check = words_check(view, finding, knock->netns);
	text_add(&check.run, "ss -tan state syn-recv 'sport = :%u'", knock->tuple.local_port);
	words_check_end(&check, "which clients they are: of one network, or of all");
}

static void tell_unfinished_of_client(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_remote(&what, view, opening);
	text_add(&what, " answered the SYN with ");
	words_count(&what, opening->synack_in, "SYN/ACK", "SYN/ACKs");
	text_add(&what, " in ");
	words_duration(&what, ns_between(opening->started_ns, opening->ended_ns));
	text_add(&what, ", and ");
	address_print(&what, opening->tuple.local);
	text_add(&what, " acknowledged none of them");
	if (opening->reset_in)
		text_add(&what, "; then it gave up with a reset");
	text_add(&why,
		 "the client is gone or never asked (a spoofed source), the SYN/ACK or its ACK is "
		 "lost or takes another way, or the client's own host drops the SYN/ACK");
	check = words_check(view, finding, 0);
	text_add(&check.run, "nstat -az TcpExtTCPSynRetrans");
	words_check_end(
		&check,
		"whether the client's host still sends SYNs: then it never gets the answer");
	words_check_route(view, finding, "whether both directions take one way");
}

static void tell_unfinished(const struct view *view, struct finding *finding)
{
	if (view->wake == WAKE_KNOCK)
		tell_unfinished_here(view, finding);
	else
		tell_unfinished_of_client(view, finding);
}

const struct rule rule_accept_unfinished = {
	.id = "accept-unfinished",
	.stage = STAGE_ACCEPT,
	.did = "did not complete its connection to",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_KNOCK,
	.match = match_unfinished,
	.tell = tell_unfinished,
	.means = "a SYN/ACK is sent again and again and never acknowledged",
	.evidence =
		"two SYN/ACKs or more of one handshake, no ACK, reset or ICMP error of the client's side to the end, or to the reset with which the server gives up; live, from the server's side: a SYN/ACK is sent for the third time (3 s after the SYN)",
	.gate = "an info where at most 5 % of the connects to that port fail, live of the SYNs of other machines within a minute or two, or where those cannot be seen (packets of another namespace), or where the client has a public address and fewer than three did so; a listener whose queue of handshakes is full has accept-syn-flood; clients of this machine have a verdict of their own; one SYN/ACK alone, and a client that resets, is connect-failed",
	.general_check = "a capture at the client: does the SYN/ACK arrive, does its ACK leave",
	.kernels = "SYN/ACKs sent again: all",
};

/* ---- accept-listener-closed ---- */

/* A client that had closed before misses nothing but what it may still have wanted to be told. */
static bool match_listener_closed(const struct view *view, struct guess *guess)
{
	const struct standing *standing = look_standing(view);

	if (!standing->unaccepted)
		return false;
	if (standing->flow.state == TCP_STATE_CLOSE_WAIT)
		guess->severity = SEVERITY_INFO;
	return true;
}

static void tell_listener_closed(const struct view *view, struct finding *finding)
{
	const struct flow *flow = &look_standing(view)->flow;
	struct event_tuple asked = { .remote_port = flow->tuple.local_port };
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	memcpy(asked.remote, flow->tuple.local, sizeof(asked.remote));
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " had connected to ");
	address_print_port(&what, flow->tuple.local, flow->tuple.local_port);
	words_in_netns(&what, view->join, flow->netns);
	text_add(&what, " and waited to be accepted; its connection was reset");
	if (flow->counts.unread_bytes)
		text_add(&what, ", with %u bytes of it unread", flow->counts.unread_bytes);
	words_listener_closed(&why, view, flow->netns, &asked, flow->ended_ns);
	check = words_check(view, finding, 0);
	text_add(&check.run, "journalctl --since -1h -p notice");
	words_check_end(&check, "why it ended or was restarted");
	check = words_check(view, finding, flow->netns);
	text_add(&check.run, "sysctl net.ipv4.tcp_migrate_req");
	words_check_end(&check, "1 hands on what waits, to another listener with SO_REUSEPORT; "
				"else accept it before the close");
}

const struct rule rule_accept_listener_closed = {
	.id = "accept-listener-closed",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION,
	.match_socket = match_listener_closed,
	.tell_socket = tell_listener_closed,
	.means = "a listener closed while connections waited to be accepted: those were reset",
	.evidence =
		"a socket that no accept() had handed to a process ended established, without an error and without a reset of its peer: only the close of its listener does that",
	.gate = "an info where the client had closed before; not told where the client is on this host, which has connect-reset-in-handshake or conn-reset-by-peer with this cause",
	.general_check =
		"the service's log, and what restarted it; tcp_migrate_req hands what waits to another SO_REUSEPORT listener",
	.kernels = "all",
};
