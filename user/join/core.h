/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core.h - what several rooms of join share, private to this folder */
#pragma once

#include <sys/queue.h>

#include "join/evidence/evidence.h"
#include "join/host/owner.h"
#include "join/segment/ends.h"
#include "join/join.h"
#include "util/hash.h"

/* Every slot is allocated by join_new() and touched only when used: memory follows the load. */

#define JOIN_CHANGES_MAX 64
#define JOIN_OWNERS_MAX 32768 /* as many as whose.c can speak of */
#define JOIN_NEIGHBORS_MAX 32
#define JOIN_INTERFACES_MAX 1024
#define JOIN_NETNS_MAX 512
#define JOIN_NAMES_MAX 2048
#define JOIN_PROCESSES_MAX 1024
#define JOIN_PROCESSES_WAYS 8
#define JOIN_HOOKS_MAX 64
#define JOIN_CPUS_MAX 1024
#define JOIN_SCOPES_MAX 4096
#define JOIN_MEDIAN_OF 9
#define JOIN_SEEN_MAX 16384 /* a power of two, small: every packet looks into it */
#define JOIN_LOOKUPS_MAX 4096
#define JOIN_LOOKUP_EVIDENCE 8
#define JOIN_LOOKUPS_WORKED 1024 /* remembered for what is still to come of them */
#define JOIN_LOOKUPS_TRUNCATED 256 /* looked through at each TCP segment of port 53 */
#define JOIN_DATAGRAMS_MAX 4096 /* UDP questions that may be answered from elsewhere */
#define JOIN_FLOWS_WAYS 4
#define JOIN_CLAIMS_MAX 1024 /* addresses whose owner is watched */
#define JOIN_CLAIMS_WAYS 8
#define JOIN_CLAIMS_CHANGES 3 /* A, B, A, B: a failover and its end are two */
#define JOIN_DATAGRAMS_WAITING 64 /* looked through at each datagram */
#define JOIN_DATAGRAMS_OF 16 /* of so many last ones of DNS and ICMP a copy is recognised */

struct attempt_slot;
struct attempt_table;
struct conn;
struct conns;
struct opening_slot;
struct openings;
struct strays;
struct talks;

struct captured_packet {
	__u64 ts_ns;
	__u32 print; /* of what tells it from every other packet but its copies */
};

enum lookup_queued { LOOKUP_WAITING, LOOKUP_WORKED, LOOKUP_DATAGRAM };

struct lookup_slot {
	struct lookup lookup; /* first */
	LIST_ENTRY(lookup_slot) by_name;
	TAILQ_ENTRY(lookup_slot)
	by_time; /* in the order of the first query, or free; told: in none */
	LIST_ENTRY(lookup_slot) by_truncation; /* in .lookups_truncated while .truncated_ns */
	__u8 queued; /* enum lookup_queued: in which queue .by_time is */
	__u8 answered; /* LOOKUP_* */
	__u8 without; /* of .answered: without an address */
	bool had_address; /* one was told within the memory of .lookups_worked */
	bool paired; /* A and AAAA were asked together, from one port */
	__u64 failed_ns; /* every type was answered, none without error; 0: not */
	__u64 truncated_ns; /* 0: not */
	__u64 tcp_ns; /* the last segment of the query over TCP */
	__u64 seen_ns; /* the last query or answer */
	__u32 evidence_count;
	__u32 evidence_omitted;
	struct evidence evidence[JOIN_LOOKUP_EVIDENCE];
};

/* What one port of a client asks one port number over UDP. */
struct datagram_slot {
	__u8 client[EVENT_ADDRESS_SIZE];
	__u8 asked[EVENT_ADDRESS_SIZE];
	__u8 other[EVENT_ADDRESS_SIZE]; /* valid with .other_ns: who answered instead */
	__u16 client_port;
	__u16 server_port;
	bool used;
	bool settled; /* answered as asked, or of a kind that is never judged */
	__u32 again; /* questions after that answer */
	__u64 asked_ns;
	__u64 other_ns;
	TAILQ_ENTRY(datagram_slot) by_time; /* in .datagrams_answered while .other_ns */
	struct evidence question;
	struct evidence answer;
};

/* One address of one link, and who says it is his. */
struct claims_slot {
	struct address_claims claims;
	bool used;
	bool told; /* or never will be */
	bool answered; /* the last question, by .answerer to .asker */
	__u8 last; /* which of .by claimed it last */
	__u8 answerer[CLAIM_MAC_SIZE];
	__u8 asker[EVENT_ADDRESS_SIZE]; /* whom the claims told, zeros: all */
	__u64 answered_ns;
	__u64 changed_ns[JOIN_CLAIMS_CHANGES]; /* the last ones, the newest first */
	__u64 proven_ns; /* 0: not */
};

struct listener_slot {
	struct listener listener; /* first */
	bool used;
};

struct neighbor_failure {
	__u64 ts_ns;
	__u32 netns;
	__u32 ifindex;
	__u8 address[EVENT_ADDRESS_SIZE];
};

struct netns_slot {
	__u32 netns;
	bool own;
	bool covered; /* packet hooks at every interface that is up, nothing in front of them */
	__u64 covered_since_ns;
	char name[60];
};

struct interface_slot {
	struct interface interface; /* first */
	__u64 since_ns; /* the hooks are attached */
	bool used;
};

struct name_slot {
	__u64 value;
	__u8 space; /* + 1; 0: free */
	char text[JOIN_NAME_SIZE];
};

struct scope_slot {
	TAILQ_ENTRY(scope_slot) by_use;
	__u64 number; /* in the order of first openings */
	__u32 netns;
	__u16 port;
	__u8 remote[EVENT_ADDRESS_SIZE];
	struct scope scope;
	__u32 handshakes_us[JOIN_MEDIAN_OF];
	__u32 handshakes;
};

LIST_HEAD(lookup_list, lookup_slot);
TAILQ_HEAD(lookup_queue, lookup_slot);
TAILQ_HEAD(datagram_queue, datagram_slot);
TAILQ_HEAD(scope_queue, scope_slot);

struct join {
	struct join_limits limits;
	struct join_counters counters;
	__u64 now_ns;

	struct conns *conns;
	struct openings *openings;
	struct strays *strays;
	struct attempt_table *attempts;
	struct evidence_pool *evidence;

	struct listener_slot *listeners;
	size_t listeners_end; /* one past the last used */

	struct scope_slot *scopes;
	size_t scopes_touched;
	__u64 scopes_seen;
	struct hash scopes_by_port; /* by namespace, address and port */
	struct hash scopes_by_address; /* once one of its openings worked */
	struct scope_queue scopes_by_use;

	struct neighbor_failure neighbors[JOIN_NEIGHBORS_MAX];
	size_t neighbors_next;
	struct change changes[JOIN_CHANGES_MAX];
	size_t changes_next;
	struct netns_slot netns[JOIN_NETNS_MAX];
	size_t netns_count;
	struct interface_slot *interfaces;
	struct name_slot *names;
	struct ev_process *processes;
	struct ev_hook hooks[JOIN_HOOKS_MAX];
	size_t hooks_count;
	bool hooks_deaf; /* states or drops cannot be seen at all */

	struct flow_table *flows; /* NULL: none is kept */
	struct owners *owners;
	struct whose *whose; /* NULL: nobody asks */
	struct stream_look look; /* at the last record */
	struct conn *conn; /* .look's, NULL none */
	struct talks *talks; /* NULL: what is said is not judged */
	bool claimed; /* an opening or a lookup tells what the last record brought */
	bool finished;

	struct ev_start start;
	bool started;
	struct lookup_slot *lookups;
	size_t lookups_touched;
	struct lookup_list lookups_by_name[JOIN_LOOKUPS_MAX];
	struct lookup_queue lookups_waiting;
	struct lookup_queue lookups_worked; /* those seen last at the end */
	struct lookup_queue lookups_free;
	size_t lookups_worked_count;
	struct lookup_list lookups_truncated;
	size_t lookups_truncated_count;
	bool tcp_seen; /* the capture is of more than UDP */
	struct datagram_slot *datagram_flows;
	struct datagram_queue datagrams_answered; /* from elsewhere, in the order of that */
	struct lookup_queue datagrams_waiting; /* too big, in the order of the last ICMP error */
	size_t datagrams_waiting_count;
	struct claims_slot *claims;
	size_t claims_proven; /* of them: to be told */
	struct captured_packet datagrams[JOIN_DATAGRAMS_OF];
	size_t datagrams_next;
	__u32 seen[JOIN_SEEN_MAX]; /* destinations of captured packets, by their hash; 0 none */
	bool capture; /* the start record says that frames follow */
	struct ev_clock clock;
	bool clock_known;
	__u32 own_netns;
	__u32 lost_by_cpu[JOIN_CPUS_MAX];
	__u64 lost_ns; /* when a loss was last noticed, 0 never */
	__u64 lost_seen[2]; /* records lost and shed so far, but for pieces of packets */
};


bool capture_sees(const struct join *join, const __u8 *address); /* packets that go there */

/* lookup.c: names */
void lookup_datagram(struct join *join, const struct event *event); /* of port 53 */
void lookup_take_answer(struct join *join, const struct event *event, const struct dns *dns);
void lookup_succeed(struct join *join, struct lookup_slot *slot, __u64 now_ns);
bool lookup_quoted(struct join *join, const struct event *event, bool too_big); /* false: of none */
void lookup_run_timers(struct join *join, __u64 now_ns);
void lookup_finish(struct join *join);
void lookup_release(struct join *join, const struct lookup *lookup); /* it was told */
bool lookup_is_copy(struct join *join, const struct event *event);
/* A slot for a datagram, to be told with lookup_tell(); NULL: every one waits to be told. */
struct lookup_slot *lookup_take_datagram(struct join *join, const __u8 *client, __u64 started_ns);
void lookup_drop(struct join *join, struct lookup_slot *slot);
void lookup_tell(struct join *join, struct lookup_slot *slot, __u64 now_ns);
struct evidence lookup_evidence(const struct event *event, enum evidence_direction direction);
void lookup_add_evidence(struct lookup_slot *slot, const struct evidence *evidence);

/* lookup_tcp.c: after a truncated answer */
void lookup_segment(struct join *join, const struct event *event);
bool lookup_of_segment(const struct join *join, const struct packet *packet);

/* datagram.c: what else UDP and the ICMP errors about it tell */
void datagram_event(struct join *join, const struct event *event);
void datagram_quoted(struct join *join, const struct event *event);
void datagram_run_timers(struct join *join, __u64 now_ns);
void datagram_finish(struct join *join);

/* claims.c: who says that an address is his */
void claims_event(struct join *join, const struct event *event, const struct claim *claim);
void claims_packet(struct join *join, const struct event *event); /* of what is not TCP */
void claims_run_timers(struct join *join, __u64 now_ns);
void claims_finish(struct join *join);

/* listener.c */
void listener_open(struct join *join, const struct event *event);
void listener_snapshot(struct join *join, const struct event *event);
void listener_close(struct join *join, const struct event *event);
struct listener_slot *listener_by_cookie(struct join *join, __u64 cookie);

/* flow.c */
int flow_table_new(struct flow_table **out, struct conns *conns, size_t room);
void flow_table_free(struct flow_table *table);
void flow_event(struct join *join, const struct event *event);

/* whose.c */
int whose_new(struct whose **out, struct owners *owners);
void whose_free(struct whose *whose);
void whose_event(struct whose *whose, const struct event *event);

/* scope.c */
void scope_note(struct join *join, const struct opening *opening, bool worked);

/* host.c */
void host_event(struct join *join, const struct event *event);
void host_note_change(struct join *join, __u32 netns, __u64 ts_ns, __u16 what, bool removed,
		      __u32 pid, const char *text);
const struct netns_slot *host_netns(const struct join *join, __u32 netns);
const struct neighbor_failure *host_neighbor_failure(const struct join *join,
						     const struct opening *opening);
bool host_interface_leaves(const struct join *join, __u32 netns, __u32 ifindex);
