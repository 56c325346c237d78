/* SPDX-License-Identifier: GPL-2.0-or-later */
/* own.h - ownership by cleanup attributes, and the few words every stage needs */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(own_free)
#define _cleanup_close_ _cleanup_(own_close)
#define _cleanup_file_ _cleanup_(own_file)

static inline void own_free(void *p)
{
	free(*(void **)p);
}

static inline void own_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void own_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Hands the value over to the caller, so that the cleanup finds nothing. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p)                     \
	({                              \
		typeof(p) taken_ = (p); \
		(p) = NULL;             \
		taken_;                 \
	})
