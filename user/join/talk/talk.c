// SPDX-License-Identifier: GPL-2.0-or-later
/* talk.c - what is said on connections whose every packet comes, and when one of them is to be judged */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/talk/talk_table.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hot.h"
#include "util/seq.h"
#include "util/time.h"

#define PAUSE_NS NS_PER_S /* who speaks again after so long has not just gone on */
#define SENT_AGAIN (BIT(STREAM_RETRANSMISSION) | BIT(STREAM_FAST_RETRANSMISSION))
#define SAYS_NOTHING                                                                 \
	(SENT_AGAIN | BIT(STREAM_SPURIOUS_RETRANSMISSION) | BIT(STREAM_KEEP_ALIVE) | \
	 BIT(STREAM_ZERO_WINDOW_PROBE))

/* ---- what is known ---- */

void talk_tuple(const struct talk *talk, struct event_tuple *tuple)
{
	const struct stream *stream = talk->stream;
	__u8 client = stream->ends->client;

	*tuple = (struct event_tuple){
		.local_port = stream->ends->port[client],
		.remote_port = stream->ends->port[!client],
		.family = address_is_ipv4(stream->ends->address[client]) ? AF_INET : AF_INET6,
		.protocol = IPPROTO_TCP,
	};
	memcpy(tuple->local, stream->ends->address[client], sizeof(tuple->local));
	memcpy(tuple->remote, stream->ends->address[!client], sizeof(tuple->remote));
}

/* ---- the end ---- */

/* Nothing was said but what stood in the SYN itself (Fast Open): that alone connects nobody. */
static bool is_syn_data(const struct talk *talk, const struct stream *stream)
{
	const struct talk_side *client = &talk->side[stream->ends->client];

	return talk->bursts == 1 && (client->data.tcp_flags & TCP_F_SYN) && !talk->syn_ack.ts_ns;
}

/* Somebody spoke, or the client acknowledged the SYN/ACK: before that it is the opening's matter. */
static bool is_established(const struct talk *talk, const struct stream *stream)
{
	const struct stream_side *client = &stream->side[stream->ends->client];

	return (talk->bursts && !is_syn_data(talk, stream)) ||
	       (!stream->ends->client_known && talk->side[0].probes + talk->side[1].probes) ||
	       (talk->syn_ack.ts_ns && stream_has_acked(client, talk->syn_ack.seq + 1));
}

/* Nothing more is listened to: the first judgement is the last. */
static struct talk *take_away(struct join *join, struct conn *conn)
{
	struct talk *talk = conn->talk;

	conn->talk = NULL;
	conn->claimed = true;
	handshake_over(join, talk);
	return talk;
}

/* Returns what was said where that is to be judged, else NULL. */
static const struct talk *end(struct join *join, struct conn *conn)
{
	const struct stream *stream = conn->stream;
	struct talk *talk = take_away(join, conn);

	if (!is_established(talk, stream)) {
		talks_give_back(join->talks, talk);
		return NULL;
	}
	talk->stream = stream;
	if (talk->ended_ns < stream->last_ns)
		talk->ended_ns = stream->last_ns;
	return talk;
}

/* Its file holds what a finding spoke of: that may have been its begin, and what came then is not missing. */
static bool lacks_end(const struct conn *conn, const struct talk *talk)
{
	const struct talk_side *side = talk->side;

	return (conn->sources & SOURCE_CHOSEN) && !side[0].fin.ts_ns && !side[1].fin.ts_ns &&
	       !side[0].reset.ts_ns && !side[1].reset.ts_ns;
}

/* A side sent a FIN or a reset, be that out of the window: nobody knows of a wait that goes on behind the last packet. */
static bool is_leaving(const struct stream *stream)
{
	for (int side = 0; side < 2; side++)
		if (stream->side[side].fin_ns || stream->side[side].resets)
			return true;
	return false;
}

const struct talk *talk_finish_next(struct join *join)
{
	struct conn *conn;

	while ((conn = conns_at(join->conns, join->talks->finished))) {
		struct talk *talk = conn->talk;
		const struct talk *over;

		join->talks->finished++;
		if (!conn->queue || !talk)
			continue;
		talk->ended_ns = is_leaving(conn->stream) ? 0 : join->now_ns;
		over = lacks_end(conn, talk) ? NULL : end(join, conn);
		if (over)
			return over;
	}
	return NULL;
}

/* ---- packets ---- */

static struct talk_mark mark_of(const struct event *event)
{
	const struct packet *packet = &event->packet;

	return (struct talk_mark){
		.ts_ns = event->head.ts_ns,
		.frame = event->head.kind == EVENT_FRAME ? event->frame.frame : 0,
		.seq = packet->seq,
		.ack = packet->ack,
		.payload_bytes = packet->payload_bytes,
		.window = packet->window,
		.tcp_flags = packet->tcp_flags,
		.ttl = packet->ttl,
	};
}

/*
 * RFC 8446 6: an alert in clear is of that type; encrypted by TLS 1.3 it is as long as no other record
 * but one of two bytes of data. What stands before it may be HTTP/2's GOAWAY.
 */
APART bool is_alert(const __u8 *bytes, size_t left)
{
	struct tls_record record = { 0 };

	while (left) {
		if (!tls_record_parse(bytes, left, &record) ||
		    left < (size_t)TLS_HEADER_BYTES + record.bytes)
			return false;
		bytes += TLS_HEADER_BYTES + record.bytes;
		left -= (size_t)TLS_HEADER_BYTES + record.bytes;
	}
	return record.type == TLS_ALERT ||
	       (record.type == TLS_DATA && record.bytes == TLS_ALERT_BYTES);
}

/* RFC 8446 6.1, or the words of another protocol (first.h). */
static bool takes_leave(const struct event *event)
{
	const __u8 *bytes = event->bytes + event->packet.payload_at;
	size_t left = packet_payload_captured(event);

	/* most packets end here */
	if (left < event->packet.payload_bytes || left > TALK_GOODBYE_BYTES)
		return false;
	if (left >= TLS_HEADER_BYTES && bytes[0] >= TLS_CHANGE_CIPHER && bytes[0] <= TLS_HEARTBEAT)
		return is_alert(bytes, left);
	return first_is_goodbye(bytes, left);
}

/*
 * An answer that only says to go on (RFC 9110 15.2), or without TLS: the one that counts comes behind it. 101 is what was
 * asked for.
 */
static bool is_interim(const struct first *first)
{
	return (first->kind == FIRST_HTTP && first->number < 200 && first->number != 101) ||
	       (first->kind == FIRST_POSTGRESQL_TLS && !first->number);
}

static void take_http(struct talk *talk, const struct event *event, bool server,
		      const struct first *first)
{
	const __u8 *bytes = event->bytes + event->packet.payload_at;
	struct talk_answer *http = &talk->http;
	size_t captured = packet_payload_captured(event);

	if (!server) {
		/* the rest of the same request: its body, behind a pause or behind 100 */
		if (first->kind != FIRST_HTTP_REQUEST && http->asked && !http->answered)
			return;
		*http = (struct talk_answer){
			.asked = first->kind == FIRST_HTTP_REQUEST &&
				 !http_wants_no_body(bytes, captured),
		};
	} else if (first->kind == FIRST_HTTP) {
		http_length_parse(bytes, captured, first, &http->length);
		http->length.known &= http->asked;
		http->answered = !is_interim(first);
		http->body_seq = event->packet.seq + http->length.header_bytes;
	}
}

static void take_upgrade(struct talk_upgrade *upgrade, const struct event *event, bool server)
{
	const __u8 *bytes = event->bytes + event->packet.payload_at;
	size_t captured = packet_payload_captured(event);
	enum upgrade_kind asked;

	if (server) {
		if (upgrade->kind && !upgrade->refused)
			upgrade->refused =
				upgrade_refused(upgrade->kind, bytes, captured,
						event->packet.payload_bytes, &upgrade->refusal);
		return;
	}
	if (tls_begins_client_hello(bytes, captured))
		return; /* that is what it asked for */
	asked = upgrade_asked(bytes, captured, event->packet.payload_bytes);
	if (asked || !upgrade->refused)
		*upgrade = (struct talk_upgrade){ .kind = asked };
}

static void take_first_word(struct talk_side *side, const struct first *first)
{
	if (side->first.ts_ns) {
		if (!is_interim(&side->first_word) || first->kind == FIRST_NONE)
			return;
		side->interim = true;
	}
	side->first_word = *first;
}

static void take_class(struct talk *talk, const struct event *event, __u8 from, bool server)
{
	const struct packet *packet = &event->packet;
	struct tls_record record;
	struct first first;

	first_parse(event->bytes + packet->payload_at, packet_payload_captured(event),
		    packet->payload_bytes, server, &first);
	talk->burst[0].kind = first.kind;
	talk->burst[0].tls = tls_record_parse(event->bytes + packet->payload_at,
					      packet_payload_captured(event), &record);
	take_first_word(&talk->side[from], &first);
	take_http(talk, event, server, &first);
	if (!talk->tls) /* what is inside cannot be read */
		take_upgrade(&talk->upgrade, event, server);
}

/* The end of chunks is in the last packet; what was not captured whole may hold it. */
static void take_chunks(struct talk_answer *http, const struct event *event)
{
	size_t captured = packet_payload_captured(event);

	if (captured < event->packet.payload_bytes)
		http->length.known = false;
	else
		http->ended = http_ends_chunks(event->bytes + event->packet.payload_at, captured);
}

/*
 * What stands before it was not seen, or comes later. Only one is known: the first that is not filled
 * decides, and whether it was is seen by what the other side acknowledges.
 */
static void take_hole(struct talk *talk, const struct stream *stream, const struct event *event,
		      __u8 from)
{
	struct talk_side *side = &talk->side[from];
	const struct talk_mark *syn = from == stream->ends->client ? &talk->syn : &talk->syn_ack;
	__u32 end = side->data.ts_ns ? talk_data_end(side) : syn->seq + 1;

	if ((!side->data.ts_ns && !syn->ts_ns) || !seq_before(end, event->packet.seq))
		return;
	if (side->hole_bytes && !stream_has_acked(&stream->side[!from], side->hole_seq + 1))
		return;
	side->hole_seq = end;
	side->hole_bytes = event->packet.seq - end;
	side->hole_ns = event->head.ts_ns;
}

APART void begin_burst(struct talk *talk, const struct stream *stream, const struct event *event,
		       __u8 side)
{
	struct talk_burst *burst = talk->burst;
	__u64 now_ns = event->head.ts_ns;

	talk->bursts++;
	burst[1] = burst[0];
	burst[0] = (struct talk_burst){
		.first_ns = now_ns,
		.idle_ns = talk->bursts > 1 ? ns_between(burst[1].last_ns, now_ns) : 0,
		.side = side,
	};
	take_class(talk, event, side, side != stream->ends->client);
}

/*
 * The server's first word after the client's last one: its application's time begins when its host has
 * acknowledged that. What the answer itself acknowledged first says nothing about the two.
 */
static void note_answer(struct talk *talk, const struct stream *stream, const struct event *event)
{
	const struct talk_side *client = &talk->side[stream->ends->client];
	const struct stream_side *server = &stream->side[!stream->ends->client];
	__u64 took_ns = ns_between(server->acked_ns, event->head.ts_ns);

	if (took_ns <= talk->answer_ns || client->stuck_count ||
	    server->acked_ns < client->data.ts_ns ||
	    !stream_has_acked(server, talk_data_end(client)))
		return;
	talk->answer_ns = took_ns;
	talk->asked_class = talk->burst[0].kind;
	talk->asked = client->data;
	talk->answered = mark_of(event);
}

/* The other side's FIN has arrived since its last word: what it says now may be another one. */
static bool hears_fin(const struct talk_burst *burst, const struct talk_mark *fin, __u32 ack)
{
	return fin->ts_ns && burst->last_ns <= fin->ts_ns &&
	       seq_before(fin->seq + fin->payload_bytes, ack);
}

static void take_data(struct talk *talk, const struct stream *stream, const struct event *event,
		      __u8 from)
{
	const struct packet *packet = &event->packet;
	struct talk_side *side = ELEMENT(talk->side, from);
	struct talk_burst *burst = &talk->burst[0];
	__u32 packet_end = packet->seq + packet->payload_bytes;

	if (side->data.ts_ns && !seq_before(talk_data_end(side), packet_end))
		return; /* out of order: the word it belongs to was heard */
	if (talk->bursts && burst->side != from && from != stream->ends->client)
		note_answer(talk, stream, event);
	if (!talk->bursts || burst->side != from ||
	    ns_between(burst->last_ns, event->head.ts_ns) >= PAUSE_NS ||
	    hears_fin(burst, &talk->side[!from].fin, packet->ack))
		begin_burst(talk, stream, event, from);
	burst->last_ns = event->head.ts_ns;
	burst->end_seq = packet_end;
	burst->bytes += packet->payload_bytes;
	burst->leave = takes_leave(event);
	if (talk->upgrade.refused && from == stream->ends->client && !burst->leave)
		talk->upgrade.refused = false; /* it goes on without */
	if (talk->http.length.chunked && from != stream->ends->client)
		take_chunks(&talk->http, event);
	take_hole(talk, stream, event, from);
	side->data = mark_of(event);
	if (!side->first.ts_ns)
		side->first = side->data;
	if (packet->payload_bytes > side->longest_bytes) {
		side->longest_bytes = packet->payload_bytes;
		side->longest_seq = packet->seq;
	}
}

static void take_again(struct talk *talk, const struct stream *stream, const struct event *event,
		       __u8 from)
{
	const struct packet *packet = &event->packet;
	const struct stream_side *peer = &stream->side[!from];
	struct talk_side *side = ELEMENT(talk->side, from);

	side->again = mark_of(event);
	if (side->stuck_count && !stream_has_acked(peer, side->stuck_seq + 1)) {
		if (packet->seq == side->stuck_seq) {
			side->stuck_count++;
			side->stuck_heard |= side->stuck_peer_packets != (__u32)peer->packets;
			if (packet->payload_bytes > side->stuck_bytes)
				side->stuck_bytes = packet->payload_bytes;
			return;
		}
		if (seq_before(side->stuck_seq, packet->seq))
			return; /* a later hole: the first one decides */
	}
	side->stuck_seq = packet->seq;
	side->stuck_bytes = packet->payload_bytes;
	side->stuck_count = 1;
	side->stuck_peer_packets = (__u32)peer->packets;
	side->stuck_heard = false;
	side->stuck_ns = event->head.ts_ns;
}

static void take_probe(struct talk *talk, const struct stream *stream, const struct event *event,
		       __u8 from)
{
	struct talk_side *side = ELEMENT(talk->side, from);
	__u32 peer_packets = (__u32)stream->side[!from].packets;

	if (side->probes && side->probes_peer_packets == peer_packets) {
		side->probes++;
		return;
	}
	side->probes = 1;
	side->probes_ns = event->head.ts_ns;
	side->probes_peer_packets = peer_packets;
}

/*
 * RFC 9293 3.5.3: a reset counts when its sequence number is in the window. Stacks differ by one
 * (a keep-alive's answer, a FIN that counts or not), and what the other side sent last may still be
 * on its way.
 */
static bool counts(const struct stream *stream, const struct packet *packet, __u8 from)
{
	const struct stream_side *peer = &stream->side[!from];
	__u32 window = 65535;

	if (!(peer->state & SIDE_ACKED))
		return true;
	if (peer->wscale <= 14)
		window <<= peer->wscale;
	return packet->seq - (peer->acked - 1) <= window;
}

static void take_marks(struct talk *talk, const struct stream *stream, const struct event *event,
		       __u8 from)
{
	const struct packet *packet = &event->packet;
	struct talk_side *side = ELEMENT(talk->side, from);

	if ((packet->tcp_flags & TCP_F_SYN) && (packet->tcp_flags & TCP_F_ACK)) {
		if (stream_has_acked(&stream->side[!from], packet->seq + 1))
			talk->syn_acks_again++;
		else
			talk->syn_ack = mark_of(event);
	}
	if ((packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN)
		talk->syn = mark_of(event);
	if ((packet->tcp_flags & TCP_F_FIN) && !side->fin.ts_ns)
		side->fin = mark_of(event);
	if ((packet->tcp_flags & TCP_F_RST) && !side->reset.ts_ns && counts(stream, packet, from))
		side->reset = mark_of(event);
}

/* Not at the second FIN: what its sender said last may still be answered with a reset. */
static bool is_over(const struct talk *talk, const struct stream *stream,
		    const struct packet *packet)
{
	const struct talk_side *side = talk->side;

	if (packet->tcp_flags & TCP_F_RST && (side[0].reset.ts_ns || side[1].reset.ts_ns))
		return true;
	return (stream->side[0].state & stream->side[1].state & SIDE_FIN_ACKED);
}

/* A pure acknowledgment says nothing, but for the last one. */
static bool says_something(const struct packet *packet, const struct stream_look *look)
{
	return packet->payload_bytes || (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)) ||
	       (look->flags & BIT(STREAM_KEEP_ALIVE)) ||
	       (look->stream->side[!look->from].state & SIDE_FIN);
}

/*
 * The first of its sender with payload, or where the client turns to TLS. Of a capture: live what follows a
 * hello is not captured, and handshakes are judged by what is told of them (handshake_notable.c).
 */
static bool may_begin_tls(const struct talk *talk, const struct stream *stream,
			  const struct event *event, __u8 from)
{
	return event->head.kind == EVENT_FRAME &&
	       (talk->side[from].first.frame == event->frame.frame ||
		(from == stream->ends->client && handshake_turns(event)));
}

/* Nobody takes it: it is no word. */
static void take_stray(struct talk *talk, const struct stream *stream, const struct event *event,
		       __u8 from)
{
	struct talk_side *side = ELEMENT(talk->side, from);

	side->stray = mark_of(event);
	side->stray_bytes = event->packet.seq - stream->side[!from].acked;
}

/* Returns the side whose alert of TLS ended in it, NULL none. */
static const struct tls_side *take_payload(struct join *join, struct talk *talk,
					   const struct stream *stream, const struct event *event,
					   const struct stream_look *look)
{
	if (look->stray) {
		take_stray(talk, stream, event, look->from);
		return NULL;
	}
	if (look->flags & SENT_AGAIN)
		take_again(talk, stream, event, look->from);
	if (!(look->flags & SAYS_NOTHING))
		take_data(talk, stream, event, look->from);
	if (!talk->tls && may_begin_tls(talk, stream, event, look->from))
		handshake_begin(join, talk, stream, event, look->from);
	return talk->handshake.place ? handshake_packet(join, talk, stream, event, look->from) :
				       NULL;
}

const struct talk *talk_leave(struct join *join, struct conn *conn)
{
	return conn->talk ? end(join, conn) : NULL;
}

const struct talk *talk_packet(struct join *join, struct conn *conn, const struct event *event,
			       const struct stream_look *look, const struct tls_side **alert)
{
	const struct packet *packet = &event->packet;
	const struct stream *stream = look->stream;
	struct talk *talk;

	if (look->copy || !says_something(packet, look))
		return NULL;
	if (conn->claimed) {
		if (conn->talk)
			talks_give_back(join->talks, take_away(join, conn));
		return NULL;
	}
	if (!conn->talk)
		conn->talk = talks_take(join->talks);
	talk = conn->talk;
	if (!talk)
		return NULL;
	if (look->flags & BIT(STREAM_KEEP_ALIVE))
		take_probe(talk, stream, event, look->from);
	if (packet->payload_bytes)
		*alert = take_payload(join, talk, stream, event, look);
	if (packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN | TCP_F_RST) && !look->stray)
		take_marks(talk, stream, event, look->from);
	return is_over(talk, stream, packet) ? end(join, conn) : NULL;
}

/* ---- evidence ---- */

static size_t add_mark(struct evidence *evidence, size_t count, const struct talk_mark *mark,
		       enum evidence_direction direction)
{
	size_t at = count;

	if (!mark->ts_ns)
		return count;
	for (size_t i = 0; i < count; i++)
		if (evidence[i].ts_ns == mark->ts_ns && evidence[i].frame == mark->frame &&
		    evidence[i].seq == mark->seq && evidence[i].direction == direction)
			return count;
	while (at && evidence[at - 1].ts_ns > mark->ts_ns)
		at--;
	memmove(&evidence[at + 1], &evidence[at], (count - at) * sizeof(*evidence));
	evidence[at] = (struct evidence){
		.ts_ns = mark->ts_ns,
		.frame = mark->frame,
		.kind = EVENT_PACKET,
		.vantage = VANTAGE_FILE,
		.direction = (__u8)direction,
		.seq = mark->seq,
		.ack = mark->ack,
		.payload_bytes = mark->payload_bytes,
		.window = mark->window,
		.packet_what = PACKET_TCP,
		.tcp_flags = mark->tcp_flags,
		.ttl = mark->ttl,
	};
	return count + 1;
}

size_t talk_evidence(const struct talk *talk, struct evidence *evidence)
{
	size_t count = 0;

	count = add_mark(evidence, count, &talk->syn, DIRECTION_OUT);
	count = add_mark(evidence, count, &talk->syn_ack, DIRECTION_IN);
	count = add_mark(evidence, count, &talk->asked, DIRECTION_OUT);
	count = add_mark(evidence, count, &talk->answered, DIRECTION_IN);
	for (int i = 0; i < 2; i++) {
		const struct talk_side *side = &talk->side[i];
		enum evidence_direction direction =
			i == talk->stream->ends->client ? DIRECTION_OUT : DIRECTION_IN;

		count = add_mark(evidence, count, &side->first, direction);
		count = add_mark(evidence, count, &side->data, direction);
		count = add_mark(evidence, count, &side->again, direction);
		count = add_mark(evidence, count, &side->stray, direction);
		count = add_mark(evidence, count, &side->fin, direction);
		count = add_mark(evidence, count, &side->reset, direction);
	}
	return count;
}
