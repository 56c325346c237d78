// SPDX-License-Identifier: GPL-2.0-or-later
/* gauge.c - how full tables and memory of the watched namespaces are */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/host.h"
#include "collect/tell.h"
#include "util/own.h"

#define CONNTRACK "/proc/sys/net/netfilter/nf_conntrack_"
#define NET "/proc/thread-self/net/"

static bool read_number(const char *path, __u64 *number)
{
	char text[32];

	if (tell_read_file(path, text, sizeof(text)) <= 0)
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static int tell_gauge(const struct watch *watch, enum event_gauge what, __u64 number, __u64 most)
{
	struct tell_where where = { .netns = watch->inode };
	struct ev_gauge body = { .what = what, .number = number, .most = most };

	return tell(watch->host->options.sink, EVENT_GAUGE, &where, &body, sizeof(body));
}

/* Once more when it is not half full any more: so a trend ends. */
static int look_at_conntrack(struct watch *watch)
{
	__u64 count, most;
	bool filled;

	if (!read_number(CONNTRACK "count", &count) || !read_number(CONNTRACK "max", &most))
		return 0;
	filled = most && count >= most / 2;
	if (!filled && !watch->filled)
		return 0;
	watch->filled = filled;
	return tell_gauge(watch, GAUGE_CONNTRACK, count, most);
}

/* The number in the column of that name: a line of names, then one of numbers, both begin with "TcpExt:". */
static __u64 column_of(const char *names, const char *numbers, const char *name)
{
	size_t length = strlen(name);

	for (;;) {
		names += strcspn(names, " ");
		numbers += strcspn(numbers, " ");
		if (!*names || !*numbers)
			return 0;
		names++;
		numbers++;
		if (!strncmp(names, name, length) && strchr(" \n", names[length]))
			return strtoull(numbers, NULL, 10);
	}
}

static bool read_pressures(__u64 *pressures, __u64 *aborted)
{
	_cleanup_file_ FILE *file = fopen(NET "netstat", "re");
	_cleanup_free_ char *names = NULL, *numbers = NULL;
	size_t names_size = 0, numbers_size = 0;

	if (!file || getline(&names, &names_size, file) <= 0 ||
	    getline(&numbers, &numbers_size, file) <= 0 || strncmp(names, "TcpExt:", 7) != 0)
		return false;
	*pressures = column_of(names, numbers, "TCPMemoryPressures");
	*aborted = column_of(names, numbers, "TCPAbortOnMemory");
	return true;
}

/* Pages; the limits stand in the first namespace alone: 0 elsewhere. */
static int tell_memory(const struct watch *watch)
{
	char text[2048], limits[96];
	const char *at = NULL;
	__u64 most = 0, number;

	if (tell_read_file(NET "sockstat", text, sizeof(text)) > 0)
		at = strstr(text, "\nTCP:");
	at = at ? strstr(at, " mem ") : NULL;
	if (!at)
		return 0;
	number = strtoull(at + strlen(" mem "), NULL, 10);
	if (tell_read_file("/proc/sys/net/ipv4/tcp_mem", limits, sizeof(limits)) > 0 &&
	    sscanf(limits, "%*u %*u %llu", &most) != 1)
		most = 0;
	return tell_gauge(watch, GAUGE_TCP_MEMORY, number, most);
}

/* Told as the first look finds it, to compare with, and where a counter has grown since. */
static int look_at_memory(struct watch *watch)
{
	__u64 pressures, aborted;
	int err = 0;

	if (!read_pressures(&pressures, &aborted) ||
	    (watch->looked && pressures == watch->pressures && aborted == watch->aborted))
		return 0;
	watch->looked = true;
	watch->pressures = pressures;
	watch->aborted = aborted;
	err = tell_memory(watch);
	err = err ? err : tell_gauge(watch, GAUGE_TCP_ABORTED, aborted, 0);
	return err ? err : tell_gauge(watch, GAUGE_TCP_PRESSURES, pressures, 0);
}

int host_look(struct host *host)
{
	int err = 0;

	for (size_t i = 0; i < host->watch_count && err >= 0; i++) {
		struct watch *watch = host->watches[i];

		if (host_enter(host, watch->inode, watch->fd))
			continue;
		err = look_at_conntrack(watch);
		err = err < 0 ? err : look_at_memory(watch);
		err = host_leave(host) ?: err;
	}
	return err < 0 ? err : 0;
}
