/* SPDX-License-Identifier: GPL-2.0-or-later */
/* time.h - nanoseconds, in which everything here counts time */
#pragma once

#include <linux/types.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* 0 where the clock went backwards. */
static inline __u64 ns_between(__u64 from_ns, __u64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}
