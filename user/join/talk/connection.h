/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connection.h - who said what when on an established connection of a capture, and how it ended */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"
#include "join/talk/handshake.h"
#include "join/segment/stream.h"

/*
 * Theory of operation
 *
 * A stream (stream.h) knows segments; a connection knows the talk above them. It is a chain of
 * *bursts*: what one side sends without a word from the other and without a pause. Questions and
 * answers are bursts that take turns; who sent the last burst may be waiting for an answer.
 *
 *     client  ████ request                      ██ request       ▌FIN
 *     server          ██████ answer                       (nothing)
 *             └ burst ┘└ burst ─────┘← idle →└ burst ┘← wait → end
 *
 * Only packets with payload, FIN or RST and those that are sent again are looked at: a pure
 * acknowledgment costs nothing, what it acknowledged stands in the stream. The connection is judged
 * once: at a reset, when both FINs were acknowledged, when its ports are used again, when it must
 * make room, or at the end of the capture. A connection that failed in its handshake is an opening's matter
 * (capture.c) and none here.
 */

/* Where a packet of the connection stands in the capture, and what it said. */
struct connection_mark {
	__u64 ts_ns; /* 0: there was none */
	__u64 frame;
	__u32 seq;
	__u32 ack;
	__u32 payload_bytes;
	__u16 window;
	__u8 tcp_flags;
	__u8 ttl;
};

struct connection_burst {
	__u64 first_ns;
	__u64 last_ns;
	__u64 idle_ns; /* since the last word of either side before it; 0: it is the first */
	__u32 end_seq; /* behind its last byte */
	__u32 bytes;
	__u8 side;
	__u8 kind; /* enum first_kind of its first bytes: a request that is owed an answer? */
	bool alert; /* its last packet ends with what can only be an alert of TLS */
};

/* What every packet with payload touches comes first, here and in struct connection. */
struct connection_side {
	struct connection_mark data; /* the last packet with payload that was not sent before */
	__u32 peer_packets; /* of the other side, at .data */
	/* the first of the longest packets: whether it arrived is seen by .ack of the other side */
	__u32 longest_seq;
	__u32 longest_bytes;

	struct first first_word; /* what its first bytes are */
	struct connection_mark first; /* the first packet with payload */
	struct connection_mark fin;
	struct connection_mark reset; /* the first that ends the connection */
	struct connection_mark again; /* the last that was sent again */

	/* what is sent again and again: */
	__u32 stuck_seq; /* where it begins */
	__u32 stuck_bytes; /* of payload, the longest one */
	__u32 stuck_count; /* sent again so often since it was acknowledged up to here; 0: not stuck */
	__u32 stuck_peer_packets; /* of the other side, at the first repetition */
	__u64 stuck_ns; /* the first repetition */

	__u32 probes; /* keep-alives since the other side was heard last */
	__u64 probes_ns; /* the first of them */
	__u32 probes_peer_packets;
};

enum { CONNECTION_BURSTS = 2 };

struct connection {
	const struct stream *stream;
	__u32 number; /* .stream->number, low bits: the slot is of another connection if it differs */
	bool begun; /* any packet of it was taken */
	bool told; /* judged, or an opening's matter */
	__u16 handshake; /* private: place of its TLS handshake in the pool, from 1; 0 none */
	__u32 bursts; /* so many in all */
	struct connection_burst burst[CONNECTION_BURSTS]; /* the last ones: [0] is the last */
	struct connection_side side[2];

	struct connection_mark syn;
	struct connection_mark syn_ack;

	/* the longest time to an answer of the server whose host had acknowledged the question before */
	__u64 answer_ns;
	struct connection_mark asked;
	struct connection_mark answered;
	__u8 asked_class; /* enum first_kind */

	__u64 ended_ns; /* the last packet, or the end of the capture */
};

/*
 * Who has the last word and gets no answer. A goodbye (a close_notify or a GOAWAY right before the
 * FIN) is not a last word: the burst before it is.
 */
struct connection_wait {
	__u8 side; /* who waits */
	__u64 since_ns; /* its last byte */
	__u64 until_ns; /* its FIN or RST, the other side's, or the end */
	__u64 idle_ns; /* before the burst */
	__u32 bytes; /* of the burst */
	__u8 kind; /* enum first_kind, of its first bytes */
	bool acked; /* the other host has acknowledged all of it */
};

/* False: nobody waits, the last burst was answered or nothing was said. */
bool connection_waits(const struct connection *connection, struct connection_wait *wait);

/* Bytes that @side sent and the other side is seen to have acknowledged. */
__u32 connection_acked_bytes(const struct connection *connection, int side);

/* Bytes that @side sent and that nobody acknowledged. */
__u32 connection_unacked_bytes(const struct connection *connection, int side);

/* @side sends the same again and again, and no byte of it was acknowledged to the end. */
bool connection_stuck(const struct connection *connection, int side);

/* @side has spoken after the other's FIN had arrived at its host. */
bool connection_spoke_after_fin(const struct connection *connection, int side);

/* @side's last word crossed the other's FIN: neither host had the other's packet when it sent. */
bool connection_crossed_fin(const struct connection *connection, int side);

/*
 * @side's last burst is a goodbye: short, and its FIN or RST follows at once, or it is an alert of
 * TLS, and the other side has closed or resets before @side can close.
 */
bool connection_said_goodbye(const struct connection *connection, int side);

/* Its ends, seen from the client. */
void connection_tuple(const struct connection *connection, struct event_tuple *tuple);

/* Both directions were captured. */
bool connection_two_sided(const struct connection *connection);

/* What was seen of it, in the order of time, from the client's side. Returns how many. */
enum { CONNECTION_EVIDENCE = 14 };
struct evidence; /* join.h */
size_t connection_evidence(const struct connection *connection, struct evidence *evidence);
