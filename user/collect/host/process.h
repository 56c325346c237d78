/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.h - reading one process in /proc */
#pragma once

#include <stdbool.h>

#include "collect/collect.h"

struct process_stat {
	__u64 start_ticks; /* since boot, in ticks of sysconf(_SC_CLK_TCK) */
	__u32 ppid;
	char state; /* as proc(5) has it: R, S, D, T, … */
	char comm[EVENT_COMM_SIZE];
};

/*
 * The directory of a process in /proc: a file descriptor that stands for this very process and for
 * no later one with its pid. Negative errno: it is gone.
 */
int process_open(__u32 pid);

/* Returns 0; -ESRCH the process is gone; another negative errno. */
int process_read_stat(int dir, struct process_stat *stat);

/* Whether this is the process that started at @start_ns (CLOCK_BOOTTIME). */
bool process_is(const struct process_stat *stat, __u64 start_ns);

/* The path of its executable, empty if there is none to be seen. Filled up with zeros. */
void process_read_exe(int dir, char *exe, size_t size);

/*
 * Its command line as words with blanks between, cut to fit and filled up with zeros; empty if there
 * is none to be seen. What stands behind the name of a secret (--password=x, --token x) is "...".
 */
void process_read_command(int dir, char *command, size_t size);
