// SPDX-License-Identifier: GPL-2.0-or-later
/* datagram_live.c - datagrams of this host's sockets that met trouble, and whose they are */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/port.h"
#include "util/time.h"

/*
 * What is known of one comes in pieces, in any order within the settle time: the ICMP error on its way in
 * (packet), the error that the kernel gives the socket (error: of connected sockets, and of those
 * that asked for it), what the call says (syscall), and whose the socket is: by its connect() (open),
 * by its call, or, where neither is known, by whoever holds it (socket), which is asked for.
 *
 * An ICMP error that passes is about a datagram of any machine: without a process of this host it
 * is nobody's here and never told. What concerns port 53 is the lookup's.
 */

#define WAITING_MAX 64 /* looked through at each record of trouble */
#define TOO_BIG_NS NS_PER_S /* whoever looks for the path's MTU tries again within that */
#define FULL_NS \
	NS_PER_S /* a burst is told when it may be over, fewer drops when they have gone on */
#define FULL_LONG_NS (10 * NS_PER_S)

static bool is_of(const struct lookup_slot *slot, const struct datagram_trouble *trouble)
{
	const struct lookup *lookup = &slot->lookup;
	const struct event_tuple *tuple = trouble->tuple;

	if (lookup_is_captured(lookup) || lookup->about != trouble->about ||
	    lookup->server_port != tuple->remote_port ||
	    !address_equal(lookup->server, tuple->remote))
		return false;
	if (lookup->cookie && trouble->cookie)
		return lookup->cookie == trouble->cookie;
	return lookup->client_port == tuple->local_port &&
	       (address_is_any(tuple->local) || address_is_any(lookup->client) ||
		address_equal(lookup->client, tuple->local));
}

struct lookup_slot *datagram_find(struct join *join, const struct datagram_trouble *trouble)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (is_of(slot, trouble))
			return slot;
	return NULL;
}

void datagram_set_owner(struct join *join, struct lookup_slot *slot, __u64 cookie, __u32 netns,
			const struct event_owner *owner)
{
	if (cookie || owner)
		slot->lookup.sources |= SOURCE_SOCKET;
	if (cookie) {
		slot->lookup.cookie = cookie;
		slot->lookup.netns = netns;
	}
	if (owner && !slot->lookup.owner)
		owners_set(join->owners, &slot->lookup.owner, owner);
}

struct lookup_slot *datagram_begin(struct join *join, const struct event *event,
				   const struct datagram_trouble *trouble, __u64 asker)
{
	const struct event_tuple *tuple = trouble->tuple;
	const struct lookup_from from = {
		.asker = asker ? asker : hash_mix(4, address_hash(tuple->remote)) | 1,
		.netns = trouble->netns,
		.place = event->head.netns,
		.sources = SOURCE_SOME_PACKETS,
		.at_home = (event->head.flags & EVENT_F_LOOPBACK) ||
			   address_is_loopback(tuple->remote) ||
			   address_equal(tuple->remote, tuple->local),
	};
	struct lookup_slot *slot;
	struct lookup *lookup;

	if (join->lookups->datagrams_count >= WAITING_MAX)
		datagram_tell_live(join, TAILQ_FIRST(&join->lookups->datagrams), event->head.ts_ns);
	slot = lookups_take(join, &from, tuple->local, "", event->head.ts_ns, LOOKUP_DATAGRAM);
	if (!slot)
		return NULL;
	lookup = &slot->lookup;
	lookup->about = trouble->about;
	lookup->unreachable = trouble->about == LOOKUP_UNREACHABLE;
	lookup->client_port = tuple->local_port;
	lookup->server_port = tuple->remote_port;
	memcpy(lookup->server, tuple->remote, sizeof(lookup->server));
	return slot;
}

struct lookup_slot *datagram_once_more(struct join *join, const struct event *event,
				       struct lookup_slot *slot,
				       const struct datagram_trouble *trouble, __u64 asker)
{
	if (!slot)
		return datagram_begin(join, event, trouble, asker);
	slot->lookup.again++;
	return slot;
}

/* The slot of it, with whose it is as far as that is known. NULL: there is no room. */
static struct lookup_slot *take(struct join *join, const struct event *event,
				const struct datagram_trouble *trouble)
{
	struct lookup_slot *slot = datagram_find(join, trouble);

	if (!slot)
		slot = datagram_begin(join, event, trouble, 0);
	if (!slot)
		return NULL;
	if (address_is_any(slot->lookup.client))
		memcpy(slot->lookup.client, trouble->tuple->local, sizeof(slot->lookup.client));
	if (!slot->lookup.client_port)
		slot->lookup.client_port = trouble->tuple->local_port;
	datagram_set_owner(join, slot, trouble->cookie, trouble->netns,
			   lookup_owner_of(join, trouble->cookie));
	slot->seen_ns = event->head.ts_ns;
	return slot;
}

void datagram_want_owner(struct join *join, struct lookup_slot *slot)
{
	if (slot->lookup.owner || slot->wants_owner ||
	    (slot->lookup.about == LOOKUP_UNREACHABLE &&
	     lookup_kind_of(&slot->lookup) != DATAGRAM_QUESTION))
		return;
	slot->wants_owner = true;
	join->lookups->owners_wanted = true;
}

enum lookup_kind lookup_kind_of(const struct lookup *lookup)
{
	enum { SERVERS = 1024 }; /* RFC 6335 6 */
	enum { TRACE_FIRST = 33434, TRACE_LAST = 33534 }; /* traceroute(8): so its end is known */
	__u16 from = lookup->client_port, to = lookup->server_port;

	if (to >= TRACE_FIRST && to <= TRACE_LAST)
		return DATAGRAM_TRACE;
	if (to >= SERVERS &&
	    (from < SERVERS || from == PORT_MDNS || from == PORT_LLMNR || from == PORT_SSDP))
		return DATAGRAM_ANSWER;
	return DATAGRAM_QUESTION;
}

/* ---- ICMP errors ---- */

/* The same datagram's error is seen as a packet and as the socket's: the larger count holds. */
static void count(struct lookup_slot *slot)
{
	__u32 most = slot->packets > slot->errors ? slot->packets : slot->errors;

	slot->lookup.again = most ? most - 1 : 0;
}

/*
 * Whoever looks for the path's MTU goes down with the size until it fits (RFC 8899 5.3), and from then
 * on nothing is told of it; whoever does not heed the error goes on as before.
 */
static void note_size(struct lookup_slot *slot, __u32 bytes)
{
	struct lookup *lookup = &slot->lookup;

	if (!slot->packets++) {
		lookup->bytes = bytes;
	} else if (bytes && bytes < lookup->bytes) {
		lookup->bytes = bytes;
		lookup->again = 0;
		lookup->later++;
	} else {
		lookup->again++;
	}
}

void datagram_live_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct event_tuple tuple = {
		.local_port = packet->inner.source_port,
		.remote_port = packet->inner.destination_port,
	};
	bool too_big = packet_says_too_big(packet);
	const struct datagram_trouble trouble = { too_big ? LOOKUP_TOO_BIG : LOOKUP_UNREACHABLE, 0,
						  event->head.netns, &tuple };
	struct evidence evidence = lookup_evidence(event, DIRECTION_IN);
	struct lookup_slot *slot;

	if (!tuple.local_port || !tuple.remote_port ||
	    (!too_big && !packet_says_port_unreachable(packet)) || lookup_is_copy(join, event))
		return;
	if (!too_big)
		datagram_refused(join, event);
	/* what this host sends is about what others asked it */
	if ((event->head.flags & (EVENT_F_OUT | EVENT_F_LOOPBACK)) == EVENT_F_OUT)
		return;
	memcpy(tuple.local, packet->inner.source, sizeof(tuple.local));
	memcpy(tuple.remote, packet->inner.destination, sizeof(tuple.remote));
	datagram_forget_asked(join, &tuple);
	slot = take(join, event, &trouble);
	if (!slot)
		return;
	memcpy(slot->lookup.sender, packet->source, sizeof(slot->lookup.sender));
	slot->lookup.icmp_code = packet->icmp_code;
	if (too_big) {
		slot->lookup.mtu = packet->icmp_mtu;
		note_size(slot, packet->inner.bytes);
	} else {
		slot->packets++;
		count(slot);
	}
	lookup_add_evidence(slot, &evidence);
	datagram_want_owner(join, slot);
}

/* The ICMP error that came last for that port of that namespace. */
static struct lookup_slot *find_by_port(struct join *join, const struct event *event)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH_REVERSE(slot, &join->lookups->datagrams, lookup_queue, by_time)
		if (!lookup_is_captured(&slot->lookup) &&
		    slot->lookup.about == LOOKUP_UNREACHABLE &&
		    slot->lookup.client_port == event->socket.tuple.local_port &&
		    slot->place == event->head.netns)
			return slot;
	return NULL;
}

static void take_error(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	const struct datagram_trouble trouble = { socket->error == EMSGSIZE ? LOOKUP_TOO_BIG :
									      LOOKUP_UNREACHABLE,
						  event->head.cookie, event->head.netns,
						  &socket->tuple };
	struct evidence evidence = evidence_of_socket(event);
	struct lookup_slot *slot;

	datagram_note_met(join, event->head.cookie);
	datagram_forget_unanswered(join, event->head.cookie);
	if ((socket->error != ECONNREFUSED && socket->error != EMSGSIZE) ||
	    socket->tuple.remote_port == PORT_DNS)
		return;
	if (socket->error == EMSGSIZE && !datagram_find(join, &trouble))
		return; /* how big it was is told by the packet alone */
	/* where what a socket sent was to go that is not connected, the packet alone tells */
	slot = socket->tuple.remote_port ? take(join, event, &trouble) : find_by_port(join, event);
	if (!slot)
		return;
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns,
			   lookup_owner_of(join, event->head.cookie));
	slot->lookup.told = true;
	slot->lookup.awaited |= socket->how & SOCKET_F_AWAITED;
	slot->errors++;
	if (trouble.about == LOOKUP_UNREACHABLE)
		count(slot);
	lookup_add_evidence(slot, &evidence);
	datagram_want_owner(join, slot);
}

bool datagram_error(struct join *join, const struct event *event)
{
	if (event->socket.tuple.protocol != IPPROTO_UDP)
		return false;
	take_error(join, event);
	return true;
}

/* ---- calls ---- */

enum { UDP_BYTES = 8, IPV4_BYTES = 20, IPV6_BYTES = 40 };

/* Where it was to go is the call's word, else the socket's. */
static void send_too_big(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct event_tuple tuple = call->tuple;
	const struct datagram_trouble trouble = { LOOKUP_TOO_BIG, event->head.cookie,
						  event->head.netns, &tuple };
	struct evidence evidence = evidence_of(event);
	struct lookup_slot *slot;
	__u32 bytes = call->bytes + UDP_BYTES;

	if (event->head.known & EVENT_K_ASKED) {
		memcpy(tuple.remote, call->asked, sizeof(tuple.remote));
		tuple.remote_port = call->asked_port;
	}
	slot = tuple.remote_port ? take(join, event, &trouble) : NULL;
	if (!slot)
		return;
	bytes += address_is_ipv4(tuple.remote) ? IPV4_BYTES : IPV6_BYTES;
	note_size(slot, call->bytes ? bytes : 0);
	slot->lookup.told = true;
	evidence.call = call->call;
	evidence.error = call->error;
	lookup_add_evidence(slot, &evidence);
}

void datagram_send(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct evidence evidence = evidence_of(event);
	struct event_tuple tuple = call->tuple;
	const struct datagram_trouble trouble = { LOOKUP_UNREACHABLE, event->head.cookie,
						  event->head.netns, &tuple };
	struct lookup_slot *slot;

	if (event->head.known & EVENT_K_OWNER)
		lookup_note_owner(join, event->head.cookie, event->head.netns, &call->owner);
	if (call->error == EMSGSIZE)
		send_too_big(join, event);
	if (call->error != ECONNREFUSED) {
		datagram_not_sent(join, event);
		return;
	}
	slot = datagram_find(join, &trouble);
	if (!slot)
		return; /* what it says was told before */
	datagram_set_owner(join, slot, event->head.cookie, event->head.netns, &call->owner);
	slot->lookup.told = true;
	evidence.call = call->call;
	evidence.error = call->error;
	lookup_add_evidence(slot, &evidence);
}

/* ---- drops ---- */

/* Senders come and go: it is the socket that is told of. */
static struct lookup_slot *find_full(struct join *join, __u64 cookie)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (slot->lookup.about == LOOKUP_QUEUE_FULL && slot->lookup.cookie == cookie)
			return slot;
	return NULL;
}

static void take_drop(struct join *join, const struct event *event)
{
	const struct ev_drop *drop = &event->drop;
	const struct datagram_trouble trouble = { LOOKUP_QUEUE_FULL, drop->rx_cookie,
						  event->head.netns, &drop->tuple };
	struct lookup_slot *slot;
	struct evidence evidence = evidence_of(event);

	if (!(event->head.known & EVENT_K_RX_SOCKET) || !drop->rx_cookie) {
		datagram_drop_out(join, event);
		return;
	}
	slot = find_full(join, drop->rx_cookie);
	if (!slot)
		slot = datagram_begin(join, event, &trouble, 0);
	if (!slot)
		return;
	datagram_set_owner(join, slot, drop->rx_cookie, event->head.netns,
			   lookup_owner_of(join, drop->rx_cookie));
	slot->seen_ns = event->head.ts_ns;
	slot->lookup.dropped += 1 + drop->more;
	slot->lookup.queue_bytes = drop->backlog;
	slot->lookup.queue_max = drop->backlog_max;
	evidence.reason = drop->reason;
	lookup_add_evidence(slot, &evidence);
	datagram_want_owner(join, slot);
}

bool datagram_drop(struct join *join, const struct event *event)
{
	if (event->drop.tuple.protocol != IPPROTO_UDP)
		return false;
	take_drop(join, event);
	return true;
}

/* ---- whose ---- */

bool join_wants_datagram_owners(struct join *join)
{
	bool wants = join->lookups->owners_wanted;

	join->lookups->owners_wanted = false;
	return wants;
}

bool join_took_datagram_owner(const struct join *join)
{
	return join->lookups->owner_taken;
}

static bool holds(const struct event *event, const struct lookup *lookup)
{
	const struct event_tuple *tuple = &event->snapshot.tuple;
	bool same = address_equal(tuple->local, lookup->client);

	if (lookup->cookie)
		return lookup->cookie == event->head.cookie;
	return tuple->local_port == lookup->client_port &&
	       (same || (address_is_any(tuple->local) && event->head.netns == lookup->netns));
}

void datagram_owner(struct join *join, const struct event *event)
{
	struct lookup_slot *slot;

	if (!(event->head.known & EVENT_K_OWNER))
		return;
	datagram_look(join, event);
	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time) {
		if (!slot->wants_owner || slot->lookup.owner || !holds(event, &slot->lookup))
			continue;
		datagram_set_owner(join, slot, event->head.cookie, event->head.netns,
				   &event->snapshot.owner);
		slot->lookup.owner_by_file = true;
		join->lookups->owner_taken = true;
	}
}

/* ---- time ---- */

#define AGAIN_NS (3 * NS_PER_S) /* musl, which does not connect, sends every 2.5 s */

static __u64 deadline_of(const struct join *join, const struct lookup_slot *slot)
{
	const struct lookup *lookup = &slot->lookup;

	if (lookup->about == LOOKUP_NOT_SENT && lookup->server_port == PORT_DNS)
		return slot->seen_ns +
		       (lookup->call == SYSCALL_CONNECT ? join->limits.unanswered_ns : AGAIN_NS);
	if (lookup->about == LOOKUP_NO_REPLY || lookup->about == LOOKUP_OTHER_ADDRESS)
		return datagram_reply_deadline(slot);
	if (lookup->about == LOOKUP_TOO_BIG)
		return slot->seen_ns + TOO_BIG_NS;
	if (lookup->about == LOOKUP_QUEUE_FULL)
		return lookup->started_ns +
		       (lookup->dropped < join->limits.dropped ? FULL_LONG_NS : FULL_NS);
	return lookup->started_ns + join->limits.settle_ns;
}

/* connect() to port 53, for an address once: a resolver would have tried again. */
static bool is_asked_once(const struct lookup_slot *slot)
{
	return slot->lookup.about == LOOKUP_NOT_SENT && slot->lookup.call == SYSCALL_CONNECT &&
	       !slot->lookup.repeats;
}

void datagram_tell_live(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	/* what is not confirmed by then is not told */
	if (slot->elsewhere || slot->lookup.about == LOOKUP_NO_REPLY || is_asked_once(slot)) {
		lookup_drop(join, slot);
		return;
	}
	/* with a cookie it is a socket's of this host, though its process is gone */
	if (slot->lookup.owner || slot->lookup.cookie)
		lookup_tell(join, slot, now_ns);
	else
		lookup_drop(join, slot);
}

void datagram_live_run_timers(struct join *join, __u64 now_ns)
{
	struct lookup_slot *slot, *next;

	for (slot = TAILQ_FIRST(&join->lookups->datagrams); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (!lookup_is_captured(&slot->lookup) && deadline_of(join, slot) <= now_ns)
			datagram_tell_live(join, slot, deadline_of(join, slot));
	}
}
