/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules.h - judges attempts: one root cause each, in words */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "fact_request.h"
#include "join/join.h"

/*
 * Theory of operation
 *
 * One row a finding: id, severity, the most confidence it may claim, what wakes it, which facts it
 * quotes, its texts for `explain`, and two pure functions: match() looks at an attempt and says
 * whether this is the cause and how sure; tell() writes what, why and what to check.
 *
 * Rules never see each other. rules_judge() runs those that the attempt can wake, in the order of
 * the one list (catalogue.h: the most specific and best proven first), and takes the first that
 * matches. Then it lowers the confidence: to the row's cap, and to `possible` where absence was
 * evidence but the attempt's coverage has holes; the holes become blind spots.
 *
 * Judging costs little and happens for every attempt; telling happens only for findings that are
 * printed, after their facts were fetched. A row whose facts decide (.decide, or a guess that asks) is
 * fetched for and judged again before it is counted.
 */

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_COUNT };
enum confidence { CONFIDENCE_POSSIBLE, CONFIDENCE_LIKELY, CONFIDENCE_CERTAIN, CONFIDENCE_COUNT };
enum finding_state { FINDING_PENDING, FINDING_FINAL, FINDING_CLEARED, FINDING_STATE_COUNT };

enum blind {
	BLIND_LOST_RECORDS = 1 << 0,
	BLIND_HOOK_MISSING = 1 << 1,
	BLIND_STARTED_LATE = 1 << 2,
	BLIND_PACKETS_OUT_OF_SIGHT = 1 << 3,
	BLIND_LOOKUP_NOT_ON_WIRE = 1 << 4,
};
#define BLIND_COUNT 5

/*
 * How far the wish had come when it failed. A datagram is a request. The first two stand in rows alone:
 * the finding of such a row says how far that very connection had come. A row whose connection's end
 * is what it tells has the first: the stage that was cut off is never the closing.
 */
enum stage {
	STAGE_EXCHANGED, /* TLS, request or transfer */
	STAGE_REACHED, /* .. or close */
	STAGE_LOOKUP, /* of a name */
	STAGE_LOCAL, /* a socket call, or what this host or its link does below it */
	STAGE_CONNECT,
	STAGE_ACCEPT, /* the same at the listener's side */
	STAGE_TLS, /* its handshake */
	STAGE_REQUEST, /* until both sides have spoken */
	STAGE_TRANSFER, /* after that */
	STAGE_CLOSE, /* a side had closed in order before it */
	STAGE_COUNT
};

const char *stage_name(enum stage stage); /* "lookup"; NULL of the first two */
const char *severity_name(enum severity severity); /* "error" */
const char *confidence_name(enum confidence confidence); /* "likely" */
const char *finding_state_name(enum finding_state state); /* "final" */
const char *blind_name(unsigned int bit); /* of bit number 0…: "lost-records" */

/* ---- thresholds: every number a rule compares with ---- */

#define THRESHOLDS(X)                                                                          \
	X(SLOW_HANDSHAKE, "slow-handshake", "ms", 500,                                         \
	  "a handshake without loss is slow when it took longer than this and")                \
	X(SLOW_FACTOR, "slow-factor", "times", 3,                                              \
	  "longer than so many medians of its destination")                                    \
	X(FALLBACK_INFO, "fallback-info", "ms", 50,                                            \
	  "a fallback that cost less than this is only worth an info")                         \
	X(DNS_SLOW, "dns-slow", "ms", 1000,                                                    \
	  "a lookup is slow when its last answer came later than this")                        \
	X(ACCEPT_FAILED, "accept-failed", "s", 5,                                              \
	  "an accept() that failed so long before a full queue is why it is full")             \
	X(DROPPED, "dropped-datagrams", "datagrams", 50,                                       \
	  "fewer dropped within 10 s at a full receive buffer are a burst")                    \
	X(CHANGE_WINDOW, "change-window", "s", 60,                                             \
	  "changes of the host so long before an attempt are named")                           \
	X(RESET_YOUNG, "reset-young", "ms", 1000,                                              \
	  "a reset before any data counts to the handshake within this time")                  \
	X(SERVICE_YOUNG, "service-young", "s", 30,                                             \
	  "a service that is younger than this was starting when it refused")                  \
	X(ANSWER_WAIT, "answer-wait", "ms", 1000,                                              \
	  "who closed after waiting this long for an answer gave up")                          \
	X(CLOSED_AT_ONCE, "closed-at-once", "ms", 1000,                                        \
	  "a server that closes without a word was not waiting within this")                   \
	X(KEEPALIVE_IDLE, "keepalive-idle", "ms", 1000,                                        \
	  "a connection that was silent for this long may be closed as idle")                  \
	X(LONG_IDLE, "long-idle", "s", 60,                                                     \
	  "NATs and firewalls forget connections that are silent for this long")               \
	X(STUCK, "stuck", "times", 3, "data is stuck when it was sent again so often in vain") \
	X(PROBES, "keepalive-probes", "times", 3,                                              \
	  "keep-alives unanswered in a row that make a dead connection")                       \
	X(WINDOW_CLOSED, "window-closed", "ms", 1000,                                          \
	  "a receiver does not read when its window was closed for this long")                 \
	X(WINDOW_STALLED, "window-stalled", "ms", 5000,                                        \
	  "live, a window that stays closed for this long is told; how often is looked")       \
	X(CLOSED_HALF, "closed-half", "s", 60,                                                 \
	  "a connection that one side closed and the other did not for this long is kept")     \
	X(KEPT_SERVED, "kept-served", "connections", 10,                                       \
	  "a server that keeps fewer of them than this leaks none")                            \
	X(KEPT_POOL, "kept-pool", "connections", 100,                                          \
	  "so many a client's pool may keep until it uses them next")                          \
	X(LOSS_PERCENT, "loss-percent", "%", 2,                                                \
	  "more segments than this sent again, or out of order, are notable")                  \
	X(LOSS_SEGMENTS, "loss-segments", "segments", 50,                                      \
	  "of fewer segments than this no rate is told")                                       \
	X(LOSS_TIME, "loss-time", "ms", 2000,                                                  \
	  "of so much time lost in retransmission time-outs few segments are notable, too")    \
	X(SLOW_ANSWER, "slow-answer", "ms", 1000,                                              \
	  "an answer is slow when it came later than this")                                    \
	X(CONNTRACK_FILL, "conntrack-fill", "%", 90,                                           \
	  "a table of connections that is fuller than this is nearly full")                    \
	X(CONNTRACK_SOON, "conntrack-soon", "s", 900,                                          \
	  "one that is half full is told where its trend fills it within this time")           \
	X(HOST_LOOK, "host-look", "s", 60,                                                     \
	  "live, how often is looked how full tables and memory of the host are; 0: never")    \
	X(SILENCE, "silence", "s", 60,                                                         \
	  "a connection on which nobody speaks for this long is silent")

enum threshold {
#define X(id, name, unit, value, what) THRESHOLD_##id,
	THRESHOLDS(X)
#undef X
		THRESHOLD_COUNT,
};

struct thresholds {
	__u64 value[THRESHOLD_COUNT];
};

extern const struct thresholds thresholds_default;

struct threshold_row {
	const char *name;
	const char *unit;
	__u64 value; /* the default */
	const char *what;
};

const struct threshold_row *threshold_row(size_t index); /* NULL at the end */

/* "slow-handshake=800". Returns 0; -ENOENT no such name; -EINVAL no number. */
int threshold_set(struct thresholds *thresholds, const char *assignment);

/* ---- the catalogue ---- */

struct rule;

const struct rule *rules_row(size_t index); /* NULL at the end; in order of precedence */
const struct rule *rules_find(const char *id); /* NULL unknown */
const char *rule_id(const struct rule *rule);
enum severity rule_severity(const struct rule *rule);
enum confidence rule_cap(const struct rule *rule);
enum stage rule_stage(const struct rule *rule);
const char *rule_means(const struct rule *rule); /* explain: what it means */
const char *rule_evidence(const struct rule *rule); /* explain: what decides */
const char *rule_gate(const struct rule *rule); /* explain: what keeps it silent; may be "" */
const char *rule_check(const struct rule *rule); /* explain: what to check in general */
const char *
rule_kernels(const struct rule *rule); /* explain: which kernel gives what, substitutes */

/* ---- judging ---- */

struct verdict {
	const struct rule *rule; /* NULL: nothing to tell */
	const struct rule *
		asks; /* another one, before it, if facts say so; NULL none, or they were fetched */
	__u8 severity;
	__u8 confidence;
	__u8 state; /* enum finding_state */
	__u32 blind; /* BLIND_* */
	const struct opening *opening; /* the one it speaks of; NULL for bind, listen, overflow */
	bool by_packets; /* of a connection of this host: its packets tell it, and not its socket */
};

/*
 * Judges an attempt that join_due() handed out. @verdict->rule is NULL when there is nothing to
 * tell: it worked, or its end is unknown and nothing was pending.
 */
void rules_judge(const struct join *join, const struct thresholds *thresholds,
		 const struct attempt *attempt, struct verdict *verdict);

/* Which facts are to be fetched before telling; false: none. */
bool rules_want(const struct join *join, const struct thresholds *thresholds,
		const struct attempt *attempt, const struct verdict *verdict,
		struct fact_request *wanted);

/* The verdict may change with facts in hand, or be another rule's: fetch before counting, then judge again. */
bool rules_facts_decide(const struct verdict *verdict);

/* ---- telling ---- */

struct check {
	char on[48]; /* "local", "remote"; of a capture "client", "remote"; else an address */
	char run[200];
	char why[160];
};

struct party {
	char role[12]; /* listener, holder, peer, client */
	bool owner_known;
	struct event_owner owner;
	char exe[128];
	__u32 netns;
	struct event_tuple tuple;
	__u8 state; /* TCP state, 0 unknown */
};

struct finding {
	const struct rule *rule;
	const struct rule *supersedes; /* NULL none */
	__u64 attempt;
	__u64 group; /* of finding, owner, role, remote */
	__u64 storm; /* the same without the remote */
	__u64 time_ns; /* monotonic */
	__u64 started_ns;
	__u64 duration_us;
	bool duration_known;
	__u8 severity;
	__u8 confidence;
	__u8 state;
	__u8 stage; /* enum stage, none of rows alone */
	__u8 end; /* enum wait_end; WAIT_NONE: absent */
	__s32 error; /* positive errno, 0 absent */
	__u32 signal;
	__u32 blind;
	__u64 count; /* since the group's previous line */
	__u64 total; /* since its first */
	__u64 first_ns; /* of the group; 0 unknown */

	const char *did; /* "could not connect to": between who and where; NULL: .summary says it */
	char summary[256]; /* what: only what was observed */
	char cause[512]; /* likely, certainly, possibly: why */
	struct check checks[4];
	size_t checks_count;

	bool owner_known;
	__u8 owner_by; /* enum owner_by */
	struct event_owner owner;
	struct ev_process process; /* exe, unit, container; empty when unknown */

	const char *role; /* "client", "listener" */
	const char *checks_on; /* of its subject (subject.h) */
	__u64 cookie;
	__u32 netns;
	struct event_tuple tuple;
	char socket_path[EVENT_PATH_SIZE]; /* of a Unix socket, instead of addresses; "" none */
	bool captured; /* from packets of a file alone: no process can be known */
	char name[DNS_NAME_SIZE]; /* that a lookup gave: of what was asked for, else of the remote; "" unknown */
	bool asked_known;
	__u8 asked[EVENT_ADDRESS_SIZE];
	__u16 asked_port;
	bool translated_known; /* NAT of this machine gave it other ends than its socket's: */
	struct event_tuple translated;
	char interface[16];

	struct scope scope;
	bool scope_known;
	__u16 scope_other_port;
	struct scope scope_other;
	char scope_text[200];

	size_t related_count;
	size_t changed_count;
	size_t path_count;
	size_t facts_count;
	size_t evidence_count;
	size_t evidence_omitted;

	/* of these so much is set as the counts say: most findings have few of them */
	struct party related[4];
	struct change changed[4];
	struct ev_fact path[2]; /* FACT_ROUTE, FACT_NEIGHBOR */
	struct ev_fact facts[12]; /* quoted values of this host */
	struct evidence evidence[JOIN_EVIDENCE_MAX];
};

/* Group of a verdict: finding, owner (unit, else container, else executable), role, remote. */
__u64 rules_group(const struct join *join, const struct attempt *attempt,
		  const struct verdict *verdict);

/* The same whatever its remote: many of them at once are one storm. 0: nobody is known to own it. */
__u64 rules_storm(const struct join *join, const struct attempt *attempt,
		  const struct verdict *verdict);

/* Writes the whole finding; count and total are the caller's. */
void rules_tell(const struct join *join, const struct thresholds *thresholds,
		const struct attempt *attempt, const struct verdict *verdict,
		struct finding *finding);

/* ---- evidence in words ---- */

const char *
evidence_layer(const struct evidence *evidence); /* "syscall", "socket", "packet", "drop", "host" */
const char *
evidence_event(const struct evidence *evidence); /* "state", "syn", "syn-ack", "reset", "drop", … */

enum {
	EVIDENCE_ASCII = 1 << 0, /* "->" for arrows */
	EVIDENCE_SHORT =
		1 << 1, /* without sequence numbers, windows, options, and a packet's place */
};

/* "SYN_SENT"; "→ SYN  seq 3812440907 win 64240 mss 1460 sack ts wscale 7  ttl 64"; @how: EVIDENCE_* */
void evidence_print(const struct join *join, const struct evidence *evidence, unsigned int how,
		    struct text *text);

/* "eth0", "eth0 of namespace web"; "" unknown */
void evidence_print_place(const struct join *join, const struct evidence *evidence,
			  struct text *text);
