/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leftovers.h - what killed agents left in network namespaces that are not this process's own */
#pragma once

#include <stdbool.h>

#include "attach/attach.h"

/*
 * As attach_clean(), in the network namespace at @path; this thread comes back to its own.
 * Returns 0 or a negative errno.
 */
int leftovers_clean(const char *path, bool dry_run,
		    void (*found)(void *ctx, const struct attach_leftover *leftover), void *ctx);

/* In every namespace that has a name under /run/netns. */
int leftovers_clean_named(bool dry_run,
			  void (*found)(void *ctx, const struct attach_leftover *leftover),
			  void *ctx);
