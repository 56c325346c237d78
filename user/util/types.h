/* SPDX-License-Identifier: GPL-2.0-or-later */
/* types.h - the running kernel's types (BTF), from the first to the last */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/btf.h>

/*
 * libbpf makes an index of all types, 15 ms, for whoever only wants to see some names. Here they are
 * walked once as they stand in the kernel's memory, 2 ms (Linux documentation: bpf/btf.rst).
 */
struct types {
	void *data;
	size_t size;
	bool is_mapped, is_borrowed;
	const char *at, *end; /* of the next type, and of all */
	const char *strings;
	__u32 string_bytes;
	__u32 id; /* of the type before the next; numbers begin with 1 */
};

/* Returns 0; -ENOENT the kernel tells none; -EINVAL not what was expected; another negative errno. */
int types_open(struct types *types);

/* Those of another object, as its section .BTF has them, which stay the caller's. Returns 0; -EINVAL as above. */
int types_borrow(struct types *types, void *data, size_t size);
void types_close(struct types *types);

/* The next type, or NULL: there is none, or it is cut. .id is its number. */
const struct btf_type *types_next(struct types *types);

/* A name by its place among the strings; "" none. */
const char *types_name(const struct types *types, __u32 place);

static inline __u32 types_kind(const struct btf_type *type)
{
	return BTF_INFO_KIND(type->info);
}
