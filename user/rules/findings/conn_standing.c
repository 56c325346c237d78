// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_standing.c - established connections of this host, judged by what their sockets tell */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

static const struct event_flow *counts_of(const struct view *view)
{
	return &look_standing(view)->flow.counts;
}

/* All figures were told. A kernel or recording that is older tells the first of them. */
static bool is_counted(const struct view *view)
{
	return look_standing(view)->flow.known & EVENT_K_FLOW;
}

/* The kernel gave up: an errno that only a timer, or an ICMP error that it believes, can bring. */
static bool gave_up(const struct view *view)
{
	__s32 error = look_standing(view)->flow.error;

	return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

/* The application had closed it before: what it wrote it believes to be delivered. */
static bool was_left(const struct view *view)
{
	__u8 state = look_standing(view)->flow.state;

	return state != TCP_STATE_ESTABLISHED && state != TCP_STATE_CLOSE_WAIT;
}

static bool hangs(const struct view *view)
{
	return view->wake == WAKE_STALLED;
}

static void add_local(struct text *text, const struct view *view)
{
	words_side(text, view, FIGURES_LOCAL);
}

static void add_remote(struct text *text, const struct view *view)
{
	words_side(text, view, FIGURES_REMOTE);
}

static void check_reachable(const struct view *view, struct finding *finding)
{
	struct words_check check = words_check(view, finding, view->attempt->netns);

	text_add(&check.run, "ping -c 3 ");
	address_print(&check.run, look_figures(view, FIGURES_REMOTE)->address);
	words_check_end(&check, "whether that host answers at all");
}

/* ", and was last heard 3.2 s before" */
static void add_heard(struct text *text, const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;
	__u64 until_ns = flow->ended_ns ? flow->ended_ns : view->attempt->due_ns;

	if (!(flow->known & EVENT_K_TIMES) || !flow->counts.heard_ns)
		return;
	text_add(text, "; ");
	add_remote(text, view);
	text_add(text, " was last heard ");
	words_duration(text, ns_between(flow->counts.heard_ns, until_ns));
	text_add(text, " before");
}

/* ---- conn-local-drop ---- */

/* The same packet again and again, by a filter or for want of a way. */
static const struct drop_seen *dropped(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	const struct drop_seen *seen =
		standing->drop_out.count ? &standing->drop_out : &standing->drop_in;

	if (standing->drop_again < view->thresholds->value[THRESHOLD_STUCK])
		return NULL;
	return look_drop_is_filter(view->join, seen) || look_drop_is_no_route(view->join, seen) ?
		       seen :
		       NULL;
}

/*
 * The kernel probes as for a closed window, though the window is open: what it hands down never gets
 * as far as to be on its way.
 */
static bool never_sent(const struct view *view)
{
	const struct event_flow *counts = counts_of(view);

	return gave_up(view) && is_counted(view) && counts->probes && counts->unacked_bytes &&
	       counts->snd_wnd && !counts->flight_packets;
}

static bool match_local_drop(const struct view *view, struct guess *guess)
{
	if (dropped(view))
		return hangs(view) || look_standing(view)->flow.error ||
		       counts_of(view)->unacked_bytes;
	guess->confidence = CONFIDENCE_LIKELY;
	return never_sent(view);
}

static void tell_local_drop(const struct view *view, struct finding *finding)
{
	const struct drop_seen *seen = dropped(view);
	const struct standing *standing = look_standing(view);
	const char *reason = seen ? look_drop_reason(view->join, seen) : NULL;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check =
		words_check(view, finding, seen ? seen->netns : view->attempt->netns);

	if (!seen) {
		text_add(&what, "%u bytes to ", counts_of(view)->unacked_bytes);
		add_remote(&what, view);
		text_add(&what,
			 " were never sent, though its window was open; the kernel tried %u "
			 "times",
			 counts_of(view)->probes);
		text_add(&why, "this host itself drops what the connection sends: a firewall, a "
			       "route or a link that changed");
	} else {
		text_add(&what, "this host dropped the same packet %s ",
			 seen == &standing->drop_in ? "from" : "to");
		add_remote(&what, view);
		text_add(&what, " %u times", standing->drop_again);
		if (reason)
			text_add(&what, " (%s)", reason);
		words_in_netns(&what, view->join, seen->netns);
		if (look_drop_is_no_route(view->join, seen)) {
			text_add(&why, "the route that the connection used is gone");
		} else {
			text_add(&why, "a filter of this host drops packets of the established "
				       "connection");
			words_ruleset(&why, view,
				      seen->netns != view->attempt->netns ? WORDS_HOOKS_EITHER :
				      seen == &standing->drop_in	  ? WORDS_HOOKS_IN :
									    WORDS_HOOKS_OUT);
		}
	}
	if (seen && !look_drop_is_no_route(view->join, seen)) {
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "rules that drop, also those of iptables-nft");
	} else {
		text_add(&check.run, "ip route get ");
		address_print(&check.run, look_figures(view, FIGURES_REMOTE)->address);
		words_check_end(&check, "whether there is a way to that host now");
	}
}

static void want_local_drop(const struct view *view, struct fact_request *wanted)
{
	const struct drop_seen *seen = dropped(view);

	wanted->netns = view->attempt->netns;
	wanted->tuple = look_standing(view)->flow.tuple;
	if (!seen || seen->netns == wanted->netns)
		return;
	wanted->netns = seen->netns;
	wanted->pid = 0;
	wanted->wanted &= ~BIT(FACT_ROUTE); /* the way from there is not the socket's */
}

const struct rule rule_conn_local_drop = {
	.id = "conn-local-drop",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.match_socket = match_local_drop,
	.tell_socket = tell_local_drop,
	.want = want_local_drop,
	.facts = BIT(FACT_RULESET) | BIT(FACT_ROUTE),
	.means = "this host drops packets of an established connection",
	.evidence =
		"the kernel dropped the same packet of it threshold stuck times, in its own namespace or in another one of this host, as a filter or without a route; or it gave up on data that it never got sent, though the peer's window was open (then at most likely)",
	.gate = "a dropped packet that gets through when it is sent again is none; acknowledgments and resets do not count",
	.general_check = "nft list ruleset; ip route get ADDRESS",
	.kernels = "5.17 tells the reason of a drop; without it the time-out alone tells",
};

/* ---- conn-keepalive-timeout ---- */

bool standing_match_keepalive(const struct view *view, struct guess *guess)
{
	const struct event_flow *counts = counts_of(view);

	(void)guess;
	return look_standing(view)->flow.error == ETIMEDOUT &&
	       (look_standing(view)->flow.known & EVENT_K_COUNTERS) && counts->probes &&
	       !counts->unacked_bytes;
}

void standing_tell_keepalive(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_count(&what, counts_of(view)->probes, "keep-alive", "keep-alives");
	text_add(&what, " of ");
	add_local(&what, view);
	text_add(&what, " in a row got no answer, and the kernel ended the connection");
	add_heard(&what, view);
	text_add(&why, "the other host is off or cut off, or a NAT or firewall on the way "
		       "forgot the connection and drops its packets");
	check_reachable(view, finding);
}

/* ---- conn-peer-window-zero ---- */

/*
 * Each answer to a probe counts them anew, so that at the end there may be none. Nothing is on its way or was sent
 * again, and the peer answered when nothing new had been sent for so long that only probes can have been.
 */
static bool is_probed(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;
	__u64 until_ns = flow->ended_ns ? flow->ended_ns : view->attempt->due_ns;

	return (flow->known & EVENT_K_TIMES) && flow->counts.sent_ns &&
	       !flow->counts.again_in_row && !flow->counts.flight_packets &&
	       flow->counts.heard_ns > flow->counts.sent_ns &&
	       ns_between(flow->counts.sent_ns, until_ns) >=
		       view->thresholds->value[THRESHOLD_WINDOW_STALLED] * NS_PER_MS;
}

bool standing_match_window(const struct view *view, struct guess *guess)
{
	const struct event_flow *counts = counts_of(view);

	if (!is_counted(view) || !counts->unacked_bytes || counts->snd_wnd)
		return false;
	if (!counts->probes && !is_probed(view))
		return false;
	if (hangs(view))
		return look_standing(view)->looked & SNAPSHOT_LOOK_PEER;
	if (!look_standing(view)->flow.ended_ns)
		return false;
	if (look_standing(view)->flow.error)
		guess->severity = SEVERITY_ERROR;
	return true;
}

/* Nothing was sent since: the last data went out before it closed. */
static void add_closed_for(struct text *what, const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	if (!(flow->known & EVENT_K_TIMES) || !flow->counts.sent_ns)
		return;
	text_add(what, " for ");
	words_duration(what, ns_between(flow->counts.sent_ns, view->attempt->due_ns));
}

void standing_tell_window(const struct view *view, struct finding *finding)
{
	const struct event_flow *counts = counts_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_remote(&what, view);
	text_add(&what, " had no room for the last %u bytes of ", counts->unacked_bytes);
	add_local(&what, view);
	text_add(&what, " (window 0)");
	if (hangs(view))
		add_closed_for(&what, view);
	else if (gave_up(view))
		text_add(&what, ", and then did not answer %u probes in a row", counts->probes);
	else
		text_add(&what, " when the connection ended");
	text_add(&why, "the application there did not read what its host had received for it");
	check = words_check_remote(finding);
	text_add(&check.run, "ss -tnpm '%cport = :%u'",
		 view->outcome->figures.client == FIGURES_LOCAL ? 's' : 'd',
		 look_figures(view, !look_client(view))->port);
	words_check_end(&check, "which process leaves data in Recv-Q, and its receive buffer");
}

/* ---- conn-timed-out ---- */

bool standing_match_timed_out(const struct view *view, struct guess *guess)
{
	const struct flow *flow = &look_standing(view)->flow;
	struct guess other = *guess;

	if (!(flow->known & EVENT_K_COUNTERS) || !flow->counts.unacked_bytes)
		return false;
	if (hangs(view)) {
		guess->absence = true;
		guess->confidence = CONFIDENCE_LIKELY;
		return flow->counts.again_in_row >= view->thresholds->value[THRESHOLD_STUCK];
	}
	if (flow->error != ETIMEDOUT) /* an ICMP error told why */
		guess->confidence = CONFIDENCE_LIKELY;
	return gave_up(view) && !standing_match_window(view, &other);
}

void standing_tell_timed_out(const struct view *view, struct finding *finding)
{
	const struct flow *flow = &look_standing(view)->flow;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "%u bytes to ", flow->counts.unacked_bytes);
	add_remote(&what, view);
	if (hangs(view))
		text_add(&what, " were sent again %u times in a row and are not acknowledged",
			 flow->counts.again_in_row);
	else if (flow->counts.again_in_row)
		text_add(&what, " were sent again %u times in a row and never acknowledged",
			 flow->counts.again_in_row);
	else
		text_add(&what, " were never acknowledged");
	add_heard(&what, view);
	text_add(&why, "the other host is off or cut off, the way to it is broken, or "
		       "something on it drops this connection");
	if (flow->ended_ns && was_left(view))
		text_add(&why, "; the application had closed the socket and was told of nothing");
	check_reachable(view, finding);
}

/* ---- conn-closed-early ---- */

enum { FIRST_EXCHANGE_SEGMENTS = 3, TURNED_AWAY_SEGMENTS = 2, CANCEL_REQUEST_BYTES = 16 };

/* PostgreSQL's CancelRequest has a connection of its own and gets no answer. */
static bool asks_for_nothing(const struct event_flow *counts)
{
	return counts->segments_out == 1 && counts->bytes_sent == CANCEL_REQUEST_BYTES;
}

/* The server's first words say that it turns the client away, and then it ends the connection. */
static bool turned_away(const struct view *view)
{
	const struct first *first_word = &look_side(view, FIGURES_REMOTE)->first_word;
	const struct flow *flow = &look_standing(view)->flow;

	if (look_ends_session(first_word))
		return flow->ended_ns;
	if (first_word->kind == FIRST_HTTP && !look_unavailable(first_word->number))
		return false;
	return first_word->error && flow->counts.segments_in <= TURNED_AWAY_SEGMENTS &&
	       (flow->state == TCP_STATE_LAST_ACK || view->outcome->reset_by == FIGURES_REMOTE);
}

/* The server ended the connection in the middle of an answer; who had closed before did not want it. */
static bool cut_answer(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	return view->outcome->cut_short &&
	       (flow->state == TCP_STATE_LAST_ACK || flow->state == TCP_STATE_CLOSE_WAIT ||
		(flow->state == TCP_STATE_ESTABLISHED &&
		 view->outcome->reset_by == FIGURES_REMOTE));
}

/*
 * The server closed first, after the client's first words or none. How old it was is known of those
 * alone that were seen to open: a sink that only ever listens may be stopped at any time.
 */
bool standing_match_closed_early(const struct view *view, struct guess *guess)
{
	const struct flow *flow = &look_standing(view)->flow;
	__u64 lived_ns = ns_between(flow->established_ns, flow->ended_ns);
	const __u64 *value = view->thresholds->value;

	if (!flow->client || !flow->role_known || !is_counted(view))
		return false;
	if (cut_answer(view))
		return true;
	if (look_refused_tunnel(view)) {
		guess->severity = SEVERITY_WARNING;
		return true;
	}
	if (!flow->established_ns)
		return false;
	if (turned_away(view)) {
		if (look_side(view, FIGURES_REMOTE)->first_word.kind == FIRST_HTTP)
			guess->severity = SEVERITY_WARNING;
		return true;
	}
	if (flow->error || flow->state != TCP_STATE_LAST_ACK || flow->counts.segments_in ||
	    asks_for_nothing(&flow->counts))
		return false;
	if (!flow->counts.segments_out) { /* a port check, or it waited for a word of the server */
		guess->severity = SEVERITY_INFO;
		return lived_ns < value[THRESHOLD_CLOSED_AT_ONCE] * NS_PER_MS;
	}
	/* a server that is stopped, or closes whom it has not heard for long, does so at any time */
	if ((flow->known & EVENT_K_TIMES) && ns_between(flow->counts.sent_ns, flow->ended_ns) >=
						     value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS)
		guess->severity = SEVERITY_INFO;
	return flow->counts.segments_out <= FIRST_EXCHANGE_SEGMENTS &&
	       lived_ns < value[THRESHOLD_LONG_IDLE] * NS_PER_S;
}

static void tell_early(const struct view *view, struct finding *finding)
{
	const struct flow *flow = &look_standing(view)->flow;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_remote(&what, view);
	text_add(&what, " accepted the connection and %s ",
		 view->outcome->reset_by == FIGURES_REMOTE ? "reset it" :
		 flow->state == TCP_STATE_LAST_ACK	   ? "closed it" :
							     "refused the session");
	if (turned_away(view)) {
		text_add(&what, "with ");
		first_print(&what, &look_side(view, FIGURES_REMOTE)->first_word);
	} else {
		text_add(&what, "without a word");
	}
	if (flow->counts.segments_out)
		text_add(&what, ", after %llu bytes of the client", flow->counts.bytes_sent);
	text_add(&what, "; it lasted ");
	words_duration(&what, ns_between(flow->established_ns, flow->ended_ns));
	if (turned_away(view))
		words_turned_away(&why, &look_side(view, FIGURES_REMOTE)->first_word);
	else
		text_add(&why,
			 "the server's application did not want it: a limit of connections or "
			 "clients, an access list, another protocol, or a proxy without a "
			 "backend");
	words_check_server(view, finding, "what serves that port; its own log says why it closes");
}

void standing_tell_closed_early(const struct view *view, struct finding *finding)
{
	if (cut_answer(view))
		words_cut_answer(view, finding,
				 view->outcome->reset_by == FIGURES_REMOTE ? "reset" : "closed");
	else if (look_refused_tunnel(view))
		words_refused_tunnel(view, finding);
	else
		tell_early(view, finding);
}

/* ---- conn-loss ---- */

/* It sends less at once than both ends' links carry: it has found out what the path does. */
static bool is_narrow(const struct event_flow *counts)
{
	enum { OPTIONS_BYTES = 40 }; /* RFC 9293 3.1: at most, and no part of the MSS of a SYN */
	__u16 offered =
		counts->mss_remote < counts->mss_local ? counts->mss_remote : counts->mss_local;

	return counts->mss && counts->mss + OPTIONS_BYTES < offered;
}

/* What the peer tells that it has got twice was not lost, nor what a narrow path was found out by. */
static __u64 lost(const struct view *view)
{
	const struct event_flow *counts = counts_of(view);
	__u64 none = counts->dsacks + (is_narrow(counts) ? LOOK_FIRST_WINDOW : 0ull);

	return counts->retransmits > none ? counts->retransmits - none : 0;
}

bool standing_match_loss(const struct view *view, struct guess *guess)
{
	const __u64 *value = view->thresholds->value;

	(void)guess;
	return look_standing(view)->flow.ended_ns && is_counted(view) &&
	       counts_of(view)->segments_out > value[THRESHOLD_LOSS_SEGMENTS] &&
	       lost(view) * 100 > counts_of(view)->segments_out * value[THRESHOLD_LOSS_PERCENT];
}

void standing_tell_loss(const struct view *view, struct finding *finding)
{
	const struct event_flow *counts = counts_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	text_add(&what, "%llu of %u segments (%llu.%llu %%) to ", lost(view), counts->segments_out,
		 lost(view) * 100 / counts->segments_out,
		 lost(view) * 1000 / counts->segments_out % 10);
	add_remote(&what, view);
	text_add(&what, " were sent again");
	if (look_standing(view)->flow.known & EVENT_K_TIMEOUTS) {
		text_add(&what, ", with ");
		if (counts->timeouts)
			words_count(&what, counts->timeouts, "time-out", "time-outs");
		else
			text_add(&what, "no time-out");
	}
	if (counts->dsacks)
		text_add(&what, "; %u more without need", counts->dsacks);
	if (is_narrow(counts))
		text_add(&what, "; %u more, as long as the MTU of the path was not known",
			 LOOK_FIRST_WINDOW);
	text_add(&why, "packets are lost on the way to ");
	add_remote(&why, view);
	text_add(&why, ", or its acknowledgments on the way back");
	text_add(&check.run, "ip -s link");
	words_check_end(
		&check,
		"errors and drops of the interfaces; compare both ends with sockwhy compare");
}
