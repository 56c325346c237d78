// SPDX-License-Identifier: GPL-2.0-or-later
/* datagram_reply.c - what a socket of this host asked, and nobody answered, or somebody else */

#include <netinet/in.h>
#include <string.h>

#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/port.h"
#include "util/time.h"

/*
 * Nobody: the kernel side tells of a socket that asked again, after pauses, and to which nothing had ever
 * come by then; a look at the sockets, whether a call waits for the answer.
 *
 *   asked a third time ──► look ── awaited ──► asked a fourth time ──► told
 *                            └─ heard, or nobody waits ──► forgotten, until it asks on
 *
 * Whose loop waits for many sockets at once (epoll) cannot be told from who only sends. Where it asks a
 * service whose every request has an answer, it waits for that.
 *
 * Somebody else: the socket takes datagrams of the one that it is connected to alone. This host tells
 * any other by ICMP that nobody is there: whose the port is, a look says.
 */

#define UNANSWERED_LEAST 3 /* the last question may be answered still */
#define LOOK_NS (2 * NS_PER_S) /* so long a look may take to come */
#define NEXT_NS (120 * NS_PER_S) /* who has not asked again by then does something else */
#define ELSEWHERE_NS (2 * NS_PER_S) /* whether it asks again, and hears that one again */

/* Broadcast addresses are the kernel side's to know: sockets that may send to them are not told. */
static bool is_one_host(const __u8 *address)
{
	if (address_is_any(address))
		return false;
	return address_is_ipv4(address) ? (address[12] & 0xf0) != 224 : address[0] != 0xff;
}

/* ---- nobody ---- */

static bool is_always_answered(__u16 port)
{
	static const __u16 ports[] = { PORT_KERBEROS, PORT_NTP,	   PORT_SNMP,	       PORT_HTTPS,
				       PORT_IKE,      PORT_RADIUS, PORT_RADIUS_ACCOUNT };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (port == ports[i])
			return true;
	return false;
}

static struct lookup_slot *find_unanswered(struct join *join, __u64 cookie)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (slot->lookup.about == LOOKUP_NO_REPLY && slot->lookup.cookie == cookie)
			return slot;
	return NULL;
}

/* Somebody waits for it, and has waited in vain often enough. */
static bool is_certain(const struct lookup_slot *slot)
{
	return slot->lookup.awaited && slot->lookup.queries >= UNANSWERED_LEAST;
}

void datagram_unanswered(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	const struct datagram_trouble trouble = { LOOKUP_NO_REPLY, event->head.cookie,
						  event->head.netns, &open->tuple };
	struct lookup_slot *slot = find_unanswered(join, event->head.cookie);
	struct evidence evidence = evidence_of(event);

	if (!(event->head.known & EVENT_K_OWNER) || !event->head.cookie || !open->questions ||
	    open->tuple.remote_port == PORT_DNS || !is_one_host(open->tuple.remote) ||
	    datagram_was_met(join, event->head.cookie))
		return;
	if (!slot)
		slot = datagram_begin(join, event, &trouble, 0);
	if (!slot)
		return;
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns, &open->owner);
	slot->lookup.awaited |= is_always_answered(open->tuple.remote_port);
	slot->lookup.queries = open->questions - 1;
	slot->lookup.started_ns = ns_between(open->questions_ms * NS_PER_MS, event->head.ts_ns);
	slot->seen_ns = event->head.ts_ns;
	evidence.count = open->questions;
	lookup_add_evidence(slot, &evidence);
	if (is_certain(slot)) {
		lookup_tell(join, slot, event->head.ts_ns);
		return;
	}
	slot->wants_look = true;
	join->lookups->owners_wanted = true;
}

void datagram_forget_unanswered(struct join *join, __u64 cookie)
{
	struct lookup_slot *slot = cookie ? find_unanswered(join, cookie) : NULL;

	if (slot)
		lookup_drop(join, slot);
}

static void forget(struct join *join, __u8 about, const struct event_tuple *tuple)
{
	const struct datagram_trouble trouble = { about, 0, 0, tuple };
	struct lookup_slot *slot = datagram_find(join, &trouble);

	if (slot)
		lookup_drop(join, slot);
}

void datagram_forget_asked(struct join *join, const struct event_tuple *tuple)
{
	forget(join, LOOKUP_NO_REPLY, tuple);
}

/* Returns whether it is of interest still. */
static bool look_at_unanswered(struct lookup_slot *slot, const struct event *event)
{
	struct evidence evidence = evidence_of(event);

	slot->wants_look = false;
	slot->lookup.awaited |= event->snapshot.look & SNAPSHOT_LOOK_AWAITED;
	evidence.look = event->snapshot.look & SNAPSHOT_LOOK_AWAITED;
	if (evidence.look)
		lookup_add_evidence(slot, &evidence);
	return slot->lookup.awaited && !(event->snapshot.look & SNAPSHOT_LOOK_HEARD);
}

/* ---- somebody else ---- */

static struct lookup_slot *find_elsewhere(struct join *join, const struct packet *packet)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (!lookup_is_captured(&slot->lookup) &&
		    slot->lookup.about == LOOKUP_OTHER_ADDRESS &&
		    slot->lookup.client_port == packet->inner.destination_port &&
		    slot->lookup.server_port == packet->inner.source_port &&
		    address_equal(slot->lookup.client, packet->inner.destination) &&
		    address_equal(slot->lookup.sender, packet->inner.source))
			return slot;
	return NULL;
}

void datagram_refused(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct event_tuple tuple = {
		.local_port = packet->inner.destination_port,
		.remote_port = packet->inner.source_port,
	};
	const struct datagram_trouble trouble = { LOOKUP_OTHER_ADDRESS, 0, event->head.netns,
						  &tuple };
	struct evidence evidence = lookup_evidence(event, DIRECTION_OUT);
	struct lookup_slot *slot = find_elsewhere(join, packet);

	/* whom another one asks has refused it, not the socket that it was meant for */
	if (!address_equal(packet->source, packet->inner.destination) ||
	    tuple.remote_port == PORT_DNS || !is_one_host(packet->inner.source))
		return;
	memcpy(tuple.local, packet->inner.destination, sizeof(tuple.local));
	memcpy(tuple.remote, packet->inner.source, sizeof(tuple.remote));
	slot = datagram_once_more(join, event, slot, &trouble, 0);
	if (!slot)
		return;
	memcpy(slot->lookup.sender, packet->inner.source, sizeof(slot->lookup.sender));
	slot->seen_ns = event->head.ts_ns;
	slot->lookup.answer_ns = event->head.ts_ns;
	lookup_add_evidence(slot, &evidence);
	slot->wants_look = true;
	join->lookups->owners_wanted = true;
}

/* The answer's sender hears that nobody is there: that is this very fault, as its other end has it. */
static void forget_refused(struct join *join, const struct lookup *lookup)
{
	struct event_tuple tuple = {
		.local_port = lookup->server_port,
		.remote_port = lookup->client_port,
	};

	memcpy(tuple.local, lookup->sender, sizeof(tuple.local));
	memcpy(tuple.remote, lookup->client, sizeof(tuple.remote));
	forget(join, LOOKUP_UNREACHABLE, &tuple);
}

/* Returns whether it is of interest still. */
static bool look_at_elsewhere(struct join *join, struct lookup_slot *slot,
			      const struct event *event)
{
	const struct event_tuple *tuple = &event->snapshot.tuple;
	struct lookup *lookup = &slot->lookup;

	slot->wants_look = false;
	/* what it heard came from the one it asked: that one answered, too */
	if (tuple->remote_port != lookup->server_port ||
	    address_equal(tuple->remote, lookup->sender) || address_is_any(tuple->remote) ||
	    (event->snapshot.look & SNAPSHOT_LOOK_HEARD))
		return false;
	memcpy(lookup->server, tuple->remote, sizeof(lookup->server));
	lookup->owner_by_file |= !lookup->owner;
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns,
			   &event->snapshot.owner);
	datagram_note_met(join, event->head.cookie);
	datagram_forget_unanswered(join, event->head.cookie);
	forget_refused(join, lookup);
	return true;
}

/* ---- looks, and time ---- */

static bool is_socket_of(const struct event *event, const struct lookup *lookup)
{
	const struct event_tuple *tuple = &event->snapshot.tuple;

	if (lookup->cookie)
		return lookup->cookie == event->head.cookie;
	return tuple->local_port == lookup->client_port &&
	       address_equal(tuple->local, lookup->client);
}

static struct lookup_slot *find_looked(struct join *join, const struct event *event)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (slot->wants_look && is_socket_of(event, &slot->lookup))
			return slot;
	return NULL;
}

void datagram_look(struct join *join, const struct event *event)
{
	struct lookup_slot *slot;
	bool stays;

	/* what one of them learns may end another */
	while ((slot = find_looked(join, event))) {
		join->lookups->owner_taken = true;
		if (slot->lookup.about == LOOKUP_NO_REPLY)
			stays = look_at_unanswered(slot, event);
		else
			stays = look_at_elsewhere(join, slot, event);
		if (!stays)
			lookup_drop(join, slot);
		else if (slot->lookup.about == LOOKUP_NO_REPLY && is_certain(slot))
			lookup_tell(join, slot, event->head.ts_ns);
	}
}

__u64 datagram_reply_deadline(const struct lookup_slot *slot)
{
	if (slot->lookup.about == LOOKUP_OTHER_ADDRESS)
		return slot->lookup.started_ns + ELSEWHERE_NS;
	return slot->seen_ns + (slot->wants_look ? LOOK_NS : NEXT_NS);
}
