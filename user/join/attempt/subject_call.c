// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_call.c - a bind() or listen() that failed */

#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "util/address.h"

static bool same_process(const struct event_owner *a, const struct event_owner *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns;
}

/*
 * A process that asks for the same port again has not settled for another one: its other ports
 * are its other listeners. Returns whether this call is such a repetition.
 */
static bool note_retry(struct join *join, const struct attempt_slot *again)
{
	struct attempt_slot *slot;
	bool retried = false;

	TAILQ_FOREACH(slot, &join->attempts->timers[TIMER_BIND], by_timer) {
		if (!same_process(&slot->attempt.owner, &again->attempt.owner) ||
		    slot->attempt.call.asked_port != again->attempt.call.asked_port ||
		    !address_equal(slot->attempt.call.asked, again->attempt.call.asked))
			continue;
		slot->retried = true;
		slot->attempt.bound_other_later = false;
		retried = true;
	}
	return retried;
}

void attempt_call(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct evidence evidence = evidence_of(event);
	struct attempt_slot *slot;

	slot = attempt_take(join, call->call == SYSCALL_BIND ? ATTEMPT_BIND : ATTEMPT_LISTEN,
			    &call->owner, event->head.known & EVENT_K_OWNER, event->head.netns,
			    event->head.cookie, event->head.ts_ns);
	if (!slot)
		return;
	slot->attempt.call = *call;
	slot->retried = note_retry(join, slot);
	slot->attempt.ended_ns = event->head.ts_ns;
	slot->attempt.state = ATTEMPT_SETTLING;
	evidence.call = call->call;
	evidence.error = call->error;
	evidence_add(join->evidence, &slot->seen, &evidence);
	attempt_set_timer(join, slot, TIMER_BIND, event->head.ts_ns + join->limits.settle_bind_ns);
}

/* A process that opens something else right after a bind() failed has found another way. */
void attempt_later_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct attempt_slot *slot;

	TAILQ_FOREACH(slot, &join->attempts->timers[TIMER_BIND], by_timer) {
		const struct ev_syscall *call = &slot->attempt.call;
		bool other_family = call->tuple.family == AF_INET6 && open->tuple.family == AF_INET;
		bool other_port =
			open->how != OPEN_CONNECT && open->tuple.local_port != call->asked_port;

		if (!slot->retried && same_process(&slot->attempt.owner, &open->owner) &&
		    (other_family || other_port))
			slot->attempt.bound_other_later = true;
	}
}
