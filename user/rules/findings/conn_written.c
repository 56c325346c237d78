// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_written.c - what a process of this host wrote to a connection that its peer had closed, or was closing */

#include <errno.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/tcp.h"

/* A close_notify, a GOAWAY: what is said only to say no more. */
#define GOODBYE_BYTES 128

static const struct flow *flow_of(const struct view *view)
{
	return &look_standing(view)->flow;
}

/* ---- conn-keepalive-race ---- */

static __u64 idle_ns(const struct view *view)
{
	return ns_between(flow_of(view)->counts.received_ns, flow_of(view)->counts.sent_ns);
}

/* A client's question on a connection that had been answered on and was idle since, and was reset. */
static bool is_asked_late(const struct view *view)
{
	const struct flow *flow = flow_of(view);
	const __u32 known = EVENT_K_FLOW | EVENT_K_TIMES;

	return flow->client && flow->role_known && flow->ended_ns &&
	       (flow->known & known) == known && flow->counts.segments_in &&
	       flow->counts.unacked_bytes && flow->counts.received_ns &&
	       idle_ns(view) >= view->thresholds->value[THRESHOLD_KEEPALIVE_IDLE] * NS_PER_MS &&
	       view->outcome->reset_by == FIGURES_REMOTE;
}

/*
 * What the peer acknowledged last came with its FIN, because nothing of this side was acknowledged then: it arrived when
 * the question was on its way already. Both times are known to a tick.
 */
static bool fin_came_behind(const struct view *view)
{
	return flow_of(view)->state == TCP_STATE_CLOSE_WAIT &&
	       flow_of(view)->counts.heard_ns >= flow_of(view)->counts.sent_ns;
}

/*
 * A reset that does not acknowledge the question, of a host that knows the connection no more; its FIN was lost or is
 * slower. What had been idle for long may have been forgotten on the way.
 */
static bool was_unheard(const struct view *view)
{
	return flow_of(view)->state == TCP_STATE_ESTABLISHED &&
	       look_side(view, FIGURES_REMOTE)->reset_unheard &&
	       idle_ns(view) < view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S;
}

bool standing_match_race(const struct view *view, struct guess *guess)
{
	if (!is_asked_late(view))
		return false;
	if (fin_came_behind(view))
		return true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return was_unheard(view);
}

void standing_tell_race(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, FIGURES_REMOTE);
	if (fin_came_behind(view)) {
		text_add(&what, " closed the connection, idle for ");
		words_duration(&what, idle_ns(view));
		text_add(&what, ", while a request of %u bytes was on its way to it",
			 flow_of(view)->counts.unacked_bytes);
	} else {
		text_add(&what, " reset the connection, idle for ");
		words_duration(&what, idle_ns(view));
		text_add(&what, ", and had not heard the request of %u bytes",
			 flow_of(view)->counts.unacked_bytes);
	}
	text_add(&what, "; no byte of answer came");
	words_unheard(&what, view);
	text_add(&why, "the server's keep-alive time-out is not longer than the time for which the "
		       "client keeps connections for reuse");
	if (!fin_came_behind(view))
		text_add(&why, "; or its host has started anew, or something on the way forgot the "
			       "connection");
	words_check_server(view, finding,
			   "its keep-alive time-out: it must be longer than the client's");
}

/* ---- conn-broken-pipe ---- */

/* More was on its way than a goodbye, or the process was told that it writes in vain. */
bool standing_match_pipe(const struct view *view, struct guess *guess)
{
	const struct standing *standing = look_standing(view);

	if (standing->flow.error != EPIPE)
		return false;
	if (standing->flow.counts.unacked_bytes > GOODBYE_BYTES)
		return true;
	/* whoever looks at a page leaves before its end, every day */
	if (look_client(view) != FIGURES_LOCAL && !standing->pipe_kills)
		guess->severity = SEVERITY_INFO;
	return standing->pipe_ns;
}

/* It had been idle since the server's last word, as a connection that waits for its next use is. */
static bool is_used_again(const struct view *view)
{
	return (flow_of(view)->known & EVENT_K_TIMES) && flow_of(view)->counts.received_ns &&
	       idle_ns(view) >= view->thresholds->value[THRESHOLD_KEEPALIVE_IDLE] * NS_PER_MS;
}

static void add_pipe_cause(struct text *why, const struct view *view)
{
	const struct standing *standing = look_standing(view);

	if (look_client(view) == FIGURES_LOCAL)
		words_wrote_to_closed(why, is_used_again(view));
	else
		text_add(why, "the client closed without waiting for everything the server had to "
			      "say");
	if (standing->pipe_kills)
		text_add(why, "; the process has no handler for SIGPIPE and does not ignore it: "
			      "the signal ends it");
	else if (!standing->pipe_ns)
		text_add(why, "; its next write fails with EPIPE");
}

void standing_tell_pipe(const struct view *view, struct finding *finding)
{
	const struct standing *standing = look_standing(view);
	__u32 lost = standing->flow.counts.unacked_bytes;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	words_who(&what, view->attempt);
	text_add(&what, " wrote to ");
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, ", which had closed the connection, and got a reset");
	if (lost)
		text_add(&what, "; the last %u bytes were lost", lost);
	if (standing->pipe_ns) {
		text_add(&what, "; it then wrote ");
		if (standing->pipe_bytes)
			text_add(&what, "%u bytes ", standing->pipe_bytes);
		text_add(&what, "more and got EPIPE");
	}
	add_pipe_cause(&why, view);
	text_add(&check.run, "ss -tnp state close-wait");
	words_check_end(&check,
			"connections that the other side has closed and a process still holds");
}
