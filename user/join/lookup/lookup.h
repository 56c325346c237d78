/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.h - the table of lookups, private to join */
#pragma once

#include "join/core.h"
#include "util/hash.h"
#include "util/port.h"

/*
 * Knows no connection and no attempt: whoever sees a segment shows it to lookup_segment(), and what
 * ended waits for whoever is to judge it, lookup_next().
 */

#define LOOKUPS_MAX 4096
#define LOOKUP_ASKERS 8192 /* sockets whose owner is known; a power of two */
#define OWNERS_OF_LOOKUPS (LOOKUP_ASKERS + 2 * LOOKUPS_MAX)
#define LOOKUP_EVIDENCE 8
#define LOOKUP_COPIES_OF 16 /* of so many last datagrams of DNS and ICMP a copy is recognised */

enum lookup_queued { LOOKUP_WAITING, LOOKUP_WORKED, LOOKUP_DATAGRAM, LOOKUP_ENDED };

enum lookup_reach_how {
	REACH_AWAY, /* to no namespace of this host that is known */
	REACH_NETNS,
	REACH_BEYOND, /* out of that namespace, into another one of this host, it is not known which */
};

/* How far a query was seen to go. */
struct lookup_reach {
	__u8 how; /* enum lookup_reach_how */
	__u32 netns;
};

/* Who asks; of a capture, which knows addresses alone, zeros but for .sources. */
struct lookup_from {
	__u64 asker; /* one number for all that a process asks */
	__u64 cookie;
	__u32 netns; /* of the socket; 0 unknown */
	__u32 place; /* namespace of the hook that saw it */
	__u8 sources; /* enum source */
	bool at_home; /* over the loopback device */
	bool foreign; /* not of a process that is known: followed, never told */
	struct lookup_reach reach;
	const struct event_owner *owner; /* NULL: not known */
};

struct lookup_slot {
	struct lookup lookup; /* first */
	__u64 asker;
	struct attempt_slot *attempt; /* it was told early; NULL: it was not */
	struct lookup_slot *asked_by; /* it is a forwarder's query for that one, NULL none */
	__u64 asked_by_started_ns; /* and that is still the same */
	__u32 place; /* namespace of the hook that saw it begin */
	bool foreign;
	bool forwarded; /* it is, or was, a forwarder's query for another one */
	bool unheard; /* whose port it asked from was forgotten: nobody knows an answer to it */
	bool doubted; /* .. and who holds its asker's port 53 was asked for */
	__u16 query_id; /* of the last query */
	struct lookup_reach reach; /* .. and where that was last seen to go */
	bool early; /* it is told early, or was */
	bool in_early;
	TAILQ_ENTRY(lookup_slot) by_early;
	/* in the order of the first query; worked ones of the last answer; ended, or free */
	TAILQ_ENTRY(lookup_slot) by_time;
	LIST_ENTRY(lookup_slot) by_truncation; /* in .truncated while .truncated_ns */
	__u8 queued; /* enum lookup_queued: in which queue .by_time is */
	bool wants_owner; /* datagram of this host: who holds its socket is asked for */
	bool wants_look; /* .. what its socket shows is, too */
	__u32 packets; /* datagram of this host: ICMP errors seen */
	__u32 errors; /* .. and given to its socket */
	bool elsewhere; /* a query that was not sent: its process turned to another server since */
	__u8 answered; /* LOOKUP_* */
	__u8 without; /* of .answered: without an address */
	bool had_address; /* one was told within the memory of .worked */
	__u8 timed; /* LOOKUP_* of which the duration was counted last, asked from .timed_port */
	__u16 timed_port; /* 0: none */
	bool paired; /* A and AAAA were asked together, from one port */
	__u64 failed_ns; /* every type was answered, none without error; 0: not */
	__u64 truncated_ns; /* 0: not */
	__u64 tcp_ns; /* the last segment of the query over TCP */
	__u64 seen_ns; /* the last query or answer */
	__u32 evidence_count;
	__u32 evidence_omitted;
	struct evidence evidence[LOOKUP_EVIDENCE];
};

TAILQ_HEAD(lookup_queue, lookup_slot);
LIST_HEAD(lookup_list, lookup_slot);

/* A datagram that a socket of this host sent and that its kernel dropped. */
struct datagram_drop {
	__u64 ts_ns; /* 0: none */
	__u64 cookie;
	__u64 location;
	__u32 netns;
	__u32 reason;
	__u16 local_port;
	bool reason_known;
	struct evidence evidence;
};

/* A process with a socket at port 53. */
struct lookup_holder {
	__u64 seen_ns; /* 0: none */
	__u32 netns;
	__u32 tgid;
	__u32 ppid;
	__u8 address[EVENT_ADDRESS_SIZE]; /* or any */
};

/* A process turned to port 53 of an address: to a server, or to learn which way leads to an address. */
struct datagram_turn {
	__u64 ts_ns; /* 0: none */
	__u64 asker;
	__u8 address[EVENT_ADDRESS_SIZE];
	bool failed; /* its connect() returned an error */
};

#define LOOKUP_HOLDERS 64 /* the last ones that were seen */
#define DATAGRAM_DROPS 8 /* each is asked for by the next record of its task */

struct lookups {
	struct lookup_slot *slots;
	size_t touched;
	struct hash by_name; /* by asker, client and name */
	struct hash by_wish; /* by name alone: of those whose asker is known */
	struct lookup_askers *askers;
	struct veils *veils;
	struct names *names; /* what was answered, for whoever connects to it */
	struct lookup_queue early; /* that wait for long enough to be told so */
	struct lookup_queue waiting;
	struct lookup_queue worked; /* those seen last at the end */
	struct lookup_queue datagrams; /* too big, in the order of the last ICMP error */
	struct lookup_queue ended; /* to be judged */
	struct lookup_queue free;
	size_t worked_count;
	size_t failed_count; /* with .failed_ns */
	size_t datagrams_count;
	struct lookup_list truncated;
	size_t truncated_count;
	struct datagram_drop drops[DATAGRAM_DROPS]; /* the last ones */
	size_t drops_next;
	struct datagram_turn turns[DATAGRAM_DROPS]; /* the last ones */
	size_t turns_next;
	/* sockets that ICMP errors met last: what their calls return is that, no word of this host */
	__u64 met[DATAGRAM_DROPS];
	size_t met_next;
	bool owners_wanted; /* of datagrams, and not asked for yet */
	bool owner_taken; /* by the last record of a UDP socket */
	struct lookup_holder holders[LOOKUP_HOLDERS];
	size_t holders_next;
	__u64 looked_ns; /* at all UDP sockets, last */
	struct copy_past past[LOOKUP_COPIES_OF];
	__u32 past_next;
};

/* Returns 0 or -ENOMEM. */
int lookups_new(struct lookups **out);
void lookups_free(struct lookups *lookups);

struct lookup_slot *lookups_find(struct lookups *lookups, __u64 asker, const __u8 *client,
				 const char *name);
__u64 lookups_wish_key(const char *name);
/* NULL: every one waits to be told. */
struct lookup_slot *lookups_take(struct join *join, const struct lookup_from *from,
				 const __u8 *client, const char *name, __u64 started_ns,
				 enum lookup_queued queued);
void lookups_move(struct lookups *lookups, struct lookup_slot *slot, enum lookup_queued queued);
void lookups_set_failed(struct lookups *lookups, struct lookup_slot *slot,
			__u64 failed_ns); /* 0: not */
void lookups_forget_truncation(struct lookups *lookups, struct lookup_slot *slot);
void lookups_unlink(struct lookups *lookups, struct lookup_slot *slot); /* from all but the ended */

/* By its ports. Between two name servers' ports nobody knows who asks: neither. */
static inline bool lookup_is_query(const struct packet *packet)
{
	return packet->destination_port == PORT_DNS && packet->source_port != PORT_DNS;
}

static inline bool lookup_is_answer(const struct packet *packet)
{
	return packet->source_port == PORT_DNS && packet->destination_port != PORT_DNS;
}

/* ---- lookup.c: names ---- */

void lookup_message(struct join *join, const struct event *event); /* a datagram, if it is one */
void lookup_take_query(struct join *join, const struct event *event, const struct dns *dns,
		       const struct lookup_from *from);
void lookup_take_answer(struct join *join, struct lookup_slot *slot, const struct event *event,
			const struct dns *dns); /* @slot: NULL is fine */
void lookup_note_unreachable(struct lookup_slot *slot, const struct event *event);
void lookup_succeed(struct join *join, struct lookup_slot *slot, __u64 now_ns);
bool lookup_quoted(struct join *join, const struct event *event, bool too_big); /* false: of none */
void lookup_see_blind(struct join *join, struct lookup_slot *slot);
void lookup_run_timers(struct join *join, __u64 now_ns);
void lookup_finish(struct join *join);
bool lookup_is_copy(struct join *join, const struct event *event);

/* The next one that ended, in the order of that; NULL none. It is the caller's until released. */
struct lookup_slot *lookup_next(struct join *join);
/* The next one that has waited for so long that it is told early; NULL none. It stays. */
struct lookup_slot *lookup_next_early(struct join *join);
void lookup_release(struct join *join, const struct lookup *lookup); /* it was told */

/* A slot for a datagram, to be told with lookup_tell(); NULL: every one waits to be told. */
struct lookup_slot *lookup_take_datagram(struct join *join, const __u8 *client, __u64 started_ns);
void lookup_drop(struct join *join, struct lookup_slot *slot);
void lookup_tell(struct join *join, struct lookup_slot *slot, __u64 now_ns);
struct evidence lookup_evidence(const struct event *event, enum evidence_direction direction);
void lookup_add_evidence(struct lookup_slot *slot, const struct evidence *evidence);

/* ---- lookup_search.c: names of one search list ---- */

/* The server says that there is nothing, and not that it would not tell. */
bool lookup_is_denied(const struct lookup *lookup);
/* @slot was asked on the way to @mine, or after it in vain: it is told with that one. */
void lookup_fold(struct join *join, struct lookup_slot *mine, struct lookup_slot *slot);
/* So are those that were denied before @mine is asked, or failed. */
void lookup_fold_denied(struct join *join, struct lookup_slot *mine);
/* @mine has an address: that its expansions have none concerns nobody. */
void lookup_forget_expansions(struct join *join, struct lookup_slot *mine);
/*
 * One of which a server would not tell, asked before @mine was denied: that is what the caller hears.
 * NULL none.
 */
struct lookup_slot *lookup_find_untold(struct join *join, const struct lookup_slot *mine);

/* ---- lookup_forward.c: forwarders ---- */

/* Where the query of a hook goes. */
struct lookup_reach lookup_reach_of(const struct join *join, const struct event *event);
/* A query that was seen before, maybe translated since, is seen on its way. */
void lookup_passes(struct join *join, const struct event *event, const struct dns *dns);
void lookup_note_holder(struct join *join, const struct event *event); /* of a UDP socket */
/* @slot asks: maybe for another one, whose it then is. */
void lookup_note_forwarded(struct join *join, struct lookup_slot *slot);
/* What came of @slot's query, for the one that it serves, if any. */
void lookup_note_upstream(struct lookup_slot *slot, enum lookup_upstream_how how, __u8 rcode);
/* Before a forwarder's trouble is passed over: is it one? Asks who holds the port, where it matters. */
void lookup_doubt_forwarder(struct join *join, struct lookup_slot *slot, __u64 now_ns);

/* ---- lookup_tcp.c: after a truncated answer ---- */

/* Is any query over TCP to be expected? Nearly never: asked of every segment. */
static inline bool lookup_awaits_tcp(const struct join *join)
{
	return join->lookups->truncated_count;
}

/* Takes a segment. Returns whether it is a lookup's, which tells what comes of it. */
bool lookup_segment(struct join *join, const struct event *event);
bool lookup_of_segment(const struct join *join, const struct packet *packet);

/* ---- lookup_live.c: of this host's sockets ---- */

struct lookup_askers;

__u64 lookup_asker(const struct event_owner *owner); /* one number for a process */
int lookup_askers_new(struct lookup_askers **out); /* 0 or -ENOMEM */
void lookup_askers_free(struct lookup_askers *askers);

void lookup_open(struct join *join, const struct event *event); /* a socket turned to port 53 */
/* Whose a datagram socket is; owner NULL: not known. */
void lookup_note_owner(struct join *join, __u64 cookie, __u32 netns,
		       const struct event_owner *owner);
const struct event_owner *lookup_owner_of(struct join *join, __u64 cookie);
/* Is it the query over TCP that a truncated answer asks its process for? */
bool lookup_opens_tcp(const struct join *join, const struct ev_open *open);
/* A packet of a hook. Takes DNS messages and ICMP errors about them; false: it is neither. */
bool lookup_packet(struct join *join, const struct event *event);
