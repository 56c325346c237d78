/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare_fixture.h - packets made by hand, given to both sides of a comparison */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "join/compare/compare.h"
#include "rules/compare/compare.h"
#include "rules/rules.h"
#include "util/array.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define BEGIN (1000 * SEC) /* the clock of side 0 */

enum { BOTH = 2 }; /* sides: 0, 1, or this */

/* What lies between the two captures, and how it is told. */
struct scene {
	struct compare *compare;
	struct compare_result result;
	struct comparison comparison;
	__s64 offset; /* side 1's clock minus side 0's */
	double drift;
	__u64 one_way_ns; /* between the sides */
	__u64 late_ns; /* more of it, for the next packet */
	__u64 ns; /* now */
	__u64 frame[2];
	__u16 ip_id;
	/* what the box between does */
	bool translate; /* 10.0.0.1:port becomes 192.0.2.1:port + 10000 */
	bool rewrite[2]; /* sequence numbers of that direction */
	bool no_timestamps; /* strips them from both directions */
	bool modulate; /* rewrites timestamps */
	bool new_ip_ids;
	__u16 clamp; /* MSS, 0 none */
	bool no_scale, no_sack;
	bool spoil; /* payloads */
	__u8 hops;
	bool swapped; /* side 1 is the client's */
	__u8 payload[64];
};

/* One segment of a connection. */
struct segment {
	__u16 port; /* client's */
	bool from_server;
	__u8 flags;
	__u32 seq; /* from the initial sequence number on */
	__u32 ack;
	__u32 length;
	__u32 stamp; /* TSval; 0: none */
	__u32 echo;
	__u8 ttl; /* 0: 64 */
};

enum { CLIENT_ISN = 0x10000000, SERVER_ISN = 0x70000000, REWRITTEN = 0x01234567 };

static inline void put_address(__u8 *address, __u8 a, __u8 b, __u8 c, __u8 d)
{
	memset(address, 0, EVENT_ADDRESS_SIZE);
	address[10] = address[11] = 0xff;
	address[12] = a;
	address[13] = b;
	address[14] = c;
	address[15] = d;
}

static inline struct packet segment_packet(struct scene *scene, const struct segment *segment)
{
	struct packet packet = {
		.what = PACKET_TCP,
		.protocol = 6,
		.ttl = segment->ttl ? segment->ttl : 64,
		.tcp_flags = segment->flags,
		.seq = (segment->from_server ? SERVER_ISN : CLIENT_ISN + segment->port * 977u) +
		       segment->seq,
		.ack = (segment->from_server ? CLIENT_ISN + segment->port * 977u : SERVER_ISN) +
		       segment->ack,
		.payload_bytes = segment->length,
		.window = 500,
		.ip_id = scene->ip_id ? ++scene->ip_id : 0,
		.source_port = segment->from_server ? 80 : segment->port,
		.destination_port = segment->from_server ? segment->port : 80,
	};

	put_address(segment->from_server ? packet.destination : packet.source, 10, 0, 0, 1);
	put_address(segment->from_server ? packet.source : packet.destination, 10, 0, 0, 2);
	if (segment->flags & TCP_F_SYN) {
		packet.flags |= PACKET_F_MSS | PACKET_F_WSCALE | PACKET_F_SACK;
		packet.mss = 1460;
		packet.wscale = 7;
	}
	if (!(segment->flags & TCP_F_ACK))
		packet.ack = 0;
	if (segment->stamp && !(segment->flags & TCP_F_RST)) {
		packet.flags |= PACKET_F_TIMESTAMPS;
		packet.ts_value = segment->stamp;
		packet.ts_echo = segment->echo;
	}
	return packet;
}

/* The same segment on the other side of the box: side 1, which is nearer to the server. */
static inline void pass_box(const struct scene *scene, const struct segment *segment,
			    struct packet *packet)
{
	bool from = segment->from_server;

	packet->ttl -= scene->hops;
	if (scene->translate) {
		put_address(from ? packet->destination : packet->source, 192, 0, 2, 1);
		*(from ? &packet->destination_port : &packet->source_port) += 10000;
	}
	if (scene->rewrite[0])
		*(from ? &packet->ack : &packet->seq) += REWRITTEN;
	if (scene->rewrite[1])
		*(from ? &packet->seq : &packet->ack) += 3 * REWRITTEN;
	if (!(packet->tcp_flags & TCP_F_ACK))
		packet->ack = 0;
	if (scene->no_timestamps) {
		packet->flags &= ~PACKET_F_TIMESTAMPS;
		packet->ts_value = packet->ts_echo = 0;
	}
	if (scene->modulate && packet->ts_value)
		packet->ts_value += 1000000;
	if (scene->modulate && packet->ts_echo)
		packet->ts_echo += 1000000;
	if (scene->new_ip_ids)
		packet->ip_id += 777;
	if (scene->clamp && packet->mss)
		packet->mss = scene->clamp;
	if (scene->no_scale) {
		packet->flags &= ~PACKET_F_WSCALE;
		packet->wscale = 0;
	}
	if (scene->no_sack)
		packet->flags &= ~PACKET_F_SACK;
}

static inline __u64 scene_clock(const struct scene *scene, unsigned int side, __u64 ns)
{
	return side ? ns + scene->offset + (__s64)(scene->drift * (double)(ns - BEGIN)) : ns;
}

static inline void give(struct scene *scene, unsigned int side, struct packet packet, __u64 ns)
{
	__u8 bytes[80] = { 0 };

	memcpy(bytes + 1, scene->payload, sizeof(scene->payload));
	if (scene->spoil && side)
		bytes[3] ^= 1;
	packet.payload_at = packet.payload_bytes <= sizeof(scene->payload);
	compare_packet(scene->compare, side, &packet, bytes, sizeof(bytes),
		       scene_clock(scene, side, ns), ++scene->frame[side]);
}

/* Sends a segment that @where captures: side 0, side 1 or both; a millisecond after the last. */
static inline void send_at(struct scene *scene, unsigned int where, struct segment segment)
{
	struct packet near = segment_packet(scene, &segment), far = near;
	unsigned int client = scene->swapped;
	__u64 way_ns = scene->one_way_ns + scene->late_ns;
	__u64 first_ns = scene->ns, second_ns = scene->ns + way_ns;

	if (segment.from_server) {
		__u8 ttl = near.ttl;

		pass_box(scene, &segment, &far);
		near.ttl = far.ttl;
		far.ttl = ttl;
	} else {
		pass_box(scene, &segment, &far);
	}
	scene->late_ns = 0;
	scene->ns += way_ns + MS;
	if (segment.from_server) {
		if (where == BOTH || where == !client)
			give(scene, !client, far, first_ns);
		if (where == BOTH || where == client)
			give(scene, client, near, second_ns);
		return;
	}
	if (where == BOTH || where == client)
		give(scene, client, near, first_ns);
	if (where == BOTH || where == !client)
		give(scene, !client, far, second_ns);
}

#define SEND(scene, where, ...) send_at(scene, where, (struct segment){ __VA_ARGS__ })
#define SYN(p, s) .port = p, .flags = TCP_F_SYN, .stamp = s
#define SYN_ACK(p, s, e)                                                                      \
	.port = p, .from_server = true, .flags = TCP_F_SYN | TCP_F_ACK, .ack = 1, .stamp = s, \
	.echo = e
#define ACK(p, s, e) .port = p, .flags = TCP_F_ACK, .seq = 1, .ack = 1, .stamp = s, .echo = e

/* A connection of which both sides see everything: seven packets. */
static inline void healthy(struct scene *scene, __u16 port)
{
	__u32 stamp = port * 1000u;

	SEND(scene, BOTH, SYN(port, stamp));
	SEND(scene, BOTH, SYN_ACK(port, stamp + 7, stamp));
	SEND(scene, BOTH, ACK(port, stamp + 1, stamp + 7));
	SEND(scene, BOTH, .port = port, .flags = TCP_F_ACK, .seq = 1, .ack = 1, .length = 40,
	     .stamp = stamp + 2, .echo = stamp + 7);
	SEND(scene, BOTH, .port = port, .from_server = true, .flags = TCP_F_ACK, .seq = 1,
	     .ack = 41, .length = 30, .stamp = stamp + 9, .echo = stamp + 2);
	SEND(scene, BOTH, .port = port, .flags = TCP_F_ACK | TCP_F_FIN, .seq = 41, .ack = 31,
	     .stamp = stamp + 3, .echo = stamp + 9);
	SEND(scene, BOTH, .port = port, .from_server = true, .flags = TCP_F_ACK | TCP_F_FIN,
	     .seq = 31, .ack = 42, .stamp = stamp + 10, .echo = stamp + 3);
}

static inline int scene_setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));

	*scene = (struct scene){ .one_way_ns = MS / 2, .ns = BEGIN, .hops = 1, .ip_id = 100 };
	for (size_t i = 0; i < sizeof(scene->payload); i++)
		scene->payload[i] = (__u8)(i * 7 + 1);
	*state = scene;
	return compare_new(&scene->compare, 64);
}

static inline int scene_teardown(void **state)
{
	struct scene *scene = *state;

	compare_free(scene->compare);
	test_free(scene);
	return 0;
}

/* Ends the captures and judges the connection of this client port, on either side. */
static inline const struct comparison *judge(struct scene *scene, __u16 port)
{
	const struct compare_result *result;
	bool found = false;

	compare_finish(scene->compare);
	while ((result = compare_next(scene->compare))) {
		if (result->end[scene->swapped].port[0] != port &&
		    result->end[!scene->swapped].port[0] != port)
			continue;
		assert_false(found); /* one connection, one verdict */
		found = true;
		scene->result = *result;
		comparison_of(result, compare_clock(scene->compare), &scene->comparison);
	}
	assert_true(found);
	return &scene->comparison;
}

#define assert_verdict(comparison, wanted) \
	assert_string_equal(comparison_name((comparison)->id), comparison_name(wanted))

/* A connection of another port before and after: it tells clocks, order and what is captured. */
#define AROUND(scene, middle)           \
	do {                            \
		healthy(scene, 4000);   \
		middle;                 \
		healthy(scene, 4001);   \
		(scene)->ns += 5 * SEC; \
		healthy(scene, 4002);   \
	} while (0)

static inline void establish(struct scene *scene)
{
	SEND(scene, BOTH, SYN(5000, 1));
	SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
	SEND(scene, BOTH, ACK(5000, 2, 7));
}

static inline void data(struct scene *scene, unsigned int where, __u32 seq, __u32 length,
			__u32 stamp)
{
	SEND(scene, where, .port = 5000, .flags = TCP_F_ACK, .seq = seq, .ack = 1, .length = length,
	     .stamp = stamp, .echo = stamp ? 7 : 0);
}
