// SPDX-License-Identifier: GPL-2.0-or-later
/* subject.c - what the rows of subjects share */

#include <netinet/in.h>
#include <string.h>

#include "join/attempt/attempt.h"
#include "join/lookup/lookup.h"
#include "join/lookup/names.h"
#include "join/lookup/veil.h"
#include "util/time.h"

bool subject_role_asks(const char *role)
{
	return !role || !strcmp(role, "client");
}

void subject_key_add(struct subject_key *key, const void *bytes, size_t size)
{
	if (size > sizeof(key->bytes) - key->size)
		size = sizeof(key->bytes) - key->size;
	memcpy(key->bytes + key->size, bytes, size);
	key->size += size;
}

void subject_tuple(const struct attempt *attempt, struct event_tuple *tuple)
{
	struct subject_about about = { .cookie = 0 };

	attempt->subject->about(attempt, &about);
	*tuple = about.tuple;
}

/* ---- names ---- */

static const char *looked_up(const struct join *join, const struct event_owner *owner, __u32 netns,
			     const __u8 *client, const __u8 *address, __u64 begun_ns)
{
	return names_of(join->lookups->names, owner ? lookup_asker(owner) : 0,
			netns ? names_place(netns) : names_place_of_client(client), address,
			begun_ns + JOIN_CLOCK_SLACK_NS);
}

const char *join_looked_up(const struct join *join, const struct event_owner *owner, __u32 netns,
			   const struct event_tuple *tuple, __u64 begun_ns)
{
	return looked_up(join, owner, netns, tuple->local, tuple->remote, begun_ns);
}

const char *attempt_remote_name(const struct join *join, const struct attempt *attempt,
				const struct opening *opening)
{
	const struct event_owner *owner = attempt->owner_known ? attempt->owner : NULL;
	struct subject_about about = { .cookie = 0 };

	attempt->subject->about(attempt, &about);
	if (!subject_role_asks(attempt->subject->role) || about.name)
		return NULL; /* who answers is no place that was asked for */
	if (opening)
		return looked_up(join, owner, opening_is_captured(opening) ? 0 : opening->netns,
				 opening->tuple.local,
				 opening->asked_known ? opening->asked : opening->tuple.remote,
				 opening->started_ns);
	return looked_up(join, owner, attempt->netns, about.tuple.local, about.tuple.remote,
			 attempt->started_ns);
}

bool attempt_is_veiled(const struct join *join, const struct attempt *attempt,
		       const struct opening *opening)
{
	struct event_tuple tuple;

	subject_tuple(attempt, &tuple);
	return attempt->owner_known && tuple.protocol == IPPROTO_TCP &&
	       subject_role_asks(attempt->subject->role) &&
	       veil_of_owner(join, attempt->owner,
			     opening ? opening->started_ns : attempt->started_ns) &&
	       !attempt_remote_name(join, attempt, opening);
}

bool attempt_outcome(const struct join *join, const struct attempt *attempt,
		     struct outcome *outcome)
{
	if (!attempt->subject->outcome)
		return false;
	attempt->subject->outcome(join, attempt, outcome);
	return true;
}

bool attempt_packets_outcome(const struct join *join, const struct attempt *attempt,
			     struct outcome *outcome)
{
	return attempt->subject->by_packets && attempt->subject->by_packets(join, attempt, outcome);
}

/* What is sent when all is over: the last ACK, the reset after the close. */
#define AFTERMATH_NS (250 * NS_PER_MS)

bool attempt_span(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	if (!attempt->subject->packets || !attempt->subject->packets(attempt, index, span))
		return false;
	span->until_ns += AFTERMATH_NS;
	return true;
}

size_t subject_listed(const struct attempt *attempt, struct evidence *evidence, size_t room,
		      size_t *omitted)
{
	const struct evidence_list *seen = &((const struct attempt_slot *)attempt)->seen;
	size_t n = evidence_copy(seen, evidence, room);

	*omitted = seen->count - n;
	return n;
}
