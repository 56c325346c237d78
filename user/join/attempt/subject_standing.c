// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_standing.c - an established connection of this host that ends badly, or hangs */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "join/conn/kept_table.h"
#include "join/conn/opening.h"
#include "join/conn/said.h"
#include "join/host/host.h"
#include "join/host/loss.h"
#include "join/talk/handshakes.h"
#include "join/talk/talk_table.h"
#include "util/address.h"
#include "util/tcp.h"

/* ---- whose it is ---- */

/* @tuple: of its socket. Also one that closed with it just now. */
static const struct listener *listener_of(const struct join *join, __u32 netns,
					  const struct event_tuple *tuple, __u64 now_ns)
{
	struct event_tuple asked = { .remote_port = tuple->local_port };
	const struct listener *closed;

	memcpy(asked.remote, tuple->local, sizeof(asked.remote));
	closed = join_listener_closed(join, netns, &asked, now_ns);
	return closed ? closed : join_listener_for(join, netns, &asked);
}

/* NULL: nobody knows. */
static const struct event_owner *owner_of(const struct join *join, const struct conn *conn,
					  const struct listener *listener)
{
	const struct event_owner *owner = attempt_conn_owner(join, conn);

	if (owner)
		return owner;
	return listener ? listener->owner : NULL;
}

/* A guess by port where nobody was seen to open it. */
static void take_role(struct flow *flow, const struct conn *conn, const struct listener *listener)
{
	flow->role_known = conn->opened || conn->accepted || listener;
	flow->client = conn->opened || (!conn->accepted && !listener &&
					flow->tuple.local_port > flow->tuple.remote_port);
}

struct attempt_slot *attempt_of_standing(struct join *join, __u32 netns, __u64 cookie,
					 const struct event_tuple *tuple, __u64 now_ns)
{
	struct conn *conn = standing_conn(join, cookie, netns);
	const struct listener *listener;
	const struct event_owner *owner;
	struct ends ends = ends_of_tuple(tuple);
	struct flow flow = { .cookie = cookie, .tuple = *tuple, .seen_ns = now_ns };
	struct attempt_slot *slot;

	if (!conn || conn->attempt || conn->closed)
		return conn ? conn->attempt : NULL;
	listener = conn->opened ? NULL : listener_of(join, conn->netns, tuple, now_ns);
	owner = owner_of(join, conn, listener);
	take_role(&flow, conn, listener);
	flow.netns = conn->netns;
	flow.established_ns = conn->established_ns;
	slot = attempt_take(join, flow.client ? &subject_standing : &subject_served, owner, owner,
			    conn->netns, cookie,
			    conn->established_ns ? conn->established_ns : now_ns);
	if (!slot)
		return NULL;
	attempt_extra(join, slot)->standing = (struct standing){
		.flow = flow,
		.before = conn->before,
	};
	slot->attempt.standing = &attempt_extra(join, slot)->standing;
	slot->attempt.state = ATTEMPT_OPEN;
	if (owner && !attempt_conn_owner(join, conn))
		slot->attempt.owner_by = OWNER_BY_LISTENER;
	else if (conn->owner_by_file)
		slot->attempt.owner_by = OWNER_BY_FILE;
	conn->attempt = slot;
	conn->troubled = true;
	conns_mirror(join->conns, conn, &ends); /* while its ports are no later one's */
	return slot;
}

static struct attempt_slot *attempt_of(struct join *join, const struct event *event, __u64 cookie,
				       const struct event_tuple *tuple)
{
	return attempt_of_standing(join, event->head.netns, cookie, tuple, event->head.ts_ns);
}

static struct standing *standing_of(struct join *join, const struct attempt_slot *slot)
{
	return &attempt_extra(join, slot)->standing;
}

/* ---- what its socket says ---- */

static void note(struct join *join, struct attempt_slot *slot, const struct event *event)
{
	struct evidence evidence = evidence_of_socket(event);

	evidence_add(join->evidence, &slot->seen, &evidence);
}

/* @counts: of a record that knows @known. */
static void count(struct flow *flow, const struct event_flow *counts, __u32 known)
{
	const __u32 all =
		EVENT_K_FLOW | EVENT_K_COUNTERS | EVENT_K_TIMEOUTS | EVENT_K_TIMES | EVENT_K_ANSWER;

	if (!(known & EVENT_K_COUNTERS))
		return;
	flow->counts = *counts;
	flow->known = (flow->known & ~all) | (known & all);
	if (flow->role_known || !(flow->counts.how & FLOW_F_ROLE))
		return;
	flow->role_known = true;
	flow->client = flow->counts.how & FLOW_F_CLIENT;
}

/* A listener that closes resets those who wait for its accept(); who was reset, or timed out, has an error. */
static bool closed_with_listener(const struct ev_socket *socket)
{
	return (socket->how & SOCKET_F_UNACCEPTED) && !(socket->how & SOCKET_F_RESET) &&
	       !socket->error;
}

/* Whose opening on this host is not over tells itself that it was reset. */
static bool is_opening_here(const struct join *join, struct conn *conn, const struct ends *ends)
{
	const struct conn *mirror = conns_mirror(join->conns, conn, ends);

	return mirror && mirror->opening;
}

/* What its other end, if that is on this host, is judged by. */
static void note_end(struct join *join, struct conn *conn, const struct ends *ends,
		     const struct event *event)
{
	const struct event_flow *counts = &event->socket.flow;

	conn->unaccepted = closed_with_listener(&event->socket);
	if (event->head.known & EVENT_K_COUNTERS && counts->unread_bytes) {
		conn->unread_bytes = counts->unread_bytes;
		conn->read_bytes = (__u32)(counts->bytes_received - counts->unread_bytes);
	}
	if ((conn->unaccepted || conn->unread_bytes) && !conns_is_linked(join->conns, conn))
		conns_set_ends(join->conns, conn, ends);
}

/*
 * Its process has it still, and may never look at it again. Behind the peer's FIN recv() says so, and
 * leaves the error.
 */
static bool may_go_unheard(const struct join *join, const struct flow *flow)
{
	return flow->error == ECONNRESET && flow->state == TCP_STATE_ESTABLISHED &&
	       join_hook_attached(join, "destroy");
}

static void ended(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct handshake_slot *handshake = attempt_handshake_of(join, event);
	struct ends ends = ends_of_tuple(&socket->tuple);
	struct attempt_slot *slot;
	struct conn *conn;
	struct standing *standing;

	if (handshake && handshake->told)
		return;
	slot = attempt_of(join, event, event->head.cookie, &socket->tuple);
	if (!slot || slot->attempt.state == ATTEMPT_FINAL)
		return;
	/* its process had closed: what the peer does then changes nothing */
	if (standing_of(join, slot)->closed_here && socket->old_state == TCP_STATE_FIN_WAIT1) {
		note(join, slot, event);
		return;
	}
	if (handshake)
		attempt_take_handshake(join, slot, handshake);
	standing = standing_of(join, slot);
	count(&standing->flow, &socket->flow, event->head.known);
	standing->flow.known |= EVENT_K_STATE;
	standing->closed_here = socket->new_state == TCP_STATE_FIN_WAIT1;
	standing->flow.state = standing->closed_here ? socket->new_state : socket->old_state;
	standing->flow.error = socket->error;
	standing->flow.ended_ns = event->head.ts_ns;
	standing->flow.reset_received = socket->how & SOCKET_F_RESET;
	standing->flow.resets_told = join_hook_attached(join, "reset-sent");
	standing->how = socket->how;
	standing->signal = socket->signal;
	conn = conns_by_cookie(join->conns, event->head.cookie);
	standing->unaccepted = closed_with_listener(socket) && !is_opening_here(join, conn, &ends);
	note(join, slot, event);
	if (conn)
		note_end(join, conn, &ends, event);
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.ended_ns = event->head.ts_ns;
	if (may_go_unheard(join, &standing->flow))
		attempt_set_timer(join, slot, TIMER_HEARD,
				  event->head.ts_ns + join->limits.settle_reset_ns);
	else
		attempt_set_timer(join, slot, TIMER_SETTLE,
				  event->head.ts_ns + join->limits.settle_ns);
}

static void hangs(struct join *join, struct attempt_slot *slot, __u64 now_ns, bool pending)
{
	struct standing *standing = standing_of(join, slot);

	if (!standing->stuck_ns)
		standing->stuck_ns = now_ns;
	if (slot->attempt.state != ATTEMPT_OPEN)
		return;
	attempt_set_timer(join, slot, TIMER_STALLED, now_ns + join->limits.stalled_ns);
	/* of whom nobody knows whose it is the begin was not seen: what it hangs on may be told of another */
	if (pending && slot->attempt.owner_known)
		attempt_tell_pending(join, slot, now_ns);
}

static void sent_again(struct join *join, const struct event *event)
{
	struct standing *standing;
	struct attempt_slot *slot;

	if (event->socket.flow.again_in_row < join->limits.stuck)
		return;
	slot = attempt_of(join, event, event->head.cookie, &event->socket.tuple);
	if (!slot)
		return;
	standing = standing_of(join, slot);
	count(&standing->flow, &event->socket.flow, event->head.known);
	standing->flow.state = event->socket.old_state;
	if (event->head.known & EVENT_K_SEGMENT)
		standing->again_bytes = event->socket.flow.again_bytes;
	note(join, slot, event);
	hangs(join, slot, event->head.ts_ns, true);
}

/*
 * Under flows the kernel side tells of every end, elsewhere only of those where something was notable: of
 * one that went as it should nothing is judged there either, nor is its other end told with it.
 */
static bool is_in_order(const struct join *join, const struct conn *conn, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	const struct event_flow *counts = &socket->flow;

	if (!join_flow_counters(join) || socket->new_state != TCP_STATE_CLOSE || socket->error ||
	    (socket->how & SOCKET_F_RESET) || socket->old_state == TCP_STATE_ESTABLISHED ||
	    socket->old_state == TCP_STATE_CLOSE_WAIT)
		return false;
	return counts->segments_in && !counts->retransmits && !counts->probes &&
	       !counts->unacked_bytes && !counts->unread_bytes &&
	       !attempt_handshake_of(join, event) &&
	       !(conn && (conn->attempt || said_of(join, conn)));
}

void attempt_standing(struct join *join, const struct event *event)
{
	const struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);

	if (!standing_is(event->socket.old_state))
		return;
	if (conn && conn->opening && conn->opening->opening.state != OPENING_ESTABLISHED &&
	    conn->opening->opening.state != OPENING_WORKED)
		return; /* the end of the opening, which tells it */
	if (event->head.kind == EVENT_STATE && is_in_order(join, conn, event))
		return;
	if (event->head.kind == EVENT_RETRANSMIT)
		sent_again(join, event);
	else if (event->head.kind == EVENT_STATE &&
		 (event->socket.new_state == TCP_STATE_CLOSE ||
		  event->socket.new_state == TCP_STATE_FIN_WAIT1))
		ended(join, event);
}

/* ---- what the host does to it ---- */

/*
 * A reset of the application's own making follows the socket's end, one that a timer or ss -K makes
 * comes before it.
 */
static void reset_sent(struct join *join, const struct event *event)
{
	const struct ev_reset *reset = &event->reset;
	const struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);
	struct attempt_slot *slot = conn ? conn->attempt : NULL;
	struct evidence evidence = evidence_of(event);
	struct standing *standing;

	if (!slot && (!standing_is(reset->state) || !(event->head.known & EVENT_K_TUPLE)))
		return;
	if (!slot)
		slot = attempt_of(join, event, event->head.cookie, &reset->tuple);
	if (!slot || slot->attempt.state == ATTEMPT_FINAL)
		return;
	standing = standing_of(join, slot);
	standing->flow.reset_sent = true;
	standing->reset_reason_known = event->head.known & EVENT_K_REASON;
	standing->reset_reason = reset->reason;
	evidence.reason = reset->reason;
	evidence_add(join->evidence, &slot->seen, &evidence);
	if (!slot->timer) /* where no end follows there is nothing to tell */
		attempt_set_timer(join, slot, TIMER_SETTLE,
				  event->head.ts_ns + join->limits.settle_ns);
}

static void note_drop(struct standing *standing, struct drop_seen *seen, const struct event *event)
{
	const struct packet *packet = &event->packet;

	if (!seen->count++)
		seen->first_ns = event->head.ts_ns;
	standing->drop_again = standing->drop_again && packet->seq == standing->drop_seq ?
				       standing->drop_again + 1 :
				       1;
	standing->drop_seq = packet->seq;
	seen->reason = event->drop.reason;
	seen->reason_known = event->head.known & EVENT_K_REASON;
	seen->location = event->drop.location;
	seen->netns = event->head.netns;
	seen->ifindex = event->head.ifindex;
}

/* Whose packet was dropped, by its own namespace or by another one on its way. */
struct dropped {
	__u64 cookie; /* 0: nobody's that is known, or that stands */
	struct event_tuple tuple;
	bool in; /* it had come for that socket */
};

/* Where no socket is left at the packet, or its receiver's is, its sender is known by the ends. */
static void find_sender(const struct join *join, const struct packet *packet, struct dropped *whose)
{
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);
	const struct conn *conn = conns_sender(join->conns, &ends);

	if (!conn || (conn->opening && conn->opening->opening.state == OPENING_CONNECTING))
		return;
	whose->cookie = conn->cookie;
	whose->tuple = (struct event_tuple){
		.local_port = packet->source_port,
		.remote_port = packet->destination_port,
		.family = address_is_ipv4(packet->source) ? AF_INET : AF_INET6,
		.protocol = IPPROTO_TCP,
	};
	memcpy(whose->tuple.local, packet->source, sizeof(whose->tuple.local));
	memcpy(whose->tuple.remote, packet->destination, sizeof(whose->tuple.remote));
}

static bool is_sent_by(const struct packet *packet, const struct event_tuple *tuple)
{
	return packet->source_port == tuple->local_port &&
	       address_equal(packet->source, tuple->local);
}

/* Of two ends on this host the sender suffers: it sends again what does not arrive. */
static struct dropped whose_is(const struct join *join, const struct event *event)
{
	const struct ev_drop *drop = &event->drop;
	bool receives = (event->head.known & EVENT_K_RX_SOCKET) && standing_is(drop->rx_state);
	bool has_tuple = event->head.known & EVENT_K_TUPLE;
	struct dropped whose = { 0 };

	if (!has_tuple || !is_sent_by(&event->packet, &drop->tuple))
		find_sender(join, &event->packet, &whose);
	if (whose.cookie || !has_tuple || !standing_is(drop->state))
		return whose;
	whose.cookie = receives ? drop->rx_cookie : event->head.cookie;
	whose.in = !is_sent_by(&event->packet, &drop->tuple);
	whose.tuple = drop->tuple;
	return whose;
}

/* What carries nothing is lost every day: only payload and the FIN are sent again until they arrive. */
static void dropped(struct join *join, const struct event *event)
{
	const struct ev_drop *drop = &event->drop;
	const struct packet *packet = &event->packet;
	struct evidence evidence = evidence_of(event);
	struct attempt_slot *slot;
	struct standing *standing;
	struct dropped whose;
	bool in;

	if (packet->what != PACKET_TCP ||
	    (!packet->payload_bytes && !(packet->tcp_flags & TCP_F_FIN)))
		return;
	whose = whose_is(join, event);
	in = whose.in;
	if (!whose.cookie)
		return;
	slot = attempt_of(join, event, whose.cookie, &whose.tuple);
	if (!slot || slot->attempt.state != ATTEMPT_OPEN)
		return;
	standing = standing_of(join, slot);
	note_drop(standing, in ? &standing->drop_in : &standing->drop_out, event);
	evidence_note_packet(&evidence, packet);
	evidence.direction = in ? DIRECTION_IN : DIRECTION_OUT;
	evidence.reason = drop->reason;
	evidence.location = drop->location;
	evidence_add(join->evidence, &slot->seen, &evidence);
	hangs(join, slot, event->head.ts_ns, standing->drop_again >= join->limits.stuck);
}

void attempt_standing_act(struct join *join, const struct event *event)
{
	if (event->head.kind == EVENT_RESET_SENT)
		reset_sent(join, event);
	else
		dropped(join, event);
}

/* ---- what a look at all sockets finds ---- */

static void found_hanging(struct join *join, struct conn *conn, const struct event *event)
{
	const struct ev_snapshot *socket = &event->snapshot;
	struct attempt_slot *slot = attempt_of(join, event, event->head.cookie, &socket->tuple);
	struct evidence evidence = evidence_of(event);
	struct standing *standing;

	if (!slot || slot->attempt.state != ATTEMPT_OPEN)
		return;
	standing = standing_of(join, slot);
	if (!slot->attempt.owner_known) {
		attempt_set_owner(join, slot, &socket->owner, true);
		slot->attempt.owner_by = OWNER_BY_FILE;
	}
	count(&standing->flow, &socket->flow, event->head.known);
	evidence.new_state = socket->state;
	evidence.look = socket->look;
	evidence.payload_bytes = socket->look & SNAPSHOT_LOOK_READER ? socket->flow.unread_bytes :
								       socket->flow.unacked_bytes;
	if (standing->looked != socket->look)
		evidence_add(join->evidence, &slot->seen, &evidence);
	standing->looked = socket->look;
	conn->unread = socket->look & SNAPSHOT_LOOK_READER;
	hangs(join, slot, event->head.ts_ns, false);
}

/* Which side opened it: by what its socket has counted, else by who was seen to, or listens. */
static bool is_served(const struct join *join, const struct conn *conn, const struct event *event)
{
	const struct ev_snapshot *socket = &event->snapshot;

	if ((event->head.known & EVENT_K_FLOW) && (socket->flow.how & FLOW_F_ROLE))
		return !(socket->flow.how & FLOW_F_CLIENT);
	return !conn->opened && (conn->accepted ||
				 listener_of(join, conn->netns, &socket->tuple, event->head.ts_ns));
}

/* Several processes may hold one socket: the first is told of. */
void attempt_look(struct join *join, const struct event *event)
{
	const struct ev_snapshot *socket = &event->snapshot;
	struct conn *conn = standing_conn(join, event->head.cookie, event->head.netns);
	struct ends ends = ends_of_tuple(&socket->tuple);

	if (!conn || conn->look == join->looks + 1 || !(event->head.known & EVENT_K_OWNER))
		return;
	conn->look = join->looks + 1;
	if (!conns_is_linked(join->conns, conn))
		conns_set_ends(join->conns, conn, &ends);
	if (socket->look & SNAPSHOT_LOOK_CLOSED)
		kept_add(join->kept, event, is_served(join, conn, event));
	if (socket->look & (SNAPSHOT_LOOK_READER | SNAPSHOT_LOOK_PEER))
		found_hanging(join, conn, event);
}

/* Both ends of a connection of this host are found in one look: then it is known whose is told. */
void attempt_look_over(struct join *join, __u64 now_ns)
{
	struct attempt_slot *slot = TAILQ_FIRST(&join->attempts->timers[TIMER_STALLED]), *next;

	for (; slot; slot = next) {
		struct standing *standing = standing_of(join, slot);
		struct conn *conn = conns_by_cookie(join->conns, standing->flow.cookie);

		next = TAILQ_NEXT(slot, by_timer);
		if (!standing->looked)
			continue;
		if (conn && conn->look == join->looks + 1) {
			attempt_tell_pending(join, slot, now_ns);
			continue;
		}
		standing->looked = 0;
		standing->moves = true;
		if (conn)
			conn->unread = false;
		if (standing->flow.counts.again_in_row < join->limits.stuck)
			attempt_go_on(join, slot, now_ns, false);
	}
}

/* ---- what is told of it ---- */

static enum wake standing_wake(const struct attempt *attempt, const struct opening **opening)
{
	(void)opening;
	if (attempt->state == ATTEMPT_OPEN)
		return WAKE_STALLED;
	if (attempt->standing->flow.ended_ns || attempt->standing->refused_ns ||
	    attempt->standing->talk)
		return WAKE_CONNECTION;
	return WAKE_NONE;
}

static void standing_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct flow *flow = &attempt->standing->flow;

	about->tuple = flow->tuple;
	about->cookie = flow->cookie;
	about->error = flow->error;
	about->sources = SOURCE_SOCKET;
	about->lasted = flow->established_ns;
}

static void standing_key(const struct attempt *attempt, const struct opening *opening,
			 __u8 severity, struct subject_key *key)
{
	const struct event_tuple *tuple = &attempt->standing->flow.tuple;

	(void)opening;
	subject_key_add(key, tuple->remote, sizeof(tuple->remote));
	subject_key_add(key, &tuple->remote_port, sizeof(tuple->remote_port));
	subject_key_add(key, &severity, sizeof(severity));
}

/* Its clients come from everywhere: the listener's address and port stand for them. */
static void served_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		       struct subject_key *key)
{
	const struct event_tuple *tuple = &attempt->standing->flow.tuple;

	(void)opening;
	subject_key_add(key, tuple->local, sizeof(tuple->local));
	subject_key_add(key, &tuple->local_port, sizeof(tuple->local_port));
	subject_key_add(key, &severity, sizeof(severity));
}

static bool standing_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	const struct flow *flow = &attempt->standing->flow;

	if (index)
		return false;
	*span = (struct packet_span){
		.tuple = flow->tuple,
		.cookie = flow->cookie,
		.netns = flow->netns,
		.from_ns = attempt->started_ns,
		.until_ns = attempt->due_ns,
	};
	return true;
}

static void standing_released(struct join *join, const struct attempt *attempt)
{
	struct conn *conn = conns_by_cookie(join->conns, attempt->standing->flow.cookie);
	struct handshake_slot *handshake = handshakes_at(join, attempt->standing->handshake);

	if (handshake)
		handshake->told = attempt->state == ATTEMPT_FINAL && !attempt->worked;
	if (attempt->standing->talk)
		talks_give_back(join->talks, attempt->standing->talk);
	if (!conn || conn->attempt != (const struct attempt_slot *)attempt)
		return;
	conn->attempt = NULL;
	conn->told |= attempt->told;
	conn->closed |= attempt->standing->closed_here;
}

/* Both ends are told of alike, but for whose clients come from everywhere. */
#define STANDING(of_name, of_role, of_number, of_key)                                              \
	{                                                                                          \
		.name = of_name, .role = of_role, .number = of_number,                             \
		.wakes = WAKE_CONNECTION | WAKE_STALLED, .uncounted = true, .wake = standing_wake, \
		.about = standing_about, .key = of_key, .evidence = subject_listed,                \
		.outcome = standing_outcome, .by_packets = standing_by_packets,                    \
		.packets = standing_packets, .release = standing_released,                         \
	}

const struct subject subject_standing = STANDING("standing", "client", 7, standing_key);
const struct subject subject_served = STANDING("served", "server", 8, served_key);
