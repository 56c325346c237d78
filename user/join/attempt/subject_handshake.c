// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_handshake.c - the TLS handshake of a connection of this host: when it is worth an attempt */

#include <string.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"
#include "join/lookup/veil.h"
#include "join/talk/handshakes.h"
#include "util/time.h"

/* Times of two CPUs' records may be in another order than what they tell. */
#define DISORDER_NS (2 * NS_PER_MS)

/* ---- whose it is ---- */

/* Of two ends on this host the client's is told. */
static bool client_is_ours(const struct join *join, const struct handshake_slot *handshake)
{
	const struct conn *conn = conns_by_cookie(join->conns, handshake->cookie[0]);

	return conn && (conn->opened || conn->owner);
}

static void server_tuple(const struct handshake_slot *handshake, struct event_tuple *tuple)
{
	*tuple = handshake->tuple;
	memcpy(tuple->local, handshake->tuple.remote, sizeof(tuple->local));
	memcpy(tuple->remote, handshake->tuple.local, sizeof(tuple->remote));
	tuple->local_port = handshake->tuple.remote_port;
	tuple->remote_port = handshake->tuple.local_port;
}

static struct attempt_slot *attempt_for(struct join *join, const struct handshake_slot *handshake)
{
	__u64 seen_ns = handshake->seen[0].ts_ns;
	struct event_tuple tuple;

	if (client_is_ours(join, handshake))
		return attempt_of_standing(join, handshake->netns, handshake->cookie[0],
					   &handshake->tuple, seen_ns);
	if (!handshake->cookie[1])
		return NULL;
	server_tuple(handshake, &tuple);
	return attempt_of_standing(join, handshake->netns, handshake->cookie[1], &tuple, seen_ns);
}

static void add_evidence(struct join *join, struct attempt_slot *slot,
			 const struct handshake_slot *handshake, bool client)
{
	for (size_t i = 0; i < handshake->seen_count; i++) {
		struct evidence evidence = handshake->seen[i];

		if (!client)
			evidence.direction =
				evidence.direction == DIRECTION_OUT ? DIRECTION_IN : DIRECTION_OUT;
		evidence_add(join->evidence, &slot->seen, &evidence);
	}
}

void attempt_take_handshake(struct join *join, struct attempt_slot *slot,
			    struct handshake_slot *handshake)
{
	struct standing *standing = &attempt_extra(join, slot)->standing;
	bool client = standing->flow.client;

	if (standing->handshake.place)
		return;
	standing->handshake = handshakes_ref(join, handshake);
	if (standing->flow.seen_ns > handshake->seen[0].ts_ns)
		standing->flow.seen_ns = handshake->seen[0].ts_ns;
	handshake_turn(&handshake->handshake, client ? FIGURES_LOCAL : FIGURES_REMOTE);
	add_evidence(join, slot, handshake, client);
}

/*
 * Ports are used again: of an earlier connection is what was said before this one stood. And of two
 * ends on this host it is the client's.
 */
struct handshake_slot *attempt_handshake_of(const struct join *join, const struct event *event)
{
	struct ends ends = ends_of_tuple(&event->socket.tuple);
	struct handshake_slot *handshake = handshakes_find(join, &ends);
	const struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);

	if (!handshake || !handshake->seen_count)
		return NULL;
	if (event->head.cookie != handshake->cookie[0] && client_is_ours(join, handshake))
		return NULL;
	return conn && conn->established_ns > handshake->seen[0].ts_ns + DISORDER_NS ? NULL :
										       handshake;
}

/* ---- what it comes to ---- */

/* A warning does not end it: what becomes of it is seen by the connection's end. */
static bool is_fatal(const struct handshake_slot *handshake)
{
	const struct handshake *seen = &handshake->handshake;

	return seen->side[seen->alert_from].alert_level == TLS_FATAL;
}

static void refused(struct join *join, struct handshake_slot *handshake, __u64 now_ns)
{
	struct attempt_slot *slot;

	if (handshake->told || !is_fatal(handshake))
		return;
	slot = attempt_for(join, handshake);
	if (!slot || slot->attempt.state == ATTEMPT_FINAL)
		return;
	attempt_take_handshake(join, slot, handshake);
	attempt_extra(join, slot)->standing.refused_ns = now_ns;
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = now_ns;
	attempt_set_timer(join, slot, TIMER_SETTLE, now_ns + join->limits.settle_ns);
}

/* What was told of while it waited has its answer. */
static void answered(struct join *join, const struct handshake_slot *handshake, __u64 now_ns)
{
	const struct conn *conn = conns_by_cookie(join->conns, handshake->cookie[0]);
	struct attempt_slot *slot = conn ? conn->attempt : NULL;
	const struct standing *standing;

	if (!slot || slot->attempt.state != ATTEMPT_OPEN)
		return;
	standing = &attempt_extra(join, slot)->standing;
	if (!standing->stuck_ns && handshakes_at(join, standing->handshake) == handshake)
		attempt_go_on(join, slot, now_ns, false);
}

/* Whose client it is; NULL: it is not known. */
static const struct event_owner *client_owner(const struct join *join,
					      const struct handshake_slot *handshake)
{
	const struct conn *conn = conns_by_cookie(join->conns, handshake->cookie[0]);

	return conn ? attempt_conn_owner(join, conn) : NULL;
}

void attempt_handshake(struct join *join, const struct event *event)
{
	const struct tls_hello *hello;
	bool alerted;
	struct handshake_slot *handshake = handshakes_packet(join, event, &alerted);

	if (!handshake)
		return;
	hello = &handshake->handshake.hello[0];
	if (hello->name[0] && !handshake->handshake.client)
		veil_hello(join, client_owner(join, handshake), hello->name, sizeof(hello->name),
			   event->head.ts_ns);
	if (alerted)
		refused(join, handshake, event->head.ts_ns);
	else if (handshake->handshake.answer_ns == event->head.ts_ns)
		answered(join, handshake, event->head.ts_ns);
}

/* That no answer came can be said where it would have been seen, and of whom is known. */
void attempt_handshakes_late(struct join *join, __u64 now_ns)
{
	struct handshake_slot *handshake;

	while ((handshake = handshakes_late(join, now_ns))) {
		__u64 late_ns = handshake->handshake.hello_ns + join->limits.hello_ns;
		struct attempt_slot *slot;

		if (handshake->told || !handshake->handshake.heard ||
		    !client_is_ours(join, handshake))
			continue;
		slot = attempt_for(join, handshake);
		if (!slot || slot->attempt.state != ATTEMPT_OPEN)
			continue;
		attempt_take_handshake(join, slot, handshake);
		attempt_tell_pending(join, slot, late_ns);
	}
}
