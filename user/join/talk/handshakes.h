/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handshakes.h - TLS handshakes of this host's connections, by the few packets that are told live; private to join */
#pragma once

#include "join/core.h"
#include "join/talk/handshake.h"

/*
 * Theory of operation
 *
 * Live the kernel side tells of a ClientHello, a ServerHello and of alerts in clear, and of nothing
 * else of a TLS connection. They are put together here by the two ends of their packets and read by
 * the code that reads captures (handshake.h). What is not known is what stands between and behind
 * them: whether a side was content is told by what its socket counted (subject_handshake.c).
 *
 *     ClientHello ──► waits ── ServerHello ──► answered ──► forgotten when room is needed
 *                       │ └── alert ─► told                 (a connection that goes on well says no more)
 *                       └── join_limits.hello_ns ─► told of while it waits
 *
 * A handshake is kept until its place is needed: the oldest that was answered goes first. A further
 * ClientHello of the same connection (after a retry request) is of the same handshake.
 */

enum { HANDSHAKES_MAX = 2048, HANDSHAKE_SEEN = 3 };

/* Sides: .handshake.client is the client's index, whatever it is. */
struct live_handshake {
	struct handshake handshake; /* first */
	struct event_tuple tuple; /* of its packets, from the client's side */
	__u32 netns; /* where they were seen */
	__u64 cookie[2]; /* of the sockets that sent them, client first; 0: of another host, or none came */
	__u32 seq[2]; /* of the first byte that was told of, client first */
	bool begun[2];
	bool waits; /* private: in that queue */
	bool told; /* there was a verdict: it gets no other */
	__u32 number; /* tells it from those that had its place before */
	struct evidence seen[HANDSHAKE_SEEN]; /* direction: from the client's side */
	__u8 seen_count;
	TAILQ_ENTRY(live_handshake) by_age;
};

int handshakes_new(struct handshakes **out); /* 0 or -ENOMEM */
void handshakes_free(struct handshakes *handshakes);

/*
 * A packet that begins with TLS in clear: its handshake, which it may begin. NULL: it is no such
 * packet, or one of a connection whose ClientHello was not told of. @alerted: it is an alert that ended
 * the handshake.
 */
struct live_handshake *handshakes_packet(struct join *join, const struct event *event,
					 bool *alerted);

/* The next one that waits for its answer at @now_ns for too long, once each; NULL none. */
struct live_handshake *handshakes_late(struct join *join, __u64 now_ns);

/* The last one between these ends, in either direction; NULL none. */
struct live_handshake *handshakes_find(const struct join *join, const struct event_tuple *tuple);

struct handshake_ref handshakes_ref(const struct join *join,
				    const struct live_handshake *handshake);
struct live_handshake *handshakes_at(const struct join *join, struct handshake_ref ref); /* NULL */

/* From now on its client has that index. */
void handshakes_turn(struct live_handshake *handshake, __u8 client);
