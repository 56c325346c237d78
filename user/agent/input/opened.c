// SPDX-License-Identifier: GPL-2.0-or-later
/* opened.c - the files that are to be read, opened before any of them is looked into */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/input/opened.h"
#include "util/log.h"

/* @twice: it has to be a regular file; a pipe that nobody writes to is refused, not waited for. */
static struct opened open_one(const char *path, bool twice)
{
	struct opened file = { path, path, 0 };

	if (!strcmp(path, "-") || !strncmp(path, COLLECT_SPOOL, strlen(COLLECT_SPOOL)))
		file.name = "standard input";
	if (!strcmp(path, "-"))
		file.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (twice ? O_NONBLOCK : 0));
	if (file.fd < 0)
		file.fd = -errno;
	return file;
}

int opened_files(struct opened_files *files, const struct options *options)
{
	size_t words = options->command_given ? options->rest_count : 0;

	*files = (struct opened_files){ .at = calloc(words + 1, sizeof(*files->at)) };
	if (!files->at)
		return log_error_r(-ENOMEM, "files");
	if (options->file)
		files->at[files->count++] = open_one(options->file, options->write);
	for (size_t i = 0; i < words; i++)
		files->at[files->count++] = open_one(options->rest[i], options->write);
	return 0;
}

void opened_free(struct opened_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->at[i].fd >= 0)
			close(files->at[i].fd);
	free(files->at);
	*files = (struct opened_files){ 0 };
}

int opened_input(const struct opened *file, struct input **out)
{
	int fd = file->fd < 0 ? file->fd : fcntl(file->fd, F_DUPFD_CLOEXEC, 0);

	if (file->fd >= 0 && fd < 0)
		fd = -errno;
	if (fd < 0)
		return log_error_r(fd, "%s", file->name);
	/* what is read twice is a regular file; standard input goes on where it stands */
	if (strcmp(file->path, "-") != 0)
		lseek(fd, 0, SEEK_SET);
	return input_open_fd(out, fd, file->name);
}
