// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_connect.c - openings: what a caller's connect() came to */

#include <string.h>

#include "join/attempt/attempt.h"

/* Of an open attempt: the youngest opening that waits in vain. */
static const struct opening *pick_waiting(const struct attempt *attempt)
{
	for (size_t i = attempt_openings(attempt); i-- > 0;)
		if (attempt->openings[i]->state == OPENING_CONNECTING &&
		    attempt->openings[i]->syn_sent > 1)
			return attempt->openings[i];
	return NULL;
}

/*
 * Of a failed attempt: the one that decided; but where that one never got as far as a SYN (an
 * address of a family this host has no route for) and another one did, that other one is what
 * the caller is missing.
 */
static const struct opening *pick_failed(const struct attempt *attempt)
{
	const struct opening *decider = attempt_decider(attempt);

	if (!decider || !opening_call_alone(decider))
		return decider;
	for (size_t i = attempt_openings(attempt); i-- > 0;)
		if (attempt->openings[i]->state == OPENING_FAILED && attempt->openings[i]->syn_sent)
			return attempt->openings[i];
	return decider;
}

static enum wake connect_wake(const struct attempt *attempt, const struct opening **opening)
{
	enum wake wake = WAKE_FAILED;

	if (attempt->openings_count == 1 && attempt->openings[0]->of_lookup && !attempt->worked)
		return WAKE_NONE; /* the lookup owns its transport's failures */
	if (attempt->worked) {
		wake = WAKE_WORKED;
		*opening = attempt_decider(attempt);
	} else if (attempt->state == ATTEMPT_OPEN) {
		wake = WAKE_PENDING;
		*opening = pick_waiting(attempt);
	} else {
		*opening = pick_failed(attempt);
	}
	return *opening ? wake : WAKE_NONE;
}

static void connect_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct opening *opening = attempt_decider(attempt);

	if (!opening)
		return;
	about->tuple = opening->tuple;
	about->cookie = opening->cookie;
	about->error = opening->error;
	about->sources = opening->sources;
}

static void connect_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
			struct subject_key *key)
{
	static const struct event_tuple nowhere;
	const struct event_tuple *tuple = opening ? &opening->tuple : &nowhere;

	(void)attempt;
	if (opening && opening_is_captured(opening)) { /* clients are told apart by address alone */
		subject_key_add(key, tuple->local, sizeof(tuple->local));
		subject_key_add(key, &severity, sizeof(severity));
	}
	subject_key_add(key, tuple->remote, sizeof(tuple->remote));
	subject_key_add(key, &tuple->remote_port, sizeof(tuple->remote_port));
}

/* Which of several addresses a line about the socket speaks of. */
static void name_remote(const struct attempt *attempt, struct evidence *evidence)
{
	bool socket = evidence->kind == EVENT_OPEN || evidence->kind == EVENT_STATE ||
		      evidence->kind == EVENT_RETRANSMIT;

	if (!socket || attempt->openings_count < 2 || evidence->opening_index >= JOIN_OPENINGS_MAX)
		return;
	memcpy(evidence->address, attempt->openings[evidence->opening_index]->tuple.remote,
	       sizeof(evidence->address));
}

static size_t connect_evidence(const struct attempt *attempt, struct evidence *evidence,
			       size_t room, size_t *omitted)
{
	size_t n = subject_listed(attempt, evidence, room, omitted);

	for (size_t i = 0; i < n; i++)
		name_remote(attempt, &evidence[i]);
	return n;
}

/* The ends that its packets had behind NAT of this machine, where they are known. */
static bool translated(const struct opening *opening, struct event_tuple *tuple)
{
	*tuple = opening->tuple;
	if (!opening->translated)
		return false;
	memcpy(tuple->local, opening->translated_from, sizeof(tuple->local));
	memcpy(tuple->remote, opening->translated_to, sizeof(tuple->remote));
	tuple->local_port = opening->translated_from_port;
	tuple->remote_port = opening->translated_to_port;
	return memcmp(tuple, &opening->tuple, sizeof(*tuple)) != 0;
}

/* First every opening by the ends of its socket, then those by the ends behind NAT. */
static bool connect_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	size_t count = attempt_openings(attempt), behind = 0;
	const struct opening *opening = index < count ? attempt->openings[index] : NULL;
	struct event_tuple tuple;

	for (size_t i = 0; i < count && !opening; i++)
		if (translated(attempt->openings[i], &tuple) && count + behind++ == index)
			opening = attempt->openings[i];
	if (!opening)
		return false;
	if (index < count)
		tuple = opening->tuple;
	*span = (struct packet_span){
		.tuple = tuple,
		.cookie = opening->cookie,
		.netns = opening->netns,
		.isn = opening->isn,
		.isn_known = opening->isn_known,
		.from_ns = opening->started_ns,
		.until_ns =
			attempt->due_ns > opening->ended_ns ? attempt->due_ns : opening->ended_ns,
	};
	return true;
}

const struct subject subject_connect = {
	.name = "connect",
	.failed = "could not connect to",
	.role = "client",
	.number = 0,
	.wakes = WAKE_PENDING | WAKE_FAILED | WAKE_WORKED,
	.wake = connect_wake,
	.about = connect_about,
	.key = connect_key,
	.evidence = connect_evidence,
	.packets = connect_packets,
};
