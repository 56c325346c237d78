// SPDX-License-Identifier: GPL-2.0-or-later
/* tell_changes.c - what changed on this host shortly before, and concerns the connection of a finding */

#include <string.h>

#include "rules/look.h"
#include "rules/tell.h"
#include "util/address.h"
#include "util/time.h"

#define CHANGES_LOOKED_AT 32 /* of each namespace, the last ones */
#define NAMESPACES_MOST 4
#define ENDS_MOST 3

/* Where it goes, by every name and in every namespace of this machine that is known of its way. */
struct way {
	__u32 netns[NAMESPACES_MOST]; /* the socket's first */
	size_t namespaces;
	const __u8 *to[ENDS_MOST]; /* what was asked for, and what NAT made of it */
	__u16 port[ENDS_MOST];
	size_t ends;
	const __u8 *from;
	/* out of the socket's namespace: one of both, neither where it is not known */
	__u32 ifindex;
	const char *device;
};

static void add_netns(struct way *way, __u32 netns)
{
	for (size_t i = 0; i < way->namespaces; i++)
		if (way->netns[i] == netns)
			return;
	if (way->namespaces < NAMESPACES_MOST && (netns || !way->namespaces))
		way->netns[way->namespaces++] = netns;
}

static void add_end(struct way *way, const __u8 *address, __u16 port)
{
	if (!port && address_is_any(address))
		return;
	way->to[way->ends] = address;
	way->port[way->ends++] = port;
}

/* By the first SYN; else by the route that was looked up since. */
static void find_way_out(const struct view *view, struct way *way)
{
	const struct opening *opening = view->opening;
	const struct ev_fact *route = look_route_in(view, opening->netns);

	if (opening->syn_ifindex && opening->syn_netns == opening->netns)
		way->ifindex = opening->syn_ifindex;
	else if (route && route->name[0])
		way->device = route->name;
}

static bool is_way_out_known(const struct way *way)
{
	return way->ifindex || way->device;
}

/* Is it a change of the interface that the connection leaves by? */
static bool is_way_out(const struct view *view, const struct change *change, const struct way *way)
{
	const struct interface *interface;

	if (change->netns != way->netns[0])
		return false;
	if (!way->device)
		return way->ifindex && way->ifindex == change->ifindex;
	interface = join_interface(view->join, change->netns, change->ifindex);
	return interface && !strncmp(interface->name, way->device, sizeof(interface->name));
}

static struct way way_of(const struct view *view, const struct finding *finding)
{
	const struct opening *opening = view->opening;
	bool here = !subject_role_asks(finding->role) || !finding->tuple.remote_port;
	struct way way = { .from = finding->tuple.local };

	add_netns(&way, finding->netns);
	add_end(&way, finding->tuple.remote,
		here ? finding->tuple.local_port : finding->tuple.remote_port);
	if (!opening || opening_is_captured(opening))
		return way;
	find_way_out(view, &way);
	add_netns(&way, opening->syn_netns);
	add_netns(&way, opening->drop_out.netns);
	add_netns(&way, opening->refused_netns);
	if (opening->stopped_to_port)
		add_end(&way, opening->stopped_to, opening->stopped_to_port);
	if (opening->refused_rewritten)
		add_end(&way, opening->refused_to, opening->refused_to_port);
	return way;
}

/* An address says its family by its form; a prefix has it beside: that of a default route is empty. */
static bool covers(const struct change *change, const __u8 *address)
{
	bool ipv4 = address_is_ipv4(address);
	unsigned int most = ipv4 ? 32 : 128;
	size_t skip = ipv4 ? EVENT_ADDRESS_SIZE - 4 : 0;

	if (change->family != (ipv4 ? FAMILY_IPV4 : FAMILY_IPV6) || change->prefix_bits > most)
		return false;
	return address_begins(address + skip, change->address + skip, change->prefix_bits);
}

static bool covers_end(const struct change *change, const struct way *way)
{
	for (size_t i = 0; i < way->ends; i++)
		if (!address_is_any(way->to[i]) && covers(change, way->to[i]))
			return true;
	return false;
}

/* The address itself, one of the same network as the other end, or another of the interface on the way. */
static bool address_concerns(const struct view *view, const struct change *change,
			     const struct way *way)
{
	__u8 family = address_is_ipv4(way->from) ? FAMILY_IPV4 : FAMILY_IPV6;

	if (covers_end(change, way) || address_equal(change->address, way->from))
		return true;
	return change->family == family && is_way_out(view, change, way);
}

/* Ends of a container's wire, their bridges, and what leads nowhere come and go for others. */
static bool is_of_others(const struct interface *interface)
{
	return !strcmp(interface->type, "veth") || !strcmp(interface->type, "bridge") ||
	       !strcmp(interface->type, "dummy");
}

/* A link that is not on the way may have been, until it changed. */
static bool link_concerns(const struct view *view, const struct change *change,
			  const struct way *way)
{
	const struct interface *interface =
		join_interface(view->join, change->netns, change->ifindex);

	if (change->netns != way->netns[0])
		return false; /* of other namespaces it is not known which are on the way */
	return !is_way_out_known(way) || is_way_out(view, change, way) || !interface ||
	       !is_of_others(interface);
}

/* A listener concerns those who ask for its port, and what is told of that port. */
static bool listener_concerns(const struct change *change, const struct way *way)
{
	char word[16];

	for (size_t i = 0; i < way->ends; i++) {
		struct text text = text_of(word);

		text_add(&text, ":%u ", way->port[i]);
		if (strstr(change->text, word))
			return true;
	}
	return false;
}

/* What a recording does not tell of a change (older ones do not) keeps none away. */
static bool concerns(const struct view *view, const struct change *change, const struct way *way)
{
	switch ((enum event_change)change->what) {
	case CHANGE_LISTENER:
		return listener_concerns(change, way);
	case CHANGE_ROUTE:
		return !change->family || covers_end(change, way);
	case CHANGE_ADDRESS:
		return !change->family || address_concerns(view, change, way);
	case CHANGE_LINK:
		return !change->ifindex || link_concerns(view, change, way);
	case CHANGE_RULESET:
	case CHANGE_COUNT:
		break;
	}
	return true;
}

/* The newest first; the oldest makes room. */
static void put(struct finding *finding, const struct change *change)
{
	const size_t most = ARRAY_SIZE(finding->changed);
	size_t at = finding->changed_count;

	while (at && finding->changed[at - 1].ts_ns < change->ts_ns)
		at--;
	if (at == most)
		return;
	finding->changed_count += finding->changed_count < most;
	memmove(&finding->changed[at + 1], &finding->changed[at],
		(finding->changed_count - at - 1) * sizeof(finding->changed[0]));
	finding->changed[at] = *change;
}

void tell_changes(const struct view *view, struct finding *finding)
{
	__u64 window = view->thresholds->value[THRESHOLD_CHANGE_WINDOW] * NS_PER_S;
	__u64 from = finding->started_ns > window ? finding->started_ns - window : 0;
	__u64 ended_ns = view->attempt->ended_ns; /* what changed after it explains nothing */
	__u64 to = ended_ns && ended_ns < finding->time_ns ? ended_ns : finding->time_ns;
	struct way way = way_of(view, finding);
	struct change changes[CHANGES_LOOKED_AT];

	for (size_t n = 0; n < way.namespaces; n++) {
		size_t count = join_changes(view->join, way.netns[n], from, to, changes,
					    ARRAY_SIZE(changes));

		for (size_t i = 0; i < count; i++)
			if (concerns(view, &changes[i], &way))
				put(finding, &changes[i]);
	}
}
