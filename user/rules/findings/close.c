// SPDX-License-Identifier: GPL-2.0-or-later
/* close.c - connections that one side has closed and the other has not */

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

static const struct kept *kept_of(const struct view *view)
{
	return view->attempt->kept;
}

static bool is_enough(const struct view *view)
{
	const __u64 *value = view->thresholds->value;
	const struct kept *kept = kept_of(view);

	return kept->count >= value[THRESHOLD_KEPT_SERVED] &&
	       ns_between(kept->oldest_ns, kept->seen_ns) >=
		       value[THRESHOLD_CLOSED_HALF] * NS_PER_S;
}

/* "24 connections to its port 8080", "24 connections to port 8080" */
static void add_connections(struct text *text, const struct view *view)
{
	const struct kept *kept = kept_of(view);

	words_count(text, kept->count, "connection", "connections");
	if (kept->served)
		text_add(text, " to its port %u", kept->tuple.local_port);
	else
		text_add(text, " to port %u", kept->tuple.remote_port);
}

/* Whose the oldest is and how old; for how long they have grown. */
static void add_ages(struct text *text, const struct view *view)
{
	const struct kept *kept = kept_of(view);

	text_add(text, kept->served ? ", the oldest of " : ", the oldest to ");
	address_print(text, kept->tuple.remote);
	text_add(text, " since ");
	words_duration(text, ns_between(kept->oldest_ns, kept->seen_ns));
	text_add(text, "; their number has grown for ");
	words_duration(text, ns_between(kept->since_ns, kept->seen_ns));
}

static void check_sockets(const struct view *view, struct finding *finding, const char *state,
			  const char *why)
{
	const struct kept *kept = kept_of(view);
	struct words_check check = words_check(view, finding, kept->netns);

	if (kept->served)
		text_add(&check.run, "ss -tnpo state %s '( sport = :%u )'", state,
			 kept->tuple.local_port);
	else
		text_add(&check.run, "ss -tnpo state %s '( dport = :%u )'", state,
			 kept->tuple.remote_port);
	words_check_end(&check, "%s", why);
}

/* ---- close-wait-leak ---- */

static bool match_leak(const struct view *view, struct guess *guess)
{
	const struct kept *kept = kept_of(view);

	if (kept->state != TCP_STATE_CLOSE_WAIT || !is_enough(view))
		return false;
	if (!kept->served && kept->count < view->thresholds->value[THRESHOLD_KEPT_POOL])
		guess->severity = SEVERITY_INFO;
	if (!kept->served) /* a pool may be as large */
		guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_leak(const struct view *view, struct finding *finding)
{
	const struct kept *kept = kept_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_owner(&what, kept->owner);
	text_add(&what, " keeps ");
	add_connections(&what, view);
	text_add(&what, " that the other side has closed (CLOSE_WAIT)");
	add_ages(&what, view);
	if (kept->unread == kept->count)
		text_add(&why,
			 "it does not read them, so that it does not learn of their "
			 "end (a worker that hangs, a handler that waits for something else)");
	else if (kept->unread)
		text_add(&why,
			 "it has not read the end of %u of them, and has read that of the "
			 "others without close()",
			 kept->unread);
	else
		text_add(&why,
			 "it has read their end and does not close() them: a path through its "
			 "code forgets it");
	if (!kept->served)
		text_add(&why, "; or a pool looks at its connections only when it needs one");
	text_add(&why, "; each of them costs a descriptor, until none is left (EMFILE)");
	check_sockets(view, finding, "close-wait",
		      "its connections; Recv-Q counts what it has not read");
	check = words_check(view, finding, 0);
	text_add(&check.run, "grep 'open files' /proc/%u/limits", kept->owner->tgid);
	words_check_end(&check,
			"how many descriptors it may have; ls /proc/%u/fd | wc -l counts them",
			kept->owner->tgid);
}

const struct rule rule_close_wait_leak = {
	.id = "close-wait-leak",
	.stage = STAGE_CLOSE,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KEPT,
	.match = match_leak,
	.tell = tell_leak,
	.means = "the peer closed, the local process does not",
	.evidence =
		"looks at the sockets that processes hold, every 5 s (threshold window-stalled): those in CLOSE_WAIT on which nothing was heard for threshold closed-half, counted by process and port; whether their end was read",
	.gate = "fewer than threshold kept-served; fewer than kept-pool of a client, whose pool may keep as many, are an info; they must have become more at three looks or more and for closed-half in all; told again when they are twice as many",
	.general_check = "ss -tnp state close-wait",
	.kernels = "5.11 can walk the files of processes; without it nothing is told",
};

/* ---- close-fin-wait-stuck ---- */

static bool match_fin_wait(const struct view *view, struct guess *guess)
{
	(void)guess;
	return view->wake == WAKE_KEPT && kept_of(view)->state == TCP_STATE_FIN_WAIT2 &&
	       is_enough(view);
}

static void tell_fin_wait(const struct view *view, struct finding *finding)
{
	const struct kept *kept = kept_of(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_owner(&what, kept->owner);
	text_add(&what, " has shut down its side of ");
	add_connections(&what, view);
	text_add(&what, " and the other side does not close (FIN_WAIT2)");
	add_ages(&what, view);
	text_add(&why, "the other side's process does not close its side, or never learned of the "
		       "end; a socket that is still open here waits for it without a limit");
	check_sockets(
		view, finding, "fin-wait-2",
		"its connections; close() instead of shutdown() ends them after net.ipv4.tcp_fin_timeout");
}

/* Only the FIN is left, and it was sent again in vain: nothing that anybody wrote is lost. */
static bool is_fin_alone(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	if (!(flow->known & EVENT_K_COUNTERS) || flow->counts.unacked_bytes ||
	    flow->counts.again_in_row < view->thresholds->value[THRESHOLD_STUCK])
		return false;
	return view->wake == WAKE_STALLED || flow->error;
}

static bool match_fin_wait_socket(const struct view *view, struct guess *guess)
{
	guess->absence = true;
	return look_standing(view)->flow.state == TCP_STATE_FIN_WAIT1 && is_fin_alone(view);
}

static void tell_fin_alone(const struct view *view, struct finding *finding)
{
	const struct flow *flow = &look_standing(view)->flow;
	bool first = flow->state == TCP_STATE_FIN_WAIT1;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	text_add(&what, "the FIN to ");
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " was sent again %u times and is not acknowledged (%s)",
		 flow->counts.again_in_row, first ? "FIN_WAIT1" : "LAST_ACK");
	text_add(&why, "that host went away without closing, or something on the way has forgotten "
		       "the connection; every byte of it had arrived, so nothing is lost");
	text_add(&check.run, "ss -tno state %s", first ? "fin-wait-1" : "last-ack");
	words_check_end(&check, "how many such connections wait, and for whom");
}

const struct rule rule_close_fin_wait_stuck = {
	.id = "close-fin-wait-stuck",
	.stage = STAGE_CLOSE,
	.severity = SEVERITY_INFO,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_KEPT | WAKE_CONNECTION | WAKE_STALLED,
	.match = match_fin_wait,
	.tell = tell_fin_wait,
	.match_socket = match_fin_wait_socket,
	.tell_socket = tell_fin_alone,
	.means = "our side is closed, the peer never closes",
	.evidence =
		"looks at the sockets that processes hold: those in FIN_WAIT2 on which nothing was heard for threshold closed-half, counted by process and port; or a FIN in FIN_WAIT1, with all bytes acknowledged, sent again threshold stuck times in a row",
	.gate = "as close-wait-leak; bytes that are not acknowledged are conn-timed-out; a half-closed connection whose answer takes long is none",
	.general_check = "ss -tnpo state fin-wait-2",
	.kernels = "5.11 can walk the files of processes; without it nothing is told",
};

/* ---- close-last-ack-stuck ---- */

static bool match_last_ack(const struct view *view, struct guess *guess)
{
	__u8 state = look_standing(view)->flow.state;

	guess->absence = true;
	return (state == TCP_STATE_LAST_ACK || state == TCP_STATE_CLOSING) && is_fin_alone(view);
}

const struct rule rule_close_last_ack_stuck = {
	.id = "close-last-ack-stuck",
	.stage = STAGE_CLOSE,
	.severity = SEVERITY_INFO,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.match_socket = match_last_ack,
	.tell_socket = tell_fin_alone,
	.means = "our last FIN is not acknowledged",
	.evidence =
		"a FIN in LAST_ACK or CLOSING, with all bytes acknowledged, was sent again threshold stuck times in a row, or until the kernel gave up",
	.gate = "bytes that are not acknowledged are conn-timed-out; a FIN that is acknowledged when it is sent again is none",
	.general_check = "ss -tno state last-ack",
	.kernels = "every kernel tells it",
};
