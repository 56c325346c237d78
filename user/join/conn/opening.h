/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opening.h - what becomes of a connect(): a part of its conn until that is told; private to join */
#pragma once

#include "join/conn/conn.h"
#include "join/core.h"

/*
 * An opening is taken from a pool when a SYN, a call or a record of a socket in SYN_SENT tells of a
 * connect, and given back (*retired*) when its attempt was told. Its conn stays: what comes late of
 * it (the call's own return, a packet) finds the conn without an opening and is known to be late.
 *
 * This room knows no attempt. What one has to hear of an opening is *noted*, and the openings with
 * notes stand in a queue that join.c empties within the same record, before anybody is told of a
 * verdict. It has no bound of its own: an opening stands in it once, and leaves it when it is retired.
 */

#define OPENING_COPIES_OF 4 /* of so many last packets of an opening a copy is recognised */

/* The last packets of an opening of a capture, beside its slot: a live one needs no room for them. */
struct captured_last {
	struct copy_past past[OPENING_COPIES_OF]; /* of what is in no stream */
	__u32 past_next;
	bool spoke; /* the client sent data */
	__u64 seen_ns; /* the latest packet of the opening */
};

/* Of one record and one opening they are to be heard in this order. */
enum opening_note {
	NOTE_BEGUN = 1 << 0, /* by the owner of the news */
	NOTE_OWNER = 1 << 1, /* whose it is was learned later */
	NOTE_ESTABLISHED = 1 << 2,
	NOTE_SENT_AGAIN = 1 << 3, /* its SYN */
	NOTE_FAILED = 1 << 4,
	NOTE_UNSEEN = 1 << 5, /* it is over, and how it ended was not seen */
	NOTE_GOES_ON = 1 << 6, /* it had failed, and its client does not take that for the end */
};

struct opening_slot {
	struct opening opening; /* first: a struct opening * of ours is a slot */
	struct conn *conn;
	/* what is seen of it goes there: to .own, then to its attempt's; NULL: nobody waits for it */
	struct evidence_list *seen;
	struct evidence_list own;
	struct attempt_slot *attempt; /* the attempt's own mark; NULL: none has taken it */
	__u8 index; /* in its attempt */
	__u8 notes; /* private: enum opening_note, not heard yet */
	TAILQ_ENTRY(opening_slot) by_news;
};

/* Something more feeds it: its conn as well. */
static inline void opening_add_source(struct opening_slot *slot, enum source source)
{
	slot->conn->sources |= source;
	slot->opening.sources |= slot->conn->sources;
}

struct opening_news {
	struct opening_slot *slot;
	__u8 notes; /* enum opening_note */
	bool owner_known;
	const struct event_owner *owner; /* with NOTE_BEGUN and NOTE_OWNER */
};

/* Something seen on the way of a packet, before it is known whose it is. */
struct sighting {
	struct evidence evidence;
	__u8 source[EVENT_ADDRESS_SIZE]; /* of the packet, or of the one an ICMP error quotes */
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u16 source_port;
	__u16 destination_port;
	__u64 cookie; /* the sender's, 0 unknown */
	__u32 seq; /* of the packet (of the quoted one) */
	__u32 ts_value; /* RFC 7323, 0 none */
	__u32 ts_echo;
	bool seq_known;
	bool quoted; /* the addresses are those an ICMP error quotes */
	bool provoking; /* reset-sent, icmp-sent: the packet is the one that was answered */
	__u8 state; /* of the socket that acted (reset-sent), 0 none */
};

/* ---- sighting.c ---- */

void sighting_take(struct sighting *sighting, const struct event *event);
void sighting_take_full(struct sighting *sighting, const struct event *event); /* listen-full */
/* Fills in what the packet tells of itself. */
void sighting_note_packet(struct sighting *sighting, const struct packet *packet);

/* ---- openings.c: the pool ---- */

struct openings;

/* @room: openings at once. Returns 0 or -ENOMEM. */
int openings_new(struct openings **out, __u32 room);
void openings_free(struct openings *openings);

/* Places that are free; scarce: less than a sixteenth of all. A record takes at most one. */
size_t openings_left(const struct join *join);
bool openings_are_scarce(const struct join *join);
/* An opening of a new conn; NULL: none can be had. */
struct opening_slot *openings_take(struct join *join);
/* The same, as a part of @conn: one that it has is over, and waits to be told. NULL: none can be had. */
struct opening_slot *openings_take_for(struct join *join, struct conn *conn);
void openings_retire(struct join *join, struct opening_slot *slot);
/* Puts it into the queue of news. */
void openings_note(struct join *join, struct opening_slot *slot, enum opening_note note);
/* NOTE_BEGUN or NOTE_OWNER, one a record; @owner is copied. */
void openings_note_owner(struct join *join, struct opening_slot *slot, enum opening_note note,
			 const struct event_owner *owner, bool owner_known);
/* Takes the next one out of it, whose notes are heard with that. False: there is none. */
bool openings_news_next(struct join *join, struct opening_news *news);
/* It is over, and how it ended was not seen. @now_ns: when that is known. */
void openings_end_unseen(struct join *join, struct opening_slot *slot, __u64 now_ns);
void openings_let_go(struct opening_slot *slot); /* nobody waits for its end any more */
void openings_add_evidence(struct join *join, const struct opening_slot *slot,
			   const struct evidence *evidence);
/* The opening of a socket; NULL: it has none, or it was told. */
struct opening_slot *openings_by_cookie(struct join *join, __u64 cookie);
struct captured_last *openings_last(struct join *join, const struct opening_slot *slot);

/* A first flight is bounded by the window of the SYN, which is never scaled (RFC 7323 2.2). */
#define OPENING_FLIGHT 65535

/*
 * Does @ack answer a SYN of that number? With Fast Open it acknowledges what the SYN carried, too
 * (RFC 7413 3). Whoever asks this, of records or of frames, asks it here.
 */
static inline bool opening_is_acked(__u32 isn, __u32 ack)
{
	return ack - (isn + 1) <= OPENING_FLIGHT;
}

/* A plain ACK of what no SYN can have carried: the peer holds an older connection (RFC 9293 3.5.1). */
static inline bool opening_is_stale(__u32 isn, __u32 ack)
{
	enum { SYN_DATA_MOST = 1460 }; /* of Fast Open: one segment */

	return ack - (isn + 1) > SYN_DATA_MOST;
}

/* ---- opening.c: what the socket layer says ---- */

void opening_open(struct join *join, const struct event *event);
void opening_socket(struct join *join, const struct event *event);
void opening_syscall(struct join *join, const struct event *event);
void opening_snapshot(struct join *join, const struct event *event);
void opening_prove(struct opening_slot *slot, __u64 now_ns);
/* Fills what only the end can tell. */
void opening_see_whole(struct join *join, struct opening_slot *slot);
/* What was learned of the opening is what its conn is found by. */
void opening_set_ends(struct join *join, struct opening_slot *slot);
/* A SYN of it was seen: NAT of this machine may have given it other ends. */
void opening_note_translated(struct opening *opening, const struct sighting *sighting);
void opening_note_isn(struct opening_slot *slot, __u32 isn);

/* ---- standing.c: connections that stand ---- */

bool standing_is(__u8 state); /* the kernel's, of a full socket whose handshake is over */
/* That of a socket, a new one where none is known yet; NULL: there is no room, or no cookie. */
struct conn *standing_conn(struct join *join, __u64 cookie, __u32 netns);
void standing_accepted(struct join *join, const struct event *event); /* OPEN_ACCEPT */
void standing_snapshot(struct join *join, const struct event *event);

/* ---- strays.c ---- */

struct strays;

/* @room: sightings kept that have no opening yet. Returns 0 or -ENOMEM. */
int strays_new(struct strays **out, __u32 room);
void strays_free(struct strays *strays);
/* Keeps it, in the place of the oldest. @syn: it can be found by its sequence number, too. */
void strays_keep(struct strays *strays, const struct sighting *sighting, bool syn);
/* Walks, the newest first; others share their buckets. NULL at the end. */
struct sighting *strays_between(const struct strays *strays, const struct ends *ends);
struct sighting *strays_next_between(const struct strays *strays, const struct sighting *stray);
struct sighting *strays_of_isn(const struct strays *strays, __u32 isn);
struct sighting *strays_next_of_isn(const struct strays *strays, const struct sighting *stray);
/* Finds it no more; it can be read until another is kept. */
void strays_forget(struct strays *strays, const struct sighting *stray);

/* ---- wire.c: packets, drops, resets, ICMP ---- */

/* A client met the full accept queue of a listener. */
struct full_queue {
	struct evidence evidence; /* .count and .limit: of the queue */
	struct event_tuple tuple; /* from the listener's side */
	__u64 cookie; /* the listener's */
	__u32 isn; /* of the client's SYN */
	bool at_ack; /* the last segment of the handshake met it: the client believes it is connected */
};

/* What somebody else than an opening has to hear of. */
enum wire_heard {
	WIRE_NOTHING,
	WIRE_FULL, /* the listener: a queue is full */
	WIRE_KNOCK, /* a SYN of no opening that is known was dropped, or refused without a socket */
	WIRE_SYN, /* a SYN of no opening that is known came in */
	WIRE_UNFINISHED, /* the SYN/ACK for such a one was sent again */
};

/* @full, @sighting: filled for what is returned. */
enum wire_heard wire_event(struct join *join, const struct event *event, struct full_queue *full,
			   struct sighting *sighting);
/* Likewise; WIRE_UNFINISHED: @sighting is of the SYN. */
enum wire_heard wire_listener(struct join *join, const struct event *event, struct full_queue *full,
			      struct sighting *sighting);
void wire_find_strays(struct join *join, struct opening_slot *slot);
void wire_find_rewritten(struct join *join, struct opening_slot *slot);
void wire_note_full(struct join *join, struct opening_slot *slot, const struct evidence *evidence,
		    __u64 listener_cookie, bool at_ack);

void wire_note_icmp(struct icmp_seen *seen, const struct sighting *sighting);
void wire_note_drop(struct drop_seen *seen, const struct sighting *sighting);
/* Is it a drop whose reason the kernel calls so? */
bool wire_is_reason(const struct join *join, const struct sighting *sighting, const char *name);

/* ---- capture.c: openings from packets alone ---- */

/*
 * A segment. @conn: the one it belongs to, NULL: none yet; @look: of conns_of_packet(). Returns the
 * conn, which a SYN makes new; NULL: none yet.
 */
struct conn *capture_segment(struct join *join, const struct event *event, const struct ends *ends,
			     struct conn *conn, const struct stream_look *look);
/* An ICMP error about a segment: counts where the opening whose SYN it quotes still waits. */
void capture_quoted(struct join *join, const struct event *event);
void capture_see_whole(struct join *join, struct opening_slot *slot);
/* Lets go of an opening whose client must have given up. False: it, and any younger one, has not. */
bool capture_expire(struct join *join, struct opening_slot *slot, __u64 now_ns);
/* Lets go of the opening that waits the longest, to make room. False: none of the oldest waits. */
bool capture_end_oldest(struct join *join);
/* The capture ends: so does what was seen of the opening. Returns true, as capture_expire(). */
bool capture_over(struct join *join, struct opening_slot *slot, __u64 now_ns);
