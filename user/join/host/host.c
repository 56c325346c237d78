// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - what is known of the host: names, interfaces, namespaces, changes, processes, hooks */

#include "join/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/address.h"
#include "util/time.h"

#define CHANGES_MAX 64
#define NEIGHBORS_MAX 32
#define INTERFACES_MAX 1024
#define NETNS_MAX 512
#define NAMES_MAX 2048
#define PROCESSES_MAX 1024
#define PROCESSES_WAYS 8
#define HOOKS_MAX 64

struct interface_slot {
	struct interface interface; /* first */
	__u64 since_ns; /* the hooks are attached */
};

struct name_slot {
	__u64 value;
	__u8 space;
	char text[JOIN_NAME_SIZE];
};

/* Allocated at once, and touched only where used: memory follows the load. */
struct host {
	struct netns_slot netns[NETNS_MAX];
	size_t netns_count;
	__u32 own_netns;
	struct interface_slot interfaces[INTERFACES_MAX];
	__u32 interfaces_count;
	struct hash interfaces_by_index;
	struct name_slot names[NAMES_MAX];
	__u32 names_count;
	struct hash names_by_value;
	struct neighbor_failure neighbors[NEIGHBORS_MAX];
	size_t neighbors_next;
	struct change changes[CHANGES_MAX];
	size_t changes_next;
	struct ev_process processes[PROCESSES_MAX];
	struct ev_hook hooks[HOOKS_MAX];
	size_t hooks_count;
	bool deaf;
	struct ev_start start;
	bool started;
	struct ev_clock clock;
	bool clock_known;
};

int host_new(struct host **out)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return -ENOMEM;
	if (hash_new(&host->interfaces_by_index, INTERFACES_MAX) ||
	    hash_new(&host->names_by_value, NAMES_MAX)) {
		host_free(host);
		return -ENOMEM;
	}
	*out = host;
	return 0;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	hash_free(&host->interfaces_by_index);
	hash_free(&host->names_by_value);
	free(host);
}

/* ---- namespaces and interfaces ---- */

const struct netns_slot *host_netns(const struct join *join, __u32 netns)
{
	for (size_t i = 0; i < join->host->netns_count; i++)
		if (join->host->netns[i].netns == netns)
			return &join->host->netns[i];
	return NULL;
}

static struct netns_slot *take_netns(struct join *join, __u32 netns)
{
	struct netns_slot *slot = (struct netns_slot *)host_netns(join, netns);

	if (slot || join->host->netns_count == NETNS_MAX)
		return slot;
	slot = &join->host->netns[join->host->netns_count++];
	slot->netns = netns;
	return slot;
}

static struct interface_slot *find_interface(struct host *host, __u32 netns, __u32 ifindex)
{
	const struct hash *by = &host->interfaces_by_index;

	for (__u32 i = hash_first(by, hash_mix(netns, ifindex)); i != HASH_END;
	     i = hash_next(by, i)) {
		struct interface_slot *slot = &host->interfaces[i];

		if (slot->interface.netns == netns && slot->interface.ifindex == ifindex)
			return slot;
	}
	return NULL;
}

/* What no table has room for is not known. */
static struct interface_slot *take_interface(struct host *host, __u32 netns, __u32 ifindex)
{
	struct interface_slot *slot = find_interface(host, netns, ifindex);

	if (slot || host->interfaces_count == INTERFACES_MAX)
		return slot;
	hash_add(&host->interfaces_by_index, hash_mix(netns, ifindex), host->interfaces_count);
	return &host->interfaces[host->interfaces_count++];
}

const struct interface *join_interface(const struct join *join, __u32 netns, __u32 ifindex)
{
	const struct interface_slot *slot = find_interface(join->host, netns, ifindex);

	return slot ? &slot->interface : NULL;
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
	for (size_t i = 0; i < join->host->interfaces_count; i++) {
		const struct interface_slot *slot = &join->host->interfaces[i];

		if (slot->interface.netns != netns->netns ||
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
	struct interface_slot *slot =
		take_interface(join->host, event->head.netns, event->head.ifindex);
	struct netns_slot *netns = take_netns(join, event->head.netns);
	bool was_hooked;

	if (!slot)
		return;
	was_hooked = is_hooked(&slot->interface); /* a new one has no flags yet */
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
		join->host->own_netns = slot->netns;
}

const char *join_netns_name(const struct join *join, __u32 netns)
{
	const struct netns_slot *slot = host_netns(join, netns);

	return slot && slot->name[0] ? slot->name : NULL;
}

__u32 join_netns_own(const struct join *join)
{
	return join->host->own_netns;
}

/* ---- names ---- */

static struct name_slot *find_name(struct host *host, __u8 space, __u64 value)
{
	const struct hash *by = &host->names_by_value;

	for (__u32 i = hash_first(by, hash_mix(space, value)); i != HASH_END; i = hash_next(by, i))
		if (host->names[i].space == space && host->names[i].value == value)
			return &host->names[i];
	return NULL;
}

static void note_name(struct join *join, const struct event *event)
{
	struct host *host = join->host;
	struct name_slot *slot = find_name(host, event->name.space, event->name.value);

	if (!slot && host->names_count == NAMES_MAX)
		return;
	if (!slot) {
		hash_add(&host->names_by_value, hash_mix(event->name.space, event->name.value),
			 host->names_count);
		slot = &host->names[host->names_count++];
	}
	slot->space = event->name.space;
	slot->value = event->name.value;
	memcpy(slot->text, event->name.text, sizeof(slot->text));
}

const char *join_name(const struct join *join, enum event_name_space space, __u64 value)
{
	const struct name_slot *slot = find_name(join->host, space, value);

	return slot ? slot->text : NULL;
}

/* ---- next hops ---- */

static void note_neighbor(struct join *join, const struct event *event)
{
	struct neighbor_failure *failure =
		&join->host->neighbors[join->host->neighbors_next++ % NEIGHBORS_MAX];

	failure->ts_ns = event->head.ts_ns;
	failure->netns = event->head.netns;
	failure->ifindex = event->head.ifindex;
	memcpy(failure->address, event->neighbor.address, sizeof(failure->address));
}

const struct neighbor_failure *host_neighbor_failure(const struct join *join, __u32 netns,
						     const __u8 *remote, __u64 since_ns, bool stuck)
{
	for (size_t i = 0; i < NEIGHBORS_MAX && i < join->host->neighbors_next; i++) {
		const struct neighbor_failure *failure = &join->host->neighbors[i];

		if (failure->ts_ns < since_ns ||
		    address_is_ipv4(failure->address) != address_is_ipv4(remote))
			continue;
		if (address_equal(failure->address, remote) || (stuck && failure->netns == netns))
			return failure;
	}
	return NULL;
}

const struct neighbor_failure *host_neighbor_failure_near(const struct join *join, __u32 netns,
							  __u64 ts_ns)
{
	const __u64 one_step_ns = 50 * NS_PER_MS; /* a virtual CPU may stand still in between */
	const struct neighbor_failure *found = NULL;

	for (size_t i = 0; i < NEIGHBORS_MAX && i < join->host->neighbors_next; i++) {
		const struct neighbor_failure *failure = &join->host->neighbors[i];

		if (failure->netns != netns || failure->ts_ns > ts_ns + one_step_ns ||
		    ts_ns > failure->ts_ns + one_step_ns)
			continue;
		if (found && !address_equal(found->address, failure->address))
			return NULL; /* which of them is not known */
		found = failure;
	}
	return found;
}

/* ---- changes ---- */

void host_note_change(struct join *join, const struct change *change)
{
	join->host->changes[join->host->changes_next++ % CHANGES_MAX] = *change;
}

static void note_change(struct join *join, const struct event *event)
{
	const struct ev_change *body = &event->change;
	struct change change = {
		.ts_ns = event->head.ts_ns,
		.netns = event->head.netns,
		.ifindex = event->head.ifindex,
		.what = body->what,
		.removed = body->removed,
		.pid = body->pid,
	};

	if (event->head.known & EVENT_K_PREFIX) {
		change.family = body->family;
		change.prefix_bits = body->prefix_bits;
		memcpy(change.address, body->address, sizeof(change.address));
	}
	memcpy(change.text, body->text, sizeof(change.text));
	host_note_change(join, &change);
}

size_t join_changes(const struct join *join, __u32 netns, __u64 from_ns, __u64 to_ns,
		    struct change *changes, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < CHANGES_MAX && i < join->host->changes_next && n < room; i++) {
		const struct change *change =
			&join->host->changes[(join->host->changes_next - 1 - i) % CHANGES_MAX];

		if (change->netns == netns && change->ts_ns >= from_ns && change->ts_ns <= to_ns)
			changes[n++] = *change;
	}
	return n;
}

/* ---- processes ---- */

/* A set of a few slots by hash: the oldest of them makes room. */
static struct ev_process *process_set(const struct join *join, __u32 tgid, __u64 start_ns)
{
	size_t sets = PROCESSES_MAX / PROCESSES_WAYS;

	return &join->host->processes[hash_mix(start_ns, tgid) % sets * PROCESSES_WAYS];
}

static void note_process(struct join *join, const struct event *event)
{
	const struct ev_process *process = &event->process;
	struct ev_process *set = process_set(join, process->tgid, process->start_ns);
	size_t way = 0;

	while (way < PROCESSES_WAYS - 1 && set[way].tgid &&
	       !(set[way].tgid == process->tgid && set[way].start_ns == process->start_ns))
		way++;
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = *process;
}

const struct ev_process *join_process(const struct join *join, __u32 tgid, __u64 start_ns)
{
	const struct ev_process *set = process_set(join, tgid, start_ns);

	for (size_t way = 0; way < PROCESSES_WAYS; way++)
		if (set[way].tgid == tgid && set[way].start_ns == start_ns)
			return &set[way];
	return NULL;
}

/* ---- the agent itself ---- */

static void note_start(struct join *join, const struct event *event)
{
	join->host->start = event->start;
	/* what stands in front of captured frames is of who reads them */
	join->host->started = event->head.vantage != VANTAGE_FILE;
	join->followed = event->head.flags & EVENT_F_FOLLOWED;
}

static void note_clock(struct join *join, const struct event *event)
{
	join->host->clock = event->clock;
	join->host->clock_known = true;
}

static void note_hook(struct join *join, const struct event *event)
{
	size_t i = 0;

	while (i < join->host->hooks_count && strcmp(join->host->hooks[i].name, event->hook.name))
		i++;
	if (i == HOOKS_MAX)
		return;
	join->host->hooks[i] = event->hook;
	if (i == join->host->hooks_count)
		join->host->hooks_count++;
	join->host->deaf = !join_hook_attached(join, "state") || !join_hook_attached(join, "drop");
}

bool join_hook_attached(const struct join *join, const char *name)
{
	for (size_t i = 0; i < join->host->hooks_count; i++)
		if (!strcmp(join->host->hooks[i].name, name))
			return join->host->hooks[i].state == HOOK_ATTACHED;
	return false;
}

__u64 join_realtime_ns(const struct join *join, __u64 monotonic_ns)
{
	if (!join->host->clock_known)
		return 0;
	return join->host->clock.realtime_ns - join->host->clock.monotonic_ns + monotonic_ns;
}

__u64 join_realtime_of_boottime_ns(const struct join *join, __u64 boottime_ns)
{
	if (!join->host->clock_known)
		return 0;
	return join->host->clock.realtime_ns - join->host->clock.boottime_ns + boottime_ns;
}

const struct ev_start *join_start(const struct join *join)
{
	return join->host->started ? &join->host->start : NULL;
}

bool host_is_deaf(const struct join *join)
{
	return join->host->deaf;
}

const struct ev_start *host_start(const struct join *join)
{
	return &join->host->start;
}

void host_event(struct join *join, const struct event *event)
{
	static void (*const notes[EVENT_KIND_COUNT])(struct join *, const struct event *) = {
		[EVENT_NEIGHBOR] = note_neighbor,   [EVENT_START] = note_start,
		[EVENT_HOOK] = note_hook,	    [EVENT_CLOCK] = note_clock,
		[EVENT_INTERFACE] = note_interface, [EVENT_NETNS] = note_netns,
		[EVENT_NAME] = note_name,	    [EVENT_PROCESS] = note_process,
		[EVENT_CHANGE] = note_change,
	};

	notes[event->head.kind](join, event);
}
