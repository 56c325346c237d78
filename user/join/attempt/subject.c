// SPDX-License-Identifier: GPL-2.0-or-later
/* subject.c - what the rows of subjects share */

#include <string.h>

#include "join/attempt/attempt.h"

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

bool attempt_outcome(const struct join *join, const struct attempt *attempt,
		     struct outcome *outcome)
{
	if (!attempt->subject->outcome)
		return false;
	attempt->subject->outcome(join, attempt, outcome);
	return true;
}

/* What is sent when all is over: the last ACK, the reset after the close. */
#define AFTERMATH_NS 250000000ull

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
