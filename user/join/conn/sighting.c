// SPDX-License-Identifier: GPL-2.0-or-later
/* sighting.c - what a record says of a packet, before it is known whose that is */

#include <string.h>

#include "join/conn/opening.h"

void sighting_note_packet(struct sighting *sighting, const struct packet *packet)
{
	struct evidence *evidence = &sighting->evidence;

	evidence_note_packet(evidence, packet);
	if (packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER)) {
		sighting->quoted = true;
		memcpy(evidence->address, packet->source, sizeof(evidence->address));
		memcpy(sighting->source, packet->inner.source, sizeof(sighting->source));
		memcpy(sighting->destination, packet->inner.destination,
		       sizeof(sighting->destination));
		sighting->source_port = packet->inner.source_port;
		sighting->destination_port = packet->inner.destination_port;
		sighting->seq = packet->inner.seq;
		sighting->seq_known = packet->flags & PACKET_F_INNER_SEQ;
		return;
	}
	memcpy(sighting->source, packet->source, sizeof(sighting->source));
	memcpy(sighting->destination, packet->destination, sizeof(sighting->destination));
	sighting->source_port = packet->source_port;
	sighting->destination_port = packet->destination_port;
	sighting->seq = packet->seq;
	sighting->seq_known = packet->what == PACKET_TCP;
	sighting->ts_value = packet->ts_value;
	sighting->ts_echo = packet->ts_echo;
}

static void note_reset(struct sighting *sighting, const struct event *event)
{
	const struct ev_reset *reset = &event->reset;

	sighting->provoking = true;
	sighting->state = reset->state;
	sighting->evidence.reason = reset->reason;
	sighting->evidence.old_state = reset->state;
	if (event->packet.what == PACKET_TCP || !(event->head.known & EVENT_K_TUPLE))
		return;
	/* sent without being asked: the peer's packets pass the other way round */
	memcpy(sighting->source, reset->tuple.remote, sizeof(sighting->source));
	memcpy(sighting->destination, reset->tuple.local, sizeof(sighting->destination));
	sighting->source_port = reset->tuple.remote_port;
	sighting->destination_port = reset->tuple.local_port;
}

void sighting_take(struct sighting *sighting, const struct event *event)
{
	memset(sighting, 0, sizeof(*sighting));
	sighting->evidence = evidence_of(event);
	sighting->cookie = event->head.cookie;
	if (event->packet.what != PACKET_NONE)
		sighting_note_packet(sighting, &event->packet);
	if (event->head.kind == EVENT_RESET_SENT) {
		note_reset(sighting, event);
	} else if (event->head.kind == EVENT_ICMP_SENT) {
		sighting->provoking = true;
		sighting->evidence.icmp_type = event->icmp.type;
		sighting->evidence.icmp_code = event->icmp.code;
	} else if (event->head.kind == EVENT_DROP) {
		sighting->state = event->drop.rx_state;
		sighting->evidence.reason = event->drop.reason;
		sighting->evidence.location = event->drop.location;
		sighting->evidence.count = event->drop.backlog;
		sighting->evidence.limit = event->drop.backlog_max;
	}
}

void sighting_take_full(struct sighting *sighting, const struct event *event)
{
	const struct ev_listener *listener = &event->listener;
	const struct event_tuple *tuple = &listener->tuple;

	*sighting = (struct sighting){
		.evidence = evidence_of(event),
		.source_port = tuple->remote_port,
		.destination_port = tuple->local_port,
		.cookie = event->head.cookie,
		.seq = listener->isn,
		.seq_known = true,
	};
	sighting->evidence.count = listener->backlog;
	sighting->evidence.limit = listener->backlog_max;
	memcpy(sighting->source, tuple->remote, sizeof(sighting->source));
	memcpy(sighting->destination, tuple->local, sizeof(sighting->destination));
}
