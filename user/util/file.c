// SPDX-License-Identifier: GPL-2.0-or-later
/* file.c - files that this program creates */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/log.h"
#include "util/own.h"

/*
 * With --force an existing file is taken over only if no one else can have planted it for us: not
 * through a link, and no other name leads to it.
 */
static int open_file(const char *path, bool force)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	_cleanup_close_ int fd = open(path, flags | (force ? 0 : O_EXCL), 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (S_ISREG(status.st_mode)) {
		if (status.st_nlink > 1)
			return -EMLINK;
		if (fchmod(fd, 0600) || ftruncate(fd, 0))
			return -errno;
	}
	return take_fd(&fd);
}

int file_create(const char *path, bool force)
{
	int fd = open_file(path, force);

	if (fd >= 0)
		return fd;
	log_error_r(fd, "%s: creating", path);
	if (fd == -EEXIST)
		log_hint("--force overwrites it; a link is never followed");
	else if (fd == -ELOOP || fd == -EMLINK)
		log_hint("remove the link or give another name");
	return fd;
}
