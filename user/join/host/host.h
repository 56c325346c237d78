/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - what is known of the host itself; private to join */
#pragma once

#include "join/core.h"

/*
 * Knows nobody: no connection, lookup or attempt. What the public header offers of it (names,
 * interfaces, changes, processes, hooks, clock) stands there.
 */

struct neighbor_failure {
	__u64 ts_ns;
	__u32 netns;
	__u32 ifindex;
	__u8 address[EVENT_ADDRESS_SIZE];
};

struct netns_slot {
	__u32 netns;
	bool own;
	bool covered; /* packet hooks at every interface that is up, nothing in front of them */
	__u64 covered_since_ns;
	char name[60];
};

/* Returns 0 or -ENOMEM. */
int host_new(struct host **out);
void host_free(struct host *host);

void host_event(struct join *join, const struct event *event);
void host_note_change(struct join *join, const struct change *change);

const struct netns_slot *host_netns(const struct join *join, __u32 netns); /* NULL: not known */

/*
 * The failure of a next hop since @since_ns that concerns who sends from @netns to @remote: of that
 * very address, or, where nothing left the host (@stuck), of any gateway. NULL: none.
 */
const struct neighbor_failure *host_neighbor_failure(const struct join *join, __u32 netns,
						     const __u8 *remote, __u64 since_ns,
						     bool stuck);

/* The one that failed in @netns at that time, in the same step; NULL: none, or several. */
const struct neighbor_failure *host_neighbor_failure_near(const struct join *join, __u32 netns,
							  __u64 ts_ns);

/* Does what is handed to this interface leave the machine? */
bool host_interface_leaves(const struct join *join, __u32 netns, __u32 ifindex);

bool host_is_deaf(const struct join *join); /* states or drops cannot be seen at all */
const struct ev_start *host_start(const struct join *join); /* zeros before it was told */
