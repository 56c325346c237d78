// SPDX-License-Identifier: GPL-2.0-or-later
/* evidence.c - what was seen of an attempt: the first entries and the last, bounded */

#include <string.h>

#include "join/core.h"

/* A slot of the pool, NULL when every one is in use. */
static struct evidence_slot *take_slot(struct join *join)
{
	struct evidence_slot *slot = join->evidence_free;

	if (slot) {
		join->evidence_free = slot->next;
		return slot;
	}
	if (join->evidence_touched == join->evidence_room)
		return NULL;
	return &join->evidence[join->evidence_touched++];
}

void attempt_append_evidence(struct join *join, struct attempt_slot *attempt,
			     const struct evidence *evidence)
{
	struct evidence_slot *slot;

	attempt->attempt.evidence_count++;
	if (attempt->evidence_kept == JOIN_EVIDENCE_MAX) {
		/* the oldest behind the first ones makes room */
		slot = attempt->evidence_middle->next;
		attempt->evidence_middle->next = slot->next;
		attempt->evidence_kept--;
	} else {
		slot = take_slot(join);
		if (!slot)
			return;
	}
	slot->evidence = *evidence;
	slot->next = NULL;
	if (attempt->evidence_last)
		attempt->evidence_last->next = slot;
	else
		attempt->evidence = slot;
	attempt->evidence_last = slot;
	if (++attempt->evidence_kept == JOIN_EVIDENCE_HEAD)
		attempt->evidence_middle = slot;
}

void attempt_add_evidence(struct join *join, struct opening_slot *slot,
			  const struct evidence *evidence)
{
	struct evidence own = *evidence;

	if (!slot->attempt)
		return;
	own.opening_index = slot->index;
	attempt_append_evidence(join, slot->attempt, &own);
}

/* Which of several addresses a line about the socket speaks of. */
static void name_remote(const struct attempt *attempt, struct evidence *evidence)
{
	bool socket = evidence->kind == EVENT_OPEN || evidence->kind == EVENT_STATE ||
		      evidence->kind == EVENT_RETRANSMIT;

	if (!socket || attempt->kind != ATTEMPT_CONNECT || attempt->openings_count < 2 ||
	    evidence->opening_index >= JOIN_OPENINGS_MAX)
		return;
	memcpy(evidence->address, attempt->openings[evidence->opening_index]->tuple.remote,
	       sizeof(evidence->address));
}

static size_t claims_evidence(const struct address_claims *claims, struct evidence *evidence,
			      size_t room)
{
	size_t n = claims->seen_count < JOIN_CLAIMS_KEPT ? claims->seen_count : JOIN_CLAIMS_KEPT;

	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++) {
		const struct claim_seen *seen =
			&claims->seen[(claims->seen_count - n + i) % JOIN_CLAIMS_KEPT];
		size_t at = i;

		for (; at && evidence[at - 1].ts_ns > seen->ts_ns; at--) /* files disagree */
			evidence[at] = evidence[at - 1];
		evidence[at] = (struct evidence){
			.ts_ns = seen->ts_ns,
			.frame = seen->frame,
			.kind = EVENT_FRAME,
			.vantage = VANTAGE_FILE,
			.ifindex = claims->ifindex,
		};
		memcpy(evidence[at].mac, seen->mac, sizeof(seen->mac));
		memcpy(evidence[at].address, claims->address, sizeof(claims->address));
	}
	return n;
}

size_t attempt_evidence(const struct join *join, const struct attempt *attempt,
			struct evidence *evidence, size_t room)
{
	const struct attempt_slot *slot = (const struct attempt_slot *)attempt;
	size_t n = 0;

	(void)join;
	if (attempt->kind == ATTEMPT_CONNECTION)
		return room < CONNECTION_EVIDENCE ?
			       0 :
			       connection_evidence(attempt->connection, evidence);
	if (attempt->kind == ATTEMPT_CLAIMS)
		return claims_evidence(attempt->claims, evidence, room);
	for (const struct evidence_slot *e = slot->evidence; e && n < room; e = e->next) {
		size_t at = n++;

		/* what was placed late (a stray) stands where it belongs in time */
		for (; at && evidence[at - 1].ts_ns > e->evidence.ts_ns; at--)
			evidence[at] = evidence[at - 1];
		evidence[at] = e->evidence;
		name_remote(attempt, &evidence[at]);
	}
	return n;
}

const struct ev_fact *attempt_fact(const struct join *join, const struct attempt *attempt,
				   enum event_fact what, size_t index)
{
	if (join->facts_request != attempt->id)
		return NULL;
	for (size_t i = 0; i < join->facts_count; i++)
		if (join->facts[i].what == what && !index--)
			return &join->facts[i];
	return NULL;
}

__u32 attempt_fact_netns(const struct join *join, const struct ev_fact *fact)
{
	return join->facts_netns[fact - join->facts];
}
