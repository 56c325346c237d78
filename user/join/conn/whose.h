/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whose.h - whose a packet is: the processes at its ends, and the opening it belongs to */
#pragma once

#include <stdbool.h>

#include "event.h"

/*
 * Theory of operation
 *
 * A socket's owner is told once, when it is opened; its packets come much longer, also when its
 * attempt is over, and in namespaces where its ends are others. So owners are remembered by cookie,
 * and by oriented ends in each namespace, which the sender's cookie teaches (records.md, "Join").
 * Both tables are of a fixed size and forget by overwriting: who comes last to a place has it. They
 * stand beside the conns, because the packets that verdicts speak of are written when the stream comes a
 * second time (join_event_again()): whose they are is learned anew then, and the conns are those of its end.
 *
 * A verdict speaks of the packets of its attempt: of so many *spans*, each a pair of ends from one
 * time to another, or one frame of a capture. A packet's *mark* is what has to be kept of it to know later whether it is in
 * one: a verdict comes after its packets.
 */

struct event;

struct parties {
	const struct event_owner *sender; /* NULL: not known */
	const struct event_owner *receiver;
};

/* Of an ICMP error, what it quotes. */
struct packet_mark {
	__u64 ts_ns;
	__u64 frame; /* of a capture, 0 none */
	__u64 cookie; /* the sender's, 0 unknown */
	__u32 netns;
	__u32 seq;
	__u32 ack;
	__u16 source_port;
	__u16 destination_port;
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	bool tcp; /* .seq and .ack are known */
};

struct packet_span {
	struct event_tuple tuple;
	__u64 cookie;
	__u64 from_ns;
	__u64 until_ns;
	__u64 frame; /* of a capture: that one alone, taken at .from_ns; 0: by the ends */
	__u32 netns; /* in others a tuple is not unique: there .isn decides; 0: a capture knows none */
	__u32 isn;
	bool isn_known;
};

/* All zeros, but for its time and namespace, of an event without a packet that could be read. */
struct packet_mark packet_mark_of(const struct event *event);
bool packet_span_has(const struct packet_span *span, const struct packet_mark *mark);

/* The same for a span of two ends and for every packet in it, of both directions. */
__u64 packet_mark_hash(const struct packet_mark *mark);
__u64 packet_span_hash(const struct packet_span *span);
/* The same for a span of one frame and for that frame. */
__u64 packet_frame_hash(__u64 frame);
