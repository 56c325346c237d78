/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tracefs.h - numbers of the kernel's trace events, without a mounted tracefs */
#pragma once

/*
 * A file descriptor of the root of tracefs: of a mount of its own that no path leads to and that
 * ends with the descriptor, else (without CAP_SYS_ADMIN, before 5.2) of where it is mounted.
 * Negative errno.
 */
int tracefs_open(void);

/* Opens the event @name ("syscalls/sys_exit_connect") for perf, on every CPU. Negative errno. */
int tracefs_open_event(int tracefs_fd, const char *name);
