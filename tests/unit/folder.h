/* SPDX-License-Identifier: GPL-2.0-or-later */
/* folder.h - a folder of a test's own, with all that is in it gone at the end */
#pragma once

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
	char path[64];
	char file[96]; /* in it, not yet there */
	char name[160]; /* scratch for other names in it */
};

/* @base: the name of .file. */
static inline int folder_make(void **state, const char *base)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	strcpy(folder->path, "/tmp/sockwhy-test-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	snprintf(folder->file, sizeof(folder->file), "%s/%s", folder->path, base);
	*state = folder;
	return 0;
}

static inline int folder_remove(void **state)
{
	struct folder *folder = *state;
	char pattern[80];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*", folder->path);
	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	rmdir(folder->path);
	free(folder);
	return 0;
}
