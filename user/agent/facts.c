// SPDX-License-Identifier: GPL-2.0-or-later
/* facts.c - what is asked of a path, and the facts of a replay */

#include <string.h>

#include "agent/facts.h"
#include "util/array.h"

/*
 * A recording made by hand cannot know the attempt's number: its facts carry request 0 and belong
 * to whoever asks where they stand.
 */
static int take_fact(const struct facts_replay *replay, const void *record, size_t size,
		     __u64 attempt)
{
	__u8 copy[EVENT_SIZE_MAX];
	__u64 request = 0;
	const size_t at = sizeof(struct event_header) + offsetof(struct ev_fact, request);

	if (size > sizeof(copy) || size < at + sizeof(request))
		return 0; /* decode refused it before */
	memcpy(copy, record, size);
	memcpy(&request, copy + at, sizeof(request));
	if (!request)
		memcpy(copy + at, &attempt, sizeof(attempt));
	return replay->sink->take(replay->sink->ctx, copy, size);
}

int facts_replay_fetch(void *ctx, const struct fact_request *wanted,
		       const struct fact_request *path)
{
	__u64 attempt = wanted ? wanted->attempt : path->attempt;
	struct facts_replay *replay = ctx;
	const void *record;
	const char *why;
	size_t size;
	struct event event;
	bool done = false;

	while (!done && record_reader_peek(replay->reader, &record, &size) == 1) {
		int err;

		if (decode_event(record, size, &event) || event.head.kind != EVENT_FACT ||
		    (event.fact.request && event.fact.request != attempt))
			break;
		done = event.fact.what == FACT_DONE;
		if (record_reader_next(replay->reader, &record, &size, &why) != 1)
			break;
		err = take_fact(replay, record, size, attempt);
		if (err)
			return err;
	}
	return 0;
}

bool facts_want_path(const struct join *join, const struct attempt *attempt,
		     const struct verdict *verdict, const struct fact_request *asked,
		     struct fact_request *path)
{
	const struct opening *opening =
		verdict->opening ? verdict->opening : attempt_decider(attempt);

	if (!opening || verdict->state == FINDING_CLEARED)
		return false;
	*path = (struct fact_request){
		.attempt = attempt->id,
		.wanted = BIT(FACT_PROXY),
		.netns = opening->netns,
		.pid = attempt->owner->tgid,
		.uid = attempt->owner->uid,
		.tuple = opening->tuple,
		.mark = opening->mark,
		.bound_ifindex = opening->bound_ifindex,
		.name = attempt_remote_name(join, attempt, opening),
	};
	if (!(asked->wanted & BIT(FACT_ROUTE)) || asked->netns != opening->netns)
		path->wanted |= BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR);
	return true;
}
