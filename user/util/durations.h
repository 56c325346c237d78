/* SPDX-License-Identifier: GPL-2.0-or-later */
/* durations.h - how long what ended had taken, as a histogram */
#pragma once

#include <stddef.h>

#include <linux/types.h>

/* Of this host, of a network, of a SYN sent again (RFC 6298: 1 s, 3, 7 ...), of who gives up. */
#define DURATION_BOUNDS_US 1000, 5000, 20000, 100000, 500000, 1100000, 3300000, 15000000, 60000000
#define DURATION_BOUNDS 9

struct durations {
	__u64 within[DURATION_BOUNDS]; /* a bound, and not the one before */
	__u64 count;
	__u64 sum_us;
};

static inline __u64 durations_bound_us(size_t i)
{
	static const __u64 bounds_us[] = { DURATION_BOUNDS_US };

	_Static_assert(sizeof(bounds_us) / sizeof(bounds_us[0]) == DURATION_BOUNDS,
		       "one place for each bound");
	return bounds_us[i];
}

static inline void durations_add(struct durations *durations, __u64 us)
{
	size_t i = 0;

	while (i < DURATION_BOUNDS && us > durations_bound_us(i))
		i++;
	if (i < DURATION_BOUNDS)
		durations->within[i]++;
	durations->count++;
	durations->sum_us += us;
}
