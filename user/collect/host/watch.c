// SPDX-License-Identifier: GPL-2.0-or-later
/* watch.c - one network namespace: its interfaces and its news */

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "collect/host/host.h"
#include "collect/tell.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 /* <net/if.h> and <linux/if.h> exclude each other */
#endif

#define PEERS_MAX NAMESPACES_MAX
#define PEERS_KEPT_NS (100 * NS_PER_MS) /* a container host's start in one burst */
#define HOOK_FLAGS (INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT | INTERFACE_F_CHAINED)

/* ---- peers: which namespace a veth leads to ---- */

static int take_nsid(void *ctx, struct nlmsghdr *message)
{
	struct nlattr *table[NETNSA_MAX + 1];
	__s32 *nsid = ctx;

	if (!netlink_attributes(message, sizeof(struct rtgenmsg), table, NETNSA_MAX) &&
	    table[NETNSA_NSID] && nla_len(table[NETNSA_NSID]) >= 4)
		*nsid = nla_get_s32(table[NETNSA_NSID]);
	return 0;
}

/* The number under which the watched namespace knows another one; -1 it does not. */
static __s32 ask_nsid(struct watch *watch, int fd)
{
	struct rtgenmsg head = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *message = netlink_message(RTM_GETNSID, 0, &head, sizeof(head));
	__s32 nsid = -1;

	if (message && nla_put_u32(message, NETNSA_FD, fd)) {
		nlmsg_free(message);
		return -1;
	}
	netlink_ask(&watch->nsids, message, take_nsid, &nsid);
	return nsid;
}

static void find_peers(struct watch *watch)
{
	struct namespaces *near = &watch->host->nearby;

	namespaces_scan(near, true);
	watch->peer_count = 0;
	for (size_t i = 0; i < near->count && watch->peer_count < PEERS_MAX; i++) {
		_cleanup_close_ int fd = namespace_open(&near->at[i]);
		__s32 nsid = fd < 0 ? -1 : ask_nsid(watch, fd);

		if (nsid < 0)
			continue;
		watch->peers[watch->peer_count][0] = nsid;
		watch->peers[watch->peer_count][1] = near->at[i].inode;
		watch->peer_count++;
	}
	watch->peers_ns = clock_read_ns(CLOCK_MONOTONIC);
}

static __u32 find_peer_netns(struct watch *watch, __u32 nsid)
{
	/* Numbers are given anew when a namespace ends: an old list may be wrong, not only short. */
	if (clock_read_ns(CLOCK_MONOTONIC) - watch->peers_ns > PEERS_KEPT_NS)
		find_peers(watch);
	for (size_t i = 0; i < watch->peer_count; i++)
		if (watch->peers[i][0] == nsid)
			return watch->peers[i][1];
	return 0;
}

/* ---- interfaces ---- */

static void parse_kind(const struct nlattr *linkinfo, struct ev_interface *body)
{
	struct nlattr *table[IFLA_INFO_MAX + 1];

	if (linkinfo &&
	    nla_parse_nested(table, IFLA_INFO_MAX, (struct nlattr *)linkinfo, NULL) >= 0 &&
	    table[IFLA_INFO_KIND])
		nla_strlcpy(body->type, table[IFLA_INFO_KIND], sizeof(body->type));
}

static void parse_peer(struct watch *watch, struct nlattr **table, struct ev_interface *body)
{
	/* Of a vlan and its like IFLA_LINK is the device below, not another end. */
	if (strcmp(body->type, "veth") && strcmp(body->type, "netkit"))
		return;
	body->peer_ifindex = netlink_u32(table[IFLA_LINK], 0);
	if (table[IFLA_LINK_NETNSID]) {
		body->flags |= INTERFACE_F_PEER_ELSEWHERE;
		body->peer_netns = find_peer_netns(watch, netlink_u32(table[IFLA_LINK_NETNSID], 0));
	} else if (body->peer_ifindex) {
		body->peer_netns = watch->inode;
	}
}

static int parse_link(struct watch *watch, struct nlmsghdr *message, struct ev_interface *body,
		      __u32 *ifindex)
{
	struct ifinfomsg *head = nlmsg_data(message);
	struct nlattr *table[IFLA_MAX + 1];

	if (netlink_attributes(message, sizeof(*head), table, IFLA_MAX) || !table[IFLA_IFNAME])
		return -EBADMSG;
	/* The bridge's own notices of a port come as AF_BRIDGE and say less. */
	if (head->ifi_family != AF_UNSPEC)
		return -EBADMSG;
	*ifindex = head->ifi_index;
	*body = (struct ev_interface){ .mtu = netlink_u32(table[IFLA_MTU], 0) };
	if (head->ifi_flags & IFF_UP)
		body->flags |= INTERFACE_F_UP;
	if (head->ifi_flags & IFF_LOWER_UP)
		body->flags |= INTERFACE_F_CARRIER;
	if (head->ifi_flags & IFF_LOOPBACK)
		body->flags |= INTERFACE_F_LOOPBACK;
	nla_strlcpy(body->name, table[IFLA_IFNAME], sizeof(body->name));
	parse_kind(table[IFLA_LINKINFO], body);
	if (message->nlmsg_type == RTM_NEWLINK)
		parse_peer(watch, table, body);
	return 0;
}

static bool is_chosen(const struct host_options *options, const char *name)
{
	if (!options->interfaces)
		return true;
	for (size_t i = 0; options->interfaces[i]; i++)
		if (!strcmp(options->interfaces[i], name))
			return true;
	return false;
}

static int tell_interface(struct watch *watch, __u32 ifindex, const struct ev_interface *body)
{
	struct tell_where where = { .netns = watch->inode, .ifindex = ifindex };

	return tell(watch->host->options.sink, EVENT_INTERFACE, &where, body, sizeof(*body));
}

/* Lets the agent attach to an interface, or forget one. */
static int call_agent(struct watch *watch, struct interface_entry *entry)
{
	const struct host_options *options = &watch->host->options;
	bool gone = entry->body.flags & INTERFACE_F_GONE;

	if (!options->interface)
		return 0;
	if (gone ? !entry->hooked : entry->hooked || !is_chosen(options, entry->body.name))
		return 0;
	if (host_enter(watch->host, watch->inode, watch->fd))
		return 0; /* no right to go there: the record says that no hook is attached */
	options->interface(options->ctx, watch->inode, entry->ifindex, &entry->body);
	entry->hooked = !gone;
	return host_leave(watch->host);
}

static struct interface_entry *find_interface(struct watch *watch, __u32 ifindex)
{
	for (size_t i = 0; i < watch->interface_count; i++)
		if (watch->interfaces[i].ifindex == ifindex)
			return &watch->interfaces[i];
	return NULL;
}

void watch_device(struct watch *watch, __u32 ifindex, char name[16])
{
	const struct interface_entry *entry = find_interface(watch, ifindex);

	if (entry)
		memcpy(name, entry->body.name, sizeof(entry->body.name));
	else
		netlink_device(&watch->route, ifindex, name);
}

static struct interface_entry *add_interface(struct watch *watch, __u32 ifindex)
{
	if (watch->interface_count == watch->interface_room) {
		size_t room = watch->interface_room ? watch->interface_room * 2 : 16;
		void *grown;

		if (room > INTERFACES_MAX)
			return NULL;
		grown = reallocarray(watch->interfaces, room, sizeof(*watch->interfaces));
		if (!grown)
			return NULL;
		watch->interfaces = grown;
		watch->interface_room = room;
	}
	watch->interfaces[watch->interface_count] = (struct interface_entry){ .ifindex = ifindex };
	return &watch->interfaces[watch->interface_count++];
}

static int end_interface(struct watch *watch, struct interface_entry *entry, bool change)
{
	struct ev_interface old = entry->body;
	__u32 ifindex = entry->ifindex;
	int err;

	entry->body.flags |= INTERFACE_F_GONE;
	entry->body.flags &= ~HOOK_FLAGS;
	err = call_agent(watch, entry);
	if (!err)
		err = tell_interface(watch, ifindex, &entry->body);
	*entry = watch->interfaces[--watch->interface_count];
	if (err >= 0 && change)
		err = change_link(watch, ifindex, &old, NULL);
	return err;
}

/* @first: part of the very first dump, when nothing is a change. */
static int update_interface(struct watch *watch, __u32 ifindex, const struct ev_interface *body,
			    bool first)
{
	struct interface_entry *entry = find_interface(watch, ifindex);
	struct ev_interface old = { 0 };
	bool is_new = !entry;
	int err;

	if (is_new)
		entry = add_interface(watch, ifindex);
	if (!entry)
		return tell_interface(watch, ifindex, body); /* too many: told, never attached */
	entry->seen = watch->dumps;
	old = entry->body;
	entry->body = *body;
	entry->body.flags |= old.flags & HOOK_FLAGS;
	if (!is_new && !memcmp(&old, &entry->body, sizeof(old)))
		return 0; /* statistics, wireless scans, … */
	err = call_agent(watch, entry);
	if (!err)
		err = tell_interface(watch, ifindex, &entry->body);
	if (err >= 0 && !first)
		err = change_link(watch, ifindex, is_new ? NULL : &old, &entry->body);
	return err;
}

static int take_link(struct watch *watch, struct nlmsghdr *message, bool first)
{
	struct interface_entry *entry;
	struct ev_interface body;
	__u32 ifindex;

	if (parse_link(watch, message, &body, &ifindex))
		return 0;
	if (message->nlmsg_type == RTM_NEWLINK)
		return update_interface(watch, ifindex, &body, first);
	entry = find_interface(watch, ifindex);
	return entry ? end_interface(watch, entry, true) : 0;
}

static int take_dumped(void *ctx, struct nlmsghdr *message)
{
	struct watch *watch = ctx;

	return message->nlmsg_type == RTM_NEWLINK ? take_link(watch, message, watch->dumps == 1) :
						    0;
}

/* What is there now; what the last dump saw and this one does not is gone. */
static int dump_links(struct watch *watch)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	int err;

	watch->dumps++;
	watch->lost_news = false;
	err = netlink_ask(&watch->route,
			  netlink_message(RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head)),
			  take_dumped, watch);
	for (size_t i = watch->interface_count; i-- > 0 && err >= 0;)
		if (watch->interfaces[i].seen != watch->dumps)
			err = end_interface(watch, &watch->interfaces[i], true);
	return err;
}

/* ---- news ---- */

static int take_news(void *ctx, struct nlmsghdr *message)
{
	struct watch *watch = ctx;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return take_link(watch, message, false);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return change_address(watch, message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return change_route(watch, message);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return change_rule(watch, message);
	default:
		return 0;
	}
}

static int take_ruleset(void *ctx, struct nlmsghdr *message)
{
	return change_ruleset(ctx, message);
}

int watch_poll(struct watch *watch)
{
	int err = netlink_receive(&watch->news, take_news, watch);

	if (err == -ENOBUFS) {
		watch->lost_news = true;
		err = 0;
	}
	if (err >= 0 && watch->rulesets.fd >= 0) {
		err = netlink_receive(&watch->rulesets, take_ruleset, watch);
		if (err == -ENOBUFS)
			err = 0; /* what is told then counts too few; that it changed is told */
	}
	if (err >= 0 && watch->lost_news)
		err = dump_links(watch);
	return err;
}

static int subscribe(struct watch *watch)
{
	static const int groups[] = {
		RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,
	};
	int err = netlink_open(&watch->route, NETLINK_ROUTE);

	if (!err)
		err = netlink_open(&watch->nsids, NETLINK_ROUTE);
	if (!err)
		err = netlink_open(&watch->news, NETLINK_ROUTE);
	for (size_t i = 0; i < ARRAY_SIZE(groups) && !err; i++)
		err = netlink_join(&watch->news, groups[i]);
	if (err)
		return err;
	/* Without CAP_NET_ADMIN there, or without nf_tables, rulesets change unseen. */
	if (netlink_open(&watch->rulesets, NETLINK_NETFILTER) ||
	    netlink_join(&watch->rulesets, NFNLGRP_NFTABLES))
		netlink_close(&watch->rulesets);
	return 0;
}

static int poll_sockets(struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll_ctl(watch->host->epoll_fd, EPOLL_CTL_ADD, watch->news.fd, &event))
		return -errno;
	if (watch->rulesets.fd >= 0 &&
	    epoll_ctl(watch->host->epoll_fd, EPOLL_CTL_ADD, watch->rulesets.fd, &event))
		return -errno;
	return 0;
}

int watch_open(struct watch **out, struct host *host, __u32 inode, int fd)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch) {
		close(fd);
		return -ENOMEM;
	}
	*watch = (struct watch){
		.host = host,
		.inode = inode,
		.fd = fd,
		.is_own = inode == host->own_inode,
		.route = NETLINK_CLOSED,
		.nsids = NETLINK_CLOSED,
		.news = NETLINK_CLOSED,
		.rulesets = NETLINK_CLOSED,
	};
	watch->peers = calloc(PEERS_MAX, sizeof(*watch->peers));
	err = watch->peers ? host_enter(host, inode, fd) : -ENOMEM;
	if (!err) {
		err = subscribe(watch);
		err = host_leave(host) ?: err;
	}
	if (!err)
		err = poll_sockets(watch);
	if (!err)
		err = dump_links(watch);
	if (err < 0) {
		watch_close(watch, false);
		return err;
	}
	*out = watch;
	return 0;
}

void watch_close(struct watch *watch, bool gone)
{
	if (!watch)
		return;
	while (gone && watch->interface_count)
		end_interface(watch, &watch->interfaces[watch->interface_count - 1], false);
	netlink_close(&watch->route);
	netlink_close(&watch->nsids);
	netlink_close(&watch->news);
	netlink_close(&watch->rulesets);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->interfaces);
	free(watch->peers);
	free(watch);
}
