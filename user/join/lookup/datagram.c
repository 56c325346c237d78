// SPDX-License-Identifier: GPL-2.0-or-later
/* datagram.c - UDP of a capture: answers from elsewhere, ICMP errors about datagrams */

#include "join/lookup/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/time.h"

/*
 * An answer from elsewhere: a port of a client asked one address, that one says nothing, and the
 * same port number of another address answers.
 *
 *   question ──► ASKED ── answer of the one asked ──► SETTLED
 *                  │ ──── another one is asked, too ──►  │
 *                  └ NEAR_NS: other address ──► OTHER ───┘── CONFIRM_NS ──► told
 *
 * Which of two sides asks, ports must tell: a service has a lower one than its client. Where both
 * are alike (NTP peers, IKE, peer to peer), a datagram from elsewhere is nobody's answer. Multicast,
 * broadcast and 127/8 on the wire (RFC 8029 2.1) are answered from elsewhere by design.
 */

#define FLOWS_MAX 4096 /* questions that may be answered from elsewhere */
#define FLOWS_WAYS 4
#define WAITING_MAX 64 /* that were too big; looked through at each datagram */

enum { PORTS_SYSTEM = 1024, PORTS_CLIENT = 32768 }; /* RFC 6335 6; ip_local_port_range */

#define NEAR_NS (2 * NS_PER_S) /* longer than that, few wait for a datagram */
#define CONFIRM_NS (2 * NS_PER_S)
#define COPY_NS (100 * NS_PER_MS) /* a mirror may show the question once more behind the answer */
#define FORGET_NS (30 * NS_PER_S) /* a port that was not used for so long is another's */
#define QUIET_NS (10 * NS_PER_S)

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
	TAILQ_ENTRY(datagram_slot) by_time; /* in .answered while .other_ns */
	struct evidence question;
	struct evidence answer;
};

TAILQ_HEAD(datagram_queue, datagram_slot);

struct datagrams {
	struct datagram_slot flows[FLOWS_MAX];
	struct datagram_queue answered; /* from elsewhere, in the order of that */
};

int datagrams_new(struct datagrams **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	TAILQ_INIT(&(*out)->answered);
	return 0;
}

void datagrams_free(struct datagrams *datagrams)
{
	free(datagrams);
}

/* ---- answers from elsewhere ---- */

static bool is_question(__u16 from, __u16 to)
{
	/* they answer from elsewhere where they are asked to: RFC 5780 2.2, RFC 4380 5.2.1 */
	if (to == PORT_STUN || to == PORT_STUN_OTHER || to == PORT_TEREDO)
		return false;
	return to < PORTS_SYSTEM ? from >= PORTS_SYSTEM : to < PORTS_CLIENT && from >= PORTS_CLIENT;
}

/* Whose netmask is not known: what ends in five ones may be a broadcast address. */
static bool is_one_host(const __u8 *address)
{
	static const __u8 any[EVENT_ADDRESS_SIZE];

	if (address_is_loopback(address) || address_equal(address, any))
		return false;
	if (!address_is_ipv4(address))
		return address[0] != 0xff;
	return address[12] && address[12] < 224 && (address[15] & 0x1f) != 0x1f;
}

static struct datagram_slot *flow_set(struct join *join, const __u8 *client, __u16 client_port,
				      __u16 server_port)
{
	__u64 h = hash_mix(hash_bytes(0, client, EVENT_ADDRESS_SIZE),
			   (__u64)client_port << 16 | server_port);

	return &join->datagrams->flows[h % (FLOWS_MAX / FLOWS_WAYS) * FLOWS_WAYS];
}

static struct datagram_slot *flow_find(struct datagram_slot *set, const __u8 *client,
				       __u16 client_port, __u16 server_port)
{
	for (size_t i = 0; i < FLOWS_WAYS; i++)
		if (set[i].used && set[i].client_port == client_port &&
		    set[i].server_port == server_port && address_equal(set[i].client, client))
			return &set[i];
	return NULL;
}

static void flow_settle(struct join *join, struct datagram_slot *flow)
{
	if (flow->other_ns)
		TAILQ_REMOVE(&join->datagrams->answered, flow, by_time);
	flow->other_ns = 0;
	flow->settled = true;
}

/* The longest unused makes room; one that waits to be told only if all do. */
static struct datagram_slot *flow_take(struct join *join, struct datagram_slot *set)
{
	struct datagram_slot *oldest = &set[0];

	for (size_t i = 0; i < FLOWS_WAYS; i++) {
		if (!set[i].used)
			return &set[i];
		if (!set[i].other_ns < !oldest->other_ns)
			continue;
		if (!set[i].other_ns > !oldest->other_ns || set[i].asked_ns < oldest->asked_ns)
			oldest = &set[i];
	}
	flow_settle(join, oldest);
	return oldest;
}

static void flow_begin(struct datagram_slot *flow, const struct event *event)
{
	const struct packet *packet = &event->packet;

	*flow = (struct datagram_slot){
		.used = true,
		.client_port = packet->source_port,
		.server_port = packet->destination_port,
		.settled = !is_one_host(packet->destination),
		.asked_ns = event->head.ts_ns,
		.question = lookup_evidence(event, DIRECTION_OUT),
	};
	memcpy(flow->client, packet->source, sizeof(flow->client));
	memcpy(flow->asked, packet->destination, sizeof(flow->asked));
}

static void take_question(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct datagram_slot *set =
		flow_set(join, packet->source, packet->source_port, packet->destination_port);
	struct datagram_slot *flow =
		flow_find(set, packet->source, packet->source_port, packet->destination_port);
	__u64 now_ns = event->head.ts_ns;

	if (!flow || now_ns > flow->asked_ns + FORGET_NS) {
		if (flow)
			flow_settle(join, flow);
		flow_begin(flow ? flow : flow_take(join, set), event);
		return;
	}
	if (!address_equal(flow->asked, packet->destination))
		flow_settle(join, flow); /* both were asked */
	else if (flow->other_ns && now_ns > flow->other_ns + COPY_NS)
		flow->again++;
	if (flow->settled || !flow->other_ns)
		flow->asked_ns = now_ns;
}

static void take_reply(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct datagram_slot *set =
		flow_set(join, packet->destination, packet->destination_port, packet->source_port);
	struct datagram_slot *flow =
		flow_find(set, packet->destination, packet->destination_port, packet->source_port);
	__u64 now_ns = event->head.ts_ns;

	if (!flow || flow->settled)
		return;
	if (address_equal(flow->asked, packet->source) ||
	    (flow->other_ns && !address_equal(flow->other, packet->source))) {
		flow_settle(join, flow); /* as it should be, or several that heard the question */
		return;
	}
	if (flow->other_ns || now_ns > flow->asked_ns + NEAR_NS)
		return;
	flow->other_ns = now_ns ? now_ns : 1;
	memcpy(flow->other, packet->source, sizeof(flow->other));
	flow->answer = lookup_evidence(event, DIRECTION_IN);
	TAILQ_INSERT_TAIL(&join->datagrams->answered, flow, by_time);
}

static void tell_flow(struct join *join, struct datagram_slot *flow, __u64 now_ns)
{
	struct lookup_slot *slot = lookup_take_datagram(join, flow->client, flow->question.ts_ns);
	struct lookup *lookup;

	if (slot) {
		lookup = &slot->lookup;
		lookup->about = LOOKUP_OTHER_ADDRESS;
		lookup->client_port = flow->client_port;
		lookup->server_port = flow->server_port;
		lookup->again = flow->again;
		lookup->answer_ns = flow->other_ns;
		memcpy(lookup->server, flow->asked, sizeof(lookup->server));
		memcpy(lookup->sender, flow->other, sizeof(lookup->sender));
		lookup_add_evidence(slot, &flow->question);
		lookup_add_evidence(slot, &flow->answer);
		lookup_tell(join, slot, now_ns);
	}
	flow_settle(join, flow);
}

/* ---- datagrams that were too big ---- */

static struct lookup_slot *find_too_big(struct join *join, const __u8 *client, __u16 client_port,
					const __u8 *server, __u16 server_port)
{
	struct lookup_slot *slot;

	TAILQ_FOREACH(slot, &join->lookups->datagrams, by_time)
		if (slot->lookup.client_port == client_port &&
		    slot->lookup.server_port == server_port &&
		    address_equal(slot->lookup.client, client) &&
		    address_equal(slot->lookup.server, server))
			return slot;
	return NULL;
}

/* What was too big is followed by something that arrives: the path's MTU was learned (RFC 8899). */
static void note_later(struct join *join, const struct packet *packet)
{
	struct lookup_slot *slot;

	slot = find_too_big(join, packet->source, packet->source_port, packet->destination,
			    packet->destination_port);
	if (slot)
		slot->lookup.later++;
	slot = find_too_big(join, packet->destination, packet->destination_port, packet->source,
			    packet->source_port);
	if (slot && slot->lookup.later)
		lookup_drop(join, slot);
}

static struct lookup_slot *take_datagram(struct join *join, const struct event *event,
					 enum lookup_about about)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot =
		lookup_take_datagram(join, packet->inner.source, event->head.ts_ns);
	struct evidence evidence = lookup_evidence(event, DIRECTION_IN);
	struct lookup *lookup;

	if (!slot)
		return NULL;
	lookup = &slot->lookup;
	lookup->about = about;
	lookup->client_port = packet->inner.source_port;
	lookup->server_port = packet->inner.destination_port;
	lookup->unreachable = about == LOOKUP_UNREACHABLE;
	lookup->bytes = packet->inner.bytes;
	lookup->mtu = packet->icmp_mtu;
	memcpy(lookup->server, packet->inner.destination, sizeof(lookup->server));
	memcpy(lookup->sender, packet->source, sizeof(lookup->sender));
	lookup_add_evidence(slot, &evidence);
	return slot;
}

static void take_too_big(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct lookup_slot *slot =
		find_too_big(join, packet->inner.source, packet->inner.source_port,
			     packet->inner.destination, packet->inner.destination_port);
	struct evidence evidence = lookup_evidence(event, DIRECTION_IN);

	if (!slot) {
		if (join->lookups->datagrams_count == WAITING_MAX)
			lookup_tell(join, TAILQ_FIRST(&join->lookups->datagrams),
				    event->head.ts_ns);
		slot = take_datagram(join, event, LOOKUP_TOO_BIG);
	} else {
		slot->lookup.again++;
		slot->lookup.later = 0;
		lookup_add_evidence(slot, &evidence);
	}
	if (slot)
		slot->seen_ns = event->head.ts_ns;
}

/* ---- packets ---- */

void datagram_event(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	__u16 from = packet->source_port, to = packet->destination_port;

	lookup_message(join, event);
	if (!from || !to || (packet->flags & PACKET_F_FRAGMENT))
		return;
	if (join->lookups->datagrams_count)
		note_later(join, packet);
	if (is_question(from, to))
		take_question(join, event);
	else if (is_question(to, from))
		take_reply(join, event);
}

void datagram_quoted(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	bool too_big = packet_says_too_big(packet);
	struct lookup_slot *slot;

	if (packet->inner.protocol != IPPROTO_UDP || !packet->inner.destination_port ||
	    (!too_big && !packet_says_unreachable(packet)) || lookup_is_copy(join, event) ||
	    lookup_quoted(join, event, too_big) ||
	    (!too_big && !packet_says_port_unreachable(packet)))
		return;
	if (too_big) {
		take_too_big(join, event);
		return;
	}
	slot = take_datagram(join, event, LOOKUP_UNREACHABLE);
	if (slot)
		lookup_tell(join, slot, event->head.ts_ns);
}

/* ---- time ---- */

void datagram_run_timers(struct join *join, __u64 now_ns)
{
	struct datagram_slot *flow;
	struct lookup_slot *slot, *next;

	while ((flow = TAILQ_FIRST(&join->datagrams->answered)) &&
	       flow->other_ns + CONFIRM_NS <= now_ns)
		tell_flow(join, flow, flow->other_ns + CONFIRM_NS);
	for (slot = TAILQ_FIRST(&join->lookups->datagrams); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (lookup_is_captured(&slot->lookup) && slot->seen_ns + QUIET_NS <= now_ns)
			lookup_tell(join, slot, slot->seen_ns + QUIET_NS);
	}
	datagram_live_run_timers(join, now_ns);
}

/* What the end of the capture leaves no time to refute is not told. */
void datagram_finish(struct join *join)
{
	struct datagram_slot *flow;
	struct lookup_slot *slot;

	while ((flow = TAILQ_FIRST(&join->datagrams->answered))) {
		if (flow->other_ns + join->limits.unanswered_ns <= join->now_ns)
			tell_flow(join, flow, join->now_ns);
		else
			flow_settle(join, flow);
	}
	while ((slot = TAILQ_FIRST(&join->lookups->datagrams))) {
		if (!lookup_is_captured(&slot->lookup))
			datagram_tell_live(join, slot, join->now_ns);
		else if (slot->seen_ns + join->limits.unanswered_ns <= join->now_ns)
			lookup_tell(join, slot, join->now_ns);
		else
			lookup_drop(join, slot);
	}
}
