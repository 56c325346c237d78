// SPDX-License-Identifier: GPL-2.0-or-later
/* wire.c - packets, drops, resets and ICMP find the opening they speak of */

#include <netinet/in.h>
#include <string.h>

#include "join/conn/opening.h"
#include "join/host/host.h"
#include "util/address.h"
#include "util/drop.h"
#include "util/tcp.h"

/*
 * Whose a packet is: by the sender's cookie; else by its oriented tuple, in the namespace of the
 * hook; in another namespace of this machine only when the sequence number agrees too, because
 * there a tuple is not unique. On lo one packet is `out` of one opening and could be `in` of another.
 */

static bool is_syn(const struct evidence *evidence)
{
	return evidence->packet_what == PACKET_TCP &&
	       (evidence->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN;
}

static bool is_syn_ack(const struct evidence *evidence)
{
	return evidence->packet_what == PACKET_TCP &&
	       (evidence->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == (TCP_F_SYN | TCP_F_ACK);
}

static bool is_reset(const struct evidence *evidence)
{
	return evidence->packet_what == PACKET_TCP && (evidence->tcp_flags & TCP_F_RST);
}

/* ---- what a packet of ours tells ---- */

static void note_syn(struct join *join, struct opening_slot *slot, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	struct opening *opening = &slot->opening;

	if (evidence->vantage != VANTAGE_TC_OUT && evidence->vantage != VANTAGE_CGROUP_OUT)
		return; /* the other end of a veth: the same packet again */
	opening_add_source(slot, SOURCE_SOME_PACKETS);
	if (evidence->netns == opening->netns)
		opening->syn_handed++;
	else
		opening->syn_elsewhere++;
	if (host_interface_leaves(join, evidence->netns, evidence->ifindex))
		opening->syn_left++;
	opening->syn_ifindex = evidence->ifindex;
	opening->syn_netns = evidence->netns;
	if (!opening->syn_first_ns) {
		opening->syn_first_ns = evidence->ts_ns;
		opening->syn_timestamp = sighting->ts_value;
	}
	opening->syn_last_ns = evidence->ts_ns;
}

void wire_note_icmp(struct icmp_seen *seen, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;

	if (seen->count++) { /* the first one is the cause of the rest */
		seen->mixed |=
			seen->type != evidence->icmp_type || seen->code != evidence->icmp_code;
		return;
	}
	seen->type = evidence->icmp_type;
	seen->code = evidence->icmp_code;
	seen->ipv6 = evidence->flags & EVENT_F_IPV6;
	seen->first_ns = evidence->ts_ns;
	memcpy(seen->sender, evidence->address, sizeof(seen->sender));
}

static void note_stopped(struct opening *opening, const struct sighting *sighting)
{
	if (opening->stopped_to_port)
		return;
	opening->stopped_to_port = sighting->destination_port;
	memcpy(opening->stopped_to, sighting->destination, sizeof(opening->stopped_to));
	opening->stopped_from_port = sighting->source_port;
	memcpy(opening->stopped_from, sighting->source, sizeof(opening->stopped_from));
}

static void note_icmp_here(struct opening *opening, const struct sighting *sighting)
{
	wire_note_icmp(&opening->icmp_here, sighting);
	if (opening->icmp_here.count == 1)
		opening->icmp_here_netns = sighting->evidence.netns;
	note_stopped(opening, sighting);
}

/* Plain ACKs come as records only under run, where every packet does. */
static void note_challenge(struct opening *opening, const struct evidence *evidence)
{
	opening->ack_in++;
	opening->stale_in += (evidence->tcp_flags & TCP_F_ACK) && opening->isn_known &&
			     opening_is_stale(opening->isn, evidence->ack);
}

static void note_answer(struct join *join, struct opening_slot *slot,
			const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	const struct netns_slot *netns = host_netns(join, slot->opening.netns);
	struct opening *opening = &slot->opening;
	bool acknowledges = (evidence->tcp_flags & TCP_F_ACK) &&
			    (!opening->isn_known || opening_is_acked(opening->isn, evidence->ack));

	if (evidence->netns != opening->netns && netns && netns->covered)
		return; /* on its way, not here yet */
	if (is_reset(evidence)) {
		if (acknowledges)
			opening->reset_in++;
		else
			opening->reset_other_in++;
	} else if (is_syn_ack(evidence)) {
		opening->synack_in++;
		if (opening->syn_sent > 1 && opening->synack_in == 1 && opening->syn_timestamp)
			opening->answers_first = sighting->ts_echo == opening->syn_timestamp;
		slot->conn->heard = true;
		slot->conn->peer_isn = evidence->seq;
	} else {
		if (opening->state == OPENING_CONNECTING)
			note_challenge(opening, evidence);
		return;
	}
	if (opening->answer_ns)
		return;
	opening->answer_ns = evidence->ts_ns;
	opening->answer_ttl = evidence->ttl;
}

void wire_note_drop(struct drop_seen *seen, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;

	if (seen->count++)
		return;
	seen->reason = evidence->reason;
	seen->reason_known = evidence->known & EVENT_K_REASON;
	seen->netns = evidence->netns;
	seen->ifindex = evidence->ifindex;
	seen->location = evidence->location;
	seen->first_ns = evidence->ts_ns;
	seen->tcp_reset = is_reset(evidence);
	seen->syn_ack = is_syn_ack(evidence);
}

void wire_note_full(struct join *join, struct opening_slot *slot, const struct evidence *evidence,
		    __u64 listener_cookie, bool at_ack)
{
	struct opening *opening = &slot->opening;

	opening->full.seen = true;
	opening->full.count++;
	opening->full.netns = evidence->netns;
	opening->full.backlog = evidence->count;
	opening->full.backlog_max = evidence->limit;
	opening->full.listener_cookie = listener_cookie;
	opening->full.at_ack = at_ack;
	openings_add_evidence(join, slot, evidence);
}

bool wire_is_reason(const struct join *join, const struct sighting *sighting, const char *name)
{
	const char *text;

	if (!(sighting->evidence.known & EVENT_K_REASON))
		return false;
	text = join_name(join, NAME_DROP_REASON, sighting->evidence.reason);
	return text && !strcmp(text, name);
}

/* Of a copy, or everyday: the packet's own fate is another. */
static bool is_no_fate(const struct join *join, const struct evidence *evidence)
{
	enum drop_class drop;

	if (evidence->kind != EVENT_DROP || !(evidence->known & EVENT_K_REASON))
		return false;
	drop = drop_class_of(join_name(join, NAME_DROP_REASON, evidence->reason));
	return drop == DROP_COPY || drop == DROP_NOISE;
}

static void note_refused(struct opening *opening, const struct sighting *sighting)
{
	opening->refused_here = true;
	opening->refused_netns = sighting->evidence.netns;
	memcpy(opening->refused_to, sighting->destination, sizeof(opening->refused_to));
	opening->refused_to_port = sighting->destination_port;
	opening->refused_rewritten = opening->refused_to_port != opening->tuple.remote_port ||
				     !address_equal(opening->refused_to, opening->tuple.remote);
}

static void note_drop_out(struct opening *opening, const struct sighting *sighting)
{
	wire_note_drop(&opening->drop_out, sighting);
	note_stopped(opening, sighting);
}

static void apply_out(struct join *join, struct opening_slot *slot, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	struct opening *opening = &slot->opening;
	const struct conn *own;

	if (is_syn(evidence))
		opening_note_translated(opening, sighting);
	switch (evidence->kind) {
	case EVENT_PACKET:
		if (is_syn(evidence))
			note_syn(join, slot, sighting);
		break;
	case EVENT_DROP:
		if (wire_is_reason(join, sighting, "NO_SOCKET") && is_syn(evidence))
			note_refused(opening, sighting);
		else
			note_drop_out(opening, sighting);
		break;
	case EVENT_RESET_SENT:
		if (!sighting->state && is_syn(evidence)) {
			note_refused(opening, sighting);
		} else if (sighting->state) {
			own = conns_by_cookie(join->conns, sighting->cookie);
			opening->reset_here = true;
			opening->reset_here_unaccepted = own && own->unaccepted;
			opening->reset_here_state = sighting->state;
			opening->reset_here_netns = evidence->netns;
		}
		break;
	case EVENT_ICMP_SENT:
		note_icmp_here(opening, sighting);
		break;
	}
}

static void apply_in(struct join *join, struct opening_slot *slot, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;

	if (evidence->kind == EVENT_DROP)
		wire_note_drop(&slot->opening.drop_in, sighting);
	else if (evidence->kind == EVENT_PACKET)
		note_answer(join, slot, sighting);
}

/* An ICMP error that quotes a packet of ours. */
static void apply_quoted(struct join *join, struct opening *opening,
			 const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	const struct netns_slot *netns = host_netns(join, opening->netns);

	if (evidence->kind == EVENT_DROP)
		wire_note_drop(&opening->drop_in, sighting);
	else if (evidence->flags & EVENT_F_LOOPBACK)
		note_icmp_here(opening, sighting); /* nobody but this machine sends on lo */
	else if (evidence->netns == opening->netns || !(netns && netns->covered))
		wire_note_icmp(&opening->icmp_in,
			       sighting); /* on its way to where nobody watches */
}

static void apply(struct join *join, struct opening_slot *slot, const struct sighting *sighting,
		  bool out)
{
	struct evidence evidence = sighting->evidence;

	if (is_no_fate(join, &evidence))
		return;
	if (evidence.kind == EVENT_LISTEN_FULL) {
		wire_note_full(join, slot, &evidence, sighting->cookie, false);
		return;
	}
	if (sighting->quoted)
		apply_quoted(join, &slot->opening, sighting);
	else if (out)
		apply_out(join, slot, sighting);
	else
		apply_in(join, slot, sighting);
	evidence.direction = out && !sighting->quoted ? DIRECTION_OUT : DIRECTION_IN;
	openings_add_evidence(join, slot, &evidence);
}

/* ---- whose it is ---- */

static bool is_connecting(const struct conn *conn)
{
	return conn->opening && conn->opening->opening.state == OPENING_CONNECTING;
}

/* A packet of the conn itself: source is its local side. */
static bool fits_out(const struct conn *conn, const struct sighting *sighting)
{
	if (sighting->seq_known && conn->isn_known)
		return sighting->seq == conn->isn || sighting->seq == conn->isn + 1 ||
		       (!is_connecting(conn) && sighting->evidence.netns == conn->netns);
	return sighting->evidence.netns == conn->netns;
}

/* A packet of the peer: source is the conn's remote side. */
static bool fits_in(const struct conn *conn, const struct sighting *sighting)
{
	if (sighting->evidence.netns == conn->netns)
		return true;
	return conn->isn_known && (sighting->evidence.tcp_flags & TCP_F_ACK) &&
	       opening_is_acked(conn->isn, sighting->evidence.ack);
}

/* What a connection that stands is judged by when its opening is long told. */
static void note_peer(struct conn *conn, const struct evidence *evidence)
{
	if (evidence->kind != EVENT_PACKET)
		return;
	if (is_syn_ack(evidence)) {
		conn->reset.usual_hops = evidence->ttl;
	} else if (is_reset(evidence)) {
		conn->reset.hops = evidence->ttl;
		conn->reset.ack = evidence->ack;
		conn->reset.acks = evidence->tcp_flags & TCP_F_ACK;
	}
}

/* The newest that fits: an older one with these ends is over. False: none does. */
static bool place_among(struct join *join, const struct sighting *sighting, const struct ends *ends,
			bool out)
{
	struct conns_walk walk = conns_walk(join->conns, ends);
	struct conn *conn;

	while ((conn = conns_walk_next(join->conns, &walk)))
		if (conn->opened && (out ? fits_out(conn, sighting) : fits_in(conn, sighting)))
			break;
	if (!conn)
		return false;
	if (!out)
		note_peer(conn, &sighting->evidence);
	if (conn->opening) /* else it was told: this came late */
		apply(join, conn->opening, sighting, out);
	return true;
}

static bool place_by_tuple(struct join *join, const struct sighting *sighting)
{
	struct ends ends = ends_of(sighting->source, sighting->source_port, sighting->destination,
				   sighting->destination_port);
	bool placed = place_among(join, sighting, &ends, true);

	if (sighting->quoted || sighting->provoking ||
	    (sighting->source_port == sighting->destination_port &&
	     address_equal(sighting->source, sighting->destination)))
		return placed; /* a self-connect meets itself */
	ends.from = !ends.from;
	return place_among(join, sighting, &ends, false) || placed;
}

/* The sender's own packet teaches its port, its first sequence number, its rewritten tuple. */
static void learn_from_own(struct join *join, struct opening_slot *slot,
			   const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	struct event_tuple *tuple = &slot->opening.tuple;
	struct ends ends = ends_of(sighting->source, sighting->source_port, sighting->destination,
				   sighting->destination_port);
	bool same = address_equal(tuple->remote, sighting->destination) &&
		    tuple->remote_port == sighting->destination_port;
	bool teaches = false;

	if (is_syn(evidence) && !slot->opening.isn_known) {
		opening_note_isn(slot, evidence->seq);
		teaches = true;
	}
	if (same && evidence->netns == slot->opening.netns && !tuple->local_port) {
		memcpy(tuple->local, sighting->source, sizeof(tuple->local));
		tuple->local_port = sighting->source_port;
		slot->opening.port_from_wire = true;
		opening_set_ends(join, slot);
		teaches = true;
	} else if (!same || tuple->local_port != sighting->source_port ||
		   !address_equal(tuple->local, sighting->source)) {
		conns_set_alias(join->conns, slot->conn, &ends);
	}
	if (teaches && tuple->local_port)
		wire_find_strays(join, slot);
}

static bool place_by_cookie(struct join *join, const struct sighting *sighting)
{
	struct conn *conn = conns_by_cookie(join->conns, sighting->cookie);

	if (!conn || !conn->opened || sighting->provoking)
		return false;
	if (sighting->quoted || sighting->evidence.packet_what != PACKET_TCP)
		return false;
	if (conn->isn_known && is_syn(&sighting->evidence) && sighting->seq != conn->isn)
		return false; /* of an earlier generation */
	if (!conn->opening)
		return true; /* late */
	learn_from_own(join, conn->opening, sighting);
	apply(join, conn->opening, sighting, true);
	return true;
}

/* ---- strays ---- */

static bool is_of(const struct opening_slot *slot, const struct sighting *stray)
{
	const struct opening *opening = &slot->opening;
	const struct event_tuple *tuple = &opening->tuple;

	if (stray->evidence.ts_ns + JOIN_CLOCK_SLACK_NS < opening->started_ns)
		return false; /* before it began */
	if (stray->source_port == tuple->local_port &&
	    stray->destination_port == tuple->remote_port &&
	    address_equal(stray->source, tuple->local) &&
	    address_equal(stray->destination, tuple->remote))
		return fits_out(slot->conn, stray);
	return !stray->quoted && !stray->provoking && stray->source_port == tuple->remote_port &&
	       stray->destination_port == tuple->local_port &&
	       address_equal(stray->source, tuple->remote) &&
	       address_equal(stray->destination, tuple->local) && fits_in(slot->conn, stray);
}

void wire_find_strays(struct join *join, struct opening_slot *slot)
{
	const struct event_tuple *tuple = &slot->opening.tuple;
	struct ends ends =
		ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);
	struct sighting *found[16], *stray;
	size_t n = 0;

	for (stray = strays_between(join->strays, &ends); stray;
	     stray = strays_next_between(join->strays, stray))
		if (n < sizeof(found) / sizeof(found[0]) && is_of(slot, stray))
			found[n++] = stray;
	while (n--) { /* the oldest was put in first and stands last */
		stray = found[n];
		strays_forget(join->strays, stray);
		apply(join, slot, stray,
		      address_equal(stray->source, tuple->local) &&
			      stray->source_port == tuple->local_port);
	}
}

/*
 * What became of our SYN behind NAT on this machine: addresses and ports are others there, its
 * first sequence number is not (netfilter changes that only for
 * synproxy). 32 random bits and the time are enough among the few thousand SYNs that nobody claims.
 */
void wire_find_rewritten(struct join *join, struct opening_slot *slot)
{
	struct sighting *found[16], *stray;
	size_t n = 0;

	if (!slot->opening.isn_known)
		return;
	for (stray = strays_of_isn(join->strays, slot->opening.isn); stray;
	     stray = strays_next_of_isn(join->strays, stray))
		if (n < sizeof(found) / sizeof(found[0]) && stray->seq == slot->opening.isn &&
		    stray->evidence.ts_ns + JOIN_CLOCK_SLACK_NS >= slot->opening.started_ns)
			found[n++] = stray;
	while (n--) {
		struct ends ends;

		stray = found[n];
		ends = ends_of(stray->source, stray->source_port, stray->destination,
			       stray->destination_port);
		if (!conns_has_ends(slot->conn,
				    &ends)) /* what is still to come of it passes there */
			conns_set_alias(join->conns, slot->conn, &ends);
		strays_forget(join->strays, stray);
		apply(join, slot, stray, true);
	}
}

/* ---- records ---- */

/* The third segment of a handshake met a full queue: the client believes it is connected. */
static bool is_overflow_at_ack(const struct event *event)
{
	return event->head.kind == EVENT_DROP && event->drop.rx_state == TCP_STATE_LISTEN &&
	       (event->head.known & EVENT_K_BACKLOG) && event->packet.what == PACKET_TCP &&
	       !(event->packet.tcp_flags & TCP_F_SYN) &&
	       event->drop.backlog > event->drop.backlog_max;
}

static void note_at_ack(struct full_queue *full, const struct event *event,
			const struct evidence *evidence)
{
	const struct packet *packet = &event->packet;

	*full = (struct full_queue){
		.evidence = *evidence,
		.tuple = { .local_port = packet->destination_port,
			   .remote_port = packet->source_port,
			   .protocol = IPPROTO_TCP },
		.cookie = event->drop.rx_cookie,
		.isn = packet->seq - 1,
		.at_ack = true,
	};
	memcpy(full->tuple.local, packet->destination, sizeof(full->tuple.local));
	memcpy(full->tuple.remote, packet->source, sizeof(full->tuple.remote));
}

/* A SYN that came in, and met its end. */
static bool is_knock(const struct join *join, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;

	if (!is_syn(evidence) || sighting->quoted || sighting->cookie ||
	    (evidence->flags & (EVENT_F_OUT | EVENT_F_LOOPBACK)))
		return false;
	if (evidence->kind == EVENT_RESET_SENT)
		return !sighting->state;
	return evidence->kind == EVENT_DROP && !is_no_fate(join, evidence);
}

enum wire_heard wire_event(struct join *join, const struct event *event, struct full_queue *full,
			   struct sighting *sighting)
{
	sighting_take(sighting, event);
	if (is_overflow_at_ack(event)) {
		note_at_ack(full, event, &sighting->evidence);
		return WIRE_FULL;
	}
	if (sighting->evidence.packet_what != PACKET_TCP && !sighting->quoted &&
	    !(sighting->provoking && sighting->source_port))
		return WIRE_NOTHING;
	if (place_by_cookie(join, sighting) || place_by_tuple(join, sighting))
		return WIRE_NOTHING;
	strays_keep(join->strays, sighting, is_syn(&sighting->evidence));
	if (is_syn(&sighting->evidence) && event->head.kind == EVENT_PACKET &&
	    !(event->head.flags & (EVENT_F_OUT | EVENT_F_LOOPBACK)))
		return WIRE_SYN;
	return is_knock(join, sighting) ? WIRE_KNOCK : WIRE_NOTHING;
}

/* A SYN met a full queue, and whose it was is not known yet: who sent it has no port so far. */
static void keep_full(struct join *join, const struct event *event)
{
	struct sighting sighting;

	sighting_take_full(&sighting, event);
	strays_keep(join->strays, &sighting, true);
}

enum wire_heard wire_listener(struct join *join, const struct event *event, struct full_queue *full,
			      struct sighting *sighting)
{
	const struct ev_listener *listener = &event->listener;
	const struct event_tuple *tuple = &listener->tuple;
	bool is_full = listener->backlog > listener->backlog_max;
	bool at_ack = event->head.kind == EVENT_SYNACK_RETRANSMIT;
	struct evidence evidence = evidence_of(event);
	struct ends ends =
		ends_of(tuple->remote, tuple->remote_port, tuple->local, tuple->local_port);
	struct conns_walk walk = conns_walk(join->conns, &ends);
	struct conn *conn;

	evidence.count = listener->backlog;
	evidence.limit = listener->backlog_max;
	while ((conn = conns_walk_next(join->conns, &walk)))
		if (conn->opening && (!conn->isn_known || conn->isn == listener->isn))
			break;
	if (conn && is_full)
		wire_note_full(join, conn->opening, &evidence, event->head.cookie, at_ack);
	else if (conn)
		openings_add_evidence(join, conn->opening, &evidence);
	else if (is_full && !at_ack)
		keep_full(join, event);
	if (!is_full && !conn && at_ack) {
		sighting_take_full(sighting, event);
		return WIRE_UNFINISHED;
	}
	if (!is_full || (conn && !at_ack))
		return WIRE_NOTHING;
	*full = (struct full_queue){
		.evidence = evidence,
		.tuple = *tuple,
		.cookie = event->head.cookie,
		.isn = listener->isn,
		.at_ack = at_ack,
	};
	return WIRE_FULL;
}
