// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup_tcp.c - the query over TCP that a truncated answer asks for */

#include <string.h>

#include "join/lookup/lookup.h"
#include "util/address.h"

bool lookup_of_segment(const struct join *join, const struct packet *packet)
{
	const struct lookup_slot *slot;

	if (packet->destination_port != PORT_DNS)
		return false;
	LIST_FOREACH(slot, &join->lookups->truncated, by_truncation)
		if (address_equal(slot->lookup.client, packet->source) &&
		    address_equal(slot->lookup.server, packet->destination))
			return true;
	return false;
}

/* The message behind its length (RFC 7766 8), if the segment begins with one and holds the question. */
static bool message_of_segment(const struct event *event, struct dns *dns)
{
	enum { LENGTH_BYTES = 2 };
	size_t at = event->packet.payload_at + LENGTH_BYTES;

	return event->packet.payload_at && at < event->bytes_captured &&
	       dns_parse(event->bytes + at, event->bytes_captured - at, dns) && dns->response;
}

static void note_tcp(struct lookup_slot *slot, const struct event *event, bool to_server)
{
	const struct packet *packet = &event->packet;
	struct lookup *lookup = &slot->lookup;
	bool notable = packet->tcp_flags & (TCP_F_SYN | TCP_F_RST);
	struct evidence evidence;

	slot->tcp_ns = event->head.ts_ns;
	if (to_server && (packet->tcp_flags & TCP_F_SYN)) {
		lookup->tcp = LOOKUP_TCP_TRIED;
		lookup->tcp_port = packet->source_port;
	} else if (!to_server && (packet->tcp_flags & TCP_F_SYN)) {
		lookup->tcp = LOOKUP_TCP_CONNECTED;
	} else if (!to_server && (packet->tcp_flags & TCP_F_RST) &&
		   lookup->tcp == LOOKUP_TCP_TRIED) {
		lookup->tcp = LOOKUP_TCP_REFUSED;
	}
	if (!notable)
		return;
	evidence = lookup_evidence(event, to_server ? DIRECTION_OUT : DIRECTION_IN);
	lookup_add_evidence(slot, &evidence);
}

/* Payload of the server that cannot be read is taken for the answer: of what is not known, nothing is said. */
static void take_stream(struct join *join, struct lookup_slot *slot, const struct event *event)
{
	struct dns dns;

	if (!message_of_segment(event, &dns)) {
		slot->answered = slot->lookup.asked;
		slot->lookup.answer_ns = event->head.ts_ns;
		lookup_succeed(join, slot, event->head.ts_ns);
		return;
	}
	dns.truncated = false; /* no more room is to be had anywhere */
	if (!strcmp(dns.name, slot->lookup.name))
		lookup_take_answer(join, slot, event, &dns);
}

bool lookup_segment(struct join *join, const struct event *event)
{
	bool any = false;
	const struct packet *packet = &event->packet;
	bool to_server = lookup_is_query(packet);
	const __u8 *client = to_server ? packet->source : packet->destination;
	const __u8 *server = to_server ? packet->destination : packet->source;
	struct lookup_slot *slot, *next;

	if (!to_server && !lookup_is_answer(packet))
		return false;
	for (slot = LIST_FIRST(&join->lookups->truncated); slot; slot = next) {
		next = LIST_NEXT(slot, by_truncation);
		if (!address_equal(slot->lookup.client, client) ||
		    !address_equal(slot->lookup.server, server))
			continue;
		any = true;
		note_tcp(slot, event, to_server);
		if (!to_server && packet->payload_bytes)
			take_stream(join, slot, event);
	}
	return any;
}
