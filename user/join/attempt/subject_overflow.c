// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_overflow.c - an episode of a listener whose accept queue is full */

#include <string.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"
#include "join/host/listener.h"

/* The episode of that listener that is not over, or a new one; NULL: there is no room. */
static struct attempt_slot *episode_of(struct join *join, const struct listener *listener,
				       const struct evidence *evidence,
				       const struct event_tuple *tuple, __u64 cookie)
{
	const struct event_owner *owner = listener ? listener->owner : NULL;
	__u64 key = hash_mix(hash_mix(1, cookie), (__u64)evidence->netns << 16 | tuple->local_port);
	struct attempt_slot *slot = attempt_first(join, key);
	struct overflow *overflow;

	for (; slot; slot = attempt_next(join, slot)) {
		if (slot->timer != TIMER_EPISODE)
			continue;
		overflow = &attempt_extra(join, slot)->episode.overflow;
		if (slot->attempt.netns == evidence->netns && overflow->cookie == cookie &&
		    overflow->tuple.local_port == tuple->local_port)
			return slot;
	}
	slot = attempt_take(join, &subject_overflow, owner, owner, evidence->netns, cookie,
			    evidence->ts_ns);
	if (!slot)
		return NULL;
	attempt_set_key(join, slot, key);
	slot->attempt.owner_by = OWNER_BY_LISTENER;
	slot->attempt.state = ATTEMPT_SETTLING;
	attempt_extra(join, slot)->episode = (struct episode){ .clients_count = 0 };
	slot->attempt.overflow = &attempt_extra(join, slot)->episode.overflow;
	attempt_set_timer(join, slot, TIMER_EPISODE, evidence->ts_ns + join->limits.episode_ns);
	return slot;
}

static void note_listener(struct join *join, struct episode *episode,
			  const struct listener *listener)
{
	if (!listener)
		return;
	listener_copy(join, &episode->listener, listener);
	episode->overflow.listener = &episode->listener;
}

void attempt_overflow(struct join *join, const struct full_queue *full)
{
	const struct listener *listener = listener_by_cookie(join, full->cookie);
	const struct evidence *evidence = &full->evidence;
	const struct event_tuple *tuple = &full->tuple;
	struct attempt_slot *slot = episode_of(join, listener, evidence, tuple, full->cookie);
	struct overflow *overflow;
	struct episode *episode;

	if (!slot)
		return;
	episode = &attempt_extra(join, slot)->episode;
	overflow = &episode->overflow;
	note_listener(join, episode, listener);
	overflow->tuple = *tuple;
	overflow->cookie = full->cookie;
	overflow->count++;
	overflow->backlog = evidence->count;
	overflow->backlog_max = evidence->limit;
	overflow->at_ack |= full->at_ack;
	slot->attempt.ended_ns = evidence->ts_ns;
	evidence_add(join->evidence, &slot->seen, evidence);
	if (!full->at_ack && episode->clients_count < ATTEMPT_CLIENTS_MAX) {
		struct client *client = &episode->clients[episode->clients_count++];

		memcpy(client->address, tuple->remote, sizeof(client->address));
		client->port = tuple->remote_port;
		client->isn = full->isn;
	}
}

const struct conn *attempt_client_conn(const struct join *join, const struct client *client,
				       const struct event_tuple *tuple)
{
	struct ends ends = ends_of(client->address, client->port, tuple->local, tuple->local_port);
	struct conns_walk walk = conns_walk(join->conns, &ends);
	const struct conn *conn;

	while ((conn = conns_walk_next(join->conns, &walk)))
		if (conn->opened && (!conn->isn_known || conn->isn == client->isn))
			return conn;
	return NULL;
}

/* Clients that turned out to be openings of this machine tell it in their own verdict. */
void attempt_overflow_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct episode *episode = &attempt_extra(join, slot)->episode;
	struct overflow *overflow = &episode->overflow;
	const struct event_tuple *tuple = &overflow->tuple;

	note_listener(join, episode, listener_by_cookie(join, overflow->cookie));
	for (__u32 i = 0; i < episode->clients_count; i++) {
		const struct conn *conn = attempt_client_conn(join, &episode->clients[i], tuple);

		if (!conn || !overflow->count)
			continue;
		/* NULL: the pool was empty; it was told */
		if (slot->seen.first && conn->opening && !conn->opening->opening.full.seen)
			wire_note_full(join, conn->opening, &slot->seen.first->evidence,
				       overflow->cookie, false);
		overflow->count--;
	}
	if (overflow->count)
		attempt_judge(join, slot, now_ns);
	else
		attempt_release(join, slot);
}

/* ---- what is told of it ---- */

static void overflow_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct overflow *overflow = attempt->overflow;

	about->tuple = overflow->tuple;
	about->cookie = overflow->cookie;
	about->sources = SOURCE_SOCKET;
	if (overflow->listener)
		about->owner = overflow->listener->owner;
}

static void overflow_key(const struct attempt *attempt, const struct opening *opening,
			 __u8 severity, struct subject_key *key)
{
	const struct event_tuple *tuple = &attempt->overflow->tuple;

	(void)opening;
	(void)severity;
	subject_key_add(key, tuple->local, sizeof(tuple->local));
	subject_key_add(key, &tuple->local_port, sizeof(tuple->local_port));
}

/* The clients are many: the last one's packets stand for them. */
static bool overflow_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	if (index || !attempt->overflow->tuple.remote_port)
		return false;
	*span = (struct packet_span){
		.tuple = attempt->overflow->tuple,
		.netns = attempt->netns,
		.from_ns = attempt->started_ns,
		.until_ns = attempt->due_ns,
	};
	return true;
}

static void overflow_released(struct join *join, const struct attempt *attempt)
{
	listener_copy(join,
		      &attempt_extra(join, (const struct attempt_slot *)attempt)->episode.listener,
		      NULL);
}

const struct subject subject_overflow = {
	.name = "overflow",
	.role = "listener",
	.number = 3,
	.wakes = WAKE_OVERFLOW,
	.about = overflow_about,
	.key = overflow_key,
	.evidence = subject_listed,
	.packets = overflow_packets,
	.release = overflow_released,
};
