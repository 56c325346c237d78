/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.h - the command of run: held back until the hooks know it, and how it ended */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/options/user.h"

struct child {
	pid_t pid;
	int go_fd; /* a byte lets it execute, its end lets it exit */
	int error_fd; /* errno of its execve(), nothing if that worked */
	bool ended;
	bool not_started; /* child_exit_status(): it could not be executed */
	int status; /* as wait() gives it, valid with .ended */
};

/*
 * Forks; the child waits. Orphans among its descendants become children of this process, so that
 * they can be found at the end. @user: NULL the caller's own. Returns 0 or a negative errno.
 */
int child_spawn(struct child *child, char **argv, const struct user *user);

int child_go(struct child *child); /* executes the command */
void child_cancel(struct child *child); /* never executed: exits */
void child_reap(struct child *child); /* after SIGCHLD: collects every child that ended */

/* Exit status of a shell for it: its own, 128+N, 126 or 127; logs why it was not executed. */
int child_exit_status(struct child *child, const char *command);

/* Appends "nginx[77], …": descendants of this process that still run. Returns how many. */
size_t child_print_left(char *buffer, size_t size);
