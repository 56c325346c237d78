// SPDX-License-Identifier: GPL-2.0-or-later
/* whose.c - whose a packet is: the processes at its ends, and the opening it belongs to */

#include <errno.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <string.h>

#include "join/conn/whose_table.h"
#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

#define PLACES 16384 /* of each table; the oldest makes room */
#define CHAIN_MAX 16 /* whoever makes connections chooses their ports */

struct socket_owner {
	__u64 cookie;
	__u32 owner; /* its number, 0 unknown */
};

/* One direction of a connection as packets show it in a namespace: @local is the owner's side. */
struct passage {
	__u8 local[EVENT_ADDRESS_SIZE];
	__u8 remote[EVENT_ADDRESS_SIZE];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns;
};

struct passage_owner {
	struct passage passage;
	__u32 owner;
};

struct whose {
	struct owners *owners; /* join's */
	struct socket_owner sockets[PLACES];
	struct passage_owner passages[PLACES];
	struct hash by_cookie, by_passage;
	__u32 socket_next, passage_next; /* the oldest once all are in use */
};

int whose_new(struct whose **out, struct owners *owners)
{
	struct whose *whose = calloc(1, sizeof(*whose));

	if (!whose)
		return -ENOMEM;
	whose->owners = owners;
	if (hash_new(&whose->by_cookie, PLACES) || hash_new(&whose->by_passage, PLACES)) {
		whose_free(whose);
		return -ENOMEM;
	}
	*out = whose;
	return 0;
}

void whose_free(struct whose *whose)
{
	if (!whose)
		return;
	hash_free(&whose->by_cookie);
	hash_free(&whose->by_passage);
	free(whose);
}

/* ---- owners ---- */

static __u64 socket_key(__u64 cookie)
{
	return hash_mix(1, cookie);
}

static __u64 passage_key(const struct passage *passage)
{
	_Static_assert(sizeof(*passage) == 2 * EVENT_ADDRESS_SIZE + 8, "compared as bytes");
	return hash_bytes(2, passage, sizeof(*passage));
}

static struct passage passage_of(__u32 netns, const __u8 *local, __u16 local_port,
				 const __u8 *remote, __u16 remote_port)
{
	struct passage passage = {
		.local_port = local_port,
		.remote_port = remote_port,
		.netns = netns,
	};

	memcpy(passage.local, local, sizeof(passage.local));
	memcpy(passage.remote, remote, sizeof(passage.remote));
	return passage;
}

static __u32 socket_find(const struct whose *whose, __u64 cookie)
{
	__u32 i = hash_first(&whose->by_cookie, socket_key(cookie));

	while (i != HASH_END && whose->sockets[i].cookie != cookie)
		i = hash_next(&whose->by_cookie, i);
	return i;
}

static __u32 passage_find(const struct whose *whose, const struct passage *passage)
{
	__u32 i = hash_first(&whose->by_passage, passage_key(passage));

	while (i != HASH_END && memcmp(&whose->passages[i].passage, passage, sizeof(*passage)))
		i = hash_next(&whose->by_passage, i);
	return i;
}

static __u32 owner_of_socket(const struct whose *whose, __u64 cookie)
{
	__u32 i = cookie ? socket_find(whose, cookie) : HASH_END;

	return i == HASH_END ? 0 : whose->sockets[i].owner;
}

static __u32 owner_of_passage(const struct whose *whose, const struct passage *passage)
{
	__u32 i = passage_find(whose, passage);

	return i == HASH_END ? 0 : whose->passages[i].owner;
}

/* A place in @hash for a new key: the oldest one's, once all are in use. */
static __u32 place_for(struct hash *hash, __u64 key, __u32 *next)
{
	__u32 place = (*next)++ % PLACES, overlong = hash_overlong(hash, key, CHAIN_MAX);

	hash_remove(hash, place);
	if (overlong != HASH_END)
		hash_remove(hash, overlong);
	hash_add(hash, key, place);
	return place;
}

static void learn_passage(struct whose *whose, const struct passage *passage, __u32 owner)
{
	__u32 i = passage_find(whose, passage);

	if (!passage->local_port || !passage->remote_port)
		return;
	if (i == HASH_END)
		i = place_for(&whose->by_passage, passage_key(passage), &whose->passage_next);
	owners_keep(whose->owners, owner);
	owners_drop(whose->owners, whose->passages[i].owner);
	whose->passages[i] = (struct passage_owner){ *passage, owner };
}

static void learn_owner(struct whose *whose, __u64 cookie, const struct event_owner *owner)
{
	__u32 i = socket_find(whose, cookie);

	if (i == HASH_END)
		i = place_for(&whose->by_cookie, socket_key(cookie), &whose->socket_next);
	owners_drop(whose->owners, whose->sockets[i].owner);
	whose->sockets[i].cookie = cookie;
	whose->sockets[i].owner = owner->tgid ? owners_take(whose->owners, owner) : 0;
}

static void learn_socket(struct whose *whose, const struct event *event,
			 const struct event_tuple *tuple, const struct event_owner *owner)
{
	struct passage passage;
	__u32 number;

	if (owner && (event->head.known & EVENT_K_OWNER) && event->head.cookie)
		learn_owner(whose, event->head.cookie, owner);
	number = owner_of_socket(whose, event->head.cookie);
	if (!number)
		return;
	passage = passage_of(event->head.netns, tuple->local, tuple->local_port, tuple->remote,
			     tuple->remote_port);
	learn_passage(whose, &passage, number);
}

/* What the sender's cookie teaches about this namespace: the reply has none. */
static void learn_packet(struct whose *whose, const struct event *event)
{
	const struct packet *packet = &event->packet;
	__u32 owner = owner_of_socket(whose, event->head.cookie);
	struct passage passage;

	if (!owner || packet->what != PACKET_TCP)
		return;
	passage = passage_of(event->head.netns, packet->source, packet->source_port,
			     packet->destination, packet->destination_port);
	learn_passage(whose, &passage, owner);
}

void whose_event(struct whose *whose, const struct event *event)
{
	switch (event->head.kind) {
	case EVENT_OPEN:
		learn_socket(whose, event, &event->open.tuple, &event->open.owner);
		break;
	case EVENT_SYSCALL:
		learn_socket(whose, event, &event->syscall.tuple, &event->syscall.owner);
		break;
	case EVENT_SOCKET:
		learn_socket(whose, event, &event->snapshot.tuple, &event->snapshot.owner);
		break;
	case EVENT_STATE:
	case EVENT_RETRANSMIT:
		learn_socket(whose, event, &event->socket.tuple, NULL);
		break;
	case EVENT_PACKET:
		learn_packet(whose, event);
		break;
	}
}

/* Of a SYN that reaches this host: whoever listens. */
static const struct event_owner *listening(const struct join *join, const struct event *event)
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
	return listener ? listener->owner : NULL;
}

struct parties join_parties(const struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	const struct whose *whose = join->whose;
	bool enters = !(event->head.flags & EVENT_F_OUT) || (event->head.flags & EVENT_F_LOOPBACK);
	struct parties parties = { NULL, NULL };
	struct passage out, in;
	__u32 sender;

	if (!whose || packet->what != PACKET_TCP)
		return parties;
	out = passage_of(event->head.netns, packet->source, packet->source_port,
			 packet->destination, packet->destination_port);
	in = passage_of(event->head.netns, packet->destination, packet->destination_port,
			packet->source, packet->source_port);
	sender = owner_of_socket(whose, event->head.cookie);
	parties.sender = owners_at(join->owners, sender ? sender : owner_of_passage(whose, &out));
	parties.receiver = owners_at(join->owners, owner_of_passage(whose, &in));
	if (!parties.receiver && enters)
		parties.receiver = listening(join, event);
	return parties;
}

/* ---- connections ---- */

struct packet_mark packet_mark_of(const struct event *event)
{
	const struct packet *packet = &event->packet;
	bool quoted = packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER);
	struct packet_mark mark;

	memset(&mark, 0, sizeof(mark)); /* kept in great numbers, and its padding with it */
	mark.ts_ns = event->head.ts_ns;
	mark.netns = event->head.netns;
	mark.frame = event->head.kind == EVENT_FRAME ? event->frame.frame : 0;
	if (packet->what == PACKET_NONE || packet->what == PACKET_UNPARSED)
		return mark;
	mark.cookie = quoted ? 0 : event->head.cookie;
	mark.tcp = quoted ? packet->flags & PACKET_F_INNER_SEQ : packet->what == PACKET_TCP;
	mark.seq = quoted ? packet->inner.seq : packet->seq;
	mark.ack = quoted ? 0 : packet->ack;
	memcpy(mark.source, quoted ? packet->inner.source : packet->source, sizeof(mark.source));
	memcpy(mark.destination, quoted ? packet->inner.destination : packet->destination,
	       sizeof(mark.destination));
	mark.source_port = quoted ? packet->inner.source_port : packet->source_port;
	mark.destination_port = quoted ? packet->inner.destination_port : packet->destination_port;
	return mark;
}

__u64 packet_mark_hash(const struct packet_mark *mark)
{
	return ends_of(mark->source, mark->source_port, mark->destination, mark->destination_port)
		.hash;
}

__u64 packet_span_hash(const struct packet_span *span)
{
	const struct event_tuple *tuple = &span->tuple;

	if (span->frame)
		return packet_frame_hash(span->frame);
	return ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port).hash;
}

__u64 packet_frame_hash(__u64 frame)
{
	return hash_mix(0, frame);
}

static bool is_out(const struct packet_mark *mark, const struct event_tuple *tuple)
{
	return mark->source_port == tuple->local_port &&
	       mark->destination_port == tuple->remote_port &&
	       address_equal(mark->source, tuple->local) &&
	       address_equal(mark->destination, tuple->remote);
}

static bool is_in(const struct packet_mark *mark, const struct event_tuple *tuple)
{
	return mark->source_port == tuple->remote_port &&
	       mark->destination_port == tuple->local_port &&
	       address_equal(mark->source, tuple->remote) &&
	       address_equal(mark->destination, tuple->local);
}

bool packet_span_has(const struct packet_span *span, const struct packet_mark *mark)
{
	bool out = is_out(mark, &span->tuple);

	if (span->frame)
		return mark->frame == span->frame && mark->ts_ns == span->from_ns;
	if (mark->tcp && span->tuple.protocol == IPPROTO_UDP)
		return false;
	if (!out && !is_in(mark, &span->tuple))
		return false;
	if (mark->ts_ns + CLOCKS_APART_NS < span->from_ns || mark->ts_ns > span->until_ns)
		return false;
	if (out && mark->cookie && span->cookie && mark->cookie != span->cookie)
		return false;
	if (!span->netns || mark->netns == span->netns ||
	    (out && mark->cookie && mark->cookie == span->cookie))
		return true;
	/* in another namespace of this machine a tuple is not unique: records.md, "Join" */
	if (!mark->tcp || !span->isn_known)
		return false;
	return out ? mark->seq == span->isn || mark->seq == span->isn + 1 :
		     mark->ack == span->isn + 1;
}
