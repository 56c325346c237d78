/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h - files that this program creates */
#pragma once

#include <stdbool.h>

/*
 * Creates a file for writing: mode 0600, never through a link, never over an existing file unless
 * @force. Logs what is wrong, with a hint. Returns a file descriptor or a negative errno.
 */
int file_create(const char *path, bool force);
