/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h - which programs of the kernel side are loaded, and what attach.c then holds of them */
#pragma once

#include <stdbool.h>

#include "attach/attach.h"
#include "attach/hooks.h"

#define HOOKS_MAX 32

struct bpf_link;
struct bpf_program;
struct interfaces;
struct sockwhy;

struct hook {
	struct bpf_program *programs[HOOK_PROGRAMS_MAX];
	struct bpf_link *links[HOOK_PROGRAMS_MAX];
	const char *why_refused; /* NULL: try to load it */
};

struct attach {
	struct attach_options options;
	struct sockwhy *skeleton;
	struct hook hooks[HOOKS_MAX];
	struct attach_hook list[HOOKS_MAX];
	char why[HOOKS_MAX][96];
	struct interfaces *interfaces;
	int cpus;
	bool at_functions; /* system calls are told where their functions return: see exits.h */
};

void load_set_state(struct attach *attach, size_t i, enum event_hook_state state, int error,
		    const char *why);

/* It is to be loaded, or is. */
static inline bool load_is_usable(const struct attach_hook *hook)
{
	return hook->state == HOOK_DETACHED;
}

/*
 * Decides what is loaded, sets the knobs, and loads. A hook whose program the verifier refuses is
 * missing. Returns 0; -ENOTSUP no BTF, which is logged; another negative errno of libbpf.
 */
int load_programs(struct attach *attach);
