// SPDX-License-Identifier: GPL-2.0-or-later
/* listener.c - who listens where, now */

#include <string.h>
#include <sys/socket.h>

#include "join/core.h"
#include "util/address.h"

static struct listener_slot *take_slot(struct join *join, __u64 cookie)
{
	struct listener_slot *slot = listener_by_cookie(join, cookie);

	for (size_t i = 0; !slot && i < join->limits.listeners; i++)
		if (!join->listeners[i].used)
			slot = &join->listeners[i];
	if (!slot)
		return NULL; /* every slot is in use: this one stays unknown */
	if ((size_t)(slot - join->listeners) >= join->listeners_end)
		join->listeners_end = slot - join->listeners + 1;
	memset(slot, 0, sizeof(*slot));
	slot->used = true;
	slot->listener.cookie = cookie;
	return slot;
}

struct listener_slot *listener_by_cookie(struct join *join, __u64 cookie)
{
	for (size_t i = 0; cookie && i < join->listeners_end; i++)
		if (join->listeners[i].used && join->listeners[i].listener.cookie == cookie)
			return &join->listeners[i];
	return NULL;
}

void listener_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	struct listener_slot *slot = take_slot(join, event->head.cookie);

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
	struct listener_slot *slot = listener_by_cookie(join, event->head.cookie);
	bool owner_known = event->head.known & EVENT_K_OWNER;

	if (slot) { /* the two iterators tell of one socket: one of them knows the owner */
		if (owner_known && !slot->listener.owner_known) {
			slot->listener.owner = snapshot->owner;
			slot->listener.owner_known = true;
		}
		return;
	}
	slot = take_slot(join, event->head.cookie);
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
	struct listener_slot *slot = listener_by_cookie(join, event->head.cookie);
	char buffer[112];
	struct text text = text_of(buffer);

	if (!slot || event->socket.new_state != 7)
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
	for (size_t i = 0; i < join->listeners_end; i++)
		if (join->listeners[i].used && !index--)
			return &join->listeners[i].listener;
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
	for (size_t i = 0; i < join->listeners_end; i++) {
		const struct listener_slot *slot = &join->listeners[i];

		if (slot->used && slot->listener.netns == netns &&
		    slot->listener.tuple.local_port == tuple->remote_port &&
		    takes(&slot->listener, tuple->remote))
			return &slot->listener;
	}
	return NULL;
}
