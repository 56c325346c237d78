// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_call.c - a bind() or listen() that failed */

#include <string.h>
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
	const struct ev_syscall *wanted = &again->attempt.call->call;
	struct attempt_slot *slot;
	bool retried = false;

	TAILQ_FOREACH(slot, &join->attempts->timers[TIMER_BIND], by_timer) {
		struct failed_call *failed = &attempt_extra(join, slot)->failed;

		if (!same_process(&slot->attempt.owner, &again->attempt.owner) ||
		    failed->call.asked_port != wanted->asked_port ||
		    !address_equal(failed->call.asked, wanted->asked))
			continue;
		slot->retried = true;
		failed->bound_other_later = false;
		retried = true;
	}
	return retried;
}

void attempt_call(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct evidence evidence = evidence_of(event);
	struct failed_call *failed;
	struct attempt_slot *slot;

	slot = attempt_take(join, call->call == SYSCALL_BIND ? &subject_bind : &subject_listen,
			    &call->owner, event->head.known & EVENT_K_OWNER, event->head.netns,
			    event->head.cookie, event->head.ts_ns);
	if (!slot)
		return;
	failed = &attempt_extra(join, slot)->failed;
	*failed = (struct failed_call){ .call = *call };
	slot->attempt.call = failed;
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
		struct failed_call *failed = &attempt_extra(join, slot)->failed;
		const struct ev_syscall *call = &failed->call;
		bool other_family = call->tuple.family == AF_INET6 && open->tuple.family == AF_INET;
		bool other_port =
			open->how != OPEN_CONNECT && open->tuple.local_port != call->asked_port;

		if (!slot->retried && same_process(&slot->attempt.owner, &open->owner) &&
		    (other_family || other_port))
			failed->bound_other_later = true;
	}
}

/* ---- what is told of it ---- */

static void call_about(const struct attempt *attempt, struct subject_about *about)
{
	about->tuple = attempt->call->call.tuple;
	about->error = attempt->call->call.error;
}

/* A bind() that failed left the socket without the address that was asked for. */
static void bind_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct ev_syscall *call = &attempt->call->call;

	call_about(attempt, about);
	memcpy(about->tuple.local, call->asked, sizeof(about->tuple.local));
	about->tuple.local_port = call->asked_port;
}

static void call_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		     struct subject_key *key)
{
	const struct ev_syscall *call = &attempt->call->call;

	(void)opening;
	(void)severity;
	subject_key_add(key, call->asked, sizeof(call->asked));
	subject_key_add(key, &call->asked_port, sizeof(call->asked_port));
}

const struct subject subject_bind = {
	.name = "bind",
	.failed = "could not bind to",
	.role = "listener",
	.number = 1,
	.wakes = WAKE_BIND,
	.about = bind_about,
	.key = call_key,
	.evidence = subject_listed,
};

const struct subject subject_listen = {
	.name = "listen",
	.failed = "could not listen on",
	.role = "listener",
	.number = 2,
	.wakes = WAKE_BIND,
	.about = call_about,
	.key = call_key,
	.evidence = subject_listed,
};
