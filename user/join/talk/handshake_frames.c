// SPDX-License-Identifier: GPL-2.0-or-later
/* handshake_frames.c - TLS handshakes of connections of which every packet comes: those of a capture */

#include "join/talk/handshakes.h"
#include "join/talk/talk_table.h"

/* ---- its place ---- */

static struct handshake_slot *slot_of(const struct join *join, const struct talk *talk)
{
	return handshakes_at(join, talk->handshake);
}

const struct handshake *handshake_of(const struct join *join, const struct talk *talk)
{
	const struct handshake_slot *slot = slot_of(join, talk);

	return slot ? &slot->handshake : NULL;
}

void handshake_over(struct join *join, const struct talk *talk)
{
	struct handshake_slot *slot = slot_of(join, talk);

	if (!slot)
		return;
	slot->over_record = join->counters.records;
	handshakes_move(join, slot, HANDSHAKE_FREE);
}

/* ---- packets ---- */

static __u32 payload_seq(const struct packet *packet)
{
	return packet->seq + !!(packet->tcp_flags & TCP_F_SYN); /* Fast Open */
}

/* How many bytes stand in front of the ClientHello that the payload holds, -1: it holds none. */
static int hello_at(const struct event *event)
{
	const __u8 *payload = event->bytes + event->packet.payload_at;
	size_t captured = packet_payload_captured(event), at = 0;

	if (!captured)
		return -1;
	if (payload[0] != TLS_HANDSHAKE) /* nearly every packet ends here */
		at = upgrade_header_bytes(payload, captured);
	return tls_begins_client_hello(payload + at, captured - at) ? (int)at : -1;
}

bool handshake_turns(const struct event *event)
{
	return hello_at(event) >= 0;
}

/* The first byte of the side, and not what an earlier one was lost before. */
static bool is_first_byte(const struct stream *stream, const struct packet *packet, __u8 from)
{
	return payload_seq(packet) == stream->side[from].isn + 1;
}

/* What the server had said by then is what the client acknowledges with its hello. */
static void note_before(struct handshake *handshake, const struct stream *stream,
			const struct event *event, __u8 from)
{
	const struct packet *packet = &event->packet;
	const struct stream_side *server = &stream->side[!from];

	handshake->before[from] =
		payload_seq(packet) - (stream->side[from].isn + 1) + (__u32)hello_at(event);
	if ((packet->tcp_flags & TCP_F_ACK) && (server->state & SIDE_BEGUN))
		handshake->before[!from] = packet->ack - (server->isn + 1);
}

void handshake_begin(struct join *join, struct talk *talk, const struct stream *stream,
		     const struct event *event, __u8 from)
{
	bool at_once = talk->side[from].first_word.kind == FIRST_TLS;
	struct handshake_slot *slot;
	struct handshake *handshake;

	if (at_once ? !is_first_byte(stream, &event->packet, from) :
		      from != stream->ends->client || !handshake_turns(event))
		return;
	slot = handshakes_take(join, HANDSHAKE_OPEN, HANDSHAKES_MAX, NULL);
	if (!slot)
		return;
	talk->handshake = handshakes_ref(join, slot);
	talk->tls = true;
	handshake = &slot->handshake;
	handshake->client = stream->ends->client;
	if (!at_once)
		note_before(handshake, stream, event, from);
	else if (talk->side[!from].first.ts_ns)
		handshake->side[!from].flags = TLS_SIDE_NOT_TLS;
}

const struct tls_side *handshake_packet(struct join *join, struct talk *talk,
					const struct stream *stream, const struct event *event,
					__u8 from)
{
	struct handshake_slot *slot = slot_of(join, talk);
	struct handshake *handshake;
	struct tls_side *side;
	__u32 offset;
	__u8 alerts;

	if (!slot)
		return NULL;
	handshake = &slot->handshake;
	side = &handshake->side[from];
	alerts = side->alerts;
	offset = payload_seq(&event->packet) - (stream->side[from].isn + 1);
	handshake_take(handshake, event, offset - handshake->before[from], from);
	if (handshake_is_content(handshake)) {
		handshakes_move(join, slot, HANDSHAKE_FREE);
		talk->handshake = (struct handshake_ref){ 0 };
	}
	return side->alerts != alerts ? side : NULL;
}
