/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seq.h - TCP sequence numbers */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

/* They are compared modulo 2^32 (RFC 9293 3.4). */
static inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* How far @to is behind @from; negative: before it. */
static inline __s32 seq_distance(__u32 from, __u32 to)
{
	return (__s32)(to - from);
}
