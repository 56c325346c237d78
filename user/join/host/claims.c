// SPDX-License-Identifier: GPL-2.0-or-later
/* claims.c - who says that an address is his: two machines that say so in turn */

#include "join/host/claims_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/address.h"
#include "util/time.h"

/*
 * One change of an address's owner is a failover, a new network card or a lease that moved, and two
 * are its end. Two machines that both have the address are seen in one of two ways:
 *
 *   - both answer one question of one asker, ANSWERS_NS apart at most
 *   - A, B, A, B: CHANGES changes within WINDOW_NS
 *
 * Claims to one asker are not held against those to another one: a bond that balances by ARP
 * (balance-alb) gives each of its clients another link address. Who claims PROXIED addresses or more
 * answers for others; what redundancy protocols share by design has link addresses of its own.
 */

#define CLAIMS_MAX 1024 /* addresses whose owner is watched */
#define CLAIMS_WAYS 8
#define CHANGES 3 /* A, B, A, B: a failover and its end are two */

#define ANSWERS_NS NS_PER_S
#define WINDOW_NS (60 * NS_PER_S)
#define SETTLE_NS (10 * NS_PER_S) /* then it is told with what was counted until then */
#define PROXIED 4

enum { LINK_LINUX_SLL = 113, LINK_LINUX_SLL2 = 276 };

/* One address of one link, and who says it is his. */
struct claims_slot {
	struct address_claims claims; /* first */
	bool used;
	bool told; /* or never will be */
	bool answered; /* the last question, by .answerer to .asker */
	__u8 last; /* which of .by claimed it last */
	__u8 answerer[CLAIM_MAC_SIZE];
	__u8 asker[EVENT_ADDRESS_SIZE]; /* whom the claims told, zeros: all */
	__u64 answered_ns;
	__u64 changed_ns[CHANGES]; /* the last ones, the newest first */
	__u64 proven_ns; /* 0: not */
};

struct claims {
	struct claims_slot slots[CLAIMS_MAX];
	size_t proven; /* of them: to be told */
};

int claims_new(struct claims **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void claims_free(struct claims *claims)
{
	free(claims);
}

/* VRRP and CARP (RFC 9568 7.3), HSRP (RFC 2281 5.2) and its version 2, GLBP. */
static bool is_shared(const __u8 *mac)
{
	static const struct {
		__u8 prefix[5];
		__u8 size;
	} rows[] = {
		{ { 0x00, 0x00, 0x5e, 0x00, 0x01 }, 5 }, { { 0x00, 0x00, 0x5e, 0x00, 0x02 }, 5 },
		{ { 0x00, 0x00, 0x0c, 0x07, 0xac }, 5 }, { { 0x00, 0x00, 0x0c, 0x9f }, 4 },
		{ { 0x00, 0x05, 0x73, 0xa0 }, 4 },	 { { 0x00, 0x07, 0xb4 }, 3 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!memcmp(rows[i].prefix, mac, rows[i].size))
			return true;
	return false;
}

/* ---- slots ---- */

static bool is_frame(const struct event *event)
{
	return event->head.kind == EVENT_FRAME;
}

static __u32 vlan_of(const struct event *event)
{
	return is_frame(event) ? event->frame.vlan : event->claim_raw.vlan;
}

static struct claims_slot *find_slot(struct join *join, const struct event *event,
				     const struct claim *claim, bool take)
{
	__u32 vlan = vlan_of(event);
	__u64 h = hash_mix(hash_bytes(event->head.netns, claim->address, sizeof(claim->address)),
			   (__u64)event->head.ifindex << 32 | vlan);
	struct claims_slot *set =
		&join->claims->slots[h % (CLAIMS_MAX / CLAIMS_WAYS) * CLAIMS_WAYS];
	struct claims_slot *oldest = NULL;

	for (size_t i = 0; i < CLAIMS_WAYS; i++) {
		struct claims_slot *slot = &set[i];

		if (slot->used && slot->claims.vlan == vlan &&
		    slot->claims.ifindex == event->head.ifindex &&
		    slot->claims.netns == event->head.netns &&
		    address_equal(slot->claims.address, claim->address))
			return slot;
		if (slot->proven_ns && !slot->told)
			continue;
		if (!oldest || (oldest->used &&
				(!slot->used || slot->claims.last_ns < oldest->claims.last_ns)))
			oldest = slot;
	}
	if (!take || !oldest)
		return NULL;
	*oldest = (struct claims_slot){ .used = true };
	oldest->claims.vlan = vlan;
	oldest->claims.netns = event->head.netns;
	oldest->claims.ifindex = event->head.ifindex;
	memcpy(oldest->claims.address, claim->address, sizeof(claim->address));
	return oldest;
}

/* Nobody has claimed it. */
static void forget_claims(struct claims_slot *slot)
{
	struct address_claims *claims = &slot->claims;

	memset(claims->by, 0, sizeof(claims->by));
	memset(slot->changed_ns, 0, sizeof(slot->changed_ns));
	memset(slot->asker, 0, sizeof(slot->asker));
	claims->changes = 0;
	claims->seen_count = 0;
	slot->answered = false;
}

/* ---- claims ---- */

static void note_change(struct claims_slot *slot, __u64 now_ns)
{
	struct address_claims *claims = &slot->claims;

	if (!claims->changes) { /* how long and how often it was one's alone is not told */
		claims->first_ns = claims->last_ns;
		claims->by[slot->last].count = 1;
	}
	claims->changes++;
	memmove(&slot->changed_ns[1], &slot->changed_ns[0],
		sizeof(slot->changed_ns) - sizeof(slot->changed_ns[0]));
	slot->changed_ns[0] = now_ns;
}

/* Which of the two it is; of a third one, the one that has claimed last stays. */
static int find_claimant(struct claims_slot *slot, const __u8 *mac)
{
	struct claimant *by = slot->claims.by;
	int other = !slot->last;

	for (int i = 0; i < 2; i++)
		if (by[i].count && !memcmp(by[i].mac, mac, CLAIM_MAC_SIZE))
			return i;
	if (!by[slot->last].count)
		other = slot->last;
	else if (by[other].count && slot->proven_ns)
		return -1;
	if (by[other].count)
		slot->claims.changes = 0;
	by[other].count = 0;
	memcpy(by[other].mac, mac, CLAIM_MAC_SIZE);
	return other;
}

/* Is there an asker who knows of both? Claims to others say nothing of this one's. */
static bool is_heard(struct claims_slot *slot, const struct claim *claim)
{
	if (claim->how == CLAIM_ANNOUNCED)
		return true;
	if (!address_is_any(slot->asker) && !address_equal(slot->asker, claim->asker)) {
		if (slot->claims.changes || slot->proven_ns)
			return false;
		forget_claims(slot);
	}
	memcpy(slot->asker, claim->asker, sizeof(slot->asker));
	return true;
}

static void note_answer(struct claims_slot *slot, const struct claim *claim, __u64 now_ns)
{
	if (slot->answered && memcmp(slot->answerer, claim->mac, CLAIM_MAC_SIZE) != 0 &&
	    ns_between(slot->answered_ns, now_ns) <= ANSWERS_NS)
		slot->claims.both_answered = true;
	slot->answered = true;
	slot->answered_ns = now_ns;
	memcpy(slot->answerer, claim->mac, CLAIM_MAC_SIZE);
}

static void keep_seen(struct address_claims *claims, const struct event *event,
		      const struct claim *claim)
{
	struct claim_seen *seen = &claims->seen[claims->seen_count++ % JOIN_CLAIMS_KEPT];

	seen->ts_ns = event->head.ts_ns;
	seen->frame = is_frame(event) ? event->frame.frame : 0;
	seen->vantage = event->head.vantage;
	memcpy(seen->mac, claim->mac, sizeof(seen->mac));
}

static bool is_proven(const struct claims_slot *slot)
{
	const struct address_claims *claims = &slot->claims;

	return claims->both_answered ||
	       (claims->changes >= CHANGES &&
		ns_between(slot->changed_ns[CHANGES - 1], slot->changed_ns[0]) <= WINDOW_NS);
}

static void take_claim(struct join *join, struct claims_slot *slot, const struct event *event,
		       const struct claim *claim)
{
	struct address_claims *claims = &slot->claims;
	__u64 now_ns = event->head.ts_ns;
	int by;

	if (!slot->proven_ns && ns_between(claims->last_ns, now_ns) > WINDOW_NS)
		forget_claims(slot);
	if (!is_heard(slot, claim))
		return;
	by = find_claimant(slot, claim->mac);
	if (by < 0)
		return;
	if (by != slot->last && claims->by[slot->last].count)
		note_change(slot, now_ns);
	slot->last = (__u8)by;
	claims->by[by].count++;
	claims->by[by].own = !is_frame(event) && (event->head.flags & EVENT_F_OUT);
	claims->last_ns = now_ns > claims->last_ns ? now_ns : claims->last_ns;
	claims->mixed = is_frame(event) && (event->frame.link == LINK_LINUX_SLL ||
					    event->frame.link == LINK_LINUX_SLL2);
	keep_seen(claims, event, claim);
	if (claim->how == CLAIM_ANSWERED)
		note_answer(slot, claim, now_ns);
	if (slot->proven_ns || !is_proven(slot))
		return;
	slot->proven_ns = now_ns ? now_ns : 1;
	join->claims->proven++;
}

static void note_claim(struct join *join, const struct event *event, const struct claim *claim)
{
	struct claims_slot *slot;

	if (!claim->how || is_shared(claim->mac))
		return;
	slot = find_slot(join, event, claim, claim->how != CLAIM_ASKED);
	if (!slot || slot->told)
		return;
	if (claim->how != CLAIM_ASKED)
		take_claim(join, slot, event, claim);
	else if (address_equal(slot->asker, claim->asker))
		slot->answered = false; /* what comes now answers another question */
}

void claims_event(struct join *join, const struct event *event)
{
	note_claim(join, event, &event->claim);
}

void claims_packet(struct join *join, const struct event *event)
{
	struct claim claim;

	if (event->packet.what != PACKET_ICMP || !event->bytes)
		return;
	claim_parse_advertisement(&event->packet, event->bytes, event->bytes_captured, &claim);
	note_claim(join, event, &claim);
}

/* ---- telling ---- */

/* Answers for others, as a router's proxy ARP does. */
static bool is_proxy(const struct claims *claims, const __u8 *mac)
{
	size_t addresses = 0;

	for (size_t i = 0; i < CLAIMS_MAX; i++) {
		const struct claimant *by = claims->slots[i].claims.by;

		for (size_t k = 0; k < 2; k++)
			addresses += by[k].count && !memcmp(by[k].mac, mac, CLAIM_MAC_SIZE);
	}
	return addresses >= PROXIED;
}

static bool has_claimant(const struct address_claims *claims, const __u8 *mac)
{
	for (size_t k = 0; k < 2; k++)
		if (claims->by[k].count && !memcmp(claims->by[k].mac, mac, CLAIM_MAC_SIZE))
			return true;
	return false;
}

/* One link is seen at several interfaces: a bridge and its port, a bond, both ends of a veth pair. */
static bool is_told_elsewhere(const struct claims *claims, const struct address_claims *ours)
{
	for (size_t i = 0; i < CLAIMS_MAX; i++) {
		const struct claims_slot *slot = &claims->slots[i];

		if (slot->told && &slot->claims != ours &&
		    address_equal(slot->claims.address, ours->address) &&
		    has_claimant(&slot->claims, ours->by[0].mac) &&
		    has_claimant(&slot->claims, ours->by[1].mac))
			return true;
	}
	return false;
}

const struct address_claims *claims_next(struct join *join, __u64 now_ns)
{
	struct claims *claims = join->claims;

	for (size_t i = 0; i < CLAIMS_MAX && claims->proven; i++) {
		struct claims_slot *slot = &claims->slots[i];
		const struct claimant *by = slot->claims.by;

		if (!slot->proven_ns || slot->told || slot->proven_ns + SETTLE_NS > now_ns)
			continue;
		if (!is_proxy(claims, by[0].mac) && !is_proxy(claims, by[1].mac) &&
		    !is_told_elsewhere(claims, &slot->claims))
			return &slot->claims;
		claims_told(join, &slot->claims);
	}
	return NULL;
}

void claims_told(struct join *join, const struct address_claims *told)
{
	((struct claims_slot *)told)->told = true;
	join->claims->proven--;
}
