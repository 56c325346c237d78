// SPDX-License-Identifier: GPL-2.0-or-later
/* handshakes.c - TLS handshakes of this host's connections, by the few packets that are told live */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "join/conn/conn.h"
#include "join/talk/handshakes.h"
#include "util/address.h"
#include "util/seq.h"

/* A further ClientHello so far behind the first is of the same connection. */
enum { SAME_BYTES = 1 << 16 };
/* Ends can be chosen so that they share a bucket. */
enum { CHAIN_MOST = 16 };

TAILQ_HEAD(handshake_queue, live_handshake);

struct handshakes {
	struct live_handshake *slots;
	struct hash by_ends;
	struct handshake_queue waiting; /* for an answer, the oldest first */
	struct handshake_queue others;
	__u32 touched; /* slots that were ever used */
	__u32 numbers;
};

int handshakes_new(struct handshakes **out)
{
	struct handshakes *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	TAILQ_INIT(&table->waiting);
	TAILQ_INIT(&table->others);
	table->slots = calloc(HANDSHAKES_MAX, sizeof(*table->slots));
	if (!table->slots || hash_new(&table->by_ends, HANDSHAKES_MAX)) {
		handshakes_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void handshakes_free(struct handshakes *table)
{
	if (!table)
		return;
	free(table->slots);
	hash_free(&table->by_ends);
	free(table);
}

/* ---- found by its ends ---- */

static bool is_client(const struct live_handshake *slot, const __u8 *address, __u16 port)
{
	return slot->tuple.local_port == port && address_equal(slot->tuple.local, address);
}

static bool is_server(const struct live_handshake *slot, const __u8 *address, __u16 port)
{
	return slot->tuple.remote_port == port && address_equal(slot->tuple.remote, address);
}

static bool is_between(const struct live_handshake *slot, const struct ends *ends)
{
	for (int from = 0; from < 2; from++)
		if (is_client(slot, ends->address[from], ends->port[from]) &&
		    is_server(slot, ends->address[!from], ends->port[!from]))
			return true;
	return false;
}

static struct live_handshake *find(const struct handshakes *table, const struct ends *ends)
{
	for (__u32 i = hash_first(&table->by_ends, ends->hash); i != HASH_END;
	     i = hash_next(&table->by_ends, i))
		if (is_between(&table->slots[i], ends))
			return &table->slots[i];
	return NULL;
}

struct live_handshake *handshakes_find(const struct join *join, const struct event_tuple *tuple)
{
	struct ends ends =
		ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);

	return find(join->handshakes, &ends);
}

static __u32 place_of(const struct handshakes *table, const struct live_handshake *slot)
{
	return (__u32)(slot - table->slots);
}

struct handshake_ref handshakes_ref(const struct join *join, const struct live_handshake *slot)
{
	return (struct handshake_ref){ place_of(join->handshakes, slot) + 1, slot->number };
}

struct live_handshake *handshakes_at(const struct join *join, struct handshake_ref ref)
{
	struct live_handshake *slot;

	if (!ref.place)
		return NULL;
	slot = &join->handshakes->slots[ref.place - 1];
	return slot->number == ref.number ? slot : NULL;
}

/* ---- its place ---- */

static struct handshake_queue *queue_of(struct handshakes *table, const struct live_handshake *slot)
{
	return slot->waits ? &table->waiting : &table->others;
}

static void stop_waiting(struct handshakes *table, struct live_handshake *slot)
{
	if (!slot->waits)
		return;
	TAILQ_REMOVE(&table->waiting, slot, by_age);
	slot->waits = false;
	TAILQ_INSERT_TAIL(&table->others, slot, by_age);
}

static void leave(struct handshakes *table, struct live_handshake *slot)
{
	TAILQ_REMOVE(queue_of(table, slot), slot, by_age);
	hash_remove(&table->by_ends, place_of(table, slot));
}

/* @slot: one whose place is free for it, NULL none. */
static struct live_handshake *take_place(struct handshakes *table, const struct ends *ends,
					 struct live_handshake *slot)
{
	__u32 crowd = hash_overlong(&table->by_ends, ends->hash, CHAIN_MOST);

	if (!slot && crowd != HASH_END)
		slot = &table->slots[crowd];
	if (!slot && table->touched < HANDSHAKES_MAX)
		return &table->slots[table->touched++];
	if (!slot)
		slot = TAILQ_FIRST(&table->others);
	if (!slot)
		slot = TAILQ_FIRST(&table->waiting);
	leave(table, slot);
	return slot;
}

/* The conn of the client, where that is a socket of this host. */
static const struct conn *client_conn(const struct join *join, const struct ends *ends, __u8 client)
{
	struct ends from = *ends;

	from.from = client;
	return conns_sender(join->conns, &from);
}

/* What was said before the ClientHello is known by its numbers: an upgrade (STARTTLS) begins so. */
static void note_before(struct live_handshake *slot, const struct conn *conn,
			const struct packet *packet)
{
	if (!conn || !conn->heard || !conn->isn_known)
		return;
	slot->handshake.heard = true;
	slot->handshake.before[0] = packet->seq - (conn->isn + 1);
	slot->handshake.before[1] = packet->ack - (conn->peer_isn + 1);
}

/* A server's alert for a client without a ClientHello: whether it is the server's first word. */
static void note_alone(struct live_handshake *slot, const struct conn *conn,
		       const struct packet *packet)
{
	slot->handshake.heard = true;
	if (conn && conn->isn_known)
		slot->handshake.before[1] = packet->seq - (conn->peer_isn + 1);
}

/* @old: the handshake of an earlier connection, whose place it gets; NULL none. */
static struct live_handshake *begin(struct join *join, const struct event *event,
				    const struct ends *ends, __u8 client,
				    struct live_handshake *old)
{
	struct handshakes *table = join->handshakes;
	struct live_handshake *slot = take_place(table, ends, old);
	const struct conn *conn = client_conn(join, ends, client);

	*slot = (struct live_handshake){
		.netns = event->head.netns,
		.waits = client == ends->from,
		.number = ++table->numbers,
	};
	slot->tuple = (struct event_tuple){
		.local_port = ends->port[client],
		.remote_port = ends->port[!client],
		.family = address_is_ipv4(ends->address[client]) ? AF_INET : AF_INET6,
		.protocol = IPPROTO_TCP,
	};
	memcpy(slot->tuple.local, ends->address[client], EVENT_ADDRESS_SIZE);
	memcpy(slot->tuple.remote, ends->address[!client], EVENT_ADDRESS_SIZE);
	if (conn)
		slot->cookie[0] = conn->cookie;
	if (slot->waits)
		note_before(slot, conn, &event->packet);
	else
		note_alone(slot, conn, &event->packet);
	hash_add(&table->by_ends, ends->hash, place_of(table, slot));
	TAILQ_INSERT_TAIL(queue_of(table, slot), slot, by_age);
	return slot;
}

/* ---- packets ---- */

/* The message that the segment begins with: TLS_CLIENT_HELLO, TLS_SERVER_HELLO; 0: an alert, unknown. */
static __u8 message_of(const struct event *event)
{
	const __u8 *payload = event->bytes + event->packet.payload_at;

	if (payload[0] != TLS_HANDSHAKE || packet_payload_captured(event) <= TLS_HEADER_BYTES)
		return 0;
	return payload[TLS_HEADER_BYTES];
}

static void note_seen(struct live_handshake *slot, const struct event *event, bool client)
{
	struct evidence *evidence = &slot->seen[slot->seen_count];

	if (slot->seen_count == HANDSHAKE_SEEN)
		return;
	slot->seen_count++;
	*evidence = evidence_of(event);
	evidence_note_packet(evidence, &event->packet);
	evidence->direction = client ? DIRECTION_OUT : DIRECTION_IN;
}

static void take(struct live_handshake *slot, const struct event *event, bool client)
{
	__u8 from = client ? slot->handshake.client : !slot->handshake.client;
	struct tls_side *side = &slot->handshake.side[from];
	int place = !client;
	__u32 offset;

	if (!slot->begun[place]) {
		slot->begun[place] = true;
		slot->seq[place] = event->packet.seq;
	}
	if (event->head.cookie)
		slot->cookie[place] = event->head.cookie;
	offset = event->packet.seq - slot->seq[place];
	if (seq_distance(side->next, offset) < 0)
		return; /* sent again, or seen at another interface */
	tls_side_resume(side, offset);
	handshake_take(&slot->handshake, event, offset, from);
	note_seen(slot, event, client);
}

/* The same connection's: seen again, sent again, or after a retry request. */
static bool goes_on(const struct live_handshake *slot, const struct event *event)
{
	__s32 ahead = seq_distance(slot->seq[0], event->packet.seq);

	return slot->begun[0] && ahead >= 0 && ahead < SAME_BYTES;
}

/*
 * An alert where no hello was told of: of a server that met with something else than TLS. A client says
 * nothing before its ClientHello, so who opened the connection got it.
 */
static bool answers_no_hello(const struct join *join, const struct ends *ends)
{
	const struct conn *conn = client_conn(join, ends, !ends->from);

	return conn && conn->opened && conn->heard && !conn->before;
}

/* A record's header by itself, of who opened the connection: it begins with TLS, whatever follows. */
static bool begins_alone(const struct join *join, const struct event *event,
			 const struct ends *ends)
{
	const struct conn *conn;

	if (event->packet.payload_bytes != TLS_HEADER_BYTES)
		return false;
	conn = client_conn(join, ends, ends->from);
	return conn && conn->opened;
}

static struct live_handshake *handshake_for(struct join *join, const struct event *event,
					    const struct ends *ends, bool *client)
{
	struct live_handshake *slot = find(join->handshakes, ends);
	__u8 message = message_of(event);

	*client = slot && is_client(slot, ends->address[ends->from], ends->port[ends->from]);
	if ((message == TLS_CLIENT_HELLO || begins_alone(join, event, ends)) &&
	    !(slot && *client && goes_on(slot, event))) {
		*client = true;
		return begin(join, event, ends, ends->from, slot);
	}
	if (slot || message == TLS_SERVER_HELLO || !answers_no_hello(join, ends))
		return slot;
	return begin(join, event, ends, !ends->from, NULL);
}

static void note_acks(const struct join *join, struct live_handshake *slot,
		      const struct packet *packet)
{
	const struct conn *conn = conns_by_cookie(join->conns, slot->cookie[0]);

	if (conn && conn->isn_known && (packet->tcp_flags & TCP_F_ACK))
		slot->handshake.alert_acks = packet->ack - (conn->isn + 1);
}

struct live_handshake *handshakes_packet(struct join *join, const struct event *event,
					 bool *alerted)
{
	const struct packet *packet = &event->packet;
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	struct live_handshake *slot;
	__u64 alert_ns;
	bool client;

	*alerted = false;
	if (packet->what != PACKET_TCP || (packet->flags & PACKET_F_FRAGMENT) ||
	    !tls_begins_in_clear(event->bytes + packet->payload_at, packet_payload_captured(event),
				 packet->payload_bytes))
		return NULL;
	slot = handshake_for(join, event, &ends, &client);
	if (!slot)
		return NULL;
	alert_ns = slot->handshake.alert_ns;
	take(slot, event, client);
	if (slot->handshake.answer_ns || slot->handshake.alert_ns)
		stop_waiting(join->handshakes, slot);
	*alerted = slot->handshake.alert_ns && !alert_ns;
	if (*alerted && !client)
		note_acks(join, slot, packet);
	return slot;
}

/* ---- what others ask ---- */

struct live_handshake *handshakes_late(struct join *join, __u64 now_ns)
{
	struct live_handshake *slot = TAILQ_FIRST(&join->handshakes->waiting);

	if (!slot || slot->handshake.hello_ns + join->limits.hello_ns > now_ns)
		return NULL;
	stop_waiting(join->handshakes, slot);
	return slot;
}

void handshakes_turn(struct live_handshake *slot, __u8 client)
{
	struct handshake *handshake = &slot->handshake;
	struct tls_side side = handshake->side[0];
	struct tls_hello hello = handshake->hello[0];
	__u32 before = handshake->before[0];

	if (handshake->client == client)
		return;
	handshake->client = client;
	handshake->alert_from = !handshake->alert_from;
	handshake->side[0] = handshake->side[1];
	handshake->side[1] = side;
	handshake->hello[0] = handshake->hello[1];
	handshake->hello[1] = hello;
	handshake->before[0] = handshake->before[1];
	handshake->before[1] = before;
}
