/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool.h - standard input in a file, so that it can be read twice */
#pragma once

#define SPOOL_PATH_SIZE 32

/*
 * Copies standard input to its end into a file without a name, of mode 0600, in $TMPDIR or /tmp;
 * one that is a file is left where it is. @path: under which it can be opened for as long as this
 * process lives. Logs what is wrong. Returns 0 or a negative errno.
 */
int spool_standard_input(char path[SPOOL_PATH_SIZE]);
