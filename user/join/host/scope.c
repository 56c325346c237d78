// SPDX-License-Identifier: GPL-2.0-or-later
/* scope.c - how many of how many, to whom: counts of openings by destination */

#include "join/host/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

#define SCOPES_MAX 4096
#define MEDIAN_OF 9

struct scope_slot {
	TAILQ_ENTRY(scope_slot) by_use;
	__u64 number; /* in the order of first openings */
	__u32 netns;
	__u16 port;
	__u8 remote[EVENT_ADDRESS_SIZE];
	struct scope scope;
	__u32 handshakes_us[MEDIAN_OF];
	__u32 handshakes;
};

TAILQ_HEAD(scope_queue, scope_slot);

/*
 * Who scans a host asks for thousands of its ports. A destination is therefore found by address and
 * port, and only those that ever worked stand in the list of their address, which is walked.
 */
struct scopes {
	struct scope_slot slots[SCOPES_MAX];
	__u32 touched;
	__u64 seen;
	struct hash by_port; /* by namespace, address and port */
	struct hash by_address; /* once one of its openings worked */
	struct scope_queue by_use;
};

int scopes_new(struct scopes **out)
{
	struct scopes *scopes = calloc(1, sizeof(*scopes));

	if (!scopes)
		return -ENOMEM;
	TAILQ_INIT(&scopes->by_use);
	if (hash_new(&scopes->by_port, SCOPES_MAX) || hash_new(&scopes->by_address, SCOPES_MAX)) {
		scopes_free(scopes);
		return -ENOMEM;
	}
	*out = scopes;
	return 0;
}

void scopes_free(struct scopes *scopes)
{
	if (!scopes)
		return;
	hash_free(&scopes->by_port);
	hash_free(&scopes->by_address);
	free(scopes);
}

static __u64 address_key(__u32 netns, const __u8 *remote)
{
	return hash_mix(address_hash(remote), netns);
}

static __u64 port_key(__u32 netns, const __u8 *remote, __u16 port)
{
	return hash_mix(address_hash(remote), (__u64)netns << 16 | port);
}

static __u32 index_of(const struct scopes *scopes, const struct scope_slot *slot)
{
	return (__u32)(slot - scopes->slots);
}

static bool is_for(const struct scope_slot *slot, __u32 netns, const __u8 *remote)
{
	return slot->netns == netns && address_equal(slot->remote, remote);
}

static struct scope_slot *find(struct scopes *scopes, __u32 netns, const __u8 *remote, __u16 port)
{
	__u32 i = hash_first(&scopes->by_port, port_key(netns, remote, port));

	for (; i != HASH_END; i = hash_next(&scopes->by_port, i))
		if (scopes->slots[i].port == port && is_for(&scopes->slots[i], netns, remote))
			return &scopes->slots[i];
	return NULL;
}

static __u64 worked_of(const struct scope_slot *slot)
{
	return slot->scope.openings - slot->scope.failures;
}

/* A new destination; the one that was not asked for the longest makes room. */
static struct scope_slot *take(struct scopes *scopes, __u32 netns, const __u8 *remote, __u16 port)
{
	struct scope_slot *slot;

	if (scopes->touched < SCOPES_MAX) {
		slot = &scopes->slots[scopes->touched++];
	} else {
		slot = TAILQ_FIRST(&scopes->by_use);
		TAILQ_REMOVE(&scopes->by_use, slot, by_use);
		hash_remove(&scopes->by_port, index_of(scopes, slot));
		hash_remove(&scopes->by_address, index_of(scopes, slot));
		memset(slot, 0, sizeof(*slot));
	}
	slot->number = scopes->seen++;
	slot->netns = netns;
	slot->port = port;
	memcpy(slot->remote, remote, sizeof(slot->remote));
	hash_add(&scopes->by_port, port_key(netns, remote, port), index_of(scopes, slot));
	TAILQ_INSERT_TAIL(&scopes->by_use, slot, by_use);
	return slot;
}

void scope_note(struct join *join, const struct scope_seen *seen)
{
	const struct event_tuple *tuple = seen->tuple;
	struct scopes *scopes = join->scopes;
	struct scope_slot *slot = find(scopes, seen->netns, tuple->remote, tuple->remote_port);

	if (!slot)
		slot = take(scopes, seen->netns, tuple->remote, tuple->remote_port);
	TAILQ_REMOVE(&scopes->by_use, slot, by_use);
	TAILQ_INSERT_TAIL(&scopes->by_use, slot, by_use);
	slot->scope.openings++;
	if (!seen->worked) {
		slot->scope.failures++;
		if (!slot->scope.first_failure_ns)
			slot->scope.first_failure_ns = seen->ended_ns;
		return;
	}
	if (worked_of(slot) == 1) /* the first */
		hash_add(&scopes->by_address, address_key(seen->netns, tuple->remote),
			 index_of(scopes, slot));
	slot->scope.first_failure_ns = 0;
	slot->scope.last_success_ns = seen->established_ns;
	if (seen->established_ns > seen->started_ns)
		slot->handshakes_us[slot->handshakes++ % MEDIAN_OF] =
			ns_between(seen->started_ns, seen->established_ns) / NS_PER_US;
}

void join_scope(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
		struct scope *scope)
{
	const struct scope_slot *slot = find(join->scopes, netns, remote, port);

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
	__u32 i = hash_first(&join->scopes->by_address, address_key(netns, remote));
	const struct scope_slot *best = NULL;

	for (; i != HASH_END; i = hash_next(&join->scopes->by_address, i)) {
		const struct scope_slot *slot = &join->scopes->slots[i];

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
	__u32 sorted[MEDIAN_OF];
	__u32 i = hash_first(&join->scopes->by_address, address_key(netns, remote));
	const struct scope_slot *best = NULL;
	size_t n = 0;

	for (; i != HASH_END; i = hash_next(&join->scopes->by_address, i)) {
		const struct scope_slot *slot = &join->scopes->slots[i];

		if (is_for(slot, netns, remote) &&
		    (!best || is_better(slot, best, slot->handshakes, best->handshakes)))
			best = slot;
	}
	if (!best || best->handshakes < 3)
		return 0;
	for (; n < MEDIAN_OF && n < best->handshakes; n++) {
		size_t at = n;

		for (; at && sorted[at - 1] > best->handshakes_us[n]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = best->handshakes_us[n];
	}
	return sorted[n / 2];
}
