// SPDX-License-Identifier: GPL-2.0-or-later
/* evidence.c - what was seen: the first entries and the last of each list, bounded */

#include <errno.h>
#include <stdlib.h>

#include "join/evidence/evidence.h"
#include "util/tcp.h"

struct evidence_pool {
	struct evidence_slot *slots;
	struct evidence_slot *free;
	size_t room;
	size_t touched;
};

int evidence_pool_new(struct evidence_pool **out, size_t room)
{
	struct evidence_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->room = room;
	pool->slots = calloc(room, sizeof(*pool->slots));
	if (!pool->slots) {
		free(pool);
		return -ENOMEM;
	}
	*out = pool;
	return 0;
}

void evidence_pool_free(struct evidence_pool *pool)
{
	if (!pool)
		return;
	free(pool->slots);
	free(pool);
}

/* NULL when every one is in use. */
static struct evidence_slot *take_slot(struct evidence_pool *pool)
{
	struct evidence_slot *slot = pool->free;

	if (slot) {
		pool->free = slot->next;
		return slot;
	}
	if (pool->touched == pool->room)
		return NULL;
	return &pool->slots[pool->touched++];
}

void evidence_add(struct evidence_pool *pool, struct evidence_list *list,
		  const struct evidence *evidence)
{
	struct evidence_slot *slot;

	list->count++;
	if (list->kept == JOIN_EVIDENCE_MAX) {
		/* the oldest behind the first ones makes room */
		slot = list->middle->next;
		list->middle->next = slot->next;
		list->kept--;
	} else {
		slot = take_slot(pool);
		if (!slot)
			return;
	}
	slot->evidence = *evidence;
	slot->next = NULL;
	if (list->last)
		list->last->next = slot;
	else
		list->first = slot;
	list->last = slot;
	if (++list->kept == EVIDENCE_HEAD)
		list->middle = slot;
}

void evidence_move(struct evidence_pool *pool, struct evidence_list *from, struct evidence_list *to,
		   __u8 index)
{
	to->count += from->count - from->kept;
	while (from->first) {
		struct evidence_slot *slot = from->first;
		struct evidence evidence = slot->evidence;

		from->first = slot->next;
		slot->next = pool->free;
		pool->free = slot;
		evidence.opening_index = index;
		evidence_add(pool, to, &evidence);
	}
	*from = (struct evidence_list){ 0 };
}

void evidence_release(struct evidence_pool *pool, struct evidence_list *list)
{
	if (list->last) {
		list->last->next = pool->free;
		pool->free = list->first;
	}
	*list = (struct evidence_list){ 0 };
}

size_t evidence_copy(const struct evidence_list *list, struct evidence *evidence, size_t room)
{
	size_t n = 0;

	for (const struct evidence_slot *e = list->first; e && n < room; e = e->next) {
		size_t at = n++;

		for (; at && evidence[at - 1].ts_ns > e->evidence.ts_ns; at--)
			evidence[at] = evidence[at - 1];
		evidence[at] = e->evidence;
	}
	return n;
}

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

void evidence_note_packet(struct evidence *evidence, const struct packet *packet)
{
	evidence->packet_what = packet->what;
	evidence->packet_flags = packet->flags;
	evidence->seq = packet->seq;
	evidence->ack = packet->ack;
	evidence->payload_bytes = packet->payload_bytes;
	evidence->window = packet->window;
	evidence->mss = packet->mss;
	evidence->tcp_flags = packet->tcp_flags;
	evidence->ttl = packet->ttl;
	evidence->wscale = packet->wscale;
	evidence->icmp_type = packet->icmp_type;
	evidence->icmp_code = packet->icmp_code;
}

struct evidence join_evidence(const struct event *event)
{
	struct evidence evidence = evidence_of(event);

	if (event->packet.what != PACKET_NONE)
		evidence_note_packet(&evidence, &event->packet);
	switch (event->head.kind) {
	case EVENT_STATE:
	case EVENT_ERROR:
	case EVENT_RETRANSMIT:
	case EVENT_RESET_RECEIVED:
		return evidence_of_socket(event);
	case EVENT_OPEN:
		evidence.new_state =
			event->open.how == OPEN_CONNECT ? TCP_STATE_SYN_SENT : TCP_STATE_LISTEN;
		break;
	case EVENT_DROP:
		evidence.reason = event->drop.reason;
		evidence.location = event->drop.location;
		break;
	case EVENT_RESET_SENT:
		evidence.reason = event->reset.reason;
		evidence.old_state = event->reset.state;
		break;
	}
	return evidence;
}

struct evidence evidence_of_socket(const struct event *event)
{
	struct evidence evidence = evidence_of(event);

	evidence.old_state = event->socket.old_state;
	evidence.new_state = event->socket.new_state;
	evidence.error = event->socket.error;
	evidence.soft_error = event->socket.soft_error;
	evidence.count = event->socket.flow.again_in_row;
	return evidence;
}
