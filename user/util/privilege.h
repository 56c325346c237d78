/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privilege.h - capabilities that came with the program's file */
#pragma once

/*
 * Gives them up for good: they are for the kernel side, and would open files that the user may not
 * read. Root, and capabilities that a service gave, stay as they are.
 */
void privilege_drop(void);

/*
 * Opens a file that the user named as far as he may do so himself: capabilities of the program's file
 * let him watch, not read what is another's. As open(2): a file descriptor, or -1 and errno.
 */
int privilege_open(const char *path, int flags);
