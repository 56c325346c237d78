// SPDX-License-Identifier: GPL-2.0-or-later
/* handshake_notable.c - TLS handshakes of this host's connections, by the few packets that are told live */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/conn/conn.h"
#include "join/talk/handshakes.h"
#include "util/address.h"
#include "util/seq.h"

/* A further ClientHello so far behind the first is of the same connection. */
enum { SAME_BYTES = 1 << 16 };

/* ---- a new one ---- */

static void stop_waiting(struct join *join, struct handshake_slot *slot)
{
	if (slot->line == HANDSHAKE_WAITS)
		handshakes_move(join, slot, HANDSHAKE_KEPT);
}

/* The conn of the client, where that is a socket of this host. */
static const struct conn *client_conn(const struct join *join, const struct ends *ends, __u8 client)
{
	struct ends from = *ends;

	from.from = client;
	return conns_sender(join->conns, &from);
}

/* What was said before the ClientHello is known by its numbers: an upgrade (STARTTLS) begins so. */
static void note_before(struct handshake_slot *slot, const struct conn *conn,
			const struct packet *packet)
{
	if (!conn || !conn->heard || !conn->isn_known)
		return;
	slot->handshake.heard = true;
	slot->handshake.before[0] = packet->seq - (conn->isn + 1);
	slot->handshake.before[1] = packet->ack - (conn->peer_isn + 1);
}

/* A server's alert for a client without a ClientHello: whether it is the server's first word. */
static void note_alone(struct handshake_slot *slot, const struct conn *conn,
		       const struct packet *packet)
{
	slot->handshake.heard = true;
	if (conn && conn->isn_known)
		slot->handshake.before[1] = packet->seq - (conn->peer_isn + 1);
}

/* @before: the handshake of an earlier connection, whose place it gets; NULL none. */
static struct handshake_slot *begin(struct join *join, const struct event *event,
				    const struct ends *ends, __u8 client,
				    struct handshake_slot *before)
{
	bool hello = client == ends->from;
	struct handshake_slot *slot =
		handshakes_take(join, hello ? HANDSHAKE_WAITS : HANDSHAKE_KEPT,
				HANDSHAKES_NOTABLE_MAX,
				before ? before : handshakes_crowded(join, ends));
	const struct conn *conn = client_conn(join, ends, client);

	if (!slot)
		return NULL;
	slot->netns = event->head.netns;
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
	if (hello)
		note_before(slot, conn, &event->packet);
	else
		note_alone(slot, conn, &event->packet);
	handshakes_link(join, slot, ends);
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

static void note_seen(struct handshake_slot *slot, const struct event *event, bool client)
{
	struct evidence *evidence = &slot->seen[slot->seen_count];

	if (slot->seen_count == HANDSHAKE_SEEN)
		return;
	slot->seen_count++;
	*evidence = evidence_of(event);
	evidence_note_packet(evidence, &event->packet);
	evidence->direction = client ? DIRECTION_OUT : DIRECTION_IN;
}

static void take(struct handshake_slot *slot, const struct event *event, bool client)
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
static bool goes_on(const struct handshake_slot *slot, const struct event *event)
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

static struct handshake_slot *handshake_for(struct join *join, const struct event *event,
					    const struct ends *ends, bool *client)
{
	struct handshake_slot *slot = handshakes_find(join, ends);
	__u8 message = message_of(event);

	*client = slot && handshake_slot_is_client(slot, ends, ends->from);
	if ((message == TLS_CLIENT_HELLO || begins_alone(join, event, ends)) &&
	    !(slot && *client && goes_on(slot, event))) {
		*client = true;
		return begin(join, event, ends, ends->from, slot);
	}
	if (slot || message == TLS_SERVER_HELLO || !answers_no_hello(join, ends))
		return slot;
	return begin(join, event, ends, !ends->from, NULL);
}

static void note_acks(const struct join *join, struct handshake_slot *slot,
		      const struct packet *packet)
{
	const struct conn *conn = conns_by_cookie(join->conns, slot->cookie[0]);

	if (conn && conn->isn_known && (packet->tcp_flags & TCP_F_ACK))
		slot->handshake.alert_acks = packet->ack - (conn->isn + 1);
}

struct handshake_slot *handshakes_packet(struct join *join, const struct event *event,
					 bool *alerted)
{
	const struct packet *packet = &event->packet;
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	struct handshake_slot *slot;
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
		stop_waiting(join, slot);
	*alerted = slot->handshake.alert_ns && !alert_ns;
	if (*alerted && !client)
		note_acks(join, slot, packet);
	return slot;
}

/* ---- those that wait ---- */

struct handshake_slot *handshakes_late(struct join *join, __u64 now_ns)
{
	struct handshake_slot *slot = handshakes_first(join, HANDSHAKE_WAITS);

	if (!slot || slot->handshake.hello_ns + join->limits.hello_ns > now_ns)
		return NULL;
	stop_waiting(join, slot);
	return slot;
}
