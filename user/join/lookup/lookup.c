// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup.c - DNS queries of a capture and what became of them */

#include "join/lookup/lookup.h"

#include <netinet/in.h>
#include <string.h>

#include "join/host/host.h"
#include "join/host/loss.h"
#include "join/host/sight.h"
#include "join/lookup/names.h"
#include "join/lookup/veil.h"
#include "util/address.h"
#include "util/time.h"

/*
 * A lookup is what one client wants to know of one name: its A and AAAA queries, their repetitions
 * and those to other servers. It works when one of them brings a record of its type; what else was
 * asked is still waited for, because most resolvers (getaddrinfo()) do so, too.
 *
 *   WAITING ──every type answered, none with a record──► FAILED ──settle──► told
 *      │  └── SILENCE_NS without a query ──► told           │
 *      └── a record ──► WORKED ◄────────────────────────────┘ so does one for an expansion of it
 *                         │ └── the last type answered later than slow_lookup_ns ──► told
 *                         └── SILENCE_NS, or WORKED_MAX younger ones ──► forgotten
 *
 * A truncated answer (TC) is none yet: the query is to follow over TCP (RFC 7766 5), or once more
 * over UDP with more room. Nothing else that goes over TCP, TLS or HTTPS is looked at.
 *
 * Resolvers walk a search list: db.corp.example, db.example, db. They are one wish: none is told if
 * one of them has an address. Else that is told which decides what the caller hears: the one of which
 * a server would not tell, or that nobody answered, and among those that do not exist the last.
 */

#define WORKED_MAX 1024 /* remembered for what is still to come of them */
#define TRUNCATED_MAX 256 /* looked through at each TCP segment of port 53 */

#define SILENCE_NS (10 * NS_PER_S) /* glibc repeats after 5 s (RES_TIMEOUT) */
#define REFUSED_NS (3 * NS_PER_S) /* musl asks every 2.5 s, whatever it hears */
#define TOGETHER_NS \
	(100 * NS_PER_MS) /* glibc sends AAAA behind A without waiting, on a busy host later */
#define ADDRESSES (LOOKUP_A | LOOKUP_AAAA)

static __u8 asked_bit(__u16 type)
{
	return type == DNS_TYPE_A ? LOOKUP_A : type == DNS_TYPE_AAAA ? LOOKUP_AAAA : LOOKUP_OTHER;
}

/* ---- what was asked and answered ---- */

/* The same client asks for the same name again: a lookup of its own, in the same slot. */
static void begin_again(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;
	struct lookup fresh = {
		.started_ns = now_ns,
		.cookie = lookup->cookie,
		.netns = lookup->netns,
		.sources = lookup->sources,
		.at_home = lookup->at_home,
		.owner = lookup->owner,
	};
	bool had_address = slot->queued == LOOKUP_WORKED &&
			   lookup->answer_ns + SILENCE_NS > now_ns &&
			   (slot->answered & ADDRESSES & ~slot->without);

	owners_set(join->owners, &lookup->upstream.owner, NULL);
	memcpy(fresh.client, lookup->client, sizeof(fresh.client));
	memcpy(fresh.name, lookup->name, sizeof(fresh.name));
	*lookup = fresh;
	slot->had_address |= had_address;
	slot->answered = 0;
	slot->without = 0;
	slot->paired = false;
	lookups_set_failed(join->lookups, slot, 0);
	slot->early = false; /* what was told early has ended, and is in no queue */
	slot->asked_by = NULL;
	slot->forwarded = false;
	slot->doubted = false;
	slot->unheard = false;
	slot->evidence_count = 0;
	slot->evidence_omitted = 0;
	lookups_move(join->lookups, slot, LOOKUP_WAITING);
}

static void add_message(struct lookup_slot *slot, const struct event *event, const struct dns *dns)
{
	struct evidence evidence =
		lookup_evidence(event, dns->response ? DIRECTION_IN : DIRECTION_OUT);

	evidence.dns = dns->response ? EVIDENCE_ANSWER : EVIDENCE_QUERY;
	evidence.dns_type = dns->type;
	evidence.dns_rcode = dns->rcode;
	evidence.dns_content = dns->truncated ? EVIDENCE_TRUNCATED : dns->content;
	lookup_add_evidence(slot, &evidence);
}

/* ---- the end ---- */

/* What could not have been seen of it. */
void lookup_see_blind(struct join *join, struct lookup_slot *slot)
{
	struct lookup *lookup = &slot->lookup;
	const struct netns_slot *place = host_netns(join, slot->place);

	if (lookup_is_captured(lookup)) {
		lookup->blind_wire = !sight_has(join, lookup->client);
		lookup->blind_tcp = !sight_has_tcp(join);
		lookup->blind_lost = join->counters.lost;
		return;
	}
	lookup->blind_wire =
		!place || !place->covered || place->covered_since_ns > lookup->started_ns;
	lookup->blind_late = lookup->blind_wire && place && place->covered;
	lookup->blind_tcp = lookup->blind_wire;
	lookup->blind_lost = slot->unheard || loss_since(join, lookup->started_ns);
	lookup->blind_upstream = !lookup->upstream.how && slot->reach.how == REACH_NETNS &&
				 veil_of_netns(join, slot->reach.netns, join->now_ns);
}

/*
 * Lookups of processes that are known; a forwarder's own query is part of another one. AAAA that is asked
 * for from the same port when A was answered is the rest of the same wish.
 */
static void note_duration(struct join *join, struct lookup_slot *slot, bool worked, __u64 now_ns)
{
	const struct lookup *lookup = &slot->lookup;
	bool rest = slot->timed_port == lookup->client_port && !(slot->timed & lookup->asked);

	if (lookup->about != LOOKUP_NAME || slot->foreign || slot->forwarded)
		return;
	slot->timed = rest ? slot->timed | lookup->asked : lookup->asked;
	slot->timed_port = lookup->client_port;
	if (!rest)
		durations_add(&join->counters.lookups[worked],
			      ns_between(lookup->started_ns, now_ns) / NS_PER_US);
}

void lookup_tell(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;

	if (slot->foreign || slot->forwarded) {
		lookup_drop(join, slot);
		return;
	}
	lookup->ended_ns = now_ns;
	if (!lookup->worked)
		note_duration(join, slot, false, now_ns);
	lookup_see_blind(join, slot);
	lookups_unlink(join->lookups, slot);
	slot->queued = LOOKUP_ENDED;
	TAILQ_INSERT_TAIL(&join->lookups->ended, slot, by_time);
}

/* What asks for addresses waits for those alone: nobody waits long for the rest (HTTPS). */
static bool is_whole(const struct lookup_slot *slot)
{
	__u8 asked = slot->lookup.asked;

	if (asked & ADDRESSES)
		asked &= ADDRESSES;
	return (slot->answered & asked) == asked;
}

/* One type has a record: it worked, and if that was the last one asked for, it is known when. */
void lookup_succeed(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;

	lookups_forget_truncation(join->lookups, slot);
	if (slot->queued != LOOKUP_WORKED)
		lookup_forget_expansions(join, slot);
	lookups_set_failed(join->lookups, slot, 0);
	if (slot->attempt || is_whole(slot))
		note_duration(join, slot, true, now_ns);
	if (slot->attempt ||
	    (is_whole(slot) && now_ns > lookup->started_ns + join->limits.slow_lookup_ns)) {
		lookup->worked = true;
		lookup_tell(join, slot, now_ns);
		return;
	}
	lookups_move(join->lookups, slot, LOOKUP_WORKED);
	if (join->lookups->worked_count > WORKED_MAX)
		lookup_drop(join, TAILQ_FIRST(&join->lookups->worked));
}

/* Every type was answered, none with a record. */
static void fail(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;
	struct lookup_slot *untold;

	/*
	 * Of AAAA alone nothing is known of A, which the asker may have in memory. And a server that
	 * denies AAAA wrongly (RFC 4074 4.2) is contradicted by the address it told before.
	 */
	lookup->empty = !lookup->rcode || (lookup->rcode == DNS_NXDOMAIN && lookup->exists);
	if (lookup->empty)
		lookup->rcode = DNS_NOERROR;
	if ((lookup->empty && !(lookup->asked & LOOKUP_A)) || slot->had_address) {
		lookup_succeed(join, slot, now_ns);
		return;
	}
	lookups_set_failed(join->lookups, slot, now_ns);
	lookup_fold_denied(join, slot);
	untold = !slot->attempt && lookup_is_denied(lookup) ? lookup_find_untold(join, slot) : NULL;
	if (!untold)
		return;
	lookups_set_failed(join->lookups, untold, now_ns);
	lookup_fold(join, untold, slot);
}

/* Whoever asked has ended: what came by then is all that it was told (ICMPv6 errors are few). */
static bool was_turned_down(const struct lookup_slot *slot)
{
	return !lookup_is_captured(&slot->lookup) &&
	       (slot->lookup.unreachable || slot->lookup.rcode);
}

/*
 * Every query of it brought an error, or the last one, over TCP, a reset, and the capture ends there, as one of port 53
 * does: nothing is under way.
 */
static bool is_turned_down_throughout(const struct lookup_slot *slot)
{
	const struct lookup *lookup = &slot->lookup;

	return lookup_is_captured(lookup) &&
	       (lookup->refused >= lookup->queries ||
		(slot->truncated_ns && lookup->tcp == LOOKUP_TCP_REFUSED &&
		 lookup->asked_ns <= slot->tcp_ns));
}

/* When the wait for anything more is over. */
static __u64 deadline_of(const struct join *join, const struct lookup_slot *slot)
{
	__u64 last_ns = slot->lookup.asked_ns;

	if (slot->failed_ns)
		return slot->failed_ns + join->limits.unanswered_ns;
	/* nothing is under way any more: who has the error goes on at once, if at all */
	if (!lookup_is_captured(&slot->lookup) && slot->lookup.refused >= slot->lookup.queries)
		return slot->seen_ns + REFUSED_NS;
	if (slot->truncated_ns > last_ns)
		last_ns = slot->truncated_ns;
	if (slot->tcp_ns > last_ns)
		last_ns = slot->tcp_ns;
	return last_ns + SILENCE_NS;
}

/* A caller waits for it since so long: a lost query is asked once more only after 1 s and later. */
static bool is_told_early(const struct join *join, const struct lookup_slot *slot, __u64 now_ns)
{
	return (slot->lookup.sources & SOURCE_SOCKET) && !slot->early && !slot->failed_ns &&
	       !slot->foreign && !slot->forwarded &&
	       slot->lookup.started_ns + join->limits.unanswered_ns <= now_ns;
}

static void wait_early(struct join *join, struct lookup_slot *slot)
{
	slot->early = true;
	slot->lookup.ended_ns = slot->lookup.started_ns + join->limits.unanswered_ns;
	lookup_see_blind(join, slot);
	slot->in_early = true;
	TAILQ_INSERT_TAIL(&join->lookups->early, slot, by_early);
}

void lookup_run_timers(struct join *join, __u64 now_ns)
{
	struct lookup_slot *slot, *next;

	for (slot = TAILQ_FIRST(&join->lookups->waiting); slot; slot = next) {
		__u64 deadline_ns = deadline_of(join, slot);

		next = TAILQ_NEXT(slot, by_time);
		lookup_doubt_forwarder(join, slot, now_ns);
		if (deadline_ns <= now_ns)
			lookup_tell(join, slot, slot->failed_ns ? slot->failed_ns : deadline_ns);
		else if (is_told_early(join, slot, now_ns))
			wait_early(join, slot);
	}
	while ((slot = TAILQ_FIRST(&join->lookups->worked)) && slot->seen_ns + SILENCE_NS <= now_ns)
		lookup_drop(join, slot);
}

void lookup_finish(struct join *join)
{
	struct lookup_slot *slot;

	while ((slot = TAILQ_FIRST(&join->lookups->waiting))) {
		__u64 since_ns = slot->lookup.started_ns;

		if (slot->truncated_ns)
			since_ns = slot->tcp_ns ? slot->tcp_ns : slot->truncated_ns;
		if (slot->failed_ns)
			lookup_tell(join, slot, slot->failed_ns);
		else if (since_ns + join->limits.unanswered_ns <= join->now_ns ||
			 (join->followed && was_turned_down(slot)) ||
			 is_turned_down_throughout(slot))
			lookup_tell(join, slot, join->now_ns);
		else
			lookup_drop(join, slot); /* the capture ended before it could be answered */
	}
}

/* ---- messages ---- */

/* A repetition tells what the first queries had brought by then. */
static void note_query(struct lookup_slot *slot, const struct packet *packet, __u16 type,
		       __u64 now_ns)
{
	struct lookup *lookup = &slot->lookup;
	__u8 bit = asked_bit(type), both = slot->answered & ADDRESSES;

	if (lookup->queries == 1 && (lookup->asked | bit) == ADDRESSES && !slot->answered &&
	    lookup->client_port == packet->source_port &&
	    now_ns <= lookup->started_ns + TOGETHER_NS)
		slot->paired = true;
	if (!lookup->queries)
		memcpy(lookup->first_server, packet->destination, sizeof(lookup->first_server));
	else if (!address_equal(lookup->server, packet->destination))
		lookup->other_servers = true;
	if (lookup->asked & bit) {
		/* the first repetition tells: between later ones the answers to it come */
		if (!lookup->repeats++ && slot->paired && (both == LOOKUP_A || both == LOOKUP_AAAA))
			lookup->half_lost = true;
	}
	lookup->queries++;
	lookup->asked |= bit;
	lookup->type = type;
	lookup->asked_ns = now_ns;
	lookup->client_port = packet->source_port;
	memcpy(lookup->client, packet->source, sizeof(lookup->client));
	memcpy(lookup->server, packet->destination, sizeof(lookup->server));
}

void lookup_take_query(struct join *join, const struct event *event, const struct dns *dns,
		       const struct lookup_from *from)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot =
		lookups_find(join->lookups, from->asker, packet->source, dns->name);
	__u64 now_ns = event->head.ts_ns;

	if (!slot)
		slot = lookups_take(join, from, packet->source, dns->name, now_ns, LOOKUP_WAITING);
	if (!slot)
		return;
	if (slot->queued == LOOKUP_WORKED &&
	    (is_whole(slot) || slot->lookup.asked_ns + SILENCE_NS <= now_ns))
		begin_again(join, slot, now_ns);
	note_query(slot, packet, dns->type, now_ns);
	slot->query_id = dns->id;
	slot->reach = from->reach;
	slot->seen_ns = now_ns;
	lookups_set_failed(join->lookups, slot, 0);
	if (slot->queued == LOOKUP_WAITING) /* asked again, elsewhere or once more */
		slot->answered &= (__u8)~asked_bit(dns->type);
	add_message(slot, event, dns);
	if (slot->lookup.queries == 1)
		lookup_fold_denied(join, slot);
	if (from->asker)
		lookup_note_forwarded(join, slot);
}

/* The answer did not fit. What of it came may be of use, but nobody may rely on it (RFC 2181 9). */
static void take_truncated(struct join *join, struct lookup_slot *slot, __u64 now_ns)
{
	slot->lookup.truncated = true;
	if (slot->truncated_ns)
		return;
	if (join->lookups->truncated_count == TRUNCATED_MAX) {
		join->counters.evicted++;
		lookup_drop(join, slot);
		return;
	}
	slot->truncated_ns = now_ns;
	LIST_INSERT_HEAD(&join->lookups->truncated, slot, by_truncation);
	join->lookups->truncated_count++;
}

static bool brings_nothing(const struct dns *dns)
{
	return dns->content == DNS_CONTENT_NONE && asked_bit(dns->type) != LOOKUP_OTHER;
}

static void note_names(struct join *join, const struct lookup_slot *slot, const struct dns *dns,
		       __u64 now_ns)
{
	const struct lookup *lookup = &slot->lookup;

	names_note(join->lookups->names, slot->asker,
		   lookup_is_captured(lookup) ? names_place_of_client(lookup->client) :
						names_place(lookup->netns),
		   dns, now_ns);
}

void lookup_take_answer(struct join *join, struct lookup_slot *slot, const struct event *event,
			const struct dns *dns)
{
	const struct packet *packet = &event->packet;
	__u8 bit = asked_bit(dns->type);
	__u64 now_ns = event->head.ts_ns;
	struct lookup *lookup;

	if (!slot || !(slot->lookup.asked & bit))
		return; /* unasked, or its question was before the capture */
	lookup = &slot->lookup;
	note_names(join, slot, dns, now_ns);
	if (slot->queued == LOOKUP_WORKED && ((slot->answered & bit) || is_whole(slot)))
		return; /* a second answer to the same, or one that nobody waits for */
	add_message(slot, event, dns);
	slot->seen_ns = now_ns;
	lookup->answer_ns = now_ns;
	memcpy(lookup->server, packet->source, sizeof(lookup->server));
	lookup_note_upstream(slot, LOOKUP_UPSTREAM_ANSWERED, dns->rcode);
	if (dns->truncated && slot->queued == LOOKUP_WAITING) {
		take_truncated(join, slot, now_ns);
		return;
	}
	slot->answered |= bit;
	if (dns->rcode == DNS_NOERROR && !brings_nothing(dns)) {
		lookup_succeed(join, slot, now_ns);
		return;
	}
	if (slot->queued == LOOKUP_WORKED) { /* the rest of what was asked for */
		slot->without |= bit;
		lookup_succeed(join, slot, now_ns);
		return;
	}
	slot->without |= bit;
	lookup->exists |= !dns->rcode;
	lookup->aliased |= dns->aliases;
	/* that a name does not exist says more than that another server would not tell */
	if (dns->rcode && lookup->rcode != DNS_NXDOMAIN)
		lookup->rcode = dns->rcode;
	if ((slot->answered & lookup->asked) == lookup->asked)
		fail(join, slot, now_ns);
}

void lookup_message(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	bool query = lookup_is_query(packet), answer = lookup_is_answer(packet);
	const struct lookup_from nobody = { .sources = SOURCE_CAPTURE };
	struct dns dns;

	if ((!query && !answer) || !packet->payload_at ||
	    packet->payload_at >= event->bytes_captured ||
	    !dns_parse(event->bytes + packet->payload_at,
		       event->bytes_captured - packet->payload_at, &dns) ||
	    dns.response != answer || lookup_is_copy(join, event))
		return;
	if (query)
		lookup_take_query(join, event, &dns, &nobody);
	else
		lookup_take_answer(join,
				   lookups_find(join->lookups, 0, packet->destination, dns.name),
				   event, &dns);
}

/* ---- ICMP errors ---- */

/* The youngest lookup of that client and port: the quoted part rarely holds the question. */
static struct lookup_slot *find_by_port(struct join *join, const __u8 *client, __u16 port,
					const __u8 *server)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH_REVERSE(slot, &join->lookups->waiting, lookup_queue, by_time)
		if (slot->lookup.client_port == port &&
		    address_equal(slot->lookup.client, client) &&
		    (address_equal(slot->lookup.server, server) ||
		     address_equal(slot->lookup.first_server, server)))
			return slot;
	return NULL;
}

void lookup_note_unreachable(struct lookup_slot *slot, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct evidence evidence = lookup_evidence(event, DIRECTION_IN);

	slot->lookup.unreachable = true;
	slot->lookup.refused++;
	slot->seen_ns = event->head.ts_ns;
	slot->lookup.icmp_code = packet->icmp_code;
	memcpy(slot->lookup.sender, packet->source, sizeof(slot->lookup.sender));
	lookup_note_upstream(slot, LOOKUP_UPSTREAM_UNREACHABLE, 0);
	lookup_add_evidence(slot, &evidence);
}

/* A lookup owns the failures of its transport: those of its queries, and of the answers to it. */
bool lookup_quoted(struct join *join, const struct event *event, bool too_big)
{
	const struct packet *packet = &event->packet;
	bool query = packet->inner.destination_port == PORT_DNS;
	struct lookup_slot *slot = NULL;
	struct evidence evidence;

	if (query)
		slot = find_by_port(join, packet->inner.source, packet->inner.source_port,
				    packet->inner.destination);
	else if (packet->inner.source_port == PORT_DNS && too_big)
		slot = find_by_port(join, packet->inner.destination, packet->inner.destination_port,
				    packet->inner.source);
	if (!slot)
		return false;
	if (!too_big) {
		/* of a server before the last one: what becomes of the lookup is up to that */
		if (address_equal(slot->lookup.server, packet->inner.destination))
			lookup_note_unreachable(slot, event);
		return true;
	}
	slot->lookup.too_big = true;
	evidence = lookup_evidence(event, DIRECTION_IN);
	lookup_add_evidence(slot, &evidence);
	return true;
}
