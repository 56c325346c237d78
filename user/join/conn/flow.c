// SPDX-License-Identifier: GPL-2.0-or-later
/* flow.c - TCP connections as their sockets tell of them */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join/conn/flow_table.h"
#include "join/conn/opening.h"
#include "util/tcp.h"

/*
 * The last snapshot is taken when the agent has been told to end: a tick before, a tick after. With
 * more behind it, it was the one of the start.
 */
#define SNAPSHOT_TICKS 2

struct flow_entry {
	struct flow flow; /* first */
	struct conn *conn;
	__u64 due_ns; /* of one that ended: when it is told */
	__u64 counted_ns;
	bool before; /* counted in .before */
};

struct flow_table {
	bool enabled; /* the start record says that sockets are told as flows */
	size_t room;
	size_t used;
	struct conns
		*conns; /* of its own: those leave when they were told, the judged ones by load */
	struct flow_entry *entries; /* one a conn */
	struct flow_entry *given; /* by flow_due(), freed at the next call */
	__u64 snapshot_ns; /* when the last snapshot began */
	__u64 snapshot_ticks; /* since then */
	struct flow_counters counters;
};

int flow_table_new(struct flow_table **out, struct owners *owners, __u32 room)
{
	struct flow_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->room = room;
	if (!conns_new(&table->conns, room, 0, owners))
		table->entries = calloc(conns_slots(table->conns), sizeof(*table->entries));
	if (!table->entries) {
		flow_table_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	free(table->entries);
	conns_free(table->conns);
	free(table);
}

/* ---- entries ---- */

/* The newest flow of this socket, also one that has ended and waits. */
static struct flow_entry *find(struct flow_table *table, __u64 cookie)
{
	struct conn *conn = conns_by_cookie(table->conns, cookie);

	return conn ? conn->flow : NULL;
}

static struct flow_entry *find_open(struct flow_table *table, __u64 cookie)
{
	struct flow_entry *entry = find(table, cookie);

	return entry && !entry->flow.ended_ns ? entry : NULL;
}

/* A flow that @event speaks of for the first time; NULL: no place. */
static struct flow_entry *make(struct flow_table *table, const struct event *event,
			       const struct event_tuple *tuple, size_t room)
{
	struct flow_entry *entry;
	struct conn *conn = NULL;

	table->counters.seen++;
	if (table->used < table->room)
		conn = conns_add(table->conns);
	else if (table->used < room)
		conn = conns_add_beside(table->conns);
	if (!conn) {
		table->counters.unkept++;
		return NULL;
	}
	table->used++;
	conn->sources = SOURCE_SOCKET;
	conn->netns = event->head.netns;
	conns_set_cookie(table->conns, conn, event->head.cookie);
	entry = &table->entries[conns_index(table->conns, conn)];
	*entry = (struct flow_entry){ .conn = conn };
	entry->flow.cookie = event->head.cookie;
	entry->flow.number = table->counters.seen - 1;
	entry->flow.seen_ns = event->head.ts_ns;
	entry->flow.netns = event->head.netns;
	entry->flow.tuple = *tuple;
	conn->flow = entry;
	return entry;
}

static void end(struct flow_table *table, struct flow_entry *entry, __u64 now_ns)
{
	entry->flow.ended_ns = now_ns;
	entry->due_ns = now_ns + FLOW_SETTLE_NS;
	conns_move(table->conns, entry->conn, CONN_SETTLING);
}

static struct flow_entry *open_flow(struct flow_table *table, const struct event *event,
				    const struct event_tuple *tuple)
{
	struct flow_entry *entry = find(table, event->head.cookie);

	if (entry && !entry->flow.ended_ns) {
		/* a socket that opens another connection: the end of the one before was not seen */
		entry->flow.known = 0;
		end(table, entry, event->head.ts_ns);
	}
	return make(table, event, tuple, table->room);
}

static void remove_entry(struct flow_table *table, struct flow_entry *entry)
{
	conns_remove(table->conns, entry->conn);
	table->used--;
}

/* ---- what records say ---- */

static void set_owner(struct flow_table *table, struct flow_entry *entry,
		      const struct event_owner *owner, bool listens)
{
	conns_set_owner(table->conns, entry->conn, owner);
	entry->flow.owner = conns_owner(table->conns, entry->conn);
	entry->flow.owner_listens = listens;
}

/* Until somebody accepts it, it is whose listener it came to. */
static void set_listener(const struct join *join, struct flow_entry *entry)
{
	const struct flow *flow = &entry->flow;
	struct event_tuple asked = { .remote_port = flow->tuple.local_port };
	const struct listener *listener;

	memcpy(asked.remote, flow->tuple.local, sizeof(asked.remote));
	listener = join_listener_for(join, flow->netns, &asked);
	if (listener && listener->owner)
		set_owner(join->flows, entry, listener->owner, true);
}

static void learn_tuple(struct flow *flow, const struct event_tuple *tuple)
{
	if (!flow->tuple.local_port && tuple->local_port) {
		memcpy(flow->tuple.local, tuple->local, sizeof(tuple->local));
		flow->tuple.local_port = tuple->local_port;
	}
}

static void count(struct flow_entry *entry, const struct event *event,
		  const struct event_flow *counts)
{
	struct flow *flow = &entry->flow;

	if (!(event->head.known & EVENT_K_FLOW))
		return;
	flow->counts = *counts;
	flow->known |= event->head.known & (EVENT_K_FLOW | EVENT_K_COUNTERS | EVENT_K_TIMEOUTS);
	entry->counted_ns = event->head.ts_ns;
	if (!flow->role_known && (counts->how & FLOW_F_ROLE)) {
		flow->role_known = true;
		flow->client = counts->how & FLOW_F_CLIENT;
	}
}

/*
 * A snapshot overtakes the ring: it may hold a connection whose opening is told after it, but was
 * before. Then it was not open before.
 */
static bool begins_late(struct flow_table *table, struct flow_entry *entry,
			const struct event *event)
{
	if (!entry || !entry->before || event->head.ts_ns > entry->flow.seen_ns)
		return false;
	entry->before = false;
	entry->flow.opened_ns = event->head.ts_ns;
	table->counters.before--;
	return true;
}

static void take_open(struct flow_table *table, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct flow_entry *entry;

	if (open->how == OPEN_ACCEPT) {
		entry = find(table, event->head.cookie);
		if (entry && (event->head.known & EVENT_K_OWNER))
			set_owner(table, entry, &open->owner, false);
		return;
	}
	if (open->how != OPEN_CONNECT)
		return;
	entry = find_open(table, event->head.cookie);
	if (!begins_late(table, entry, event)) {
		entry = open_flow(table, event, &open->tuple);
		if (!entry)
			return;
		entry->flow.opened_ns = event->head.ts_ns;
		entry->flow.state = TCP_STATE_SYN_SENT;
	}
	entry->flow.role_known = true;
	entry->flow.client = true;
	if (event->head.known & EVENT_K_OWNER)
		set_owner(table, entry, &open->owner, false);
}

static void take_established(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct flow_entry *entry = find_open(join->flows, event->head.cookie);
	bool active = socket->old_state == TCP_STATE_SYN_SENT;

	if (!entry) {
		entry = open_flow(join->flows, event, &socket->tuple);
		if (!entry)
			return;
		entry->flow.role_known = true;
		entry->flow.client = active;
		if (!active) {
			entry->flow.opened_ns = event->head.ts_ns;
			set_listener(join, entry);
		}
	}
	if (!active)
		begins_late(join->flows, entry, event);
	learn_tuple(&entry->flow, &socket->tuple);
	if (event->head.ts_ns >= entry->counted_ns)
		entry->flow.state = socket->new_state;
	entry->flow.established_ns = event->head.ts_ns;
	if (active && socket->flow.retransmits)
		entry->flow.syn_again = true;
}

static void take_end(struct join *join, const struct event *event)
{
	struct flow_table *table = join->flows;
	const struct ev_socket *socket = &event->socket;
	struct flow_entry *entry = find_open(table, event->head.cookie);
	struct flow *flow;

	if (!entry) {
		/* it was never a connection; else its begin was not seen, or not kept */
		if (socket->old_state == TCP_STATE_SYN_RECV ||
		    !(event->head.known & EVENT_K_FLOW) || find(table, event->head.cookie))
			return;
		entry = make(table, event, &socket->tuple, table->room + 1);
		if (!entry)
			return;
		set_listener(join, entry);
	}
	flow = &entry->flow;
	learn_tuple(flow, &socket->tuple);
	count(entry, event, &socket->flow);
	end(table, entry, event->head.ts_ns);
	flow->known |= EVENT_K_STATE;
	flow->state = socket->old_state;
	flow->error = socket->error;
	flow->reset_received = socket->how & SOCKET_F_RESET;
	flow->resets_told = join_hook_attached(join, "reset-sent");
}

static void take_state(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;

	if (socket->old_state == TCP_STATE_LISTEN)
		return;
	if (socket->new_state == TCP_STATE_CLOSE)
		take_end(join, event);
	else if (socket->new_state == TCP_STATE_ESTABLISHED ||
		 socket->new_state == TCP_STATE_SYN_RECV)
		take_established(join, event);
}

static void take_snapshot(struct join *join, const struct event *event)
{
	const struct ev_snapshot *snapshot = &event->snapshot;
	struct flow_table *table = join->flows;
	struct flow_entry *entry;

	/* what a look at some sockets found, and who holds a datagram's */
	if (snapshot->look || snapshot->tuple.protocol == IPPROTO_UDP)
		return;
	if (table->snapshot_ticks || !table->snapshot_ns) {
		table->snapshot_ns = event->head.ts_ns;
		table->snapshot_ticks = 0;
	}
	/* with figures: a full socket. Without: what is left of one (TIME_WAIT), or no more than asked */
	if (!(event->head.known & EVENT_K_FLOW) || snapshot->state == TCP_STATE_CLOSE)
		return;
	entry = find(table, event->head.cookie);
	if (entry && entry->flow.ended_ns)
		return; /* the iterator met it before it ended, its record overtook this one */
	if (!entry && table->used >= table->room) {
		table->counters.crowded = true;
		return;
	}
	if (!entry) {
		entry = open_flow(table, event, &snapshot->tuple);
		if (!entry)
			return;
		table->counters.before++;
		entry->before = true;
		if (snapshot->state == TCP_STATE_SYN_SENT)
			entry->flow.role_known = entry->flow.client = true;
	}
	learn_tuple(&entry->flow, &snapshot->tuple);
	count(entry, event, &snapshot->flow);
	entry->flow.state = snapshot->state;
	entry->flow.known |= EVENT_K_STATE;
	if ((event->head.known & EVENT_K_OWNER) &&
	    (!entry->flow.owner || entry->flow.owner_listens))
		set_owner(table, entry, &snapshot->owner, false);
}

void flow_event(struct join *join, const struct event *event)
{
	struct flow_table *table = join->flows;
	struct flow_entry *entry;

	switch (event->head.kind) {
	case EVENT_START:
		table->enabled = event->head.known & EVENT_K_FLOW;
		return;
	case EVENT_TICK:
		table->snapshot_ticks++;
		return;
	}
	if (!table->enabled || !event->head.cookie)
		return;
	switch (event->head.kind) {
	case EVENT_OPEN:
		take_open(table, event);
		return;
	case EVENT_STATE:
		take_state(join, event);
		return;
	case EVENT_SOCKET:
		take_snapshot(join, event);
		return;
	case EVENT_RESET_SENT:
		entry = find(table, event->head.cookie);
		if (entry)
			entry->flow.reset_sent = true;
		return;
	}
}

/* ---- telling ---- */

static struct flow_entry *first(const struct flow_table *table, enum conn_queue queue)
{
	const struct conn *conn = conns_first(table->conns, queue);

	return conn ? conn->flow : NULL;
}

static bool is_due(const struct flow_table *table, const struct flow_entry *entry, __u64 now_ns)
{
	return entry->due_ns <= now_ns || table->used >= table->room;
}

/* What became of it is not judged yet: other tries of its attempt go on, or it settles. */
static bool is_undecided(const struct join *join, const struct flow_entry *entry)
{
	const struct flow *flow = &entry->flow;
	const struct conn *conn = conns_by_cookie(join->conns, flow->cookie);
	__u64 opened_ns = conn && conn->opening ? conn->opening->opening.started_ns : 0;

	if (!conn || flow->ended_ns + FLOW_JUDGED_NS <= join->now_ns)
		return false;
	if (opened_ns && flow->opened_ns && opened_ns != flow->opened_ns)
		return false; /* a later connect() of the same socket */
	return conn->opening || conn->attempt;
}

/* One that is not judged yet waits once more, behind the others. */
static struct flow_entry *next_due(const struct join *join, struct flow_entry *entry)
{
	struct flow_table *table = join->flows;

	while (entry && is_due(table, entry, join->now_ns)) {
		if (table->used >= table->room || !is_undecided(join, entry))
			return entry;
		entry->due_ns = join->now_ns + FLOW_SETTLE_NS;
		conns_move(table->conns, entry->conn, CONN_SETTLING);
		entry = first(table, CONN_SETTLING);
	}
	return NULL;
}

/* Figures that the last snapshot should have renewed: nobody knows what they are now. */
static void forget_stale(const struct flow_table *table, struct flow_entry *entry)
{
	bool renewed =
		table->snapshot_ticks <= SNAPSHOT_TICKS && entry->counted_ns >= table->snapshot_ns;

	if (!renewed && !entry->flow.ended_ns)
		entry->flow.known = 0;
}

/* What was told by the walk is what the next one tells as before. */
static void note_looked(const struct conn *conn)
{
	struct flow *flow = &conn->flow->flow;

	if (!(flow->known & EVENT_K_FLOW))
		return;
	flow->looked_known = true;
	flow->looked.sent_bytes = flow->counts.bytes_delivered;
	flow->looked.received_bytes = flow->counts.bytes_received;
	flow->looked.again = flow->counts.retransmits;
}

const struct flow *join_flow_due(struct join *join, bool all)
{
	struct flow_table *table = join->flows;
	struct flow_entry *entry;

	if (!table)
		return NULL;
	if (table->given)
		remove_entry(table, table->given);
	table->given = NULL;
	entry = first(table, CONN_SETTLING);
	if (!all)
		entry = next_due(join, entry);
	if (!entry && all) {
		entry = first(table, CONN_LIVING);
		if (entry)
			forget_stale(table, entry);
	}
	if (!entry)
		return NULL;
	/* its place is free at the next call; until then no line holds it */
	conns_move(table->conns, entry->conn, CONN_NOWHERE);
	table->given = entry;
	return &entry->flow;
}

const struct flow *join_flow_look(const struct join *join, __u32 *at)
{
	struct flow_table *table = join->flows;
	const struct conn *conn;

	if (!table)
		return NULL;
	if (*at)
		note_looked(conns_at(table->conns, *at - 1));
	while ((conn = conns_at(table->conns, *at))) {
		++*at;
		if (conn->queue && conn->flow && !conn->flow->flow.ended_ns)
			return &conn->flow->flow;
	}
	return NULL;
}

const struct flow_counters *join_flow_counters(const struct join *join)
{
	return join->flows && join->flows->enabled ? &join->flows->counters : NULL;
}
