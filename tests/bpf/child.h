/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.h - a process of a test */
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* fork(), of a child that does not outlive a test that failed: it holds all that is open, programs too. */
static inline pid_t child_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}
