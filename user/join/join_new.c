// SPDX-License-Identifier: GPL-2.0-or-later
/* join_new.c - join made and freed */

#include <errno.h>
#include <stdlib.h>

#include "join/attempt/answers.h"
#include "join/attempt/attempt.h"
#include "join/conn/flow_table.h"
#include "join/conn/bypass_table.h"
#include "join/conn/kept_table.h"
#include "join/conn/opening.h"
#include "join/conn/said.h"
#include "join/conn/whose_table.h"
#include "join/host/claims_table.h"
#include "join/host/gauges_table.h"
#include "join/host/host.h"
#include "join/host/listener.h"
#include "join/host/loss.h"
#include "join/host/scope.h"
#include "join/host/sight.h"
#include "join/lookup/datagram.h"
#include "join/lookup/lookup.h"
#include "join/talk/handshakes.h"
#include "join/talk/talk_table.h"
#include "util/time.h"

const struct join_limits join_limits_default = {
	.connections = 65536,
	.listeners = 4096,
	.strays = 8192,
	.settle_ns = 250 * NS_PER_MS,
	.settle_reset_ns = 1000 * NS_PER_MS, /* iperf3: one and a half round trips, and a report */
	.settle_bind_ns = 1000 * NS_PER_MS,
	.fallback_ns = 250 * NS_PER_MS,
	.stagger_ns = 10 * NS_PER_MS, /* RFC 8305 5: never less between two attempts */
	.proven_ns = 1000 * NS_PER_MS,
	.episode_ns = 1500 * NS_PER_MS, /* a local client's first SYN retransmit comes at 1 s */
	.unanswered_ns = 1000 * NS_PER_MS, /* RFC 6298 2.1: then a SYN is sent again */
	.expire_ns = 900 * NS_PER_S, /* tcp_syn_retries of 6 gives up after 127 s */
	.slow_lookup_ns = 1000 * NS_PER_MS, /* as the threshold dns-slow */
	.dropped = 50, /* as the threshold dropped-datagrams */
	.hello_ns = 2000 * NS_PER_MS,
	.stuck = 3,
	.stalled_ns = 130 * NS_PER_S, /* TCP_RTO_MAX is 120 s */
	.kept_ns = 60 * NS_PER_S, /* as the threshold closed-half */
};

/*
 * As many as connections, attempts and listeners can have, each another, and lookups with those who
 * ask, whose tables have a size of their own. What is not used costs nothing.
 */
static int new_parties(struct join *join)
{
	const struct join_limits *limits = &join->limits;
	size_t room = 2 * ((size_t)limits->connections + limits->listeners) + limits->flows +
		      OWNERS_OF_LOOKUPS;
	int err = owners_new(&join->owners, room);

	return err || !join->limits.parties ? err : whose_new(&join->whose, join->owners);
}

int join_new(struct join **out, const struct join_limits *limits)
{
	struct join *join = calloc(1, sizeof(*join));
	size_t n = limits->connections < 64 ? 64 : limits->connections;

	if (!join)
		return -ENOMEM;
	join->limits = *limits;
	join->limits.connections = n;
	if (new_parties(join) ||
	    conns_new(&join->conns, limits->connections, limits->segments ? CONNS_STREAMS : 0,
		      join->owners) ||
	    openings_new(&join->openings, conns_slots(join->conns) - 1) ||
	    strays_new(&join->strays, limits->strays) || bypasses_new(&join->bypasses)) {
		join_free(join);
		return -ENOMEM;
	}
	if (limits->flows && flow_table_new(&join->flows, join->owners, limits->flows))
		join->flows = NULL;
	if (limits->segments && limits->established && talks_new(&join->talks, join->conns))
		join->talks = NULL;
	if (attempt_table_new(&join->attempts, n) || evidence_pool_new(&join->evidence, 4 * n) ||
	    host_new(&join->host) || loss_new(&join->loss) || sight_new(&join->sight) ||
	    listeners_new(&join->listeners, limits->listeners) || scopes_new(&join->scopes) ||
	    claims_new(&join->claims) || gauges_new(&join->gauges) || lookups_new(&join->lookups) ||
	    datagrams_new(&join->datagrams) || kept_new(&join->kept, join->owners) ||
	    handshakes_new(&join->handshakes) || saids_new(&join->saids) ||
	    answers_new(&join->answers) ||
	    (limits->segments && limits->established && !join->talks) ||
	    (limits->flows && !join->flows)) {
		join_free(join);
		return -ENOMEM;
	}
	*out = join;
	return 0;
}

void join_free(struct join *join)
{
	if (!join)
		return;
	conns_free(join->conns);
	openings_free(join->openings);
	strays_free(join->strays);
	bypasses_free(join->bypasses);
	host_free(join->host);
	loss_free(join->loss);
	sight_free(join->sight);
	listeners_free(join->listeners);
	scopes_free(join->scopes);
	claims_free(join->claims);
	gauges_free(join->gauges);
	lookups_free(join->lookups);
	datagrams_free(join->datagrams);
	kept_free(join->kept);
	handshakes_free(join->handshakes);
	saids_free(join->saids);
	answers_free(join->answers);
	attempt_table_free(join->attempts);
	evidence_pool_free(join->evidence);
	flow_table_free(join->flows);
	whose_free(join->whose);
	owners_free(join->owners);
	talks_free(join->talks);
	free(join);
}
