/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scope.h - how many of how many, to whom; private to join */
#pragma once

#include "join/core.h"

/* What became of one wish to reach a destination. */
struct scope_seen {
	__u32 netns;
	const struct event_tuple *tuple; /* its remote side is the destination */
	__u64 started_ns;
	__u64 established_ns; /* 0 never */
	__u64 ended_ns;
	bool worked;
};

/* Returns 0 or -ENOMEM. */
int scopes_new(struct scopes **out);
void scopes_free(struct scopes *scopes);

void scope_note(struct join *join, const struct scope_seen *seen);
