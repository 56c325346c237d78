// SPDX-License-Identifier: GPL-2.0-or-later
/* handshake.c - a TLS handshake: who got how far, by what both sides sent */

#include "join/talk/handshake.h"

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
bool handshake_is_content(const struct handshake *handshake)
{
	const struct tls_side *server = server_of(handshake);

	if (!handshake->finished)
		return false;
	if (handshake_version(handshake) != TLS_1_3)
		return server->flags & TLS_SIDE_HANDSHAKE_AFTER;
	return server->data_count > 1 ||
	       (server->data_count && server->data_longest != TLS_ALERT_BYTES);
}

/* ---- packets ---- */

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

void handshake_turn(struct handshake *handshake, __u8 client)
{
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
