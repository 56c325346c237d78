// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_lookup.c - a lookup, or another datagram that met trouble */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/port.h"
#include "util/time.h"

static const struct subject *subject_of(const struct lookup *lookup)
{
	return lookup->about == LOOKUP_QUEUE_FULL ? &subject_receiver :
	       lookup->about == LOOKUP_NOT_SENT	  ? &subject_send :
						    &subject_lookup;
}

/* Nobody's of a capture; the two numbers make the id of what has no socket. */
static struct attempt_slot *take_lookup(struct join *join, const struct lookup *lookup)
{
	__u64 what = hash_bytes(lookup->client_port, lookup->name, sizeof(lookup->name));
	__u64 who = hash_bytes(0, lookup->client, sizeof(lookup->client));

	struct attempt_slot *slot;

	if (lookup_is_captured(lookup))
		return attempt_take_nobodys(join, &subject_lookup, what, who, lookup->started_ns);
	slot = attempt_take(join, subject_of(lookup), lookup->owner, lookup->owner, lookup->netns,
			    hash_mix(what, lookup->cookie), lookup->started_ns);
	if (slot && lookup->owner_by_file)
		slot->attempt.owner_by = OWNER_BY_FILE;
	return slot;
}

static void note_lookup(struct join *join, struct attempt_slot *slot,
			const struct lookup_slot *from)
{
	const struct lookup *lookup = &from->lookup;

	slot->attempt.lookup = lookup;
	slot->attempt.worked = lookup->worked;
	slot->attempt.unknown = lookup->unknown;
	slot->attempt.ended_ns = lookup->ended_ns;
	evidence_release(join->evidence, &slot->seen);
	for (size_t i = 0; i < from->evidence_count; i++)
		evidence_add(join->evidence, &slot->seen, &from->evidence[i]);
	slot->seen.count += from->evidence_omitted;
}

void attempt_lookup_early(struct join *join, struct lookup_slot *from)
{
	struct attempt_slot *slot = take_lookup(join, &from->lookup);

	if (!slot)
		return;
	from->attempt = slot;
	note_lookup(join, slot, from);
	attempt_judge_early(join, slot, from->lookup.ended_ns);
}

bool attempt_lookup(struct join *join, struct lookup_slot *from)
{
	struct attempt_slot *slot =
		from->attempt ? from->attempt : take_lookup(join, &from->lookup);

	if (!slot)
		return false;
	note_lookup(join, slot, from);
	if (from->lookup.about == LOOKUP_NAME && from->lookup.worked)
		wish_wait(join, slot);
	else
		attempt_judge(join, slot, from->lookup.ended_ns);
	return true;
}

static void lookup_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct lookup *lookup = attempt->lookup;
	struct event_tuple *tuple = &about->tuple;

	about->cookie = lookup->cookie;
	about->sources = lookup->sources;
	about->name = lookup->name[0] ? lookup->name : NULL;
	/* when a caller to whom nothing came gave up is not seen */
	about->lasted = !lookup_is_captured(lookup) && !lookup->unreachable &&
			(lookup->answer_ns || attempt->state == ATTEMPT_OPEN);
	memcpy(tuple->local, lookup->client, sizeof(tuple->local));
	memcpy(tuple->remote, lookup->server, sizeof(tuple->remote));
	tuple->local_port = lookup->client_port;
	tuple->remote_port = lookup->name[0] ? PORT_DNS : lookup->server_port;
	tuple->family = address_is_ipv4(tuple->local) ? AF_INET : AF_INET6;
	tuple->protocol = IPPROTO_UDP;
}

static void lookup_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		       struct subject_key *key)
{
	const struct lookup *lookup = attempt->lookup;

	(void)opening;
	(void)severity;
	subject_key_add(key, lookup->client, sizeof(lookup->client));
	subject_key_add(key, lookup->server, sizeof(lookup->server));
	subject_key_add(key, &lookup->server_port, sizeof(lookup->server_port));
	subject_key_add(key, lookup->name, strnlen(lookup->name, sizeof(lookup->name)));
	subject_key_add(key, "", 1);
}

static void lookup_released(struct join *join, const struct attempt *attempt)
{
	lookup_release(join, attempt->lookup);
}

/* Live a socket asks for one name: what passed between it and its last server, and over TCP. */
static bool live_name_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	const struct lookup *lookup = attempt->lookup;

	if (index > (lookup->tcp_port != 0))
		return false;
	*span = (struct packet_span){
		/* of a container, whose packets are seen at this side of its veth */
		.cookie = index ? 0 : lookup->cookie,
		.netns = lookup->netns,
		.from_ns = attempt->started_ns,
		.until_ns =
			attempt->due_ns > attempt->ended_ns ? attempt->due_ns : attempt->ended_ns,
	};
	subject_tuple(attempt, &span->tuple);
	if (!index)
		return true;
	span->tuple.local_port = lookup->tcp_port;
	span->tuple.protocol = IPPROTO_TCP;
	return true;
}

/*
 * A client may ask for many names from one port: of a lookup the frames of its messages are chosen,
 * the connection of its query over TCP, and where there were more messages than are kept, what its
 * last port said to the last server after those.
 */
static bool name_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	const struct lookup *lookup = attempt->lookup;
	struct evidence seen[JOIN_EVIDENCE_MAX];
	size_t omitted, count = subject_listed(attempt, seen, JOIN_EVIDENCE_MAX, &omitted);

	if (!lookup_is_captured(lookup))
		return live_name_packets(attempt, index, span);
	if (index < count)
		return subject_frame(seen, count, index, span);
	*span = (struct packet_span){
		.from_ns = attempt->started_ns,
		.until_ns = attempt->ended_ns,
	};
	subject_tuple(attempt, &span->tuple);
	index -= count;
	if (lookup->tcp_port && !index--) {
		span->tuple.local_port = lookup->tcp_port;
		span->tuple.protocol = IPPROTO_TCP;
		return true;
	}
	if (count)
		span->from_ns = seen[count - 1].ts_ns;
	return omitted && !index;
}

/* What was told in answer to a datagram came after it: it is looked for so long before. */
#define DATAGRAM_BEFORE_NS NS_PER_S

static bool lookup_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	const struct lookup *lookup = attempt->lookup;
	bool elsewhere = lookup->about == LOOKUP_OTHER_ADDRESS;

	if (lookup->about == LOOKUP_NAME)
		return name_packets(attempt, index, span);
	if (index > elsewhere)
		return false;
	*span = (struct packet_span){
		.from_ns = ns_between(DATAGRAM_BEFORE_NS, lookup->started_ns),
		.until_ns = lookup->ended_ns,
	};
	subject_tuple(attempt, &span->tuple);
	if (index) /* who answered instead */
		memcpy(span->tuple.remote, lookup->sender, sizeof(span->tuple.remote));
	return true;
}

static void send_about(const struct attempt *attempt, struct subject_about *about)
{
	lookup_about(attempt, about);
	about->error = attempt->lookup->error;
}

static void receiver_key(const struct attempt *attempt, const struct opening *opening,
			 __u8 severity, struct subject_key *key)
{
	const struct lookup *lookup = attempt->lookup;

	(void)opening;
	(void)severity;
	subject_key_add(key, lookup->client, sizeof(lookup->client));
	subject_key_add(key, &lookup->client_port, sizeof(lookup->client_port));
}

/* What an attempt about a lookup or a datagram has, whichever it is. */
#define LOOKUP(of_name, of_role, of_number, of_about, of_key)                            \
	.name = of_name, .role = of_role, .number = of_number, .wakes = WAKE_LOOKUP,     \
	.uncounted = true, .about = of_about, .key = of_key, .evidence = subject_listed, \
	.packets = lookup_packets, .release = lookup_released

const struct subject subject_lookup = {
	LOOKUP("lookup", "client", 4, lookup_about, lookup_key),
	.told_at_end = true,
};

const struct subject subject_send = {
	LOOKUP("send", "client", 14, send_about, lookup_key),
	.failed = "could not send to",
};

const struct subject subject_receiver = {
	LOOKUP("receiver", "server", 15, lookup_about, receiver_key),
};
