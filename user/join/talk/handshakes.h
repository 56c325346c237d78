/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handshakes.h - the table of TLS handshakes that did not come to their end; private to join */
#pragma once

#include "join/core.h"
#include "join/talk/handshake.h"

/*
 * Theory of operation
 *
 * A handshake has a place here from its first packet until it is known to have come to its end, or its
 * connection was judged, or others need the place. Two feed it, and what they feed is one state
 * (handshake.h):
 *
 *     handshake_frames.c    of a capture: every packet, placed by the numbers of its stream. The talk
 *                           on the connection has its handshake's ref
 *     handshake_notable.c   live: a ClientHello, a ServerHello and alerts in clear, and nothing else of
 *                           the connection. They are put together by the two ends of their packets
 *
 * What live is not known is what stands between and behind those: whether a side was content is told
 * by what its socket counted (subject_handshake.c).
 *
 *     ClientHello ──► waits ── ServerHello ──► answered ──► forgotten when room is needed
 *                       │ └── alert ─► told                 (a connection that goes on well says no more)
 *                       └── join_limits.hello_ns ─► told of while it waits
 *
 * A further ClientHello of the same connection (after a retry request) is of the same handshake.
 */

enum {
	HANDSHAKES_MAX = 4096,
	HANDSHAKES_NOTABLE_MAX = 2048, /* where nobody sees them come to their end */
	HANDSHAKE_SEEN = 3
};

/* In the order in which they make room, the oldest of each first. */
enum handshake_line {
	HANDSHAKE_FREE, /* of a capture: it came to its end, or its connection was judged */
	HANDSHAKE_KEPT, /* live: it has its answer, or was told of */
	HANDSHAKE_OPEN, /* of a capture: it may still come to its end */
	HANDSHAKE_WAITS, /* live: for its answer */
	HANDSHAKE_LINES
};

struct handshake_slot {
	struct handshake handshake; /* first */
	__u32 number; /* tells it from those that had its place before */
	__u8 line; /* private: enum handshake_line */
	bool told; /* live: there was a verdict: it gets no other */
	__u64 over_record; /* judged with that record: may be taken with the next; 0 not yet */
	TAILQ_ENTRY(handshake_slot) by_age;

	/* live. Sides: .handshake.client is the client's index, whatever it is */
	struct event_tuple tuple; /* of its packets, from the client's side */
	__u32 netns; /* where they were seen */
	__u64 cookie[2]; /* of the sockets that sent them, client first; 0: of another host, or none came */
	__u32 seq[2]; /* of the first byte that was told of, client first */
	bool begun[2];
	struct evidence seen[HANDSHAKE_SEEN]; /* direction: from the client's side */
	__u8 seen_count;
};

/* ---- handshakes.c: the table ---- */

int handshakes_new(struct handshakes **out); /* 0 or -ENOMEM */
void handshakes_free(struct handshakes *handshakes);

/*
 * A place for a new one, zeros but for its number, in @line; at most @most are held. @before: whose
 * place it gets, NULL whosever. NULL: what has the places is being judged.
 */
struct handshake_slot *handshakes_take(struct join *join, enum handshake_line line, __u32 most,
				       struct handshake_slot *before);
void handshakes_move(struct join *join, struct handshake_slot *slot, enum handshake_line line);
struct handshake_slot *handshakes_first(const struct join *join,
					enum handshake_line line); /* NULL */

struct handshake_ref handshakes_ref(const struct join *join, const struct handshake_slot *slot);
/* NULL: there is none, or its place is another's by now. */
struct handshake_slot *handshakes_at(const struct join *join, struct handshake_ref ref);

/* From now on it is found by these ends, which .tuple has. */
void handshakes_link(struct join *join, struct handshake_slot *slot, const struct ends *ends);
/* The last one between these ends, in either direction; NULL none. */
struct handshake_slot *handshakes_find(const struct join *join, const struct ends *ends);
/* The oldest where too many are found together with such ends; NULL: they are not. */
struct handshake_slot *handshakes_crowded(const struct join *join, const struct ends *ends);
bool handshake_slot_is_client(const struct handshake_slot *slot, const struct ends *ends, __u8 end);

/* ---- handshake_notable.c: the few packets that are told live ---- */

/*
 * A packet that begins with TLS in clear: its handshake, which it may begin. NULL: it is no such
 * packet, or one of a connection whose ClientHello was not told of. @alerted: it is an alert that ended
 * the handshake.
 */
struct handshake_slot *handshakes_packet(struct join *join, const struct event *event,
					 bool *alerted);

/* The next one that waits for its answer at @now_ns for too long, once each; NULL none. */
struct handshake_slot *handshakes_late(struct join *join, __u64 now_ns);
