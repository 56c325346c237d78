/* SPDX-License-Identifier: GPL-2.0-or-later */
/* behind.h - which fences a command works behind */
#pragma once

#include "agent/options/options.h"
#include "fence/fence.h"

/* --no-fence names fences. Returns 0, or -EINVAL, logged. */
int behind_check(const struct options *options);

/*
 * What it reads and writes is open. @live: it watches this host, else it reads files. Returns 0 or a
 * negative errno, logged.
 */
int behind_fences(const struct options *options, bool live);

/* For a process that answers clients at a socket that is open, and does nothing else. */
struct fence_plan behind_plan_to_serve(const struct options *options);
