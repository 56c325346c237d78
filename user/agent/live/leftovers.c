// SPDX-License-Identifier: GPL-2.0-or-later
/* leftovers.c - what killed agents left in other network namespaces */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "agent/live/leftovers.h"
#include "util/own.h"

int leftovers_clean(const char *path, bool dry_run,
		    void (*found)(void *ctx, const struct attach_leftover *leftover), void *ctx)
{
	_cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int there = open(path, O_RDONLY | O_CLOEXEC);
	int count;

	if (own < 0 || there < 0 || setns(there, CLONE_NEWNET))
		return -errno;
	count = attach_clean(dry_run, found, ctx);
	if (setns(own, CLONE_NEWNET))
		return -errno;
	return count < 0 ? count : 0;
}

int leftovers_clean_named(bool dry_run,
			  void (*found)(void *ctx, const struct attach_leftover *leftover),
			  void *ctx)
{
	DIR *named = opendir("/run/netns");
	const struct dirent *entry;
	char path[PATH_MAX];
	int err = 0;

	while (named && (entry = readdir(named))) {
		int one;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", entry->d_name);
		one = leftovers_clean(path, dry_run, found, ctx);
		/* a name may be a plain file that no namespace is mounted on any more */
		if (one && one != -EINVAL && one != -ENOENT && !err)
			err = one;
	}
	if (named)
		closedir(named);
	return err;
}
