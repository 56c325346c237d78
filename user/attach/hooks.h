/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hooks.h - the table of hooks: what each needs and what is lost without */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "attach/attach.h"
#include "attach/features.h"

#define HOOK_PROGRAMS_MAX 4

enum hook_kind {
	HOOK_BTF, /* tp_btf program, attached by its own section name */
	HOOK_SYSCALL, /* exits of system calls: .functions, else trace events, by tracefs */
	HOOK_CGROUP, /* at the root of the cgroup v2 tree */
	HOOK_PACKET, /* attached to each interface when it is told of */
	HOOK_ITERATOR, /* opened for each reading */
};

struct hook_row {
	const char *name;
	enum hook_kind kind;
	const char *programs[HOOK_PROGRAMS_MAX]; /* names in bpf/ */
	const char *
		functions[HOOK_PROGRAMS_MAX]; /* what takes their place where exits.h can attach it */
	const char *lost;
	bool open_sockets; /* tells of what is open: all that is wanted with .sockets_only */
	/* Can this kernel have it? In words why not, NULL: it can. NULL: what its programs name. */
	const char *(*missing)(const struct features *features);
	/* Is it wanted with these options? In words why not, NULL: it is. NULL: always. */
	const char *(*unwanted)(const struct attach_options *options);
};

extern const struct hook_row HOOKS[];
extern const size_t HOOKS_COUNT;

/* Index of the hook of this name, or -ENOENT. */
int hooks_find(const char *name);
