// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup_live.c - DNS messages of this host's sockets, and whose they are */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "util/address.h"

/*
 * A query has its socket's cookie, and the socket's owner was told when it turned to port 53. An
 * answer has neither: who asked from that port of that address in that place is remembered. Both
 * tables are of a fixed size and forget by overwriting: of ports one that does not wait, as long as
 * there is one in its set.
 *
 * Of a socket that was opened before the start, or that the kernel side did not tell of because its
 * process is not followed, and of other machines the lookups are followed and never told: they say
 * for whom a forwarder of this host asks. What name servers ask each other (no RD) is their own
 * business: a server that fails is one of several, and a name that does not exist is no fault.
 */

#define PORT_SETS 1024 /* a power of two */
#define PORT_WAYS 8 /* 8192 ports: 1,000 that wait at a time push out none, 4,000 few */

struct asker {
	__u64 cookie; /* 0: none */
	__u32 owner; /* one of join's owners, 0 unknown */
	__u32 netns; /* of the socket */
};

struct port_use {
	__u64 key; /* of place, address and port; 0 none */
	__u64 asked_ns;
	__u64 asker;
	struct lookup_slot *slot; /* what it asked for last, if that is still so */
};

struct lookup_askers {
	struct asker cookies[LOOKUP_ASKERS];
	struct port_use ports[PORT_SETS][PORT_WAYS];
};

int lookup_askers_new(struct lookup_askers **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void lookup_askers_free(struct lookup_askers *askers)
{
	free(askers); /* the owners go with their table */
}

static struct asker *asker_at(struct join *join, __u64 cookie)
{
	return &join->lookups->askers->cookies[hash_mix(0, cookie) & (LOOKUP_ASKERS - 1)];
}

static __u64 port_key(__u32 place, const __u8 *address, __u16 port)
{
	return hash_mix(address_hash(address), (__u64)place << 16 | port) | 1;
}

static struct port_use *port_set(struct join *join, __u64 key)
{
	return join->lookups->askers->ports[key >> 32 & (PORT_SETS - 1)];
}

/* Who asked from there; NULL: nobody that is remembered. */
static const struct port_use *port_find(struct join *join, __u32 place, const __u8 *address,
					__u16 port)
{
	__u64 key = port_key(place, address, port);
	const struct port_use *set = port_set(join, key);

	for (size_t i = 0; i < PORT_WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

static bool waits(const struct port_use *use)
{
	return use->slot && use->slot->asker == use->asker && use->slot->queued == LOOKUP_WAITING;
}

/*
 * Where @key is remembered. Room is made by who asked longest ago and does not wait any more; where
 * all do, one of them cannot be told its answer.
 */
static struct port_use *port_take(struct join *join, __u64 key)
{
	struct port_use *set = port_set(join, key), *oldest = set, *use = NULL;

	for (size_t i = 0; i < PORT_WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].asked_ns < oldest->asked_ns)
			oldest = &set[i];
	}
	if (!waits(oldest))
		return oldest;
	for (size_t i = 0; i < PORT_WAYS; i++)
		if ((!use || set[i].asked_ns < use->asked_ns) && !waits(&set[i]))
			use = &set[i];
	if (use)
		return use;
	oldest->slot->unheard = true;
	return oldest;
}

void lookup_note_owner(struct join *join, __u64 cookie, __u32 netns,
		       const struct event_owner *owner)
{
	struct asker *asker = asker_at(join, cookie);

	if (!cookie)
		return;
	owners_drop(join->owners, asker->owner);
	*asker = (struct asker){
		.cookie = cookie,
		.owner = owners_take(join->owners, owner),
		.netns = netns,
	};
}

const struct event_owner *lookup_owner_of(struct join *join, __u64 cookie)
{
	const struct asker *asker = asker_at(join, cookie);

	return cookie && asker->cookie == cookie ? owners_at(join->owners, asker->owner) : NULL;
}

void lookup_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;

	if ((event->head.known & EVENT_K_OWNER) &&
	    (open->tuple.remote_port == PORT_DNS || open->how == OPEN_DATAGRAM ||
	     open->how == OPEN_UNANSWERED))
		lookup_note_owner(join, event->head.cookie, event->head.netns, &open->owner);
	if ((event->head.known & EVENT_K_OWNER) && open->how == OPEN_LOOKUP)
		datagram_query_begun(join, lookup_asker(&open->owner), open->tuple.remote);
}

/* Several threads and sockets of a process ask for one thing. */
__u64 lookup_asker(const struct event_owner *owner)
{
	return hash_mix(hash_mix(1, owner->start_ns), owner->tgid) | 1;
}

bool lookup_opens_tcp(const struct join *join, const struct ev_open *open)
{
	__u64 asker = lookup_asker(&open->owner);
	const struct lookup_slot *slot;

	if (open->tuple.remote_port != PORT_DNS)
		return false;
	LIST_FOREACH(slot, &join->lookups->truncated, by_truncation)
		if (slot->asker == asker && address_equal(slot->lookup.server, open->tuple.remote))
			return true;
	return false;
}

/* False: the query passes this host, which has shown it before or is a mere router to it. */
static bool find_from(struct join *join, const struct event *event, struct lookup_from *from)
{
	__u64 cookie = event->head.cookie;
	const struct asker *asker = asker_at(join, cookie);

	*from = (struct lookup_from){
		.place = event->head.netns,
		.sources = SOURCE_SOME_PACKETS,
		.at_home = event->head.flags & EVENT_F_LOOPBACK,
		.reach = lookup_reach_of(join, event),
	};
	if (!cookie) {
		from->foreign = true;
		from->asker = hash_mix(address_hash(event->packet.source), from->place) | 1;
		return !(event->head.flags & EVENT_F_OUT);
	}
	from->sources |= SOURCE_SOCKET;
	from->cookie = cookie;
	from->netns = event->head.netns;
	from->asker = hash_mix(3, cookie) | 1;
	if (asker->cookie == cookie) {
		from->netns = asker->netns;
		from->owner = owners_at(join->owners, asker->owner);
	}
	if (from->owner)
		from->asker = lookup_asker(from->owner);
	else
		from->foreign = join_hook_attached(join, "lookup");
	return true;
}

/* @again: it was seen before. */
static void take_query(struct join *join, const struct event *event, const struct dns *dns,
		       bool again)
{
	const struct packet *packet = &event->packet;
	struct lookup_from from;
	__u64 key;

	/* there the cookie is the receiver's; the sender was seen on its way out */
	if (event->head.vantage == VANTAGE_CGROUP_IN || !dns->recursive)
		return;
	if (again || !find_from(join, event, &from)) {
		lookup_passes(join, event, dns);
		return;
	}
	lookup_take_query(join, event, dns, &from);
	datagram_query_sent(join, from.asker);
	key = port_key(from.place, packet->source, packet->source_port);
	*port_take(join, key) = (struct port_use){
		.key = key,
		.asked_ns = event->head.ts_ns,
		.asker = from.asker,
		.slot = lookups_find(join->lookups, from.asker, packet->source, dns->name),
	};
}

static void take_answer(struct join *join, const struct event *event, const struct dns *dns)
{
	const struct packet *packet = &event->packet;
	const struct port_use *use =
		port_find(join, event->head.netns, packet->destination, packet->destination_port);

	if (!use)
		return;
	lookup_take_answer(join,
			   lookups_find(join->lookups, use->asker, packet->destination, dns->name),
			   event, dns);
}

/* @at: where the message begins. */
static void take_message(struct join *join, const struct event *event, size_t at)
{
	const struct packet *packet = &event->packet;
	bool query = lookup_is_query(packet), answer = lookup_is_answer(packet), again;
	struct dns dns;

	if ((!query && !answer) || at >= event->bytes_captured ||
	    !dns_parse(event->bytes + at, event->bytes_captured - at, &dns) ||
	    dns.response != answer)
		return;
	again = lookup_is_copy(join, event);
	if (query)
		take_query(join, event, &dns, again);
	else if (!again)
		take_answer(join, event, &dns);
}

/* An ICMP error belongs to what its port asked for last: what is quoted rarely holds the question. */
static void take_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot;
	const struct port_use *use;

	if (!packet_says_unreachable(packet) || lookup_is_copy(join, event))
		return;
	use = port_find(join, event->head.netns, packet->inner.source, packet->inner.source_port);
	slot = use ? use->slot : NULL;
	if (slot && slot->asker == use->asker && slot->queued == LOOKUP_WAITING &&
	    slot->lookup.client_port == packet->inner.source_port &&
	    address_equal(slot->lookup.server, packet->inner.destination))
		lookup_note_unreachable(slot, event);
}

/* Messages over TCP have their length in front (RFC 7766 8); what begins elsewhere is not read. */
static bool take_segment(struct join *join, const struct event *event)
{
	enum { LENGTH_BYTES = 2 };
	const struct packet *packet = &event->packet;
	bool told;

	if (packet->source_port != PORT_DNS && packet->destination_port != PORT_DNS)
		return false;
	told = lookup_awaits_tcp(join) && lookup_segment(join, event);
	if (packet->payload_at && !told)
		take_message(join, event, packet->payload_at + LENGTH_BYTES);
	return packet->payload_bytes && !(packet->tcp_flags & (TCP_F_SYN | TCP_F_RST)) &&
	       !(event->head.flags & EVENT_F_FOLLOWED);
}

bool lookup_packet(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;

	switch (packet->what) {
	case PACKET_UDP:
		if (packet->payload_at)
			take_message(join, event, packet->payload_at);
		return true;
	case PACKET_ICMP:
		if (!(packet->flags & PACKET_F_INNER) || packet->inner.protocol != IPPROTO_UDP)
			return false;
		if (packet->inner.destination_port == PORT_DNS)
			take_quoted(join, event);
		else
			datagram_live_quoted(join, event);
		return true;
	case PACKET_TCP:
		return take_segment(join, event);
	default:
		return false;
	}
}
