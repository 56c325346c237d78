// SPDX-License-Identifier: GPL-2.0-or-later
/* keylog_follow.c - a TLS key log that a program writes meanwhile */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/output/keylog.h"
#include "sinks/packets/pcapng.h"
#include "util/log.h"
#include "util/own.h"
#include "util/privilege.h"

#define CHUNK_BYTES 65536
#define READS_MAX 16 /* of a poll: a writer without end does not hold up the rest */

struct keylog {
	const char *path;
	int fd; /* -1: it is not there (yet) */
	dev_t device;
	ino_t inode;
	off_t offset; /* of what was not read yet */
	bool wrong; /* no file that could be followed: told */
	struct keylog_counts counts;
	size_t kept; /* bytes in .text */
	size_t length; /* bytes in .line: of a line that has no end yet */
	bool too_long; /* its begin was thrown away */
	char line[1024];
	char chunk[CHUNK_BYTES];
	char text[PCAPNG_SECRETS_MAX];
};

static void close_file(struct keylog *keylog)
{
	if (keylog->fd >= 0)
		close(take_fd(&keylog->fd));
}

static int refuse_file(struct keylog *keylog, int err)
{
	close_file(keylog);
	keylog->wrong = true;
	return log_error_r(err, "--keylog %s", keylog->path);
}

/* Returns 0 also while it is not there. */
static int open_file(struct keylog *keylog)
{
	struct stat status;

	keylog->offset = 0;
	keylog->length = 0;
	keylog->too_long = false;
	/* not blocked by what somebody else may put in its place */
	keylog->fd = privilege_open(keylog->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (keylog->fd < 0)
		return errno == ENOENT ? 0 : refuse_file(keylog, -errno);
	if (fstat(keylog->fd, &status))
		return refuse_file(keylog, -errno);
	if (!S_ISREG(status.st_mode))
		return refuse_file(keylog, S_ISDIR(status.st_mode) ? -EISDIR : -ESPIPE);
	keylog->device = status.st_dev;
	keylog->inode = status.st_ino;
	return 0;
}

int keylog_follow(struct keylog **out, const char *path)
{
	struct keylog *keylog = calloc(1, sizeof(*keylog));
	off_t end;
	int err;

	if (!keylog)
		return log_error_r(-ENOMEM, "--keylog %s", path);
	keylog->path = path;
	err = open_file(keylog);
	if (err) {
		keylog_free(keylog);
		return err;
	}
	end = keylog->fd >= 0 ? lseek(keylog->fd, 0, SEEK_END) : 0;
	keylog->offset = end > 0 ? end : 0;
	*out = keylog;
	return 0;
}

void keylog_free(struct keylog *keylog)
{
	if (!keylog)
		return;
	close_file(keylog);
	explicit_bzero(keylog, sizeof(*keylog));
	free(keylog);
}

static void refuse_line(struct keylog *keylog)
{
	if (!keylog->counts.refused++)
		log_error("%s: a line is no line of a TLS key log, or one too many: left out",
			  keylog->path);
}

static void take_line(struct keylog *keylog)
{
	size_t size = keylog->length;

	keylog->length = 0;
	if (keylog->too_long) {
		keylog->too_long = false;
		refuse_line(keylog);
		return;
	}
	if (size && keylog->line[size - 1] == '\r')
		size--;
	if (!size || keylog->line[0] == '#')
		return;
	if (keylog_check_line(keylog->line, size) ||
	    keylog->kept + size + 1 > sizeof(keylog->text)) {
		refuse_line(keylog);
		return;
	}
	memcpy(keylog->text + keylog->kept, keylog->line, size);
	keylog->kept += size;
	keylog->text[keylog->kept++] = '\n';
	keylog->counts.lines++;
}

static void take_chunk(struct keylog *keylog, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (keylog->chunk[i] == '\n')
			take_line(keylog);
		else if (keylog->length < sizeof(keylog->line))
			keylog->line[keylog->length++] = keylog->chunk[i];
		else
			keylog->too_long = true;
	}
}

static void read_on(struct keylog *keylog)
{
	struct stat status;

	if (fstat(keylog->fd, &status))
		return;
	if (status.st_size < keylog->offset) { /* begun anew */
		keylog->offset = 0;
		keylog->length = 0;
	}
	for (int i = 0; i < READS_MAX && keylog->offset < status.st_size; i++) {
		ssize_t n = pread(keylog->fd, keylog->chunk, sizeof(keylog->chunk), keylog->offset);

		if (n <= 0)
			return;
		keylog->offset += n;
		take_chunk(keylog, (size_t)n);
	}
}

/* Is another file there now? */
static bool is_replaced(const struct keylog *keylog)
{
	struct stat status;

	return !stat(keylog->path, &status) &&
	       (status.st_dev != keylog->device || status.st_ino != keylog->inode);
}

const char *keylog_poll(struct keylog *keylog, size_t *size)
{
	if (keylog->fd >= 0) {
		read_on(keylog);
		if (is_replaced(keylog))
			close_file(keylog);
	}
	if (keylog->fd < 0 && !keylog->wrong && !open_file(keylog) && keylog->fd >= 0)
		read_on(keylog);
	*size = keylog->kept;
	return keylog->text;
}

struct keylog_counts keylog_counts(const struct keylog *keylog)
{
	return keylog->counts;
}
