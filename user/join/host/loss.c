// SPDX-License-Identifier: GPL-2.0-or-later
/* loss.c - records that never came: how many, and when that was noticed */

#include "join/host/loss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 1024

struct loss {
	__u32 by_cpu[CPUS_MAX];
	__u64 last_ns; /* when one was last noticed, 0 never */
	__u64 seen[2]; /* records lost and shed so far, but for pieces of packets */
};

int loss_new(struct loss **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void loss_free(struct loss *loss)
{
	free(loss);
}

void loss_note(struct join *join, const struct event_header *head)
{
	__u32 *lost = &join->loss->by_cpu[head->cpu % CPUS_MAX];

	if (head->kind >= EVENT_KERNEL_KIND_COUNT || head->lost <= *lost)
		return;
	*lost = head->lost;
	join->loss->last_ns = join->now_ns;
}

void loss_event(struct join *join, const struct event *event)
{
	bool shed = event->head.kind == EVENT_SUPPRESSED;
	__u64 *seen = &join->loss->seen[shed];
	__u64 sum = 0, pieces = event->lost.by_kind[EVENT_PIECE];

	for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
		sum += event->lost.by_kind[i];
	/* the rest of a packet that was told of: nothing is judged by it */
	if (sum - pieces > *seen)
		join->loss->last_ns = join->now_ns;
	*seen = sum - pieces;
	*(shed ? &join->counters.suppressed : &join->counters.lost) = sum;
	memcpy(shed ? join->counters.suppressed_by_kind : join->counters.lost_by_kind,
	       event->lost.by_kind, sizeof(join->counters.lost_by_kind));
}

bool loss_since(const struct join *join, __u64 from_ns)
{
	return join->loss->last_ns && join->loss->last_ns >= from_ns;
}
