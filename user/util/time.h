/* SPDX-License-Identifier: GPL-2.0-or-later */
/* time.h - how far apart two times are */
#pragma once

#include <linux/types.h>

#include "ns.h"

/* 0 where the clock went backwards. */
static inline __u64 ns_between(__u64 from_ns, __u64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}
