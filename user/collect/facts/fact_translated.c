// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_translated.c - what NAT makes of a connection, and who has the ports that it gives out towards one destination */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

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

/* ---- one connection ---- */

struct entry {
	const struct event_tuple *tuple;
	bool found;
	__u32 status;
	struct way back; /* of what comes to the tuple's local side */
};

static int take_one(void *ctx, struct nlmsghdr *message)
{
	struct nlattr *table[CTA_MAX + 1];
	struct entry *entry = ctx;
	struct way there, back;
	bool opened;

	if (netlink_attributes(message, sizeof(struct nfgenmsg), table, CTA_MAX) ||
	    !read_way(table[CTA_TUPLE_ORIG], &there) || !read_way(table[CTA_TUPLE_REPLY], &back))
		return 0;
	opened = there.source_port == entry->tuple->local_port &&
		 there.destination_port == entry->tuple->remote_port &&
		 address_equal(there.source, entry->tuple->local) &&
		 address_equal(there.destination, entry->tuple->remote);
	entry->found = true;
	entry->back = opened ? back : there;
	if (table[CTA_STATUS])
		entry->status = ntohl(nla_get_u32(table[CTA_STATUS]));
	return 0;
}

static int put_address(struct nl_msg *message, const __u8 *address, int v4, int v6)
{
	const size_t mapped = EVENT_ADDRESS_SIZE - sizeof(struct in_addr);

	return address_is_ipv4(address) ?
		       nla_put(message, v4, sizeof(struct in_addr), address + mapped) :
		       nla_put(message, v6, EVENT_ADDRESS_SIZE, address);
}

static int put_addresses(struct nl_msg *message, const struct event_tuple *tuple)
{
	struct nlattr *ip = nla_nest_start(message, CTA_TUPLE_IP);

	if (!ip || put_address(message, tuple->local, CTA_IP_V4_SRC, CTA_IP_V6_SRC) ||
	    put_address(message, tuple->remote, CTA_IP_V4_DST, CTA_IP_V6_DST))
		return -ENOMEM;
	nla_nest_end(message, ip);
	return 0;
}

static int put_ports(struct nl_msg *message, const struct event_tuple *tuple)
{
	struct nlattr *proto = nla_nest_start(message, CTA_TUPLE_PROTO);

	if (!proto || nla_put_u8(message, CTA_PROTO_NUM, tuple->protocol) ||
	    nla_put_u16(message, CTA_PROTO_SRC_PORT, htons(tuple->local_port)) ||
	    nla_put_u16(message, CTA_PROTO_DST_PORT, htons(tuple->remote_port)))
		return -ENOMEM;
	nla_nest_end(message, proto);
	return 0;
}

/*
 * Which one: by what its local side sends. The answer is marked as one of several, and no end follows: what
 * ends it is the acknowledgment. NULL: no memory.
 */
static struct nl_msg *question(const struct event_tuple *tuple)
{
	struct nfgenmsg head = {
		.nfgen_family = address_is_ipv4(tuple->local) ? AF_INET : AF_INET6,
		.version = NFNETLINK_V0,
	};
	struct nl_msg *message = netlink_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
						 NLM_F_ACK, &head, sizeof(head));
	struct nlattr *way = message ? nla_nest_start(message, CTA_TUPLE_ORIG) : NULL;

	if (way && !put_addresses(message, tuple) && !put_ports(message, tuple)) {
		nla_nest_end(message, way);
		return message;
	}
	nlmsg_free(message);
	return NULL;
}

void fact_fetch_entry(struct fetch *fetch)
{
	struct entry entry = { .tuple = &fetch->request->tuple };
	struct ev_fact fact = fact_make(FACT_COUNTER);
	struct netlink netlink = NETLINK_CLOSED;
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	if (!err)
		err = netlink_ask(&netlink, question(entry.tuple), take_one, &entry);
	netlink_close(&netlink);
	if (err || !entry.found) {
		fact_tell_absent(fetch, FACT_COUNTER, FACT_CONNTRACK_ENTRY, err ? err : -ENOENT);
		return;
	}
	tell_copy(fact.name, FACT_CONNTRACK_ENTRY, sizeof(fact.name));
	fact.number = entry.status;
	fact.port = entry.back.destination_port;
	fact.limit = entry.back.source_port;
	memcpy(fact.address, entry.back.destination, sizeof(fact.address));
	memcpy(fact.address2, entry.back.source, sizeof(fact.address2));
	fact_tell(fetch, &fact);
}
