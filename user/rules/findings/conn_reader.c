// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_reader.c - a process of this host does not read what came for it */

#include "rules/look.h"
#include "rules/words.h"

/* ---- conn-reader-stalled ---- */

static bool match_reader(const struct view *view, struct guess *guess)
{
	const struct standing *standing = look_standing(view);

	(void)guess;
	return (standing->looked & SNAPSHOT_LOOK_READER) && standing->flow.counts.unread_bytes;
}

/* Since when nothing came any more. */
static void add_since(struct text *text, const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;
	__u64 until_ns = flow->ended_ns ? flow->ended_ns : view->attempt->due_ns;

	if (!(flow->known & EVENT_K_TIMES) || !flow->counts.received_ns)
		return;
	text_add(text, ", and nothing more could come for ");
	words_duration(text, ns_between(flow->counts.received_ns, until_ns));
}

static void tell_reader(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_fact *state = attempt_fact(view->join, attempt, FACT_TASK_STATE, 0);
	const struct standing *standing = look_standing(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, attempt->netns);

	words_who(&what, attempt);
	text_add(&what, " does not read what ");
	words_side(&what, view, FIGURES_REMOTE);
	text_add(&what, " sends: %u bytes wait, the receive window is closed",
		 standing->flow.counts.unread_bytes);
	add_since(&what, view);
	text_add(&why, "the process is busy with something else, or waits for it");
	if (state && !(state->flags & FACT_F_ABSENT)) {
		text_add(&why, "; its main thread is ");
		text_add_foreign(&why, state->text, sizeof(state->text));
	}
	text_add(&why, "; until it reads, the sender cannot go on");
	text_add(&check.run, "ss -tnpm '( sport = :%u and dport = :%u )'",
		 look_figures(view, FIGURES_LOCAL)->port, look_figures(view, FIGURES_REMOTE)->port);
	words_check_end(&check, "Recv-Q is what it has not read; its receive buffer");
	if (!attempt->owner_known)
		return;
	check = words_check(view, finding, 0);
	text_add(&check.run, "cat /proc/%u/stack /proc/%u/wchan", attempt->owner->tgid,
		 attempt->owner->tgid);
	words_check_end(&check, "what it does instead");
}

const struct rule rule_conn_reader_stalled = {
	.id = "conn-reader-stalled",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.match_socket = match_reader,
	.tell_socket = tell_reader,
	.facts = BIT(FACT_TASK_STATE),
	.means = "our window is closed: the local process is not reading",
	.evidence =
		"a look at the sockets that processes hold finds one with data unread whose window is closed, and to which no data came for threshold window-stalled; pending while it lasts, final when the connection ends so; what the process does instead, by /proc",
	.gate = "a process that reads again clears it; where both ends are on this host its own end tells it, and the sender's says nothing",
	.general_check = "ss -tnpm: Recv-Q of the process; cat /proc/PID/wchan",
	.kernels = "5.11 can walk the files of processes; without it nothing is told",
};
