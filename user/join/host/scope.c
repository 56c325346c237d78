// SPDX-License-Identifier: GPL-2.0-or-later
/* scope.c - how many of how many, to whom: counts of openings by destination */

#include <string.h>

#include "join/core.h"
#include "util/address.h"

/*
 * Who scans a host asks for thousands of its ports. A destination is therefore found by address and
 * port, and only those that ever worked stand in the list of their address, which is walked.
 */
static __u64 address_key(__u32 netns, const __u8 *remote)
{
	return hash_mix(address_hash(remote), netns);
}

static __u64 port_key(__u32 netns, const __u8 *remote, __u16 port)
{
	return hash_mix(address_hash(remote), (__u64)netns << 16 | port);
}

static __u32 index_of(const struct join *join, const struct scope_slot *slot)
{
	return (__u32)(slot - join->scopes);
}

static bool is_for(const struct scope_slot *slot, __u32 netns, const __u8 *remote)
{
	return slot->netns == netns && address_equal(slot->remote, remote);
}

static struct scope_slot *find(const struct join *join, __u32 netns, const __u8 *remote, __u16 port)
{
	__u32 i = hash_first(&join->scopes_by_port, port_key(netns, remote, port));

	for (; i != HASH_END; i = hash_next(&join->scopes_by_port, i))
		if (join->scopes[i].port == port && is_for(&join->scopes[i], netns, remote))
			return &join->scopes[i];
	return NULL;
}

static __u64 worked_of(const struct scope_slot *slot)
{
	return slot->scope.openings - slot->scope.failures;
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
		hash_remove(&join->scopes_by_port, index_of(join, slot));
		hash_remove(&join->scopes_by_address, index_of(join, slot));
		memset(slot, 0, sizeof(*slot));
	}
	slot->number = join->scopes_seen++;
	slot->netns = netns;
	slot->port = port;
	memcpy(slot->remote, remote, sizeof(slot->remote));
	hash_add(&join->scopes_by_port, port_key(netns, remote, port), index_of(join, slot));
	TAILQ_INSERT_TAIL(&join->scopes_by_use, slot, by_use);
	return slot;
}

void scope_note(struct join *join, const struct opening *opening, bool worked)
{
	const struct event_tuple *tuple = &opening->tuple;
	struct scope_slot *slot = find(join, opening->netns, tuple->remote, tuple->remote_port);

	if (!slot)
		slot = take(join, opening->netns, tuple->remote, tuple->remote_port);
	TAILQ_REMOVE(&join->scopes_by_use, slot, by_use);
	TAILQ_INSERT_TAIL(&join->scopes_by_use, slot, by_use);
	slot->scope.openings++;
	if (!worked) {
		slot->scope.failures++;
		if (!slot->scope.first_failure_ns)
			slot->scope.first_failure_ns = opening->ended_ns;
		return;
	}
	if (worked_of(slot) == 1) /* the first */
		hash_add(&join->scopes_by_address, address_key(opening->netns, tuple->remote),
			 index_of(join, slot));
	slot->scope.first_failure_ns = 0;
	slot->scope.last_success_ns = opening->established_ns;
	if (opening->established_ns > opening->started_ns)
		slot->handshakes_us[slot->handshakes++ % JOIN_MEDIAN_OF] =
			(opening->established_ns - opening->started_ns) / 1000;
}

void join_scope(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
		struct scope *scope)
{
	const struct scope_slot *slot = find(join, netns, remote, port);

	*scope = slot ? slot->scope : (struct scope){ 0 };
}

/* Of two with as many the younger one. */
static bool is_better(const struct scope_slot *slot, const struct scope_slot *best, __u64 count,
		      __u64 best_count)
{
	return count > best_count || (count == best_count && slot->number > best->number);
}

__u16 join_scope_other_port(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
			    struct scope *scope)
{
	__u32 i = hash_first(&join->scopes_by_address, address_key(netns, remote));
	const struct scope_slot *best = NULL;

	for (; i != HASH_END; i = hash_next(&join->scopes_by_address, i)) {
		const struct scope_slot *slot = &join->scopes[i];

		if (slot->port == port || !is_for(slot, netns, remote))
			continue;
		if (!best || is_better(slot, best, worked_of(slot), worked_of(best)))
			best = slot;
	}
	*scope = best ? best->scope : (struct scope){ 0 };
	return best ? best->port : 0;
}

__u32 join_handshake_median_us(const struct join *join, __u32 netns, const __u8 *remote)
{
	__u32 sorted[JOIN_MEDIAN_OF];
	__u32 i = hash_first(&join->scopes_by_address, address_key(netns, remote));
	const struct scope_slot *best = NULL;
	size_t n = 0;

	for (; i != HASH_END; i = hash_next(&join->scopes_by_address, i)) {
		const struct scope_slot *slot = &join->scopes[i];

		if (is_for(slot, netns, remote) &&
		    (!best || is_better(slot, best, slot->handshakes, best->handshakes)))
			best = slot;
	}
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
