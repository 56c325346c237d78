// SPDX-License-Identifier: GPL-2.0-or-later
/* heartbeat.c - --heartbeat: says at intervals that the agent lives, and what it took */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/output/heartbeat.h"
#include "util/clock.h"
#include "util/own.h"

/* What is resident, in bytes; 0 unknown. proc_pid_statm(5): the second number, in pages. */
static __u64 memory_bytes(void)
{
	_cleanup_close_ int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char buffer[120];
	ssize_t size = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);
	const char *resident;

	if (size <= 0)
		return 0;
	buffer[size] = '\0';
	resident = strchr(buffer, ' ');
	return resident ? strtoull(resident, NULL, 10) * (__u64)sysconf(_SC_PAGESIZE) : 0;
}

void heartbeat_begin(struct heartbeat_timer *timer, const struct options *options, __u64 now_ns)
{
	*timer = (struct heartbeat_timer){
		.every_ns = options->heartbeat_ns,
		.next_ns = now_ns + options->heartbeat_ns,
		.begun_ns = now_ns,
	};
}

void heartbeat_poll(struct heartbeat_timer *timer, struct pipeline *pipeline, __u64 now_ns)
{
	struct heartbeat heartbeat = {
		.time_ns = now_ns,
		.duration_ns = now_ns - timer->begun_ns,
		.every_ns = timer->every_ns,
		.failed_writes = pipeline->outlets.failed,
		.counted = pipeline_counted(pipeline),
		.counters = join_counters(pipeline->join),
	};

	if (!timer->every_ns || now_ns < timer->next_ns)
		return;
	timer->next_ns +=
		(now_ns - timer->next_ns) / timer->every_ns * timer->every_ns + timer->every_ns;
	memcpy(heartbeat.findings, pipeline->found, sizeof(heartbeat.findings));
	heartbeat.memory_bytes = memory_bytes();
	heartbeat.cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
	outlets_heartbeat(&pipeline->outlets, pipeline->join, &heartbeat);
}
