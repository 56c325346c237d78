/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn.h - the one table of TCP connections: whoever feeds it, a connection is one entry */
#pragma once

#include <sys/queue.h>

#include "join/segment/stream.h"
#include "join/source.h"

/*
 * Theory of operation
 *
 * A conn is one end of a TCP connection: a socket of this host, or, of a capture, the connection as
 * its client's end. A connection between two sockets of this host is two conns, each the other's
 * mirror; so is one of a capture whose ends both sent a SYN. What it holds itself is
 * who it is (cookie, namespace, ends) and what its opening came to; the parts hang on it while something feeds them:
 *
 *     opening   what becomes of connect(); from its SYN until that is told. A conn with one
 *               stands in the queue of openings and never has to make room
 *     flow      what its socket counted, under flows: begin, owner, figures, end. Those have a table of
 *               conns of their own: nobody is pushed out before his row was told
 *     stream    segment by segment, while every packet comes: of captures, under run. Packets are
 *               taken where the first of them was seen, in that namespace
 *     talk      who speaks and who waits, above the segments; and, of captures, its TLS handshake
 *
 * It is found by its socket's cookie, and by its two ends: those of its own, and those that NAT of
 * this machine was seen to give it (an alias). Of several with the same ends the newest comes first.
 *
 * Place: a slot that is free, one never used, the longest over; else the next that lives on without
 * an opening and was not seen again since it was last passed (second chance). Who has to leave so
 * can be had until the next one is added by conns_gone(). Whoever is over stays for a while, so that
 * what comes late is known to be late.
 *
 * Slots are allocated at once and touched only when used: memory follows the load. A look-up costs
 * the same however many there are: ends that were chosen to share a bucket make their oldest unfound.
 */

enum conn_queue {
	CONN_NOWHERE,
	CONN_OPENING,
	CONN_LIVING,
	CONN_SETTLING, /* it ended, and waits to be told */
	CONN_OVER,
	CONN_QUEUE_COUNT
};

struct attempt_slot;
struct conns;
struct opening_slot;
struct owners;
struct talk;
struct flow_entry;
struct conn_alias;

/* Place of a TLS handshake in its table (talk/handshakes.h), and which of those that had it. Zeros: none. */
struct handshake_ref {
	__u32 place; /* from 1 */
	__u32 number;
};

/* A reset of the peer as it passed: what it says beyond that the socket got one. */
struct peer_reset {
	__u32 ack; /* valid with .acks: up to there its host had heard */
	__u8 hops; /* its hop limit; 0: none was seen */
	__u8 usual_hops; /* .. that of the SYN/ACK; 0 not seen */
	bool acks;
};

struct conn {
	/* what the look-up of a packet reads */
	struct conn_ends ends;
	__u32 netns; /* of the socket; of one that is known by packets alone that of their hook */
	__u8 recent; /* private: seen again since it was passed */
	__u8 queue; /* private: enum conn_queue */
	__u8 sources; /* enum source */
	__u8 local; /* index of the end that is ours; of a capture the one that sent the SYN */
	bool isn_known;
	bool opened; /* it had an opening */
	bool watched; /* of a capture: no data was acknowledged yet, any packet may tell of .opening */
	bool failed; /* .. which failed, with .error, 0 none */
	bool error_returned; /* and the call that began it has returned that */
	bool before; /* it was open when the agent started */
	bool owner_by_file; /* .owner has it open: who opened it was not seen */
	bool accepted; /* a process was seen to */
	bool claimed; /* what is said on it was judged, or its opening or a lookup tells it */
	bool heard; /* its SYN/ACK was seen on the wire: so is what else comes to it */
	bool troubled; /* it had an attempt of its own when it stood, maybe told by now */
	bool told; /* .. of which there was a verdict: it gets no other */
	bool closed; /* its process closed it, and was judged by that: what follows is its end */
	__u16 said; /* private to said.c: where its words are, from 1; 0 none */
	bool unread; /* its process does not read: the cause of what its other end meets */
	struct stream *stream; /* NULL: its segments are not followed */
	struct talk *talk; /* what is said on it; NULL: nothing yet, nobody asks, or it was judged */
	struct opening_slot *opening; /* NULL: none, or it was told */
	struct flow_entry *flow; /* NULL: its socket's figures are not told */
	struct attempt_slot *attempt; /* about it as it stands; NULL while nothing notable happens */
	__u32 stream_netns; /* where its packets are taken */
	__u32 isn; /* the first sequence number of .local, valid with .isn_known */
	__u32 peer_isn; /* of the other end, valid with .heard */
	struct peer_reset reset;
	__u32 read_bytes; /* its process had read when it ended; with .unread_bytes, which are not 0 */
	__u32 unread_bytes;
	bool unaccepted; /* no process ever had it, and it ended with its listener */
	__s32 error;
	__u32 owner; /* of whom it was told when no opening is left to say it; owner.h, 0 unknown */
	__u64 established_ns; /* the handshake of its opening was over; 0 not seen */
	__u64 look; /* the last look at all sockets that told of it, by its number */
	__u64 cookie; /* 0 unknown */
	TAILQ_ENTRY(conn) by_age;
	struct conn_alias *alias; /* NULL: its packets pass with no other ends */
	struct conn *mirror; /* the other end, where both have a conn: conns_mirror() */
};

enum { CONNS_STREAMS = 1 << 0 }; /* their segments are followed */

/*
 * @room: conns held at once, at least 16 are. @parts: CONNS_*. @owners: where theirs are kept, NULL
 * where none is told. Returns 0 or -ENOMEM.
 */
int conns_new(struct conns **out, __u32 room, unsigned int parts, struct owners *owners);
void conns_free(struct conns *conns);
__u32 conns_slots(const struct conns *conns); /* indices are below; with room for who leaves */

/* A new one, alive and not to be found yet; NULL: every one has an opening. */
struct conn *conns_add(struct conns *conns);
/* The same in the slot that is kept for who leaves: nobody does. NULL: it is taken. */
struct conn *conns_add_beside(struct conns *conns);
/* The one that had to leave for the last that was added; NULL none. Until the next is added. */
struct conn *conns_gone(const struct conns *conns);
void conns_settle(struct conns *conns); /* that one was seen to: forgets it */
/* Takes it away at once: nothing late can come of it, or nobody would care. */
void conns_remove(struct conns *conns, struct conn *conn);
/* Its part in the order of leaving: see above. */
void conns_move(struct conns *conns, struct conn *conn, enum conn_queue queue);
/* The oldest of a queue, and the one behind another. NULL none. */
struct conn *conns_first(const struct conns *conns, enum conn_queue queue);
struct conn *conns_next(const struct conn *conn);

/* Walks the slots that were ever used, in no order; @index from 0. NULL at the end. */
struct conn *conns_at(const struct conns *conns, __u32 index);
__u32 conns_index(const struct conns *conns, const struct conn *conn);

/* ---- found by its cookie, the newest generation ---- */

void conns_set_cookie(struct conns *conns, struct conn *conn, __u64 cookie);
struct conn *conns_by_cookie(const struct conns *conns, __u64 cookie);

/* Whose it is, in place of whom it was; kept until it leaves. NULL: nobody is known. */
void conns_set_owner(struct conns *conns, struct conn *conn, const struct event_owner *owner);
const struct event_owner *conns_owner(const struct conns *conns, const struct conn *conn);

/* ---- found by its ends ---- */

/* From now on it is found by these ends. @ends->from: the side that is ours. */
void conns_set_ends(struct conns *conns, struct conn *conn, const struct ends *ends);
/* The same, beside its own; the last ones count. @ends->from: the side that is ours. */
void conns_set_alias(struct conns *conns, struct conn *conn, const struct ends *ends);
bool conns_has_ends(const struct conn *conn, const struct ends *ends); /* in either direction */
void conns_unlink(struct conns *conns, struct conn *conn); /* found by its ends no more */
bool conns_is_linked(const struct conns *conns, const struct conn *conn); /* it is found by them */

/*
 * A walk over those whose packets pass from @ends->from to the other side: with ends of their own,
 * the newest first, then with an alias.
 */
struct conns_walk {
	const struct ends *ends;
	__u32 next, next_alias; /* of hash.h */
};
struct conns_walk conns_walk(const struct conns *conns, const struct ends *ends);
struct conn *conns_walk_next(const struct conns *conns, struct conns_walk *walk);

/* The first of such a walk: whose a packet with these ends is. NULL none. */
struct conn *conns_sender(const struct conns *conns, const struct ends *ends);

/*
 * The other end of @conn where that is a socket of this host, too, and is known; NULL else. @ends: of its
 * socket, by which the two find each other once, when this is asked first: until one of both leaves
 * no later connection between the same ends is taken for it. @conn may be NULL: it had to leave.
 */
struct conn *conns_mirror(const struct conns *conns, struct conn *conn, const struct ends *ends);
/* From now on each is the other's mirror. */
void conns_pair(struct conn *conn, struct conn *mirror);

/* The newest with these ends in either direction whose packets are taken in @netns; NULL none. */
struct conn *conns_find(const struct conns *conns, const struct ends *ends, __u32 netns);

/* ---- segments ---- */

/* An ICMP error that says of a segment, quoted in it, that it is too big for the way on. */
void conns_narrowed(struct conns *conns, const struct packet *packet, __u32 netns);

/*
 * The one whose segments a packet with these ends belongs to in @netns. A SYN that begins another
 * connection makes the one before unfound: @look->replaced, and @look->flags says so. @look: zeros;
 * .from is set.
 */
struct conn *conns_of_packet(struct conns *conns, const struct packet *packet,
			     const struct ends *ends, __u32 netns, struct stream_look *look);

/* A new one that a packet with these ends tells of. */
struct conn *conns_add_packet(struct conns *conns, const struct ends *ends, __u32 netns);

/* From this packet on the segments of @conn are followed, as they pass in @netns. */
void conns_follow(struct conns *conns, struct conn *conn, __u32 netns, __u64 ts_ns, __u64 frame);

/* Takes one segment of @conn. @look: of conns_of_packet(). */
static inline void conns_take_packet(struct conns *conns, struct conn *conn,
				     const struct packet *packet, __u32 netns, __u64 ts_ns,
				     __u64 frame, struct stream_look *look)
{
	if (!conn->stream)
		conns_follow(conns, conn, netns, ts_ns, frame);
	stream_take(conn->stream, &conn->ends, packet, ts_ns, frame, look);
}

/*
 * One packet where nothing but segments is known: all of the above. @frame: its number in the
 * capture, 0 unknown. @netns: 0 in a capture.
 */
struct stream_look conns_packet(struct conns *conns, const struct packet *packet, __u64 ts_ns,
				__u64 frame, __u32 netns);

struct conn *conns_of_stream(const struct conns *conns, const struct stream *stream);
__u32 conns_held(const struct conns *conns); /* that have a slot now */
__u32 conns_room(const struct conns *conns); /* slots */
__u64 conns_streams_seen(const struct conns *conns); /* connections followed, since the start */
__u64 conns_streams_evicted(const struct conns *conns); /* .. that had to make room */
