// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_call.c - a bind() or listen() that failed, a socket() or accept() that got no descriptor */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "util/address.h"
#include "util/hash.h"

#define UNIX_SEED 100 /* none of 3 + SYSCALL_* */

static bool same_process(const struct event_owner *a, const struct event_owner *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns;
}

static __u64 process_key(__u64 seed, const struct event_owner *owner)
{
	return hash_mix(hash_mix(seed, owner->start_ns), owner->tgid);
}

static __u64 call_key_of(const struct event_owner *owner, const struct ev_syscall *call)
{
	return hash_mix(hash_mix(process_key(2, owner), address_hash(call->asked)),
			call->asked_port);
}

/* Calls of one process that may still turn out to have been let be for another port or family. */
static __u64 undecided_key(const struct event_owner *owner, bool ipv6)
{
	return process_key(ipv6, owner);
}

static __u32 index_of(const struct join *join, const struct attempt_slot *slot)
{
	return (__u32)(slot - join->attempts->slots);
}

/*
 * A process that asks for the same port again has not settled for another one: its other ports
 * are its other listeners. Returns whether this call is such a repetition. The youngest call that
 * was the same is all to be looked at: those before it are known as repeated.
 */
static bool note_retry(struct join *join, const struct attempt_slot *again, __u64 key)
{
	const struct ev_syscall *wanted = &again->attempt.call->call;
	struct attempt_slot *slot = attempt_first(join, key);

	for (; slot; slot = attempt_next(join, slot)) {
		struct failed_call *failed = &attempt_extra(join, slot)->failed;

		if (slot->timer != TIMER_BIND ||
		    !same_process(slot->attempt.owner, again->attempt.owner) ||
		    failed->call.asked_port != wanted->asked_port ||
		    !address_equal(failed->call.asked, wanted->asked))
			continue;
		slot->retried = true;
		failed->bound_other_later = false;
		hash_remove(&join->attempts->undecided, index_of(join, slot));
		return true;
	}
	return false;
}

/* A new attempt about the call of @event, which settles. NULL: there is no room. */
static struct attempt_slot *take_call(struct join *join, const struct event *event,
				      const struct subject *subject)
{
	const struct ev_syscall *call = &event->syscall;
	struct evidence evidence = evidence_of(event);
	struct attempt_slot *slot =
		attempt_take(join, subject, &call->owner, event->head.known & EVENT_K_OWNER,
			     event->head.netns, event->head.cookie, event->head.ts_ns);

	if (!slot)
		return NULL;
	attempt_extra(join, slot)->failed = (struct failed_call){
		.call = *call,
		.denial = denial_of(event),
		.asked_known = event->head.known & EVENT_K_ASKED,
		.count = 1,
	};
	slot->attempt.call = &attempt_extra(join, slot)->failed;
	slot->attempt.ended_ns = event->head.ts_ns;
	slot->attempt.state = ATTEMPT_SETTLING;
	evidence.call = call->call;
	evidence.error = call->error;
	evidence_add(join->evidence, &slot->seen, &evidence);
	attempt_set_timer(join, slot, TIMER_BIND, event->head.ts_ns + join->limits.settle_bind_ns);
	return slot;
}

void attempt_call(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	__u64 key = call_key_of(&call->owner, call);
	struct attempt_slot *slot = take_call(
		join, event, call->call == SYSCALL_BIND ? &subject_bind : &subject_listen);

	if (!slot)
		return;
	/* of two ports that are not known nobody can say that they are one */
	if (call->call != SYSCALL_BIND || (event->head.known & EVENT_K_ASKED))
		slot->retried = note_retry(join, slot, key);
	attempt_set_key(join, slot, key);
	if (!slot->retried)
		hash_add(&join->attempts->undecided,
			 undecided_key(&call->owner, call->tuple.family == AF_INET6),
			 index_of(join, slot));
}

static bool is_starved(const struct ev_syscall *call)
{
	return call->error == EMFILE || call->error == ENFILE;
}

/* socket() that this host does not let be. Of other errors the program may have asked for what there is not. */
static bool is_refused_socket(const struct ev_syscall *call)
{
	return call->call == SYSCALL_SOCKET &&
	       (call->error == EPERM || call->error == EACCES || call->error == EAFNOSUPPORT);
}

/*
 * A process without descriptors, or without the right to a socket, fails at every turn, as fast as it can: what
 * it calls in vain within one settle time is one attempt.
 */
void attempt_starved(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	__u64 key = hash_mix(process_key(3 + call->call, &call->owner), event->head.cookie);
	struct attempt_slot *slot = attempt_first(join, key);

	if (!is_starved(call) && !is_refused_socket(call))
		return;
	for (; slot; slot = attempt_next(join, slot)) {
		struct failed_call *failed = &attempt_extra(join, slot)->failed;

		if (slot->timer == TIMER_BIND && failed->call.call == call->call &&
		    failed->call.error == call->error &&
		    failed->call.tuple.family == call->tuple.family &&
		    same_process(slot->attempt.owner, &call->owner)) {
			failed->count++;
			failed->call.backlog = call->backlog;
			return;
		}
	}
	slot = take_call(join, event,
			 call->call == SYSCALL_ACCEPT ? &subject_accept : &subject_socket);
	if (!slot)
		return;
	attempt_set_key(join, slot, key);
	if (!is_starved(call)) /* of one family: it may go on with the other */
		hash_add(&join->attempts->undecided,
			 undecided_key(&call->owner, call->tuple.family == AF_INET6),
			 index_of(join, slot));
}

/*
 * Who waits for a service asks for its socket again and again: what a process asks for in vain within one
 * settle time is one attempt.
 */
void attempt_unix(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	__u64 key = hash_bytes(process_key(UNIX_SEED, &call->owner), call->path,
			       strnlen(call->path, sizeof(call->path)));
	struct attempt_slot *slot = attempt_first(join, key);

	for (; slot; slot = attempt_next(join, slot)) {
		struct failed_call *failed = &attempt_extra(join, slot)->failed;

		if (slot->timer == TIMER_BIND && slot->attempt.subject == &subject_unix &&
		    failed->call.error == call->error &&
		    same_process(slot->attempt.owner, &call->owner) &&
		    !strncmp(failed->call.path, call->path, sizeof(call->path))) {
			failed->count++;
			return;
		}
	}
	slot = take_call(join, event, &subject_unix);
	if (slot)
		attempt_set_key(join, slot, key);
}

/* Those of one family that @open is another way for are decided, and looked at no more. */
static void note_other_way(struct join *join, const struct ev_open *open, bool ipv6)
{
	struct hash *undecided = &join->attempts->undecided;
	__u32 i = hash_first(undecided, undecided_key(&open->owner, ipv6)), next;
	bool other_family = ipv6 && open->tuple.family == AF_INET;

	for (; i != HASH_END; i = next) {
		struct attempt_slot *slot = &join->attempts->slots[i];
		struct failed_call *failed = &join->attempts->extra[i].failed;

		next = hash_next(undecided, i);
		if (!same_process(slot->attempt.owner, &open->owner) ||
		    (failed->call.tuple.family == AF_INET6) != ipv6)
			continue;
		if (!other_family && open->tuple.local_port == failed->call.asked_port)
			continue;
		failed->bound_other_later |= slot->timer == TIMER_BIND;
		hash_remove(undecided, i);
	}
}

/*
 * A process that opens something else right after a bind() failed has found another way: another
 * port, or, by whatever it opens, IPv4 for IPv6.
 */
void attempt_later_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;

	if (open->how != OPEN_CONNECT)
		note_other_way(join, open, false);
	if (open->how != OPEN_CONNECT || open->tuple.family == AF_INET)
		note_other_way(join, open, true);
}

/* ---- what is told of it ---- */

static void call_about(const struct attempt *attempt, struct subject_about *about)
{
	about->tuple = attempt->call->call.tuple;
	about->error = attempt->call->call.error;
	about->sources = SOURCE_SOCKET;
}

/* A bind() that failed left the socket without the address that was asked for. */
static void bind_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct ev_syscall *call = &attempt->call->call;

	call_about(attempt, about);
	if (!attempt->call->asked_known)
		return;
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
	subject_key_add(key, &call->error, sizeof(call->error));
}

static void starved_about(const struct attempt *attempt, struct subject_about *about)
{
	call_about(attempt, about);
	about->tuple.remote_port = 0;
}

static void starved_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
			struct subject_key *key)
{
	const struct ev_syscall *call = &attempt->call->call;

	(void)opening;
	(void)severity;
	subject_key_add(key, call->tuple.local, sizeof(call->tuple.local));
	subject_key_add(key, &call->tuple.local_port, sizeof(call->tuple.local_port));
	if (call->call == SYSCALL_SOCKET)
		subject_key_add(key, &call->tuple.family, sizeof(call->tuple.family));
}

static void unix_about(const struct attempt *attempt, struct subject_about *about)
{
	about->error = attempt->call->call.error;
	about->sources = SOURCE_SOCKET;
	about->path = attempt->call->call.path;
	about->tuple.family = AF_UNIX;
}

static void unix_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		     struct subject_key *key)
{
	const struct ev_syscall *call = &attempt->call->call;

	(void)opening;
	(void)severity;
	subject_key_add(key, call->path, strnlen(call->path, sizeof(call->path)));
	subject_key_add(key, &call->error, sizeof(call->error));
}

/* What an attempt about a call has, whichever it is. */
#define CALL(of_name, of_number, of_about, of_key)                              \
	.name = of_name, .number = of_number, .about = of_about, .key = of_key, \
	.evidence = subject_listed

const struct subject subject_bind = {
	CALL("bind", 1, bind_about, call_key),
	.wakes = WAKE_BIND,
	.failed = "could not bind to",
	.role = "listener",
};

const struct subject subject_listen = {
	CALL("listen", 2, call_about, call_key),
	.wakes = WAKE_BIND,
	.failed = "could not listen on",
	.role = "listener",
};

const struct subject subject_socket = {
	CALL("socket", 16, starved_about, starved_key),
	.wakes = WAKE_BIND,
	.role = "client",
};

const struct subject subject_accept = {
	CALL("accept", 17, starved_about, starved_key),
	.wakes = WAKE_BIND,
	.failed = "could not accept a connection on",
	.role = "listener",
	.uncounted = true,
};

const struct subject subject_unix = {
	CALL("unix", 19, unix_about, unix_key),
	.wakes = WAKE_UNIX,
	.failed = "could not connect to",
	.role = "client",
};
