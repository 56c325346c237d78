// SPDX-License-Identifier: GPL-2.0-or-later
/* tracefs.c - numbers of the kernel's trace events, without a mounted tracefs */
#include "attach/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "util/array.h"
#include "util/own.h"

static const char *const TRACEFS_PATHS[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static int mount_detached(void)
{
	_cleanup_close_ int fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

int tracefs_open(void)
{
	int err = mount_detached();

	if (err >= 0)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(TRACEFS_PATHS); i++) {
		int fd = open(TRACEFS_PATHS[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (faccessat(fd, "events", F_OK, 0) == 0)
			return fd;
		close(fd);
	}
	return err;
}

static int read_event_id(int tracefs_fd, const char *name, __u64 *id)
{
	char path[96], text[24];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "events/%s/id", name);
	fd = openat(tracefs_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	text[n] = '\0';
	*id = strtoull(text, NULL, 10);
	return *id ? 0 : -EIO;
}

int tracefs_open_event(int tracefs_fd, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	__u64 id = 0;
	int err = read_event_id(tracefs_fd, name, &id);
	int fd;

	if (err)
		return err;
	attr.config = id;
	/* a program at a tracepoint runs on every CPU, whichever the event was opened on */
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
