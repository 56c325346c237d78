// SPDX-License-Identifier: GPL-2.0-or-later
/* types.c - see types.h */
#include "util/types.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/own.h"

#define TYPES_PATH "/sys/kernel/btf/vmlinux"

/* The file gives a page at a time, however much is asked for. */
static int read_all(int fd, char *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, to + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		got += n;
	}
	return 0;
}

static int read_data(struct types *types)
{
	_cleanup_close_ int fd = open(TYPES_PATH, O_RDONLY | O_CLOEXEC);
	struct stat about;

	if (fd < 0 || fstat(fd, &about))
		return -errno;
	types->size = about.st_size;
	/* Linux 6.16 */
	types->data = mmap(NULL, types->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	types->is_mapped = types->data != MAP_FAILED;
	if (types->is_mapped)
		return 0;
	types->data = malloc(types->size);
	return types->data ? read_all(fd, types->data, types->size) : -ENOMEM;
}

/* Where types and strings stand. */
static int find_parts(struct types *types)
{
	const struct btf_header *head = types->data;
	const char *parts = (const char *)types->data;
	__u64 types_end, strings_end;

	if (types->size < sizeof(*head) || head->magic != BTF_MAGIC ||
	    head->hdr_len < sizeof(*head))
		return -EINVAL;
	types_end = (__u64)head->hdr_len + head->type_off + head->type_len;
	strings_end = (__u64)head->hdr_len + head->str_off + head->str_len;
	if (types_end > types->size || strings_end > types->size || !head->str_len ||
	    parts[strings_end - 1] != '\0')
		return -EINVAL;
	types->at = parts + head->hdr_len + head->type_off;
	types->end = parts + types_end;
	types->strings = parts + head->hdr_len + head->str_off;
	types->string_bytes = head->str_len;
	return 0;
}

int types_open(struct types *types)
{
	int err;

	memset(types, 0, sizeof(*types));
	err = read_data(types);
	if (!err)
		err = find_parts(types);
	if (err)
		types_close(types);
	return err;
}

int types_borrow(struct types *types, void *data, size_t size)
{
	memset(types, 0, sizeof(*types));
	types->data = data;
	types->size = size;
	types->is_borrowed = true;
	return find_parts(types);
}

void types_close(struct types *types)
{
	if (types->is_borrowed)
		types->data = NULL;
	if (types->is_mapped)
		munmap(types->data, types->size);
	else
		free(types->data);
	memset(types, 0, sizeof(*types));
}

/* What stands behind a type, by its kind; -EINVAL: a kind that is not known, whose end nobody knows. */
static long rest_bytes(const struct btf_type *type)
{
	const long count = BTF_INFO_VLEN(type->info);

	switch (types_kind(type)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
		return sizeof(__u32);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return count * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return count * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return count * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return count * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return count * sizeof(struct btf_var_secinfo);
	}
	return -EINVAL;
}

const struct btf_type *types_next(struct types *types)
{
	const struct btf_type *type = (const void *)types->at;
	long rest;

	if (types->end - types->at < (long)sizeof(*type))
		return NULL;
	rest = rest_bytes(type);
	if (rest < 0 || types->end - types->at - (long)sizeof(*type) < rest)
		return NULL;
	types->at += sizeof(*type) + rest;
	types->id++;
	return type;
}

const char *types_name(const struct types *types, __u32 place)
{
	return place < types->string_bytes ? types->strings + place : "";
}
