/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fence.h - what this process gives up once it has what it needs */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/*
 * Theory of operation
 *
 * What parses bytes of others may have a mistake; a fence is what such a mistake cannot reach. Files
 * that are given are opened and files that are written are made first; then the process becomes
 * nobody, gives up capabilities, and lets the kernel refuse what it has no use for: files by Landlock,
 * system calls by a filter. All of it holds for this process alone, and cannot be taken back.
 *
 * The filter answers EPERM and kills nobody: what was not foreseen fails as any call may fail.
 *
 * A fence that this kernel does not have is left out, and doctor says so: it is a second line, and the
 * first one is code that is fuzzed.
 */

enum fence {
	FENCE_USER,
	FENCE_CAPABILITIES,
	FENCE_PRIVILEGES,
	FENCE_FILES,
	FENCE_SYSCALLS,
	FENCE_COUNT,
};

#define FENCE_FOLDERS_MAX 4
#define FENCE_READS_MAX 3

/* What is still to be done behind them. */
struct fence_plan {
	__u32 without; /* BIT(FENCE_*) that are not wanted */
	bool live; /* the kernel side is attached: else files are read */
	bool serves; /* neither: clients at a socket that is open; its row is that of files */
	bool signals; /* live: it may send some */
	bool terminal; /* it has one, whose modes it sets */
	__u64 capabilities; /* kept, as far as they are there: bits of their numbers */
	const char *folders[FENCE_FOLDERS_MAX]; /* files are made and removed in them; NULL none */
	const char *reads[FENCE_READS_MAX]; /* files that are opened later; NULL none */
};

const char *fence_name(enum fence fence); /* "user" */
const char *fence_what(enum fence fence); /* what it keeps away, for people */
const char *fence_missing(enum fence fence); /* why this kernel does not have it; NULL: it has */

/* Number of a fence's name; FENCE_COUNT unknown. */
enum fence fence_find(const char *name);

/* Puts up what @plan leaves. Returns 0, or a negative errno, logged: one that is there could not be put up. */
int fence_up(const struct fence_plan *plan);

/* ---- one each; 0 or a negative errno ---- */

int fence_files_up(const struct fence_plan *plan); /* Landlock */
bool fence_files_known(void);
int fence_syscalls_up(const struct fence_plan *plan); /* seccomp */
bool fence_syscalls_known(void);
