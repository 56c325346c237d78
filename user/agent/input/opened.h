/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opened.h - the files that are to be read, opened before any of them is looked into */
#pragma once

#include "agent/options/options.h"
#include "collect/collect.h"

struct opened {
	const char *path;
	const char *name; /* as messages call it */
	int fd; /* negative errno: it cannot be opened, which is told when it is read */
};

struct opened_files {
	struct opened *at;
	size_t count;
};

/* -r FILE, then words of the command line. Returns 0 or -ENOMEM, logged. */
int opened_files(struct opened_files *files, const struct options *options);
void opened_free(struct opened_files *files);

/* To be read from its begin; logs what is wrong. Returns 0 or a negative errno. */
int opened_input(const struct opened *file, struct input **out);
