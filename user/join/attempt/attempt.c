// SPDX-License-Identifier: GPL-2.0-or-later
/* attempt.c - one caller's wish: which openings belong to it, when it is to be judged */

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "join/core.h"
#include "util/address.h"

/* ---- slots ---- */

static struct owner_list *owner_bucket(struct join *join, const struct event_owner *owner,
				       __u16 port)
{
	__u64 h = hash_mix(hash_mix(0, owner->start_ns), (__u64)owner->tgid << 16 | port);

	return &join->by_owner[h & (join->buckets - 1)];
}

/* The same in every replay: boot id, cookie (or the task), start time. */
static __u64 attempt_id(const struct join *join, __u64 cookie, const struct event_owner *owner,
			__u64 started_ns)
{
	__u64 h = join_hash_bytes(0, join->start.boot_id, sizeof(join->start.boot_id));

	h = hash_mix(h, cookie ? cookie : (__u64)owner->tgid << 32 | owner->tid);
	return hash_mix(h, started_ns);
}

/* Of what only captures tell only those that fail are told: how many work is not known. */
static bool is_counted(enum attempt_kind kind)
{
	return kind < ATTEMPT_LOOKUP;
}

static struct attempt_slot *take_slot(struct join *join, enum attempt_kind kind,
				      const struct event_owner *owner, bool owner_known,
				      __u32 netns, __u64 cookie, __u64 started_ns)
{
	struct attempt_slot *slot;

	if (join->attempts_free_count) {
		slot = join->attempts_free[--join->attempts_free_count];
	} else if (join->attempts_touched < join->limits.connections) {
		slot = &join->attempts[join->attempts_touched++];
	} else {
		join->counters.evicted++;
		return NULL;
	}
	memset(slot, 0, sizeof(*slot));
	slot->used = true;
	if (is_counted(kind))
		join->counters.attempts++;
	slot->attempt.kind = kind;
	slot->attempt.netns = netns;
	slot->attempt.owner = *owner;
	slot->attempt.owner_known = owner_known;
	slot->attempt.started_ns = started_ns;
	slot->attempt.id = attempt_id(join, cookie, owner, started_ns);
	return slot;
}

static void set_timer(struct join *join, struct attempt_slot *slot, enum timer timer,
		      __u64 deadline_ns)
{
	struct attempt_queue *queue = &join->timers[timer];
	struct attempt_slot *before;

	if (slot->timer)
		TAILQ_REMOVE(&join->timers[slot->timer], slot, by_timer);
	slot->timer = timer;
	if (!timer)
		return;
	slot->deadline_ns = deadline_ns;
	/* deadlines come nearly in order: two CPUs disagree by less than a millisecond */
	before = TAILQ_LAST(queue, attempt_queue);
	while (before && before->deadline_ns > deadline_ns)
		before = TAILQ_PREV(before, attempt_queue, by_timer);
	if (before)
		TAILQ_INSERT_AFTER(queue, before, slot, by_timer);
	else
		TAILQ_INSERT_HEAD(queue, slot, by_timer);
}

static void make_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	slot->attempt.due_ns = now_ns;
	if (slot->is_due)
		return;
	slot->is_due = true;
	TAILQ_INSERT_TAIL(&join->due, slot, by_due);
}

static void free_slot(struct join *join, struct attempt_slot *slot)
{
	struct evidence_slot *evidence = slot->evidence;

	set_timer(join, slot, TIMER_NONE, 0);
	if (slot->in_owner)
		LIST_REMOVE(slot, by_owner);
	if (slot->is_due)
		TAILQ_REMOVE(&join->due, slot, by_due);
	while (evidence) {
		struct evidence_slot *next = evidence->next;

		evidence->next = join->evidence_free;
		join->evidence_free = evidence;
		evidence = next;
	}
	for (size_t i = 0; i < slot->attempt.openings_count && i < JOIN_OPENINGS_MAX; i++) {
		struct opening_slot *opening = (struct opening_slot *)slot->attempt.openings[i];

		if (opening->opening.state == OPENING_CONNECTING)
			opening->attempt = NULL; /* a loser: its end concerns nobody */
		else
			openings_retire(join, opening);
	}
	if (slot->attempt.kind == ATTEMPT_LOOKUP)
		lookup_release(join, slot->attempt.lookup);
	slot->used = false;
	join->attempts_free[join->attempts_free_count++] = slot;
}

/* ---- which openings belong together ---- */

static bool tried_before(const struct attempt *attempt, const __u8 *remote)
{
	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++)
		if (address_equal(attempt->openings[i]->tuple.remote, remote))
			return true;
	return false;
}

/*
 * Whether an opening that begins now is a further opening of this attempt. Without the lookup that gave the
 * addresses, another family is a strong sign; within one family only the same thread counts, else
 * a process that asks many hosts on one port would seem to fall back from one to the next.
 */
static bool belongs(const struct join *join, const struct attempt_slot *slot,
		    const struct opening *opening, const struct event_owner *owner)
{
	const struct attempt *attempt = &slot->attempt;
	const struct opening *last;
	bool after_failure, overlapping, other_family;

	if (attempt->owner.tgid != owner->tgid || attempt->owner.start_ns != owner->start_ns ||
	    attempt->netns != opening->netns || attempt->state == ATTEMPT_FINAL ||
	    slot->timer == TIMER_PROVEN || attempt->openings_count >= JOIN_OPENINGS_MAX)
		return false;
	last = attempt->openings[attempt->openings_count - 1];
	if (last->tuple.remote_port != opening->tuple.remote_port ||
	    tried_before(attempt, opening->tuple.remote))
		return false;
	after_failure = slot->last_failure_ns &&
			opening->started_ns <= slot->last_failure_ns + join->limits.fallback_ns;
	overlapping =
		slot->live && opening->started_ns >= slot->last_begin_ns + join->limits.stagger_ns;
	other_family =
		address_is_ipv4(last->tuple.remote) != address_is_ipv4(opening->tuple.remote);
	if (opening->captured) /* other clients of the host are not told apart */
		overlapping = false;
	return (after_failure || overlapping) && (other_family || attempt->owner.tid == owner->tid);
}

struct attempt_slot *attempt_for_opening(struct join *join, struct opening_slot *opening,
					 const struct event_owner *owner, bool owner_known)
{
	struct owner_list *bucket = owner_bucket(join, owner, opening->opening.tuple.remote_port);
	struct attempt_slot *slot = owner_known ? LIST_FIRST(bucket) : NULL;

	/* the newest come first; who has more under way at once is not falling back */
	for (int i = 0; slot && !belongs(join, slot, &opening->opening, owner); i++)
		slot = i < JOIN_FALLBACK_LOOKS ? LIST_NEXT(slot, by_owner) : NULL;
	if (!slot) {
		slot = take_slot(join, ATTEMPT_CONNECT, owner, owner_known, opening->opening.netns,
				 opening->opening.cookie, opening->opening.started_ns);
		if (!slot)
			return NULL;
		if (owner_known) {
			LIST_INSERT_HEAD(bucket, slot, by_owner);
			slot->in_owner = true;
		}
	}
	set_timer(join, slot, TIMER_NONE, 0);
	slot->attempt.state = ATTEMPT_OPEN;
	slot->attempt.ended_ns = 0;
	slot->last_begin_ns = opening->opening.started_ns;
	slot->live++;
	opening->attempt = slot;
	opening->index = slot->attempt.openings_count;
	slot->attempt.openings[slot->attempt.openings_count++] = &opening->opening;
	return slot;
}

const struct opening *attempt_decider(const struct attempt *attempt)
{
	const struct opening *decider = NULL;

	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++) {
		const struct opening *opening = attempt->openings[i];

		if (opening->state == OPENING_WORKED)
			return opening;
		if (!decider || opening->ended_ns >= decider->ended_ns || !opening->ended_ns)
			decider = opening;
	}
	return decider;
}

/* ---- what happens to them ---- */

static bool any_established(const struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++)
		if (attempt->openings[i]->state == OPENING_ESTABLISHED)
			return true;
	return false;
}

void attempt_note_failure(struct join *join, struct opening_slot *opening)
{
	struct attempt_slot *slot = opening->attempt;

	if (!slot) {
		openings_retire(join, opening);
		return;
	}
	slot->last_failure_ns = opening->opening.ended_ns;
	if (slot->live)
		slot->live--;
	if (slot->live) {
		if (slot->timer == TIMER_PROVEN && !any_established(&slot->attempt))
			set_timer(join, slot, TIMER_NONE, 0);
		return;
	}
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = opening->opening.ended_ns;
	set_timer(join, slot, TIMER_SETTLE, opening->opening.ended_ns + join->limits.settle_ns);
}

void attempt_note_established(struct join *join, struct opening_slot *opening)
{
	struct attempt_slot *slot = opening->attempt;

	if (slot && slot->timer != TIMER_PROVEN)
		set_timer(join, slot, TIMER_PROVEN,
			  opening->opening.established_ns + join->limits.proven_ns);
}

void attempt_note_pending(struct join *join, struct opening_slot *opening, __u64 now_ns)
{
	struct attempt_slot *slot = opening->attempt;

	if (slot && slot->attempt.state == ATTEMPT_OPEN && slot->timer == TIMER_NONE &&
	    !slot->attempt.pending_told)
		make_due(join, slot, now_ns);
}

/* A loser of a race that another opening won was given up, not refused: it counts for nothing. */
static bool counts(const struct attempt *attempt, const struct opening *opening)
{
	return opening->state == OPENING_WORKED ||
	       (opening->state == OPENING_FAILED &&
		!(attempt->worked && opening->end == END_CANCELED));
}

static void finish(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct attempt *attempt = &slot->attempt;

	set_timer(join, slot, TIMER_NONE, 0);
	attempt->state = ATTEMPT_FINAL;
	if (!attempt->worked && !attempt->unknown && is_counted(attempt->kind))
		join->counters.failures++;
	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++) {
		const struct opening *opening = attempt->openings[i];

		if (counts(attempt, opening))
			scope_note(join, opening, opening->state == OPENING_WORKED);
	}
	make_due(join, slot, now_ns);
}

static void prove(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct attempt *attempt = &slot->attempt;

	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++)
		opening_prove((struct opening_slot *)attempt->openings[i], now_ns);
	attempt->worked = true;
	attempt->ended_ns = attempt_decider(attempt)->established_ns;
	finish(join, slot, now_ns);
}

void attempt_evict(struct join *join, struct attempt_slot *slot)
{
	if (slot->is_due)
		return;
	if (slot->attempt.state == ATTEMPT_SETTLING || slot->attempt.kind != ATTEMPT_CONNECT) {
		finish(join, slot, join->now_ns);
		return;
	}
	slot->attempt.unknown = true;
	slot->attempt.ended_ns = join->now_ns;
	for (size_t i = 0; i < slot->attempt.openings_count && i < JOIN_OPENINGS_MAX; i++) {
		struct opening *opening =
			&((struct opening_slot *)slot->attempt.openings[i])->opening;

		if (opening->state == OPENING_CONNECTING || opening->state == OPENING_ESTABLISHED)
			opening->state = OPENING_UNKNOWN;
	}
	if (slot->attempt.pending_told)
		finish(join, slot, join->now_ns);
	else
		free_slot(join, slot);
}

void attempt_hurry(struct join *join)
{
	struct attempt_slot *slot = TAILQ_FIRST(&join->timers[TIMER_SETTLE]);

	if (!slot)
		slot = TAILQ_FIRST(&join->timers[TIMER_PROVEN]);
	if (!slot)
		slot = capture_end_oldest(join);
	if (!slot)
		return;
	if (slot->timer == TIMER_PROVEN)
		prove(join, slot, join->now_ns);
	else
		finish(join, slot, join->now_ns);
}

bool join_settling(const struct join *join)
{
	for (int timer = TIMER_NONE + 1; timer < TIMER_COUNT; timer++)
		if (!TAILQ_EMPTY(&join->timers[timer]))
			return true;
	return false;
}

/* ---- bind, listen ---- */

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

	TAILQ_FOREACH(slot, &join->timers[TIMER_BIND], by_timer) {
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

	slot = take_slot(join, call->call == SYSCALL_BIND ? ATTEMPT_BIND : ATTEMPT_LISTEN,
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
	attempt_append_evidence(join, slot, &evidence);
	set_timer(join, slot, TIMER_BIND, event->head.ts_ns + join->limits.settle_bind_ns);
}

/* A process that opens something else right after a bind() failed has found another way. */
void attempt_later_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct attempt_slot *slot;

	TAILQ_FOREACH(slot, &join->timers[TIMER_BIND], by_timer) {
		const struct ev_syscall *call = &slot->attempt.call;
		bool other_family = call->tuple.family == AF_INET6 && open->tuple.family == AF_INET;
		bool other_port =
			open->how != OPEN_CONNECT && open->tuple.local_port != call->asked_port;

		if (!slot->retried && same_process(&slot->attempt.owner, &open->owner) &&
		    (other_family || other_port))
			slot->attempt.bound_other_later = true;
	}
}

/* ---- a listener's full queue ---- */

void attempt_overflow(struct join *join, const struct evidence *evidence,
		      const struct event_tuple *tuple, __u64 cookie, __u32 isn, bool at_ack)
{
	static const struct event_owner nobody;
	struct listener_slot *listener = listener_by_cookie(join, cookie);
	bool owned = listener && listener->listener.owner_known;
	struct attempt_slot *slot;
	struct attempt *attempt;

	TAILQ_FOREACH(slot, &join->timers[TIMER_EPISODE], by_timer)
		if (slot->attempt.netns == evidence->netns &&
		    slot->attempt.listener_cookie == cookie &&
		    slot->attempt.listener_tuple.local_port == tuple->local_port)
			break;
	if (!slot) {
		slot = take_slot(join, ATTEMPT_OVERFLOW,
				 owned ? &listener->listener.owner : &nobody, owned,
				 evidence->netns, cookie, evidence->ts_ns);
		if (!slot)
			return;
		slot->attempt.state = ATTEMPT_SETTLING;
		set_timer(join, slot, TIMER_EPISODE, evidence->ts_ns + join->limits.episode_ns);
	}
	attempt = &slot->attempt;
	attempt->listener = listener ? &listener->listener : NULL;
	attempt->listener_tuple = *tuple;
	attempt->listener_cookie = cookie;
	attempt->ended_ns = evidence->ts_ns;
	attempt->overflows++;
	attempt->backlog = evidence->count;
	attempt->backlog_max = evidence->limit;
	attempt->at_ack |= at_ack;
	memcpy(attempt->client, tuple->remote, sizeof(attempt->client));
	attempt->client_port = tuple->remote_port;
	attempt_append_evidence(join, slot, evidence);
	if (!at_ack && slot->clients_count < JOIN_CLIENTS_MAX) {
		struct client *client = &slot->clients[slot->clients_count++];

		memcpy(client->address, tuple->remote, sizeof(client->address));
		client->port = tuple->remote_port;
		client->isn = isn;
	}
}

/* Clients that turned out to be openings of this machine tell it in their own verdict. */
static void overflow_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	const struct event_tuple *tuple = &slot->attempt.listener_tuple;

	for (__u32 i = 0; i < slot->clients_count; i++) {
		const struct client *client = &slot->clients[i];
		struct alias *walk = NULL;
		struct opening_slot *opening;

		while ((opening = openings_by_tuple(join, &walk, client->address, client->port,
						    tuple->local, tuple->local_port)))
			if (!opening->opening.isn_known || opening->opening.isn == client->isn)
				break;
		if (!opening || !slot->attempt.overflows)
			continue;
		wire_note_full(join, opening, &slot->evidence->evidence,
			       slot->attempt.listener_cookie, false);
		slot->attempt.overflows--;
	}
	if (slot->attempt.overflows)
		finish(join, slot, now_ns);
	else
		free_slot(join, slot);
}

/* ---- what a capture tells, judged at once ---- */

/* Nobody's: the two numbers only make the id. */
static struct attempt_slot *take_captured(struct join *join, enum attempt_kind kind, __u64 first,
					  __u64 second, __u64 started_ns)
{
	const struct event_owner nobody = { .tgid = (__u32)first, .tid = (__u32)second };
	struct attempt_slot *slot = take_slot(join, kind, &nobody, false, 0, 0, started_ns);

	if (slot)
		slot->attempt.owner = (struct event_owner){ 0 };
	return slot;
}

bool attempt_lookup(struct join *join, const struct lookup_slot *from)
{
	const struct lookup *lookup = &from->lookup;
	struct attempt_slot *slot = take_captured(
		join, ATTEMPT_LOOKUP,
		join_hash_bytes(lookup->client_port, lookup->name, sizeof(lookup->name)),
		join_hash_bytes(0, lookup->client, sizeof(lookup->client)), lookup->started_ns);

	if (!slot)
		return false;
	slot->attempt.lookup = lookup;
	slot->attempt.worked = lookup->worked;
	slot->attempt.ended_ns = lookup->ended_ns;
	for (size_t i = 0; i < from->evidence_count; i++)
		attempt_append_evidence(join, slot, &from->evidence[i]);
	slot->attempt.evidence_count += from->evidence_omitted;
	finish(join, slot, lookup->ended_ns);
	return true;
}

void attempt_connection(struct join *join, const struct connection *connection)
{
	const struct stream *stream = connection->stream;
	struct attempt_slot *slot = take_captured(
		join, ATTEMPT_CONNECTION,
		join_hash_bytes(stream->port[0], stream->address[0], sizeof(stream->address[0])),
		join_hash_bytes(stream->port[1], stream->address[1], sizeof(stream->address[1])),
		stream->first_ns);

	if (!slot)
		return;
	slot->attempt.connection = connection;
	slot->attempt.ended_ns = connection->ended_ns;
	finish(join, slot, connection->ended_ns);
}

bool attempt_claims(struct join *join, const struct address_claims *claims)
{
	struct attempt_slot *slot = take_captured(join, ATTEMPT_CLAIMS,
						  join_hash_bytes(claims->vlan, claims->address,
								  sizeof(claims->address)),
						  claims->ifindex, claims->first_ns);

	if (!slot)
		return false;
	slot->attempt.claims = claims;
	slot->attempt.ended_ns = claims->last_ns;
	finish(join, slot, claims->last_ns);
	return true;
}

/* ---- time ---- */

void attempt_run_timers(struct join *join, __u64 now_ns)
{
	for (;;) {
		struct attempt_slot *first = NULL;
		__u64 deadline_ns;

		for (int i = TIMER_NONE + 1; i < TIMER_COUNT; i++) {
			struct attempt_slot *head = TAILQ_FIRST(&join->timers[i]);

			if (head && (!first || head->deadline_ns < first->deadline_ns))
				first = head;
		}
		if (!first || first->deadline_ns > now_ns)
			return;
		/* at the end of the stream everything is due, at no later time than was seen */
		deadline_ns = now_ns == UINT64_MAX ? join->now_ns : first->deadline_ns;
		if (first->timer == TIMER_PROVEN)
			prove(join, first, deadline_ns);
		else if (first->timer == TIMER_EPISODE)
			overflow_due(join, first, deadline_ns);
		else
			finish(join, first, deadline_ns);
	}
}

void join_told(struct join *join, struct attempt *attempt, const void *rule)
{
	struct attempt_slot *slot = (struct attempt_slot *)attempt;

	if (attempt->state == ATTEMPT_FINAL) {
		free_slot(join, slot);
		return;
	}
	TAILQ_REMOVE(&join->due, slot, by_due);
	slot->is_due = false;
	if (rule) {
		attempt->pending_told = true;
		attempt->pending_rule = rule;
	}
}
