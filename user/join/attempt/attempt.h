/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attempt.h - the table of attempts, private to join */
#pragma once

#include "join/core.h"

#define ATTEMPT_FALLBACK_LOOKS 16 /* attempts of a process looked at for a further opening */
/* Of an episode, kept to see whether they are openings of this machine. */
#define ATTEMPT_CLIENTS_MAX 4
/* Clients that ask for ports nobody has: so many at once are followed, and so many ports of each. */
#define ATTEMPT_STRANGERS_MAX 64
#define ATTEMPT_PORTS_MAX 8

enum timer {
	TIMER_NONE,
	TIMER_SETTLE,
	TIMER_PROVEN,
	TIMER_BIND,
	TIMER_EPISODE,
	TIMER_KNOCK,
	TIMER_STALLED,
	TIMER_WISH, /* a lookup, for a connect to what it gave */
	TIMER_HEARD, /* of a reset: whether the process closes without having heard of it */
	TIMER_REFUSED, /* of a capture: whether its client sends the SYN again */
	TIMER_COUNT
};

struct client {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u32 isn;
	__u32 count; /* knock: SYNs of that address */
	__u16 port;
};

/* An episode of a listener, with what is private of it. */
struct episode {
	struct overflow overflow;
	struct listener listener; /* a copy: its slot may be another's when this is told */
	struct client clients[ATTEMPT_CLIENTS_MAX];
	__u32 clients_count;
};

/* Clients that are not let in, with what is private of them. */
struct knocking {
	struct knock knock;
	struct listener listener; /* a copy */
	struct client clients[ATTEMPT_CLIENTS_MAX];
	__u16 ports[ATTEMPT_PORTS_MAX]; /* .knock.ports of them */
	bool stranger; /* one client, whose ports nobody has */
};

/* What only some subjects need stands beside their slots: most never touch that. */
union attempt_extra {
	struct failed_call failed;
	struct episode episode;
	struct knocking knocking;
	struct standing standing;
	struct kept kept;
};

/* Who wishes: of a process its owner's, of a capture numbers that tell clients apart. */
struct wisher {
	__u64 start_ns;
	__u32 tgid;
	__u32 tid;
};

struct attempt_slot {
	struct attempt attempt; /* first: a struct attempt * of ours is a slot */
	struct wisher wisher;
	TAILQ_ENTRY(attempt_slot) by_timer;
	TAILQ_ENTRY(attempt_slot) by_due;
	__u64 deadline_ns;
	__u64 last_failure_ns;
	__u64 last_begin_ns;
	__u8 timer; /* enum timer */
	bool used;
	bool retried; /* bind: the process asked for the same port again */
	bool is_due;
	__u32 live; /* openings that are still connecting */
	struct attempt_slot
		*lookup_slot; /* of a connect: its lookup, if it still has that id; NULL none */
	__u64 lookup_id;
	struct evidence_list seen;
};

TAILQ_HEAD(attempt_queue, attempt_slot);

#define PROXIES_KEPT 32 /* of those that were told last */

/*
 * What a process had in its environment when it was begun stays true, and who waited in vain is gone when its
 * attempt is judged for good.
 */
struct proxies_kept {
	struct ev_fact fact[PROXIES_KEPT];
	size_t next;
};

struct attempt_facts { /* of one attempt at a time */
	struct ev_fact fact[JOIN_FACTS_MAX];
	__u32 netns[JOIN_FACTS_MAX];
	size_t count;
	__u64 request;
	bool whole; /* the last one has come */
};

struct attempt_table {
	struct attempt_slot *slots;
	union attempt_extra *extra; /* beside .slots */
	struct attempt_slot **free;
	size_t free_count;
	size_t touched;
	size_t room;
	size_t strangers; /* knocks of those */
	/* by the owner and port of a connect, the call of a process, the listener of an episode */
	struct hash by;
	struct hash undecided; /* by process and family: failed calls, see subject_call.c */
	struct attempt_queue timers[TIMER_COUNT]; /* each in the order of deadlines */
	struct attempt_queue due;
	struct attempt_facts facts;
	struct proxies_kept proxies;
};

/* ---- attempts.c: the table ---- */

/* Returns 0 or -ENOMEM. */
int attempt_table_new(struct attempt_table **out, size_t room);
void attempt_table_free(struct attempt_table *table);

/*
 * A slot for a new attempt, with its id; NULL: none is free, and that was counted. @owner: NULL of
 * nobody.
 */
struct attempt_slot *attempt_take(struct join *join, const struct subject *subject,
				  const struct event_owner *owner, bool owner_known, __u32 netns,
				  __u64 cookie, __u64 started_ns);
/* Nobody's, of a capture or of the host; the two numbers only make the id. */
struct attempt_slot *attempt_take_nobodys(struct join *join, const struct subject *subject,
					  __u64 first, __u64 second, __u64 started_ns);
/* Whose it is; not @known: the owner's numbers only tell those who wish apart. */
void attempt_set_owner(struct join *join, struct attempt_slot *slot,
		       const struct event_owner *owner, bool known);
union attempt_extra *attempt_extra(struct join *join, const struct attempt_slot *slot);
/* A slot is found by one key at a time, until it is released. */
void attempt_set_key(struct join *join, struct attempt_slot *slot, __u64 key);
/* Those that may have this key, the youngest first. NULL at the end. */
struct attempt_slot *attempt_first(const struct join *join, __u64 key);
struct attempt_slot *attempt_next(const struct join *join, const struct attempt_slot *slot);
void attempt_set_timer(struct join *join, struct attempt_slot *slot, enum timer timer,
		       __u64 deadline_ns);
void attempt_judge(struct join *join, struct attempt_slot *slot, __u64 now_ns); /* it is final */
void attempt_release(struct join *join, struct attempt_slot *slot); /* and its openings */
void attempt_tell_pending(struct join *join, struct attempt_slot *slot, __u64 now_ns); /* once */

/* What has become of an opening; that may end it, and others of its attempt. @now_ns: the record's */
void attempt_opening(struct join *join, const struct opening_news *news, __u64 now_ns);
/* No more is to come of it: its attempt is given up with all its openings, or it waits to be told. */
void attempt_give_up(struct join *join, struct opening_slot *opening);
void attempt_call(struct join *join, const struct event *event); /* bind, listen */
void attempt_starved(struct join *join, const struct event *event); /* socket, accept */
void attempt_unix(struct join *join, const struct event *event); /* connect, to a Unix socket */
void attempt_later_open(struct join *join, const struct event *event);
void attempt_overflow(struct join *join, const struct full_queue *full);
/* The connection that a client of that @tuple's local side turned out to be; NULL: none of this machine. */
const struct conn *attempt_client_conn(const struct join *join, const struct client *client,
				       const struct event_tuple *tuple);
struct sighting;
/* subject_knock.c: a SYN that came in, and was dropped, or refused without a socket. */
void attempt_knock(struct join *join, const struct sighting *sighting);
/* A SYN/ACK that was sent again: @sighting is of the SYN. */
void attempt_unfinished(struct join *join, const struct event *event,
			const struct sighting *sighting);
void attempt_knock_due(struct join *join, struct attempt_slot *slot, __u64 now_ns);
bool attempt_lookup(struct join *join, struct lookup_slot *lookup); /* judges it now */
void attempt_lookup_early(struct join *join, struct lookup_slot *lookup); /* while it waits */
void attempt_judge_early(struct join *join, struct attempt_slot *slot, __u64 now_ns);
void attempt_talk(struct join *join, const struct talk *talk); /* likewise */
/* Likewise; false: no slot was free. */
bool attempt_claims(struct join *join, const struct address_claims *claims);
void attempt_gauge(struct join *join, const struct event *event); /* subject_gauge.c */
/* wish.c: a lookup that worked slowly waits; a connect begins, and it is over. */
void wish_wait(struct join *join, struct attempt_slot *slot);
void wish_begin(struct join *join, struct attempt_slot *slot, const struct opening *opening);
void wish_end(struct join *join, struct attempt_slot *slot);
/* Whose connection it is, as its opening or what is left of that says; NULL: nobody knows. */
const struct event_owner *attempt_conn_owner(const struct join *join, const struct conn *conn);
/* subject_standing.c: a record of the socket of a connection that stands; a reset it sent, a drop. */
void attempt_standing(struct join *join, const struct event *event);
void attempt_standing_act(struct join *join, const struct event *event);
/* standing_outcome.c */
struct outcome;
void standing_outcome(const struct join *join, const struct attempt *attempt,
		      struct outcome *outcome);
bool standing_by_packets(const struct join *join, const struct attempt *attempt,
			 struct outcome *outcome);
/* subject_pipe.c: its process wrote to it and got EPIPE; or it closes, and never took the error */
void attempt_standing_pipe(struct join *join, const struct event *event);
void attempt_standing_unheard(struct join *join, const struct event *event);
/* What a look at all sockets found of one, and that the look is over. */
void attempt_look(struct join *join, const struct event *event);
void attempt_look_over(struct join *join, __u64 now_ns);
bool attempt_kept(struct join *join, const struct kept *kept); /* false: no slot was free */
/* What hung goes on; @unseen: that was not seen. */
void attempt_go_on(struct join *join, struct attempt_slot *slot, __u64 now_ns, bool unseen);
/* The attempt about a connection that stands, a new one where none is yet; NULL: there is no room. */
struct attempt_slot *attempt_of_standing(struct join *join, __u32 netns, __u64 cookie,
					 const struct event_tuple *tuple, __u64 now_ns);
/* subject_handshake.c: its TLS handshake. */
struct handshake_slot;
/* That of the connection which this record of a socket ends; NULL none. */
struct handshake_slot *attempt_handshake_of(const struct join *join, const struct event *event);
void attempt_take_handshake(struct join *join, struct attempt_slot *slot,
			    struct handshake_slot *handshake); /* the attempt has it, once */
void attempt_handshake(struct join *join, const struct event *event); /* a packet */
void attempt_handshakes_late(struct join *join, __u64 now_ns); /* tells of those that wait */
bool attempt_hurry(
	struct join *join); /* judges the oldest settling one early; false: none settles */
void attempt_run_timers(struct join *join, __u64 now_ns);
void attempt_take_fact(struct join *join, const struct event *event);
void attempt_overflow_due(struct join *join, struct attempt_slot *slot, __u64 now_ns);
void attempt_finish(struct join *join); /* gives up whatever is still open */

/* subject_captured.c: the @index-th frame that @evidence holds: those alone are known to be of it */
bool subject_frame(const struct evidence *evidence, size_t count, size_t index,
		   struct packet_span *span);
/* subject.c: the evidence of those that keep a list */
size_t subject_listed(const struct attempt *attempt, struct evidence *evidence, size_t room,
		      size_t *omitted);
