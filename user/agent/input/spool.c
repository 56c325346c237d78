// SPDX-License-Identifier: GPL-2.0-or-later
/* spool.c - standard input in a file, so that it can be read twice */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/input/spool.h"
#include "collect/collect.h"
#include "util/log.h"
#include "util/outfile.h"
#include "util/own.h"

#define CHUNK_BYTES (256 << 10)

static int refuse(const char *folder, int err)
{
	log_error_r(err, "standard input: cannot be kept in %s to be read twice", folder);
	log_hint("TMPDIR=FOLDER names a place with more room; or keep it in a file and read that");
	return err;
}

/* A file that nobody else can open, and that is gone with this process. */
static int make_file(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600), err;
	_cleanup_free_ char *name = NULL;

	if (fd >= 0)
		return fd;
	/* not every file system has them */
	if (asprintf(&name, "%s/sockwhy.XXXXXX", folder) < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	err = errno;
	if (fd < 0)
		return -err;
	unlink(name);
	return fd;
}

static int write_all(int fd, const char *from, size_t size)
{
	while (size) {
		ssize_t n = write(fd, from, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		from += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int copy(int to)
{
	_cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
	ssize_t n;
	int err = chunk ? 0 : -ENOMEM;

	while (!err) {
		n = read(STDIN_FILENO, chunk, CHUNK_BYTES);
		if (!n)
			break;
		if (n < 0)
			err = errno == EINTR ? 0 : -errno;
		else if (outfile_would_fill(to, (size_t)n))
			err = -ENOSPC;
		else
			err = write_all(to, chunk, (size_t)n);
	}
	return err;
}

/* "sockwhy read - < FILE", from its begin */
static bool can_be_opened_again(void)
{
	_cleanup_close_ int again = -1;
	struct stat status;

	if (fstat(STDIN_FILENO, &status) || !S_ISREG(status.st_mode) ||
	    lseek(STDIN_FILENO, 0, SEEK_CUR))
		return false;
	again = open(COLLECT_SPOOL "0", O_RDONLY | O_CLOEXEC);
	return again >= 0;
}

int spool_standard_input(char path[SPOOL_PATH_SIZE])
{
	const char *folder = secure_getenv("TMPDIR");
	int fd = STDIN_FILENO, err;

	if (!folder || !folder[0])
		folder = "/tmp";
	if (!can_be_opened_again()) {
		fd = make_file(folder);
		err = fd < 0 ? fd : copy(fd);
		if (err) {
			if (fd >= 0)
				close(fd);
			return refuse(folder, err);
		}
	}
	/* stays open: opened again under this name, it is read from its begin */
	snprintf(path, SPOOL_PATH_SIZE, COLLECT_SPOOL "%d", fd);
	return 0;
}
