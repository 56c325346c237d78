// SPDX-License-Identifier: GPL-2.0-or-later
/* span.c - which packets an attempt is about */

#include <string.h>

#include "join/join.h"

/* What is sent when all is over: the last ACK, the reset after the close. */
#define AFTERMATH_NS 250000000ull

static struct packet_span span_of_opening(const struct attempt *attempt,
					  const struct opening *opening)
{
	__u64 end_ns = attempt->due_ns > opening->ended_ns ? attempt->due_ns : opening->ended_ns;

	return (struct packet_span){
		.tuple = opening->tuple,
		.cookie = opening->cookie,
		.netns = opening->netns,
		.isn = opening->isn,
		.isn_known = opening->isn_known,
		.from_ns = opening->started_ns,
		.until_ns = end_ns + AFTERMATH_NS,
	};
}

/* The clients of an overflow are many: the last one's packets stand for them. */
static struct packet_span span_of_client(const struct attempt *attempt)
{
	struct packet_span span = {
		.tuple = attempt->listener_tuple,
		.netns = attempt->netns,
		.from_ns = attempt->started_ns,
		.until_ns = attempt->due_ns + AFTERMATH_NS,
	};

	memcpy(span.tuple.remote, attempt->client, sizeof(span.tuple.remote));
	span.tuple.remote_port = attempt->client_port;
	return span;
}

size_t attempt_spans(const struct attempt *attempt, struct packet_span spans[JOIN_SPANS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < attempt->openings_count && i < JOIN_OPENINGS_MAX; i++)
		spans[count++] = span_of_opening(attempt, attempt->openings[i]);
	if (attempt->kind == ATTEMPT_OVERFLOW && attempt->client_port)
		spans[count++] = span_of_client(attempt);
	return count;
}
