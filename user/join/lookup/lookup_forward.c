// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup_forward.c - whose query is a forwarder's for another one, and whose is not */

#include <string.h>

#include "join/host/host.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/time.h"

/*
 * A forwarder (dnsmasq, a stub) asks another server for the name that it was asked for itself: its trouble
 * is told with the lookup that it serves. Whoever merely asks for the same name at the same time is a
 * stranger, and has a verdict of its own. What tells them apart: a forwarder is asked first, in the
 * namespace that the query was last seen to reach; and where a stranger is in it as well, who holds
 * port 53 there. Where nobody holds it at the address that was asked, a query that went no further was
 * redirected to whoever holds it at another one.
 */

#define LOOK_AFTER_NS (300 * NS_PER_MS) /* most forwarders have an answer by then */
#define HOLDERS_KEPT_NS (60 * NS_PER_S)
#define PASSES_NS (100 * NS_PER_MS) /* from one interface of this host to another */
#define DISORDER_NS (2 * NS_PER_MS) /* records of two CPUs */
#define WISHES_LOOKED_AT 16 /* of one name at one time; more of them are one to this purpose */

/* ---- where a query goes ---- */

struct lookup_reach lookup_reach_of(const struct join *join, const struct event *event)
{
	const struct event_header *head = &event->head;
	const struct interface *interface;

	if (!(head->flags & EVENT_F_OUT) || (head->flags & EVENT_F_LOOPBACK))
		return (struct lookup_reach){ REACH_NETNS, head->netns };
	interface = join_interface(join, head->netns, head->ifindex);
	if (interface && interface->peer_netns)
		return (struct lookup_reach){ REACH_NETNS, interface->peer_netns };
	if (host_interface_leaves(join, head->netns, head->ifindex))
		return (struct lookup_reach){ REACH_AWAY, 0 };
	return (struct lookup_reach){ REACH_BEYOND, head->netns };
}

/* The next one of the name, from @at on. */
static struct lookup_slot *next_wish(struct lookups *lookups, const char *name, __u32 *at)
{
	while (*at != HASH_END) {
		struct lookup_slot *slot = &lookups->slots[*at];

		*at = hash_next(&lookups->by_wish, *at);
		if (!strcmp(slot->lookup.name, name))
			return slot;
	}
	return NULL;
}

/* Translated it has another source or another destination, hardly both. */
static bool may_be_of(const struct event *event, const struct lookup_slot *slot)
{
	const struct packet *packet = &event->packet;

	return slot->lookup.asked_ns + PASSES_NS > event->head.ts_ns &&
	       (address_equal(slot->lookup.server, packet->destination) ||
		(address_equal(slot->lookup.client, packet->source) &&
		 slot->lookup.client_port == packet->source_port));
}

void lookup_passes(struct join *join, const struct event *event, const struct dns *dns)
{
	struct lookup_reach reach = lookup_reach_of(join, event);
	__u32 at = hash_first(&join->lookups->by_wish, lookups_wish_key(dns->name));
	struct lookup_slot *slot;

	for (int n = 0; n < WISHES_LOOKED_AT; n++) {
		slot = next_wish(join->lookups, dns->name, &at);
		if (!slot)
			return;
		if (slot->query_id == dns->id && may_be_of(event, slot))
			slot->reach = reach;
	}
}

static bool reaches(const struct lookup_slot *asking, const struct lookup_slot *slot)
{
	__u32 netns = slot->lookup.netns;

	switch ((enum lookup_reach_how)asking->reach.how) {
	case REACH_NETNS:
		return netns == asking->reach.netns;
	case REACH_BEYOND:
		return netns != asking->reach.netns && netns != asking->lookup.netns;
	case REACH_AWAY:
		break;
	}
	return false;
}

/* ---- who holds port 53 ---- */

void lookup_note_holder(struct join *join, const struct event *event)
{
	const struct event_tuple *tuple = &event->snapshot.tuple;
	struct lookups *lookups = join->lookups;
	struct lookup_holder *holder = NULL;

	lookups->looked_ns = join->now_ns;
	if (tuple->local_port != PORT_DNS || !(event->head.known & EVENT_K_OWNER))
		return;
	for (size_t i = 0; i < LOOKUP_HOLDERS && !holder; i++)
		if (lookups->holders[i].netns == event->head.netns &&
		    lookups->holders[i].tgid == event->snapshot.owner.tgid &&
		    address_equal(lookups->holders[i].address, tuple->local))
			holder = &lookups->holders[i];
	if (!holder)
		holder = &lookups->holders[lookups->holders_next++ % LOOKUP_HOLDERS];
	*holder = (struct lookup_holder){
		.seen_ns = join->now_ns,
		.netns = event->head.netns,
		.tgid = event->snapshot.owner.tgid,
		.ppid = event->snapshot.owner.ppid,
	};
	memcpy(holder->address, tuple->local, sizeof(holder->address));
}

/* Workers share the port of the process that started them, or it theirs; init starts everybody. */
static bool is_kin(const struct lookup_holder *holder, const struct event_owner *owner)
{
	enum { INIT = 1 };

	return holder->tgid == owner->tgid ||
	       (holder->tgid == owner->ppid && holder->tgid != INIT) ||
	       (holder->ppid == owner->tgid && owner->tgid != INIT);
}

static bool holds_port(const struct join *join, const struct lookup_slot *asking,
		       const struct event_owner *owner)
{
	bool heard = false, redirected = false;

	for (size_t i = 0; i < LOOKUP_HOLDERS; i++) {
		const struct lookup_holder *holder = &join->lookups->holders[i];
		bool hears = address_is_any(holder->address) ||
			     address_equal(holder->address, asking->lookup.server);

		if (!holder->seen_ns || holder->seen_ns + HOLDERS_KEPT_NS < join->now_ns ||
		    holder->netns != asking->reach.netns)
			continue;
		if (hears && is_kin(holder, owner))
			return true;
		heard |= hears;
		redirected |= is_kin(holder, owner);
	}
	return redirected && !heard;
}

/* All sockets were looked at since @asking asked, and that one is not among those that hear it. */
static bool is_stranger(const struct join *join, const struct lookup_slot *slot,
			const struct lookup_slot *asking)
{
	if (!reaches(asking, slot))
		return true; /* it was seen to go on since */
	return asking->reach.how == REACH_NETNS && slot->lookup.owner &&
	       join->lookups->looked_ns > asking->lookup.started_ns &&
	       !holds_port(join, asking, slot->lookup.owner);
}

/* ---- the two lookups ---- */

/* Two that ask one server; but a forwarder may ask the one that was asked when it took the query. */
static bool are_alike(const struct lookup_slot *slot, const struct lookup_slot *asking)
{
	return address_equal(asking->lookup.server, slot->lookup.server) &&
	       asking->lookup.netns == slot->lookup.netns;
}

static bool may_forward(const struct join *join, const struct lookup_slot *slot,
			const struct lookup_slot *asking)
{
	return asking->asker != slot->asker && asking->queued == LOOKUP_WAITING &&
	       asking->asked_by != slot && reaches(asking, slot) &&
	       asking->lookup.started_ns <= slot->lookup.started_ns + DISORDER_NS &&
	       !are_alike(slot, asking) && !is_stranger(join, slot, asking);
}

/* The youngest other one of that name that waits, of whom @slot may be the forwarder; NULL none. */
static struct lookup_slot *find_asker(struct join *join, const struct lookup_slot *slot)
{
	struct lookups *lookups = join->lookups;
	__u32 at = hash_first(&lookups->by_wish, lookups_wish_key(slot->lookup.name));
	struct lookup_slot *asking;

	for (int n = 0; n < WISHES_LOOKED_AT; n++) {
		asking = next_wish(lookups, slot->lookup.name, &at);
		if (!asking || may_forward(join, slot, asking))
			return asking;
	}
	return NULL;
}

/* Whose wish it serves, while that waits. */
static struct lookup_slot *asker_of(const struct lookup_slot *slot)
{
	struct lookup_slot *asking = slot->asked_by;

	return asking && asking->queued == LOOKUP_WAITING &&
			       asking->lookup.started_ns == slot->asked_by_started_ns ?
		       asking :
		       NULL;
}

void lookup_note_forwarded(struct join *join, struct lookup_slot *slot)
{
	struct lookup_slot *asking = asker_of(slot);
	struct lookup_upstream *upstream;

	if (!asking)
		asking = find_asker(join, slot);
	if (!asking)
		return;
	slot->asked_by = asking;
	slot->asked_by_started_ns = asking->lookup.started_ns;
	slot->forwarded = true;
	upstream = &asking->lookup.upstream;
	upstream->how = LOOKUP_UPSTREAM_ASKED;
	upstream->queries++;
	owners_set(join->owners, &upstream->owner, slot->lookup.owner);
	memcpy(upstream->server, slot->lookup.server, sizeof(upstream->server));
}

void lookup_note_upstream(struct lookup_slot *slot, enum lookup_upstream_how how, __u8 rcode)
{
	struct lookup_slot *asking = asker_of(slot);

	if (!asking)
		return;
	asking->lookup.upstream.how = how;
	asking->lookup.upstream.rcode = rcode;
	memcpy(asking->lookup.upstream.server, slot->lookup.server,
	       sizeof(asking->lookup.upstream.server));
}

/* What is left of what @asking was said to have been forwarded as: @gone did not forward it. */
static void take_back(struct join *join, struct lookup_slot *asking, const struct lookup_slot *gone)
{
	__u32 at = hash_first(&join->lookups->by_wish, lookups_wish_key(asking->lookup.name));
	struct lookup_upstream *upstream = &asking->lookup.upstream;
	const struct lookup_slot *slot;

	owners_set(join->owners, &upstream->owner, NULL);
	*upstream = (struct lookup_upstream){ 0 };
	for (int n = 0; n < WISHES_LOOKED_AT; n++) {
		slot = next_wish(join->lookups, asking->lookup.name, &at);
		if (!slot)
			return;
		if (slot == gone || asker_of(slot) != asking)
			continue;
		upstream->how = slot->lookup.unreachable ? LOOKUP_UPSTREAM_UNREACHABLE :
				slot->lookup.answer_ns	 ? LOOKUP_UPSTREAM_ANSWERED :
							   LOOKUP_UPSTREAM_ASKED;
		upstream->rcode = slot->lookup.rcode;
		upstream->queries = slot->lookup.queries;
		owners_set(join->owners, &upstream->owner, slot->lookup.owner);
		memcpy(upstream->server, slot->lookup.server, sizeof(upstream->server));
	}
}

void lookup_doubt_forwarder(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup_slot *asking = asker_of(slot);

	if (!slot->forwarded || !asking)
		return;
	if (is_stranger(join, slot, asking)) {
		take_back(join, asking, slot);
		slot->asked_by = NULL;
		slot->forwarded = false;
		return;
	}
	if (slot->doubted || asking->reach.how != REACH_NETNS || !slot->lookup.owner ||
	    (!slot->failed_ns && slot->lookup.started_ns + LOOK_AFTER_NS > now_ns) ||
	    holds_port(join, asking, slot->lookup.owner))
		return;
	slot->doubted = true;
	join->lookups->owners_wanted = true;
}
