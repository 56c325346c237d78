/* SPDX-License-Identifier: GPL-2.0-or-later */
/* join.h - records become openings, attempts, listeners: what is known of each, in one place */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"
#include "event.h"
#include "join/answer.h"
#include "join/denial.h"
#include "join/attempt/knock.h"
#include "join/attempt/subject.h"
#include "join/conn/bypass.h"
#include "join/conn/kept.h"
#include "join/host/claims.h"
#include "join/host/gauges.h"
#include "join/lookup/known.h"
#include "join/talk/talk.h"
#include "join/talk/outcome.h"
#include "join/conn/flow.h"
#include "join/conn/whose.h"
#include "join/conn/conn.h"
#include "join/conn/standing.h"
#include "util/durations.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * An *opening* is one active open: a socket and a generation (connect() again on the same socket is
 * another opening). An *attempt* is one caller's wish: one opening or several (same process and port,
 * another address, overlapping or begun within the fallback window of the last failure), or one
 * bind() or listen() that failed, or one episode of a listener whose accept queue overflowed.
 *
 * join_event() takes one record and updates what it speaks of: an opening is found by cookie, else by
 * its oriented tuple in a namespace, else by tuple and first sequence number across namespaces.
 * What cannot be placed yet is kept in a small ring of strays and looked at again when an opening
 * learns its port or its end. Nothing known is overwritten by a zero.
 *
 * Time is only what records say. Timers run on ticks, in order of their deadlines; what a timer
 * decides carries the deadline's time. join_due() hands out attempts that need a judgement:
 *
 *   OPEN ──second SYN──► pending told ──┐
 *     │                                 │ last opening ends, or one works
 *     └─────────────────────────────────┴──► SETTLING ──settle time──► FINAL ──told──► freed
 *
 * Struct members are facts and counters, never judgements: whose failure something is is for rules/.
 * Members are read by rules and sinks, written by join alone.
 *
 * Everything is allocated by join_new(); from a full table the oldest of least use goes, counted.
 */

#define JOIN_OPENINGS_MAX 8 /* of one attempt; the next address makes another one */
#define JOIN_EVIDENCE_MAX 32 /* entries of one attempt; further ones are counted */
#define JOIN_FACTS_MAX 48 /* of one attempt */
#define JOIN_NAME_SIZE 60
/* Two CPUs take times that differ by up to 0.63 ms (measured) from the order of their records. */
#define JOIN_CLOCK_SLACK_NS (2 * NS_PER_MS)

struct join;

/* Every number join compares with, and the bounds of its tables. */
struct join_limits {
	__u32 connections; /* openings held at once */
	bool segments; /* all that come of a connection are followed (not under watch) */
	bool established; /* of those that are followed: what becomes of them is judged, too */
	__u32 flows; /* sockets kept as connections; 0: none is */
	bool parties; /* whose packets are is asked: join_parties() */
	__u32 listeners;
	__u32 strays; /* records kept that have no opening yet */
	__u64 settle_ns; /* a final waits so long for late evidence */
	__u64 settle_reset_ns; /* of a reset: whether the process closes without having heard of it */
	__u64 settle_bind_ns; /* of a bind(): whether the process then binds another port */
	__u64 fallback_ns; /* an opening after a failure within this belongs to the same attempt */
	__u64 stagger_ns; /* overlapping openings begun closer than this are separate wishes */
	__u64 proven_ns; /* an established connection worked when it lived so long */
	__u64 episode_ns; /* a listener's overflow is told after so long */
	__u64 unanswered_ns; /* a SYN of a capture is unanswered when nothing came for so long */
	__u64 expire_ns; /* an opening whose end was never seen is let go after so long */
	__u64 slow_lookup_ns; /* lookups of a capture that work sooner are forgotten */
	__u32 dropped; /* so many datagrams dropped at one socket are told at once, not after 10 s */
	__u64 hello_ns; /* a ClientHello without an answer is told of after so long */
	__u32 stuck; /* data hangs when it was sent again or dropped so often in a row */
	__u64 kept_ns; /* half-closed connections that a process keeps grow for so long */
	__u64 stalled_ns; /* .. and goes on when that was not repeated for so long */
};

/* settle 250 ms, bind 1 s, fallback 250 ms, stagger 10 ms, proven 1 s, episode 1.5 s, unanswered 1 s, slow lookup 1 s, hello 2 s, 65536 openings */
extern const struct join_limits join_limits_default;

/* ---- evidence: one thing that was seen, compact ---- */

enum evidence_dns { EVIDENCE_NO_DNS, EVIDENCE_QUERY, EVIDENCE_ANSWER };
enum { EVIDENCE_TRUNCATED = 0xff }; /* instead of an enum dns_content */

enum evidence_direction { DIRECTION_NONE, DIRECTION_OUT, DIRECTION_IN };

struct evidence {
	__u64 ts_ns;
	union { /* ten thousand attempts keep some each */
		__u64 location; /* drop */
		__u64 frame; /* packet and frame, of a capture: which of its file, from 1; 0 none */
	};
	__u32 netns; /* where it was seen */
	__u32 ifindex;
	__u8 kind; /* enum event_kind */
	__u8 vantage; /* enum event_vantage */
	__u8 flags; /* EVENT_F_* */
	__u8 direction; /* enum evidence_direction, seen from the opening */
	__u8 old_state;
	__u8 new_state;
	__u8 opening_index; /* which opening of the attempt */
	union {
		__u8 call; /* syscall: enum event_syscall */
		__u8 look; /* socket: SNAPSHOT_LOOK_* */
	};
	__s32 error;
	__s32 soft_error;
	__u32 reason; /* drop: NAME_DROP_REASON, reset-sent: NAME_RESET_REASON, gauge: enum event_gauge */
	__u32 known; /* EVENT_K_* */
	__u32 count; /* retransmits, backlog */
	union {
		__u32 limit; /* backlog_max */
		struct { /* packet, of a capture */
			__u16 dns_type;
			__u8 dns; /* enum evidence_dns */
			__u8 dns_rcode;
		};
	};
	/* packet, drop, reset-sent, icmp-sent */
	union {
		struct {
			__u32 seq;
			__u32 ack;
		};
		__u8 mac[CLAIM_MAC_SIZE]; /* frame, claim: who claimed .address */
	};
	__u32 payload_bytes;
	__u16 window;
	__u16 mss;
	__u16 packet_flags; /* PACKET_F_* */
	__u8 packet_what; /* enum packet_what, PACKET_NONE: no packet */
	__u8 tcp_flags;
	__u8 ttl;
	union {
		__u8 wscale;
		__u8 dns_content; /* enum dns_content of an answer, or EVIDENCE_TRUNCATED */
	};
	__u8 icmp_type;
	__u8 icmp_code;
	/* icmp: its sender; a datagram: its source; neighbor: who did not answer; frame, claim: claimed */
	__u8 address[EVENT_ADDRESS_SIZE];
};

/* The last record as such, of whatever it speaks; its .direction is the caller's to say. */
struct evidence join_evidence(const struct event *event);

/* ---- an opening ---- */

enum opening_state {
	OPENING_CONNECTING, /* SYN_SENT, or before */
	OPENING_ESTABLISHED, /* handshake done; not yet proven */
	OPENING_WORKED, /* proven: data, or it lived join_limits.proven_ns */
	OPENING_FAILED,
	OPENING_UNKNOWN, /* evicted, destroyed unseen, or the agent's end: not a failure */
};

/*
 * What ended somebody's wait for a connect or another call, for whom it waited. What became of the
 * connection is enum conn_end: one that was refused may have ended a wait by an errno or by a packet.
 */
enum wait_end {
	WAIT_NONE, /* nothing yet */
	WAIT_ERRNO, /* the socket got .error, or the call returned it */
	WAIT_CANCELED, /* the application closed it while connecting, .error 0 */
	WAIT_KILLED, /* closed by the exit of a process that a signal ended (.signal) */
	WAIT_EXITED, /* closed by the exit of the process, no signal */
	/* of a capture, where no errno is known: */
	WAIT_ANSWERED, /* a packet of the far end ended it */
	WAIT_UNSEEN, /* not seen: .ended_ns is how long it was watched */
};

struct icmp_seen {
	__u32 count;
	__u8 type;
	__u8 code;
	bool ipv6 : 1;
	bool mixed : 1; /* later ones were of another type or code */
	__u8 sender[EVENT_ADDRESS_SIZE];
	__u64 first_ns;
};

struct listener;

struct opening {
	__u64 cookie; /* 0: the kernel gave none (the call failed before a state change) */
	__u32 netns; /* of the socket */
	struct event_tuple tuple; /* ports 0 while unknown */
	__u8 asked[EVENT_ADDRESS_SIZE]; /* valid with .asked_known */
	__u16 asked_port;
	bool asked_known; /* and differs from the peer: something rewrote it */
	bool bound_port; /* the application chose the source port */
	__u8 sources; /* enum source, of its conn: what absence means */
	bool seen_whole; /* its birth was seen: nothing before it was missed */
	__u8 state; /* enum opening_state */
	__u8 end; /* enum wait_end */
	__u8 tcp_state; /* the kernel's last word */
	__s32 error; /* positive errno, 0 none */
	__s32 soft_error;
	__s32 call_error; /* errno that the call itself returned, 0 none or not seen */
	struct denial denial; /* of that call */
	__u32 signal;
	__u32 mark;
	__u32 bound_ifindex;
	__u64 started_ns;
	__u64 established_ns; /* 0 never */
	__u64 ended_ns; /* 0 not yet */

	/* our SYNs */
	__u32 isn;
	bool isn_known;
	bool port_from_wire; /* of a packet that source NAT may have passed already */
	__u16 syn_sent; /* by the socket's own account: 1 + retransmits of the SYN */
	__u16 syn_handed; /* seen at TC egress in the socket's own namespace */
	__u16 syn_left; /* seen handed to an interface that leaves this machine */
	__u16 syn_elsewhere; /* seen in other namespaces of this machine (veth, bridge) */
	__u32 syn_timestamp; /* of the first one, 0 none (RFC 7323) */
	bool answers_first; /* the SYN/ACK echoes that, though another was sent */
	__u32 syn_ifindex; /* the last one's interface and the namespace of it */
	__u32 syn_netns;
	__u64 syn_first_ns;
	__u64 syn_last_ns;
	__s32 retransmit_error; /* the last send's own error (6.18 on), 0 none */

	/* captures: the far end's first number, the client's own resets */
	__u32 peer_isn;
	bool peer_isn_known;
	__u16 reset_out;

	/* what came back */
	__u16 synack_in; /* at our namespace's ingress, or on lo */
	__u16 reset_in; /* RST that acknowledges our SYN, on the wire */
	__u16 reset_other_in; /* RST that does not */
	__u16 ack_in; /* plain ACK to our SYN: a challenge (RFC 9293 3.5.1) */
	__u16 stale_in; /* of them: acknowledges what no SYN of this opening sent */
	bool of_lookup; /* the query over TCP that follows a truncated answer */
	__u8 answer_ttl; /* of the SYN/ACK or RST, 0 not seen */
	__u64 answer_ns; /* first SYN/ACK or RST on the wire */
	bool reset_seen; /* the socket received a reset (SOCKET_F_RESET or reset-received) */
	bool reset_hook; /* and that could have been seen */
	__u64 bytes_sent; /* acknowledged by the peer */
	__u64 bytes_received;
	__u32 srtt_us;

	/* what this machine's kernel did to it */
	struct drop_seen drop_out; /* our packets */
	struct drop_seen drop_in; /* answers to us */
	struct icmp_seen icmp_in; /* ICMP errors about our packets that arrived at our namespace */
	struct icmp_seen icmp_here; /* ICMP errors about our packets that this machine itself sent */
	__u32 icmp_here_netns;
	__u8 stopped_to[EVENT_ADDRESS_SIZE]; /* where it was to go when the first of both happened: */
	__u16 stopped_to_port; /* NAT of this machine may have changed that */
	__u8 stopped_from[EVENT_ADDRESS_SIZE]; /* and what it was from by then */
	__u16 stopped_from_port;
	/* NAT of this machine gave our SYN these ends on its way: as the last of them was seen, in that namespace */
	bool translated;
	__u32 translated_netns;
	__u16 translated_from_port, translated_to_port;
	__u8 translated_from[EVENT_ADDRESS_SIZE], translated_to[EVENT_ADDRESS_SIZE];
	bool icmp_reported; /* error report without errno while connecting: an ICMP arrived */
	bool neighbor_failed;
	__u8 neighbor[EVENT_ADDRESS_SIZE];
	__u32 neighbor_netns;
	__u32 neighbor_ifindex;
	bool refused_here; /* this machine's TCP answered our very SYN with a reset, no socket */
	__u32 refused_netns; /* in that namespace */
	bool refused_rewritten; /* NAT of this machine had given the SYN another destination: */
	__u8 refused_to[EVENT_ADDRESS_SIZE];
	__u16 refused_to_port;
	bool reset_here; /* a local socket (peer on this machine) sent the reset: its state */
	bool reset_here_unaccepted; /* it closed with its listener, and no process ever had it */
	__u8 reset_here_state;
	__u32 reset_here_netns;
	struct {
		bool seen; /* our SYN met a full accept queue on this machine */
		__u32 netns;
		__u32 backlog;
		__u32 backlog_max;
		__u64 listener_cookie;
		__u16 count;
		bool at_ack; /* the handshake's last ACK met it, not the SYN */
	} full;

	/* coverage: what could have been seen */
	bool blind_wire; /* no packet hook where its packets pass, or not in time; captures: one-sided */
	bool blind_wire_late; /* and that is because they were attached after it began */
	bool blind_lost; /* records were lost while it lived */
	bool blind_start; /* it began before the hooks were attached */
	bool blind_hook; /* states or drops cannot be seen: their hooks are missing */
};

/* It is known from packets alone: no socket, process, errno or host is. */
static inline bool opening_is_captured(const struct opening *opening)
{
	return opening->sources & SOURCE_CAPTURE;
}

/* The call itself failed, before any state change and any packet. */
bool opening_call_alone(const struct opening *opening);

/* ---- an attempt ---- */

/* A bind(), listen() or connect() to a Unix socket that failed; socket() or accept() without a descriptor. */
struct failed_call {
	struct ev_syscall call;
	struct denial denial;
	bool asked_known; /* .call.asked and its port; of memory that was swapped out they are not */
	bool bound_other_later; /* the process settled for another port within the settle */
	__u32 count; /* socket, accept, connect: how often it failed alike */
};

enum attempt_state { ATTEMPT_OPEN, ATTEMPT_SETTLING, ATTEMPT_FINAL };

struct attempt {
	__u64 id; /* made from boot id, cookie or pid, and start time: the same in every replay */
	const struct subject *subject; /* what it is about */
	__u8 state; /* enum attempt_state */
	bool pending_told; /* a pending finding was made (set by join_told()) */
	bool told; /* final, and there was a finding (set by join_told()) */
	bool worked; /* an opening worked: no failure */
	bool unknown; /* its end was not seen (agent's end, eviction): no failure is known */
	bool claimed; /* a lookup: the connect to what it gave failed, and has the verdict of both */
	__u64 lookup_ns; /* a connect that failed: so long its lookup had taken, 0 not slow or unknown */
	const void *pending_rule; /* what join_told() was given: goes into `supersedes` */
	__u32 netns;
	bool owner_known;
	__u8 owner_by; /* enum owner_by */
	const struct event_owner *owner; /* never NULL: zeros while it is not known */
	__u64 started_ns;
	__u64 ended_ns; /* when the last opening ended, 0 open */
	__u64 due_ns; /* the time a judgement made now carries */
	__u32 openings_count; /* at most JOIN_OPENINGS_MAX */
	const struct opening *openings[JOIN_OPENINGS_MAX]; /* in order of their begin */

	union { /* what its subject alone has */
		const struct failed_call *call;
		const struct overflow *overflow;
		const struct knock *knock;
		const struct lookup *lookup;
		const struct talk *talk;
		const struct address_claims *claims;
		const struct standing *standing;
		const struct kept *kept;
		const struct gauge *gauge;
	};
};

/* How many openings it has, at most JOIN_OPENINGS_MAX. */
size_t attempt_openings(const struct attempt *attempt);

/* The number of the stream whose packets are those of @opening's connection; false: none is followed. */
bool opening_stream(const struct opening *opening, __u64 *number);

/* The opening that decides: the last to fail, or the one that worked. NULL: it is not about openings. */
const struct opening *attempt_decider(const struct attempt *attempt);

/* The @index-th span of packets that a verdict on it speaks of: whose.h. False: there are no more. */
bool attempt_span(const struct attempt *attempt, size_t index, struct packet_span *span);

/*
 * Evidence in the order of time, of the stream where that is equal. Returns how many were copied (at
 * most @room); @omitted: so many more were seen.
 */
size_t attempt_evidence(const struct join *join, const struct attempt *attempt,
			struct evidence *evidence, size_t room, size_t *omitted);

/* What became of the connection that the attempt is about; false: it is about none, or not that far. */
bool attempt_outcome(const struct join *join, const struct attempt *attempt,
		     struct outcome *outcome);

/*
 * The name by which the caller knows where it goes, as a lookup gave it before: of @opening's remote,
 * or of what was asked for where that was rewritten; without an opening of the attempt's own. NULL:
 * none is known, or it may be one of several.
 */
const char *attempt_remote_name(const struct join *join, const struct attempt *attempt,
				const struct opening *opening);

/* Its caller asked for names where no packet shows it (nscd, TLS), and none is known; @opening: as above. */
bool attempt_is_veiled(const struct join *join, const struct attempt *attempt,
		       const struct opening *opening);

/* attempt_remote_name() for any connection of @owner (NULL unknown) in @netns (0: a capture) that began then. */
const char *join_looked_up(const struct join *join, const struct event_owner *owner, __u32 netns,
			   const struct event_tuple *tuple, __u64 begun_ns);

/* Facts that were fetched for the attempt, in order of arrival; NULL-terminated walk by index. */
const struct ev_fact *attempt_fact(const struct join *join, const struct attempt *attempt,
				   enum event_fact what, size_t index);

/* The proxy that led its process there: also where it is known since a word on it while it waited. NULL: none is known. */
const struct ev_fact *attempt_proxy(const struct join *join, const struct attempt *attempt);

/* Namespace of a fact that attempt_fact() gave: not always the attempt's. */
__u32 attempt_fact_netns(const struct join *join, const struct ev_fact *fact);

/* ---- the life of join ---- */

/* Returns 0 or -ENOMEM. */
int join_new(struct join **out, const struct join_limits *limits);
void join_free(struct join *join);

/* Takes one decoded record. */
void join_event(struct join *join, const struct event *event);

/* A record of a stream that ended, a second time: only whose its packets are is followed, and the clock. */
void join_event_again(struct join *join, const struct event *event);

/* The next attempt that needs a judgement, NULL none. Call until NULL after every record. */
struct attempt *join_due(const struct join *join);

/*
 * Says that the attempt handed out by join_due() was judged; @rule: the pending finding that was
 * told for it, NULL none. Final ones are freed with their openings, unless the connection lives on.
 */
void join_told(struct join *join, struct attempt *attempt, const void *rule);

/*
 * The stream ended: everything settling becomes due as final; what is still open ends as unknown
 * (attempt.unknown), due only if something was told of it.
 */
void join_finish(struct join *join);

/*
 * Is it to be told who holds the UDP sockets (EVENT_SOCKET), because one met trouble and nobody knows
 * whose it is? True once for each that asks.
 */
bool join_wants_datagram_owners(struct join *join);
/* The last record of a UDP socket told that of one. */
bool join_took_datagram_owner(const struct join *join);

/* Has something ended whose verdict only waits for time to pass? */
bool join_settling(const struct join *join);

/* How many connects are under way. Walks the table: not for every record. */
size_t join_connecting(const struct join *join);

/* ---- TCP connections: conn.h ---- */

/* Of every connection of a capture, under run of those of the followed processes: others show few packets. */
const struct conns *join_conns(const struct join *join);
bool join_follows_segments(const struct join *join);

/* What the last record's packet was in its connection; .stream NULL: in none. */
const struct stream_look *join_look(const struct join *join);

/* The side whose alert in clear the last record's packet brought: its .alert_bytes; NULL none. */
const struct tls_side *join_tls_alert(const struct join *join);

/* The processes at the ends of the packet of @event, which was the last record: whose.h. */
struct parties join_parties(const struct join *join, const struct event *event);

/* ---- TCP connections by their sockets: flow.h ---- */

/*
 * The next flow that is to be told: one that ended and has settled, or that must make room; with
 * @all, at the end of the stream, every one. NULL: none. Valid until the next call; to be called
 * until NULL after every record.
 */
const struct flow *join_flow_due(struct join *join, bool all);

/* Walks the flows that are open to the end, NULL; @at from 0. .looked: what the walk before saw. */
const struct flow *join_flow_look(const struct join *join, __u32 *at);

/* NULL: the records tell of no flows (a capture, a recording of watch or run). */
const struct flow_counters *join_flow_counters(const struct join *join);

/* ---- what else is known ---- */

struct listener {
	__u64 cookie;
	__u32 netns;
	struct event_tuple tuple; /* local only */
	bool v6only;
	const struct event_owner *owner; /* NULL: not known */
	__u64 since_ns; /* 0: open before the agent started */
	__u64 closed_ns; /* 0: it is open */
	__u8 closed_how,
		closed_signal; /* SOCKET_F_* of that; what ended the exiting task, 0 none */
	/* the last accept() that failed for want of something (a descriptor, memory) */
	__u64 accept_failed_ns; /* 0: none did */
	__s32 accept_error; /* positive errno */
	const struct event_owner *accept_owner; /* who called it, not always .owner; NULL: none did */
	struct listener_load load;
};

/* Walks the listeners that listen now; @at from 0, moved on. NULL at the end. */
const struct listener *join_listener(const struct join *join, __u32 *at);

/* The listener that would have taken a SYN to @tuple's remote side in @netns; NULL none known. */
const struct listener *join_listener_for(const struct join *join, __u32 netns,
					 const struct event_tuple *tuple);

/* The same of one that closed within the 100 ms before @ns, 0: in any namespace; until the next record. */
const struct listener *join_listener_closed(const struct join *join, __u32 netns,
					    const struct event_tuple *tuple, __u64 ns);

/* How many of how many, to whom. Counts of openings by destination since the agent started. */
struct scope {
	__u64 openings; /* ended ones */
	__u64 failures;
	__u64 first_failure_ns; /* of the run of failures that still lasts, 0 none */
	__u64 last_success_ns; /* 0 never seen */
};

void join_scope(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
		struct scope *scope);

/* The same for another port of that address with the most successes; returns the port, 0 none. */
__u16 join_scope_other_port(const struct join *join, __u32 netns, const __u8 *remote, __u16 port,
			    struct scope *scope);

/* Median handshake time to an address in us over the last ones, 0 too few (under 3). */
__u32 join_handshake_median_us(const struct join *join, __u32 netns, const __u8 *remote);

struct change {
	__u64 ts_ns;
	__u32 netns;
	__u32 pid;
	__u32 ifindex; /* of a link, an address or a route; 0 none, or not known */
	__u16 what; /* enum event_change */
	bool removed;
	__u8 family; /* AF_INET, AF_INET6: where a route or a rule leads, an address with its prefix; 0 not known */
	__u8 prefix_bits; /* of IPv4 at most 32 */
	__u8 address[EVENT_ADDRESS_SIZE];
	char text[112];
};

/* Changes in @netns between two times, newest first. Returns how many were copied. */
size_t join_changes(const struct join *join, __u32 netns, __u64 from_ns, __u64 to_ns,
		    struct change *changes, size_t room);

struct interface {
	__u32 netns;
	__u32 ifindex;
	__u32 flags; /* INTERFACE_F_* */
	__u32 mtu;
	__u32 peer_netns;
	char name[16];
	char type[16];
};

const struct interface *join_interface(const struct join *join, __u32 netns, __u32 ifindex);

/* Name under /run/netns; NULL when it has none. */
const char *join_netns_name(const struct join *join, __u32 netns);
__u32 join_netns_own(const struct join *join);

/* Name of a reason or symbol; NULL unknown. "NETFILTER_DROP", "NO_SOCKET", "nf_hook_slow". */
const char *join_name(const struct join *join, enum event_name_space space, __u64 value);

/* What /proc said of a process; NULL nothing. */
const struct ev_process *join_process(const struct join *join, __u32 tgid, __u64 start_ns);

/* Wall-clock time (ns since the epoch) of a record's time; 0 before the first clock record. */
__u64 join_realtime_ns(const struct join *join, __u64 monotonic_ns);
/* The same for a time since boot that counts suspends (CLOCK_BOOTTIME): starts of processes. */
__u64 join_realtime_of_boottime_ns(const struct join *join, __u64 boottime_ns);
/* What the host said of itself. NULL before the start record; of capture files, which do not tell whose they are. */
const struct ev_start *join_start(const struct join *join);
__u64 join_now_ns(const struct join *join); /* the latest time the stream has shown */

/* Hooks by name, as the stream tells. */
bool join_hook_attached(const struct join *join, const char *name);

struct join_counters {
	__u64 records;
	__u64 by_kind[EVENT_KIND_COUNT];
	__u64 bad; /* records that decode refused: join_count_bad() */
	__u64 chosen; /* frames of files that hold what findings spoke of, and nothing else */
	__u64 lost; /* by the kernel side */
	__u64 lost_by_kind[EVENT_KIND_COUNT];
	__u64 suppressed;
	__u64 suppressed_by_kind[EVENT_KIND_COUNT];
	struct durations lookups[2]; /* of names: that failed, that worked */
	__u64 veiled; /* times that a process asked for names where no packet shows it */
	__u64 openings;
	__u64 attempts;
	__u64 failures;
	__u64 evicted; /* openings that had to go before their end */
	__u64 expired; /* openings that ended unseen and were let go by age */
	__u64 frames; /* of capture files */
	__u64 unread[UNREAD_COUNT]; /* those of them that say nothing, by reason */
	__u64 opaque; /* those that carry another packet that is not read */
	__u64 cut; /* those that end inside a header of the upper layer */
};

const struct join_counters *join_counters(const struct join *join);
void join_count_bad(struct join *join);
