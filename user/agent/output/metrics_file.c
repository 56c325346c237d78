// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_file.c - the file of --metrics, for node exporter's textfile collector */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/output/metrics_file.h"
#include "util/file.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

#define EVERY_NS (15 * NS_PER_S)
#define FIRST_WORDS "# HELP sockwhy_"

/* Is what bears the name ours to replace? */
static int check(const struct metrics_file *file, bool force)
{
	_cleanup_close_ int fd = openat(file->folder, file_base(file->path),
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char words[sizeof(FIRST_WORDS)] = "";
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status))
		return log_error_r(-errno, "%s", file->path);
	if (S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
	    (force || (read(fd, words, sizeof(words) - 1) >= 0 && !strcmp(words, FIRST_WORDS))))
		return 0;
	log_error_r(-EEXIST, "%s: creating", file->path);
	log_hint(
		"a file of metrics that sockwhy wrote is replaced; --force replaces any file of the same owner");
	return -EEXIST;
}

int metrics_file_open(struct metrics_file *file, const struct options *options)
{
	int err;

	*file = (struct metrics_file){ .folder = -1, .path = options->metrics };
	if (!file->path)
		return 0;
	err = file->folder = file_open_folder(file->path);
	return err < 0 ? err : check(file, options->force);
}

static int write_beside(const struct metrics_file *file, const struct counting *counting,
			const struct pipeline *pipeline, const char *beside)
{
	_cleanup_close_ int fd = -1;
	FILE *stream;
	int err = 0;

	/* of one that was killed while it wrote */
	if (unlinkat(file->folder, beside, 0) && errno != ENOENT)
		return -errno;
	fd = openat(file->folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0 || fchmod(fd, 0644))
		return -errno;
	stream = fdopen(fd, "w");
	if (!stream)
		return -errno;
	take_fd(&fd);
	counting_print(counting, pipeline, stream);
	if (fflush(stream) || ferror(stream))
		err = errno ? -errno : -EIO;
	if (fclose(stream) && !err)
		err = -errno;
	return err;
}

void metrics_file_poll(struct metrics_file *file, const struct counting *counting,
		       const struct pipeline *pipeline, __u64 now_ns)
{
	char beside[NAME_MAX + 1];
	int err;

	if (!file->path || (now_ns && now_ns < file->next_ns))
		return;
	file->next_ns = now_ns + EVERY_NS;
	err = snprintf(beside, sizeof(beside), "%s.tmp", file_base(file->path));
	err = err >= (int)sizeof(beside) ? -ENAMETOOLONG :
					   write_beside(file, counting, pipeline, beside);
	if (!err && renameat(file->folder, beside, file->folder, file_base(file->path)))
		err = -errno;
	if (err && !file->failed) {
		log_error_r(err, "%s: writing", file->path);
		log_hint("sockwhy goes on, and tries again");
	}
	file->failed = err;
}

int metrics_file_close(struct metrics_file *file)
{
	int err = file->failed ? -EIO : 0;

	own_close(&file->folder);
	*file = (struct metrics_file){ .folder = -1 };
	return err;
}
