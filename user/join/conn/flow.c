// SPDX-License-Identifier: GPL-2.0-or-later
/* flow.c - TCP connections as their sockets tell of them */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/core.h"
#include "util/array.h"

enum tcp_state { /* the kernel's numbers */
		 ESTABLISHED = 1,
		 SYN_SENT,
		 SYN_RECV,
		 FIN_WAIT1,
		 FIN_WAIT2,
		 TIME_WAIT,
		 CLOSE,
		 CLOSE_WAIT,
		 LAST_ACK,
		 LISTEN,
		 CLOSING,
};

/*
 * The last snapshot is taken when the agent has been told to end: a tick before, a tick after. With
 * more behind it, it was the one of the start.
 */
#define SNAPSHOT_TICKS 2

struct flow_entry {
	struct flow flow; /* first */
	LIST_ENTRY(flow_entry) by_cookie;
	TAILQ_ENTRY(flow_entry) by_time; /* open ones by birth, ended ones by their end */
	__u64 counted_ns;
	bool before; /* counted in .before */
	bool linked;
};

LIST_HEAD(flow_list, flow_entry);
TAILQ_HEAD(flow_entries, flow_entry);

struct flow_table {
	bool enabled; /* the start record says that sockets are told as flows */
	size_t room;
	size_t used;
	size_t touched;
	size_t buckets; /* a power of two */
	struct flow_entry *slots; /* .room and one: an end is told although the table is full */
	struct flow_entry **free;
	size_t free_count;
	struct flow_list *by_cookie;
	struct flow_entries open;
	struct flow_entries ended;
	struct flow_entry *given; /* by flow_due(), freed at the next call */
	__u64 snapshot_ns; /* when the last snapshot began */
	__u64 snapshot_ticks; /* since then */
	struct flow_counters counters;
};

int flow_table_new(struct flow_table **out, size_t room)
{
	struct flow_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->room = room;
	for (table->buckets = 64; table->buckets < room;)
		table->buckets *= 2;
	table->slots = calloc(room + 1, sizeof(*table->slots));
	table->free = calloc(room + 1, sizeof(struct flow_entry *));
	table->by_cookie = calloc(table->buckets, sizeof(*table->by_cookie));
	if (!table->slots || !table->free || !table->by_cookie) {
		flow_table_free(table);
		return -ENOMEM;
	}
	TAILQ_INIT(&table->open);
	TAILQ_INIT(&table->ended);
	*out = table;
	return 0;
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table->free);
	free(table->by_cookie);
	free(table);
}

/* ---- slots ---- */

static struct flow_list *cookie_bucket(struct flow_table *table, __u64 cookie)
{
	return &table->by_cookie[hash_mix(0, cookie) & (table->buckets - 1)];
}

/* The newest flow of this socket, also one that has ended and waits. */
static struct flow_entry *find(struct flow_table *table, __u64 cookie)
{
	struct flow_entry *slot;

	LIST_FOREACH(slot, cookie_bucket(table, cookie), by_cookie)
		if (slot->flow.cookie == cookie)
			return slot;
	return NULL;
}

static struct flow_entry *find_open(struct flow_table *table, __u64 cookie)
{
	struct flow_entry *slot = find(table, cookie);

	return slot && !slot->flow.ended_ns ? slot : NULL;
}

static void unlink_cookie(struct flow_entry *slot)
{
	if (slot->linked)
		LIST_REMOVE(slot, by_cookie);
	slot->linked = false;
}

/* A flow that @event speaks of for the first time; NULL: no place. It stands in no queue yet. */
static struct flow_entry *make(struct flow_table *table, const struct event *event,
			       const struct event_tuple *tuple, size_t room)
{
	struct flow_entry *slot;

	table->counters.seen++;
	if (table->used >= room) {
		table->counters.unkept++;
		return NULL;
	}
	slot = table->free_count ? table->free[--table->free_count] :
				   &table->slots[table->touched++];
	table->used++;
	memset(slot, 0, sizeof(*slot));
	slot->flow.cookie = event->head.cookie;
	slot->flow.number = table->counters.seen - 1;
	slot->flow.seen_ns = event->head.ts_ns;
	slot->flow.netns = event->head.netns;
	slot->flow.tuple = *tuple;
	LIST_INSERT_HEAD(cookie_bucket(table, event->head.cookie), slot, by_cookie);
	slot->linked = true;
	return slot;
}

/* A socket that opens another connection: the end of the one before was not seen. */
static void end_unseen(struct flow_table *table, struct flow_entry *slot, __u64 now_ns)
{
	slot->flow.ended_ns = now_ns;
	slot->flow.known = 0;
	TAILQ_REMOVE(&table->open, slot, by_time);
	TAILQ_INSERT_TAIL(&table->ended, slot, by_time);
}

static struct flow_entry *open_flow(struct flow_table *table, const struct event *event,
				    const struct event_tuple *tuple)
{
	struct flow_entry *slot = find(table, event->head.cookie);

	if (slot && !slot->flow.ended_ns)
		end_unseen(table, slot, event->head.ts_ns);
	if (slot)
		unlink_cookie(slot);
	slot = make(table, event, tuple, table->room);
	if (slot)
		TAILQ_INSERT_TAIL(&table->open, slot, by_time);
	return slot;
}

static void free_slot(struct flow_table *table, struct flow_entry *slot)
{
	unlink_cookie(slot);
	table->free[table->free_count++] = slot;
	table->used--;
}

/* ---- what records say ---- */

static void set_owner(struct flow *flow, const struct event_owner *owner, bool listens)
{
	flow->owner = *owner;
	flow->owner_known = true;
	flow->owner_listens = listens;
}

/* Until somebody accepts it, it is whose listener it came to. */
static void set_listener(const struct join *join, struct flow *flow)
{
	struct event_tuple asked = { .remote_port = flow->tuple.local_port };
	const struct listener *listener;

	memcpy(asked.remote, flow->tuple.local, sizeof(asked.remote));
	listener = join_listener_for(join, flow->netns, &asked);
	if (listener && listener->owner_known)
		set_owner(flow, &listener->owner, true);
}

static void learn_tuple(struct flow *flow, const struct event_tuple *tuple)
{
	if (!flow->tuple.local_port && tuple->local_port) {
		memcpy(flow->tuple.local, tuple->local, sizeof(tuple->local));
		flow->tuple.local_port = tuple->local_port;
	}
}

static void count(struct flow_entry *slot, const struct event *event,
		  const struct event_flow *counts)
{
	struct flow *flow = &slot->flow;

	if (!(event->head.known & EVENT_K_FLOW))
		return;
	flow->counts = *counts;
	flow->known |= event->head.known & (EVENT_K_FLOW | EVENT_K_TIMEOUTS);
	slot->counted_ns = event->head.ts_ns;
	if (!flow->role_known && (counts->how & FLOW_F_ROLE)) {
		flow->role_known = true;
		flow->client = counts->how & FLOW_F_CLIENT;
	}
}

/*
 * A snapshot overtakes the ring: it may hold a connection whose opening is told after it, but was
 * before. Then it was not open before.
 */
static bool begins_late(struct flow_table *table, struct flow_entry *slot,
			const struct event *event)
{
	if (!slot || !slot->before || event->head.ts_ns > slot->flow.seen_ns)
		return false;
	slot->before = false;
	slot->flow.opened_ns = event->head.ts_ns;
	table->counters.before--;
	return true;
}

static void take_open(struct flow_table *table, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct flow_entry *slot;

	if (open->how == OPEN_ACCEPT) {
		slot = find(table, event->head.cookie);
		if (slot && (event->head.known & EVENT_K_OWNER))
			set_owner(&slot->flow, &open->owner, false);
		return;
	}
	if (open->how != OPEN_CONNECT)
		return;
	slot = find_open(table, event->head.cookie);
	if (!begins_late(table, slot, event)) {
		slot = open_flow(table, event, &open->tuple);
		if (!slot)
			return;
		slot->flow.opened_ns = event->head.ts_ns;
		slot->flow.state = SYN_SENT;
	}
	slot->flow.role_known = true;
	slot->flow.client = true;
	if (event->head.known & EVENT_K_OWNER)
		set_owner(&slot->flow, &open->owner, false);
}

static void take_established(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;
	struct flow_entry *slot = find_open(join->flows, event->head.cookie);
	bool active = socket->old_state == SYN_SENT;

	if (!slot) {
		slot = open_flow(join->flows, event, &socket->tuple);
		if (!slot)
			return;
		slot->flow.role_known = true;
		slot->flow.client = active;
		if (!active) {
			slot->flow.opened_ns = event->head.ts_ns;
			set_listener(join, &slot->flow);
		}
	}
	if (!active)
		begins_late(join->flows, slot, event);
	learn_tuple(&slot->flow, &socket->tuple);
	if (event->head.ts_ns >= slot->counted_ns)
		slot->flow.state = socket->new_state;
	slot->flow.established_ns = event->head.ts_ns;
	if (active && socket->flow.retransmits)
		slot->flow.syn_again = true;
}

static void take_end(struct join *join, const struct event *event)
{
	struct flow_table *table = join->flows;
	const struct ev_socket *socket = &event->socket;
	struct flow_entry *slot = find_open(table, event->head.cookie);
	struct flow *flow;

	if (slot) {
		TAILQ_REMOVE(&table->open, slot, by_time);
	} else {
		/* it was never a connection; else its begin was not seen, or not kept */
		if (socket->old_state == SYN_RECV || !(event->head.known & EVENT_K_FLOW) ||
		    find(table, event->head.cookie))
			return;
		slot = make(table, event, &socket->tuple, table->room + 1);
		if (!slot)
			return;
		set_listener(join, &slot->flow);
	}
	flow = &slot->flow;
	learn_tuple(flow, &socket->tuple);
	count(slot, event, &socket->flow);
	flow->ended_ns = event->head.ts_ns;
	flow->known |= EVENT_K_STATE;
	flow->state = socket->old_state;
	flow->error = socket->error;
	flow->reset_received = socket->how & SOCKET_F_RESET;
	flow->resets_told = join_hook_attached(join, "reset-sent");
	TAILQ_INSERT_TAIL(&table->ended, slot, by_time);
}

static void take_state(struct join *join, const struct event *event)
{
	const struct ev_socket *socket = &event->socket;

	if (socket->old_state == LISTEN)
		return;
	if (socket->new_state == CLOSE)
		take_end(join, event);
	else if (socket->new_state == ESTABLISHED || socket->new_state == SYN_RECV)
		take_established(join, event);
}

static void take_snapshot(struct join *join, const struct event *event)
{
	const struct ev_snapshot *snapshot = &event->snapshot;
	struct flow_table *table = join->flows;
	struct flow_entry *slot;

	if (table->snapshot_ticks || !table->snapshot_ns) {
		table->snapshot_ns = event->head.ts_ns;
		table->snapshot_ticks = 0;
	}
	/* with figures: a full socket. Without: what is left of one (TIME_WAIT), or no more than asked */
	if (!(event->head.known & EVENT_K_FLOW) || snapshot->state == CLOSE)
		return;
	slot = find(table, event->head.cookie);
	if (slot && slot->flow.ended_ns)
		return; /* the iterator met it before it ended, its record overtook this one */
	if (!slot && table->used >= table->room) {
		table->counters.crowded = true;
		return;
	}
	if (!slot) {
		slot = open_flow(table, event, &snapshot->tuple);
		if (!slot)
			return;
		table->counters.before++;
		slot->before = true;
		if (snapshot->state == SYN_SENT)
			slot->flow.role_known = slot->flow.client = true;
	}
	learn_tuple(&slot->flow, &snapshot->tuple);
	count(slot, event, &snapshot->flow);
	slot->flow.state = snapshot->state;
	slot->flow.known |= EVENT_K_STATE;
	if ((event->head.known & EVENT_K_OWNER) &&
	    (!slot->flow.owner_known || slot->flow.owner_listens))
		set_owner(&slot->flow, &snapshot->owner, false);
}

void flow_event(struct join *join, const struct event *event)
{
	struct flow_table *table = join->flows;
	struct flow_entry *slot;

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
		slot = find(table, event->head.cookie);
		if (slot)
			slot->flow.reset_sent = true;
		return;
	}
}

/* ---- telling ---- */

static bool is_due(const struct flow_table *table, const struct flow_entry *slot, __u64 now_ns)
{
	return slot->flow.ended_ns + FLOW_SETTLE_NS <= now_ns || table->used >= table->room;
}

/* Figures that the last snapshot should have renewed: nobody knows what they are now. */
static void forget_stale(const struct flow_table *table, struct flow_entry *slot)
{
	bool renewed =
		table->snapshot_ticks <= SNAPSHOT_TICKS && slot->counted_ns >= table->snapshot_ns;

	if (!renewed && !slot->flow.ended_ns)
		slot->flow.known = 0;
}

const struct flow *join_flow_due(struct join *join, bool all)
{
	struct flow_table *table = join->flows;
	struct flow_entry *slot;

	if (!table)
		return NULL;
	if (table->given)
		free_slot(table, table->given);
	table->given = NULL;
	slot = TAILQ_FIRST(&table->ended);
	if (slot && (all || is_due(table, slot, join->now_ns))) {
		TAILQ_REMOVE(&table->ended, slot, by_time);
	} else {
		slot = all ? TAILQ_FIRST(&table->open) : NULL;
		if (!slot)
			return NULL;
		TAILQ_REMOVE(&table->open, slot, by_time);
		forget_stale(table, slot);
	}
	table->given = slot;
	return &slot->flow;
}

const struct flow_counters *join_flow_counters(const struct join *join)
{
	return join->flows && join->flows->enabled ? &join->flows->counters : NULL;
}
