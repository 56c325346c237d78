// SPDX-License-Identifier: GPL-2.0-or-later
/* storm.c - many failures of one owner with one cause at many destinations, as one line for people */

#include <stdlib.h>
#include <string.h>

#include "sinks/sink.h"
#include "sinks/storm.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/time.h"

#define STORMS 8
#define INTERVAL_FIRST_NS NS_PER_S
#define INTERVAL_MOST_NS (60 * NS_PER_S)

struct storms {
	struct storm at[STORMS];
	struct hash groups; /* of all of them */
	__u64 waiting_untold;
};

struct storms *storms_new(void)
{
	struct storms *storms =
		calloc(1, sizeof(*storms)); /* what is never used is never touched */

	if (storms && hash_new(&storms->groups, STORMS * STORM_DESTINATIONS)) {
		free(storms);
		return NULL;
	}
	return storms;
}

void storms_free(struct storms *storms)
{
	if (storms)
		hash_free(&storms->groups);
	free(storms);
}

/* What a group of the storm is in the hash table. */
static __u32 item_of(const struct storms *storms, const struct storm *storm, __u32 group)
{
	return (__u32)(storm - storms->at) * STORM_DESTINATIONS + group;
}

static struct storm *find(struct storms *storms, __u64 id)
{
	for (size_t i = 0; id && i < STORMS; i++)
		if (storms->at[i].id == id)
			return &storms->at[i];
	return NULL;
}

static bool is_over(const struct storm *storm, __u64 now_ns)
{
	return now_ns > storm->last_ns && now_ns - storm->last_ns > STORM_OVER_NS;
}

/* In the place of the one that is quiet for the longest; one that is raging keeps its own. */
static struct storm *begin(struct storms *storms, const struct finding *finding)
{
	struct storm *storm = NULL;
	struct text who;

	for (size_t i = 0; i < STORMS; i++) {
		struct storm *one = &storms->at[i];

		if (one->active && !is_over(one, finding->time_ns))
			continue;
		if (!storm || one->last_ns < storm->last_ns)
			storm = one;
	}
	if (!storm)
		return NULL;
	for (__u32 i = 0; i < storm->destinations; i++)
		hash_remove(&storms->groups, item_of(storms, storm, i));
	*storm = (struct storm){
		.id = finding->storm,
		.rule = finding->rule,
		.severity = finding->severity,
		.did = finding->did,
		.role = finding->role,
		.first_ns = finding->time_ns,
	};
	who = text_of(storm->who);
	say_owner_name(&who, finding);
	return storm;
}

/* Returns false if it is there already, or there is no room. */
static bool add_group(struct storms *storms, struct storm *storm, __u64 group)
{
	__u64 hash = hash_mix(storm->id, group);
	__u32 first = item_of(storms, storm, 0), item = hash_first(&storms->groups, hash);

	for (; item != HASH_END; item = hash_next(&storms->groups, item))
		if (item - first < storm->destinations && storm->groups[item - first] == group)
			return false;
	if (storm->destinations == STORM_DESTINATIONS) {
		storm->more = true;
		return false;
	}
	hash_add(&storms->groups, hash, item_of(storms, storm, storm->destinations));
	storm->groups[storm->destinations] = group;
	return true;
}

static void add_destination(struct storms *storms, struct storm *storm,
			    const struct finding *finding)
{
	if (!add_group(storms, storm, finding->group))
		return;
	if (storm->destinations < STORM_SHOWN) {
		struct text text = text_of(storm->shown[storm->destinations]);

		say_target(&text, finding);
	}
	storm->destinations++;
	storm->active |= storm->destinations > STORM_FROM;
}

/* Of whom it was told that it waits, it is told what came of that. */
static bool is_awaited(const struct storm *storm, __u64 attempt)
{
	for (size_t i = 0; i < storm->waiting; i++)
		if (storm->waiting_told[i] == attempt)
			return true;
	return false;
}

/* What may yet become something else is no failure, and of a storm of them the first are told. */
static bool take_waiting(struct storms *storms, struct storm *storm, const struct finding *finding)
{
	if ((!storm || !storm->id) && finding->state == FINDING_PENDING)
		storm = begin(storms, finding);
	if (!storm || !storm->id)
		return false;
	if (finding->state == FINDING_CLEARED)
		return storm->waiting_rolled && !is_awaited(storm, finding->attempt);
	storm->last_ns = finding->time_ns;
	if (!storm->active && storm->waiting < STORM_FROM) {
		storm->waiting_told[storm->waiting++] = finding->attempt;
		return false;
	}
	storm->waiting_rolled = true;
	storms->waiting_untold++;
	return true;
}

bool storms_take(struct storms *storms, const struct finding *finding)
{
	struct storm *storm = find(storms, finding->storm);

	if (!finding->storm)
		return false;
	if (storm && is_over(storm, finding->time_ns) && storm->told_failures == storm->failures)
		storm->id = 0;
	if (finding->state != FINDING_FINAL)
		return take_waiting(storms, storm, finding);
	if (!storm || !storm->id)
		storm = begin(storms, finding);
	if (!storm)
		return false;
	storm->last_ns = finding->time_ns;
	add_destination(storms, storm, finding);
	return storm->active;
}

__u64 storms_waiting_untold(const struct storms *storms)
{
	return storms->waiting_untold;
}

struct storm *storms_count(struct storms *storms, __u64 id, __u64 now_ns)
{
	struct storm *storm = find(storms, id);

	if (!storm)
		return NULL;
	storm->failures++;
	storm->last_ns = now_ns;
	if (!storm->active || (storm->interval_ns && now_ns < storm->told_ns + storm->interval_ns))
		return NULL;
	storm->interval_ns = storm->interval_ns ? storm->interval_ns * 2 : INTERVAL_FIRST_NS;
	if (storm->interval_ns > INTERVAL_MOST_NS)
		storm->interval_ns = INTERVAL_MOST_NS;
	storm->told_ns = now_ns;
	storm->told_failures = storm->failures;
	return storm;
}

struct storm *storms_untold(struct storms *storms)
{
	for (size_t i = 0; i < STORMS; i++) {
		struct storm *storm = &storms->at[i];

		if (!storm->active || storm->told_failures == storm->failures)
			continue;
		storm->told_failures = storm->failures;
		return storm;
	}
	return NULL;
}
