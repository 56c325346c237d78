// SPDX-License-Identifier: GPL-2.0-or-later
/* route.c - a route as the kernel gives it, and as ip-route(8) prints it */

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "collect/host/host.h"
#include "util/address.h"
#include "util/array.h"

static void parse_next_hop(const struct nlattr *multipath, struct route *route)
{
	const struct rtnexthop *hop = nla_data(multipath);
	int length = nla_len(multipath);
	struct nlattr *table[RTA_MAX + 1];

	if (length < (int)sizeof(*hop) || hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > length)
		return;
	route->multipath = true;
	route->oif = hop->rtnh_ifindex;
	if (nla_parse(table, RTA_MAX, (struct nlattr *)RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop),
		      NULL) < 0)
		return;
	route->has_gateway = netlink_address(table[RTA_GATEWAY], route->gateway);
}

/* RFC 5549: an IPv4 route whose next hop is an IPv6 address. */
static bool parse_via(const struct nlattr *attribute, __u8 *gateway)
{
	const struct rtvia *via;

	if (!attribute || nla_len(attribute) < (int)sizeof(*via) + EVENT_ADDRESS_SIZE)
		return false;
	via = nla_data(attribute);
	if (via->rtvia_family != AF_INET6)
		return false;
	address_from_ipv6(gateway, via->rtvia_addr);
	return true;
}

static __u32 parse_metric(const struct nlattr *metrics, int which)
{
	struct nlattr *table[RTAX_MAX + 1];

	if (!metrics || nla_parse_nested(table, RTAX_MAX, (struct nlattr *)metrics, NULL) < 0)
		return 0;
	return netlink_u32(table[which], 0);
}

int route_parse(const struct netlink *netlink, struct nlmsghdr *message, struct route *route)
{
	struct nlattr *table[RTA_MAX + 1];
	struct rtmsg *head = nlmsg_data(message);

	if (netlink_attributes(message, sizeof(*head), table, RTA_MAX))
		return -EBADMSG;
	*route = (struct route){
		.type = head->rtm_type,
		.family = head->rtm_family,
		.prefix_bits = head->rtm_dst_len,
		.protocol = head->rtm_protocol,
		.flags = head->rtm_flags,
		.table = netlink_u32(table[RTA_TABLE], head->rtm_table),
		.metric = netlink_u32(table[RTA_PRIORITY], 0),
		.mtu = parse_metric(table[RTA_METRICS], RTAX_MTU),
		.oif = netlink_u32(table[RTA_OIF], 0),
	};
	if (!netlink_address(table[RTA_DST], route->destination) && head->rtm_family == AF_INET)
		address_from_ipv4(route->destination, &(__u32){ 0 });
	route->has_gateway = netlink_address(table[RTA_GATEWAY], route->gateway) ||
			     parse_via(table[RTA_VIA], route->gateway);
	route->has_source = netlink_address(table[RTA_PREFSRC], route->source);
	if (table[RTA_MULTIPATH])
		parse_next_hop(table[RTA_MULTIPATH], route);
	netlink_device(netlink, route->oif, route->device);
	return 0;
}

static const char *type_name(unsigned int type)
{
	static const char *const names[] = {
		[RTN_LOCAL] = "local",
		[RTN_BROADCAST] = "broadcast",
		[RTN_ANYCAST] = "anycast",
		[RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole",
		[RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
		[RTN_THROW] = "throw",
		[RTN_NAT] = "nat",
	};

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

static const char *protocol_name(unsigned int protocol)
{
	switch (protocol) {
	case RTPROT_KERNEL:
		return "kernel";
	case RTPROT_STATIC:
		return "static";
	case RTPROT_DHCP:
		return "dhcp";
	case RTPROT_RA:
		return "ra";
	case RTPROT_BIRD:
		return "bird";
	case RTPROT_ZEBRA:
		return "zebra";
	default: /* boot, which ip-route(8) does not print either, and rarer daemons */
		return NULL;
	}
}

void route_print(struct text *text, const struct route *route)
{
	unsigned int bits = route->family == AF_INET ? 32 : 128;
	const char *type = type_name(route->type);
	const char *protocol = protocol_name(route->protocol);

	if (type)
		text_add(text, "%s ", type);
	if (!route->prefix_bits)
		text_add(text, "default");
	else
		address_print(text, route->destination);
	if (route->prefix_bits && route->prefix_bits < bits)
		text_add(text, "/%u", route->prefix_bits);
	if (route->has_gateway) {
		text_add(text, " via ");
		address_print(text, route->gateway);
	}
	if (route->device[0]) {
		text_add(text, " dev ");
		text_add_foreign(text, route->device, sizeof(route->device));
	}
	if (route->table && route->table != RT_TABLE_MAIN) {
		if (route->table == RT_TABLE_LOCAL)
			text_add(text, " table local");
		else
			text_add(text, " table %u", route->table);
	}
	if (protocol)
		text_add(text, " proto %s", protocol);
	if (route->has_source) {
		text_add(text, " src ");
		address_print(text, route->source);
	}
	if (route->metric)
		text_add(text, " metric %u", route->metric);
	if (route->mtu)
		text_add(text, " mtu %u", route->mtu);
	if (route->multipath)
		text_add(text, " (first of several next hops)");
}
