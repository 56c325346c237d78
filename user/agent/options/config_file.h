/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_file.h - the files a configuration stands in, read whole */
#pragma once

#include <stddef.h>

#define CONFIG_FILES_MAX 64
#define CONFIG_BYTES_MAX (64u << 10) /* of one file */

struct config_text {
	char *path;
	char *bytes; /* with room for one more */
	size_t size;
};

struct config_files {
	struct config_text at[CONFIG_FILES_MAX];
	size_t count;
};

/* One file, which must be there. Returns 0 or a negative errno, logged. */
int config_files_read(struct config_files *files, const char *path);

/* CONFIG_FILE and what stands in CONFIG_FOLDER, as far as they are there. Returns the same. */
int config_files_usual(struct config_files *files);

void config_files_free(struct config_files *files);
