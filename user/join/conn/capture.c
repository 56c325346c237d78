// SPDX-License-Identifier: GPL-2.0-or-later
/* capture.c - openings from packets alone: what a capture file tells of a connect */

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "join/conn/opening.h"
#include "join/host/sight.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/array.h"
#include "util/tcp.h"
#include "util/time.h"

/*
 * A capture has no sockets. A SYN makes an opening; its repetitions, its answer and its end are told by
 * packets of the same two ends. What is not on the wire stays unknown: who asked, with what errno
 * it ended, and when a client that waits in vain gave up.
 *
 *   SYN ── SYN/ACK ── the client's ACK ──► established, then proven as live, or reset young
 *    │ ├── RST that acknowledges it ─────► failed (RFC 9293 3.10.7.3: one that does not is nothing)
 *    │ └── the client's RST after a SYN/ACK ─► given up
 *    └── a SYN of another number, 130 s, or the end of the capture ─► its end was not seen
 *
 * Where the packets were taken is not known: at the client, at the server or between them. Of one
 * direction alone nothing can be said to be missing, so it is kept which addresses packets go to.
 */

/* Linux gives up 127 s after the first SYN (tcp_syn_retries 6), and it is the last to do so. */
#define GIVEN_UP_NS (130 * NS_PER_S)

void capture_see_whole(struct join *join, struct opening_slot *slot)
{
	struct opening *opening = &slot->opening;

	opening->blind_start = !opening->seen_whole;
	opening->blind_lost = join->counters.lost;
	opening->blind_wire = !sight_has(join, opening->tuple.local);
}

/* ---- the end ---- */

/* Nobody else tells what is said on it, from either end. */
static void claim(struct conn *conn)
{
	conn->claimed = true;
	if (conn->mirror)
		conn->mirror->claimed = true;
}

static void end_opening(struct join *join, struct opening_slot *slot, enum wait_end end,
			__u64 now_ns)
{
	struct opening *opening = &slot->opening;

	opening->state = OPENING_FAILED;
	opening->end = end;
	opening->ended_ns = now_ns > opening->started_ns ? now_ns : opening->started_ns;
	if (opening->established_ns)
		claim(slot->conn);
	openings_note(join, slot, NOTE_FAILED);
}

/* The SYN was answered, and the file does not hold what came of that. */
static bool lacks_acks(const struct opening_slot *slot)
{
	return (slot->conn->sources & SOURCE_SOME_PACKETS) && slot->opening.synack_in;
}

/*
 * Nothing more of it will be looked for. It failed if it was watched for long enough to say that
 * no answer came, or nothing after the one that did; else it is not known how it ended. What an
 * ICMP error decided was over with that.
 */
static void let_go(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	struct opening *opening = &slot->opening;
	bool answered = opening->synack_in || opening->ack_in || opening->reset_other_in;
	__u64 since_ns = answered ? openings_last(join, slot)->seen_ns : opening->started_ns;

	/* a SYN/ACK that is sent again says itself that time has passed */
	if (opening->synack_in > 1 && !opening->established_ns)
		since_ns = opening->answer_ns;
	/* and so does a SYN that is challenged again */
	if (opening->stale_in > 1 && !opening->synack_in)
		since_ns = opening->started_ns;

	if (lacks_acks(slot)) {
		openings_end_unseen(join, slot, now_ns);
	} else if (opening->icmp_in.count) {
		end_opening(join, slot, WAIT_UNSEEN, openings_last(join, slot)->seen_ns);
	} else if (now_ns >= since_ns + join->limits.unanswered_ns) {
		end_opening(join, slot, WAIT_UNSEEN, now_ns);
	} else {
		openings_end_unseen(join, slot, now_ns);
	}
}

static bool waits(const struct opening_slot *slot)
{
	return opening_is_captured(&slot->opening) && slot->opening.state == OPENING_CONNECTING;
}

bool capture_expire(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	__u64 until_ns = slot->opening.started_ns + GIVEN_UP_NS;

	if (until_ns >= now_ns || !opening_is_captured(&slot->opening))
		return false;
	if (waits(slot))
		let_go(join, slot, until_ns);
	return true;
}

bool capture_end_oldest(struct join *join)
{
	enum { LOOKS = 16 }; /* where none waits, as live, a full table must not cost a walk */
	struct conn *conn = conns_first(join->conns, CONN_OPENING);

	for (int looks = 0; conn && looks < LOOKS; conn = conns_next(conn), looks++) {
		struct opening_slot *slot = conn->opening;

		if (!waits(slot) || !slot->seen)
			continue;
		let_go(join, slot, join->now_ns);
		return true;
	}
	return false;
}

bool capture_over(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	if (waits(slot))
		let_go(join, slot, now_ns);
	return true;
}

/* A mirror shows a packet twice or more. */
static bool is_seen(struct join *join, const struct opening_slot *slot, const struct event *event)
{
	struct captured_last *last = openings_last(join, slot);

	return copy_of_packet(last->past, ARRAY_SIZE(last->past), &last->past_next, event);
}

/* A stream has judged its segments before. */
static bool is_copy(struct join *join, const struct opening_slot *slot, const struct event *event,
		    const struct stream_look *look)
{
	return look->stream ? look->alike : is_seen(join, slot, event);
}

/* ---- what a packet tells ---- */

static void add_evidence(struct join *join, struct opening_slot *slot, const struct event *event,
			 enum evidence_direction direction)
{
	struct sighting sighting = { .evidence = evidence_of(event) };

	sighting_note_packet(&sighting, &event->packet);
	sighting.evidence.kind = EVENT_PACKET; /* a frame is one, taken from a file */
	sighting.evidence.frame = event->frame.frame;
	sighting.evidence.direction = direction;
	openings_add_evidence(join, slot, &sighting.evidence);
}

static void note_syn(struct opening *opening, const struct event *event)
{
	__u64 ts_ns = event->head.ts_ns;

	if (!opening->syn_sent)
		opening->syn_timestamp = event->packet.ts_value;
	opening->syn_sent++;
	opening->syn_handed++;
	if (!opening->syn_first_ns)
		opening->syn_first_ns = ts_ns;
	opening->syn_last_ns = ts_ns;
}

static void establish(struct join *join, struct opening_slot *slot, __u64 ts_ns)
{
	struct opening *opening = &slot->opening;

	opening->state = OPENING_ESTABLISHED;
	opening->established_ns = ts_ns > opening->started_ns ? ts_ns : opening->started_ns;
	openings_note(join, slot, NOTE_ESTABLISHED);
}

/*
 * The client's ACK ends the handshake when it acknowledges the SYN/ACK. Without a SYN/ACK in sight
 * its sequence number tells: nobody sends what follows a SYN before that was answered. Data and
 * FIN say the same whatever they acknowledge: what came between may not have been captured.
 */
static bool completes(const struct opening *opening, const struct packet *packet)
{
	__u32 sent = packet->seq - (opening->isn + 1);

	if (!(packet->tcp_flags & TCP_F_ACK) || sent > OPENING_FLIGHT)
		return false;
	if (packet->payload_bytes || (packet->tcp_flags & TCP_F_FIN) || !opening->peer_isn_known)
		return true;
	return opening_is_acked(opening->peer_isn, packet->ack);
}

static void take_from_client(struct join *join, struct opening_slot *slot,
			     const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening *opening = &slot->opening;
	bool established = opening->established_ns;

	if (packet->tcp_flags & TCP_F_RST) {
		add_evidence(join, slot, event, DIRECTION_OUT);
		opening->reset_out++;
		/* the reset of a challenge has the number of that: the client will ask again */
		if (!established && (opening->synack_in || packet->seq - opening->isn <= 1))
			end_opening(join, slot, WAIT_CANCELED, event->head.ts_ns);
		return;
	}
	if (packet->payload_bytes)
		openings_last(join, slot)->spoke = true;
	if (packet->tcp_flags & TCP_F_SYN)
		return; /* a SYN/ACK: both opened at once, and the other opening tells it */
	if (established && opening->peer_isn_known &&
	    packet->ack - (opening->peer_isn + 1) <= INT32_MAX &&
	    packet->ack != opening->peer_isn + 1) {
		opening->bytes_received = packet->ack - (opening->peer_isn + 1);
		slot->conn->watched = false;
	}
	if (established || !completes(opening, packet)) {
		if (!established)
			add_evidence(join, slot, event, DIRECTION_OUT);
		return;
	}
	add_evidence(join, slot, event, DIRECTION_OUT);
	establish(join, slot, event->head.ts_ns);
}

static void note_answer(struct opening *opening, const struct event *event)
{
	if (opening->answer_ns)
		return;
	opening->answer_ns = event->head.ts_ns;
	opening->answer_ttl = event->packet.ttl;
}

/*
 * RFC 9293 3.10.7.3: while the SYN waits, only a reset that acknowledges it counts; 3.5.3: after
 * the SYN/ACK the sequence number decides.
 */
static bool resets(const struct opening *opening, const struct packet *packet)
{
	if (packet->tcp_flags & TCP_F_ACK)
		return opening_is_acked(opening->isn, packet->ack);
	return opening->peer_isn_known && packet->seq == opening->peer_isn + 1;
}

static void take_reset(struct join *join, struct opening_slot *slot, const struct event *event)
{
	struct opening *opening = &slot->opening;

	add_evidence(join, slot, event, DIRECTION_IN);
	if (!resets(opening, &event->packet)) {
		opening->reset_other_in++;
		return;
	}
	opening->reset_in++;
	note_answer(opening, event);
	/* what comes after data, or after the client's own reset, is not a matter of connecting */
	if (!lacks_acks(slot) && !opening->bytes_sent && !opening->bytes_received &&
	    !opening->reset_out && !openings_last(join, slot)->spoke)
		end_opening(join, slot, WAIT_ANSWERED, event->head.ts_ns);
}

static void take_syn_ack(struct join *join, struct opening_slot *slot, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening *opening = &slot->opening;

	add_evidence(join, slot, event, DIRECTION_IN);
	if (!opening_is_acked(opening->isn, packet->ack))
		return; /* of an older connection with these ends */
	opening->synack_in++;
	if (opening->syn_sent > 1 && opening->synack_in == 1 && opening->syn_timestamp)
		opening->answers_first = packet->ts_echo == opening->syn_timestamp;
	opening->peer_isn = packet->seq;
	opening->peer_isn_known = true;
	note_answer(opening, event);
}

/* One that acknowledges the SYN belongs to a handshake whose SYN/ACK was not captured. */
static void note_challenge(struct opening *opening, __u32 ack)
{
	opening->ack_in++;
	opening->stale_in += opening_is_stale(opening->isn, ack);
}

static void take_from_server(struct join *join, struct opening_slot *slot,
			     const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening *opening = &slot->opening;
	__u32 acked = packet->ack - (opening->isn + 1);

	if (packet->tcp_flags & TCP_F_RST) {
		take_reset(join, slot, event);
		return;
	}
	if (packet->tcp_flags & TCP_F_SYN) {
		if ((packet->tcp_flags & TCP_F_ACK) && !opening->established_ns)
			take_syn_ack(join, slot, event);
		return;
	}
	if (opening->established_ns) {
		if ((packet->tcp_flags & TCP_F_ACK) && acked && acked <= INT32_MAX)
			opening->bytes_sent = acked;
		if (packet->payload_bytes)
			opening->bytes_received = packet->payload_bytes;
		if (opening->bytes_sent || opening->bytes_received)
			slot->conn->watched = false;
		return;
	}
	if (!(packet->tcp_flags & TCP_F_ACK))
		return;
	add_evidence(join, slot, event, DIRECTION_IN);
	if (packet->payload_bytes && opening_is_acked(opening->isn, packet->ack))
		establish(join, slot, event->head.ts_ns); /* only the ACK was not captured */
	else if (!opening->synack_in)
		note_challenge(opening, packet->ack); /* RFC 9293 3.5.1 */
}

static void take_icmp(struct join *join, struct opening_slot *slot, const struct event *event)
{
	struct sighting sighting = { .evidence = evidence_of(event) };

	sighting_note_packet(&sighting, &event->packet);
	wire_note_icmp(&slot->opening.icmp_in, &sighting);
	add_evidence(join, slot, event, DIRECTION_IN);
}

/* ---- whose it is ---- */

/* On loopback both families are one host's, and a failure of the one leads to the other. */
static void note_begun(struct join *join, struct opening_slot *slot)
{
	const struct event_tuple *tuple = &slot->opening.tuple;
	bool loopback = address_is_loopback(tuple->local);
	__u64 h = hash_mix(hash_bytes(slot->opening.isn, tuple, sizeof(*tuple)), loopback);
	const struct event_owner owner = { .start_ns = loopback, .tid = (__u32)h };

	openings_note_owner(join, slot, NOTE_BEGUN, &owner, loopback);
}

static void open_opening(struct join *join, const struct event *event, const struct ends *ends,
			 struct conn *conn, const struct stream_look *look)
{
	const struct packet *packet = &event->packet;
	struct opening_slot *slot = openings_take_for(join, conn);
	struct event_tuple *tuple;

	if (!slot)
		return;
	join->counters.openings++;
	conn->local = ends->from;
	opening_add_source(slot, SOURCE_CAPTURE);
	slot->opening.seen_whole = true;
	slot->opening.started_ns = event->head.ts_ns;
	*openings_last(join, slot) = (struct captured_last){ .seen_ns = event->head.ts_ns };
	conn->watched = true;
	slot->opening.tcp_state = TCP_STATE_SYN_SENT;
	opening_note_isn(slot, packet->seq);
	slot->opening.syn_ifindex = event->head.ifindex;
	slot->opening.of_lookup = lookup_awaits_tcp(join) && lookup_of_segment(join, packet);
	if (slot->opening.of_lookup)
		claim(conn);
	tuple = &slot->opening.tuple;
	memcpy(tuple->local, packet->source, sizeof(tuple->local));
	memcpy(tuple->remote, packet->destination, sizeof(tuple->remote));
	tuple->local_port = packet->source_port;
	tuple->remote_port = packet->destination_port;
	tuple->family = address_is_ipv4(packet->source) ? AF_INET : AF_INET6;
	tuple->protocol = IPPROTO_TCP;
	note_begun(join, slot);
	is_copy(join, slot, event, look);
	note_syn(&slot->opening, event);
	add_evidence(join, slot, event, DIRECTION_OUT);
}

/* It is not told yet: a refused SYN that its client sends again waits for another answer. */
static void go_on(struct join *join, struct opening_slot *slot)
{
	struct opening *opening = &slot->opening;

	if (opening->state != OPENING_FAILED || opening->end != WAIT_ANSWERED ||
	    opening->synack_in || !slot->attempt || (slot->notes & NOTE_FAILED))
		return;
	opening->state = OPENING_CONNECTING;
	opening->end = WAIT_NONE;
	opening->ended_ns = 0;
	openings_note(join, slot, NOTE_GOES_ON);
}

/* The SYN of a conn whose opening is known, or was. */
static void take_repeated(struct join *join, const struct event *event, struct opening_slot *slot,
			  const struct stream_look *look)
{
	if (!slot || is_copy(join, slot, event, look))
		return;
	openings_last(join, slot)->seen_ns = event->head.ts_ns;
	add_evidence(join, slot, event, DIRECTION_OUT);
	go_on(join, slot);
	if (slot->opening.state == OPENING_CONNECTING)
		note_syn(&slot->opening, event);
}

/* Whoever used these ends before is let go. */
static void end_before(struct join *join, const struct conn *conn, __u64 now_ns)
{
	if (conn->opening && waits(conn->opening))
		let_go(join, conn->opening, now_ns);
}

/* The other end asks for a connection, too (RFC 9293 3.5, figure 8): a conn beside, without segments. */
static struct conn *mirror_of(struct join *join, struct conn *conn)
{
	struct conn *mirror = conn->mirror ? conn->mirror : conns_add(join->conns);

	if (!mirror || mirror == conn->mirror)
		return mirror;
	mirror->netns = conn->netns;
	mirror->ends = conn->ends;
	conns_pair(conn, mirror);
	return mirror;
}

static struct conn *take_syn(struct join *join, const struct event *event, const struct ends *ends,
			     struct conn *conn, const struct stream_look *look)
{
	const struct packet *packet = &event->packet;
	struct conn *own = conn;

	if (look->replaced)
		end_before(join, look->replaced, event->head.ts_ns);
	if (conn && conn->opened && conn->local != ends->from)
		own = mirror_of(join, conn);
	if (own && own->opened && own->isn == packet->seq) {
		take_repeated(join, event, own->opening, look);
		return conn;
	}
	if (own)
		end_before(join, own, event->head.ts_ns);
	if (!conn)
		conn = own = conns_add_packet(join->conns, ends, event->head.netns);
	if (own)
		open_opening(join, event, ends, own, look);
	return conn;
}

static bool is_live(const struct opening_slot *slot)
{
	return slot && (slot->opening.state == OPENING_CONNECTING ||
			slot->opening.state == OPENING_ESTABLISHED);
}

static void take_segment(struct join *join, const struct event *event, const struct ends *ends,
			 const struct conn *conn, const struct stream_look *look)
{
	const struct packet *packet = &event->packet;
	struct opening_slot *slot = conn->opening;

	if ((!conn->watched && !(packet->tcp_flags & TCP_F_RST)) || !is_live(slot) ||
	    is_copy(join, slot, event, look))
		return;
	openings_last(join, slot)->seen_ns = event->head.ts_ns;
	if (conn->local == ends->from)
		take_from_client(join, slot, event);
	else
		take_from_server(join, slot, event);
}

struct conn *capture_segment(struct join *join, const struct event *event, const struct ends *ends,
			     struct conn *conn, const struct stream_look *look)
{
	const struct packet *packet = &event->packet;
	struct conn *mirror = conn ? conn->mirror : NULL;

	if ((packet->flags & PACKET_F_FRAGMENT) || !packet->source_port)
		return conn;
	if ((packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK | TCP_F_RST | TCP_F_FIN)) == TCP_F_SYN)
		return take_syn(join, event, ends, conn, look);
	/* the sender's own first: it may end what the other asked for */
	if (mirror && mirror->local == ends->from)
		take_segment(join, event, ends, mirror, look);
	if (conn)
		take_segment(join, event, ends, conn, look);
	if (mirror && mirror->local != ends->from)
		take_segment(join, event, ends, mirror, look);
	return conn;
}

void capture_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	const struct conn *conn;
	struct opening_slot *slot;
	struct ends ends;

	ends = ends_of(packet->inner.source, packet->inner.source_port, packet->inner.destination,
		       packet->inner.destination_port);
	conn = conns_find(join->conns, &ends, event->head.netns);
	if (conn && conn->local != ends.from)
		conn = conn->mirror;
	slot = conn ? conn->opening : NULL;
	if (!slot || slot->opening.state != OPENING_CONNECTING ||
	    ((packet->flags & PACKET_F_INNER_SEQ) && packet->inner.seq != slot->opening.isn) ||
	    is_seen(join, slot, event))
		return;
	openings_last(join, slot)->seen_ns = event->head.ts_ns;
	take_icmp(join, slot, event);
}
