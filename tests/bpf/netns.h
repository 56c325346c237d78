/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns.h - a network of the test's own, and records as they come */
#pragma once

#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "collect/collect.h"

#define HEARD_MAX 8192 /* other namespaces of the host may be busy */
#define PATIENCE_SECONDS 10

struct heard_record {
	struct event_header head;
	union {
		struct ev_interface interface;
		struct ev_netns netns;
		struct ev_change change;
		struct ev_fact fact;
		__u8 bytes[EVENT_SIZE_MAX];
	};
};

struct heard {
	size_t count;
	struct heard_record at[HEARD_MAX];
};

static inline int netns_hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;
	struct heard_record *kept = &heard->at[heard->count];

	if (heard->count == HEARD_MAX)
		fail_msg("more than %d records", HEARD_MAX);
	memset(kept, 0, sizeof(*kept));
	memcpy(kept, record, size);
	assert_int_equal(kept->head.size, size);
	heard->count++;
	return 0;
}

/* Runs a command line; the test fails with it. */
__attribute__((format(printf, 1, 2))) static inline void netns_run(const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (system(line))
		fail_msg("%s", line);
}

static inline __u32 netns_inode(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : status.st_ino;
}

/* Puts the test into a fresh namespace with its loopback up. */
static inline void netns_enter_fresh(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	netns_run("ip link set lo up");
}

/* A name that no other run has. */
static inline void netns_name(char *name, size_t size, const char *what)
{
	snprintf(name, size, "swcol%d%s", getpid(), what);
}

/* Polls until @holds says so or patience ends; the test fails in the latter case. */
static inline void netns_await(struct host *host, bool (*holds)(const struct heard *heard),
			       const struct heard *heard, const char *what)
{
	time_t end = time(NULL) + PATIENCE_SECONDS;
	struct pollfd wait = { .fd = host_fd(host), .events = POLLIN };

	while (!holds(heard)) {
		if (time(NULL) > end)
			fail_msg("waited in vain: %s", what);
		if (poll(&wait, 1, 1000) > 0)
			assert_int_equal(host_poll(host), 0);
	}
}
