// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_pipe.c - what a process hears of a reset of its connection: it writes on, or closes and never hears of it */

#include <errno.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"

static void note(struct join *join, struct attempt_slot *slot, const struct event *event)
{
	struct evidence evidence = evidence_of(event);

	evidence.call = event->syscall.call;
	evidence.error = event->syscall.error;
	evidence_add(join->evidence, &slot->seen, &evidence);
}

/* Its end was judged, and there was nothing to tell: that it was still in use tells now. */
static void begin(struct join *join, struct attempt_slot *slot, const struct event *event)
{
	struct flow *flow = &attempt_extra(join, slot)->standing.flow;

	flow->error = EPIPE;
	flow->ended_ns = event->head.ts_ns;
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = event->head.ts_ns;
	attempt_set_timer(join, slot, TIMER_SETTLE, event->head.ts_ns + join->limits.settle_ns);
}

/* What its opening does not tell. */
static bool stood(const struct conn *conn)
{
	return !conn->opening || conn->opening->opening.state == OPENING_ESTABLISHED ||
	       conn->opening->opening.state == OPENING_WORKED;
}

void attempt_standing_pipe(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);
	struct attempt_slot *slot;
	struct standing *standing;

	if (!conn || conn->told || !stood(conn) || call->error != EPIPE)
		return;
	slot = attempt_of_standing(join, event->head.netns, event->head.cookie, &call->tuple,
				   event->head.ts_ns);
	if (!slot || slot->attempt.state == ATTEMPT_FINAL)
		return;
	standing = &attempt_extra(join, slot)->standing;
	if (!slot->attempt.owner_known && (event->head.known & EVENT_K_OWNER))
		attempt_set_owner(join, slot, &call->owner, true);
	standing->pipe_kills |= call->socket_flags & SOCKET_F_SIGPIPE;
	if (standing->pipe_ns)
		return;
	standing->pipe_ns = event->head.ts_ns;
	standing->pipe_bytes = call->bytes;
	note(join, slot, event);
	if (!standing->flow.ended_ns)
		begin(join, slot, event);
}

void attempt_standing_unheard(struct join *join, const struct event *event)
{
	struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);
	struct attempt_slot *slot = conn ? conn->attempt : NULL;
	struct evidence evidence = evidence_of_socket(event);

	if (!slot || slot->timer != TIMER_HEARD)
		return;
	attempt_extra(join, slot)->standing.unheard = true;
	evidence_add(join->evidence, &slot->seen, &evidence);
	attempt_set_timer(join, slot, TIMER_SETTLE,
			  slot->attempt.ended_ns + join->limits.settle_ns);
}
