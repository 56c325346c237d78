// SPDX-License-Identifier: GPL-2.0-or-later
/* stream.c - the table of TCP connections: found by their two ends, bounded */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/segment/stream_judge.h"
#include "util/address.h"
#include "util/array.h"

/*
 * Ends chosen so that they share a bucket must not make a look-up slow: a chain is no longer than
 * this, its oldest connection leaves. By chance 65,536 connections in 131,072 buckets make 8.
 */
#define CHAIN_MOST 32

struct streams {
	struct stream *slots;
	__u32 *buckets; /* number of a slot, from 1; 0 none: a table that is not used costs no memory */
	__u32 room;
	__u32 touched; /* slots that were ever used */
	__u32 mask;
	__u32 hand;
	__u64 seen;
	__u64 evicted;
	struct stream gone;
	bool has_gone;
};

__u32 streams_room(__u32 connections)
{
	return connections < 16 ? 16 : connections;
}

int streams_new(struct streams **out, __u32 connections)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	__u32 buckets = 64;

	if (!streams)
		return -ENOMEM;
	streams->room = streams_room(connections);
	while (buckets < 2 * (__u64)streams->room && buckets < 1u << 31)
		buckets *= 2;
	streams->mask = buckets - 1;
	streams->slots = calloc(streams->room, sizeof(*streams->slots));
	streams->buckets = calloc(buckets, sizeof(*streams->buckets));
	if (!streams->slots || !streams->buckets) {
		streams_free(streams);
		return -ENOMEM;
	}
	*out = streams;
	return 0;
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	free(streams->slots);
	free(streams->buckets);
	free(streams);
}

static __u32 *bucket_of(const struct streams *streams, const struct ends *ends, __u32 netns)
{
	return &streams->buckets[(ends->hash + netns) & streams->mask];
}

static bool stream_has(const struct stream *stream, const struct ends *ends, __u32 netns)
{
	return stream->port[0] == ends->port[0] && stream->port[1] == ends->port[1] &&
	       stream->netns == netns && address_equal(stream->address[0], ends->address[0]) &&
	       address_equal(stream->address[1], ends->address[1]);
}

static struct stream *streams_find(const struct streams *streams, const struct ends *ends,
				   __u32 netns)
{
	__u32 number = *bucket_of(streams, ends, netns);
	struct stream *stream;

	for (; number; number = stream->next) {
		stream = &streams->slots[number - 1];
		/* what is read next, while the ends are still on their way from memory */
		__builtin_prefetch(&stream->side[0]);
		__builtin_prefetch(&stream->side[0].next_ns);
		__builtin_prefetch(&stream->side[1]);
		__builtin_prefetch(&stream->side[1].next_ns);
		if (stream_has(stream, ends, netns))
			return stream;
	}
	return NULL;
}

static void streams_unlink(struct streams *streams, struct stream *stream)
{
	struct ends ends =
		ends_of(stream->address[0], stream->port[0], stream->address[1], stream->port[1]);
	__u32 *at = bucket_of(streams, &ends, stream->netns);
	__u32 number = (__u32)(stream - streams->slots) + 1;

	if (!stream->linked)
		return;
	stream->linked = false;
	while (*at != number)
		at = &streams->slots[*at - 1].next;
	*at = stream->next;
}

/* The next slot that the hand finds unused since it last passed. */
static struct stream *streams_take(struct streams *streams)
{
	struct stream *stream;

	if (streams->touched < streams->room)
		return &streams->slots[streams->touched++];
	for (;;) {
		stream = &streams->slots[streams->hand];
		streams->hand = streams->hand + 1 == streams->room ? 0 : streams->hand + 1;
		if (!stream->recent || !stream->linked)
			break;
		stream->recent = false;
	}
	streams_unlink(streams, stream);
	streams->gone = *stream;
	streams->has_gone = true;
	streams->evicted++;
	return stream;
}

/* A chain that is too long loses its oldest: it is no longer found, and the hand takes it next. */
static void streams_bound_chain(struct streams *streams, __u32 number)
{
	struct stream *last = NULL;
	unsigned int length = 0;

	for (; number; number = last->next, length++)
		last = &streams->slots[number - 1];
	if (length > CHAIN_MOST)
		streams_unlink(streams, last);
}

static void side_init(struct stream_side *side)
{
	side->window = STREAM_WINDOW_UNKNOWN;
	side->wscale = STREAM_WSCALE_UNKNOWN;
}

static struct stream *streams_add(struct streams *streams, const struct ends *ends, __u32 netns,
				  __u64 ts_ns, __u64 frame)
{
	struct stream *stream = streams_take(streams);
	__u32 *bucket = bucket_of(streams, ends, netns);

	*stream = (struct stream){
		.netns = netns,
		.port = { ends->port[0], ends->port[1] },
		.next = *bucket,
		.linked = true,
		.number = streams->seen++,
		.first_frame = frame,
		.first_ns = ts_ns,
		.last_ns = ts_ns,
	};
	memcpy(stream->address[0], ends->address[0], EVENT_ADDRESS_SIZE);
	memcpy(stream->address[1], ends->address[1], EVENT_ADDRESS_SIZE);
	side_init(&stream->side[0]);
	side_init(&stream->side[1]);
	/* until a SYN tells: the server's port is the lower one, clients' are ephemeral */
	stream->client = stream->port[0] == stream->port[1] ? ends->from :
			 stream->port[0] > stream->port[1]  ? 0 :
							      1;
	*bucket = (__u32)(stream - streams->slots) + 1;
	streams_bound_chain(streams, *bucket);
	return stream;
}

static bool packet_is_whole(const struct packet *packet)
{
	return packet->what == PACKET_TCP &&
	       !(packet->flags & (PACKET_F_FRAGMENT | PACKET_F_SHORT));
}

/*
 * A SYN for ends that are known already: another connection if its number is another one (RFC 9293
 * 3.4.1); with the same number it is sent again.
 */
static bool begins_another(const struct stream *stream, const struct packet *packet, int from)
{
	const struct stream_side *side = &stream->side[from];

	return (packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN &&
	       (side->state & SIDE_BEGUN) && packet->seq != side->isn;
}

struct stream_look stream_packet_of(struct streams *streams, const struct packet *packet,
				    const struct ends *ends, __u64 ts_ns, __u64 frame, __u32 netns)
{
	struct stream_look look = { 0 };
	struct stream *stream;

	streams->has_gone = false;
	if (!packet_is_whole(packet))
		return look;
	stream = streams_find(streams, ends, netns);
	if (stream && begins_another(stream, packet, ends->from)) {
		streams_unlink(streams, stream);
		look.replaced = stream;
		stream = NULL;
		look.flags = BIT(STREAM_REUSED_PORTS);
	}
	if (stream)
		stream->recent = true;
	else /* not recent: of many with one packet each, a scan, none may push out who speaks */
		stream = streams_add(streams, ends, netns, ts_ns, frame);
	if (look.replaced == stream)
		look.replaced = &streams->gone;
	stream->last_frame = frame;
	look.stream = stream;
	look.from = ends->from;
	stream_judge(stream, packet, ts_ns, &look);
	return look;
}

struct stream_look stream_packet(struct streams *streams, const struct packet *packet, __u64 ts_ns,
				 __u64 frame, __u32 netns)
{
	struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
				   packet->destination_port);

	return stream_packet_of(streams, packet, &ends, ts_ns, frame, netns);
}

const struct stream *stream_gone(const struct streams *streams)
{
	return streams->has_gone ? &streams->gone : NULL;
}

const struct stream *stream_at(const struct streams *streams, size_t index)
{
	return index < streams->touched ? &streams->slots[index] : NULL;
}

const struct stream *stream_find(const struct streams *streams, __u32 netns, const __u8 *a,
				 __u16 a_port, const __u8 *b, __u16 b_port)
{
	struct ends ends = ends_of(a, a_port, b, b_port);

	return streams_find(streams, &ends, netns);
}

__u64 streams_seen(const struct streams *streams)
{
	return streams->seen;
}

__u64 streams_evicted(const struct streams *streams)
{
	return streams->evicted;
}
