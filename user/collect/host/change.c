// SPDX-License-Identifier: GPL-2.0-or-later
/* change.c - news of a namespace as change records */

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "collect/host/host.h"
#include "collect/tell.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

/* Room for a record is bounded by time: a routing daemon's start must not bury the rest. */
static bool may_tell(struct host *host)
{
	__u64 second = clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S;

	if (second != host->changes_second) {
		change_flush(host);
		host->changes_second = second;
		host->changes = 0;
	}
	if (host->changes++ < CHANGES_PER_SECOND)
		return true;
	host->changes_shed++;
	return false;
}

int change_flush(struct host *host)
{
	struct ev_change body = { .what = CHANGE_ROUTE };
	struct tell_where where = { .netns = host->own_inode };
	struct text text = text_of(body.text);

	if (!host->changes_shed ||
	    clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S == host->changes_second)
		return 0;
	text_add(&text, "%u further changes within a second", host->changes_shed);
	host->changes_shed = 0;
	return tell(host->options.sink, EVENT_CHANGE, &where, &body, sizeof(body));
}

static int tell_change(struct watch *watch, const struct ev_change *body, __u32 ifindex)
{
	struct tell_where where = {
		.netns = watch->inode,
		.ifindex = ifindex,
		.known = body->family ? EVENT_K_PREFIX : 0,
	};

	if (!may_tell(watch->host))
		return 0;
	return tell(watch->host->options.sink, EVENT_CHANGE, &where, body, sizeof(*body));
}

int change_address(struct watch *watch, struct nlmsghdr *message)
{
	struct ev_change body = {
		.what = CHANGE_ADDRESS,
		.removed = message->nlmsg_type == RTM_DELADDR,
	};
	struct ifaddrmsg *head = nlmsg_data(message);
	struct text text = text_of(body.text);
	struct nlattr *table[IFA_MAX + 1];
	char device[16];

	if (netlink_attributes(message, sizeof(*head), table, IFA_MAX))
		return 0;
	/* IPv6 announces an address twice: when it appears and when it may be used (RFC 4862 5.4). */
	if (!body.removed && (netlink_u32(table[IFA_FLAGS], head->ifa_flags) & IFA_F_TENTATIVE))
		return 0;
	if (!netlink_address(table[IFA_LOCAL] ?: table[IFA_ADDRESS], body.address))
		return 0;
	body.prefix_bits = head->ifa_prefixlen;
	body.family = head->ifa_family;
	watch_device(watch, head->ifa_index, device);
	address_print(&text, body.address);
	text_add(&text, "/%u dev ", head->ifa_prefixlen);
	text_add_foreign(&text, device, sizeof(device));
	return tell_change(watch, &body, head->ifa_index);
}

int change_route(struct watch *watch, struct nlmsghdr *message)
{
	struct ev_change body = {
		.what = CHANGE_ROUTE,
		.removed = message->nlmsg_type == RTM_DELROUTE,
	};
	struct text text = text_of(body.text);
	struct route route;

	if (route_parse(&watch->route, message, &route))
		return 0;
	/* The kernel's own routes only mirror the addresses, which are told; cloned ones are a cache. */
	if (route.protocol == RTPROT_KERNEL || (route.flags & RTM_F_CLONED))
		return 0;
	memcpy(body.address, route.destination, sizeof(body.address));
	body.prefix_bits = route.prefix_bits;
	body.family = route.family;
	watch_device(watch, route.oif, route.device);
	route_print(&text, &route);
	return tell_change(watch, &body, route.oif);
}

int change_rule(struct watch *watch, struct nlmsghdr *message)
{
	struct ev_change body = {
		.what = CHANGE_ROUTE,
		.removed = message->nlmsg_type == RTM_DELRULE,
	};
	struct fib_rule_hdr *head = nlmsg_data(message);
	struct text text = text_of(body.text);
	struct nlattr *table[FRA_MAX + 1];
	__u8 address[EVENT_ADDRESS_SIZE];
	__u32 mark;

	if (netlink_attributes(message, sizeof(*head), table, FRA_MAX))
		return 0;
	text_add(&text, "rule %u: from ", netlink_u32(table[FRA_PRIORITY], 0));
	if (netlink_address(table[FRA_SRC], address)) {
		address_print(&text, address);
		text_add(&text, "/%u", head->src_len);
	} else {
		text_add(&text, "all");
	}
	body.prefix_bits = head->dst_len;
	body.family = head->family;
	if (netlink_address(table[FRA_DST], body.address)) {
		text_add(&text, " to ");
		address_print(&text, body.address);
		text_add(&text, "/%u", head->dst_len);
	}
	mark = netlink_u32(table[FRA_FWMARK], 0);
	if (mark)
		text_add(&text, " fwmark 0x%x", mark);
	if (head->action == FR_ACT_TO_TBL)
		text_add(&text, " lookup %u", netlink_u32(table[FRA_TABLE], head->table));
	else
		text_add(&text, " action %u", head->action);
	return tell_change(watch, &body, 0);
}

int change_link(struct watch *watch, __u32 ifindex, const struct ev_interface *was,
		const struct ev_interface *now)
{
	struct ev_change body = { .what = CHANGE_LINK, .removed = !now };
	struct text text = text_of(body.text);
	__u32 turned = was && now ? was->flags ^ now->flags : 0;
	size_t before;

	text_add_foreign(&text, (now ?: was)->name, sizeof(now->name));
	before = text.length;
	if (!was)
		text_add(&text, " appeared");
	if (!now)
		text_add(&text, " is gone");
	if (turned & INTERFACE_F_UP)
		text_add(&text, now->flags & INTERFACE_F_UP ? ", set up" : ", set down");
	if (turned & INTERFACE_F_CARRIER)
		text_add(&text,
			 now->flags & INTERFACE_F_CARRIER ? ", carrier found" : ", carrier lost");
	if (was && now && was->mtu != now->mtu)
		text_add(&text, ", mtu %u, was %u", now->mtu, was->mtu);
	if (was && now && memcmp(was->name, now->name, sizeof(was->name)) != 0) {
		text_add(&text, ", was ");
		text_add_foreign(&text, was->name, sizeof(was->name));
	}
	return text.length == before ? 0 : tell_change(watch, &body, ifindex);
}

static int tell_generation(struct watch *watch, struct nlmsghdr *message)
{
	struct ruleset_news news = watch->ruleset;
	struct ev_change body = { .what = CHANGE_RULESET };
	struct text text = text_of(body.text);
	struct nlattr *table[NFTA_GEN_MAX + 1];
	char name[EVENT_COMM_SIZE] = "";

	watch->ruleset = (struct ruleset_news){ 0 };
	if (netlink_attributes(message, sizeof(struct nfgenmsg), table, NFTA_GEN_MAX))
		return 0;
	body.removed = news.removed && !news.added;
	if (table[NFTA_GEN_PROC_PID])
		body.pid = ntohl(netlink_u32(table[NFTA_GEN_PROC_PID], 0));
	if (table[NFTA_GEN_PROC_NAME])
		nla_strlcpy(name, table[NFTA_GEN_PROC_NAME], sizeof(name));
	text_add(&text, "nftables ruleset");
	if (name[0]) {
		text_add(&text, " by ");
		text_add_foreign(&text, name, sizeof(name));
	}
	if (body.pid)
		text_add(&text, "[%u]", body.pid);
	text_add(&text, ": %u added, %u removed", news.added, news.removed);
	return tell_change(watch, &body, 0);
}

int change_ruleset(struct watch *watch, struct nlmsghdr *message)
{
	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return 0;
	/* The kernel sends what a transaction did first and its generation last. */
	switch (message->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_NEWSET:
	case NFT_MSG_NEWSETELEM:
		watch->ruleset.added++;
		return 0;
	case NFT_MSG_DELTABLE:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DELRULE:
	case NFT_MSG_DELSET:
	case NFT_MSG_DELSETELEM:
		watch->ruleset.removed++;
		return 0;
	case NFT_MSG_NEWGEN:
		return tell_generation(watch, message);
	default:
		return 0;
	}
}
