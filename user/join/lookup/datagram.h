/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagram.h - what UDP tells beside lookups, and the ICMP errors about it; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int datagrams_new(struct datagrams **out);
void datagrams_free(struct datagrams *datagrams);

void datagram_event(struct join *join, const struct event *event);
void datagram_quoted(struct join *join, const struct event *event);
void datagram_run_timers(struct join *join, __u64 now_ns);
void datagram_finish(struct join *join);

/* ---- datagram_live.c: of this host's sockets ---- */

struct lookup_slot;

/* What a record says of a datagram. */
struct datagram_trouble {
	__u8 about; /* enum lookup_about */
	__u64 cookie; /* 0 unknown */
	__u32 netns; /* of the socket, else of the hook */
	const struct event_tuple *tuple;
};

struct lookup_slot *datagram_find(struct join *join, const struct datagram_trouble *trouble);
/* A slot that waits for what else is to be known. @asker: 0 none. NULL: there is no room. */
struct lookup_slot *datagram_begin(struct join *join, const struct event *event,
				   const struct datagram_trouble *trouble, __u64 asker);
/* Counts one more in @slot; begins it where that is NULL. */
struct lookup_slot *datagram_once_more(struct join *join, const struct event *event,
				       struct lookup_slot *slot,
				       const struct datagram_trouble *trouble, __u64 asker);
/* @cookie: 0 unknown; @owner: NULL unknown. */
void datagram_set_owner(struct join *join, struct lookup_slot *slot, __u64 cookie, __u32 netns,
			const struct event_owner *owner);
/* Nobody is asked for the holder of a socket that would not be told of. */
void datagram_want_owner(struct join *join, struct lookup_slot *slot);

void datagram_live_quoted(struct join *join, const struct event *event); /* an ICMP error */
bool datagram_error(struct join *join, const struct event *event); /* false: not of UDP */
void datagram_send(struct join *join, const struct event *event); /* a send failed */
bool datagram_drop(struct join *join, const struct event *event); /* likewise */
void datagram_owner(struct join *join, const struct event *event); /* who holds a UDP socket */
/* Ends a waiting one: it is told, or, where it is of nobody of this host, forgotten. */
void datagram_tell_live(struct join *join, struct lookup_slot *slot, __u64 now_ns);
void datagram_live_run_timers(struct join *join, __u64 now_ns);

/* ---- datagram_send.c: that were not let go ---- */

void datagram_not_sent(struct join *join, const struct event *event); /* as a call says */
void datagram_drop_out(struct join *join, const struct event *event); /* as a drop says */
bool datagram_was_met(const struct join *join, __u64 cookie); /* by an ICMP error, of late */
void datagram_note_met(struct join *join, __u64 cookie);
/* @asker turned to a name server at @address, and its query was seen to leave. */
void datagram_query_begun(struct join *join, __u64 asker, const __u8 *address);
void datagram_query_sent(struct join *join, __u64 asker);

/* A process connects to an address over TCP: what it had asked the route to it was no lookup. */
void datagram_connected(struct join *join, const struct event_owner *owner, const __u8 *address);

/* ---- datagram_reply.c: what nobody answered, or somebody else ---- */

void datagram_unanswered(struct join *join, const struct event *event); /* it asked again */
void datagram_refused(struct join *join, const struct event *event); /* ICMP port unreachable */
void datagram_look(struct join *join, const struct event *event); /* what a UDP socket shows */
/* Something came of it, or an ICMP error. @cookie: 0 is none. */
void datagram_forget_unanswered(struct join *join, __u64 cookie);
void datagram_forget_asked(struct join *join, const struct event_tuple *tuple);
__u64 datagram_reply_deadline(const struct lookup_slot *slot);
