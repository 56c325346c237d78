// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - what is known of the host: names, interfaces, namespaces, changes, processes, hooks */

#include <errno.h>
#include <string.h>

#include "join/core.h"
#include "util/address.h"

/* ---- namespaces and interfaces ---- */

const struct netns_slot *host_netns(const struct join *join, __u32 netns)
{
	for (size_t i = 0; i < join->netns_count; i++)
		if (join->netns[i].netns == netns)
			return &join->netns[i];
	return NULL;
}

static struct netns_slot *take_netns(struct join *join, __u32 netns)
{
	struct netns_slot *slot = (struct netns_slot *)host_netns(join, netns);

	if (slot || join->netns_count == JOIN_NETNS_MAX)
		return slot;
	slot = &join->netns[join->netns_count++];
	slot->netns = netns;
	return slot;
}

static struct interface_slot *find_interface(const struct join *join, __u32 netns, __u32 ifindex)
{
	size_t at = hash_mix(netns, ifindex) % JOIN_INTERFACES_MAX;

	/* a slot once used stays in its place: a free one ends the search */
	for (size_t i = 0; i < JOIN_INTERFACES_MAX; i++) {
		struct interface_slot *slot = &join->interfaces[(at + i) % JOIN_INTERFACES_MAX];

		if (!slot->used ||
		    (slot->interface.netns == netns && slot->interface.ifindex == ifindex))
			return slot;
	}
	return NULL;
}

const struct interface *join_interface(const struct join *join, __u32 netns, __u32 ifindex)
{
	const struct interface_slot *slot = find_interface(join, netns, ifindex);

	return slot && slot->used ? &slot->interface : NULL;
}

static bool is_hooked(const struct interface *interface)
{
	__u32 both = INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT;

	if (interface->flags & INTERFACE_F_CHAINED)
		return false; /* what stands in front may have ended the chain */
	if (interface->flags & INTERFACE_F_LOOPBACK)
		return interface->flags & INTERFACE_F_TC_OUT;
	return (interface->flags & both) == both;
}

/* Packets of a namespace are in sight when every interface that is up has our hooks. */
static void note_coverage(struct join *join, struct netns_slot *netns)
{
	netns->covered = false;
	netns->covered_since_ns = 0;
	for (size_t i = 0; i < JOIN_INTERFACES_MAX; i++) {
		const struct interface_slot *slot = &join->interfaces[i];

		if (!slot->used || slot->interface.netns != netns->netns ||
		    (slot->interface.flags & INTERFACE_F_GONE) ||
		    !(slot->interface.flags & INTERFACE_F_UP))
			continue;
		netns->covered = is_hooked(&slot->interface);
		if (!netns->covered)
			return;
		if (slot->since_ns > netns->covered_since_ns)
			netns->covered_since_ns = slot->since_ns;
	}
}

static void note_interface(struct join *join, const struct event *event)
{
	struct interface_slot *slot = find_interface(join, event->head.netns, event->head.ifindex);
	struct netns_slot *netns = take_netns(join, event->head.netns);
	bool was_hooked;

	if (!slot)
		return;
	was_hooked = slot->used && is_hooked(&slot->interface);
	slot->used = true;
	slot->interface = (struct interface){
		.netns = event->head.netns,
		.ifindex = event->head.ifindex,
		.flags = event->interface.flags,
		.mtu = event->interface.mtu,
		.peer_netns = event->interface.peer_netns,
	};
	memcpy(slot->interface.name, event->interface.name, sizeof(slot->interface.name));
	memcpy(slot->interface.type, event->interface.type, sizeof(slot->interface.type));
	if (is_hooked(&slot->interface) && !was_hooked)
		slot->since_ns = event->head.ts_ns;
	if (netns)
		note_coverage(join, netns);
}

bool host_interface_leaves(const struct join *join, __u32 netns, __u32 ifindex)
{
	const struct interface *interface = join_interface(join, netns, ifindex);

	/* a veth or bridge hands the packet to something else of this machine */
	return interface && !(interface->flags & INTERFACE_F_LOOPBACK) &&
	       strcmp(interface->type, "veth") && strcmp(interface->type, "bridge");
}

static void note_netns(struct join *join, const struct event *event)
{
	struct netns_slot *slot = take_netns(join, event->head.netns);

	if (!slot)
		return;
	memcpy(slot->name, event->netns.name, sizeof(slot->name));
	slot->own = event->netns.is_own;
	if (slot->own)
		join->own_netns = slot->netns;
}

const char *join_netns_name(const struct join *join, __u32 netns)
{
	const struct netns_slot *slot = host_netns(join, netns);

	return slot && slot->name[0] ? slot->name : NULL;
}

__u32 join_netns_own(const struct join *join)
{
	return join->own_netns;
}

/* ---- names ---- */

static struct name_slot *find_name(const struct join *join, __u8 space, __u64 value)
{
	size_t at = hash_mix(space, value) % JOIN_NAMES_MAX;

	for (size_t i = 0; i < JOIN_NAMES_MAX; i++) {
		struct name_slot *slot = &join->names[(at + i) % JOIN_NAMES_MAX];

		if (!slot->space || (slot->space == space + 1 && slot->value == value))
			return slot;
	}
	return NULL;
}

static void note_name(struct join *join, const struct event *event)
{
	struct name_slot *slot = find_name(join, event->name.space, event->name.value);

	if (!slot)
		return;
	slot->space = event->name.space + 1;
	slot->value = event->name.value;
	memcpy(slot->text, event->name.text, sizeof(slot->text));
}

const char *join_name(const struct join *join, enum event_name_space space, __u64 value)
{
	const struct name_slot *slot = find_name(join, space, value);

	return slot && slot->space ? slot->text : NULL;
}

/* ---- next hops ---- */

static void note_neighbor(struct join *join, const struct event *event)
{
	struct neighbor_failure *failure =
		&join->neighbors[join->neighbors_next++ % JOIN_NEIGHBORS_MAX];

	failure->ts_ns = event->head.ts_ns;
	failure->netns = event->head.netns;
	failure->ifindex = event->head.ifindex;
	memcpy(failure->address, event->neighbor.address, sizeof(failure->address));
}

/*
 * The failure of a next hop that concerns this opening: of the destination itself, or, in the opening's
 * own namespace, of a gateway while its SYN never reached the interface and the kernel said so.
 */
const struct neighbor_failure *host_neighbor_failure(const struct join *join,
						     const struct opening *opening)
{
	bool stuck = !opening->syn_handed &&
		     (opening->error == EHOSTUNREACH || opening->retransmit_error == -EBUSY);

	for (size_t i = 0; i < JOIN_NEIGHBORS_MAX && i < join->neighbors_next; i++) {
		const struct neighbor_failure *failure = &join->neighbors[i];
		bool family =
			address_is_ipv4(failure->address) == address_is_ipv4(opening->tuple.remote);

		if (failure->ts_ns < opening->started_ns || !family)
			continue;
		if (address_equal(failure->address, opening->tuple.remote))
			return failure;
		if (stuck && failure->netns == opening->netns)
			return failure;
	}
	return NULL;
}

/* ---- changes ---- */

void host_note_change(struct join *join, __u32 netns, __u64 ts_ns, __u16 what, bool removed,
		      __u32 pid, const char *text)
{
	struct change *change = &join->changes[join->changes_next++ % JOIN_CHANGES_MAX];
	struct text copy = text_of(change->text);

	change->ts_ns = ts_ns;
	change->netns = netns;
	change->what = what;
	change->removed = removed;
	change->pid = pid;
	text_add(&copy, "%s", text);
}

static void note_change(struct join *join, const struct event *event)
{
	host_note_change(join, event->head.netns, event->head.ts_ns, event->change.what,
			 event->change.removed, event->change.pid, event->change.text);
}

size_t join_changes(const struct join *join, __u32 netns, __u64 from_ns, __u64 to_ns,
		    struct change *changes, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < JOIN_CHANGES_MAX && i < join->changes_next && n < room; i++) {
		const struct change *change =
			&join->changes[(join->changes_next - 1 - i) % JOIN_CHANGES_MAX];

		if (change->netns == netns && change->ts_ns >= from_ns && change->ts_ns <= to_ns)
			changes[n++] = *change;
	}
	return n;
}

/* ---- processes ---- */

/* A set of a few slots by hash: the oldest of them makes room. */
static struct ev_process *process_set(const struct join *join, __u32 tgid, __u64 start_ns)
{
	size_t sets = JOIN_PROCESSES_MAX / JOIN_PROCESSES_WAYS;

	return &join->processes[hash_mix(start_ns, tgid) % sets * JOIN_PROCESSES_WAYS];
}

static void note_process(struct join *join, const struct event *event)
{
	const struct ev_process *process = &event->process;
	struct ev_process *set = process_set(join, process->tgid, process->start_ns);
	size_t way = 0;

	while (way < JOIN_PROCESSES_WAYS - 1 && set[way].tgid &&
	       !(set[way].tgid == process->tgid && set[way].start_ns == process->start_ns))
		way++;
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = *process;
}

const struct ev_process *join_process(const struct join *join, __u32 tgid, __u64 start_ns)
{
	const struct ev_process *set = process_set(join, tgid, start_ns);

	for (size_t way = 0; way < JOIN_PROCESSES_WAYS; way++)
		if (set[way].tgid == tgid && set[way].start_ns == start_ns)
			return &set[way];
	return NULL;
}

/* ---- the agent itself ---- */

static void note_start(struct join *join, const struct event *event)
{
	join->start = event->start;
	join->started = true;
	join->capture = event->head.vantage == VANTAGE_FILE;
}

static void note_clock(struct join *join, const struct event *event)
{
	join->clock = event->clock;
	join->clock_known = true;
}

static void note_hook(struct join *join, const struct event *event)
{
	size_t i = 0;

	while (i < join->hooks_count && strcmp(join->hooks[i].name, event->hook.name))
		i++;
	if (i == JOIN_HOOKS_MAX)
		return;
	join->hooks[i] = event->hook;
	if (i == join->hooks_count)
		join->hooks_count++;
	join->hooks_deaf = !join_hook_attached(join, "state") || !join_hook_attached(join, "drop");
}

static void note_lost_kinds(struct join *join, const struct event *event)
{
	bool shed = event->head.kind == EVENT_SUPPRESSED;
	__u64 *seen = &join->lost_seen[shed];
	__u64 sum = 0, pieces = event->lost.by_kind[EVENT_PIECE];

	for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
		sum += event->lost.by_kind[i];
	/* the rest of a packet that was told of: nothing is judged by it */
	if (sum - pieces > *seen)
		join->lost_ns = join->now_ns;
	*seen = sum - pieces;
	if (shed) {
		join->counters.suppressed = sum;
		return;
	}
	join->counters.lost = sum;
	for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
		join->counters.lost_by_kind[i] = event->lost.by_kind[i];
}

bool join_hook_attached(const struct join *join, const char *name)
{
	for (size_t i = 0; i < join->hooks_count; i++)
		if (!strcmp(join->hooks[i].name, name))
			return join->hooks[i].state == HOOK_ATTACHED;
	return false;
}

const struct ev_hook *join_hook(const struct join *join, size_t index)
{
	return index < join->hooks_count ? &join->hooks[index] : NULL;
}

__u64 join_realtime_ns(const struct join *join, __u64 monotonic_ns)
{
	if (!join->clock_known)
		return 0;
	return join->clock.realtime_ns - join->clock.monotonic_ns + monotonic_ns;
}

__u64 join_realtime_of_boottime_ns(const struct join *join, __u64 boottime_ns)
{
	if (!join->clock_known)
		return 0;
	return join->clock.realtime_ns - join->clock.boottime_ns + boottime_ns;
}

const struct ev_start *join_start(const struct join *join)
{
	return join->started ? &join->start : NULL;
}

bool join_is_capture(const struct join *join)
{
	return join->capture;
}

void host_event(struct join *join, const struct event *event)
{
	static void (*const notes[EVENT_KIND_COUNT])(struct join *, const struct event *) = {
		[EVENT_NEIGHBOR] = note_neighbor,
		[EVENT_START] = note_start,
		[EVENT_HOOK] = note_hook,
		[EVENT_CLOCK] = note_clock,
		[EVENT_INTERFACE] = note_interface,
		[EVENT_NETNS] = note_netns,
		[EVENT_NAME] = note_name,
		[EVENT_PROCESS] = note_process,
		[EVENT_CHANGE] = note_change,
		[EVENT_LOST] = note_lost_kinds,
		[EVENT_SUPPRESSED] = note_lost_kinds,
	};

	notes[event->head.kind](join, event);
}
