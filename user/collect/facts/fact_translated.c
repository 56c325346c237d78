// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_translated.c - who has the ports that source NAT gives out towards one destination */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/tell.h"
#include "util/address.h"

#define ENTRIES_READ (1U << 19) /* of all: eight addresses with every port of theirs */

/* One direction of an entry. */
struct way {
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
};

struct ports {
	const struct event_tuple *packet;
	__u32 read;
	__u32 taken;
	__u16 lowest;
	__u16 highest;
	__u8 holder[EVENT_ADDRESS_SIZE];
};

static bool read_way(struct nlattr *tuple, struct way *way)
{
	struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];

	if (!tuple || nla_parse_nested(parts, CTA_TUPLE_MAX, tuple, NULL) || !parts[CTA_TUPLE_IP] ||
	    !parts[CTA_TUPLE_PROTO] ||
	    nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) ||
	    nla_parse_nested(proto, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], NULL) ||
	    !proto[CTA_PROTO_NUM] || !proto[CTA_PROTO_SRC_PORT] || !proto[CTA_PROTO_DST_PORT])
		return false;
	way->protocol = nla_get_u8(proto[CTA_PROTO_NUM]);
	way->source_port = ntohs(nla_get_u16(proto[CTA_PROTO_SRC_PORT]));
	way->destination_port = ntohs(nla_get_u16(proto[CTA_PROTO_DST_PORT]));
	return netlink_address(ip[CTA_IP_V4_SRC] ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC],
			       way->source) &&
	       netlink_address(ip[CTA_IP_V4_DST] ? ip[CTA_IP_V4_DST] : ip[CTA_IP_V6_DST],
			       way->destination);
}

/* What comes back of an entry goes to the address and port that NAT gave it. */
static int take_entry(void *ctx, struct nlmsghdr *message)
{
	struct ports *ports = ctx;
	const struct event_tuple *packet = ports->packet;
	struct nlattr *table[CTA_MAX + 1];
	struct way there, back;

	if (netlink_attributes(message, sizeof(struct nfgenmsg), table, CTA_MAX))
		return 0;
	if (ports->read++ >= ENTRIES_READ)
		return -E2BIG;
	if (!read_way(table[CTA_TUPLE_REPLY], &back) || back.protocol != packet->protocol ||
	    back.source_port != packet->remote_port ||
	    !address_equal(back.source, packet->remote) ||
	    !address_equal(back.destination, packet->local))
		return 0;
	if (!ports->taken++ || back.destination_port < ports->lowest)
		ports->lowest = back.destination_port;
	if (back.destination_port > ports->highest)
		ports->highest = back.destination_port;
	if (back.destination_port == packet->local_port && read_way(table[CTA_TUPLE_ORIG], &there))
		memcpy(ports->holder, there.source, sizeof(ports->holder));
	return 0;
}

void fact_fetch_translated(struct fetch *fetch)
{
	struct nfgenmsg head = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	struct ports ports = { .packet = &fetch->request->translated };
	struct ev_fact fact = fact_make(FACT_COUNTER);
	struct netlink netlink = NETLINK_CLOSED;
	int err;

	if (!ports.packet->local_port)
		return;
	err = netlink_open(&netlink, NETLINK_NETFILTER);
	if (err)
		return;
	err = netlink_ask(&netlink,
			  netlink_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
					  NLM_F_DUMP, &head, sizeof(head)),
			  take_entry, &ports);
	netlink_close(&netlink);
	if (err)
		return;
	tell_copy(fact.name, FACT_CONNTRACK_PORTS, sizeof(fact.name));
	fact.number = ports.taken;
	fact.limit = ports.taken ? ports.highest - ports.lowest + 1 : 0;
	fact.port = ports.lowest;
	memcpy(fact.address, ports.holder, sizeof(fact.address));
	fact_tell(fetch, &fact);
}
