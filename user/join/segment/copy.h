/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy.h - packets that were captured twice: the one place that says so */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"

struct stream_look;
struct stream_side;

/*
 * A mirror port or a capture on "any" holds packets twice or more. A host that sends something
 * again gives it another IP identification, so that the same one with the same content is a copy,
 * whichever way the clock runs; of a sender whose identifications were not seen to change yet only
 * within 10 ms. Not for ever: some send what a timer repeats as it was, and no
 * timer takes less than 200 ms. RFC 6864 4.3 lets an identification be 0 in an atomic datagram,
 * some stacks never change it, and IPv6 has none: then only what follows its twin at once is a
 * copy. The TTL may differ: a router may stand between both.
 */

enum { COPIES_OF_SEGMENTS = 16 }; /* so many last segments of a side are known */

/* The last segments of a side. */
struct copy_segments {
	struct {
		__u32 seq;
		__u32 when; /* in units of 1024 ns */
		__u16 ip_id;
		__u16 print; /* of the rest but the TTL; bit 0: has payload */
	} last[COPIES_OF_SEGMENTS];
	__u32 count;
	__u32 seq; /* of the last one */
	__u16 ip_id;
	bool changes; /* two segments had different identifications */
	bool constant; /* two different segments had one identification: they say nothing */
};

/*
 * Compares a segment that @from sent with those before it: .copy, .alike and .sent of @look,
 * which are false so far. It is remembered if it is no copy.
 */
void copy_of_segment(struct stream_side *from, const struct stream_side *to,
		     const struct packet *packet, __u64 ts_ns, struct stream_look *look);

/* A packet that is no segment of a stream. */
struct copy_past {
	__u64 ts_ns;
	__u32 print; /* of what tells it from every other packet but its copies */
};

/*
 * Is the packet of @event a copy of one of the last @count? If not, it is remembered, where @next
 * says (from 0, wraps).
 */
bool copy_of_packet(struct copy_past *past, __u32 count, __u32 *next, const struct event *event);
