/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ends.h - the two ends of a packet, the same for both directions */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "event.h"
#include "util/hash.h"

/*
 * A packet is looked for by its ends in more than one table. They are put in order and hashed once,
 * and every table takes its bucket from that hash.
 */
struct ends {
	const __u8 *address[2]; /* the greater end first: by address, then by port */
	__u16 port[2];
	__u8 from; /* index of the sender */
	__u64 hash; /* every bit may choose a bucket */
};

/* The ends of a connection, in the order of struct ends, and which of them opened it. */
struct conn_ends {
	__u8 address[2][EVENT_ADDRESS_SIZE];
	__u16 port[2];
	__u8 client; /* index of the side that opened, or is taken for it */
	bool client_known; /* a SYN was seen, or its socket knows */
};

/* Of two ends in this order. */
static inline __u64 ends_hash(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port)
{
	__u64 words[4];

	memcpy(words, a, EVENT_ADDRESS_SIZE);
	memcpy(words + 2, b, EVENT_ADDRESS_SIZE);
	return hash_mix(hash_spread(words[0], words[1], words[2], words[3]),
			(__u64)a_port << 16 | b_port);
}

static inline bool end_is_less(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port)
{
	__u64 x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	if (x[0] != y[0])
		return __builtin_bswap64(x[0]) < __builtin_bswap64(y[0]);
	if (x[1] != y[1])
		return __builtin_bswap64(x[1]) < __builtin_bswap64(y[1]);
	return a_port <= b_port;
}

static inline struct ends ends_of(const __u8 *source, __u16 source_port, const __u8 *destination,
				  __u16 destination_port)
{
	bool less = end_is_less(source, source_port, destination, destination_port);
	const __u8 *first = less ? destination : source, *second = less ? source : destination;
	__u16 first_port = less ? destination_port : source_port;
	__u16 second_port = less ? source_port : destination_port;

	return (struct ends){
		.address = { first, second },
		.port = { first_port, second_port },
		.from = less,
		.hash = ends_hash(first, first_port, second, second_port),
	};
}

/* As of a packet that the socket itself sends. */
static inline struct ends ends_of_tuple(const struct event_tuple *tuple)
{
	return ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);
}
