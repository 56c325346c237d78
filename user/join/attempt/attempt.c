// SPDX-License-Identifier: GPL-2.0-or-later
/* attempt.c - one caller's wish: which openings belong to it, when it is to be judged */

#include <stdint.h>

#include "join/attempt/attempt.h"
#include "join/attempt/followed.h"
#include "join/conn/opening.h"
#include "join/host/scope.h"
#include "join/lookup/lookup.h"
#include "join/talk/talk_table.h"
#include "util/address.h"
#include "util/time.h"

/* ---- when it is to be judged ---- */

static void make_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	slot->attempt.due_ns = now_ns;
	for (size_t i = 0; i < attempt_openings(&slot->attempt); i++)
		opening_see_whole(join, (struct opening_slot *)slot->attempt.openings[i]);
	if (slot->is_due)
		return;
	slot->is_due = true;
	TAILQ_INSERT_TAIL(&join->attempts->due, slot, by_due);
}

void attempt_judge_early(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	make_due(join, slot, now_ns);
}

/* ---- which openings belong together ---- */

static __u64 owner_key(const struct event_owner *owner, __u16 port)
{
	return hash_mix(hash_mix(0, owner->start_ns), (__u64)owner->tgid << 16 | port);
}

size_t attempt_openings(const struct attempt *attempt)
{
	return attempt->openings_count;
}

static bool tried_before(const struct attempt *attempt, const __u8 *remote)
{
	for (size_t i = 0; i < attempt_openings(attempt); i++)
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

	if (!attempt->openings_count || slot->wisher.tgid != owner->tgid ||
	    slot->wisher.start_ns != owner->start_ns || attempt->netns != opening->netns ||
	    attempt->state == ATTEMPT_FINAL || slot->timer == TIMER_PROVEN ||
	    attempt->openings_count >= JOIN_OPENINGS_MAX)
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
	if (opening_is_captured(opening)) /* other clients of the host are not told apart */
		overlapping = false;
	return (after_failure || overlapping) && (other_family || slot->wisher.tid == owner->tid);
}

/* False: there is no room for another attempt. */
static bool take_up(struct join *join, struct opening_slot *opening,
		    const struct event_owner *owner, bool owner_known)
{
	__u64 key = owner_key(owner, opening->opening.tuple.remote_port);
	struct attempt_slot *slot = owner_known ? attempt_first(join, key) : NULL;

	/* the newest come first; who has more under way at once is not falling back */
	for (int i = 0; slot && !belongs(join, slot, &opening->opening, owner); i++)
		slot = i < ATTEMPT_FALLBACK_LOOKS ? attempt_next(join, slot) : NULL;
	if (!slot) {
		/* of a capture the owner only tells attempts apart */
		slot = attempt_take(join, &subject_connect, owner,
				    owner_known && !opening_is_captured(&opening->opening),
				    opening->opening.netns, opening->opening.cookie,
				    opening->opening.started_ns);
		if (!slot)
			return false;
		if (owner_known)
			attempt_set_key(join, slot, key);
		if (owner_known && !opening->opening.seen_whole)
			slot->attempt.owner_by = OWNER_BY_FILE;
	}
	attempt_set_timer(join, slot, TIMER_NONE, 0);
	slot->attempt.state = ATTEMPT_OPEN;
	slot->attempt.ended_ns = 0;
	slot->last_begin_ns = opening->opening.started_ns;
	slot->live++;
	opening->attempt = slot;
	opening->index = slot->attempt.openings_count;
	evidence_move(join->evidence, &opening->own, &slot->seen, opening->index);
	opening->seen = &slot->seen;
	slot->attempt.openings[slot->attempt.openings_count++] = &opening->opening;
	wish_begin(join, slot, &opening->opening);
	return true;
}

const struct opening *attempt_decider(const struct attempt *attempt)
{
	const struct opening *decider = NULL;

	for (size_t i = 0; i < attempt_openings(attempt); i++) {
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
	for (size_t i = 0; i < attempt_openings(attempt); i++)
		if (attempt->openings[i]->state == OPENING_ESTABLISHED)
			return true;
	return false;
}

static void learn_owner(struct join *join, struct opening_slot *opening,
			const struct event_owner *owner)
{
	struct attempt_slot *slot = opening->attempt;

	if (!slot || slot->attempt.owner_known)
		return;
	attempt_set_owner(join, slot, owner, true);
	slot->attempt.owner_by = OWNER_BY_FILE; /* by a look at what processes have open */
}

/* Windows sends a SYN that was refused again, twice, each time half a second later. */
#define REFUSED_AGAIN_NS (600 * NS_PER_MS)

static bool may_ask_again(const struct opening *opening)
{
	return opening_is_captured(opening) && opening->end == WAIT_ANSWERED && !opening->synack_in;
}

static void note_goes_on(struct join *join, struct opening_slot *opening)
{
	struct attempt_slot *slot = opening->attempt;

	if (!slot)
		return;
	attempt_set_timer(join, slot, TIMER_NONE, 0);
	slot->attempt.state = ATTEMPT_OPEN;
	slot->attempt.ended_ns = 0;
	slot->live++;
}

static void note_failure(struct join *join, struct opening_slot *opening)
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
			attempt_set_timer(join, slot, TIMER_NONE, 0);
		return;
	}
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = opening->opening.ended_ns;
	if (may_ask_again(&opening->opening))
		attempt_set_timer(join, slot, TIMER_REFUSED,
				  opening->opening.ended_ns + REFUSED_AGAIN_NS);
	else
		attempt_set_timer(join, slot, TIMER_SETTLE,
				  opening->opening.ended_ns + join->limits.settle_ns);
}

static void note_established(struct join *join, struct opening_slot *opening)
{
	struct attempt_slot *slot = opening->attempt;

	if (slot && slot->timer != TIMER_PROVEN)
		attempt_set_timer(join, slot, TIMER_PROVEN,
				  opening->opening.established_ns + join->limits.proven_ns);
}

void attempt_tell_pending(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	if (!slot->attempt.pending_told)
		make_due(join, slot, now_ns);
}

static void note_pending(struct join *join, struct opening_slot *opening, __u64 now_ns)
{
	struct attempt_slot *slot = opening->attempt;

	if (slot && slot->attempt.state == ATTEMPT_OPEN && slot->timer == TIMER_NONE)
		attempt_tell_pending(join, slot, now_ns);
}

/* A loser of a race that another opening won was given up, not refused: it counts for nothing. */
static bool counts(const struct attempt *attempt, const struct opening *opening)
{
	return opening->state == OPENING_WORKED ||
	       (opening->state == OPENING_FAILED &&
		!(attempt->worked && opening->end == WAIT_CANCELED));
}

void attempt_judge(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct attempt *attempt = &slot->attempt;

	attempt_set_timer(join, slot, TIMER_NONE, 0);
	attempt->state = ATTEMPT_FINAL;
	wish_end(join, slot);
	if (!attempt->worked && !attempt->unknown && !attempt->subject->uncounted)
		join->counters.failures++;
	for (size_t i = 0; i < attempt_openings(attempt); i++) {
		const struct opening *opening = attempt->openings[i];

		/* how many others did not fail, a file of failures does not hold */
		if (counts(attempt, opening) && !join->counters.chosen)
			scope_note(join, &(struct scope_seen){
						 .netns = opening->netns,
						 .tuple = &opening->tuple,
						 .started_ns = opening->started_ns,
						 .established_ns = opening->established_ns,
						 .ended_ns = opening->ended_ns,
						 .worked = opening->state == OPENING_WORKED,
					 });
	}
	make_due(join, slot, now_ns);
}

static void prove(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct attempt *attempt = &slot->attempt;

	for (size_t i = 0; i < attempt_openings(attempt); i++)
		opening_prove((struct opening_slot *)attempt->openings[i], now_ns);
	attempt->worked = true;
	attempt->ended_ns = attempt_decider(attempt)->established_ns;
	attempt_judge(join, slot, now_ns);
}

static __u64 settled_ns(const struct attempt_slot *slot, __u64 now_ns)
{
	return slot->attempt.subject->told_at_end ? slot->attempt.ended_ns : now_ns;
}

/* Its end will not be seen: what settles is judged now, what was told of is told to be unknown. */
static void give_up(struct join *join, struct attempt_slot *slot)
{
	if (slot->is_due)
		return;
	if (slot->attempt.state == ATTEMPT_SETTLING || !slot->attempt.openings_count) {
		slot->attempt.unknown |= slot->attempt.state == ATTEMPT_OPEN;
		attempt_judge(join, slot, settled_ns(slot, join->now_ns));
		return;
	}
	slot->attempt.unknown = true;
	slot->attempt.ended_ns = join->now_ns;
	for (size_t i = 0; i < attempt_openings(&slot->attempt); i++) {
		struct opening *opening =
			&((struct opening_slot *)slot->attempt.openings[i])->opening;

		if (opening->state == OPENING_CONNECTING || opening->state == OPENING_ESTABLISHED)
			opening->state = OPENING_UNKNOWN;
	}
	if (slot->attempt.pending_told)
		attempt_judge(join, slot, join->now_ns);
	else
		attempt_release(join, slot);
}

void attempt_give_up(struct join *join, struct opening_slot *opening)
{
	if (opening->attempt)
		give_up(join, opening->attempt);
	else
		openings_retire(join, opening);
}

void attempt_opening(struct join *join, const struct opening_news *news, __u64 now_ns)
{
	struct opening_slot *opening = news->slot;

	if ((news->notes & NOTE_BEGUN) && !take_up(join, opening, news->owner, news->owner_known)) {
		openings_retire(join, opening);
		return;
	}
	if (news->notes & NOTE_OWNER)
		learn_owner(join, opening, news->owner);
	if (news->notes & NOTE_GOES_ON)
		note_goes_on(join, opening);
	if (news->notes & NOTE_ESTABLISHED)
		note_established(join, opening);
	if (news->notes & NOTE_SENT_AGAIN)
		note_pending(join, opening, now_ns);
	if (news->notes & NOTE_FAILED)
		note_failure(join, opening);
	else if (news->notes & NOTE_UNSEEN)
		attempt_give_up(join, opening);
}

bool attempt_hurry(struct join *join)
{
	struct attempt_slot *slot = TAILQ_FIRST(&join->attempts->timers[TIMER_SETTLE]);

	if (!slot)
		slot = TAILQ_FIRST(&join->attempts->timers[TIMER_PROVEN]);
	if (!slot)
		return false;
	if (slot->timer == TIMER_PROVEN)
		prove(join, slot, join->now_ns);
	else
		attempt_judge(join, slot, join->now_ns);
	return true;
}

/* ---- time ---- */

/* What hung was not repeated for so long: it goes on, unless the agent ended before that was seen. */
void attempt_go_on(struct join *join, struct attempt_slot *slot, __u64 now_ns, bool unseen)
{
	slot->attempt.worked = !unseen;
	slot->attempt.unknown = unseen;
	slot->attempt.ended_ns = now_ns;
	if (slot->attempt.pending_told)
		attempt_judge(join, slot, now_ns);
	else
		attempt_release(join, slot);
}

void attempt_run_timers(struct join *join, __u64 now_ns)
{
	for (;;) {
		struct attempt_slot *first = NULL;
		__u64 deadline_ns;

		for (int i = TIMER_NONE + 1; i < TIMER_COUNT; i++) {
			struct attempt_slot *head = TAILQ_FIRST(&join->attempts->timers[i]);

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
			attempt_overflow_due(join, first, deadline_ns);
		else if (first->timer == TIMER_KNOCK)
			attempt_knock_due(join, first, deadline_ns);
		else if (first->timer == TIMER_STALLED)
			attempt_go_on(join, first, deadline_ns, now_ns == UINT64_MAX);
		else
			attempt_judge(join, first, settled_ns(first, deadline_ns));
	}
}

/* At the end connections are told one by one: however many were open, no table holds them all. */
static void finish_next(struct join *join)
{
	const struct talk *over;

	while (TAILQ_EMPTY(&join->attempts->due) && join->talks &&
	       (over = talk_finish_next(join))) {
		struct conn *conn = conns_of_stream(join->conns, over->stream);

		if (conn->sources & SOURCE_CAPTURE) {
			attempt_talk(join, over);
			continue;
		}
		followed_over(join, conn, over, over->ended_ns);
		attempt_run_timers(join, UINT64_MAX);
	}
}

void attempt_finish(struct join *join)
{
	struct attempt_table *table = join->attempts;

	attempt_run_timers(join, UINT64_MAX);
	for (size_t i = 0; i < table->touched; i++)
		if (table->slots[i].used)
			give_up(join, &table->slots[i]);
	join->finished = true;
	finish_next(join);
}

/* ---- what the outside asks ---- */

struct attempt *join_due(const struct join *join)
{
	struct attempt_slot *slot = TAILQ_FIRST(&join->attempts->due);

	return slot ? &slot->attempt : NULL;
}

void join_told(struct join *join, struct attempt *attempt, const void *rule)
{
	struct attempt_slot *slot = (struct attempt_slot *)attempt;

	if (attempt->state == ATTEMPT_FINAL) {
		attempt->told = rule;
		attempt_release(join, slot);
	} else {
		TAILQ_REMOVE(&join->attempts->due, slot, by_due);
		slot->is_due = false;
		if (rule) {
			attempt->pending_told = true;
			attempt->pending_rule = rule;
		}
	}
	if (join->finished)
		finish_next(join);
}

const struct event_owner *attempt_conn_owner(const struct join *join, const struct conn *conn)
{
	const struct attempt_slot *opened = conn->opening ? conn->opening->attempt : NULL;

	if (opened && opened->attempt.owner_known)
		return opened->attempt.owner;
	return conns_owner(join->conns, conn);
}

/* Who is gone will not hear of a reset any more: nothing is to come of what waits for that. */
bool join_settling(const struct join *join)
{
	for (int timer = TIMER_NONE + 1; timer < TIMER_COUNT; timer++)
		if (timer != TIMER_HEARD && !TAILQ_EMPTY(&join->attempts->timers[timer]))
			return true;
	return false;
}

static bool any_connecting(const struct attempt *attempt)
{
	for (size_t i = 0; i < attempt_openings(attempt); i++)
		if (attempt->openings[i]->state == OPENING_CONNECTING)
			return true;
	return false;
}

size_t join_connecting(const struct join *join)
{
	const struct attempt_table *table = join->attempts;
	size_t count = 0;

	for (size_t i = 0; i < table->touched; i++)
		count += table->slots[i].used && table->slots[i].attempt.state == ATTEMPT_OPEN &&
			 any_connecting(&table->slots[i].attempt);
	return count;
}

size_t attempt_evidence(const struct join *join, const struct attempt *attempt,
			struct evidence *evidence, size_t room, size_t *omitted)
{
	(void)join;
	return attempt->subject->evidence(attempt, evidence, room, omitted);
}
