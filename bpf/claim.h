/* SPDX-License-Identifier: GPL-2.0-only */
/* claim.h - who asks for or claims an address of the link: ARP, neighbour advertisements */
#pragma once

#include "emit.h"
#include "fill.h"
#include "load.h"
#include "packet_words.h"

#define CLAIM_ADVERTISEMENT 136 /* type of ICMPv6 */
#define CLAIM_ICMPV6 58
#define CLAIM_ARP_BYTES 28 /* of Ethernet and IPv4 */
#define CLAIM_VLAN_MASK 0xfff

/*
 * What goes out is told where this host made it: what a
 * bridge forwards was told as it came in. Returns 0. A global function: verified once.
 */
__noinline int claim_emit(struct __sk_buff *skb, __u32 start, __u32 vantage, __u32 flags)
{
	struct emit_cpu *cpu = emit_cpu();
	struct claim_record *record;
	struct ev_claim *body;
	int failed;

	if (!cpu || ((flags & EVENT_F_OUT) && skb->ingress_ifindex))
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_CLAIM, sizeof(*record), vantage);
	if (!record)
		return 0;
	body = &record->body;
	__builtin_memset(body, 0, sizeof(*body));
	if (skb->vlan_present)
		body->vlan = skb->vlan_tci & CLAIM_VLAN_MASK;
	if (flags & EVENT_F_IPV6) {
		failed = packet_load(skb, start, body->bytes, EVENT_CLAIM_MAX);
		body->captured_bytes = failed ? 0 : EVENT_CLAIM_MAX;
	} else {
		failed = packet_load(skb, start, body->bytes, CLAIM_ARP_BYTES);
		body->captured_bytes = failed ? 0 : CLAIM_ARP_BYTES;
	}
	record->head.flags = flags;
	record->head.ifindex = skb->ifindex;
	record->head.netns = packet_netns(cpu, skb, record->head.ts_ns);
	emit_submit(cpu, &record->head);
	return 0;
}

static __always_inline bool claim_is_advertisement(const struct packet_view *view)
{
	return view->protocol == CLAIM_ICMPV6 && view->is_ipv6 &&
	       view->transport[0] == CLAIM_ADVERTISEMENT;
}
