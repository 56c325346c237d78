// SPDX-License-Identifier: GPL-2.0-or-later
/* flows_judged.c - what was judged of connections, for the rows of flows */

#include "agent/flows_judged.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "util/hash.h"

/* Sockets are told apart by their cookies, streams by their numbers. */
enum of { OF_SOCKET, OF_STREAM };

struct entry {
	__u64 key;
	__u64 began_ns; /* what it is about */
	__u8 of; /* enum of */
	struct flow_verdict verdict;
};

struct flows_judged {
	struct entry *entries;
	struct hash by_key;
	size_t room;
	size_t next; /* the oldest */
};

int flows_judged_new(struct flows_judged **out, size_t room)
{
	struct flows_judged *judged = calloc(1, sizeof(*judged));

	if (!judged)
		return -ENOMEM;
	judged->room = room;
	judged->entries = calloc(room, sizeof(*judged->entries));
	if (!judged->entries || hash_new(&judged->by_key, room)) {
		flows_judged_free(judged);
		return -ENOMEM;
	}
	*out = judged;
	return 0;
}

void flows_judged_free(struct flows_judged *judged)
{
	if (!judged)
		return;
	free(judged->entries);
	hash_free(&judged->by_key);
	free(judged);
}

static __u64 hash_of(enum of of, __u64 key)
{
	return hash_mix((__u64)of, key);
}

/* The next one of that key from @at on, the youngest first; NULL at the end. */
static struct entry *next(const struct flows_judged *judged, enum of of, __u64 key, __u32 *at)
{
	while (*at != HASH_END) {
		struct entry *entry = &judged->entries[*at];

		*at = hash_next(&judged->by_key, *at);
		if (entry->of == of && entry->key == key)
			return entry;
	}
	return NULL;
}

/* What was said of it while it waited has another end now. */
static void forget(struct flows_judged *judged, enum of of, __u64 key, __u64 attempt)
{
	__u32 at = hash_first(&judged->by_key, hash_of(of, key));
	struct entry *entry;

	while ((entry = next(judged, of, key, &at)))
		if (entry->verdict.attempt == attempt)
			hash_remove(&judged->by_key, (__u32)(entry - judged->entries));
}

static void note(struct flows_judged *judged, enum of of, __u64 key, __u64 began_ns,
		 const struct flow_verdict *verdict)
{
	__u32 index = (__u32)judged->next;

	forget(judged, of, key, verdict->attempt);
	if (verdict->state == FINDING_CLEARED)
		return;
	judged->next = (judged->next + 1) % judged->room;
	hash_remove(&judged->by_key, index);
	judged->entries[index] = (struct entry){
		.key = key, .began_ns = began_ns, .of = (__u8)of, .verdict = *verdict
	};
	hash_add(&judged->by_key, hash_of(of, key), index);
}

static void note_openings(struct flows_judged *judged, const struct attempt *attempt,
			  const struct flow_verdict *verdict)
{
	for (size_t i = 0; i < attempt_openings(attempt); i++) {
		const struct opening *opening = attempt->openings[i];
		__u64 number;

		if (opening->cookie)
			note(judged, OF_SOCKET, opening->cookie, opening->started_ns, verdict);
		else if (opening_stream(opening, &number))
			note(judged, OF_STREAM, number, opening->started_ns, verdict);
	}
}

/* Of a connection that stood: its socket's, or of a capture its stream's. */
static void note_established(struct flows_judged *judged, const struct attempt *attempt,
			     const struct outcome *outcome, const struct flow_verdict *verdict)
{
	struct subject_about about = { .cookie = 0 };

	attempt->subject->about(attempt, &about);
	if (about.cookie)
		note(judged, OF_SOCKET, about.cookie, attempt->started_ns, verdict);
	else if (about.sources & SOURCE_CAPTURE)
		note(judged, OF_STREAM, outcome->figures.number, attempt->started_ns, verdict);
}

void flows_judged_note(struct flows_judged *judged, const struct join *join,
		       const struct attempt *attempt, const struct verdict *verdict)
{
	const struct flow_verdict kept = {
		.rule = verdict->rule,
		.attempt = attempt->id,
		.state = (__u8)verdict->state,
		.severity = (__u8)verdict->severity,
		.confidence = (__u8)verdict->confidence,
	};
	struct outcome outcome;

	if (attempt_outcome(join, attempt, &outcome))
		note_established(judged, attempt, &outcome, &kept);
	else
		note_openings(judged, attempt, &kept);
}

static const struct flow_verdict *find(const struct flows_judged *judged, enum of of, __u64 key,
				       __u64 from_ns, __u64 until_ns)
{
	__u32 at = hash_first(&judged->by_key, hash_of(of, key));
	const struct flow_verdict *found = NULL;
	const struct entry *entry;

	while ((entry = next(judged, of, key, &at)))
		if (entry->began_ns >= from_ns && (!until_ns || entry->began_ns <= until_ns) &&
		    (!found || entry->verdict.severity > found->severity))
			found = &entry->verdict;
	return found;
}

const struct flow_verdict *flows_judged_socket(const struct flows_judged *judged, __u64 cookie,
					       __u64 from_ns, __u64 until_ns)
{
	return find(judged, OF_SOCKET, cookie, from_ns, until_ns);
}

const struct flow_verdict *flows_judged_stream(const struct flows_judged *judged, __u64 number)
{
	return find(judged, OF_STREAM, number, 0, 0);
}
