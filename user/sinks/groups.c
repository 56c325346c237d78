// SPDX-License-Identifier: GPL-2.0-or-later
/* groups.c - repeats of one failure: told at once, then after 1, 2, 4 … 60 s, counted in between */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "sinks/sink.h"
#include "util/hash.h"
#include "util/time.h"

#define INTERVAL_FIRST_NS NS_PER_S
#define INTERVAL_MOST_NS (60 * NS_PER_S)
/* A group without a repeat for so long begins anew: its next failure is told at once. */
#define FORGET_NS (120 * NS_PER_S)
#define SCAN_EVERY_NS (NS_PER_S / 5)
/* Findings kept for groups that repeat; one is some 12 KiB. */
#define KEPT_MAX 256

struct group {
	__u64 id; /* 0: a free slot */
	__u64 total;
	__u64 untold;
	__u64 told_ns;
	__u64 first_ns;
	__u64 interval_ns;
	struct group_seen last;
	struct finding *kept; /* NULL: never kept, or given way */
	TAILQ_ENTRY(group) by_use; /* while .kept */
};

TAILQ_HEAD(group_queue, group);

struct groups {
	size_t room; /* a power of two */
	size_t kept;
	__u64 errors_begun;
	size_t owing; /* groups with repeats that nobody was told of */
	struct group_queue kept_by_use; /* the one that failed last is the last */
	size_t cursor; /* of groups_idle() */
	__u64 scanned_ns;
	struct finding idle; /* what groups_idle() hands out */
	struct group slots[];
};

/* Sets of this many slots: looked up, and the oldest of them gives way. */
#define WAYS 8

int groups_new(struct groups **out, size_t room)
{
	size_t slots = WAYS;

	while (slots < room)
		slots *= 2;
	*out = calloc(1, sizeof(**out) + slots * sizeof(struct group));
	if (!*out)
		return -ENOMEM;
	(*out)->room = slots;
	TAILQ_INIT(&(*out)->kept_by_use);
	return 0;
}

static void group_attach_kept(struct groups *groups, struct group *group, struct finding *kept)
{
	group->kept = kept;
	groups->kept++;
	TAILQ_INSERT_TAIL(&groups->kept_by_use, group, by_use);
}

static struct finding *group_detach_kept(struct groups *groups, struct group *group)
{
	struct finding *kept = group->kept;

	group->kept = NULL;
	groups->kept--;
	TAILQ_REMOVE(&groups->kept_by_use, group, by_use);
	return kept;
}

void groups_free(struct groups *groups)
{
	while (groups->kept)
		free(group_detach_kept(groups, TAILQ_FIRST(&groups->kept_by_use)));
	free(groups);
}

static struct group *group_set(struct groups *groups, __u64 id)
{
	return &groups->slots[hash_mix(0, id) % (groups->room / WAYS) * WAYS];
}

static struct group *group_find(struct groups *groups, __u64 id)
{
	struct group *set = group_set(groups, id);

	for (int i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	return NULL;
}

/* The slot of a new group: a free one, else the oldest, first those that owe nobody a word. */
static struct group *group_make(struct groups *groups, __u64 id)
{
	struct group *set = group_set(groups, id), *victim = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (!set[i].id) {
			victim = &set[i];
			break;
		}
		if (!set[i].untold == !victim->untold ? set[i].last.time_ns < victim->last.time_ns :
							!set[i].untold)
			victim = &set[i];
	}
	if (victim->kept)
		free(group_detach_kept(groups, victim));
	groups->owing -= victim->untold != 0;
	*victim = (struct group){ .id = id };
	return victim;
}

bool groups_note(struct groups *groups, __u64 id, const struct group_seen *seen,
		 struct group_counts *counts)
{
	struct group *group = group_find(groups, id ? id : 1);

	if (!group)
		group = group_make(groups, id ? id : 1);
	else if (!group->untold && ns_between(group->last.time_ns, seen->time_ns) > FORGET_NS)
		group->interval_ns = 0;
	group->last = *seen;
	group->first_ns = group->total ? group->first_ns : seen->time_ns;
	group->total++;
	groups->owing += !group->untold++;
	if (group->kept)
		group_attach_kept(groups, group, group_detach_kept(groups, group));
	if (group->interval_ns && ns_between(group->told_ns, seen->time_ns) < group->interval_ns)
		return false;
	group->interval_ns = group->interval_ns ? group->interval_ns * 2 : INTERVAL_FIRST_NS;
	if (group->interval_ns > INTERVAL_MOST_NS)
		group->interval_ns = INTERVAL_MOST_NS;
	group->told_ns = seen->time_ns;
	*counts = (struct group_counts){ group->untold, group->total, group->first_ns };
	group->untold = 0;
	groups->owing--;
	return true;
}

/* Without facts and evidence: what it was proven with is of that one failure. */
static void copy_finding(struct finding *to, const struct finding *from)
{
	memcpy(to, from, offsetof(struct finding, related));
	memcpy(to->related, from->related, from->related_count * sizeof(from->related[0]));
	memcpy(to->changed, from->changed, from->changed_count * sizeof(from->changed[0]));
	memcpy(to->path, from->path, from->path_count * sizeof(from->path[0]));
}

/* Room for one more, if need be of the group that owes nobody a word for the longest; NULL none. */
static struct finding *take_room(struct groups *groups)
{
	struct group *group;

	if (groups->kept < KEPT_MAX)
		return malloc(sizeof(struct finding));
	TAILQ_FOREACH(group, &groups->kept_by_use, by_use)
		if (!group->untold)
			return group_detach_kept(groups, group);
	return NULL;
}

__u64 groups_errors_begun(const struct groups *groups)
{
	return groups->errors_begun;
}

void groups_keep(struct groups *groups, const struct finding *finding)
{
	struct group *group = group_find(groups, finding->group ? finding->group : 1);
	struct finding *room;

	groups->errors_begun += finding->severity == SEVERITY_ERROR && finding->total == 1;
	if (!group)
		return;
	if (!group->kept) {
		room = take_room(groups);
		if (!room)
			return;
		group_attach_kept(groups, group, room);
	}
	copy_finding(group->kept, finding);
}

/* The kept finding speaks of an earlier attempt: what is not known of the last one is absent. */
static struct finding *group_tell(struct groups *groups, struct group *group)
{
	struct finding *idle = &groups->idle;

	copy_finding(idle, group->kept);
	idle->attempt = group->last.attempt;
	idle->time_ns = group->last.time_ns;
	idle->started_ns = group->last.started_ns;
	idle->owner_known = group->last.owner_known;
	idle->owner = group->last.owner;
	idle->duration_known = false;
	idle->supersedes = NULL;
	idle->cookie = 0;
	if (subject_role_asks(idle->role))
		idle->tuple.local_port = 0;
	else
		idle->tuple.remote_port = 0;
	idle->facts_count = 0;
	idle->evidence_count = 0;
	idle->evidence_omitted = 0;
	idle->count = group->untold;
	idle->total = group->total;
	idle->first_ns = group->first_ns;
	group->untold = 0;
	groups->owing--;
	group->told_ns = group->last.time_ns;
	return idle;
}

struct finding *groups_idle(struct groups *groups, __u64 now_ns, bool all)
{
	/* a walk over every slot at every tick would cost more than the ticks */
	if (!all && !groups->cursor && ns_between(groups->scanned_ns, now_ns) < SCAN_EVERY_NS)
		return NULL;
	while (groups->owing && groups->cursor < groups->room) {
		struct group *group = &groups->slots[groups->cursor++];

		if (!group->untold || !group->kept)
			continue;
		if (all || (ns_between(group->told_ns, now_ns) >= group->interval_ns &&
			    ns_between(group->last.time_ns, now_ns) >= INTERVAL_FIRST_NS))
			return group_tell(groups, group);
	}
	groups->cursor = 0;
	groups->scanned_ns = now_ns;
	return NULL;
}
