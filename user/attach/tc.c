// SPDX-License-Identifier: GPL-2.0-or-later
/* tc.c - packet programs at interfaces by TC links, and the names that filters of ours carry */
#include "attach/tc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "util/own.h"

/* enum bpf_attach_type of 6.6; the libbpf of Debian 12 passes numbers on that it does not know */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
/* insert in front of what is there: 6.6 */
#define MPROG_BEFORE (1u << 3)

#define MADE_CLSACT "+clsact"

static enum bpf_attach_type attach_type(enum tc_direction direction)
{
	return (enum bpf_attach_type)(direction == TC_IN ? TCX_INGRESS : TCX_EGRESS);
}

int tc_link_attach(int program_fd, __u32 ifindex, enum tc_direction direction)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = MPROG_BEFORE);
	int fd = bpf_link_create(program_fd, ifindex, attach_type(direction), &options);

	return fd < 0 ? -errno : fd;
}

bool tc_link_is_chained(int program_fd, __u32 ifindex, enum tc_direction direction)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info), count = 16;
	__u32 ids[16] = { 0 };

	if (bpf_obj_get_info_by_fd(program_fd, &info, &size))
		return false;
	if (bpf_prog_query(ifindex, attach_type(direction), 0, NULL, ids, &count))
		return errno == ENOSPC; /* more than 16 programs */
	return count > 0 && ids[0] != info.id;
}

/* Start of a process in clock ticks since boot: field 22 of its stat; 0 if there is no such process. */
static __u64 read_start_ticks(__u32 pid)
{
	char path[32], text[1024];
	_cleanup_close_ int fd = -1;
	unsigned long long ticks;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the name in parentheses may hold anything; field 3 follows the last one */
	at = strrchr(text, ')');
	for (int field = 3; at && field <= 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%llu", &ticks) == 1 ? ticks : 0;
}

int tc_filter_own_name(char *name)
{
	__u64 ticks = read_start_ticks(getpid());

	if (!ticks)
		return -ESRCH;
	snprintf(name, TC_FILTER_NAME_SIZE, "sockwhy:%d:%llu", getpid(), (unsigned long long)ticks);
	return 0;
}

bool tc_filter_parse_name(const char *name, __u32 *pid, __u64 *start_ticks, bool *made_clsact)
{
	unsigned long long ticks;
	unsigned int number;
	int end = 0;

	if (sscanf(name, "sockwhy:%u:%llu%n", &number, &ticks, &end) != 2 || !end)
		return false;
	if (name[end] != '\0' && strcmp(name + end, MADE_CLSACT) != 0)
		return false;
	*pid = number;
	*start_ticks = ticks;
	*made_clsact = name[end] != '\0';
	return true;
}

bool tc_filter_is_orphan(const char *name)
{
	__u64 start_ticks;
	bool made;
	__u32 pid;

	return tc_filter_parse_name(name, &pid, &start_ticks, &made) &&
	       read_start_ticks(pid) != start_ticks;
}
