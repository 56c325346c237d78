// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_captured.c - what only a capture tells, judged at once */

#include "join/attempt/attempt.h"

/* Nobody's: the two numbers only make the id. */
static struct attempt_slot *take_captured(struct join *join, enum attempt_kind kind, __u64 first,
					  __u64 second, __u64 started_ns)
{
	const struct event_owner nobody = { .tgid = (__u32)first, .tid = (__u32)second };
	struct attempt_slot *slot = attempt_take(join, kind, &nobody, false, 0, 0, started_ns);

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
		evidence_add(join->evidence, &slot->seen, &from->evidence[i]);
	slot->seen.count += from->evidence_omitted;
	attempt_judge(join, slot, lookup->ended_ns);
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
	attempt_judge(join, slot, connection->ended_ns);
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
	attempt_judge(join, slot, claims->last_ns);
	return true;
}
