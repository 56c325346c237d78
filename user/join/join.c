// SPDX-License-Identifier: GPL-2.0-or-later
/* join.c - the life of join: fed with records, asked for what is due, ended */

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "join/attempt/answers.h"
#include "join/attempt/attempt.h"
#include "join/attempt/followed.h"
#include "join/conn/bypass_table.h"
#include "join/conn/flow_table.h"
#include "join/conn/kept_table.h"
#include "join/conn/opening.h"
#include "join/conn/said.h"
#include "join/conn/whose_table.h"
#include "join/host/claims_table.h"
#include "join/host/host.h"
#include "join/host/listener.h"
#include "join/host/loss.h"
#include "join/host/scope.h"
#include "join/host/sight.h"
#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "join/lookup/veil.h"
#include "join/talk/handshakes.h"
#include "join/talk/talk_table.h"
#include "util/tcp.h"

/* ---- openings ---- */

static bool tell_news(struct join *join, __u64 now_ns)
{
	struct opening_news news;
	bool begun = false;

	while (openings_news_next(join, &news)) {
		begun |= news.notes & NOTE_BEGUN;
		attempt_opening(join, &news, now_ns);
	}
	return begun;
}

/*
 * A record takes at most one opening, and here a place is made for the next one: where few are left
 * by judging early what only settles, or by letting go of what waits; where none is left by giving
 * up the oldest. So one is free at every record, but while whoever has to leave waits to be told.
 */
static void make_room(struct join *join)
{
	if (!openings_are_scarce(join))
		return;
	if (!attempt_hurry(join) && capture_end_oldest(join)) {
		tell_news(join, join->now_ns);
		attempt_hurry(join);
	}
	if (openings_left(join))
		return;
	join->counters.evicted++;
	attempt_give_up(join, conns_first(join->conns, CONN_OPENING)->opening);
}

static void tell_openings(struct join *join, __u64 now_ns)
{
	/* nearly every packet brings none */
	if (join->news && tell_news(join, now_ns))
		make_room(join);
}

typedef bool end_fn(struct join *join, struct opening_slot *slot, __u64 now_ns);

/* Every opening, the oldest first, until @end says of one that it is too young. */
static void end_openings(struct join *join, end_fn *end, __u64 now_ns)
{
	struct conn *conn = conns_first(join->conns, CONN_OPENING), *next;

	for (; conn && end(join, conn->opening, now_ns); conn = next) {
		next = conns_next(conn);
		tell_openings(join, now_ns);
		if (next && !next->opening) /* it ended with the one before */
			next = conns_first(join->conns, CONN_OPENING);
	}
}

/* An opening whose end is never seen (lost records, a socket the kernel keeps) must not stay for ever. */
static bool expire(struct join *join, struct opening_slot *slot, __u64 now_ns)
{
	if (slot->opening.started_ns + join->limits.expire_ns >= now_ns)
		return false;
	if (slot->opening.state == OPENING_CONNECTING) {
		join->counters.expired++;
		openings_end_unseen(join, slot, now_ns);
	}
	return true;
}

/* ---- records ---- */

typedef void handle_fn(struct join *join, const struct event *event);

static void tell_lookups(struct join *join)
{
	struct lookup_slot *slot;

	while ((slot = lookup_next(join)))
		if (!attempt_lookup(join, slot))
			lookup_release(join, &slot->lookup);
}

static void tell_lookups_early(struct join *join)
{
	struct lookup_slot *slot;

	while ((slot = lookup_next_early(join)))
		attempt_lookup_early(join, slot);
}

static void tell_claims(struct join *join, __u64 now_ns)
{
	const struct address_claims *claims;

	while ((claims = claims_next(join, now_ns)) && attempt_claims(join, claims))
		claims_told(join, claims);
}

static void tell_talk(struct join *join, const struct talk *over)
{
	if (over)
		attempt_talk(join, over);
}

/* Whoever had to leave the table for the last frame, or lost its ports to it. */
static void tell_leaving(struct join *join)
{
	struct conn *gone = conns_gone(join->conns);

	if (gone)
		tell_talk(join, talk_leave(join, gone));
	if (join->look.replaced)
		tell_talk(join, talk_leave(join, join->look.replaced));
}

/* A look was told whole: what it did not find is as it should be. */
static void take_look(struct join *join, const struct ev_tick *tick, __u64 now_ns)
{
	const struct kept *kept;

	if (tick->looks == join->looks)
		return;
	attempt_look_over(join, now_ns);
	join->looks = tick->looks;
	kept_look_over(join->kept);
	while ((kept = kept_next(join->kept, join->limits.kept_ns)))
		attempt_kept(join, kept);
}

static void handle_tick(struct join *join, const struct event *event)
{
	take_look(join, &event->tick, event->head.ts_ns);
	end_openings(join, capture_expire, event->head.ts_ns);
	lookup_run_timers(join, event->head.ts_ns);
	datagram_run_timers(join, event->head.ts_ns);
	tell_lookups(join);
	tell_lookups_early(join);
	tell_claims(join, event->head.ts_ns);
	attempt_handshakes_late(join, event->head.ts_ns);
	attempt_run_timers(join, event->head.ts_ns);
	end_openings(join, expire, join->now_ns);
}

static void handle_open(struct join *join, const struct event *event)
{
	if (event->open.how == OPEN_LISTEN)
		listener_open(join, event);
	veil_open(join, event);
	if (veil_is_socket(event->open.how))
		return;
	lookup_open(join, event);
	if (event->open.how == OPEN_UNANSWERED)
		datagram_unanswered(join, event);
	if (event->open.how == OPEN_LOOKUP || event->open.how == OPEN_DATAGRAM ||
	    event->open.how == OPEN_UNANSWERED)
		return;
	if (event->open.how == OPEN_ACCEPT)
		standing_accepted(join, event);
	if (event->open.how == OPEN_CONNECT) {
		datagram_connected(join, &event->open.owner, event->open.tuple.remote);
		opening_open(join, event);
	}
	attempt_later_open(join, event);
}

/* What an opening does not take for itself is said of a connection that stands. */
static void handle_socket(struct join *join, const struct event *event)
{
	opening_socket(join, event);
	attempt_standing(join, event);
}

static void handle_state(struct join *join, const struct event *event)
{
	if (event->socket.old_state == TCP_STATE_LISTEN)
		listener_close(join, event);
	else
		handle_socket(join, event);
}

/* accept() that fails for want of something: the queue is not emptied. socket() is heard of alone. */
static void handle_starved(struct join *join, const struct event *event)
{
	bool files = event->syscall.error == EMFILE || event->syscall.error == ENFILE;

	if (event->syscall.call == SYSCALL_ACCEPT &&
	    (files || event->syscall.error == ENOMEM || event->syscall.error == ENOBUFS))
		listener_accept_failed(join, event);
	attempt_starved(join, event);
}

static void handle_error(struct join *join, const struct event *event)
{
	if (datagram_error(join, event))
		return;
	if (event->socket.old_state == TCP_STATE_CLOSE && event->socket.error == ECONNRESET)
		attempt_standing_unheard(join, event);
	else
		opening_socket(join, event);
}

static void handle_syscall(struct join *join, const struct event *event)
{
	bool udp = event->syscall.tuple.protocol == IPPROTO_UDP;

	if (event->head.known & EVENT_K_PATH) {
		attempt_unix(join, event);
	} else if (event->syscall.call == SYSCALL_SEND && !udp) {
		attempt_standing_pipe(join, event);
	} else if (event->syscall.call == SYSCALL_SEND ||
		   (event->syscall.call == SYSCALL_CONNECT && udp)) {
		datagram_send(join, event);
	} else if (event->syscall.call == SYSCALL_CONNECT) {
		datagram_connected(join, &event->syscall.owner, event->syscall.asked);
		opening_syscall(join, event);
	} else if (event->syscall.call == SYSCALL_BIND || event->syscall.call == SYSCALL_LISTEN) {
		attempt_call(join, event);
	} else {
		handle_starved(join, event);
	}
}

static void handle_snapshot(struct join *join, const struct event *event)
{
	join->lookups->owner_taken = false;
	if (event->snapshot.tuple.protocol == IPPROTO_UDP) {
		lookup_note_holder(join, event);
		datagram_owner(join, event);
	} else if (event->snapshot.state == TCP_STATE_LISTEN) {
		listener_snapshot(join, event);
	} else if (event->snapshot.state == TCP_STATE_SYN_SENT) {
		opening_snapshot(join, event);
	} else {
		standing_snapshot(join, event);
	}
	if (event->snapshot.look && event->snapshot.tuple.protocol != IPPROTO_UDP)
		attempt_look(join, event);
}

/* Of a socket whose opening was never told (the command accepted it) no packet waits for one. */
static bool is_nobodys(const struct conn *followed, const struct packet *packet)
{
	return followed && !followed->opened && !(packet->tcp_flags & (TCP_F_SYN | TCP_F_RST));
}

static void note_syn(struct join *join, const struct sighting *sighting)
{
	struct event_tuple tuple = { .remote_port = sighting->destination_port };

	memcpy(tuple.remote, sighting->destination, sizeof(tuple.remote));
	listener_note_syn(join, sighting->evidence.netns, &tuple, sighting->evidence.ts_ns);
}

static void handle_wire(struct join *join, const struct event *event)
{
	struct full_queue full;
	struct sighting sighting;

	switch (wire_event(join, event, &full, &sighting)) {
	case WIRE_NOTHING:
		break;
	case WIRE_FULL:
		attempt_overflow(join, &full);
		break;
	case WIRE_KNOCK:
		attempt_knock(join, &sighting);
		break;
	case WIRE_SYN:
		note_syn(join, &sighting);
		break;
	case WIRE_UNFINISHED: /* not of a packet */
		break;
	}
}

/* Resets that are sent, and drops. */
static void handle_act(struct join *join, const struct event *event)
{
	if (event->head.kind == EVENT_DROP && datagram_drop(join, event))
		return;
	bypass_note(join, event);
	handle_wire(join, event);
	attempt_standing_act(join, event);
}

static void handle_listener(struct join *join, const struct event *event)
{
	struct full_queue full;
	struct sighting sighting;
	enum wire_heard heard = wire_listener(join, event, &full, &sighting);

	if (heard == WIRE_FULL)
		attempt_overflow(join, &full);
	else if (heard == WIRE_UNFINISHED)
		attempt_unfinished(join, event, &sighting);
}

/* Told for what it says alone: no opening waits for it. */
static bool is_talk(const struct event *event)
{
	const struct packet *packet = &event->packet;

	return packet->what == PACKET_TCP && packet->payload_bytes &&
	       !(event->head.flags & EVENT_F_FOLLOWED) &&
	       !(packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN | TCP_F_RST));
}

/* Packets of a connection were lost because they are too big: what is sent of that again tells nothing of the network. */
static void note_narrowed(struct join *join, const struct event *event)
{
	if (event->packet.inner.protocol == IPPROTO_TCP && packet_says_too_big(&event->packet))
		conns_narrowed(join->conns, &event->packet, event->head.netns);
}

static void handle_packet(struct join *join, const struct event *event)
{
	struct conn *followed = NULL;

	if (event->packet.what == PACKET_ICMP && (event->packet.flags & PACKET_F_INNER))
		note_narrowed(join, event);
	if ((event->head.flags & EVENT_F_FOLLOWED) && join->limits.segments)
		followed = followed_packet(join, event);
	if (lookup_packet(join, event)) {
		if (followed)
			followed->claimed = true;
		tell_lookups(join);
		return;
	}
	if (followed)
		followed_listen(join, followed, event);
	attempt_handshake(join, event);
	said_packet(join, event);
	if (event->head.flags & EVENT_F_FOLLOWED)
		answers_packet(join, event);
	if (!is_talk(event) && !is_nobodys(followed, &event->packet))
		handle_wire(join, event);
}

static struct conn *captured_conn(struct join *join, const struct ends *ends, __u32 netns)
{
	struct conn *conn = conns_add_packet(join->conns, ends, netns);

	if (conn)
		conn->sources = SOURCE_CAPTURE;
	return conn;
}

/* What the file does not hold of it was not missing. */
static void note_lack(struct conn *conn, const struct event *event)
{
	if (event->frame.how & FRAME_F_SOME)
		conn->sources |= SOURCE_SOME_PACKETS;
	if (event->frame.how & FRAME_F_CHOSEN)
		conn->sources |= SOURCE_CHOSEN;
}

static void handle_segment(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	__u32 netns = event->head.netns;
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	struct conn *conn = conns_of_packet(join->conns, packet, &ends, netns, &join->look);
	bool known = conn;

	/* judged once, before anybody asks what it means */
	if (join->limits.segments && stream_is_segment(packet) &&
	    !(event->frame.how & FRAME_F_SOME)) {
		if (!conn)
			conn = captured_conn(join, &ends, netns);
		if (conn)
			conns_take_packet(join->conns, conn, packet, netns, event->head.ts_ns,
					  event->frame.frame, &join->look);
	}
	if (lookup_awaits_tcp(join) && !join->look.copy) {
		if (lookup_segment(join, event) && conn)
			conn->claimed = true;
		tell_lookups(join);
	}
	/* nearly every packet is of a connection that has been told to have begun */
	if (!conn || conn->watched || conn->mirror ||
	    (packet->tcp_flags & (TCP_F_SYN | TCP_F_RST))) {
		known = false;
		conn = capture_segment(join, event, &ends, conn, &join->look);
		tell_openings(join, event->head.ts_ns); /* before what is said on it */
	}
	if (conn && (event->frame.how & (FRAME_F_SOME | FRAME_F_CHOSEN)))
		note_lack(conn, event);
	if (!join->talks)
		return;
	if (!known) /* it may have made a conn, also one that is too short to be followed */
		tell_leaving(join);
	if (join->look.stream)
		tell_talk(join, talk_packet(join, conn, event, &join->look, &join->tls_alert));
}

/* An ICMP error is the matter of what it quotes. */
static void handle_quoted(struct join *join, const struct event *event)
{
	note_narrowed(join, event);
	if (event->packet.inner.protocol == IPPROTO_TCP)
		capture_quoted(join, event);
	else
		datagram_quoted(join, event);
}

static void handle_frame(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;

	join->counters.frames++;
	if (packet->what != PACKET_TCP &&
	    (packet->what == PACKET_NONE || packet->what == PACKET_UNPARSED)) {
		join->counters.unread[event->frame.unread]++;
		claims_event(join, event);
		return;
	}
	if (packet->flags & PACKET_F_CUT)
		join->counters.cut++;
	if (event->frame.how & FRAME_F_OPAQUE)
		join->counters.opaque++;
	sight_note(join, packet);
	if (event->frame.how & FRAME_F_CHOSEN)
		join->counters.chosen++;
	if (packet->what == PACKET_TCP) {
		handle_segment(join, event);
		return;
	}
	if (packet->what == PACKET_UDP)
		datagram_event(join, event);
	else if (packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER))
		handle_quoted(join, event);
	tell_lookups(join);
	claims_packet(join, event);
}

static handle_fn *const handlers[EVENT_KIND_COUNT] = {
	[EVENT_OPEN] = handle_open,
	[EVENT_STATE] = handle_state,
	[EVENT_ERROR] = handle_error,
	[EVENT_RETRANSMIT] = handle_socket,
	[EVENT_RESET_RECEIVED] = opening_socket,
	[EVENT_SYNACK_RETRANSMIT] = handle_listener,
	[EVENT_LISTEN_FULL] = handle_listener,
	[EVENT_RESET_SENT] = handle_act,
	[EVENT_DROP] = handle_act,
	[EVENT_PACKET] = handle_packet,
	[EVENT_ICMP_SENT] = handle_wire,
	[EVENT_SYSCALL] = handle_syscall,
	[EVENT_SOCKET] = handle_snapshot,
	[EVENT_TICK] = handle_tick,
	[EVENT_FACT] = attempt_take_fact,
	[EVENT_CLAIM] = claims_event,
	[EVENT_NEIGHBOR] = host_event,
	[EVENT_START] = host_event,
	[EVENT_HOOK] = host_event,
	[EVENT_CLOCK] = host_event,
	[EVENT_INTERFACE] = host_event,
	[EVENT_NETNS] = host_event,
	[EVENT_NAME] = host_event,
	[EVENT_PROCESS] = host_event,
	[EVENT_CHANGE] = host_event,
	[EVENT_LOST] = loss_event,
	[EVENT_SUPPRESSED] = loss_event,
	[EVENT_FRAME] = handle_frame,
	[EVENT_GAUGE] = attempt_gauge,
};

void join_event(struct join *join, const struct event *event)
{
	join->counters.records++;
	join->look = (struct stream_look){ 0 };
	join->tls_alert = NULL;
	conns_settle(join->conns);
	join->counters.by_kind[event->head.kind]++;
	if (event->head.ts_ns > join->now_ns)
		join->now_ns = event->head.ts_ns;
	if (event->head.lost)
		loss_note(join, &event->head);
	if (handlers[event->head.kind] && !(event->head.known & EVENT_K_TIMELINE))
		handlers[event->head.kind](join, event);
	tell_openings(join, event->head.ts_ns);
	if (join->flows)
		flow_event(join, event);
	if (join->whose)
		whose_event(join->whose, event);
}

void join_event_again(struct join *join, const struct event *event)
{
	if (event->head.kind == EVENT_CLOCK)
		host_event(join, event);
	if (join->whose)
		whose_event(join->whose, event);
}

const struct conns *join_conns(const struct join *join)
{
	return join->conns;
}

bool join_follows_segments(const struct join *join)
{
	return join->limits.segments;
}

const struct tls_side *join_tls_alert(const struct join *join)
{
	return join->tls_alert;
}

const struct stream_look *join_look(const struct join *join)
{
	return &join->look;
}

void join_finish(struct join *join)
{
	end_openings(join, capture_over, join->now_ns);
	lookup_finish(join);
	datagram_finish(join);
	tell_lookups(join);
	tell_claims(join, UINT64_MAX);
	attempt_finish(join);
}

const struct join_counters *join_counters(const struct join *join)
{
	return &join->counters;
}

void join_count_bad(struct join *join)
{
	join->counters.bad++;
}

__u64 join_now_ns(const struct join *join)
{
	return join->now_ns;
}
