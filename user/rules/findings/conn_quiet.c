// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_quiet.c - an established connection on which an answer was long in coming, or nobody said a word */

#include "rules/look.h"
#include "rules/words.h"

/* ---- conn-slow-peer ---- */

static bool match_slow(const struct view *view, struct guess *guess)
{
	if (!view->outcome->figures.client_known ||
	    view->outcome->answer_ns < view->thresholds->value[THRESHOLD_SLOW_ANSWER] * NS_PER_MS)
		return false;
	if (view->outcome->answer_owed)
		return true;
	/* a server may speak by itself: that it answers is not known */
	guess->severity = SEVERITY_INFO;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

static void tell_slow(const struct view *view, struct finding *finding)
{
	__u8 client = look_client(view);
	__u32 rtt_us = stream_rtt_mean_us(&look_figures(view, client)->rtt);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_remote(finding);

	words_side(&what, view, !client);
	text_add(&what, " spoke ");
	words_duration(&what, view->outcome->answer_ns);
	text_add(&what, " after its host had acknowledged the client's last word");
	if (rtt_us) {
		text_add(&what, "; round trips take ");
		words_duration(&what, rtt_us * NS_PER_US);
	}
	text_add(&why,
		 "if that was the answer, the time is the server application's, not the network's");
	text_add(&check.run, "ss -tnpi 'sport = :%u'", look_figures(view, !client)->port);
	words_check_end(&check, "whether it reads (Recv-Q); its own log of slow requests");
}

const struct rule rule_conn_slow_peer = {
	.id = "conn-slow-peer",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_ANSWER,
	.match = match_slow,
	.tell = tell_slow,
	.means = "the server's host acknowledges quickly, its application answers slowly",
	.evidence =
		"the longest time from the acknowledgment of the client's last word to the server's next one; of captures, and of what run follows",
	.gate = "threshold slow-answer; where nothing tells that the server answered rather than spoke by itself it is an info, at most possible",
	.general_check = "the server application's log",
	.kernels = "captures, and run on every kernel: packets alone tell it",
};

/* ---- conn-silent ---- */

static bool match_silent(const struct view *view, struct guess *guess)
{
	const struct outcome *outcome = view->outcome;

	(void)guess;
	return !outcome->side[0].spoke && !outcome->side[1].spoke &&
	       ns_between(outcome->established_ns, outcome->ended_ns) >
		       view->thresholds->value[THRESHOLD_SILENCE] * NS_PER_S;
}

static void tell_silent(const struct view *view, struct finding *finding)
{
	const struct outcome *outcome = view->outcome;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, 0);

	text_add(&what, "connected, and neither side said a word for ");
	words_duration(&what, ns_between(outcome->established_ns, outcome->ended_ns));
	text_add(&why,
		 "each side waits for the other to begin, or the connection is kept in reserve");
	text_add(&check.run, "ss -tnpi 'dport = :%u'",
		 look_figures(view, !look_client(view))->port);
	words_check_end(&check, "which process holds it; in most protocols the client begins");
}

/* A client here: of what is accepted no begin is told. */
static __u64 was_silent_ns(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	if (!flow->established_ns || !flow->ended_ns || flow->error ||
	    !(flow->known & EVENT_K_FLOW) || flow->counts.segments_in || flow->counts.segments_out)
		return 0;
	return ns_between(flow->established_ns, flow->ended_ns);
}

static bool match_silent_socket(const struct view *view, struct guess *guess)
{
	guess->severity = SEVERITY_INFO;
	return was_silent_ns(view) > view->thresholds->value[THRESHOLD_SILENCE] * NS_PER_S;
}

static void tell_silent_socket(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, view->attempt->netns);

	words_who(&what, view->attempt);
	text_add(&what, " was connected to ");
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, ", and neither side said a word for ");
	words_duration(&what, was_silent_ns(view));
	text_add(&why,
		 "each side waits for the other to begin, or the connection is kept in reserve");
	text_add(&check.run, "ss -tnpi 'dport = :%u'", look_figures(view, FIGURES_REMOTE)->port);
	words_check_end(&check,
			"which process holds more of them; in most protocols the client begins");
}

const struct rule rule_conn_silent = {
	.id = "conn-silent",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_ESTABLISHED | OUTCOME_SPOKE,
	.match = match_silent,
	.tell = tell_silent,
	.match_socket = match_silent_socket,
	.tell_socket = tell_silent_socket,
	.means = "connected, then nobody said a word",
	.evidence =
		"no byte either way for threshold silence; live: the socket of a client here sent and got none to its end",
	.gate = "an info live: pools keep connections in reserve",
	.general_check = "which protocol it is, and who has to begin",
	.kernels = "every kernel tells it; live of clients only",
};
