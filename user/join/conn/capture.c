// SPDX-License-Identifier: GPL-2.0-or-later
/* capture.c - openings from packets alone: what a capture file tells of a connect */

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "util/address.h"

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

/*
 * A mirrored packet follows its twin at once, and no TCP sends a SYN again so soon (RFC 6298 2.1:
 * 1 s). An IP id tells copies apart by itself; many stacks leave it 0.
 */
#define COPY_NS 1000000
#define COPY_ID_NS 100000000
/* Linux gives up 127 s after the first SYN (tcp_syn_retries 6), and it is the last to do so. */
#define GIVEN_UP_NS (130 * 1000000000ull)
/* A first flight is bounded by the window of the SYN, which is never scaled (RFC 7323 2.2). */
#define FIRST_FLIGHT 65535

/* ---- which packets may tell something of an opening ---- */

/*
 * Any packet may, until both ends have spoken on an established connection; then only a SYN or a
 * reset. All other packets, nearly all there are, cost a look into this table.
 */
static __u8 *watch_count(struct join *join, const struct ends *ends)
{
	return &join->captured[ends->hash & (JOIN_CAPTURED_BUCKETS - 1)];
}

static __u8 *watch_count_of(struct join *join, const struct event_tuple *tuple)
{
	struct ends ends =
		ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);

	return watch_count(join, &ends);
}

static void watch(struct join *join, struct opening_slot *slot)
{
	__u8 *count = watch_count_of(join, &slot->opening.tuple);

	slot->watched = true;
	if (*count < UINT8_MAX)
		++*count;
}

void capture_unwatch(struct join *join, struct opening_slot *slot)
{
	__u8 *count = watch_count_of(join, &slot->opening.tuple);

	if (slot->watched && *count && *count < UINT8_MAX) /* one that was full once stays so */
		--*count;
	slot->watched = false;
}

/* ---- which directions are seen at all ---- */

/* The last address of a bucket is known: one that was pushed out counts as not seen. */
static void note_destination(struct join *join, const struct packet *packet)
{
	__u64 h = address_hash(packet->destination);

	join->seen[h & (JOIN_SEEN_MAX - 1)] = (__u32)(h >> 32);
}

/* One in 2^32 is taken for another that is. */
bool capture_sees(const struct join *join, const __u8 *address)
{
	__u64 h = address_hash(address);

	return join->seen[h & (JOIN_SEEN_MAX - 1)] == (__u32)(h >> 32);
}

void capture_see_whole(struct join *join, struct opening_slot *slot)
{
	struct opening *opening = &slot->opening;

	opening->blind_start = !opening->seen_whole;
	opening->blind_lost = join->counters.lost;
	opening->blind_wire = !capture_sees(join, opening->tuple.local);
}

/* ---- the end ---- */

static struct captured_last *last_of(struct join *join, const struct opening_slot *slot)
{
	return &join->openings_last[slot - join->openings];
}

static void end_opening(struct join *join, struct opening_slot *slot, enum opening_end end,
			__u64 now_ns)
{
	struct opening *opening = &slot->opening;

	opening->state = OPENING_FAILED;
	opening->end = end;
	opening->ended_ns = now_ns > opening->started_ns ? now_ns : opening->started_ns;
	if (opening->established_ns)
		connection_claim(join);
	attempt_note_failure(join, slot);
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
	__u64 since_ns = answered ? last_of(join, slot)->seen_ns : opening->started_ns;

	if (opening->icmp_in.count) {
		end_opening(join, slot, END_UNSEEN, last_of(join, slot)->seen_ns);
	} else if (now_ns >= since_ns + join->limits.unanswered_ns) {
		end_opening(join, slot, END_UNSEEN, now_ns);
	} else {
		opening->state = OPENING_UNKNOWN;
		opening->ended_ns = now_ns;
		if (slot->attempt)
			attempt_evict(join, slot->attempt);
		else
			openings_retire(join, slot);
	}
}

static bool waits(const struct opening_slot *slot)
{
	return slot->opening.captured && slot->opening.state == OPENING_CONNECTING;
}

void capture_expire(struct join *join, __u64 now_ns)
{
	struct opening_slot *slot = TAILQ_FIRST(&join->live), *next;

	for (; slot && slot->opening.started_ns + GIVEN_UP_NS < now_ns; slot = next) {
		next = TAILQ_NEXT(slot, by_age);
		if (waits(slot))
			let_go(join, slot, slot->opening.started_ns + GIVEN_UP_NS);
	}
}

struct attempt_slot *capture_end_oldest(struct join *join)
{
	struct opening_slot *slot;

	TAILQ_FOREACH(slot, &join->live, by_age) {
		if (!waits(slot) || !slot->attempt)
			continue;
		let_go(join, slot, join->now_ns);
		return slot->attempt;
	}
	return NULL;
}

void capture_finish(struct join *join)
{
	struct opening_slot *slot, *next;

	for (slot = TAILQ_FIRST(&join->live); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_age);
		if (waits(slot))
			let_go(join, slot, join->now_ns);
	}
}

/* ---- copies ---- */

/*
 * Mirror ports and "any" show a packet twice or more: the same numbers, IP id and direction.
 */
static bool is_copy(struct join *join, const struct opening_slot *slot, const struct packet *packet,
		    __u64 ts_ns)
{
	struct captured_last *last = last_of(join, slot);
	__u32 seq = packet->what == PACKET_ICMP ? packet->inner.seq : packet->seq;
	__u64 window_ns = packet->ip_id ? COPY_ID_NS : COPY_NS;
	__u64 h = hash_mix(packet->ip_id, (__u64)seq << 32 | packet->ack);

	h = hash_mix(h, (__u64)packet->ts_value << 32 | packet->tcp_flags << 8 | packet->what);
	h = join_hash_bytes(h, packet->source, sizeof(packet->source));
	for (size_t i = 0; i < JOIN_COPIES_OF; i++) {
		const struct captured_packet *before = &last->packets[i];
		__u64 apart = before->ts_ns > ts_ns ? before->ts_ns - ts_ns : ts_ns - before->ts_ns;

		if (apart < window_ns && before->print == (__u32)h)
			return true;
	}
	last->packets[last->next++ % JOIN_COPIES_OF] =
		(struct captured_packet){ .ts_ns = ts_ns, .print = (__u32)h };
	return false;
}

/* ---- what a packet tells ---- */

static void add_evidence(struct join *join, struct opening_slot *slot, const struct event *event,
			 enum evidence_direction direction)
{
	struct sighting sighting = { .evidence = evidence_of(event) };

	wire_sight_packet(&sighting, &event->packet);
	sighting.evidence.kind = EVENT_PACKET; /* a frame is one, taken from a file */
	sighting.evidence.frame = event->frame.frame;
	sighting.evidence.direction = direction;
	openings_add_evidence(join, slot, &sighting.evidence);
}

static void note_syn(struct opening *opening, __u64 ts_ns)
{
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
	attempt_note_established(join, slot);
}

/*
 * The client's ACK ends the handshake when it acknowledges the SYN/ACK. Without a SYN/ACK in sight
 * its sequence number tells: nobody sends what follows a SYN before that was answered. Data and
 * FIN say the same whatever they acknowledge: what came between may not have been captured.
 */
static bool completes(const struct opening *opening, const struct packet *packet)
{
	__u32 sent = packet->seq - (opening->isn + 1);

	if (!(packet->tcp_flags & TCP_F_ACK) || sent > FIRST_FLIGHT)
		return false;
	if (packet->payload_bytes || (packet->tcp_flags & TCP_F_FIN) || !opening->peer_isn_known)
		return true;
	return packet->ack - (opening->peer_isn + 1) <= FIRST_FLIGHT;
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
			end_opening(join, slot, END_CANCELED, event->head.ts_ns);
		return;
	}
	if (packet->payload_bytes)
		last_of(join, slot)->spoke = true;
	if (packet->tcp_flags & TCP_F_SYN)
		return; /* a SYN/ACK: both opened at once, and the other opening tells it */
	if (established && opening->peer_isn_known &&
	    packet->ack - (opening->peer_isn + 1) <= INT32_MAX &&
	    packet->ack != opening->peer_isn + 1) {
		opening->bytes_received = packet->ack - (opening->peer_isn + 1);
		capture_unwatch(join, slot);
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
		return packet->ack - (opening->isn + 1) <= FIRST_FLIGHT;
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
	if (!opening->bytes_sent && !opening->bytes_received && !opening->reset_out &&
	    !last_of(join, slot)->spoke)
		end_opening(join, slot, END_ANSWERED, event->head.ts_ns);
}

static void take_syn_ack(struct join *join, struct opening_slot *slot, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening *opening = &slot->opening;

	add_evidence(join, slot, event, DIRECTION_IN);
	/* with Fast Open it acknowledges data of the SYN as well (RFC 7413 3) */
	if (packet->ack - (opening->isn + 1) > FIRST_FLIGHT)
		return; /* of an older connection with these ends */
	opening->synack_in++;
	opening->peer_isn = packet->seq;
	opening->peer_isn_known = true;
	note_answer(opening, event);
}

/*
 * One that acknowledges the SYN, and what it carried (RFC 7413 3), belongs to a handshake whose SYN/ACK
 * was not captured.
 */
static void note_challenge(struct opening *opening, __u32 acked)
{
	enum { SYN_DATA = 1460 };

	opening->ack_in++;
	opening->stale_in += acked > SYN_DATA;
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
			capture_unwatch(join, slot);
		return;
	}
	if (!(packet->tcp_flags & TCP_F_ACK))
		return;
	add_evidence(join, slot, event, DIRECTION_IN);
	if (packet->payload_bytes && acked <= FIRST_FLIGHT)
		establish(join, slot, event->head.ts_ns); /* only the ACK was not captured */
	else if (!opening->synack_in)
		note_challenge(opening, acked); /* RFC 9293 3.5.1 */
}

static void take_icmp(struct join *join, struct opening_slot *slot, const struct event *event)
{
	struct sighting sighting = { .evidence = evidence_of(event) };

	wire_sight_packet(&sighting, &event->packet);
	wire_note_icmp(&slot->opening.icmp_in, &sighting);
	add_evidence(join, slot, event, DIRECTION_IN);
}

/* ---- whose it is ---- */

/* On loopback both families are one host's, and a failure of the one leads to the other. */
static bool attach(struct join *join, struct opening_slot *slot)
{
	const struct event_tuple *tuple = &slot->opening.tuple;
	bool loopback = address_is_loopback(tuple->local);
	__u64 h = hash_mix(join_hash_bytes(slot->opening.isn, tuple, sizeof(*tuple)), loopback);
	const struct event_owner owner = { .start_ns = loopback, .tid = (__u32)h };
	struct attempt_slot *attempt;

	attempt = attempt_for_opening(join, slot, &owner, loopback);
	if (!attempt)
		return false;
	attempt->attempt.owner_known = false; /* it only tells attempts apart */
	return true;
}

static void open_opening(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening_slot *slot = openings_take(join);
	struct event_tuple *tuple;

	if (!slot)
		return;
	join->counters.openings++;
	slot->opening.captured = true;
	slot->opening.seen_whole = true;
	slot->opening.started_ns = event->head.ts_ns;
	*last_of(join, slot) = (struct captured_last){ .seen_ns = event->head.ts_ns };
	slot->opening.tcp_state = 2;
	slot->opening.isn = packet->seq;
	slot->opening.isn_known = true;
	slot->opening.isn_from_wire = true;
	slot->opening.syn_ifindex = event->head.ifindex;
	slot->opening.of_lookup = join->lookups_truncated_count && lookup_of_segment(join, packet);
	if (slot->opening.of_lookup)
		connection_claim(join);
	tuple = &slot->opening.tuple;
	memcpy(tuple->local, packet->source, sizeof(tuple->local));
	memcpy(tuple->remote, packet->destination, sizeof(tuple->remote));
	tuple->local_port = packet->source_port;
	tuple->remote_port = packet->destination_port;
	tuple->family = address_is_ipv4(packet->source) ? AF_INET : AF_INET6;
	tuple->protocol = IPPROTO_TCP;
	openings_set_alias(join, slot, ALIAS_OWN, tuple->local, tuple->local_port, tuple->remote,
			   tuple->remote_port);
	watch(join, slot);
	if (!attach(join, slot)) {
		openings_retire(join, slot);
		return;
	}
	is_copy(join, slot, packet, event->head.ts_ns);
	note_syn(&slot->opening, event->head.ts_ns);
	add_evidence(join, slot, event, DIRECTION_OUT);
}

static void take_syn(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct alias *walk = NULL;
	struct opening_slot *slot =
		openings_by_tuple(join, &walk, packet->source, packet->source_port,
				  packet->destination, packet->destination_port);

	if (slot && slot->opening.isn == packet->seq) {
		if (slot->retired || is_copy(join, slot, packet, event->head.ts_ns))
			return;
		last_of(join, slot)->seen_ns = event->head.ts_ns;
		add_evidence(join, slot, event, DIRECTION_OUT);
		if (slot->opening.state == OPENING_CONNECTING)
			note_syn(&slot->opening, event->head.ts_ns);
		return;
	}
	if (slot && !slot->retired && slot->opening.state == OPENING_CONNECTING)
		let_go(join, slot, event->head.ts_ns);
	open_opening(join, event);
}

/* The opening that goes from @local to @remote, if it is not over. */
static struct opening_slot *find_live(struct join *join, const __u8 *local, __u16 local_port,
				      const __u8 *remote, __u16 remote_port)
{
	struct alias *walk = NULL;
	struct opening_slot *slot =
		openings_by_tuple(join, &walk, local, local_port, remote, remote_port);

	if (!slot || slot->retired ||
	    (slot->opening.state != OPENING_CONNECTING &&
	     slot->opening.state != OPENING_ESTABLISHED))
		return NULL;
	return slot;
}

static void take_tcp(struct join *join, const struct event *event, const struct ends *ends)
{
	const struct packet *packet = &event->packet;
	struct opening_slot *slot;

	if ((packet->flags & PACKET_F_FRAGMENT) || !packet->source_port)
		return;
	join->tcp_seen = true;
	if (join->lookups_truncated_count)
		lookup_segment(join, event);
	if ((packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK | TCP_F_RST | TCP_F_FIN)) == TCP_F_SYN) {
		take_syn(join, event);
		return;
	}
	if (!*watch_count(join, ends) && !(packet->tcp_flags & TCP_F_RST))
		return;
	slot = find_live(join, packet->source, packet->source_port, packet->destination,
			 packet->destination_port);
	if (slot && !is_copy(join, slot, packet, event->head.ts_ns)) {
		last_of(join, slot)->seen_ns = event->head.ts_ns;
		take_from_client(join, slot, event);
	}
	slot = find_live(join, packet->destination, packet->destination_port, packet->source,
			 packet->source_port);
	if (slot && !is_copy(join, slot, packet, event->head.ts_ns)) {
		last_of(join, slot)->seen_ns = event->head.ts_ns;
		take_from_server(join, slot, event);
	}
}

/* An error about a SYN of an opening that still waits for its answer. */
static void take_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct opening_slot *slot;

	if (packet->inner.protocol != IPPROTO_TCP) {
		datagram_quoted(join, event);
		return;
	}
	slot = find_live(join, packet->inner.source, packet->inner.source_port,
			 packet->inner.destination, packet->inner.destination_port);
	if (!slot || slot->opening.state != OPENING_CONNECTING ||
	    ((packet->flags & PACKET_F_INNER_SEQ) && packet->inner.seq != slot->opening.isn) ||
	    is_copy(join, slot, packet, event->head.ts_ns))
		return;
	last_of(join, slot)->seen_ns = event->head.ts_ns;
	take_icmp(join, slot, event);
}

void capture_event(struct join *join, const struct event *event, const struct ends *ends)
{
	const struct packet *packet = &event->packet;

	note_destination(join, packet);
	if (packet->what == PACKET_TCP)
		take_tcp(join, event, ends);
	else if (packet->what == PACKET_UDP)
		datagram_event(join, event);
	else if (packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER))
		take_quoted(join, event);
}
