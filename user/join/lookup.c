// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup.c - DNS queries of a capture and what became of them; datagrams that nobody took */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/table.h"
#include "util/address.h"

/*
 * A lookup is what one client wants to know of one name: its A and AAAA queries, their repetitions
 * and those to other servers. It works as soon as one of them brings an answer without error.
 *
 *   WAITING ──every type answered, none without error──► FAILED ──settle──► told
 *      │  └── SILENCE_NS without a query ──► told           │
 *      └── an answer without error ──► gone ◄──────────────┘ so does one for an expansion of it
 *
 * Resolvers walk a search list: db.corp.example, db.example, db. Of those that do not exist only
 * the last one is told, and none if one of them does.
 *
 * Queries over UDP to port 53 only: what goes over TCP, TLS or HTTPS is not looked at.
 */

enum { PORT_DNS = 53 };

#define SILENCE_NS (10 * 1000000000ull) /* glibc repeats after 5 s (RES_TIMEOUT) */
#define COPY_NS 1000000
#define COPY_ID_NS 100000000

static __u8 asked_bit(__u16 type)
{
	return type == DNS_TYPE_A ? LOOKUP_A : type == DNS_TYPE_AAAA ? LOOKUP_AAAA : LOOKUP_OTHER;
}

/* ---- copies ---- */

static bool is_copy(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	__u64 window_ns = packet->ip_id ? COPY_ID_NS : COPY_NS, ts_ns = event->head.ts_ns;
	__u64 h = hash_mix(packet->ip_id, (__u64)packet->source_port << 16 | packet->protocol);

	h = join_hash_bytes(h, packet->source, sizeof(packet->source));
	h = join_hash_bytes(h, packet->destination, sizeof(packet->destination));
	if (packet->payload_at && packet->payload_at < event->bytes_captured)
		h = join_hash_bytes(h, event->bytes + packet->payload_at,
				    event->bytes_captured - packet->payload_at);
	h = hash_mix(h, packet->inner.source_port);
	for (size_t i = 0; i < JOIN_DATAGRAMS_OF; i++) {
		const struct captured_packet *last = &join->datagrams[i];
		__u64 apart = last->ts_ns > ts_ns ? last->ts_ns - ts_ns : ts_ns - last->ts_ns;

		if (apart < window_ns && last->print == (__u32)h)
			return true;
	}
	join->datagrams[join->datagrams_next++ % JOIN_DATAGRAMS_OF] =
		(struct captured_packet){ .ts_ns = ts_ns, .print = (__u32)h };
	return false;
}

/* ---- slots ---- */

static struct lookup_list *bucket(struct join *join, const __u8 *client, const char *name)
{
	__u64 h = join_hash_bytes(0, client, EVENT_ADDRESS_SIZE);

	h = join_hash_bytes(h, name, strlen(name));
	return &join->lookups_by_name[h % JOIN_LOOKUPS_MAX];
}

static struct lookup_slot *find(struct join *join, const __u8 *client, const char *name)
{
	struct lookup_slot *slot;

	LIST_FOREACH(slot, bucket(join, client, name), by_name)
		if (address_equal(slot->lookup.client, client) && !strcmp(slot->lookup.name, name))
			return slot;
	return NULL;
}

void lookup_release(struct join *join, const struct lookup *lookup)
{
	TAILQ_INSERT_HEAD(&join->lookups_free, (struct lookup_slot *)lookup, by_time);
}

static void unlink_slot(struct join *join, struct lookup_slot *slot)
{
	LIST_REMOVE(slot, by_name);
	TAILQ_REMOVE(&join->lookups_waiting, slot, by_time);
}

static void drop(struct join *join, struct lookup_slot *slot)
{
	unlink_slot(join, slot);
	lookup_release(join, &slot->lookup);
}

/* NULL: every one waits to be told. */
static struct lookup_slot *take(struct join *join, const __u8 *client, const char *name,
				__u64 started_ns)
{
	struct lookup_slot *slot = TAILQ_FIRST(&join->lookups_free);

	if (slot) {
		TAILQ_REMOVE(&join->lookups_free, slot, by_time);
	} else if (join->lookups_touched < JOIN_LOOKUPS_MAX) {
		slot = &join->lookups[join->lookups_touched++];
	} else {
		slot = TAILQ_FIRST(&join->lookups_waiting);
		join->counters.evicted++;
		if (!slot)
			return NULL;
		unlink_slot(join, slot);
	}
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->lookup.client, client, EVENT_ADDRESS_SIZE);
	memcpy(slot->lookup.name, name, strlen(name) + 1);
	slot->lookup.started_ns = started_ns;
	LIST_INSERT_HEAD(bucket(join, client, name), slot, by_name);
	TAILQ_INSERT_TAIL(&join->lookups_waiting, slot, by_time);
	return slot;
}

/* ---- the end ---- */

static void add_evidence(struct lookup_slot *slot, const struct event *event, const struct dns *dns)
{
	struct evidence evidence = evidence_of(event);

	if (slot->evidence_count == JOIN_LOOKUP_EVIDENCE) {
		slot->evidence_omitted++;
		return;
	}
	evidence.kind = EVENT_PACKET;
	evidence.frame = event->frame.frame;
	evidence.packet_what = event->packet.what;
	evidence.payload_bytes = event->packet.payload_bytes;
	evidence.ttl = event->packet.ttl;
	evidence.icmp_type = event->packet.icmp_type;
	evidence.icmp_code = event->packet.icmp_code;
	evidence.direction = DIRECTION_IN;
	if (dns) {
		evidence.direction = dns->response ? DIRECTION_IN : DIRECTION_OUT;
		evidence.dns = dns->response ? EVIDENCE_ANSWER : EVIDENCE_QUERY;
		evidence.dns_type = dns->type;
		evidence.dns_rcode = dns->rcode;
	}
	memcpy(evidence.address, event->packet.source, sizeof(evidence.address));
	slot->evidence[slot->evidence_count++] = evidence;
}

static void tell(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;

	lookup->ended_ns = now_ns;
	lookup->blind_wire = !capture_sees(join, lookup->client);
	lookup->blind_lost = join->counters.lost;
	unlink_slot(join, slot);
	if (!attempt_lookup(join, slot))
		lookup_release(join, lookup);
}

/* Labels of both from the front as long as they are the same: what is left of each. */
static void strip_common(const char **a, const char **b)
{
	for (;;) {
		size_t n = strcspn(*a, "."), m = strcspn(*b, ".");

		if (!n || n != m || strncmp(*a, *b, n) != 0)
			return;
		*a += n + ((*a)[n] == '.');
		*b += m + ((*b)[m] == '.');
	}
}

static bool is_suffix(const char *whole, const char *end)
{
	size_t n = strlen(whole), m = strlen(end);

	return !m || (m <= n && !strcmp(whole + n - m, end) && (m == n || whole[n - m - 1] == '.'));
}

/* One wish with two suffixes of a search list, or with one and without. */
static bool are_expansions(const char *a, const char *b)
{
	const char *left = a, *right = b;

	strip_common(&left, &right);
	if (left == a) /* not even the first label */
		return false;
	return is_suffix(left, right) || is_suffix(right, left);
}

/* A name exists: its expansions that do not were only asked on the way to it. */
static void forget_expansions(struct join *join, const struct lookup *lookup, bool exists)
{
	struct lookup_slot *slot, *next;

	for (slot = TAILQ_FIRST(&join->lookups_waiting); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (&slot->lookup == lookup || !slot->failed_ns ||
		    slot->lookup.rcode != DNS_NXDOMAIN ||
		    !address_equal(slot->lookup.client, lookup->client) ||
		    !are_expansions(slot->lookup.name, lookup->name))
			continue;
		if (!exists)
			((struct lookup *)lookup)->expansions += 1 + slot->lookup.expansions;
		drop(join, slot);
	}
}

void lookup_run_timers(struct join *join, __u64 now_ns)
{
	struct lookup_slot *slot, *next;

	for (slot = TAILQ_FIRST(&join->lookups_waiting); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (slot->failed_ns && slot->failed_ns + join->limits.unanswered_ns <= now_ns)
			tell(join, slot, slot->failed_ns);
		else if (!slot->failed_ns && slot->lookup.asked_ns + SILENCE_NS <= now_ns)
			tell(join, slot, slot->lookup.asked_ns + SILENCE_NS);
	}
}

void lookup_finish(struct join *join)
{
	struct lookup_slot *slot;

	while ((slot = TAILQ_FIRST(&join->lookups_waiting))) {
		if (slot->failed_ns)
			tell(join, slot, slot->failed_ns);
		else if (slot->lookup.started_ns + join->limits.unanswered_ns <= join->now_ns)
			tell(join, slot, join->now_ns);
		else
			drop(join, slot); /* the capture ended before it could be answered */
	}
}

/* ---- packets ---- */

static void take_query(struct join *join, const struct event *event, const struct dns *dns)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot = find(join, packet->source, dns->name);
	struct lookup *lookup;

	if (!slot)
		slot = take(join, packet->source, dns->name, event->head.ts_ns);
	if (!slot)
		return;
	lookup = &slot->lookup;
	lookup->queries++;
	lookup->asked |= asked_bit(dns->type);
	lookup->type = dns->type;
	lookup->asked_ns = event->head.ts_ns;
	if (lookup->queries > 1 && !address_equal(lookup->server, packet->destination))
		lookup->other_servers = true;
	lookup->client_port = packet->source_port;
	memcpy(lookup->server, packet->destination, sizeof(lookup->server));
	slot->answered &= (__u8)~asked_bit(dns->type); /* asked again, elsewhere or once more */
	slot->failed_ns = 0;
	add_evidence(slot, event, dns);
}

static void take_answer(struct join *join, const struct event *event, const struct dns *dns)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot = find(join, packet->destination, dns->name);

	if (!slot || !(slot->lookup.asked & asked_bit(dns->type)))
		return; /* unasked, or its question was before the capture */
	if (dns->rcode == DNS_NOERROR) {
		forget_expansions(join, &slot->lookup, true);
		drop(join, slot);
		return;
	}
	add_evidence(slot, event, dns);
	slot->answered |= asked_bit(dns->type);
	/* that a name does not exist says more than that another server would not tell */
	if (slot->lookup.rcode != DNS_NXDOMAIN)
		slot->lookup.rcode = dns->rcode;
	memcpy(slot->lookup.server, packet->source, sizeof(slot->lookup.server));
	slot->lookup.answer_ns = event->head.ts_ns;
	if ((slot->answered & slot->lookup.asked) != slot->lookup.asked)
		return;
	slot->failed_ns = event->head.ts_ns;
	if (slot->lookup.rcode == DNS_NXDOMAIN)
		forget_expansions(join, &slot->lookup, false);
}

void lookup_datagram(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	bool query = packet->destination_port == PORT_DNS, answer = packet->source_port == PORT_DNS;
	struct dns dns;

	if (query == answer || !packet->payload_at || packet->payload_at >= event->bytes_captured ||
	    !dns_parse(event->bytes + packet->payload_at,
		       event->bytes_captured - packet->payload_at, &dns) ||
	    dns.response != answer || is_copy(join, event))
		return;
	if (query)
		take_query(join, event, &dns);
	else
		take_answer(join, event, &dns);
}

/* The youngest lookup of that client and port: the quoted part rarely holds the question. */
static struct lookup_slot *find_by_port(struct join *join, const __u8 *client, __u16 port,
					const __u8 *server)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH_REVERSE(slot, &join->lookups_waiting, lookup_queue, by_time)
		if (slot->lookup.client_port == port &&
		    address_equal(slot->lookup.client, client) &&
		    address_equal(slot->lookup.server, server))
			return slot;
	return NULL;
}

/* RFC 792, RFC 4443 3.1: only the port is told to have nobody. */
static bool is_port_unreachable(const struct packet *packet)
{
	if (packet->protocol == IPPROTO_ICMPV6)
		return packet->icmp_type == 1 && packet->icmp_code == 4;
	return packet->icmp_type == 3 && packet->icmp_code == 3;
}

void lookup_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot = NULL;
	struct lookup *lookup;

	if (packet->inner.protocol != IPPROTO_UDP || !is_port_unreachable(packet) ||
	    is_copy(join, event))
		return;
	if (packet->inner.destination_port == PORT_DNS)
		slot = find_by_port(join, packet->inner.source, packet->inner.source_port,
				    packet->inner.destination);
	if (slot) { /* the lookup owns the failures of its transport */
		slot->lookup.unreachable = true;
		add_evidence(slot, event, NULL);
		return;
	}
	slot = take(join, packet->inner.source, "", event->head.ts_ns);
	if (!slot)
		return;
	lookup = &slot->lookup;
	memcpy(lookup->server, packet->inner.destination, sizeof(lookup->server));
	memcpy(lookup->sender, packet->source, sizeof(lookup->sender));
	lookup->client_port = packet->inner.source_port;
	lookup->server_port = packet->inner.destination_port;
	lookup->unreachable = true;
	add_evidence(slot, event, NULL);
	tell(join, slot, event->head.ts_ns);
}
