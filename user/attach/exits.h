/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exits.h - can programs be attached to where the functions of system calls return? */
#pragma once

#include <stdbool.h>

#include "attach/features.h"

/*
 * A trace event of a system call, whichever, sends all system calls of the host a longer way: getppid() took a
 * quarter more instructions (6.1). A program at the return of the call's own function (fexit, Linux 5.5) costs nobody
 * else anything; but not every kernel that tells its types was built to have programs there, and a
 * kernel says so only when one is attached. Tried with one that does nothing, at listen().
 */
bool exits_attach(const struct features *features);
