/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fact.h - fetching facts of this host: what the families of facts share */
#pragma once

#include <sys/types.h>

#include "collect/host/host.h"
#include "util/array.h"
#include "util/text.h"

#define FACT_ADDRESSES_MAX 16
#define FACT_SOCKETS_MAX 8 /* holders, and as many listeners */
#define FACT_DESTINATIONS_MAX 4
#define FACT_PROGRAMS_MAX 6
#define FACT_RESOLVERS_MAX 8 /* glibc and musl take three */

/* One request on its way: the calling thread is in the namespace asked for. */
struct fetch {
	struct host *host;
	const struct fact_request *request;
	struct netlink route; /* in that namespace */
	int (*iterate)(void *ctx, bool owners);
	void *ctx;
	bool listener_found; /* of a Unix socket */
	int error; /* the sink's: ends everything */
};

struct ev_fact fact_make(enum event_fact what);

/* Delivers a fact of the request's namespace. An error of the sink stays in fetch->error. */
void fact_tell(struct fetch *fetch, struct ev_fact *fact);
void fact_tell_in(struct fetch *fetch, struct ev_fact *fact, __u32 netns);

/* Tells that it was looked for and not found. @name may be NULL; @error: negative errno or 0. */
void fact_tell_absent(struct fetch *fetch, enum event_fact what, const char *name, int error);

/* Whether the first @bits of both are equal; IPv4 prefixes count from the mapped address. */
bool fact_prefix_covers(const __u8 *prefix, unsigned int bits, int family, const __u8 *address);

/* fact_route.c: in the namespace */
void fact_fetch_route(struct fetch *fetch); /* ROUTE and NEIGHBOR, as wanted */
void fact_fetch_addresses(struct fetch *fetch);
__u32 fact_route_ifindex(struct fetch *fetch); /* where such a packet would leave, 0: nowhere */

/* fact_value.c: in the namespace */
void fact_fetch_sysctls(struct fetch *fetch);
void fact_fetch_counters(struct fetch *fetch);

/* fact_conntrack.c: in the namespace */
void fact_fetch_conntrack(struct fetch *fetch);
void fact_fetch_translated(struct fetch *fetch); /* fact_translated.c */
void fact_fetch_entry(struct fetch *fetch); /* fact_translated.c */

/* fact_socket.c: in the namespace */
void fact_fetch_sockets(struct fetch *fetch); /* HOLDER, LISTENER, PORT_USE, as wanted */

/* fact_ruleset.c: in the namespace */
void fact_fetch_ruleset(struct fetch *fetch);

/* fact_process.c: anywhere */
void fact_fetch_task_state(struct fetch *fetch);
void fact_fetch_capability(struct fetch *fetch);
void fact_fetch_open_files(struct fetch *fetch);

/* fact_unix.c: anywhere; fact_unix_listener.c: in the namespace, false: nobody listens there */
void fact_fetch_unix_path(struct fetch *fetch);
bool fact_fetch_unix_listener(struct fetch *fetch);

/* fact_resolver.c: anywhere */
void fact_fetch_resolvers(struct fetch *fetch);

/* fact_proxy.c: anywhere */
void fact_fetch_proxy(struct fetch *fetch);

/* fact_lsm.c: anywhere */
void fact_fetch_lsm(struct fetch *fetch);

/* fact_program.c: in the namespace */
void fact_fetch_programs(struct fetch *fetch);
