// SPDX-License-Identifier: GPL-2.0-or-later
/* config_file.c - the files a configuration stands in, read whole */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/options/config.h"
#include "agent/options/config_file.h"
#include "util/log.h"
#include "util/own.h"
#include "util/privilege.h"

#define OPEN_FLAGS (O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)

static int refuse(const char *path, const char *what, const char *hint)
{
	log_error("%s: %s", path, what);
	log_hint("%s", hint);
	return -EPERM;
}

/* It says where root's files are written: nobody else may write it. */
static int check(const char *path, const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return refuse(path, "no plain file", "a configuration is a text file");
	if (status->st_uid && status->st_uid != geteuid())
		return refuse(path, "belongs to somebody else", "chown root");
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(path, "others may write it", "chmod go-w");
	if (status->st_size > CONFIG_BYTES_MAX)
		return refuse(path, "is larger than 64 KiB", "one line an option");
	return 0;
}

static int read_bytes(int fd, struct config_text *text)
{
	while (text->size < CONFIG_BYTES_MAX) {
		ssize_t n = read(fd, text->bytes + text->size, CONFIG_BYTES_MAX - text->size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		text->size += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* @opened: of it, or -1 and errno says why. @absent: is it fine that there is none? */
static int read_file(struct config_files *files, const char *path, int opened, bool absent)
{
	struct config_text *text = &files->at[files->count];
	_cleanup_close_ int fd = opened;
	struct stat status;
	int err;

	if (fd < 0 && errno == ENOENT && absent)
		return 0;
	if (fd < 0 || fstat(fd, &status))
		return log_error_r(-errno, "%s", path);
	err = check(path, &status);
	if (err)
		return err;
	if (files->count == CONFIG_FILES_MAX)
		return refuse(path, "is one file too many", "at most 64 are read");
	*text = (struct config_text){ .path = strdup(path), .bytes = malloc(CONFIG_BYTES_MAX + 1) };
	files->count++;
	err = text->path && text->bytes ? read_bytes(fd, text) : -ENOMEM;
	return err ? log_error_r(err, "%s", path) : 0;
}

int config_files_read(struct config_files *files, const char *path)
{
	return read_file(files, path, privilege_open(path, OPEN_FLAGS), false);
}

static int is_configuration(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && end && !strcmp(end, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* whatever the locale */
}

int config_files_usual(struct config_files *files)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	int count, err;

	err = read_file(files, CONFIG_FILE, open(CONFIG_FILE, OPEN_FLAGS), true);
	if (err)
		return err;
	count = scandir(CONFIG_FOLDER, &entries, is_configuration, by_name);
	if (count < 0)
		return errno == ENOENT ? 0 : log_error_r(-errno, "%s", CONFIG_FOLDER);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", CONFIG_FOLDER, entries[i]->d_name);
		err = err ? err : read_file(files, path, open(path, OPEN_FLAGS), false);
		free(entries[i]);
	}
	free(entries);
	return err;
}

void config_files_free(struct config_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->at[i].path);
		free(files->at[i].bytes);
	}
	*files = (struct config_files){ 0 };
}
