// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_kept.c - half-closed connections that a process keeps, more and more of them */

#include "join/attempt/attempt.h"

bool attempt_kept(struct join *join, const struct kept *kept)
{
	struct attempt_slot *slot =
		attempt_take(join, kept->served ? &subject_kept_served : &subject_kept, kept->owner,
			     true, kept->netns, kept->cookie, kept->seen_ns);
	struct evidence evidence = {
		.ts_ns = kept->seen_ns,
		.netns = kept->netns,
		.kind = EVENT_SOCKET,
		.vantage = VANTAGE_ITERATOR,
		.new_state = kept->state,
		.count = kept->count,
	};

	if (!slot)
		return false;
	slot->attempt.owner_by = OWNER_BY_FILE;
	attempt_extra(join, slot)->kept = *kept;
	attempt_extra(join, slot)->kept.owner = slot->attempt.owner; /* kept as long as that */
	slot->attempt.kept = &attempt_extra(join, slot)->kept;
	slot->attempt.ended_ns = kept->seen_ns;
	evidence_add(join->evidence, &slot->seen, &evidence);
	attempt_judge(join, slot, kept->seen_ns);
	return true;
}

static void kept_about(const struct attempt *attempt, struct subject_about *about)
{
	about->tuple = attempt->kept->tuple;
	about->cookie = attempt->kept->cookie;
}

/* The oldest one stands for all, and it changes: only its port is theirs. */
static void kept_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		     struct subject_key *key)
{
	const struct kept *kept = attempt->kept;
	__u16 port = kept->served ? kept->tuple.local_port : kept->tuple.remote_port;

	(void)opening;
	subject_key_add(key, &port, sizeof(port));
	subject_key_add(key, &kept->owner->tgid, sizeof(kept->owner->tgid));
	subject_key_add(key, &severity, sizeof(severity));
}

static bool kept_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	const struct kept *kept = attempt->kept;

	if (index)
		return false;
	*span = (struct packet_span){
		.tuple = kept->tuple,
		.cookie = kept->cookie,
		.netns = kept->netns,
		.from_ns = kept->oldest_ns,
		.until_ns = attempt->due_ns,
	};
	return true;
}

#define KEPT(of_name, of_role, of_number)                                                  \
	{                                                                                  \
		.name = of_name, .role = of_role, .number = of_number, .wakes = WAKE_KEPT, \
		.uncounted = true, .about = kept_about, .key = kept_key,                   \
		.evidence = subject_listed, .packets = kept_packets,                       \
	}

const struct subject subject_kept = KEPT("kept", "client", 12);
const struct subject subject_kept_served = KEPT("kept-served", "server", 13);
