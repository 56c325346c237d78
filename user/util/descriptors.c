// SPDX-License-Identifier: GPL-2.0-or-later
/* descriptors.c - how many files this process may have open */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "util/descriptors.h"
#include "util/log.h"

/* Two of each of 16,384 interfaces, which is as many as are kept, and as much again. */
#define DESCRIPTORS_MOST 65536

void descriptors_raise(void)
{
	struct rlimit limit;
	rlim_t wanted;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	wanted = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_debug("file descriptors: the limit stays: %s", strerror(errno));
}

bool descriptors_are_short(int fd)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	       (rlim_t)fd + DESCRIPTORS_SPARE >= limit.rlim_cur;
}

bool descriptors_or_memory(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}
