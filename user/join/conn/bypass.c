// SPDX-License-Identifier: GPL-2.0-or-later
/* bypass.c - the last segments that came to no socket of this host, and were reset */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "join/conn/bypass_table.h"
#include "util/address.h"
#include "util/tcp.h"

enum { ROOM = 64 };

struct bypasses {
	struct bypass ring[ROOM];
	struct evidence evidence[ROOM]; /* beside .ring */
	__u32 next;
};

int bypasses_new(struct bypasses **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void bypasses_free(struct bypasses *bypasses)
{
	free(bypasses);
}

static bool is_local_end(const struct event_tuple *a, const struct event_tuple *b)
{
	return a->local_port == b->local_port && address_equal(a->local, b->local);
}

static bool is_remote_end(const struct event_tuple *a, const struct event_tuple *b)
{
	return a->remote_port == b->remote_port && address_equal(a->remote, b->remote);
}

static struct event_tuple tuple_of(const struct packet *packet)
{
	struct event_tuple tuple = {
		.local_port = packet->destination_port,
		.remote_port = packet->source_port,
		.family = address_is_ipv4(packet->source) ? AF_INET : AF_INET6,
		.protocol = IPPROTO_TCP,
	};

	memcpy(tuple.local, packet->destination, sizeof(tuple.local));
	memcpy(tuple.remote, packet->source, sizeof(tuple.remote));
	return tuple;
}

/* Its place, or the oldest. */
static struct bypass *place_of(struct bypasses *bypasses, const struct event_tuple *tuple,
			       __u32 netns)
{
	for (size_t i = 0; i < ROOM; i++) {
		struct bypass *bypass = &bypasses->ring[i];

		if (bypass->count && bypass->netns == netns &&
		    is_local_end(&bypass->tuple, tuple) && is_remote_end(&bypass->tuple, tuple))
			return bypass;
	}
	bypasses->next = (bypasses->next + 1) % ROOM;
	bypasses->ring[bypasses->next] = (struct bypass){ .tuple = *tuple, .netns = netns };
	return &bypasses->ring[bypasses->next];
}

/* Before 6.10 no reset without a socket is told: that the segment was dropped for want of one says the same. */
static bool is_of_nobody(const struct join *join, const struct event *event)
{
	const char *reason;

	if (event->head.kind == EVENT_RESET_SENT)
		return !event->reset.state;
	if (!(event->head.known & EVENT_K_REASON) || (event->head.known & EVENT_K_RX_SOCKET))
		return false;
	reason = join_name(join, NAME_DROP_REASON, event->drop.reason);
	return reason && !strcmp(reason, "NO_SOCKET");
}

void bypass_note(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct event_tuple tuple;
	struct evidence *evidence;
	struct bypass *bypass;

	if (packet->what != PACKET_TCP || (packet->tcp_flags & (TCP_F_SYN | TCP_F_RST)) ||
	    !is_of_nobody(join, event))
		return;
	tuple = tuple_of(packet);
	bypass = place_of(join->bypasses, &tuple, event->head.netns);
	bypass->count++;
	bypass->last_ns = event->head.ts_ns;
	evidence = &join->bypasses->evidence[bypass - join->bypasses->ring];
	*evidence = join_evidence(event);
	evidence->direction = DIRECTION_IN;
	bypass->evidence = evidence;
}

const struct bypass *join_bypass(const struct join *join, const struct event_tuple *tuple,
				 __u64 from_ns, enum bypass_ends ends)
{
	const struct bypass *found = NULL;

	for (size_t i = 0; i < ROOM; i++) {
		const struct bypass *bypass = &join->bypasses->ring[i];
		bool local = is_local_end(&bypass->tuple, tuple);
		bool remote = is_remote_end(&bypass->tuple, tuple);

		if (!bypass->count || bypass->last_ns < from_ns ||
		    !(ends == BYPASS_BOTH_ENDS ? local && remote : local != remote))
			continue;
		if (!found || bypass->last_ns > found->last_ns)
			found = bypass;
	}
	return found;
}
