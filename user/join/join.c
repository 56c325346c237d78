// SPDX-License-Identifier: GPL-2.0-or-later
/* join.c - the life of join: made, fed with records, asked for what is due, ended */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "join/attempt/attempt.h"

const struct join_limits join_limits_default = {
	.connections = 65536,
	.listeners = 4096,
	.strays = 8192,
	.settle_ns = 250 * 1000000ull,
	.settle_bind_ns = 1000 * 1000000ull,
	.fallback_ns = 250 * 1000000ull,
	.stagger_ns = 10 * 1000000ull, /* RFC 8305 5: never less between two attempts */
	.proven_ns = 1000 * 1000000ull,
	.episode_ns = 1500 * 1000000ull, /* a local client's first SYN retransmit comes at 1 s */
	.unanswered_ns = 1000 * 1000000ull, /* RFC 6298 2.1: then a SYN is sent again */
	.expire_ns = 900 * 1000000000ull, /* tcp_syn_retries of 6 gives up after 127 s */
	.slow_lookup_ns = 1000 * 1000000ull, /* as the threshold dns-slow */
};

__u64 join_hash_bytes(__u64 h, const void *bytes, size_t size)
{
	const __u8 *b = bytes;
	__u64 word;

	for (; size >= sizeof(word); size -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		h = hash_mix(h, word);
	}
	word = 0;
	memcpy(&word, b, size);
	return size ? hash_mix(h, word) : h;
}

static size_t power_of_two(size_t at_least)
{
	size_t n = 64;

	while (n < at_least)
		n *= 2;
	return n;
}

static int new_parties(struct join *join)
{
	int err = owners_new(&join->owners, JOIN_OWNERS_MAX);

	return err || !join->limits.parties ? err : whose_new(&join->whose, join->owners);
}

int join_new(struct join **out, const struct join_limits *limits)
{
	struct join *join = calloc(1, sizeof(*join));
	size_t n = limits->connections < 64 ? 64 : limits->connections;

	if (!join)
		return -ENOMEM;
	join->limits = *limits;
	join->limits.connections = n;
	join->buckets = power_of_two(n);
	join->openings = calloc(n, sizeof(*join->openings));
	join->openings_free = calloc(n, sizeof(*join->openings_free));
	join->openings_last = calloc(n, sizeof(*join->openings_last));
	join->by_cookie = calloc(join->buckets, sizeof(*join->by_cookie));
	join->by_tuple = calloc(join->buckets, sizeof(*join->by_tuple));
	join->strays = calloc(limits->strays, sizeof(*join->strays));
	join->strays_by_tuple = calloc(join->buckets, sizeof(*join->strays_by_tuple));
	join->strays_by_isn = calloc(join->buckets, sizeof(*join->strays_by_isn));
	join->listeners = calloc(limits->listeners, sizeof(*join->listeners));
	join->scopes = calloc(JOIN_SCOPES_MAX, sizeof(*join->scopes));
	join->scopes_by_port = calloc(JOIN_SCOPES_MAX, sizeof(*join->scopes_by_port));
	join->scopes_by_address = calloc(JOIN_SCOPES_MAX, sizeof(*join->scopes_by_address));
	join->interfaces = calloc(JOIN_INTERFACES_MAX, sizeof(*join->interfaces));
	join->names = calloc(JOIN_NAMES_MAX, sizeof(*join->names));
	join->lookups = calloc(JOIN_LOOKUPS_MAX, sizeof(*join->lookups));
	join->datagram_flows = calloc(JOIN_DATAGRAMS_MAX, sizeof(*join->datagram_flows));
	join->claims = calloc(JOIN_CLAIMS_MAX, sizeof(*join->claims));
	if (limits->streams && streams_new(&join->streams, limits->streams))
		join->streams = NULL;
	if (limits->flows && flow_table_new(&join->flows, limits->flows))
		join->flows = NULL;
	if (limits->streams && limits->established) {
		join->connections =
			calloc(streams_room(limits->streams), sizeof(*join->connections));
		join->handshakes = calloc(JOIN_HANDSHAKES_MAX, sizeof(*join->handshakes));
	}
	join->processes = calloc(JOIN_PROCESSES_MAX, sizeof(*join->processes));
	if (!join->openings || !join->openings_free || !join->openings_last || !join->by_cookie ||
	    !join->by_tuple || attempt_table_new(&join->attempts, n) ||
	    evidence_pool_new(&join->evidence, 4 * n) || !join->strays || !join->strays_by_tuple ||
	    !join->strays_by_isn || !join->listeners || !join->scopes || !join->scopes_by_port ||
	    !join->scopes_by_address || !join->interfaces || !join->names || !join->lookups ||
	    !join->datagram_flows || !join->claims || !join->processes ||
	    (limits->streams && !join->streams) ||
	    (limits->streams && limits->established && (!join->connections || !join->handshakes)) ||
	    (limits->flows && !join->flows) || new_parties(join)) {
		join_free(join);
		return -ENOMEM;
	}
	TAILQ_INIT(&join->live);
	TAILQ_INIT(&join->retired);
	TAILQ_INIT(&join->lookups_waiting);
	TAILQ_INIT(&join->lookups_worked);
	TAILQ_INIT(&join->lookups_free);
	TAILQ_INIT(&join->datagrams_waiting);
	TAILQ_INIT(&join->datagrams_answered);
	TAILQ_INIT(&join->scopes_by_use);
	*out = join;
	return 0;
}

void join_free(struct join *join)
{
	if (!join)
		return;
	free(join->openings);
	free(join->openings_free);
	free(join->openings_last);
	free(join->by_cookie);
	free(join->by_tuple);
	free(join->strays);
	free(join->strays_by_tuple);
	free(join->strays_by_isn);
	free(join->listeners);
	free(join->scopes);
	free(join->scopes_by_port);
	free(join->scopes_by_address);
	free(join->interfaces);
	free(join->names);
	free(join->lookups);
	free(join->datagram_flows);
	free(join->claims);
	free(join->processes);
	attempt_table_free(join->attempts);
	evidence_pool_free(join->evidence);
	streams_free(join->streams);
	flow_table_free(join->flows);
	whose_free(join->whose);
	owners_free(join->owners);
	free(join->connections);
	free(join->handshakes);
	free(join);
}

/* A gap in a CPU's records has a position: between this record and the one before it. */
static void note_lost(struct join *join, const struct event_header *head)
{
	__u32 *lost = &join->lost_by_cpu[head->cpu % JOIN_CPUS_MAX];

	if (head->kind >= EVENT_KERNEL_KIND_COUNT || head->lost <= *lost)
		return;
	*lost = head->lost;
	join->lost_ns = join->now_ns;
}

/* An opening whose end is never seen (lost records, a socket the kernel keeps) must not stay for ever. */
static void expire_openings(struct join *join)
{
	struct opening_slot *slot = TAILQ_FIRST(&join->live);

	while (slot && slot->opening.started_ns + join->limits.expire_ns < join->now_ns) {
		struct opening_slot *next = TAILQ_NEXT(slot, by_age);

		if (slot->opening.state == OPENING_CONNECTING) {
			join->counters.expired++;
			slot->opening.state = OPENING_UNKNOWN;
			slot->opening.ended_ns = join->now_ns;
			if (slot->attempt)
				attempt_evict(join, slot->attempt);
			else
				openings_retire(join, slot);
		}
		slot = next;
	}
}

typedef void handle_fn(struct join *join, const struct event *event);

static void handle_tick(struct join *join, const struct event *event)
{
	if (join->capture) {
		capture_expire(join, event->head.ts_ns);
		lookup_run_timers(join, event->head.ts_ns);
		datagram_run_timers(join, event->head.ts_ns);
		claims_run_timers(join, event->head.ts_ns);
	}
	attempt_run_timers(join, event->head.ts_ns);
	expire_openings(join);
}

/* Where sockets are told as flows nobody asks why one failed: an opening of each would be kept in vain. */
static bool judges(const struct join *join)
{
	return !join_flow_counters(join);
}

static void handle_open(struct join *join, const struct event *event)
{
	if (event->open.how == OPEN_LISTEN)
		listener_open(join, event);
	if (!judges(join))
		return;
	if (event->open.how == OPEN_CONNECT)
		opening_open(join, event);
	attempt_later_open(join, event);
}

static void handle_state(struct join *join, const struct event *event)
{
	if (event->socket.old_state == 10)
		listener_close(join, event);
	else if (judges(join))
		opening_socket(join, event);
}

static void handle_syscall(struct join *join, const struct event *event)
{
	if (event->syscall.call == SYSCALL_CONNECT)
		opening_syscall(join, event);
	else if (event->syscall.call == SYSCALL_BIND || event->syscall.call == SYSCALL_LISTEN)
		attempt_call(join, event);
}

static void handle_snapshot(struct join *join, const struct event *event)
{
	if (event->snapshot.state == 10)
		listener_snapshot(join, event);
	else if (event->snapshot.state == 2 && judges(join))
		opening_snapshot(join, event);
}

/* Of a selection of a connection's packets every other one would look lost. */
static void handle_packet(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;

	if ((event->head.flags & EVENT_F_FOLLOWED) && join->streams && packet->what == PACKET_TCP)
		join->look = stream_packet(join->streams, packet, event->head.ts_ns, 0,
					   event->head.netns);
	wire_event(join, event);
}

static void handle_frame(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct ends ends;

	join->counters.frames++;
	if (event->frame.unread)
		join->counters.unread[event->frame.unread]++;
	if (event->claim.how)
		claims_event(join, event, &event->claim);
	if (packet->what == PACKET_NONE || packet->what == PACKET_UNPARSED)
		return;
	join->counters.cut += !!(packet->flags & PACKET_F_CUT);
	if (packet->what != PACKET_TCP) {
		capture_event(join, event, NULL);
		claims_packet(join, event);
		return;
	}
	ends = ends_of(packet->source, packet->source_port, packet->destination,
		       packet->destination_port);
	capture_event(join, event, &ends);
	if (join->streams)
		join->look = stream_packet_of(join->streams, packet, &ends, event->head.ts_ns,
					      event->frame.frame, event->head.netns);
	connection_packet(join, event);
}

static handle_fn *const handlers[EVENT_KIND_COUNT] = {
	[EVENT_OPEN] = handle_open,
	[EVENT_STATE] = handle_state,
	[EVENT_ERROR] = opening_socket,
	[EVENT_RETRANSMIT] = opening_socket,
	[EVENT_RESET_RECEIVED] = opening_socket,
	[EVENT_SYNACK_RETRANSMIT] = wire_listener,
	[EVENT_LISTEN_FULL] = wire_listener,
	[EVENT_RESET_SENT] = wire_event,
	[EVENT_DROP] = wire_event,
	[EVENT_PACKET] = handle_packet,
	[EVENT_ICMP_SENT] = wire_event,
	[EVENT_SYSCALL] = handle_syscall,
	[EVENT_SOCKET] = handle_snapshot,
	[EVENT_TICK] = handle_tick,
	[EVENT_FACT] = attempt_take_fact,
	[EVENT_NEIGHBOR] = host_event,
	[EVENT_START] = host_event,
	[EVENT_HOOK] = host_event,
	[EVENT_CLOCK] = host_event,
	[EVENT_INTERFACE] = host_event,
	[EVENT_NETNS] = host_event,
	[EVENT_NAME] = host_event,
	[EVENT_PROCESS] = host_event,
	[EVENT_CHANGE] = host_event,
	[EVENT_LOST] = host_event,
	[EVENT_SUPPRESSED] = host_event,
	[EVENT_FRAME] = handle_frame,
};

void join_event(struct join *join, const struct event *event)
{
	join->counters.records++;
	join->look.stream = NULL;
	join->look.flags = 0;
	join->connection_claimed = false;
	join->tls_alert = NULL;
	join->counters.by_kind[event->head.kind]++;
	if (event->head.ts_ns > join->now_ns)
		join->now_ns = event->head.ts_ns;
	note_lost(join, &event->head);
	if (handlers[event->head.kind])
		handlers[event->head.kind](join, event);
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

const struct streams *join_streams(const struct join *join)
{
	return join->streams;
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
	capture_finish(join);
	lookup_finish(join);
	datagram_finish(join);
	claims_finish(join);
	attempt_finish(join);
	join->finished = true;
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
