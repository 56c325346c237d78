/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h - files that this program creates */
#pragma once

#include <stdbool.h>

/*
 * Creates a file for writing: mode 0600, never through a link, never over an existing file unless
 * @force, and even then not over one of another owner. Logs what is wrong, with a hint. Returns a
 * file descriptor or a negative errno.
 */
int file_create(const char *path, bool force);

/*
 * The folder of a file, opened once: a link that is put in its place later leads nowhere. Logs what
 * is wrong. Returns a file descriptor, for *at() alone, or a negative errno.
 */
int file_open_folder(const char *path);

/* As file_create(), in that folder; of @path, for messages, the last part counts. */
int file_create_in(int folder, const char *path, bool force);

const char *file_base(const char *path); /* the last part of it */
