// SPDX-License-Identifier: GPL-2.0-or-later
/* try.c - what the socket layer says of a try: its begin, its states, its end */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "join/table.h"
#include "util/address.h"

struct evidence evidence_of(const struct event *event)
{
	return (struct evidence){
		.ts_ns = event->head.ts_ns,
		.netns = event->head.netns,
		.ifindex = event->head.ifindex,
		.kind = event->head.kind,
		.vantage = event->head.vantage,
		.flags = event->head.flags,
		.known = event->head.known,
	};
}

static struct evidence evidence_of_socket(const struct event *event)
{
	struct evidence evidence = evidence_of(event);

	evidence.old_state = event->socket.old_state;
	evidence.new_state = event->socket.new_state;
	evidence.error = event->socket.error;
	evidence.soft_error = event->socket.soft_error;
	evidence.count = event->socket.retransmits;
	return evidence;
}

/* Takes over what is known now and was not; an address or port once known stays (records.md). */
static void learn_tuple(struct join *join, struct try_slot *slot, const struct event_tuple *tuple)
{
	struct event_tuple *known = &slot->try.tuple;
	bool had_port = known->local_port;

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
	tries_set_alias(join, slot, ALIAS_OWN, known->local, known->local_port, known->remote,
			known->remote_port);
	wire_find_strays(join, slot);
}

static struct try_slot *new_try(struct join *join, const struct event *event,
				const struct event_tuple *tuple)
{
	struct try_slot *before = tries_by_cookie(join, event->head.cookie);
	struct try_slot *slot;

	if (before && !before->retired && before->try.state == TRY_CONNECTING) {
		/* its end was lost: nothing is known of it but that it ended */
		before->try.state = TRY_UNKNOWN;
		before->try.ended_ns = event->head.ts_ns;
		if (before->attempt)
			attempt_evict(join, before->attempt);
		else
			tries_retire(join, before);
	}
	slot = tries_take(join);
	if (!slot)
		return NULL;
	join->counters.tries++;
	slot->try.generation = before ? before->try.generation + 1 : 0;
	slot->try.netns = event->head.netns;
	slot->try.started_ns = event->head.ts_ns;
	slot->try.tuple.family = tuple->family;
	memcpy(slot->try.tuple.local, tuple->local, sizeof(tuple->local));
	memcpy(slot->try.tuple.remote, tuple->remote, sizeof(tuple->remote));
	slot->try.tuple.remote_port = tuple->remote_port;
	slot->try.tcp_state = 2;
	slot->try.syn_sent = 1;
	tries_set_cookie(join, slot, event->head.cookie);
	return slot;
}

void try_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct try_slot *slot;
	struct evidence evidence = evidence_of(event);

	if (open->socket_flags & SOCKET_F_KERNEL)
		return; /* not the wish of a process */
	slot = new_try(join, event, &open->tuple);
	if (!slot)
		return;
	slot->try.seen_whole = true;
	slot->try.mark = open->mark;
	slot->try.bound_ifindex = open->bound_ifindex;
	slot->try.bound_port = open->socket_flags & SOCKET_F_BOUND_PORT;
	slot->try.mptcp = open->socket_flags & SOCKET_F_MPTCP;
	if ((event->head.known & EVENT_K_ASKED) &&
	    (open->asked_port != open->tuple.remote_port ||
	     !address_equal(open->asked, open->tuple.remote)) &&
	    !address_is_any(open->asked)) { /* connect() to 0.0.0.0 or :: means this host */
		slot->try.asked_known = true;
		slot->try.asked_port = open->asked_port;
		memcpy(slot->try.asked, open->asked, sizeof(open->asked));
	}
	if (!attempt_for_try(join, slot, &open->owner, event->head.known & EVENT_K_OWNER)) {
		tries_retire(join, slot);
		return;
	}
	evidence.old_state = 7;
	evidence.new_state = 2;
	attempt_add_evidence(join, slot, &evidence);
	learn_tuple(join, slot, &open->tuple);
}

/* A try whose begin was not seen: the agent started in the middle, or its record was lost. */
static struct try_slot *late_try(struct join *join, const struct event *event,
				 const struct event_tuple *tuple, const struct event_owner *owner)
{
	struct try_slot *slot = new_try(join, event, tuple);

	if (!slot)
		return NULL;
	if (!attempt_for_try(join, slot, owner, event->head.known & EVENT_K_OWNER)) {
		tries_retire(join, slot);
		return NULL;
	}
	learn_tuple(join, slot, tuple);
	return slot;
}

void try_snapshot(struct join *join, const struct event *event)
{
	struct try_slot *slot = tries_by_cookie(join, event->head.cookie);
	bool owner_known = event->head.known & EVENT_K_OWNER;

	if (!slot || slot->retired) {
		late_try(join, event, &event->snapshot.tuple, &event->snapshot.owner);
		return;
	}
	if (slot->attempt && owner_known && !slot->attempt->attempt.owner_known) {
		slot->attempt->attempt.owner = event->snapshot.owner;
		slot->attempt->attempt.owner_known = true;
	}
}

static void note_counters(struct join *join, struct try_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct try *try = &slot->try;

	if (event->head.known & EVENT_K_COUNTERS) {
		try->counters_known = true;
		try->bytes_sent = socket->bytes_sent;
		try->bytes_received = socket->bytes_received;
		try->unsent_bytes = socket->unsent_bytes;
		try->srtt_us = socket->srtt_us;
		try->total_retransmits = socket->total_retransmits;
	}
	if ((event->head.known & EVENT_K_ISN) && !try->isn_known) {
		try->isn = socket->isn;
		try->isn_known = true;
		if (try->tuple.local_port)
			wire_find_strays(join, slot); /* of other namespaces, told apart by it */
	}
	if (event->head.known & EVENT_K_RESET_SEEN)
		try->reset_hook = true;
	if (socket->soft_error)
		try->soft_error = socket->soft_error;
}

/*
 * An ICMP error that meets a socket in use becomes its soft error, which only getsockopt(SO_ERROR)
 * takes away (sk_getsockopt(); an ACK would too, but none comes in SYN_SENT). A socket that was then
 * closed without one has told its application. Which errno that was follows from the ICMP error.
 */
static __s32 taken_error(const struct try *try, const struct ev_socket *closed)
{
	const struct icmp_seen *icmp = try->icmp_in.count ? &try->icmp_in : &try->icmp_here;

	if (closed->old_state != 2 || !try->icmp_reported || closed->soft_error)
		return 0;
	if (try->soft_error)
		return try->soft_error;
	if (!icmp->count || icmp->mixed)
		return 0;
	return decode_icmp_errno(icmp->ipv6, icmp->type, icmp->code);
}

static void end_try(struct join *join, struct try_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct try *try = &slot->try;

	try->state = TRY_FAILED;
	try->ended_ns = event->head.ts_ns;
	try->how = socket->how;
	try->error = socket->error ? socket->error : taken_error(try, socket);
	try->signal = socket->signal;
	if (socket->how & SOCKET_F_RESET)
		try->reset_seen = true;
	if (try->error)
		try->end = END_ERRNO;
	else if (socket->how & SOCKET_F_EXITING)
		try->end = socket->signal ? END_KILLED : END_EXITED;
	else
		try->end = END_CANCELED;
	if (try->tcp_state == 2 && socket->retransmits + 1 > try->syn_sent)
		try->syn_sent = socket->retransmits + 1;
	attempt_note_failure(join, slot);
}

void try_prove(struct try_slot *slot, __u64 now_ns)
{
	if (slot->try.state != TRY_ESTABLISHED)
		return;
	slot->try.state = TRY_WORKED;
	slot->try.ended_ns = now_ns;
}

/*
 * The application closed it first (RFC 9293 3.6): what the kernel then calls a reset, data that
 * nobody will read among it, is no failure to connect.
 */
static bool was_closed_here(const struct ev_socket *socket)
{
	return socket->old_state == 4 || socket->old_state == 5 || /* FIN_WAIT1, FIN_WAIT2 */
	       socket->old_state == 9 || socket->old_state == 11; /* LAST_ACK, CLOSING */
}

/*
 * The peer took back what it had agreed to. Any other end of an established connection (ss -K,
 * data that nobody acknowledged) is one of a connect that had succeeded.
 */
static bool was_reset(const struct try *try, const struct ev_socket *socket)
{
	return try->reset_seen || socket->error == ECONNRESET || socket->error == EPIPE ||
	       socket->error == ECONNREFUSED;
}

static void state_changed(struct join *join, struct try_slot *slot, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct try *try = &slot->try;

	if (socket->new_state == 7) {
		if (try->state == TRY_CONNECTING)
			end_try(join, slot, event);
		else if (try->state == TRY_ESTABLISHED && was_reset(try, socket) &&
			 !try->bytes_sent && !try->bytes_received && !was_closed_here(socket))
			end_try(join, slot, event);
		/* else: what it carried is not a matter of connecting */
	} else if (try->state == TRY_CONNECTING && socket->old_state == 2) {
		try->state = TRY_ESTABLISHED; /* SYN_RECV from SYN_SENT: simultaneous open */
		try->established_ns = event->head.ts_ns;
		if (socket->total_retransmits + 1 > try->syn_sent)
			try->syn_sent = socket->total_retransmits + 1;
		attempt_note_established(join, slot);
	}
	try->tcp_state = socket->new_state;
}

static void retransmitted(struct join *join, struct try_slot *slot, const struct event *event)
{
	struct try *try = &slot->try;

	if (event->head.known & EVENT_K_ERROR)
		try->retransmit_error = event->socket.error;
	if (try->state != TRY_CONNECTING)
		return;
	try->syn_sent++;
	attempt_note_pending(join, slot, event->head.ts_ns);
}

/* A record of a socket we know nothing of speaks of a try only while it is connecting. */
static bool is_connecting(const struct event *event)
{
	return event->socket.old_state == 2;
}

void try_socket(struct join *join, const struct event *event)
{
	static const struct event_owner nobody;
	const struct ev_socket *socket = &event->socket;
	struct try_slot *slot = tries_by_cookie(join, event->head.cookie);
	struct evidence evidence = evidence_of_socket(event);

	if (!slot || (is_connecting(event) && slot->try.state != TRY_CONNECTING)) {
		if (!is_connecting(event))
			return;
		if (event->head.kind == EVENT_ERROR)
			return; /* the state change follows and says the same */
		slot = late_try(join, event, &socket->tuple, &nobody);
		if (!slot)
			return;
	}
	if (slot->retired)
		return;
	if (event->head.kind == EVENT_ERROR && !socket->error && !socket->soft_error &&
	    slot->try.state != TRY_CONNECTING)
		return; /* posted by tcp_disconnect(): says nothing */
	learn_tuple(join, slot, &socket->tuple);
	note_counters(join, slot, event);
	attempt_add_evidence(join, slot, &evidence);
	switch (event->head.kind) {
	case EVENT_STATE:
		state_changed(join, slot, event);
		break;
	case EVENT_RETRANSMIT:
		retransmitted(join, slot, event);
		break;
	case EVENT_RESET_RECEIVED:
		slot->try.reset_seen = true;
		break;
	case EVENT_ERROR:
		if (!socket->error && !socket->soft_error)
			slot->try.icmp_reported = true;
		break;
	}
}

/*
 * The call returned an error. It is the end of the try that just ended on this socket if that
 * end was not reported yet and does not contradict it; else the call failed before any state
 * changed, and is a try of its own.
 */
static bool reports_end_of(const struct try_slot *slot, __s32 error)
{
	if (!slot || slot->try.call_error)
		return false;
	if (slot->try.state != TRY_FAILED)
		return false;
	return !slot->try.error || slot->try.error == error;
}

void try_syscall(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct try_slot *slot = tries_by_cookie(join, event->head.cookie);
	struct evidence evidence = evidence_of(event);
	struct event_tuple tuple = call->tuple;

	evidence.call = call->call;
	evidence.error = call->error;
	if (slot && slot->try.state == TRY_CONNECTING)
		return; /* EALREADY and its like: the handshake goes on */
	if (reports_end_of(slot, call->error)) {
		slot->try.call_error = call->error;
		if (!slot->try.error) {
			slot->try.error = call->error;
			slot->try.end = END_ERRNO;
		}
		if (!slot->retired)
			attempt_add_evidence(join, slot, &evidence);
		return;
	}
	if (call->type && call->type != 1 /* SOCK_STREAM */)
		return; /* connect() of a datagram socket is a route question */
	if (event->head.known & EVENT_K_ASKED) {
		memcpy(tuple.remote, call->asked, sizeof(tuple.remote));
		tuple.remote_port = call->asked_port;
	}
	slot = new_try(join, event, &tuple);
	if (!slot)
		return;
	slot->try.seen_whole = true;
	slot->try.mark = call->mark;
	slot->try.bound_ifindex = call->bound_ifindex;
	slot->try.tuple.local_port = tuple.local_port;
	slot->try.bound_port = tuple.local_port || (call->socket_flags & SOCKET_F_BOUND_PORT);
	slot->try.syn_sent = 0;
	slot->try.tcp_state = call->state;
	if (!attempt_for_try(join, slot, &call->owner, event->head.known & EVENT_K_OWNER)) {
		tries_retire(join, slot);
		return;
	}
	attempt_add_evidence(join, slot, &evidence);
	slot->try.state = TRY_FAILED;
	slot->try.ended_ns = event->head.ts_ns;
	slot->try.end = END_ERRNO;
	slot->try.error = call->error;
	slot->try.call_error = call->error;
	attempt_note_failure(join, slot);
}

void try_see_whole(struct join *join, struct try_slot *slot)
{
	const struct netns_slot *netns = host_netns(join, slot->try.netns);
	const struct neighbor_failure *failure;
	struct try *try = &slot->try;

	if (try->captured) {
		capture_see_whole(join, slot);
		return;
	}
	if (!try->syn_left && try->syn_sent)
		wire_find_rewritten(join, slot);
	try->blind_start = !try->seen_whole;
	try->blind_lost = join->lost_ns && join->lost_ns >= try->started_ns;
	try->blind_wire = !try->syn_handed && !try->syn_elsewhere &&
			  !(netns && netns->covered && netns->covered_since_ns <= try->started_ns);
	try->blind_wire_late = try->blind_wire && netns && netns->covered;
	try->blind_hook = join->hooks_deaf;
	failure = host_neighbor_failure(join, try);
	if (failure && !try->neighbor_failed) {
		try->neighbor_failed = true;
		try->neighbor_netns = failure->netns;
		try->neighbor_ifindex = failure->ifindex;
		memcpy(try->neighbor, failure->address, sizeof(try->neighbor));
	}
}
