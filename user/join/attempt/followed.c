// SPDX-License-Identifier: GPL-2.0-or-later
/* followed.c - connections of a command that is followed: every packet of them comes */

#include <string.h>

#include "join/attempt/attempt.h"
#include "join/attempt/followed.h"
#include "join/conn/opening.h"
#include "join/host/loss.h"
#include "join/talk/talk_table.h"

/* ---- their packets ---- */

/*
 * The conn whose segments a packet of a followed process belongs to: of the sender's socket, where
 * that is not followed elsewhere already. NULL: it is, or there is no room.
 */
static struct conn *followed_conn(struct join *join, const struct event *event,
				  const struct ends *ends)
{
	struct conn *conn =
		conns_of_packet(join->conns, &event->packet, ends, event->head.netns, &join->look);
	struct conn *own = conns_by_cookie(join->conns, event->head.cookie);

	if (conn && conn->stream)
		return conn;
	if (!own)
		return conn ? conn : conns_add_packet(join->conns, ends, event->head.netns);
	if (!conns_is_linked(join->conns, own))
		conns_set_ends(join->conns, own, ends);
	if (!conns_has_ends(own, ends)) /* behind NAT: other ends, and a connection of its own */
		return conn ? conn : conns_add_packet(join->conns, ends, event->head.netns);
	return own->stream ? NULL : own;
}

/* Of a selection of a connection's packets every other one would look lost. */
struct conn *followed_packet(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	struct conn *conn = stream_is_segment(packet) ? followed_conn(join, event, &ends) : NULL;

	if (!conn)
		return NULL;
	conn->sources |= SOURCE_ALL_PACKETS;
	conns_take_packet(join->conns, conn, packet, event->head.netns, event->head.ts_ns, 0,
			  &join->look);
	return conn;
}

/* ---- what is said on them ---- */

void followed_listen(struct join *join, struct conn *conn, const struct event *event)
{
	const struct tls_side *alert = NULL;
	const struct talk *over = NULL;

	if (join->talks)
		over = talk_packet(join, conn, event, &join->look, &alert);
	if (over)
		followed_over(join, conn, over, event->head.ts_ns);
}

/* From the side of the socket that the connection is. */
static void tuple_of(const struct conn *conn, const struct talk *talk, struct event_tuple *tuple)
{
	struct event_tuple client;

	talk_tuple(talk, &client);
	*tuple = client;
	if (conn->ends.client == conn->local)
		return;
	memcpy(tuple->local, client.remote, sizeof(tuple->local));
	memcpy(tuple->remote, client.local, sizeof(tuple->remote));
	tuple->local_port = client.remote_port;
	tuple->remote_port = client.local_port;
}

/* Else it is nobody's that is known, it was judged, or its opening tells what became of it. */
static bool is_judged_by_it(const struct conn *conn)
{
	const struct opening *opening = conn->opening ? &conn->opening->opening : NULL;

	if (!conn->cookie || conn->told || conn->closed)
		return false;
	return !opening || opening->state == OPENING_ESTABLISHED ||
	       opening->state == OPENING_WORKED;
}

void followed_over(struct join *join, struct conn *conn, const struct talk *talk, __u64 now_ns)
{
	bool troubled = conn->troubled;
	struct attempt_slot *slot = NULL;
	struct event_tuple tuple;

	if (is_judged_by_it(conn)) {
		tuple_of(conn, talk, &tuple);
		slot = attempt_of_standing(join, conn->netns, conn->cookie, &tuple,
					   talk->stream->first_ns);
		conn->troubled = troubled; /* nothing is known that its other end met with, too */
	}
	if (!slot || slot->attempt.state == ATTEMPT_FINAL ||
	    attempt_extra(join, slot)->standing.talk) {
		talks_give_back(join->talks, talk);
		return;
	}
	attempt_extra(join, slot)->standing.talk = talk;
	if (slot->attempt.state == ATTEMPT_SETTLING)
		return;
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = now_ns;
	attempt_set_timer(join, slot, TIMER_SETTLE, now_ns + join->limits.settle_ns);
}

/* ---- what they tell ---- */

/* NULL: there is none, its conn had to leave, or records were lost while it lasted. */
static const struct talk *talk_of(const struct join *join, const struct attempt *attempt)
{
	const struct standing *standing = attempt->standing;
	const struct conn *conn = conns_by_cookie(join->conns, standing->flow.cookie);

	if (!standing->talk || !conn || conn->stream != standing->talk->stream ||
	    loss_since(join, conn->stream->first_ns))
		return NULL;
	return standing->talk;
}

bool followed_outcome(const struct join *join, const struct attempt *attempt,
		      struct outcome *outcome)
{
	const struct talk *talk = talk_of(join, attempt);

	if (talk)
		outcome_take_talk(outcome, talk, NULL);
	return talk;
}

static bool is_same_packet(const struct evidence *a, const struct evidence *b)
{
	return a->kind == EVENT_PACKET && a->packet_what == PACKET_TCP && a->ts_ns == b->ts_ns &&
	       a->seq == b->seq;
}

/* In the order of time, once each. */
static size_t insert(struct evidence *evidence, size_t count, const struct evidence *one)
{
	size_t at = count;

	for (size_t i = 0; i < count; i++)
		if (is_same_packet(&evidence[i], one))
			return count;
	while (at && evidence[at - 1].ts_ns > one->ts_ns)
		at--;
	memmove(&evidence[at + 1], &evidence[at], (count - at) * sizeof(*evidence));
	evidence[at] = *one;
	return count + 1;
}

size_t attempt_packets_evidence(const struct join *join, const struct attempt *attempt,
				struct evidence *evidence, size_t room, size_t *omitted)
{
	size_t count = attempt_evidence(join, attempt, evidence, room, omitted);
	const struct talk *talk = attempt->subject->by_packets ? talk_of(join, attempt) : NULL;
	struct evidence marks[TALK_EVIDENCE];
	size_t n = talk ? talk_evidence(talk, marks) : 0;

	for (size_t i = 0; i < n; i++) {
		if (marks[i].ts_ns < attempt->started_ns)
			continue; /* of its handshake, which is another wish */
		if (!attempt->standing->flow.client)
			marks[i].direction =
				marks[i].direction == DIRECTION_OUT ? DIRECTION_IN : DIRECTION_OUT;
		marks[i].vantage =
			marks[i].direction == DIRECTION_OUT ? VANTAGE_TC_OUT : VANTAGE_TC_IN;
		marks[i].netns = attempt->netns;
		if (count < room)
			count = insert(evidence, count, &marks[i]);
		else
			++*omitted;
	}
	return count;
}
