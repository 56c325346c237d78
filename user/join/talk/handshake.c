// SPDX-License-Identifier: GPL-2.0-or-later
/* handshake.c - TLS handshakes: who got how far; those of the connections of a capture */

#include <string.h>

#include "join/talk/talk_table.h"

/* So many of the pool are looked at for a free place: then the one at hand is forgotten. */
enum { PROBES = 64 };
/* Finished with a hash of 48 bytes instead of 32 (TLS_FINISHED_BYTES): 4 + 48 + 1 + 16. */
enum { FINISHED_BYTES_384 = TLS_FINISHED_BYTES + 16 };
/* The least that X.509 takes; encrypted extensions and a Finished together stay far below. */
enum { CERTIFICATE_BYTES = 200 };

/* ---- what is known ---- */

static const struct tls_side *client_of(const struct handshake *handshake)
{
	return &handshake->side[handshake->client];
}

static const struct tls_side *server_of(const struct handshake *handshake)
{
	return &handshake->side[!handshake->client];
}

__u16 handshake_version(const struct handshake *handshake)
{
	return handshake->hello[!handshake->client].version_most;
}

bool handshake_has_certificate(const struct handshake *handshake)
{
	const struct tls_side *server = server_of(handshake);

	if (handshake_version(handshake) == TLS_1_3)
		return server->data_longest >= CERTIFICATE_BYTES;
	return tls_side_sent(server, TLS_CERTIFICATE);
}

bool handshake_client_certificate(const struct handshake *handshake)
{
	const struct tls_side *client = client_of(handshake);
	__u16 first = client->data_bytes[0];

	return handshake_version(handshake) == TLS_1_3 && client->data_count &&
	       !(handshake->hello[handshake->client].flags & TLS_HELLO_EARLY_DATA) &&
	       first != TLS_FINISHED_BYTES && first != FINISHED_BYTES_384;
}

/* TLS 1.2: behind the change of cipher comes nothing else. After a retry request it is a hello. */
static bool has_finished(const struct handshake *handshake)
{
	const struct tls_side *client = client_of(handshake);

	if (handshake_version(handshake) == TLS_1_3)
		return client->data_longest >= TLS_FINISHED_BYTES;
	return client->flags & TLS_SIDE_HANDSHAKE_AFTER;
}

/*
 * In TLS 1.3 the server speaks when it has taken the client's Finished: tickets or data. One record
 * as long as an alert says nothing yet. In TLS 1.2 it has its own Finished, before the client's if a session goes on.
 */
static bool is_content(const struct handshake *handshake)
{
	const struct tls_side *server = server_of(handshake);

	if (!handshake->finished)
		return false;
	if (handshake_version(handshake) != TLS_1_3)
		return server->flags & TLS_SIDE_HANDSHAKE_AFTER;
	return server->data_count > 1 ||
	       (server->data_count && server->data_longest != TLS_ALERT_BYTES);
}

/* ---- the pool ---- */

struct handshake *handshake_of(const struct join *join, const struct talk *talk)
{
	struct handshake *handshake;

	if (!talk->handshake)
		return NULL;
	handshake = &join->talks->handshakes[talk->handshake - 1];
	return handshake->used && handshake->number == talk->number ? handshake : NULL;
}

static bool is_free(const struct join *join, const struct handshake *handshake)
{
	return !handshake->used ||
	       (handshake->over_record && handshake->over_record != join->counters.records);
}

static struct handshake *take_handshake(struct join *join, struct talk *talk)
{
	struct handshake *handshake = NULL;

	for (int i = 0; i < PROBES; i++) {
		join->talks->handshakes_next =
			(join->talks->handshakes_next + 1) % TALK_HANDSHAKES_MAX;
		handshake = &join->talks->handshakes[join->talks->handshakes_next];
		if (is_free(join, handshake))
			break;
	}
	*handshake = (struct handshake){ .used = true, .number = talk->number };
	talk->handshake = (__u16)(join->talks->handshakes_next + 1);
	talk->tls = true;
	return handshake;
}

void handshake_over(struct join *join, const struct talk *talk)
{
	struct handshake *handshake = handshake_of(join, talk);

	if (handshake)
		handshake->over_record = join->counters.records;
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
	struct handshake *handshake;

	if (at_once ? !is_first_byte(stream, &event->packet, from) :
		      from != stream->ends->client || !handshake_turns(event))
		return;
	handshake = take_handshake(join, talk);
	handshake->client = stream->ends->client;
	if (!at_once)
		note_before(handshake, stream, event, from);
	else if (talk->side[!from].first.ts_ns)
		handshake->side[!from].flags = TLS_SIDE_NOT_TLS;
}

/* @before: so many bytes of the side had been taken. */
static void note_client(struct handshake *handshake, __u32 before, __u64 now_ns)
{
	const struct tls_side *client = client_of(handshake);
	const struct tls_hello *hello = &handshake->hello[handshake->client];

	if (!(client->flags & TLS_SIDE_BEGUN))
		return;
	if (!handshake->hello_ns)
		handshake->hello_ns = now_ns;
	if (!before || (client->next > before && before < TLS_HEADER_BYTES + hello->bytes)) {
		handshake->hello_end_ns = now_ns;
		handshake->hello_segments++;
	}
	if (!handshake->finished && handshake->answer_ns && has_finished(handshake)) {
		handshake->finished = true;
		handshake->finished_ns = now_ns;
		tls_side_mark(&handshake->side[!handshake->client]);
	}
}

static void note_server(struct handshake *handshake, __u64 now_ns)
{
	if (handshake->finished && !handshake->reply_ns && server_of(handshake)->data_count)
		handshake->reply_ns = now_ns;
	if (handshake->answer_ns || !tls_side_sent(server_of(handshake), TLS_SERVER_HELLO))
		return;
	handshake->answer_ns = now_ns;
	tls_side_mark(&handshake->side[handshake->client]); /* what it sent before is early data */
}

static void note_alert(struct handshake *handshake, __u8 from, __u64 now_ns)
{
	const struct tls_side *side = &handshake->side[from];

	if (handshake->alert_ns || !side->alert_level || tls_alert_is_closure(side->alert))
		return;
	handshake->alert_ns = now_ns;
	handshake->alert_from = from;
}

void handshake_take(struct handshake *handshake, const struct event *event, __u32 offset, __u8 from)
{
	struct tls_side *side = &handshake->side[from];
	__u32 before = side->next;
	const __u8 *payload = event->bytes + event->packet.payload_at;
	size_t captured = packet_payload_captured(event);

	tls_side_take(side, offset, payload, captured, event->packet.payload_bytes,
		      &handshake->hello[from]);
	if (from == handshake->client)
		note_client(handshake, before, event->head.ts_ns);
	else
		note_server(handshake, event->head.ts_ns);
	note_alert(handshake, from, event->head.ts_ns);
}

const struct tls_side *handshake_packet(struct join *join, struct talk *talk,
					const struct stream *stream, const struct event *event,
					__u8 from)
{
	struct handshake *handshake = handshake_of(join, talk);
	struct tls_side *side;
	__u32 offset;
	__u8 alerts;

	if (!handshake)
		return NULL;
	side = &handshake->side[from];
	alerts = side->alerts;
	offset = payload_seq(&event->packet) - (stream->side[from].isn + 1);
	handshake_take(handshake, event, offset - handshake->before[from], from);
	if (is_content(handshake)) {
		handshake->used = false;
		talk->handshake = 0;
	}
	return side->alerts != alerts ? side : NULL;
}
