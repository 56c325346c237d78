/* SPDX-License-Identifier: GPL-2.0-or-later */
/* features.h - what the running kernel and our privileges offer */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Names of the kernel's types (BTF) that may be asked for: all of them are walked once.
 */
struct features {
	struct feature *list; /* sorted */
	size_t count, room;
};

/* Returns 0, -ENOTSUP without BTF, or another negative errno. */
int features_open(struct features *features);
void features_close(struct features *features);

/* Only of the names that features.c keeps: btf_trace_*, bpf_*(), FEATURES_SYSCALL*(), BPF_FUNC_*, tcx_*, io_cqe, sk_rst_*. */
bool features_has_typedef(const struct features *features, const char *name);
bool features_has_struct(const struct features *features, const char *name);
bool features_has_enum(const struct features *features, const char *name);
bool features_has_function(const struct features *features, const char *name);
bool features_has_helper(const struct features *features, const char *name); /* BPF_FUNC_* */

/* How the kernel names the function of a system call. */
#if defined(__x86_64__)
#define FEATURES_SYSCALL "__x64_sys_"
#elif defined(__aarch64__)
#define FEATURES_SYSCALL "__arm64_sys_"
#endif

/* The number of its type; 0: there is no such function. */
__u32 features_function_id(const struct features *features, const char *name);

/* major << 16 | minor << 8 | patch */
__u32 features_kernel_version(void);
#define KERNEL(major, minor) ((__u32)(major) << 16 | (minor) << 8)

bool features_has_capability(unsigned int capability);

/* Is charged to the memory lock limit what maps hold (until 5.10)? */
bool features_counts_locked_memory(void);
