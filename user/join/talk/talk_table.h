/* SPDX-License-Identifier: GPL-2.0-or-later */
/* talk_table.h - what is said on connections: the parts of conns above their segments; private to join */
#pragma once

#include "join/conn/conn.h"
#include "join/core.h"
#include "join/talk/talk.h"

/* Of captures, and of what run follows: what every packet says is known there. */
struct talks {
	struct talk *slots; /* as many as conns: those that are over give theirs to the next */
	__u32 *free; /* the last that was given back on top: it is still in the CPU's cache */
	__u32 room;
	__u32 touched; /* slots that were ever used */
	__u32 free_count;
	__u32 finished; /* at the end of the capture: so many conns were looked at */
};

/* talks.c */
int talks_new(struct talks **out, const struct conns *conns); /* 0 or -ENOMEM */
void talks_free(struct talks *talks);
/* A new one, zeros. NULL: none is left, because conns left with theirs for what is no frame. */
struct talk *talks_take(struct talks *talks);
/* It was told, or nobody will: the next has its place. */
void talks_give_back(struct talks *talks, const struct talk *talk);

/*
 * talk.c: each returns what was said on the connection that is over with it and to be judged, NULL none. Whoever
 * gets it gives it back.
 */
/* @conn: it had to leave the table for the last frame, or lost its ports to it. */
const struct talk *talk_leave(struct join *join, struct conn *conn);
/*
 * A packet on @conn, and what it was there. @alert: is NULL; set to the side whose alert of TLS ended in the
 * packet, valid until the next record.
 */
const struct talk *talk_packet(struct join *join, struct conn *conn, const struct event *event,
			       const struct stream_look *look, const struct tls_side **alert);
/* The capture is over: the next one that was still open. */
const struct talk *talk_finish_next(struct join *join);

/* handshake_frames.c */
/* Does its payload hold a ClientHello where a client may turn to TLS? */
bool handshake_turns(const struct event *event);
/*
 * The first packet of a side that has payload, or one of the client that turns to TLS: may begin the
 * handshake.
 */
void handshake_begin(struct join *join, struct talk *talk, const struct stream *stream,
		     const struct event *event, __u8 from);
/* A packet with payload, of a connection that has one. Returns the side whose alert ended in it, NULL none. */
const struct tls_side *handshake_packet(struct join *join, struct talk *talk,
					const struct stream *stream, const struct event *event,
					__u8 from);
/* That of a connection which did not come to its end; NULL: it did, or there was none. */
const struct handshake *handshake_of(const struct join *join, const struct talk *talk);
/* Its connection was judged: its place is another's from the next record on. */
void handshake_over(struct join *join, const struct talk *talk);
