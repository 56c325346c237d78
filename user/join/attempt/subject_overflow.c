// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_overflow.c - an episode of a listener whose accept queue is full */

#include <string.h>

#include "join/attempt/attempt.h"

void attempt_overflow(struct join *join, const struct evidence *evidence,
		      const struct event_tuple *tuple, __u64 cookie, __u32 isn, bool at_ack)
{
	static const struct event_owner nobody;
	struct listener_slot *listener = listener_by_cookie(join, cookie);
	bool owned = listener && listener->listener.owner_known;
	struct attempt_slot *slot;
	struct attempt *attempt;

	TAILQ_FOREACH(slot, &join->attempts->timers[TIMER_EPISODE], by_timer)
		if (slot->attempt.netns == evidence->netns &&
		    slot->attempt.listener_cookie == cookie &&
		    slot->attempt.listener_tuple.local_port == tuple->local_port)
			break;
	if (!slot) {
		slot = attempt_take(join, ATTEMPT_OVERFLOW,
				    owned ? &listener->listener.owner : &nobody, owned,
				    evidence->netns, cookie, evidence->ts_ns);
		if (!slot)
			return;
		slot->attempt.state = ATTEMPT_SETTLING;
		attempt_set_timer(join, slot, TIMER_EPISODE,
				  evidence->ts_ns + join->limits.episode_ns);
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
	evidence_add(join->evidence, &slot->seen, evidence);
	if (!at_ack && slot->clients_count < ATTEMPT_CLIENTS_MAX) {
		struct client *client = &slot->clients[slot->clients_count++];

		memcpy(client->address, tuple->remote, sizeof(client->address));
		client->port = tuple->remote_port;
		client->isn = isn;
	}
}

/* Clients that turned out to be openings of this machine tell it in their own verdict. */
void attempt_overflow_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
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
		if (slot->seen.first) /* NULL: the pool was empty */
			wire_note_full(join, opening, &slot->seen.first->evidence,
				       slot->attempt.listener_cookie, false);
		slot->attempt.overflows--;
	}
	if (slot->attempt.overflows)
		attempt_judge(join, slot, now_ns);
	else
		attempt_release(join, slot);
}
