// SPDX-License-Identifier: GPL-2.0-or-later
/* file.c - files that this program creates */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"
#include "util/own.h"

/*
 * With --force an existing file is taken over only if no one else can have planted it for us: not
 * through a link, no other name leads to it, and it has no other owner, who could read on.
 */
static int open_file(int folder, const char *base, bool force)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	_cleanup_close_ int fd = openat(folder, base, flags | (force ? 0 : O_EXCL), 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (S_ISREG(status.st_mode)) {
		if (status.st_uid != geteuid())
			return -EPERM;
		if (status.st_nlink > 1)
			return -EMLINK;
		if (fchmod(fd, 0600) || ftruncate(fd, 0))
			return -errno;
	}
	return take_fd(&fd);
}

int file_open_folder(const char *path)
{
	_cleanup_free_ char *folder = strndup(path, (size_t)(file_base(path) - path));
	int fd = -ENOMEM;

	if (folder)
		fd = open(folder[0] ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	return fd < 0 ? log_error_r(fd, "%s: creating", path) : fd;
}

const char *file_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int file_create_in(int folder, const char *path, bool force)
{
	int fd = open_file(folder, file_base(path), force);

	if (fd >= 0)
		return fd;
	log_error_r(fd, "%s: creating", path);
	if (fd == -EEXIST)
		log_hint("--force overwrites it; a link is never followed");
	else if (fd == -ELOOP || fd == -EMLINK)
		log_hint("remove the link or give another name");
	else if (fd == -EPERM)
		log_hint(
			"a file of another owner is not taken over: remove it or give another name");
	return fd;
}

int file_create(const char *path, bool force)
{
	_cleanup_close_ int folder = file_open_folder(path);

	return folder < 0 ? folder : file_create_in(folder, path, force);
}
