// SPDX-License-Identifier: GPL-2.0-or-later
/* process.c - who descends from whom, by /proc */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/live/process.h"
#include "util/own.h"

struct stat_line {
	char name[32];
	char state;
	__u32 parent;
};

/* /proc/PID/stat: the name stands in brackets and may hold blanks and brackets itself. */
static int read_stat(__u32 pid, struct stat_line *stat)
{
	_cleanup_file_ FILE *file = NULL;
	char path[32], line[512], *end, *begin;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return -ESRCH;
	begin = strchr(line, '(');
	end = strrchr(line, ')');
	if (!begin || !end || sscanf(end + 1, " %c %u", &stat->state, &stat->parent) != 2)
		return -ESRCH;
	*end = '\0';
	snprintf(stat->name, sizeof(stat->name), "%s", begin + 1);
	return 0;
}

bool process_descends_from(__u32 pid, __u32 ancestor)
{
	struct stat_line stat;

	/* chains are short; a loop cannot be, but pids come and go while one looks */
	for (int depth = 0; pid > 1 && depth < 64; depth++) {
		if (read_stat(pid, &stat))
			return false;
		pid = stat.parent;
		if (pid == ancestor)
			return true;
	}
	return false;
}

int process_name(__u32 pid, char *name, size_t size)
{
	struct stat_line stat;

	if (read_stat(pid, &stat) || stat.state == 'Z')
		return -ESRCH;
	snprintf(name, size, "%s", stat.name);
	return 0;
}
