/* SPDX-License-Identifier: GPL-2.0-or-later */
/* talk.h - who said what when on an established connection whose every packet comes, and how it ended */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"
#include "join/conn/conn.h"
#include "join/segment/stream.h"
#include "join/talk/handshake.h"

/*
 * Theory of operation
 *
 * A stream (stream.h) knows segments; a talk is what goes on above them: a chain of
 * *bursts*: what one side sends without a word from the other, without its FIN and without a pause.
 * Questions and answers are bursts that take turns; who sent the last burst may be waiting for an answer.
 *
 *     client  ████ request                      ██ request       ▌FIN
 *     server          ██████ answer                       (nothing)
 *             └ burst ┘└ burst ─────┘← idle →└ burst ┘← wait → end
 *
 * Only packets with payload, FIN or RST and those that are sent again are looked at: a pure
 * acknowledgment costs nothing, what it acknowledged stands in the stream. The connection is judged
 * once: at a reset, when both FINs were acknowledged, when its ports are used again, when it must
 * make room, or at the end of the capture. A connection that failed in its handshake is an opening's matter
 * (capture.c) and none here. What is judged of it is its outcome (outcome.h).
 */

/* Where a packet of the connection stands in the capture, and what it said. */
struct talk_mark {
	__u64 ts_ns; /* 0: there was none */
	__u64 frame;
	__u32 seq;
	__u32 ack;
	__u32 payload_bytes;
	__u16 window;
	__u8 tcp_flags;
	__u8 ttl;
};

struct talk_burst {
	__u64 first_ns;
	__u64 last_ns;
	__u64 idle_ns; /* since the last word of either side before it; 0: it is the first */
	__u32 end_seq; /* behind its last byte */
	__u32 bytes;
	__u8 side;
	__u8 kind; /* enum first_kind of its first bytes: a request that is owed an answer? */
	bool tls; /* begins with a record of TLS, of any type */
	bool leave; /* its last packet ends with what can only be an alert of TLS, or says goodbye */
};

/* What every packet with payload touches comes first, here and in struct talk. */
struct talk_side {
	struct talk_mark data; /* the last packet with payload that was not sent before */
	/* the first of the longest packets: whether it arrived is seen by .ack of the other side */
	__u32 longest_seq;
	__u32 longest_bytes;

	struct first first_word; /* what its first bytes are; behind an interim one, the next */
	bool interim; /* there was one */
	struct talk_mark first; /* the first packet with payload */
	struct talk_mark fin;
	struct talk_mark reset; /* the first that ends the connection */
	struct talk_mark again; /* the last that was sent again */
	struct talk_mark stray; /* the last far out of the window, which nobody took */
	__u32 stray_bytes; /* so far behind what the other side had acknowledged */

	/* what is sent again and again: */
	__u32 stuck_seq; /* where it begins */
	__u32 stuck_bytes; /* of payload, the longest one */
	__u32 stuck_count; /* sent again so often since it was acknowledged up to here; 0: not stuck */
	__u32 stuck_peer_packets; /* of the other side, at the first repetition */
	__u64 stuck_ns; /* the first repetition */

	/* the first hole in what it said: */
	__u32 hole_seq; /* where it begins */
	__u32 hole_bytes; /* 0: there was none */
	__u64 hole_ns; /* when what stands behind it came */

	__u32 probes; /* keep-alives since the other side was heard last */
	__u64 probes_ns; /* the first of them */
	__u32 probes_peer_packets;
	bool stuck_heard; /* the other side spoke between two repetitions of what is stuck */
};

/* An answer of HTTP/1 that has told how long it is. */
struct talk_answer {
	struct http_length length;
	__u32 body_seq; /* where its body begins */
	bool ended; /* .length.chunked: and this was the end */
	bool asked; /* by a request that was seen, and whose answer has a body */
	bool answered; /* and not only by an interim answer */
};

/* The client's last request to turn to TLS, or for a tunnel. */
struct talk_upgrade {
	__u8 kind; /* enum upgrade_kind */
	bool refused; /* and it has said nothing since but goodbye */
	struct upgrade_refusal refusal;
};

/* Behind the last byte that was said. */
static inline __u32 talk_data_end(const struct talk_side *side)
{
	return side->data.seq + side->data.payload_bytes;
}

enum { TALK_BURSTS = 2 };

/*
 * The last words before a close(). TLS: close_notify 24 (1.3) to 31 bytes (1.2), up to 69 with CBC;
 * HTTP/2's GOAWAY before it 39 and more.
 */
enum { TALK_GOODBYE_BYTES = 128 };

struct talk {
	const struct stream *stream;
	bool tls; /* private: it had a TLS handshake, of which there is one */
	struct handshake_ref handshake; /* private */
	__u32 bursts; /* so many in all */
	struct talk_burst burst[TALK_BURSTS]; /* the last ones: [0] is the last */
	struct talk_side side[2];

	struct talk_answer http; /* of the last request */
	struct talk_upgrade upgrade;
	struct talk_mark syn;
	struct talk_mark syn_ack; /* the last before the client acknowledged it */
	__u32 syn_acks_again; /* that came behind that */

	/* the longest time to an answer of the server whose host had acknowledged the question before */
	__u64 answer_ns;
	struct talk_mark asked;
	struct talk_mark answered;
	__u8 asked_class; /* enum first_kind */

	__u64 ended_ns; /* the last packet, or the end of the capture */
};

/* Its ends, seen from the client. */
void talk_tuple(const struct talk *talk, struct event_tuple *tuple);

/* What was seen of it, in the order of time, from the client's side. Returns how many. */
enum { TALK_EVIDENCE = 16 };
struct evidence; /* join.h */
size_t talk_evidence(const struct talk *talk, struct evidence *evidence);
