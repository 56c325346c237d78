/* SPDX-License-Identifier: GPL-2.0-or-later */
/* storm.h - many failures of one owner with one cause at many destinations, as one line for people */
#pragma once

#include <stdbool.h>

#include "rules/rules.h"
#include "util/time.h"

/*
 * Findings whose owner is known are counted by what rules_storm() says. Up to STORM_FROM
 * destinations each is told by itself, and so many that wait; beyond them the storm is told, at once, then after
 * 1, 2, 4 … 60 s, and at the end. It is over when nothing of it failed for STORM_OVER_NS.
 *
 * Programs that read are told of every failure, because they count; what only waits may come to
 * nothing, and is rolled up for them as for people.
 */
#define STORM_FROM 8
#define STORM_OVER_NS (60 * NS_PER_S)
#define STORM_SHOWN 3 /* the first destinations that it names */
#define STORM_DESTINATIONS 3072 /* told apart */

struct storm {
	__u64 id; /* 0 a free one */
	const struct rule *rule;
	__u8 severity;
	const char *did;
	const char *role;
	char who[160];
	char shown[STORM_SHOWN][320];
	__u32 destinations;
	bool more; /* than can be told apart */
	bool active; /* its findings are not told one by one any more */
	__u32 waiting; /* told to wait: these attempts */
	__u64 waiting_told[STORM_FROM];
	bool waiting_rolled; /* .. and more of them were not */
	__u64 failures;
	__u64 told_failures;
	__u64 first_ns;
	__u64 last_ns;
	__u64 told_ns;
	__u64 interval_ns;
	__u64 groups[STORM_DESTINATIONS]; /* their ids */
};

struct storms;

struct storms *storms_new(void); /* NULL no memory */
void storms_free(struct storms *storms);

/* A finding that is to be told. Returns true if its storm speaks for it. */
bool storms_take(struct storms *storms, const struct finding *finding);
__u64 storms_waiting_untold(const struct storms *storms); /* of those: so many were to wait */

/* One failure, told or counted. Returns the storm if it is to be told now, else NULL. */
struct storm *storms_count(struct storms *storms, __u64 id, __u64 now_ns);

/* Storms with failures that nobody was told of, one after the other; NULL no more. */
struct storm *storms_untold(struct storms *storms);
