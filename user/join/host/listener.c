// SPDX-License-Identifier: GPL-2.0-or-later
/* listener.c - who listens where, now */

#include "join/host/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "join/host/host.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/tcp.h"
#include "util/time.h"

/* A close walks the connections that wait; with it another task may have come between. */
#define CLOSING_NS (100 * NS_PER_MS)

struct listener_slot {
	struct listener listener; /* first */
	bool used;
};

/* Each by its cookie and by where it listens: a table that is full costs a record no walk. */
struct listeners {
	struct listener_slot *slots;
	__u32 *free;
	struct hash by; /* 2i: a slot's cookie, 2i + 1: its namespace, address and port */
	struct hash by_port;
	struct listener closed[8]; /* the last ones, with owners of their own */
	__u32 closed_count;
	__u32 room;
	__u32 touched; /* slots that were ever used */
	__u32 free_count;
};

int listeners_new(struct listeners **out, size_t room)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (!listeners)
		return -ENOMEM;
	listeners->room = (__u32)room;
	listeners->slots = calloc(room, sizeof(*listeners->slots));
	listeners->free = calloc(room, sizeof(*listeners->free));
	if (!listeners->slots || !listeners->free || hash_new(&listeners->by, 2 * room) ||
	    hash_new(&listeners->by_port, room)) {
		listeners_free(listeners);
		return -ENOMEM;
	}
	*out = listeners;
	return 0;
}

void listeners_free(struct listeners *listeners)
{
	if (!listeners)
		return;
	hash_free(&listeners->by);
	hash_free(&listeners->by_port);
	free(listeners->slots);
	free(listeners->free);
	free(listeners);
}

static __u64 cookie_key(__u64 cookie)
{
	return hash_mix(0, cookie);
}

static __u64 place_key(__u32 netns, const __u8 *address, __u16 port)
{
	return hash_mix(address_hash(address), (__u64)netns << 16 | port);
}

static __u64 port_key(__u16 port)
{
	return hash_mix(0, port);
}

static __u32 index_of(const struct listeners *listeners, const struct listener_slot *slot)
{
	return (__u32)(slot - listeners->slots);
}

static struct listener_slot *find(const struct listeners *listeners, __u64 cookie)
{
	__u32 i = hash_first(&listeners->by, cookie_key(cookie));

	for (; cookie && i != HASH_END; i = hash_next(&listeners->by, i))
		if (!(i & 1) && listeners->slots[i / 2].listener.cookie == cookie)
			return &listeners->slots[i / 2];
	return NULL;
}

const struct listener *listener_by_cookie(const struct join *join, __u64 cookie)
{
	const struct listener_slot *slot = find(join->listeners, cookie);

	return slot ? &slot->listener : NULL;
}

static void forget(struct join *join, struct listener_slot *slot)
{
	struct listeners *listeners = join->listeners;
	__u32 index = index_of(listeners, slot);

	hash_remove(&listeners->by, 2 * index);
	hash_remove(&listeners->by, 2 * index + 1);
	hash_remove(&listeners->by_port, index);
	owners_set(join->owners, &slot->listener.owner, NULL);
	owners_set(join->owners, &slot->listener.accept_owner, NULL);
	slot->used = false;
	listeners->free[listeners->free_count++] = index;
}

/* The slot of who listens with that cookie; NULL: all are in use, and this one stays unknown. */
static struct listener_slot *take(struct join *join, __u64 cookie, __u32 netns,
				  const struct event_tuple *tuple)
{
	struct listeners *listeners = join->listeners;
	struct listener_slot *slot = find(listeners, cookie);
	__u32 index;

	if (slot)
		forget(join, slot);
	if (listeners->free_count)
		index = listeners->free[--listeners->free_count];
	else if (listeners->touched < listeners->room)
		index = listeners->touched++;
	else
		return NULL;
	slot = &listeners->slots[index];
	memset(slot, 0, sizeof(*slot));
	slot->used = true;
	slot->listener.cookie = cookie;
	slot->listener.netns = netns;
	slot->listener.tuple = *tuple;
	hash_add(&listeners->by, cookie_key(cookie), 2 * index);
	hash_add(&listeners->by, place_key(netns, tuple->local, tuple->local_port), 2 * index + 1);
	hash_add(&listeners->by_port, port_key(tuple->local_port), index);
	return slot;
}

bool listener_has_port(const struct join *join, __u16 port)
{
	const struct listeners *listeners = join->listeners;
	__u32 i = hash_first(&listeners->by_port, port_key(port));

	while (i != HASH_END && listeners->slots[i].listener.tuple.local_port != port)
		i = hash_next(&listeners->by_port, i);
	return i != HASH_END;
}

void listener_copy(struct join *join, struct listener *copy, const struct listener *listener)
{
	const struct event_owner *owner = copy->owner, *accept_owner = copy->accept_owner;

	owners_set(join->owners, &owner, listener ? listener->owner : NULL);
	owners_set(join->owners, &accept_owner, listener ? listener->accept_owner : NULL);
	*copy = listener ? *listener : (struct listener){ 0 };
	copy->owner = owner;
	copy->accept_owner = accept_owner;
}

void listener_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct listener_slot *slot =
		take(join, event->head.cookie, event->head.netns, &open->tuple);

	if (!slot)
		return;
	if (event->head.known & EVENT_K_OWNER)
		owners_set(join->owners, &slot->listener.owner, &open->owner);
	slot->listener.v6only = open->socket_flags & SOCKET_F_V6ONLY;
	slot->listener.since_ns = event->head.ts_ns;
}

void listener_snapshot(struct join *join, const struct event *event)
{
	const struct ev_snapshot *snapshot = &event->snapshot;
	struct listener_slot *slot = find(join->listeners, event->head.cookie);
	bool owner_known = event->head.known & EVENT_K_OWNER;

	if (slot) { /* the two iterators tell of one socket: one of them knows the owner */
		if (owner_known && !slot->listener.owner)
			owners_set(join->owners, &slot->listener.owner, &snapshot->owner);
		return;
	}
	slot = take(join, event->head.cookie, event->head.netns, &snapshot->tuple);
	if (!slot)
		return;
	if (owner_known)
		owners_set(join->owners, &slot->listener.owner, &snapshot->owner);
	slot->listener.v6only = snapshot->flags & SOCKET_F_V6ONLY;
}

void listener_accept_failed(struct join *join, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct listener_slot *slot = find(join->listeners, event->head.cookie);

	if (!slot || !(event->head.known & EVENT_K_OWNER))
		return;
	owners_set(join->owners, &slot->listener.accept_owner, &call->owner);
	slot->listener.accept_failed_ns = slot->listener.accept_owner ? event->head.ts_ns : 0;
	slot->listener.accept_error = call->error;
}

static void note_closed(struct join *join, const struct listener *listener,
			const struct event *event)
{
	struct listeners *listeners = join->listeners;
	struct listener *closed =
		&listeners->closed[listeners->closed_count++ % ARRAY_SIZE(listeners->closed)];

	listener_copy(join, closed, listener);
	closed->closed_ns = event->head.ts_ns;
	closed->closed_how = event->socket.how;
	closed->closed_signal = event->socket.signal;
}

void listener_close(struct join *join, const struct event *event)
{
	struct listener_slot *slot = find(join->listeners, event->head.cookie);
	const struct event_owner *owner = slot ? slot->listener.owner : NULL;
	struct change change = { .what = CHANGE_LISTENER, .removed = true };
	struct text text = text_of(change.text);

	if (!slot || event->socket.new_state != TCP_STATE_CLOSE)
		return;
	change.ts_ns = event->head.ts_ns;
	change.netns = slot->listener.netns;
	change.pid = owner ? owner->tgid : 0;
	text_add(&text, "listener ");
	address_print_port(&text, slot->listener.tuple.local, slot->listener.tuple.local_port);
	if (owner) {
		text_add(&text, " of ");
		text_add_foreign(&text, owner->leader, EVENT_COMM_SIZE);
		text_add(&text, "[%u]", owner->tgid);
	}
	text_add(&text, " closed");
	host_note_change(join, &change);
	note_closed(join, &slot->listener, event);
	forget(join, slot);
}

const struct listener *join_listener(const struct join *join, __u32 *at)
{
	const struct listeners *listeners = join->listeners;

	while (*at < listeners->touched) {
		const struct listener_slot *slot = &listeners->slots[(*at)++];

		if (slot->used)
			return &slot->listener;
	}
	return NULL;
}

/* RFC 4291 2.5.5.2: a socket of AF_INET6 bound to :: takes IPv4 too, unless IPV6_V6ONLY. */
static bool takes(const struct listener *listener, const __u8 *address)
{
	const __u8 *local = listener->tuple.local;

	if (address_equal(local, address))
		return true;
	if (!address_is_any(local))
		return false;
	if (address_is_ipv4(address))
		return listener->tuple.family == AF_INET || !listener->v6only;
	return listener->tuple.family == AF_INET6;
}

/* The first slot of those that are bound to @bound and take @tuple's remote side. */
static __u32 first_at(const struct listeners *listeners, __u32 netns, const __u8 *bound,
		      const struct event_tuple *tuple)
{
	__u32 i = hash_first(&listeners->by, place_key(netns, bound, tuple->remote_port));
	__u32 first = HASH_END;

	for (; i != HASH_END; i = hash_next(&listeners->by, i)) {
		const struct listener *listener = &listeners->slots[i / 2].listener;

		if ((i & 1) && i / 2 < first && listener->netns == netns &&
		    listener->tuple.local_port == tuple->remote_port &&
		    takes(listener, tuple->remote))
			first = i / 2;
	}
	return first;
}

const struct listener *join_listener_for(const struct join *join, __u32 netns,
					 const struct event_tuple *tuple)
{
	static const __u8 any[EVENT_ADDRESS_SIZE];
	static const __u8 any_ipv4[EVENT_ADDRESS_SIZE] = { [10] = 0xff, [11] = 0xff };
	const __u8 *bound[] = { tuple->remote, any, any_ipv4 };
	__u32 first = HASH_END;

	for (size_t i = 0; i < ARRAY_SIZE(bound); i++) {
		__u32 found = first_at(join->listeners, netns, bound[i], tuple);

		first = found < first ? found : first;
	}
	return first == HASH_END ? NULL : &join->listeners->slots[first].listener;
}

const struct listener *join_listener_closed(const struct join *join, __u32 netns,
					    const struct event_tuple *tuple, __u64 ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(join->listeners->closed); i++) {
		const struct listener *closed = &join->listeners->closed[i];

		if (closed->closed_ns && closed->closed_ns < ns + 2 * CLOCKS_APART_NS &&
		    ns < closed->closed_ns + CLOSING_NS && (!netns || closed->netns == netns) &&
		    closed->tuple.local_port == tuple->remote_port && takes(closed, tuple->remote))
			return closed;
	}
	return NULL;
}

/* ---- what comes of those who ask ---- */

#define MINUTE_NS (60 * NS_PER_S)

static void roll(struct listener_load *load, __u64 now_ns)
{
	if (now_ns < load->minute_ns + MINUTE_NS)
		return;
	/* one that was not asked for a minute has none */
	if (now_ns < load->minute_ns + 2 * MINUTE_NS) {
		load->heard[1] = load->heard[0];
		load->unfinished[1] = load->unfinished[0];
	} else {
		load->heard[1] = 0;
		load->unfinished[1] = 0;
	}
	load->heard[0] = 0;
	load->unfinished[0] = 0;
	load->minute_ns = now_ns;
}

void listener_note_syn(struct join *join, __u32 netns, const struct event_tuple *tuple,
		       __u64 now_ns)
{
	const struct listener *listener = join_listener_for(join, netns, tuple);
	struct listener_slot *slot = listener ? find(join->listeners, listener->cookie) : NULL;

	if (!slot)
		return;
	roll(&slot->listener.load, now_ns);
	slot->listener.load.heard[0]++;
}

void listener_note_unfinished(struct join *join, __u64 cookie, __u64 now_ns)
{
	struct listener_slot *slot = find(join->listeners, cookie);

	if (!slot)
		return;
	roll(&slot->listener.load, now_ns);
	slot->listener.load.unfinished[0]++;
}

void listener_note_flooded(struct join *join, __u64 cookie, __u64 now_ns)
{
	struct listener_slot *slot = find(join->listeners, cookie);

	if (slot)
		slot->listener.load.flooded_ns = now_ns;
}
