// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_figures.c - findings of captures, judged by what a socket of this host has counted */

#include <errno.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

static const struct flow *flow_of(const struct view *view)
{
	return &look_standing(view)->flow;
}

static bool is_timed(const struct view *view)
{
	return (flow_of(view)->known & EVENT_K_FLOW) && (flow_of(view)->known & EVENT_K_TIMES);
}

/* ---- conn-mtu-blackhole ---- */

/* The time from the first transmission of a segment to its third repetition, in time-outs, and one to spare. */
enum { TIMEOUTS_TOLD = 8, LEAST_RTO_US = 200000 };

/* RFC 6298: the first time-out is 200 ms or four deviations above the round trip; they double. */
static __u64 timeout_ns(const struct event_flow *counts)
{
	return (counts->srtt_us + 4ull * counts->rttvar_us + LEAST_RTO_US) * NS_PER_US;
}

static __u64 told_after_ns(const struct event_flow *counts)
{
	return TIMEOUTS_TOLD * timeout_ns(counts);
}

/* No segment as long has ever arrived, and all that was shorter did. */
static bool large_ones_vanish(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	const struct event_flow *counts = &standing->flow.counts;

	return is_timed(view) && standing->again_bytes > look_carried_bytes(view) &&
	       standing->again_bytes >= counts->mss &&
	       counts->again_in_row >= view->thresholds->value[THRESHOLD_STUCK] &&
	       (view->wake == WAKE_STALLED || standing->flow.error);
}

/* The other host was there right up to the first of the large ones: one that died would be a chance. */
static bool silent_since_large(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	const struct event_flow *counts = &standing->flow.counts;

	return counts->bytes_delivered < standing->again_bytes && counts->heard_ns &&
	       standing->stuck_ns &&
	       ns_between(counts->heard_ns, standing->stuck_ns) < told_after_ns(counts) + NS_PER_S;
}

/*
 * The longest segment that this connection sends, again and again, while shorter ones behind it have
 * arrived: that host is there, and so is the way to it. Where nothing short was sent behind it, what
 * arrived before says so, and less surely.
 */
bool standing_match_mtu(const struct view *view, struct guess *guess)
{
	guess->absence = true;
	if (!large_ones_vanish(view))
		return false;
	if (flow_of(view)->counts.how & FLOW_F_SACKED)
		return true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return silent_since_large(view);
}

void standing_tell_mtu(const struct view *view, struct finding *finding)
{
	const struct standing *standing = look_standing(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	text_add(&what, "a segment of %u bytes to ", standing->again_bytes);
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " was sent again %u times in a row and never arrived, ",
		 standing->flow.counts.again_in_row);
	if (standing->flow.counts.how & FLOW_F_SACKED)
		text_add(&what, "while data behind it did");
	else
		text_add(&what, "while the %llu bytes before it, all in shorter ones, did",
			 standing->flow.counts.bytes_delivered);
	text_add(&what, "; MSS %u", standing->flow.counts.mss);
	text_add(&why, "a link on the way carries only smaller packets (tunnel, VPN, PPPoE), and "
		       "the ICMP message that says so is lost or filtered");
	if (!(standing->flow.counts.how & FLOW_F_SACKED))
		text_add(&why, "; or that host went at this very moment");
	text_add(&check.run, "tracepath -n ");
	address_print(&check.run, look_figures(view, FIGURES_REMOTE)->address);
	words_check_end(&check, "the MTU of the path, hop by hop");
	check = words_check(view, finding, view->attempt->netns);
	text_add(&check.run, "sysctl net.ipv4.tcp_mtu_probing");
	words_check_end(&check, "1 lets the kernel find the size by itself");
}

/* ---- conn-app-timeout ---- */

enum { REQUEST_SEGMENTS = 3, ROUND_MS = 60 };

static __u64 waited_ns(const struct view *view)
{
	return ns_between(flow_of(view)->counts.sent_ns, flow_of(view)->ended_ns);
}

/* Time-outs are configured in seconds; a tick and a wake-up come on top. */
static bool is_round(__u64 ns)
{
	return ns / NS_PER_MS % 1000 <= ROUND_MS || ns / NS_PER_MS % 1000 >= 1000 - ROUND_MS / 2;
}

/*
 * The client's process closes, all it had said has arrived, and nobody ever said a word to it. Who
 * only sends (logs, measurements) does the same at any time, and says more than a request.
 */
bool standing_match_app_timeout(const struct view *view, struct guess *guess)
{
	const struct standing *standing = look_standing(view);
	const struct flow *flow = flow_of(view);

	if (!standing->closed_here || !is_timed(view) || !flow->role_known || !flow->client ||
	    (standing->how & SOCKET_F_EXITING) || flow->counts.segments_in ||
	    !flow->counts.segments_out || flow->counts.segments_out > REQUEST_SEGMENTS ||
	    flow->counts.unacked_bytes ||
	    waited_ns(view) < view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS)
		return false;
	if (is_round(waited_ns(view)))
		return true;
	guess->severity = SEVERITY_INFO;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

void standing_tell_app_timeout(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_who(&what, view->attempt);
	text_add(&what, " sent %llu bytes, which ", flow_of(view)->counts.bytes_delivered);
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " has acknowledged, and closed when it had heard nothing for ");
	words_duration(&what, waited_ns(view));
	text_add(&why, "its own time-out ended before the server's application answered; the "
		       "server's host was there all the time");
	words_check_server(view, finding,
			   "whether its application reads (Recv-Q), and what it waits for");
}

/* ---- conn-client-gave-up ---- */

/* A client elsewhere said so little that it may be one request, and got not a byte of an answer. */
static bool is_first_request(const struct view *view)
{
	const struct flow *flow = flow_of(view);

	return is_timed(view) && flow->ended_ns && flow->role_known && !flow->client &&
	       flow->counts.segments_in && flow->counts.segments_in <= REQUEST_SEGMENTS &&
	       !flow->counts.bytes_delivered && view->outcome->reset_by == FIGURES_REMOTE;
}

/* The answer met a client that had closed before it. */
static bool is_answered_late(const struct view *view)
{
	return flow_of(view)->error == EPIPE && flow_of(view)->counts.segments_out;
}

static __u64 client_waited_ns(const struct view *view)
{
	const struct flow *flow = flow_of(view);

	return ns_between(flow->counts.received_ns,
			  is_answered_late(view) ? flow->counts.sent_ns : flow->ended_ns);
}

/*
 * Whom the server answers has asked. Where it never answered, a reset a whole number of seconds later is
 * a time-out's; at any other time who only sends may just have ended.
 */
bool standing_match_gave_up(const struct view *view, struct guess *guess)
{
	if (!is_first_request(view) ||
	    client_waited_ns(view) < view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS)
		return false;
	if (is_answered_late(view))
		return true;
	if (flow_of(view)->counts.segments_out || flow_of(view)->state != TCP_STATE_ESTABLISHED)
		return false;
	if (is_round(client_waited_ns(view)))
		return true;
	guess->severity = SEVERITY_INFO;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

void standing_tell_gave_up(const struct view *view, struct finding *finding)
{
	const struct event_flow *counts = &flow_of(view)->counts;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	if (is_answered_late(view)) {
		words_who(&what, view->attempt);
		text_add(&what, " answered the %llu bytes of ", counts->bytes_received);
		words_side(&what, view, FIGURES_REMOTE);
		text_add(&what, " after ");
		words_duration(&what, client_waited_ns(view));
		text_add(&what, "; the client had closed by then: %u bytes are lost",
			 counts->unacked_bytes);
	} else {
		words_side(&what, view, FIGURES_REMOTE);
		text_add(&what, " reset the connection ");
		words_duration(&what, client_waited_ns(view));
		text_add(&what, " after its %llu bytes, to which ", counts->bytes_received);
		words_who(&what, view->attempt);
		text_add(&what, " had not said a word");
	}
	text_add(&why, "the client's own time-out ended before the application here answered");
	text_add(&check.run, "ss -tnpi 'sport = :%u'", look_figures(view, FIGURES_LOCAL)->port);
	words_check_end(&check,
			"whether the application reads (Recv-Q), and how many wait like this");
}

/* ---- conn-idle-dropped ---- */

/* The first data after a silence is reset at once; nothing else was sent since, but that again, once (RFC 8985 7). */
static __u64 idle_before_reset_ns(const struct view *view)
{
	const struct event_flow *counts = &flow_of(view)->counts;
	__u64 idle_ns;

	if (view->outcome->reset_by != FIGURES_REMOTE || flow_of(view)->error != ECONNRESET ||
	    counts->again_in_row > 1)
		return 0;
	idle_ns = ns_between(counts->heard_ns, counts->sent_ns);
	if (!counts->again_in_row)
		return idle_ns;
	return idle_ns > timeout_ns(counts) ? idle_ns - timeout_ns(counts) : 0;
}

/* It gets no answer: the data was sent first at least so long before its third repetition was told. */
static __u64 idle_before_silence_ns(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	const struct event_flow *counts = &standing->flow.counts;
	__u64 since_ns = ns_between(counts->heard_ns, standing->stuck_ns);

	if (!standing->stuck_ns ||
	    counts->again_in_row < view->thresholds->value[THRESHOLD_STUCK] ||
	    since_ns < told_after_ns(counts))
		return 0;
	return since_ns - told_after_ns(counts);
}

bool standing_match_idle(const struct view *view, struct guess *guess)
{
	const struct flow *flow = flow_of(view);
	__u64 least_ns = view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S;

	if (!is_timed(view) || !flow->counts.unacked_bytes || !flow->counts.heard_ns ||
	    flow->counts.probes)
		return false;
	guess->absence = true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	if (flow->ended_ns && flow->state == TCP_STATE_ESTABLISHED &&
	    idle_before_reset_ns(view) >= least_ns)
		return true;
	return (view->wake == WAKE_STALLED || flow->error == ETIMEDOUT) &&
	       idle_before_silence_ns(view) >= least_ns;
}

void standing_tell_idle(const struct view *view, struct finding *finding)
{
	const struct event_flow *counts = &flow_of(view)->counts;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);
	__u64 idle_ns = idle_before_reset_ns(view);
	bool reset = flow_of(view)->ended_ns && idle_ns;

	if (!reset)
		idle_ns = idle_before_silence_ns(view);
	words_side(&what, view, FIGURES_LOCAL);
	text_add(&what, " spoke to ");
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " after a silence of %s",
		 reset && !counts->again_in_row ? "" : "at least ");
	words_duration(&what, idle_ns);
	if (reset)
		text_add(&what, " and was reset");
	else
		text_add(&what, " and heard nothing, though it sent that again %u times",
			 counts->again_in_row);
	text_add(&why,
		 "a NAT, firewall or balancer between the hosts forgot the idle connection, or "
		 "the other host has started anew");
	text_add(&check.run, "sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_keepalive_intvl");
	words_check_end(&check, "keep-alives more often than every %llu s would keep it known",
			idle_ns / NS_PER_S);
}
