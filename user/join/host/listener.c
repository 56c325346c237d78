// SPDX-License-Identifier: GPL-2.0-or-later
/* listener.c - who listens where, now */

#include "join/host/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "join/host/host.h"
#include "util/address.h"
#include "util/tcp.h"

struct listener_slot {
	struct listener listener; /* first */
	bool used;
};

struct listeners {
	struct listener_slot *slots;
	size_t room;
	size_t end; /* one past the last used */
};

int listeners_new(struct listeners **out, size_t room)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (!listeners)
		return -ENOMEM;
	listeners->room = room;
	listeners->slots = calloc(room, sizeof(*listeners->slots));
	if (!listeners->slots) {
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
	free(listeners->slots);
	free(listeners);
}

static struct listener_slot *find(const struct listeners *listeners, __u64 cookie)
{
	for (size_t i = 0; cookie && i < listeners->end; i++)
		if (listeners->slots[i].used && listeners->slots[i].listener.cookie == cookie)
			return &listeners->slots[i];
	return NULL;
}

const struct listener *listener_by_cookie(const struct join *join, __u64 cookie)
{
	const struct listener_slot *slot = find(join->listeners, cookie);

	return slot ? &slot->listener : NULL;
}

static struct listener_slot *take(struct listeners *listeners, __u64 cookie)
{
	struct listener_slot *slot = find(listeners, cookie);

	for (size_t i = 0; !slot && i < listeners->room; i++)
		if (!listeners->slots[i].used)
			slot = &listeners->slots[i];
	if (!slot)
		return NULL; /* every slot is in use: this one stays unknown */
	if ((size_t)(slot - listeners->slots) >= listeners->end)
		listeners->end = slot - listeners->slots + 1;
	memset(slot, 0, sizeof(*slot));
	slot->used = true;
	slot->listener.cookie = cookie;
	return slot;
}

void listener_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct listener_slot *slot = take(join->listeners, event->head.cookie);

	if (!slot)
		return;
	slot->listener.netns = event->head.netns;
	slot->listener.tuple = open->tuple;
	slot->listener.owner = open->owner;
	slot->listener.owner_known = event->head.known & EVENT_K_OWNER;
	slot->listener.v6only = open->socket_flags & SOCKET_F_V6ONLY;
	slot->listener.backlog_max = open->backlog_max;
	slot->listener.since_ns = event->head.ts_ns;
}

void listener_snapshot(struct join *join, const struct event *event)
{
	const struct ev_snapshot *snapshot = &event->snapshot;
	struct listener_slot *slot = find(join->listeners, event->head.cookie);
	bool owner_known = event->head.known & EVENT_K_OWNER;

	if (slot) { /* the two iterators tell of one socket: one of them knows the owner */
		if (owner_known && !slot->listener.owner_known) {
			slot->listener.owner = snapshot->owner;
			slot->listener.owner_known = true;
		}
		return;
	}
	slot = take(join->listeners, event->head.cookie);
	if (!slot)
		return;
	slot->listener.netns = event->head.netns;
	slot->listener.tuple = snapshot->tuple;
	slot->listener.owner = snapshot->owner;
	slot->listener.owner_known = owner_known;
	slot->listener.v6only = snapshot->flags & SOCKET_F_V6ONLY;
	slot->listener.backlog_max = snapshot->backlog_max;
}

void listener_close(struct join *join, const struct event *event)
{
	struct listener_slot *slot = find(join->listeners, event->head.cookie);
	char buffer[112];
	struct text text = text_of(buffer);

	if (!slot || event->socket.new_state != TCP_STATE_CLOSE)
		return;
	text_add(&text, "listener ");
	address_print_port(&text, slot->listener.tuple.local, slot->listener.tuple.local_port);
	if (slot->listener.owner_known) {
		text_add(&text, " of ");
		text_add_foreign(&text, slot->listener.owner.leader, EVENT_COMM_SIZE);
		text_add(&text, "[%u]", slot->listener.owner.tgid);
	}
	text_add(&text, " closed");
	host_note_change(join, slot->listener.netns, event->head.ts_ns, CHANGE_LISTENER, true,
			 slot->listener.owner.tgid, buffer);
	slot->used = false;
}

const struct listener *join_listener(const struct join *join, size_t index)
{
	const struct listeners *listeners = join->listeners;

	for (size_t i = 0; i < listeners->end; i++)
		if (listeners->slots[i].used && !index--)
			return &listeners->slots[i].listener;
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

const struct listener *join_listener_for(const struct join *join, __u32 netns,
					 const struct event_tuple *tuple)
{
	for (size_t i = 0; i < join->listeners->end; i++) {
		const struct listener_slot *slot = &join->listeners->slots[i];

		if (slot->used && slot->listener.netns == netns &&
		    slot->listener.tuple.local_port == tuple->remote_port &&
		    takes(&slot->listener, tuple->remote))
			return &slot->listener;
	}
	return NULL;
}
