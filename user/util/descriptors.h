/* SPDX-License-Identifier: GPL-2.0-or-later */
/* descriptors.h - how many files this process may have open */
#pragma once

#include <stdbool.h>

/*
 * Descriptors that what there is one of each interface or namespace leaves free for the rest: facts,
 * files, the look at open sockets.
 */
#define DESCRIPTORS_SPARE 128

/* Raises the soft limit to the hard one, as far as there is use for it; children inherit that. */
void descriptors_raise(void);

/*
 * Is @fd, just opened, one of the last? The kernel gives the lowest number that is free
 * (POSIX.1-2017, 2.14).
 */
bool descriptors_are_short(int fd);

/* Did something fail for want of descriptors or memory, so that it says nothing of the kernel? */
bool descriptors_or_memory(int err);
