/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.h - who descends from whom, by /proc */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/* Did @pid descend from @ancestor, as far as living parents tell? */
bool process_descends_from(__u32 pid, __u32 ancestor);

/* Its command name. Returns 0; -ESRCH gone, or a zombie. */
int process_name(__u32 pid, char *name, size_t size);
