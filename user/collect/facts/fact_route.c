// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_route.c - route, next hop's neighbour and addresses, asked of the kernel; nothing is sent */

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "collect/facts/fact.h"
#include "collect/tell.h"
#include "util/address.h"

struct look_up {
	const struct netlink *netlink;
	struct route route;
	bool found;
};

static int put_address(struct nl_msg *message, int attribute, int family, const __u8 *address)
{
	return family == AF_INET ? nla_put(message, attribute, 4, address + 12) :
				   nla_put(message, attribute, EVENT_ADDRESS_SIZE, address);
}

static int family_of(const struct event_tuple *tuple)
{
	return address_is_ipv4(tuple->remote) ? AF_INET : AF_INET6;
}

static int take_route(void *ctx, struct nlmsghdr *message)
{
	struct look_up *look_up = ctx;

	if (message->nlmsg_type == RTM_NEWROUTE)
		look_up->found = !route_parse(look_up->netlink, message, &look_up->route);
	return 0;
}

static int ask_route_from(struct fetch *fetch, __u32 flags, bool has_source,
			  struct look_up *look_up)
{
	const struct fact_request *request = fetch->request;
	const struct event_tuple *tuple = &request->tuple;
	int family = family_of(tuple), bits = family == AF_INET ? 32 : 128;
	struct rtmsg head = {
		.rtm_family = family,
		.rtm_dst_len = bits,
		.rtm_src_len = has_source ? bits : 0,
		/* IPv6 tells the table unasked and refuses the flag. */
		.rtm_flags = flags | (family == AF_INET ? RTM_F_LOOKUP_TABLE : 0),
	};
	struct nl_msg *message = netlink_message(RTM_GETROUTE, 0, &head, sizeof(head));
	int err = message ? put_address(message, RTA_DST, family, tuple->remote) : 0;

	if (message && has_source)
		err = err ?: put_address(message, RTA_SRC, family, tuple->local);
	if (message && request->bound_ifindex)
		err = err ?: nla_put_u32(message, RTA_OIF, request->bound_ifindex);
	if (message && request->mark)
		err = err ?: nla_put_u32(message, RTA_MARK, request->mark);
	if (message)
		err = err ?: nla_put_u32(message, RTA_UID, request->uid);
	if (err) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	*look_up = (struct look_up){ .netlink = &fetch->route };
	err = netlink_ask(&fetch->route, message, take_route, look_up);
	return err ?: look_up->found ? 0 : -ENOENT;
}

/*
 * The kernel's own look-up, for a flow like the one that failed. From an address that is not there
 * it says EINVAL, as a blackhole does: then what counts is the way without it.
 */
static int ask_route(struct fetch *fetch, __u32 flags, struct look_up *look_up)
{
	bool has_source = !address_is_any(fetch->request->tuple.local);
	int err = ask_route_from(fetch, flags, has_source, look_up);

	return err && has_source ? ask_route_from(fetch, flags, false, look_up) : err;
}

static __u32 device_mtu(const struct netlink *netlink, const char *name)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, name, IFNAMSIZ - 1);
	return ioctl(netlink->fd, SIOCGIFMTU, &request) ? 0 : request.ifr_mtu;
}

static void fill_route(struct ev_fact *fact, const struct route *route)
{
	memcpy(fact->name, route->device, sizeof(route->device));
	if (route->has_source)
		memcpy(fact->address, route->source, sizeof(fact->address));
	if (route->has_gateway)
		memcpy(fact->address2, route->gateway, sizeof(fact->address2));
	fact->number = route->mtu;
	fact->limit = route->table;
	fact->port = route->type;
}

static void tell_route(struct fetch *fetch, const struct route *route)
{
	struct ev_fact fact = fact_make(FACT_ROUTE);
	struct text text = text_of(fact.text);
	struct look_up entry;

	fill_route(&fact, route);
	if (!fact.number)
		fact.number = device_mtu(&fetch->route, route->device);
	/* The entry that matched says more than the answer, which is about one host (4.13 on). */
	if (!ask_route(fetch, RTM_F_FIB_MATCH, &entry) && entry.route.type == route->type)
		route = &entry.route;
	route_print(&text, route);
	fact_tell(fetch, &fact);
}

/* ---- what rejects ---- */

/* Which type of route or rule gives that errno (fib_props[], fib6_lookup: ip-route(8)). */
static bool rejects_with(unsigned int type, int error)
{
	switch (type) {
	case RTN_UNREACHABLE:
		return error == -EHOSTUNREACH || error == -ENETUNREACH; /* IPv6, before 4.12 too */
	case RTN_PROHIBIT:
		return error == -EACCES;
	case RTN_BLACKHOLE:
		return error == -EINVAL;
	case RTN_THROW:
		return error == -EAGAIN || error == -ENETUNREACH;
	default:
		return false;
	}
}

struct reject_search {
	struct fetch *fetch;
	int error; /* of the look-up */
	bool found;
	struct route route;
	char rule[128]; /* a rule of the policy that rejects by itself */
};

static int take_rejecting(void *ctx, struct nlmsghdr *message)
{
	struct reject_search *search = ctx;
	const struct event_tuple *tuple = &search->fetch->request->tuple;
	struct route route;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    route_parse(&search->fetch->route, message, &route))
		return 0;
	if (!rejects_with(route.type, search->error) ||
	    !fact_prefix_covers(route.destination, route.prefix_bits, route.family, tuple->remote))
		return 0;
	/* IPv6 keeps a null entry for "no route": it is nobody's configuration. */
	if (route.family == AF_INET6 && !route.prefix_bits && route.metric == 0xffffffff)
		return 0;
	if (search->found && search->route.prefix_bits >= route.prefix_bits)
		return 0;
	search->found = true;
	search->route = route;
	return 0;
}

static int take_rejecting_rule(void *ctx, struct nlmsghdr *message)
{
	static const struct {
		const char *name;
		__u8 type;
	} actions[] = {
		[FR_ACT_BLACKHOLE] = { "blackhole", RTN_BLACKHOLE },
		[FR_ACT_UNREACHABLE] = { "unreachable", RTN_UNREACHABLE },
		[FR_ACT_PROHIBIT] = { "prohibit", RTN_PROHIBIT },
	};
	struct reject_search *search = ctx;
	const struct event_tuple *tuple = &search->fetch->request->tuple;
	struct fib_rule_hdr *head = nlmsg_data(message);
	struct nlattr *table[FRA_MAX + 1];
	__u8 address[EVENT_ADDRESS_SIZE];
	struct text text;

	if (search->found || netlink_attributes(message, sizeof(*head), table, FRA_MAX))
		return 0;
	if (head->action >= ARRAY_SIZE(actions) || !actions[head->action].name ||
	    !rejects_with(actions[head->action].type, search->error))
		return 0;
	if (netlink_address(table[FRA_DST], address) &&
	    !fact_prefix_covers(address, head->dst_len, head->family, tuple->remote))
		return 0;
	search->found = true;
	search->route = (struct route){ .type = actions[head->action].type };
	text = text_of(search->rule);
	text_add(&text, "rule %u: ", netlink_u32(table[FRA_PRIORITY], 0));
	if (netlink_address(table[FRA_SRC], address)) {
		text_add(&text, "from ");
		address_print(&text, address);
		text_add(&text, "/%u ", head->src_len);
	} else {
		text_add(&text, "from all ");
	}
	if (netlink_address(table[FRA_DST], address)) {
		text_add(&text, "to ");
		address_print(&text, address);
		text_add(&text, "/%u ", head->dst_len);
	}
	text_add(&text, "%s", actions[head->action].name);
	return 0;
}

/*
 * The look-up failed: says which configured route, or else which rule, gives that very errno for
 * that destination. The kernel narrows the dump to a type since 4.20; a full table is a long walk.
 */
static bool find_rejecting(struct fetch *fetch, int error, struct reject_search *search)
{
	static const __u8 types[] = { RTN_UNREACHABLE, RTN_PROHIBIT, RTN_BLACKHOLE, RTN_THROW };
	int family = family_of(&fetch->request->tuple);
	struct fib_rule_hdr rules = { .family = family };

	*search = (struct reject_search){ .fetch = fetch, .error = error };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct rtmsg head = { .rtm_family = family, .rtm_type = types[i] };

		if (rejects_with(types[i], error))
			netlink_ask(&fetch->route,
				    netlink_message(RTM_GETROUTE, NLM_F_DUMP, &head, sizeof(head)),
				    take_rejecting, search);
	}
	if (!search->found)
		netlink_ask(&fetch->route,
			    netlink_message(RTM_GETRULE, NLM_F_DUMP, &rules, sizeof(rules)),
			    take_rejecting_rule, search);
	return search->found;
}

static void tell_no_route(struct fetch *fetch, int error)
{
	struct ev_fact fact = fact_make(FACT_ROUTE);
	struct text text = text_of(fact.text);
	struct reject_search search;

	fact.error = -error;
	if (find_rejecting(fetch, error, &search)) {
		fill_route(&fact, &search.route);
		if (search.rule[0])
			text_add(&text, "%s", search.rule);
		else
			route_print(&text, &search.route);
	} else {
		fact.flags = FACT_F_ABSENT;
	}
	fact_tell(fetch, &fact);
}

/* ---- the next hop ---- */

struct neighbor_answer {
	struct ev_fact *fact;
	bool found;
};

static int take_neighbor(void *ctx, struct nlmsghdr *message)
{
	struct neighbor_answer *answer = ctx;
	struct ndmsg *head = nlmsg_data(message);
	struct text text = text_of(answer->fact->text);
	struct nlattr *table[NDA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    netlink_attributes(message, sizeof(*head), table, NDA_MAX))
		return 0;
	answer->found = true;
	answer->fact->port = head->ndm_state;
	for (int i = 0; table[NDA_LLADDR] && i < nla_len(table[NDA_LLADDR]); i++)
		text_add(&text, i ? ":%02x" : "%02x", ((__u8 *)nla_data(table[NDA_LLADDR]))[i]);
	return 0;
}

static void fetch_neighbor(struct fetch *fetch, const struct route *route)
{
	const __u8 *hop = route->has_gateway ? route->gateway : fetch->request->tuple.remote;
	struct ev_fact fact = fact_make(FACT_NEIGHBOR);
	struct neighbor_answer answer = { .fact = &fact };
	int family = address_is_ipv4(hop) ? AF_INET : AF_INET6;
	struct ndmsg head = { .ndm_family = family, .ndm_ifindex = route->oif };
	struct nl_msg *message;
	int err;

	if (route->type != RTN_UNICAST)
		return fact_tell_absent(fetch, FACT_NEIGHBOR, route->device, 0);
	memcpy(fact.name, route->device, sizeof(route->device));
	memcpy(fact.address, hop, sizeof(fact.address));
	message = netlink_message(RTM_GETNEIGH, 0, &head, sizeof(head));
	if (message && put_address(message, NDA_DST, family, hop)) {
		nlmsg_free(message);
		message = NULL;
	}
	err = netlink_ask(&fetch->route, message, take_neighbor, &answer); /* 5.0 on */
	if (!answer.found) {
		fact.flags = FACT_F_ABSENT;
		fact.error = -err;
	}
	fact_tell(fetch, &fact);
}

void fact_fetch_route(struct fetch *fetch)
{
	__u32 wanted = fetch->request->wanted;
	struct look_up look_up;
	int err = ask_route(fetch, 0, &look_up);

	if (wanted & BIT(FACT_ROUTE)) {
		if (err)
			tell_no_route(fetch, err);
		else
			tell_route(fetch, &look_up.route);
	}
	if (!(wanted & BIT(FACT_NEIGHBOR)))
		return;
	if (err)
		fact_tell_absent(fetch, FACT_NEIGHBOR, NULL, err);
	else
		fetch_neighbor(fetch, &look_up.route);
}

__u32 fact_route_ifindex(struct fetch *fetch)
{
	struct look_up look_up;

	return ask_route(fetch, 0, &look_up) ? 0 : look_up.route.oif;
}

/* ---- addresses ---- */

struct addresses {
	struct fetch *fetch;
	size_t count;
	struct ev_fact at[FACT_ADDRESSES_MAX];
};

static int take_address(void *ctx, struct nlmsghdr *message)
{
	struct addresses *addresses = ctx;
	struct ifaddrmsg *head = nlmsg_data(message);
	struct nlattr *table[IFA_MAX + 1];
	struct ev_fact fact = fact_make(FACT_ADDRESS);
	bool asked_for;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    netlink_attributes(message, sizeof(*head), table, IFA_MAX) ||
	    !netlink_address(table[IFA_LOCAL] ?: table[IFA_ADDRESS], fact.address))
		return 0;
	netlink_device(&addresses->fetch->route, head->ifa_index, fact.name);
	fact.number = head->ifa_prefixlen;
	fact.port = netlink_u32(table[IFA_FLAGS], head->ifa_flags);
	/* However many there are: whether the address in question is one of them must show. */
	asked_for = address_equal(fact.address, addresses->fetch->request->tuple.local);
	if (addresses->count < FACT_ADDRESSES_MAX)
		addresses->at[addresses->count++] = fact;
	else if (asked_for)
		addresses->at[FACT_ADDRESSES_MAX - 1] = fact;
	return 0;
}

void fact_fetch_addresses(struct fetch *fetch)
{
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };
	struct addresses addresses = { .fetch = fetch };
	int err = netlink_ask(&fetch->route,
			      netlink_message(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head)),
			      take_address, &addresses);

	for (size_t i = 0; i < addresses.count; i++)
		fact_tell(fetch, &addresses.at[i]);
	if (!addresses.count)
		fact_tell_absent(fetch, FACT_ADDRESS, NULL, err);
}
