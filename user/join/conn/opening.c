// SPDX-License-Identifier: GPL-2.0-or-later
/* opening.c - what the socket layer says of an opening: its begin, its states, its end */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "join/conn/opening.h"
#include "join/host/host.h"
#include "join/host/loss.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/array.h"
#include "util/tcp.h"

void opening_note_isn(struct opening_slot *slot, __u32 isn)
{
	slot->opening.isn = slot->conn->isn = isn;
	slot->opening.isn_known = slot->conn->isn_known = true;
}

void opening_set_ends(struct join *join, struct opening_slot *slot)
{
	const struct event_tuple *tuple = &slot->opening.tuple;
	struct ends ends =
		ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);

	conns_set_ends(join->conns, slot->conn, &ends);
	slot->conn->ends.client = ends.from;
	slot->conn->ends.client_known = true;
}

static void set_translated(struct opening *opening, __u32 netns, const struct event_tuple *as)
{
	opening->translated = true;
	opening->translated_netns = netns;
	opening->translated_from_port = as->local_port;
	opening->translated_to_port = as->remote_port;
	memcpy(opening->translated_from, as->local, sizeof(opening->translated_from));
	memcpy(opening->translated_to, as->remote, sizeof(opening->translated_to));
}

/* A port that was learned from the wire may be what source NAT gave: unlearn_translated() tells that apart. */
void opening_note_translated(struct opening *opening, const struct sighting *sighting)
{
	const struct event_tuple *tuple = &opening->tuple;
	struct event_tuple as = { .local_port = sighting->source_port,
				  .remote_port = sighting->destination_port };
	bool from_known = tuple->local_port && !opening->port_from_wire;

	memcpy(as.local, sighting->source, sizeof(as.local));
	memcpy(as.remote, sighting->destination, sizeof(as.remote));
	if (tuple->remote_port != as.remote_port || !address_equal(tuple->remote, as.remote) ||
	    (from_known &&
	     (tuple->local_port != as.local_port || !address_equal(tuple->local, as.local))))
		set_translated(opening, sighting->evidence.netns, &as);
}

/*
 * What was learned of the first packet had passed source NAT of this machine: its packets still pass
 * under those ends, and the socket knows better what its own are.
 */
static void unlearn_translated(struct join *join, struct opening_slot *slot,
			       const struct event_tuple *tuple)
{
	struct event_tuple *known = &slot->opening.tuple;
	struct ends translated =
		ends_of(known->local, known->local_port, known->remote, known->remote_port);

	if (!slot->opening.port_from_wire || !tuple->local_port || address_is_any(tuple->local))
		return;
	slot->opening.port_from_wire = false;
	if (known->local_port == tuple->local_port && address_equal(known->local, tuple->local))
		return;
	if (!slot->opening.translated)
		set_translated(&slot->opening, slot->opening.netns, known);
	memcpy(known->local, tuple->local, sizeof(known->local));
	known->local_port = tuple->local_port;
	opening_set_ends(join, slot);
	conns_set_alias(join->conns, slot->conn, &translated);
}

/* Takes over what is known now and was not; an address or port once known stays (records.md). */
static void learn_tuple(struct join *join, struct opening_slot *slot,
			const struct event_tuple *tuple)
{
	struct event_tuple *known = &slot->opening.tuple;
	bool had_port = known->local_port;

	unlearn_translated(join, slot, tuple);
	if (!known->family)
		known->family = tuple->family;
	if (!known->protocol)
		known->protocol = tuple->protocol;
	if (!known->remote_port && tuple->remote_port) {
		memcpy(known->remote, tuple->remote, sizeof(known->remote));
		known->remote_port = tuple->remote_port;
	}
	if (address_is_any(known->local) && !address_is_any(tuple->local))
		memcpy(known->local, tuple->local, sizeof(known->local));
	if (!known->local_port)
		known->local_port = tuple->local_port;
	if (!known->local_port || !known->remote_port || had_port)
		return;
	opening_set_ends(join, slot);
	wire_find_strays(join, slot);
}

/* Its socket has closed, or begins another: nothing more is to come of it. */
static void conn_over(struct join *join, struct conn *conn)
{
	if (!conn->opening && !conn->stream)
		conns_move(join->conns, conn, CONN_OVER);
}

static struct opening_slot *new_opening(struct join *join, const struct event *event,
					const struct event_tuple *tuple)
{
	struct conn *before = conns_by_cookie(join->conns, event->head.cookie);
	struct opening_slot *slot = before ? before->opening : NULL;

	if (slot && slot->opening.state == OPENING_CONNECTING) /* its end was lost */
		openings_end_unseen(join, slot, event->head.ts_ns);
	if (before && !before->opening)
		conn_over(join, before);
	slot = openings_take(join);
	if (!slot)
		return NULL;
	join->counters.openings++;
	opening_add_source(slot, SOURCE_SOCKET);
	slot->conn->netns = slot->opening.netns = event->head.netns;
	slot->opening.cookie = event->head.cookie;
	slot->opening.started_ns = event->head.ts_ns;
	slot->opening.tuple.family = tuple->family;
	memcpy(slot->opening.tuple.local, tuple->local, sizeof(tuple->local));
	memcpy(slot->opening.tuple.remote, tuple->remote, sizeof(tuple->remote));
	slot->opening.tuple.remote_port = tuple->remote_port;
	slot->opening.tcp_state = TCP_STATE_SYN_SENT;
	slot->opening.syn_sent = 1;
	conns_set_cookie(join->conns, slot->conn, event->head.cookie);
	return slot;
}

/*
 * Which worker of the kernel happened to call says nothing: file systems and block devices over TCP are told
 * apart by their ports (IANA's registry).
 */
static void name_kernel(struct event_owner *owner, __u16 port)
{
	static const struct {
		__u16 port;
		const char *name;
	} users[] = {
		{ 111, "kernel (RPC)" },   { 445, "kernel (SMB)" },   { 564, "kernel (9P)" },
		{ 2049, "kernel (NFS)" },  { 3300, "kernel (Ceph)" }, { 4420, "kernel (NVMe)" },
		{ 6789, "kernel (Ceph)" },
	};
	const char *name = "kernel";

	if (!strncmp(owner->comm, "io_", 3))
		return; /* io_uring's, up to 5.11: for a process that it does not name */
	for (size_t i = 0; i < ARRAY_SIZE(users); i++)
		if (users[i].port == port)
			name = users[i].name;
	memset(owner->leader, 0, sizeof(owner->leader));
	memcpy(owner->leader, name, strlen(name));
}

void opening_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct event_owner owner = open->owner;
	struct opening_slot *slot;
	struct evidence evidence = evidence_of(event);

	if (open->socket_flags & SOCKET_F_KERNEL)
		name_kernel(&owner, open->tuple.remote_port);
	slot = new_opening(join, event, &open->tuple);
	if (!slot)
		return;
	slot->opening.seen_whole = true;
	slot->opening.mark = open->mark;
	slot->opening.bound_ifindex = open->bound_ifindex;
	slot->opening.bound_port = open->socket_flags & SOCKET_F_BOUND_PORT;
	slot->opening.of_lookup = lookup_awaits_tcp(join) && lookup_opens_tcp(join, open);
	if ((event->head.known & EVENT_K_ASKED) &&
	    (open->asked_port != open->tuple.remote_port ||
	     !address_equal(open->asked, open->tuple.remote)) &&
	    !address_is_any(open->asked)) { /* connect() to 0.0.0.0 or :: means this host */
		slot->opening.asked_known = true;
		slot->opening.asked_port = open->asked_port;
		memcpy(slot->opening.asked, open->asked, sizeof(open->asked));
	}
	openings_note_owner(join, slot, NOTE_BEGUN, &owner, event->head.known & EVENT_K_OWNER);
	evidence.old_state = TCP_STATE_CLOSE;
	evidence.new_state = TCP_STATE_SYN_SENT;
	openings_add_evidence(join, slot, &evidence);
	learn_tuple(join, slot, &open->tuple);
}

/* An opening whose begin was not seen: the agent started in the middle, or its record was lost. */
static struct opening_slot *late_opening(struct join *join, const struct event *event,
					 const struct event_tuple *tuple,
					 const struct event_owner *owner)
{
	struct opening_slot *slot = new_opening(join, event, tuple);

	if (!slot)
		return NULL;
	openings_note_owner(join, slot, NOTE_BEGUN, owner, event->head.known & EVENT_K_OWNER);
	learn_tuple(join, slot, tuple);
	return slot;
}

void opening_snapshot(struct join *join, const struct event *event)
{
	struct opening_slot *slot = openings_by_cookie(join, event->head.cookie);
	bool owner_known = event->head.known & EVENT_K_OWNER;

	if (!slot)
		late_opening(join, event, &event->snapshot.tuple, &event->snapshot.owner);
	else if (owner_known)
		openings_note_owner(join, slot, NOTE_OWNER, &event->snapshot.owner, true);
}

static void note_counters(struct join *join, struct opening_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct opening *opening = &slot->opening;

	if (event->head.known & EVENT_K_COUNTERS) {
		opening->bytes_sent = socket->flow.bytes_delivered;
		opening->bytes_received = socket->flow.bytes_received;
		opening->srtt_us = socket->flow.srtt_us;
	}
	if ((event->head.known & EVENT_K_ISN) && !opening->isn_known) {
		opening_note_isn(slot, socket->isn);
		if (opening->tuple.local_port)
			wire_find_strays(join, slot); /* of other namespaces, told apart by it */
	}
	if (event->head.known & EVENT_K_RESET_SEEN)
		opening->reset_hook = true;
	if (socket->soft_error)
		opening->soft_error = socket->soft_error;
}

/*
 * An ICMP error that meets a socket in use becomes its soft error, which only getsockopt(SO_ERROR)
 * takes away (sk_getsockopt(); an ACK would too, but none comes in SYN_SENT). A socket that was then
 * closed without one has told its application. Which errno that was follows from the ICMP error.
 */
static __s32 taken_error(const struct opening *opening, const struct ev_socket *closed)
{
	const struct icmp_seen *icmp =
		opening->icmp_in.count ? &opening->icmp_in : &opening->icmp_here;

	if (closed->old_state != TCP_STATE_SYN_SENT || !opening->icmp_reported ||
	    closed->soft_error)
		return 0;
	if (opening->soft_error)
		return opening->soft_error;
	if (!icmp->count || icmp->mixed)
		return 0;
	return decode_icmp_errno(icmp->ipv6, icmp->type, icmp->code);
}

static void end_opening(struct join *join, struct opening_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct opening *opening = &slot->opening;

	opening->state = OPENING_FAILED;
	opening->ended_ns = event->head.ts_ns;
	opening->error = socket->error ? socket->error : taken_error(opening, socket);
	opening->signal = socket->signal;
	if (socket->how & SOCKET_F_RESET)
		opening->reset_seen = true;
	if (opening->error)
		opening->end = WAIT_ERRNO;
	else if (socket->how & SOCKET_F_EXITING)
		opening->end = socket->signal ? WAIT_KILLED : WAIT_EXITED;
	else
		opening->end = WAIT_CANCELED;
	if (opening->tcp_state == TCP_STATE_SYN_SENT &&
	    socket->flow.again_in_row + 1 > opening->syn_sent)
		opening->syn_sent = socket->flow.again_in_row + 1;
	openings_note(join, slot, NOTE_FAILED);
}

void opening_prove(struct opening_slot *slot, __u64 now_ns)
{
	if (slot->opening.state != OPENING_ESTABLISHED)
		return;
	slot->opening.state = OPENING_WORKED;
	slot->opening.ended_ns = now_ns;
}

/*
 * One side closed it first (RFC 9293 3.6): what the kernel then calls a reset, data that nobody will
 * read among it, is no failure to connect.
 */
static bool was_closed(const struct ev_socket *socket)
{
	return socket->old_state == TCP_STATE_FIN_WAIT1 ||
	       socket->old_state == TCP_STATE_FIN_WAIT2 ||
	       socket->old_state == TCP_STATE_CLOSE_WAIT ||
	       socket->old_state == TCP_STATE_LAST_ACK || socket->old_state == TCP_STATE_CLOSING;
}

/*
 * The peer took back what it had agreed to. Any other end of an established connection (ss -K,
 * data that nobody acknowledged) is one of a connect that had succeeded.
 */
static bool was_reset(const struct opening *opening, const struct ev_socket *socket)
{
	return opening->reset_seen || socket->error == ECONNRESET || socket->error == EPIPE ||
	       socket->error == ECONNREFUSED;
}

/* The reset acknowledges what was said behind the handshake: whoever sent it had heard a request. */
static bool was_heard(const struct conn *conn)
{
	return conn->reset.hops && conn->reset.acks && conn->isn_known &&
	       conn->reset.ack != conn->isn + 1 && opening_is_acked(conn->isn, conn->reset.ack);
}

static void state_changed(struct join *join, struct opening_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct opening *opening = &slot->opening;

	if (socket->new_state == TCP_STATE_CLOSE) {
		if (opening->state == OPENING_CONNECTING)
			end_opening(join, slot, event);
		else if (opening->state == OPENING_ESTABLISHED && was_reset(opening, socket) &&
			 !opening->bytes_sent && !opening->bytes_received && !was_closed(socket) &&
			 !was_heard(slot->conn))
			end_opening(join, slot, event);
		/* else: what it carried is not a matter of connecting */
	} else if (opening->state == OPENING_CONNECTING &&
		   socket->old_state == TCP_STATE_SYN_SENT) {
		opening->state =
			OPENING_ESTABLISHED; /* SYN_RECV from SYN_SENT: simultaneous open */
		opening->established_ns = slot->conn->established_ns = event->head.ts_ns;
		if (socket->flow.retransmits + 1 > opening->syn_sent)
			opening->syn_sent = socket->flow.retransmits + 1;
		openings_note(join, slot, NOTE_ESTABLISHED);
	}
	opening->tcp_state = socket->new_state;
}

static void retransmitted(struct join *join, struct opening_slot *slot, const struct event *event)
{
	struct opening *opening = &slot->opening;

	if (event->head.known & EVENT_K_ERROR)
		opening->retransmit_error = event->socket.error;
	if (opening->state != OPENING_CONNECTING)
		return;
	opening->syn_sent++;
	openings_note(join, slot, NOTE_SENT_AGAIN);
}

/* A record of a socket we know nothing of speaks of an opening only while it is connecting. */
static bool is_connecting(const struct event *event)
{
	return event->socket.old_state == TCP_STATE_SYN_SENT;
}

void opening_socket(struct join *join, const struct event *event)
{
	static const struct event_owner nobody;
	const struct ev_socket *socket = &event->socket;
	struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);
	struct opening_slot *slot = conn ? conn->opening : NULL;
	struct evidence evidence = evidence_of_socket(event);

	if (conn && event->head.kind == EVENT_STATE && socket->new_state == TCP_STATE_CLOSE)
		conn_over(join, conn);
	if (!slot || (is_connecting(event) && slot->opening.state != OPENING_CONNECTING)) {
		if (!is_connecting(event))
			return; /* of a connection that lives, or of one that was told */
		if (event->head.kind == EVENT_ERROR)
			return; /* the state change follows and says the same */
		slot = late_opening(join, event, &socket->tuple, &nobody);
		if (!slot)
			return;
	}
	if (event->head.kind == EVENT_ERROR && !socket->error && !socket->soft_error &&
	    slot->opening.state != OPENING_CONNECTING)
		return; /* posted by tcp_disconnect(): says nothing */
	learn_tuple(join, slot, &socket->tuple);
	note_counters(join, slot, event);
	openings_add_evidence(join, slot, &evidence);
	switch (event->head.kind) {
	case EVENT_STATE:
		state_changed(join, slot, event);
		break;
	case EVENT_RETRANSMIT:
		retransmitted(join, slot, event);
		break;
	case EVENT_RESET_RECEIVED:
		slot->opening.reset_seen = true;
		break;
	case EVENT_ERROR:
		if (!socket->error && !socket->soft_error)
			slot->opening.icmp_reported = true;
		break;
	}
}

/*
 * The call returned an error. It is the end of the opening that just ended on this socket if that
 * end was not reported yet and does not contradict it; else the call failed before any state
 * changed, and is an opening of its own.
 */
static bool reports_end_of(const struct conn *conn, __s32 error)
{
	const struct opening *opening;

	if (!conn || !conn->opened)
		return false;
	if (!conn->opening)
		return conn->failed && !conn->error_returned &&
		       (!conn->error || conn->error == error);
	opening = &conn->opening->opening;
	return opening->state == OPENING_FAILED && !opening->call_error &&
	       (!opening->error || opening->error == error);
}

static void note_returned(struct join *join, struct conn *conn, __s32 error,
			  const struct evidence *evidence)
{
	struct opening_slot *slot = conn->opening;

	if (!slot) {
		conn->error_returned = true;
		return;
	}
	slot->opening.call_error = error;
	if (!slot->opening.error) {
		slot->opening.error = error;
		slot->opening.end = WAIT_ERRNO;
	}
	openings_add_evidence(join, slot, evidence);
}

void opening_syscall(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct conn *conn = conns_by_cookie(join->conns, event->head.cookie);
	struct opening_slot *slot = conn ? conn->opening : NULL;
	struct evidence evidence = evidence_of(event);
	struct event_tuple tuple = call->tuple;

	evidence.call = call->call;
	evidence.error = call->error;
	if (slot && slot->opening.state == OPENING_CONNECTING)
		return; /* EALREADY and its like: the handshake goes on */
	if (reports_end_of(conn, call->error)) {
		note_returned(join, conn, call->error, &evidence);
		return;
	}
	if (call->type && call->type != 1 /* SOCK_STREAM */)
		return; /* connect() of a datagram socket is a route question */
	if (event->head.known & EVENT_K_ASKED) {
		memcpy(tuple.remote, call->asked, sizeof(tuple.remote));
		tuple.remote_port = call->asked_port;
	}
	slot = new_opening(join, event, &tuple);
	if (!slot)
		return;
	slot->opening.seen_whole = true;
	slot->opening.mark = call->mark;
	slot->opening.bound_ifindex = call->bound_ifindex;
	slot->opening.tuple.local_port = tuple.local_port;
	slot->opening.bound_port = tuple.local_port || (call->socket_flags & SOCKET_F_BOUND_PORT);
	slot->opening.syn_sent = 0;
	slot->opening.tcp_state = call->state;
	openings_note_owner(join, slot, NOTE_BEGUN, &call->owner,
			    event->head.known & EVENT_K_OWNER);
	openings_add_evidence(join, slot, &evidence);
	slot->opening.state = OPENING_FAILED;
	slot->opening.ended_ns = event->head.ts_ns;
	slot->opening.end = WAIT_ERRNO;
	slot->opening.error = call->error;
	slot->opening.call_error = call->error;
	slot->opening.denial = denial_of(event);
	openings_note(join, slot, NOTE_FAILED);
}

bool opening_call_alone(const struct opening *opening)
{
	/* RFC 9293 3.9.1: OPEN was refused before the SYN; the port is chosen after SYN_SENT */
	return opening->call_error && !opening->syn_sent;
}

/*
 * The next hop for which a namespace of this machine dropped the SYN that it was to pass on, maybe
 * translated: its failure and the drop are one step of the kernel's.
 */
static const struct neighbor_failure *failure_behind_drop(const struct join *join,
							  const struct drop_seen *drop)
{
	const char *reason =
		drop->reason_known ? join_name(join, NAME_DROP_REASON, drop->reason) : NULL;

	if (!drop->count || !reason || strncmp(reason, "NEIGH_", strlen("NEIGH_")) != 0)
		return NULL;
	return host_neighbor_failure_near(join, drop->netns, drop->first_ns);
}

void opening_see_whole(struct join *join, struct opening_slot *slot)
{
	const struct netns_slot *netns = host_netns(join, slot->opening.netns);
	const struct neighbor_failure *failure;
	struct opening *opening = &slot->opening;
	bool stuck;

	opening->sources |= slot->conn->sources;
	if (opening_is_captured(opening)) {
		capture_see_whole(join, slot);
		return;
	}
	if (!opening->syn_left && opening->syn_sent)
		wire_find_rewritten(join, slot);
	opening->blind_start = !opening->seen_whole;
	opening->blind_lost = loss_since(join, opening->started_ns);
	if (netns && netns->covered && netns->covered_since_ns <= opening->started_ns)
		opening_add_source(slot, SOURCE_SOME_PACKETS);
	opening->blind_wire = !(opening->sources & SOURCE_SOME_PACKETS);
	opening->blind_wire_late = opening->blind_wire && netns && netns->covered;
	opening->blind_hook = host_is_deaf(join);
	/* a gateway's, while the SYN never reached the interface and the kernel said so */
	stuck = !opening->syn_handed &&
		(opening->error == EHOSTUNREACH || opening->retransmit_error == -EBUSY);
	failure = host_neighbor_failure(join, opening->netns, opening->tuple.remote,
					opening->started_ns, stuck);
	if (!failure)
		failure = failure_behind_drop(join, &opening->drop_out);
	if (failure && !opening->neighbor_failed) {
		opening->neighbor_failed = true;
		opening->neighbor_netns = failure->netns;
		opening->neighbor_ifindex = failure->ifindex;
		memcpy(opening->neighbor, failure->address, sizeof(opening->neighbor));
	}
}

bool opening_stream(const struct opening *opening, __u64 *number)
{
	const struct opening_slot *slot = (const struct opening_slot *)opening;
	const struct conn *conn = slot->conn;

	if (conn->opening != slot || !conn->stream)
		return false;
	*number = conn->stream->number;
	return true;
}
