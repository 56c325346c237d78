// SPDX-License-Identifier: GPL-2.0-or-later
/* datagram_send.c - datagrams, queries among them, that this host itself did not let go */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "join/host/host.h"
#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "join/lookup/names.h"
#include "util/address.h"
#include "util/port.h"
#include "util/time.h"

/*
 * What a call returned is known at once, why not: the packet filter's drop comes just before it, and
 * the end of a wait for the next hop instead of it.
 *
 * A query is one of several that a resolver tries: what could not be sent to one server is told only
 * if its process turns to no other one, or cannot send there either. It is one with what that process
 * waits for already.
 *
 * connect() of a datagram socket to port 53 is a resolver's (glibc, Go, c-ares), or asks the way to an address
 * that a name has: glibc sorts them so. A resolver goes on for as long as every server fails, and
 * tries each again; whoever sorts asks for each address once, of which one may work, and then connects to
 * them over TCP.
 */

#define NEAR_NS (100 * NS_PER_MS) /* between a drop and what the call says of it */
#define SORT_NS (100 * NS_PER_MS) /* addresses of one name are asked for one behind the other */
#define WAITING_LOOKED_AT 64 /* lookups, the youngest first */

static bool is_told(__s32 error)
{
	return error == EPERM || error == EACCES || error == EINVAL || error == ENETUNREACH ||
	       error == EHOSTUNREACH;
}

/* A name server's own: not that of the process's lookups. */
static __u64 query_asker(__u64 asker)
{
	return hash_mix(5, asker) | 1;
}

static bool asks_already(const struct join *join, __u64 asker)
{
	struct lookup_slot *slot;
	int looked = 0;

	TAILQ_FOREACH_REVERSE(slot, &join->lookups->waiting, lookup_queue, by_time)
		if (slot->asker == asker)
			return true;
		else if (looked++ == WAITING_LOOKED_AT)
			return false;
	return false;
}

static struct lookup_slot *find_query(struct join *join, __u64 asker)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (slot->lookup.about == LOOKUP_NOT_SENT && slot->asker == query_asker(asker))
			return slot;
	return NULL;
}

static void note_drop(struct lookup_slot *slot, const struct datagram_drop *drop)
{
	struct lookup *lookup = &slot->lookup;

	lookup->drop_seen = true;
	lookup->drop_reason_known = drop->reason_known;
	lookup->drop_reason = drop->reason;
	lookup->drop_location = drop->location;
	lookup_add_evidence(slot, &drop->evidence);
}

static const struct datagram_drop *find_drop(const struct join *join, const struct event *event,
					     __u16 local_port)
{
	for (size_t i = 0; i < DATAGRAM_DROPS; i++) {
		const struct datagram_drop *drop = &join->lookups->drops[i];

		if (drop->ts_ns && drop->ts_ns + NEAR_NS >= event->head.ts_ns &&
		    drop->netns == event->head.netns &&
		    (drop->cookie && event->head.cookie ? drop->cookie == event->head.cookie :
							  drop->local_port == local_port))
			return drop;
	}
	return NULL;
}

static void note_remote(struct lookup_slot *slot, const struct event_tuple *tuple)
{
	memcpy(slot->lookup.server, tuple->remote, sizeof(slot->lookup.server));
	slot->lookup.server_port = tuple->remote_port;
}

bool datagram_was_met(const struct join *join, __u64 cookie)
{
	for (size_t i = 0; cookie && i < DATAGRAM_DROPS; i++)
		if (join->lookups->met[i] == cookie)
			return true;
	return false;
}

void datagram_note_met(struct join *join, __u64 cookie)
{
	join->lookups->met[join->lookups->met_next++ % DATAGRAM_DROPS] = cookie;
}

/* ---- connect() ---- */

/* It failed: has the same process turned elsewhere just before, without an error? */
static bool note_failed_turn(struct join *join, __u64 asker, const __u8 *address, __u64 now_ns)
{
	bool sorts = false;

	for (size_t i = 0; i < DATAGRAM_DROPS; i++) {
		struct datagram_turn *turn = &join->lookups->turns[i];

		if (!turn->ts_ns || turn->asker != asker)
			continue;
		if (address_equal(turn->address, address))
			turn->failed = true;
		else if (!turn->failed && turn->ts_ns + SORT_NS > now_ns)
			sorts = true;
	}
	return sorts;
}

/* The way to an address is asked, not a server for a name. */
static bool is_no_query(struct join *join, const struct event *event,
			const struct event_tuple *tuple, __u64 asker)
{
	__u64 now_ns = event->head.ts_ns;

	return event->syscall.call == SYSCALL_CONNECT &&
	       (tuple->remote_port != PORT_DNS ||
		note_failed_turn(join, asker, tuple->remote, now_ns) ||
		names_of(join->lookups->names, asker, names_place(event->head.netns), tuple->remote,
			 now_ns));
}

void datagram_connected(struct join *join, const struct event_owner *owner, const __u8 *address)
{
	struct lookup_slot *slot =
		join->lookups->datagrams_count ? find_query(join, lookup_asker(owner)) : NULL;

	if (slot && slot->lookup.call == SYSCALL_CONNECT &&
	    address_equal(slot->lookup.server, address))
		lookup_drop(join, slot);
}

void datagram_not_sent(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	__u64 asker = lookup_asker(&call->owner);
	struct event_tuple tuple = call->tuple;
	const struct datagram_trouble trouble = { LOOKUP_NOT_SENT, event->head.cookie,
						  event->head.netns, &tuple };
	struct evidence evidence = evidence_of(event);
	const struct datagram_drop *drop;
	struct lookup_slot *slot = NULL;

	if (event->head.known & EVENT_K_ASKED) {
		memcpy(tuple.remote, call->asked, sizeof(tuple.remote));
		tuple.remote_port = call->asked_port;
	}
	if (!is_told(call->error) || datagram_was_met(join, event->head.cookie) ||
	    !tuple.remote_port || !(event->head.known & EVENT_K_OWNER) ||
	    (tuple.remote_port == PORT_DNS && asks_already(join, asker)) ||
	    is_no_query(join, event, &tuple, asker))
		return;
	if (tuple.remote_port == PORT_DNS)
		slot = find_query(join, asker);
	slot = datagram_once_more(join, event, slot, &trouble,
				  tuple.remote_port == PORT_DNS ? query_asker(asker) : 0);
	if (!slot)
		return;
	if (!slot->lookup.again)
		memcpy(slot->lookup.first_server, tuple.remote, sizeof(tuple.remote));
	else if (address_equal(slot->lookup.first_server, tuple.remote))
		slot->lookup.repeats++;
	note_remote(slot, &tuple);
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns, &call->owner);
	slot->lookup.netns = event->head.netns;
	slot->lookup.error = call->error;
	slot->lookup.call = call->call;
	slot->elsewhere = false;
	slot->seen_ns = event->head.ts_ns;
	drop = call->error == EPERM ? find_drop(join, event, tuple.local_port) : NULL;
	if (drop)
		note_drop(slot, drop);
	evidence.call = call->call;
	evidence.error = call->error;
	lookup_add_evidence(slot, &evidence);
}

/* The next hop never answered: what waited for that goes with it, long after the call. */
static bool is_of_next_hop(const struct join *join, const struct ev_drop *drop)
{
	const char *reason = join_name(join, NAME_DROP_REASON, drop->reason);

	return reason && !strncmp(reason, "NEIGH_", strlen("NEIGH_"));
}

void datagram_drop_out(struct join *join, const struct event *event)
{
	const struct ev_drop *drop = &event->drop;
	const struct packet *packet = &event->packet;
	struct event_tuple tuple = drop->tuple;
	const struct datagram_trouble trouble = { LOOKUP_NOT_SENT, event->head.cookie,
						  event->head.netns, &tuple };
	struct datagram_drop *note =
		&join->lookups->drops[join->lookups->drops_next++ % DATAGRAM_DROPS];
	struct lookup_slot *slot;

	*note = (struct datagram_drop){
		.ts_ns = event->head.ts_ns,
		.cookie = event->head.cookie,
		.netns = event->head.netns,
		.local_port = tuple.local_port,
		.reason_known = event->head.known & EVENT_K_REASON,
		.reason = drop->reason,
		.location = drop->location,
		.evidence = evidence_of(event),
	};
	note->evidence.reason = drop->reason;
	note->evidence.location = drop->location;
	evidence_note_packet(&note->evidence, packet);
	note->evidence.direction = DIRECTION_OUT;
	if (packet->what != PACKET_UDP || !is_of_next_hop(join, drop))
		return;
	memcpy(tuple.local, packet->source, sizeof(tuple.local));
	memcpy(tuple.remote, packet->destination, sizeof(tuple.remote));
	tuple.remote_port = packet->destination_port;
	slot = datagram_once_more(join, event, datagram_find(join, &trouble), &trouble, 0);
	if (!slot)
		return;
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns,
			   lookup_owner_of(join, event->head.cookie));
	slot->lookup.error = EHOSTUNREACH;
	slot->seen_ns = event->head.ts_ns;
	note_drop(slot, note);
	datagram_want_owner(join, slot);
}

void datagram_query_sent(struct join *join, __u64 asker)
{
	struct lookup_slot *slot = join->lookups->datagrams_count ? find_query(join, asker) : NULL;

	if (slot)
		lookup_drop(join, slot);
}

void datagram_query_begun(struct join *join, __u64 asker, const __u8 *address)
{
	struct datagram_turn *turn =
		&join->lookups->turns[join->lookups->turns_next++ % DATAGRAM_DROPS];
	struct lookup_slot *slot = join->lookups->datagrams_count ? find_query(join, asker) : NULL;

	*turn = (struct datagram_turn){ .ts_ns = join->now_ns, .asker = asker };
	memcpy(turn->address, address, sizeof(turn->address));
	if (slot)
		slot->elsewhere = true;
}
