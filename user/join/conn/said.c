// SPDX-License-Identifier: GPL-2.0-or-later
/* said.c - words on connections of this host that tell what their end means */

#include <errno.h>
#include <stdlib.h>

#include "join/conn/said.h"

struct saids {
	struct said slots[SAID_MAX];
	__u32 taken;
};

int saids_new(struct saids **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void saids_free(struct saids *saids)
{
	free(saids);
}

static struct said *find(const struct join *join, const struct conn *conn)
{
	struct said *said;

	if (!conn || !conn->said)
		return NULL;
	said = &join->saids->slots[conn->said - 1];
	return said->cookie == conn->cookie ? said : NULL;
}

const struct said *said_of(const struct join *join, const struct conn *conn)
{
	return find(join, conn);
}

static struct said *take(struct join *join, struct conn *conn)
{
	struct said *said = find(join, conn);
	__u32 place;

	if (said)
		return said;
	place = join->saids->taken++ % SAID_MAX;
	said = &join->saids->slots[place];
	*said = (struct said){ .cookie = conn->cookie };
	conn->said = (__u16)(place + 1);
	return said;
}

/* The conn of the end that @ends->from is, where a socket of this host opened the connection. */
static struct conn *client_at(const struct join *join, const struct ends *ends)
{
	struct conn *conn = conns_sender(join->conns, ends);

	/* what is said is placed by the numbers of both SYNs */
	return conn && conn->cookie && conn->opened && conn->heard && conn->isn_known ? conn : NULL;
}

/* ---- the client ---- */

static void take_request(struct join *join, struct conn *conn, const struct event *event,
			 const __u8 *bytes, size_t captured)
{
	const struct packet *packet = &event->packet;
	enum upgrade_kind asked = upgrade_asked(bytes, captured, packet->payload_bytes);
	struct said *said;
	struct first first;

	if (packet->seq == conn->isn + 1) {
		first_parse(bytes, captured, packet->payload_bytes, false, &first);
		if (first.kind == FIRST_HTTP2_REQUEST)
			take(join, conn)->plain = first;
	}
	if (!asked || asked == UPGRADE_CONNECT)
		return;
	said = take(join, conn);
	said->asked = asked;
	said->refused = false;
	said->asked_bytes = (__u16)packet->payload_bytes;
	said->asked_seq = packet->seq + packet->payload_bytes;
	said->asked_ack = packet->ack;
}

/* ---- the server ---- */

/* The first word of all, or the first behind a request or its refusal. */
static void take_answer(struct join *join, struct conn *conn, const struct event *event,
			const __u8 *bytes, size_t captured)
{
	const struct packet *packet = &event->packet;
	struct said *said = find(join, conn);
	struct first first;

	if (said && said->asked && packet->seq == said->asked_ack) {
		said->refused = upgrade_refused(said->asked, bytes, captured, packet->payload_bytes,
						&said->upgrade);
		return;
	}
	/* PostgreSQL's no is one byte, of which no packet tells */
	if (packet->seq != conn->peer_isn + 1 &&
	    !(said && said->asked == UPGRADE_POSTGRESQL && packet->seq == said->asked_ack + 1))
		return;
	first_parse(bytes, captured, packet->payload_bytes, true, &first);
	if (first.error && first.kind != FIRST_HTTP)
		take(join, conn)->refusal = first;
}

void said_packet(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	const __u8 *bytes = event->bytes + packet->payload_at;
	size_t captured = packet_payload_captured(event);
	struct ends ends;
	struct conn *conn;

	if (packet->what != PACKET_TCP || !captured || (packet->flags & PACKET_F_FRAGMENT))
		return;
	ends = ends_of(packet->source, packet->source_port, packet->destination,
		       packet->destination_port);
	conn = client_at(join, &ends);
	if (conn) {
		take_request(join, conn, event, bytes, captured);
		return;
	}
	ends.from = !ends.from;
	conn = client_at(join, &ends);
	if (!conn)
		return;
	take_answer(join, conn, event, bytes, captured);
}
