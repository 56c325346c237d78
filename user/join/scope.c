// SPDX-License-Identifier: GPL-2.0-or-later
/* scope.c - how many of how many, to whom: counts of tries by destination */

#include <string.h>

#include "join/table.h"
#include "util/address.h"

static struct scope_list *bucket(const struct join *join, __u32 netns, const __u8 *remote)
{
	__u64 h = join_hash_bytes(netns, remote, EVENT_ADDRESS_SIZE);

	return &join->scopes_by_address[h & (join->buckets - 1)];
}

static bool is_for(const struct scope_slot *slot, __u32 netns, const __u8 *remote)
{
	return slot->netns == netns && address_equal(slot->remote, remote);
}

static struct scope_slot *find(const struct join *join, __u32 netns, const __u8 *remote, __u16 port)
{
	struct scope_slot *slot;

	LIST_FOREACH(slot, bucket(join, netns, remote), link)
		if (slot->port == port && is_for(slot, netns, remote))
			return slot;
	return NULL;
}

/* A new destination; the one that was not asked for the longest makes room. */
static struct scope_slot *take(struct join *join, __u32 netns, const __u8 *remote, __u16 port)
{
	struct scope_slot *slot;

	if (join->scopes_touched < JOIN_SCOPES_MAX) {
		slot = &join->scopes[join->scopes_touched++];
	} else {
		slot = TAILQ_FIRST(&join->scopes_by_use);
		TAILQ_REMOVE(&join->scopes_by_use, slot, by_use);
		LIST_REMOVE(slot, link);
		memset(slot, 0, sizeof(*slot));
	}
	slot->netns = netns;
	slot->port = port;
	memcpy(slot->remote, remote, sizeof(slot->remote));
	LIST_INSERT_HEAD(bucket(join, netns, remote), slot, link);
	TAILQ_INSERT_TAIL(&join->scopes_by_use, slot, by_use);
	return slot;
}

void scope_note(struct join *join, const struct try *try, bool worked)
{
	const struct event_tuple *tuple = &try->tuple;
	struct scope_slot *slot = find(join, try->netns, tuple->remote, tuple->remote_port);

	if (!slot)
		slot = take(join, try->netns, tuple->remote, tuple->remote_port);
	TAILQ_REMOVE(&join->scopes_by_use, slot, by_use);
	TAILQ_INSERT_TAIL(&join->scopes_by_use, slot, by_use);
	slot->scope.tries++;
	if (!worked) {
		slot->scope.failures++;
		if (!slot->scope.first_failure_ns)
			slot->scope.first_failure_ns = try->ended_ns;
		return;
	}
	slot->scope.first_failure_ns = 0;
	slot->scope.last_success_ns = try->established_ns;
	if (try->established_ns > try->started_ns)
		slot->handshakes_us[slot->handshakes++ % JOIN_MEDIAN_OF] =
			(try->established_ns - try->started_ns) / 1000;
}

void join_scope(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
		struct scope *scope)
{
	const struct scope_slot *slot = find(join, netns, remote, port);

	*scope = slot ? slot->scope : (struct scope){ 0 };
}

__u16 join_scope_other_port(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
			    struct scope *scope)
{
	const struct scope_slot *slot, *best = NULL;

	LIST_FOREACH(slot, bucket(join, netns, remote), link) {
		__u64 worked = slot->scope.tries - slot->scope.failures;

		if (slot->port == port || !worked || !is_for(slot, netns, remote))
			continue;
		if (!best || worked > best->scope.tries - best->scope.failures)
			best = slot;
	}
	*scope = best ? best->scope : (struct scope){ 0 };
	return best ? best->port : 0;
}

__u32 join_handshake_median_us(const struct join *join, __u32 netns, const __u8 *remote)
{
	__u32 sorted[JOIN_MEDIAN_OF];
	const struct scope_slot *slot, *best = NULL;
	size_t n = 0;

	LIST_FOREACH(slot, bucket(join, netns, remote), link)
		if (is_for(slot, netns, remote) && (!best || slot->handshakes > best->handshakes))
			best = slot;
	if (!best || best->handshakes < 3)
		return 0;
	for (; n < JOIN_MEDIAN_OF && n < best->handshakes; n++) {
		size_t at = n;

		for (; at && sorted[at - 1] > best->handshakes_us[n]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = best->handshakes_us[n];
	}
	return sorted[n / 2];
}
