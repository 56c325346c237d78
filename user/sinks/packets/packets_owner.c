// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_owner.c - whose packet it is: the process at either end, as far as it was seen */

#include <string.h>

#include "sinks/packets/packets_table.h"
#include "util/address.h"

/* Both tables forget by overwriting: who comes last to a slot has it. */

static __u64 mix(__u64 h, __u64 value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15ull;
	return h ^ (h >> 32);
}

static __u64 hash_bytes(__u64 h, const void *bytes, size_t size)
{
	const __u8 *at = bytes;
	__u64 word;

	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		h = mix(h, word);
	}
	return h;
}

static struct socket_owner *owner_slot(const struct packets *packets, __u64 cookie)
{
	return &packets->owners[mix(1, cookie) & (OWNERS_MAX - 1)];
}

static struct flow_owner *flow_slot(const struct packets *packets, const struct flow_key *key)
{
	_Static_assert(sizeof(*key) % sizeof(__u64) == 0, "hashed by words");
	return &packets->flows[hash_bytes(2, key, sizeof(*key)) & (OWNERS_MAX - 1)];
}

static const struct party_name *owner_of(const struct packets *packets, __u64 cookie)
{
	const struct socket_owner *slot = owner_slot(packets, cookie);

	return cookie && slot->cookie == cookie && slot->name.pid ? &slot->name : NULL;
}

static struct flow_key key_of(__u32 netns, const __u8 *local, __u16 local_port, const __u8 *remote,
			      __u16 remote_port)
{
	struct flow_key key;

	memset(&key, 0, sizeof(key));
	key.netns = netns;
	memcpy(key.local, local, sizeof(key.local));
	memcpy(key.remote, remote, sizeof(key.remote));
	key.local_port = local_port;
	key.remote_port = remote_port;
	return key;
}

static const struct party_name *flow_of(const struct packets *packets, const struct flow_key *key)
{
	const struct flow_owner *slot = flow_slot(packets, key);

	return slot->name.pid && !memcmp(&slot->key, key, sizeof(*key)) ? &slot->name : NULL;
}

static void learn_flow(struct packets *packets, const struct flow_key *key,
		       const struct party_name *name)
{
	struct flow_owner *slot = flow_slot(packets, key);

	if (!key->local_port || !key->remote_port)
		return;
	slot->key = *key;
	slot->name = *name;
}

static void learn_socket(struct packets *packets, const struct event *event,
			 const struct event_tuple *tuple, const struct event_owner *owner)
{
	struct socket_owner *slot = owner_slot(packets, event->head.cookie);
	const struct party_name *name;
	struct flow_key key;

	if (owner && (event->head.known & EVENT_K_OWNER) && event->head.cookie) {
		slot->cookie = event->head.cookie;
		slot->name.pid = owner->tgid;
		memcpy(slot->name.comm, owner->leader[0] ? owner->leader : owner->comm,
		       sizeof(slot->name.comm));
	}
	name = owner_of(packets, event->head.cookie);
	if (!name)
		return;
	key = key_of(event->head.netns, tuple->local, tuple->local_port, tuple->remote,
		     tuple->remote_port);
	learn_flow(packets, &key, name);
}

static void learn_clock(struct packets *packets, const struct event *event)
{
	packets->clock_known = true;
	packets->clock_offset_ns = (__s64)(event->clock.realtime_ns - event->clock.monotonic_ns);
}

void packets_learn(struct packets *packets, const struct event *event)
{
	const struct packet *packet = &event->packet;
	const struct party_name *name;
	struct flow_key key;

	switch (event->head.kind) {
	case EVENT_CLOCK:
		learn_clock(packets, event);
		break;
	case EVENT_OPEN:
		learn_socket(packets, event, &event->open.tuple, &event->open.owner);
		break;
	case EVENT_SYSCALL:
		learn_socket(packets, event, &event->syscall.tuple, &event->syscall.owner);
		break;
	case EVENT_SOCKET:
		learn_socket(packets, event, &event->snapshot.tuple, &event->snapshot.owner);
		break;
	case EVENT_STATE:
	case EVENT_RETRANSMIT:
		learn_socket(packets, event, &event->socket.tuple, NULL);
		break;
	case EVENT_PACKET:
		/* what the sender's cookie teaches about this namespace: the reply has none */
		name = owner_of(packets, event->head.cookie);
		if (!name || packet->what != PACKET_TCP)
			break;
		key = key_of(event->head.netns, packet->source, packet->source_port,
			     packet->destination, packet->destination_port);
		learn_flow(packets, &key, name);
		break;
	}
}

static const struct party_name *listener_of(const struct join *join, const struct event *event,
					    struct party_name *name)
{
	const struct packet *packet = &event->packet;
	const struct listener *listener;
	struct event_tuple tuple = { .local_port = packet->source_port,
				     .remote_port = packet->destination_port,
				     .protocol = packet->protocol };

	if (!(packet->tcp_flags & TCP_F_SYN) || (packet->tcp_flags & TCP_F_ACK))
		return NULL;
	memcpy(tuple.local, packet->source, sizeof(tuple.local));
	memcpy(tuple.remote, packet->destination, sizeof(tuple.remote));
	listener = join_listener_for(join, event->head.netns, &tuple);
	if (!listener || !listener->owner_known)
		return NULL;
	name->pid = listener->owner.tgid;
	memcpy(name->comm,
	       listener->owner.leader[0] ? listener->owner.leader : listener->owner.comm,
	       sizeof(name->comm));
	return name;
}

void packets_name_parties(const struct packets *packets, const struct join *join,
			  const struct event *event, struct party_name *sender,
			  struct party_name *receiver)
{
	const struct packet *packet = &event->packet;
	bool enters = !(event->head.flags & EVENT_F_OUT) || (event->head.flags & EVENT_F_LOOPBACK);
	const struct party_name *from, *to;
	struct flow_key out, in;

	*sender = *receiver = (struct party_name){ 0 };
	if (packet->what != PACKET_TCP)
		return;
	out = key_of(event->head.netns, packet->source, packet->source_port, packet->destination,
		     packet->destination_port);
	in = key_of(event->head.netns, packet->destination, packet->destination_port,
		    packet->source, packet->source_port);
	from = owner_of(packets, event->head.cookie);
	from = from ? from : flow_of(packets, &out);
	to = flow_of(packets, &in);
	if (!to && enters)
		to = listener_of(join, event, receiver);
	if (from)
		*sender = *from;
	if (to && to != receiver)
		*receiver = *to;
}
