// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_reset.c - an established connection of this host was reset, by whom and over what */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/tcp.h"

/* A close_notify, a GOAWAY: what is said only to say no more. */
#define GOODBYE_BYTES 128
#define ONE_WAY_BYTES 65536

static const struct flow *flow_of(const struct view *view)
{
	return &look_standing(view)->flow;
}

static bool is_reset_by(const struct view *view, int side)
{
	return flow_of(view)->ended_ns && (flow_of(view)->known & EVENT_K_FLOW) &&
	       view->outcome->reset_by == side;
}

static bool was_open(const struct view *view)
{
	return flow_of(view)->state == TCP_STATE_ESTABLISHED ||
	       flow_of(view)->state == TCP_STATE_CLOSE_WAIT;
}

/* Nobody said a word: somebody looked whether the port is open. */
static bool is_health_check(const struct view *view)
{
	const struct event_flow *counts = &flow_of(view)->counts;

	return !counts->segments_out && !counts->segments_in;
}

static bool has_window_closed(const struct view *view)
{
	struct guess guess = { 0 };

	return standing_match_window(view, &guess);
}

/* Which side spoke last, and how long before the end; FIGURES_NEITHER: it is not known. */
static int spoke_last(const struct view *view, __u64 *since_ns)
{
	const struct event_flow *counts = &flow_of(view)->counts;
	bool local = counts->sent_ns > counts->received_ns;

	if (!(flow_of(view)->known & EVENT_K_TIMES) || counts->sent_ns == counts->received_ns)
		return FIGURES_NEITHER;
	*since_ns =
		ns_between(local ? counts->sent_ns : counts->received_ns, flow_of(view)->ended_ns);
	return local ? FIGURES_LOCAL : FIGURES_REMOTE;
}

/* It took more than any request has and never said a word: a log, a backup, a measurement. */
static bool is_one_way(const struct view *view)
{
	const struct event_flow *counts = &flow_of(view)->counts;

	return !counts->segments_in && counts->bytes_sent > ONE_WAY_BYTES;
}

/* The client spoke last, and not so long ago that it would only keep the connection in reserve. */
static bool owes_answer(const struct view *view)
{
	__u64 since_ns = 0;

	return !is_one_way(view) && flow_of(view)->role_known &&
	       spoke_last(view, &since_ns) == look_client(view) &&
	       since_ns < view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S;
}

/* ---- conn-reset-by-peer ---- */

/* A process of this host closed and left more of its client's than a goodbye unread. */
static bool left_unread(const struct view *view)
{
	return view->outcome->peer_unread_bytes > GOODBYE_BYTES;
}

bool standing_match_reset(const struct view *view, struct guess *guess)
{
	__u32 lost = flow_of(view)->counts.unacked_bytes;
	bool client = flow_of(view)->client && flow_of(view)->role_known;
	bool unaccepted = view->outcome->peer_unaccepted;

	if (!is_reset_by(view, FIGURES_REMOTE) || has_window_closed(view) ||
	    (is_health_check(view) && !unaccepted))
		return false;
	/* it was closed already: that nobody reads any more matters to what was still on its way */
	if (flow_of(view)->state != TCP_STATE_ESTABLISHED && lost <= GOODBYE_BYTES)
		return false;
	if (client && was_open(view) && (lost || owes_answer(view) || unaccepted))
		return true;
	guess->severity = lost || (client && left_unread(view)) ? SEVERITY_WARNING : SEVERITY_INFO;
	return true;
}

/* A router or firewall on the way counts hops of its own. */
static void add_author(struct text *why, const struct view *view)
{
	const struct outcome_side *peer = look_side(view, FIGURES_REMOTE);

	if (!peer->hops || !peer->hops_reset)
		return;
	if (peer->hops != peer->hops_reset)
		text_add(why,
			 "; the reset's hop limit is %u, that of the SYN/ACK was %u: it may come "
			 "from something on the way",
			 peer->hops_reset, peer->hops);
	else if (!peer->reset_acks)
		text_add(why, "; the reset acknowledges nothing, as of a host that does not know "
			      "the connection (any more)");
}

void standing_tell_reset(const struct view *view, struct finding *finding)
{
	__u32 lost = flow_of(view)->counts.unacked_bytes;
	bool client = flow_of(view)->client && flow_of(view)->role_known;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_remote(finding);
	__u64 since_ns = 0;
	int last = spoke_last(view, &since_ns);

	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " reset the connection");
	if (client && was_open(view) && owes_answer(view))
		text_add(&what, " instead of an answer");
	if (last != FIGURES_NEITHER) {
		text_add(&what, ", ");
		words_duration(&what, since_ns);
		text_add(&what, last == FIGURES_LOCAL ? " after the last data to it" :
							" after its own last data");
	}
	if (lost)
		text_add(&what, "; %u bytes to it were never acknowledged", lost);
	if (left_unread(view))
		text_add(&what, "; its process had read %u bytes and left %u unread",
			 view->outcome->peer_read_bytes, view->outcome->peer_unread_bytes);
	words_unheard(&what, view);
	if (view->outcome->peer_unaccepted)
		words_listener_closed(&why, view, 0, &flow_of(view)->tuple,
				      flow_of(view)->ended_ns);
	else if (client && left_unread(view))
		text_add(&why,
			 "its process closed without reading everything, and a close does "
			 "not end in order then (RFC 9293 3.6.1): what it had answered may not "
			 "arrive");
	else if (client)
		text_add(&why,
			 "its application closed without reading everything, crashed, or was told "
			 "to reset; or something on the way reset in its name");
	else
		text_add(&why,
			 "the client ended it without reading what was left, or its process died; "
			 "or something on the way reset in its name");
	add_author(&why, view);
	text_add(&check.run, "journalctl --since -1h -p warning");
	words_check_end(&check, "whether the application crashed or was restarted at that time");
}

/* ---- conn-reset-by-us ---- */

static bool is_killed_by_hand(const struct view *view)
{
	return flow_of(view)->error == ECONNABORTED;
}

/* The process ended while its client waited, or had said what nobody read. */
static bool died_owing(const struct view *view)
{
	const struct standing *standing = look_standing(view);

	return (standing->how & SOCKET_F_EXITING) && standing->flow.role_known &&
	       !standing->flow.client && was_open(view) &&
	       (standing->flow.counts.unread_bytes || owes_answer(view));
}

static bool match_reset_by_us(const struct view *view, struct guess *guess)
{
	if (!is_reset_by(view, FIGURES_LOCAL) || has_window_closed(view))
		return false;
	if (is_killed_by_hand(view) || died_owing(view))
		return true;
	if (is_health_check(view))
		return false;
	if (flow_of(view)->counts.unacked_bytes > (was_open(view) ? 0 : GOODBYE_BYTES))
		return true;
	guess->severity = SEVERITY_INFO;
	return true;
}

static const char *reason_of(const struct view *view)
{
	const struct standing *standing = look_standing(view);

	return standing->reset_reason_known ?
		       join_name(view->join, NAME_RESET_REASON, standing->reset_reason) :
		       NULL;
}

/* What the kernel does for a reason it does by itself; the others are deeds of the application. */
static void add_reason(struct text *why, const struct view *view)
{
	const struct standing *standing = look_standing(view);

	if (is_killed_by_hand(view))
		text_add(why, "somebody destroyed the socket (ss -K, SOCK_DESTROY)");
	else if (!was_open(view))
		text_add(why, "the process had closed the socket, and the peer still sent data, "
			      "which nobody would read (RFC 9293 3.6.1)");
	else if (standing->flow.counts.unread_bytes)
		text_add(why, "the process closed the socket with %u bytes unread (RFC 9293 3.6.1)",
			 standing->flow.counts.unread_bytes);
	else
		text_add(why,
			 "the process asked for it: SO_LINGER of 0, or connect() to AF_UNSPEC");
	if (standing->how & SOCKET_F_EXITING) {
		text_add(why, "; it was ending");
		if (standing->how & SOCKET_F_OOM)
			text_add(why, ", killed by the kernel because memory ran out (OOM)");
		else if (standing->signal)
			text_add(why, " by signal %u", standing->signal);
	}
}

static void tell_reset_by_us(const struct view *view, struct finding *finding)
{
	const struct event_flow *counts = &flow_of(view)->counts;
	const char *reason = reason_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, 0);

	if (is_killed_by_hand(view))
		text_add(&what, "this host");
	else
		words_who(&what, view->attempt);
	text_add(&what, " reset the connection with ");
	words_side(&what, view, FIGURES_REMOTE);
	if (reason)
		text_add(&what, " (%s)", reason);
	if (counts->unread_bytes)
		text_add(&what, "; %u bytes of it were unread", counts->unread_bytes);
	if (counts->unacked_bytes)
		text_add(&what, "; %u bytes to it were not acknowledged and are lost",
			 counts->unacked_bytes);
	add_reason(&why, view);
	text_add(&check.run, "journalctl --since -1h -p warning");
	words_check_end(&check, "what the application or the kernel said of it at that time");
}

const struct rule rule_conn_reset_by_us = {
	.id = "conn-reset-by-us",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION,
	.match_socket = match_reset_by_us,
	.tell_socket = tell_reset_by_us,
	.means = "this host reset an established connection",
	.evidence =
		"the socket ended without a FIN and without a reset of the peer: closed with data unread, by SO_LINGER of 0, at the process's end (and its signal), or destroyed; the kernel's own reason where it has one",
	.gate = "a warning only if bytes were lost, a client waited when the process ended, or the socket was destroyed, else an info; a connection on which nobody said a word is none; not told where the client on this host tells it",
	.general_check = "the log of the application that closed",
	.kernels = "6.10 tells the reason of a reset; without it what was unread tells",
};
