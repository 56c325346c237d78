// SPDX-License-Identifier: GPL-2.0-or-later
/* clock.c - what a clock shows now */

#include "util/clock.h"

__u64 clock_read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * NS_PER_S + (__u64)now.tv_nsec;
}
