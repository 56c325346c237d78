/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core.h - what several rooms of join share, private to this folder */
#pragma once

#include <sys/queue.h>

#include "join/evidence/evidence.h"
#include "join/host/owner.h"
#include "join/segment/copy.h"
#include "join/segment/ends.h"
#include "join/join.h"
#include "util/hash.h"
#include "util/time.h"

/* Two CPUs disagree about the time by less than this (measured: 0.63 ms at worst). */
#define CLOCKS_APART_NS NS_PER_MS

/* Every slot is allocated by join_new() and touched only when used: memory follows the load. */

struct attempt_slot;
struct attempt_table;
struct claims;
struct conn;
struct answers;
struct bypasses;
struct conns;
struct datagrams;
struct full_queue;
struct gauges;
struct handshakes;
struct host;
struct kept_table;
struct listeners;
struct lookup_slot;
struct lookups;
struct loss;
struct opening_news;
struct opening_slot;
struct openings;
struct saids;
struct scopes;
struct sight;
struct strays;
struct talks;

struct join {
	struct join_limits limits;
	struct join_counters counters;
	__u64 now_ns;

	struct conns *conns;
	struct openings *openings;
	struct strays *strays;
	struct bypasses *bypasses;
	struct attempt_table *attempts;
	struct evidence_pool *evidence;

	struct host *host;
	struct loss *loss;
	struct sight *sight;
	struct listeners *listeners;
	struct scopes *scopes;
	struct claims *claims;
	struct gauges *gauges;
	struct lookups *lookups;
	struct datagrams *datagrams;
	struct kept_table *kept;
	__u64 looks; /* at all sockets, that were told whole */

	struct flow_table *flows; /* NULL: none is kept */
	struct owners *owners;
	struct whose *whose; /* NULL: nobody asks */
	struct stream_look look; /* at the last record; join.c's, for join_look() */
	const struct tls_side *tls_alert; /* likewise, for join_tls_alert() */
	struct saids *saids;
	struct answers *answers; /* of a command that is followed */
	struct handshakes *handshakes; /* of TLS, live and of captures */
	struct talks *talks; /* NULL: what is said is not judged */
	bool news; /* openings may have some */
	bool finished;
	bool followed; /* the records are a command's alone (run): with it ends who waits */
};

/* Who may have refused the call of a syscall record. */
static inline struct denial denial_of(const struct event *event)
{
	return (struct denial){
		.known = event->head.known & EVENT_K_REFUSED,
		.seccomp = event->syscall.seccomp,
		.program = event->syscall.program,
	};
}
