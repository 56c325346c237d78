/* SPDX-License-Identifier: GPL-2.0-or-later */
/* health.h - what an agent says of itself, in a map of the kernel that goes when it goes */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define AGENT_HEALTH_VERSION 1
#define AGENT_HEALTH_SEVERITIES 3

/* All zero: it has not begun. A later version has more members behind these. */
struct agent_health {
	__u32 version;
	__u32 pid; /* in its own PID namespace */
	__u64 started_ns; /* realtime */
	__u64 turned_ns; /* monotonic: when its loop came round last */
	__u64 records; /* since it began, as are the others */
	__u64 lost;
	__u64 suppressed;
	__u64 findings[AGENT_HEALTH_SEVERITIES]; /* finals, by enum severity */
};
