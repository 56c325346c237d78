// SPDX-License-Identifier: GPL-2.0-or-later
/* clean.c - finds and removes what a crashed agent left behind */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <net/if.h>

#include "attach/attach.h"
#include "attach/tc.h"
#include "util/log.h"

/*
 * Theory of operation
 *
 * Ours is a filter of cls_bpf whose name tells a process that is gone (or whose number another one
 * has now: start times are compared). Before it is removed the kernel is asked once more, and must
 * tell the same handle, program, tag and name. A clsact goes only if such a filter said that we made
 * it, and if nothing else is left in it. A process of another PID namespace than ours counts as
 * gone: agents that share interfaces must see each other in /proc.
 */

#define FILTERS_MAX 64 /* of one interface */
#define INTERFACES_MAX 4096

struct clean {
	struct nl_sock *socket;
	bool dry_run;
	void (*found)(void *ctx, const struct attach_leftover *leftover);
	void *ctx;
	char netns[64];
	int count;
	__u32 interfaces[INTERFACES_MAX];
	size_t interfaces_count;
	struct tc_filter filters[FILTERS_MAX];
	size_t filters_count;
};

static void take_interface(void *ctx, __u32 ifindex)
{
	struct clean *clean = ctx;

	if (clean->interfaces_count < INTERFACES_MAX)
		clean->interfaces[clean->interfaces_count++] = ifindex;
}

static void take_orphan(void *ctx, const struct tc_filter *filter)
{
	struct clean *clean = ctx;

	if (filter->is_bpf && tc_filter_is_orphan(filter->name) &&
	    clean->filters_count < FILTERS_MAX)
		clean->filters[clean->filters_count++] = *filter;
}

static void tell(struct clean *clean, __u32 ifindex, const char *what, bool removed)
{
	struct attach_leftover leftover = { .removed = removed };

	clean->count++;
	if (!clean->found)
		return;
	snprintf(leftover.netns, sizeof(leftover.netns), "%s", clean->netns);
	if (!if_indextoname(ifindex, leftover.interface))
		snprintf(leftover.interface, sizeof(leftover.interface), "#%u", ifindex);
	snprintf(leftover.what, sizeof(leftover.what), "%s", what);
	clean->found(clean->ctx, &leftover);
}

static void clean_filter(struct clean *clean, const struct tc_filter *filter, bool *made_clsact)
{
	__u64 start_ticks;
	bool removed, made;
	char what[128];
	__u32 pid;

	tc_filter_parse_name(filter->name, &pid, &start_ticks, &made);
	*made_clsact |= made;
	removed = !clean->dry_run && tc_filter_remove(clean->socket, filter) == 0;
	snprintf(what, sizeof(what), "tc %s filter prio %u %s (program %u)",
		 filter->direction == TC_IN ? "ingress" : "egress", filter->priority, filter->name,
		 filter->program_id);
	tell(clean, filter->ifindex, what, removed);
}

static void clean_interface(struct clean *clean, __u32 ifindex)
{
	bool made_clsact = false;

	clean->filters_count = 0;
	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS; d++)
		tc_filter_list(clean->socket, ifindex, d, take_orphan, clean);
	for (size_t i = 0; i < clean->filters_count; i++)
		clean_filter(clean, &clean->filters[i], &made_clsact);
	if (made_clsact && !clean->dry_run && tc_clsact_remove_empty(clean->socket, ifindex) == 1)
		tell(clean, ifindex, "clsact", true);
}

int attach_clean(bool dry_run, void (*found)(void *ctx, const struct attach_leftover *leftover),
		 void *ctx)
{
	struct clean *clean = calloc(1, sizeof(*clean));
	struct stat place;
	int err;

	if (!clean)
		return -ENOMEM;
	clean->dry_run = dry_run;
	clean->found = found;
	clean->ctx = ctx;
	if (stat("/proc/thread-self/ns/net", &place) == 0)
		snprintf(clean->netns, sizeof(clean->netns), "%llu",
			 (unsigned long long)place.st_ino);
	clean->socket = tc_open();
	err = clean->socket ? tc_clsact_list(clean->socket, take_interface, clean) : -ENOMEM;
	for (size_t i = 0; !err && i < clean->interfaces_count; i++)
		clean_interface(clean, clean->interfaces[i]);
	if (!err)
		err = clean->count;
	tc_close(clean->socket);
	free(clean);
	return err;
}
