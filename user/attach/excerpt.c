// SPDX-License-Identifier: GPL-2.0-or-later
/* excerpt.c - see excerpt.h */
#include "attach/excerpt.h"

#include <errno.h>
#include <libelf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/hash.h"
#include "util/own.h"
#include "util/types.h"

#define NAMES_ROOM 4096 /* a power of two; some 450 are in it */
#define POINTER 1 /* number of the type that every pointer in a structure has: to void */
#define ALIASES_MAX 32 /* typedefs and qualifiers around a type */

struct name {
	const char *text;
	size_t length;
};

struct excerpt {
	struct types kernel;
	const struct btf_type **list; /* by their number in the kernel, less one */
	__u32 count;
	__u32 *numbers; /* those in the excerpt, likewise; 0: not in it */
	__u32 *queue; /* what is in it, in its order */
	__u32 queued;
	struct name *names; /* of the object's types: see find_name() */
	FILE *types, *strings;
	char *types_data, *strings_data;
	size_t types_bytes, strings_bytes;
};

/* ---- names ---- */

/* Without what tells one reading of a type from another: "sk_buff___old" means sk_buff. */
static size_t meant_length(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = length < 5 ? 0 : length - 4; i-- > 0;)
		if (name[i] != '_' && name[i + 1] == '_' && name[i + 2] == '_' &&
		    name[i + 3] == '_' && name[i + 4] != '_')
			return i + 1;
	return length;
}

/* The place of a name, or the free one where it belongs. */
static struct name *find_name(const struct excerpt *excerpt, const char *text, size_t length)
{
	__u64 place = hash_bytes(0, text, length);

	for (;; place++) {
		struct name *name = &excerpt->names[place % NAMES_ROOM];

		if (!name->text ||
		    (name->length == length && memcmp(name->text, text, length) == 0))
			return name;
	}
}

static bool is_named_kind(__u32 kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF;
}

static int add_names(struct excerpt *excerpt, struct types *object)
{
	const struct btf_type *type;
	size_t count = 0;

	while ((type = types_next(object))) {
		const char *text = types_name(object, type->name_off);
		size_t length = meant_length(text);

		if (!length || !is_named_kind(types_kind(type)))
			continue;
		if (++count > NAMES_ROOM / 2)
			return -E2BIG;
		*find_name(excerpt, text, length) = (struct name){ text, length };
	}
	return count ? 0 : -ENOENT;
}

/* The object's own types. */
static int find_object_types(struct types *types, Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return -EINVAL;
	while ((section = elf_nextscn(elf, section))) {
		const Elf64_Shdr *head = elf64_getshdr(section);
		const char *name = head ? elf_strptr(elf, names, head->sh_name) : NULL;
		const Elf_Data *data;

		if (!name || strcmp(name, ".BTF") != 0)
			continue;
		data = elf_rawdata(section, NULL);
		return data ? types_borrow(types, data->d_buf, data->d_size) : -EINVAL;
	}
	return -ENOENT;
}

/* ---- what belongs to it ---- */

/* Its number in the excerpt, where it is from now on. 0: void. */
static __u32 want(struct excerpt *excerpt, __u32 number)
{
	if (!number || number > excerpt->count)
		return 0;
	if (!excerpt->numbers[number - 1]) {
		excerpt->queue[excerpt->queued++] = number;
		excerpt->numbers[number - 1] = excerpt->queued + POINTER;
	}
	return excerpt->numbers[number - 1];
}

static bool is_alias(__u32 kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* Of a member or an element: where a pointer leads, its reader says. */
static __u32 want_held(struct excerpt *excerpt, __u32 number)
{
	const struct btf_type *type;
	__u32 meant = number;

	for (int i = 0; i < ALIASES_MAX && meant && meant <= excerpt->count; i++) {
		type = excerpt->list[meant - 1];
		if (types_kind(type) == BTF_KIND_PTR)
			return POINTER;
		if (!is_alias(types_kind(type)))
			break;
		meant = type->type;
	}
	return want(excerpt, number);
}

/* Returns 0; -EINVAL the types end where nobody knows how to go on. */
static int list_kernel(struct excerpt *excerpt)
{
	const struct btf_type *type;
	size_t room = 0;

	while ((type = types_next(&excerpt->kernel))) {
		if (excerpt->count == room) {
			const struct btf_type **list;

			room = room ? room * 2 : 1 << 17;
			list = reallocarray(excerpt->list, room, sizeof(*list));
			if (!list)
				return -ENOMEM;
			excerpt->list = list;
		}
		excerpt->list[excerpt->count++] = type;
	}
	return excerpt->kernel.at == excerpt->kernel.end ? 0 : -EINVAL;
}

static int want_named(struct excerpt *excerpt)
{
	excerpt->numbers = calloc(excerpt->count, sizeof(*excerpt->numbers));
	excerpt->queue = calloc(excerpt->count, sizeof(*excerpt->queue));
	if (!excerpt->numbers || !excerpt->queue)
		return -ENOMEM;
	for (__u32 i = 0; i < excerpt->count; i++) {
		const struct btf_type *type = excerpt->list[i];
		const char *text;
		size_t length;

		if (!is_named_kind(types_kind(type)))
			continue;
		text = types_name(&excerpt->kernel, type->name_off);
		length = meant_length(text);
		if (length && find_name(excerpt, text, length)->text)
			want(excerpt, i + 1);
	}
	return 0;
}

/* ---- writing ---- */

static __u32 put_name(struct excerpt *excerpt, __u32 place)
{
	const char *name = types_name(&excerpt->kernel, place);
	long at = ftell(excerpt->strings);

	if (!name[0])
		return 0;
	fwrite(name, strlen(name) + 1, 1, excerpt->strings);
	return at;
}

static void put_members(struct excerpt *excerpt, const struct btf_type *type)
{
	const struct btf_member *members = (const void *)(type + 1);

	for (__u32 i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		struct btf_member member = members[i];

		member.name_off = put_name(excerpt, member.name_off);
		member.type = want_held(excerpt, member.type);
		fwrite(&member, sizeof(member), 1, excerpt->types);
	}
}

_Static_assert(!offsetof(struct btf_enum, name_off) && !offsetof(struct btf_enum64, name_off),
	       "a value begins with its name");

/* @size: bytes of one, struct btf_enum or btf_enum64 */
static void put_values(struct excerpt *excerpt, const struct btf_type *type, size_t size)
{
	const __u8 *value = (const void *)(type + 1);

	for (__u32 i = 0; i < BTF_INFO_VLEN(type->info); i++, value += size) {
		__u32 name;

		memcpy(&name, value, sizeof(name));
		name = put_name(excerpt, name);
		fwrite(&name, sizeof(name), 1, excerpt->types);
		fwrite(value + sizeof(name), size - sizeof(name), 1, excerpt->types);
	}
}

static void put_parameters(struct excerpt *excerpt, const struct btf_type *type)
{
	const struct btf_param *parameters = (const void *)(type + 1);

	for (__u32 i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		struct btf_param parameter = { .type = want(excerpt, parameters[i].type) };

		fwrite(&parameter, sizeof(parameter), 1, excerpt->types);
	}
}

static void put_array(struct excerpt *excerpt, const struct btf_type *type)
{
	struct btf_array array = *(const struct btf_array *)(type + 1);

	array.type = want_held(excerpt, array.type);
	array.index_type = want(excerpt, array.index_type);
	fwrite(&array, sizeof(array), 1, excerpt->types);
}

/* Returns 0; -EINVAL: such a one is never part of another. */
static int put_type(struct excerpt *excerpt, const struct btf_type *type)
{
	const __u32 kind = types_kind(type);
	struct btf_type head = *type;

	head.name_off = put_name(excerpt, type->name_off);
	if (is_alias(kind) || kind == BTF_KIND_PTR || kind == BTF_KIND_FUNC_PROTO)
		head.type = want(excerpt, type->type);
	fwrite(&head, sizeof(head), 1, excerpt->types);
	if (is_alias(kind))
		return 0;
	switch (kind) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_FLOAT:
		return 0;
	case BTF_KIND_INT:
		fwrite(type + 1, sizeof(__u32), 1, excerpt->types);
		return 0;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		put_members(excerpt, type);
		return 0;
	case BTF_KIND_ARRAY:
		put_array(excerpt, type);
		return 0;
	case BTF_KIND_ENUM:
		put_values(excerpt, type, sizeof(struct btf_enum));
		return 0;
	case BTF_KIND_ENUM64:
		put_values(excerpt, type, sizeof(struct btf_enum64));
		return 0;
	case BTF_KIND_FUNC_PROTO:
		put_parameters(excerpt, type);
		return 0;
	}
	return -EINVAL;
}

/* Types and their names; what they hold is queued meanwhile. */
static int put_all(struct excerpt *excerpt)
{
	struct btf_type pointer = { .info = BTF_KIND_PTR << 24 };
	int err = 0;

	excerpt->types = open_memstream(&excerpt->types_data, &excerpt->types_bytes);
	excerpt->strings = open_memstream(&excerpt->strings_data, &excerpt->strings_bytes);
	if (!excerpt->types || !excerpt->strings)
		return -ENOMEM;
	fputc('\0', excerpt->strings); /* no name */
	fwrite(&pointer, sizeof(pointer), 1, excerpt->types);
	for (__u32 i = 0; i < excerpt->queued && !err; i++)
		err = put_type(excerpt, excerpt->list[excerpt->queue[i] - 1]);
	if (fflush(excerpt->types) || fflush(excerpt->strings))
		return -ENOMEM;
	return err;
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0)
			return -errno;
		at += n;
		size -= n;
	}
	return 0;
}

static int put_file(const struct excerpt *excerpt)
{
	const struct btf_header head = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(head),
		.type_len = excerpt->types_bytes,
		.str_off = excerpt->types_bytes,
		.str_len = excerpt->strings_bytes,
	};
	_cleanup_close_ int fd = memfd_create("sockwhy-types", MFD_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, &head, sizeof(head));
	if (!err)
		err = write_all(fd, excerpt->types_data, excerpt->types_bytes);
	if (!err)
		err = write_all(fd, excerpt->strings_data, excerpt->strings_bytes);
	return err ? err : take_fd(&fd);
}

static int make(struct excerpt *excerpt, Elf *elf)
{
	struct types object;
	int err = find_object_types(&object, elf);

	if (!err)
		err = add_names(excerpt, &object);
	if (!err)
		err = types_open(&excerpt->kernel);
	if (!err)
		err = list_kernel(excerpt);
	if (!err)
		err = want_named(excerpt);
	if (!err)
		err = put_all(excerpt);
	return err ? err : put_file(excerpt);
}

int excerpt_write(const void *object, size_t size)
{
	struct excerpt excerpt = { .names = calloc(NAMES_ROOM, sizeof(*excerpt.names)) };
	Elf *elf;
	int fd;

	if (!excerpt.names)
		return -ENOMEM;
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)object, size);
	fd = make(&excerpt, elf);
	elf_end(elf);
	if (excerpt.types)
		fclose(excerpt.types);
	if (excerpt.strings)
		fclose(excerpt.strings);
	types_close(&excerpt.kernel);
	free(excerpt.types_data);
	free(excerpt.strings_data);
	free(excerpt.list);
	free(excerpt.numbers);
	free(excerpt.queue);
	free(excerpt.names);
	return fd;
}
