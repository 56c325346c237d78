/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.h - what must be there before anything is loaded */
#pragma once

#include "attach/attach.h"

/* Logs, with a hint, every capability that is missing. Returns 0 or -EPERM. */
int probe_require_capabilities(void);

/* A descriptor of the root of the cgroup v2 tree, mounted or not. Negative errno. */
int probe_open_cgroup_root(void);
