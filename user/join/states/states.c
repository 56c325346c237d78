// SPDX-License-Identifier: GPL-2.0-or-later
/* states.c - the TCP sockets of this host at one moment, counted */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join/states/states.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/time.h"

#define MET_FIRST 4096
#define MET_MOST (1u << 22) /* cookies: 32 MiB and as much to find them; of more, copies count */

struct states {
	struct states_group *groups;
	struct hash by; /* group by what makes it one */
	size_t count, room;
	__u64 *met; /* cookies of this look */
	struct hash by_cookie;
	size_t met_count, met_room;
	__u64 totals[TCP_STATE_COUNT];
	__u64 ungrouped;
};

int states_new(struct states **out, size_t groups_most)
{
	struct states *states = calloc(1, sizeof(*states));

	if (!states)
		return -ENOMEM;
	states->room = groups_most;
	states->groups = calloc(groups_most, sizeof(*states->groups));
	states->met_room = MET_FIRST;
	states->met = calloc(states->met_room, sizeof(*states->met));
	if (!states->groups || !states->met || hash_new(&states->by, groups_most) ||
	    hash_new(&states->by_cookie, states->met_room)) {
		states_free(states);
		return -ENOMEM;
	}
	*out = states;
	return 0;
}

void states_free(struct states *states)
{
	if (!states)
		return;
	hash_free(&states->by);
	hash_free(&states->by_cookie);
	free(states->groups);
	free(states->met);
	free(states);
}

void states_begin(struct states *states)
{
	for (size_t i = 0; i < states->count; i++)
		hash_remove(&states->by, i);
	for (size_t i = 0; i < states->met_count; i++)
		hash_remove(&states->by_cookie, i);
	states->count = 0;
	states->met_count = 0;
	states->ungrouped = 0;
	memset(states->totals, 0, sizeof(states->totals));
}

/* ---- met already ---- */

static void grow_met(struct states *states)
{
	size_t room = states->met_room * 2;
	struct hash by_cookie = { 0 };
	__u64 *met;

	if (room > MET_MOST || hash_new(&by_cookie, room))
		return;
	met = realloc(states->met, room * sizeof(*met));
	if (!met) {
		hash_free(&by_cookie);
		return;
	}
	for (size_t i = 0; i < states->met_count; i++)
		hash_add(&by_cookie, hash_mix(0, met[i]), i);
	hash_free(&states->by_cookie);
	states->by_cookie = by_cookie;
	states->met = met;
	states->met_room = room;
}

static bool is_met(struct states *states, __u64 cookie)
{
	__u64 hash = hash_mix(0, cookie);
	__u32 i = hash_first(&states->by_cookie, hash);

	for (; i != HASH_END; i = hash_next(&states->by_cookie, i))
		if (states->met[i] == cookie)
			return true;
	if (states->met_count == states->met_room)
		grow_met(states);
	if (states->met_count < states->met_room) {
		states->met[states->met_count] = cookie;
		hash_add(&states->by_cookie, hash, states->met_count++);
	}
	return false;
}

/* ---- a socket ---- */

static void read_flow(struct states_socket *socket, const struct event *event)
{
	const struct event_flow *flow = &event->snapshot.flow;
	__u64 last_ns = flow->sent_ns > flow->received_ns ? flow->sent_ns : flow->received_ns;

	socket->counted = event->head.known & EVENT_K_COUNTERS;
	if (socket->counted) {
		socket->unread_bytes = flow->unread_bytes;
		socket->unsent_bytes = flow->unacked_bytes;
		socket->snd_wnd = flow->snd_wnd;
		socket->again_in_row = flow->again_in_row;
		socket->probes = flow->probes;
	}
	if (!(event->head.known & EVENT_K_TIMES))
		return;
	last_ns = flow->heard_ns > last_ns ? flow->heard_ns : last_ns;
	socket->timed = last_ns;
	socket->quiet_ns = last_ns ? ns_between(last_ns, event->head.ts_ns) : 0;
}

bool states_meet(struct states *states, const struct event *event, struct states_socket *socket)
{
	const struct ev_snapshot *snapshot = &event->snapshot;
	const __u32 needed = EVENT_K_TUPLE | EVENT_K_STATE;

	if (event->head.kind != EVENT_SOCKET || (event->head.known & needed) != needed ||
	    snapshot->tuple.protocol != IPPROTO_TCP || !snapshot->state ||
	    snapshot->state >= TCP_STATE_COUNT)
		return false;
	if (event->head.cookie && is_met(states, event->head.cookie))
		return false;
	*socket = (struct states_socket){
		.tuple = snapshot->tuple,
		.cookie = event->head.cookie,
		.netns = event->head.netns,
		.state = snapshot->state == TCP_STATE_NEW_SYN_RECV ? TCP_STATE_SYN_RECV :
								     snapshot->state,
		.owned = event->head.known & EVENT_K_OWNER,
		.queued = event->head.known & EVENT_K_BACKLOG,
	};
	if (socket->owned)
		socket->owner = snapshot->owner;
	if (socket->queued) {
		socket->backlog = snapshot->backlog;
		socket->backlog_max = snapshot->backlog_max;
	}
	read_flow(socket, event);
	return true;
}

/* ---- groups ---- */

/* The port by which sockets of that state are told apart; 0 they are not. */
static __u16 port_of(const struct states_socket *socket)
{
	return socket->state == TCP_STATE_LISTEN || socket->state == TCP_STATE_SYN_RECV ?
		       socket->tuple.local_port :
		       0;
}

static __u64 hash_of(const struct states_socket *socket)
{
	__u64 kind = (__u64)socket->state << 24 | socket->mark << 16 | port_of(socket);
	__u64 owner = socket->owned ? (__u64)socket->owner.tgid + 1 : 0;

	return hash_mix(hash_spread(kind, owner, socket->netns, 0), 0);
}

static bool is_of(const struct states_group *group, const struct states_socket *socket)
{
	const struct states_socket *other = &group->quietest;

	if (socket->state == TCP_STATE_LISTEN &&
	    memcmp(&socket->tuple, &other->tuple, sizeof(socket->tuple)) != 0)
		return false;
	return socket->state == other->state && socket->mark == other->mark &&
	       socket->netns == other->netns && port_of(socket) == port_of(other) &&
	       socket->owned == other->owned && socket->owner.tgid == other->owner.tgid &&
	       socket->owner.start_ns == other->owner.start_ns;
}

static struct states_group *group_of(struct states *states, const struct states_socket *socket)
{
	__u64 hash = hash_of(socket);
	__u32 i = hash_first(&states->by, hash);

	for (; i != HASH_END; i = hash_next(&states->by, i))
		if (is_of(&states->groups[i], socket))
			return &states->groups[i];
	if (states->count == states->room)
		return NULL;
	i = states->count++;
	states->groups[i] = (struct states_group){ .quietest = *socket };
	hash_add(&states->by, hash, i);
	return &states->groups[i];
}

void states_count(struct states *states, const struct states_socket *socket)
{
	struct states_group *group = group_of(states, socket);

	states->totals[socket->state]++;
	if (!group) {
		states->ungrouped++;
		return;
	}
	group->sockets++;
	group->unread_bytes += socket->unread_bytes;
	group->unsent_bytes += socket->unsent_bytes;
	if (socket->timed && socket->quiet_ns > group->quietest.quiet_ns)
		group->quietest = *socket;
}

static const __u8 lives[] = {
	TCP_STATE_LISTEN,     TCP_STATE_SYN_SENT,  TCP_STATE_SYN_RECV,	TCP_STATE_ESTABLISHED,
	TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK,  TCP_STATE_FIN_WAIT1, TCP_STATE_FIN_WAIT2,
	TCP_STATE_CLOSING,    TCP_STATE_TIME_WAIT, TCP_STATE_CLOSE,
};

__u8 states_state(size_t index)
{
	return index < ARRAY_SIZE(lives) ? lives[index] : 0;
}

static int order_of(__u8 state)
{
	int order = 0;

	while (states_state(order) && states_state(order) != state)
		order++;
	return order;
}

static int compare_groups(const void *a, const void *b)
{
	const struct states_group *left = a, *right = b;
	const struct states_socket *one = &left->quietest, *other = &right->quietest;

	if (!one->mark != !other->mark)
		return !one->mark - !other->mark;
	if (one->state != other->state)
		return order_of(one->state) - order_of(other->state);
	if (left->sockets != right->sockets)
		return left->sockets < right->sockets ? 1 : -1;
	if (one->tuple.local_port != other->tuple.local_port)
		return one->tuple.local_port < other->tuple.local_port ? -1 : 1;
	if (one->owner.tgid != other->owner.tgid)
		return one->owner.tgid < other->owner.tgid ? -1 : 1;
	return memcmp(&one->tuple, &other->tuple, sizeof(one->tuple));
}

void states_sort(struct states *states)
{
	/* what is sorted is found no more */
	for (size_t i = 0; i < states->count; i++)
		hash_remove(&states->by, i);
	qsort(states->groups, states->count, sizeof(*states->groups), compare_groups);
}

const struct states_group *states_at(const struct states *states, size_t index)
{
	return index < states->count ? &states->groups[index] : NULL;
}

__u64 states_total(const struct states *states, __u8 state)
{
	return state < TCP_STATE_COUNT ? states->totals[state] : 0;
}

__u64 states_sockets(const struct states *states)
{
	__u64 sum = 0;

	for (size_t i = 0; i < TCP_STATE_COUNT; i++)
		sum += states->totals[i];
	return sum;
}

__u64 states_ungrouped(const struct states *states)
{
	return states->ungrouped;
}
