// SPDX-License-Identifier: GPL-2.0-or-later
/* features.c - questions to the running kernel */
#include "attach/features.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util/types.h"

#define NAME_SIZE 48 /* longer names are cut, when they are kept and when they are asked for */

struct feature {
	__u32 kind;
	__u32 id;
	char name[NAME_SIZE];
};

static int compare_features(const void *left, const void *right)
{
	const struct feature *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_asked_for(__u32 kind, const char *name)
{
	switch (kind) {
	case BTF_KIND_TYPEDEF:
		return starts_with(name, "btf_trace_");
	case BTF_KIND_FUNC:
		return starts_with(name, "bpf_") || starts_with(name, FEATURES_SYSCALL);
	case BTF_KIND_STRUCT:
		return starts_with(name, "tcx_") || strcmp(name, "io_cqe") == 0;
	case BTF_KIND_ENUM:
		return starts_with(name, "sk_rst_");
	}
	return false;
}

static int add_name(struct features *features, __u32 kind, __u32 id, const char *name)
{
	struct feature *feature;

	if (features->count == features->room) {
		size_t room = features->room ? features->room * 2 : 2048;
		struct feature *list = reallocarray(features->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		features->list = list;
		features->room = room;
	}
	feature = &features->list[features->count++];
	feature->kind = kind;
	feature->id = id;
	snprintf(feature->name, sizeof(feature->name), "%s", name);
	return 0;
}

/* Helpers are the values of one enum: a kind of our own. */
#define KIND_HELPER 0xff

static int add_helpers(struct features *features, const struct types *types,
		       const struct btf_type *type)
{
	const struct btf_enum *value = (const void *)(type + 1);
	int err = 0;

	for (__u32 i = 0; i < BTF_INFO_VLEN(type->info) && !err; i++, value++)
		err = add_name(features, KIND_HELPER, 0, types_name(types, value->name_off));
	return err;
}

static int add_all(struct features *features, struct types *types)
{
	const struct btf_type *type;
	int err = 0;

	while (!err && (type = types_next(types))) {
		const __u32 kind = types_kind(type);
		const char *name;

		if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_FUNC && kind != BTF_KIND_STRUCT &&
		    kind != BTF_KIND_ENUM)
			continue;
		name = types_name(types, type->name_off);
		if (is_asked_for(kind, name))
			err = add_name(features, kind, types->id, name);
		else if (kind == BTF_KIND_ENUM && strcmp(name, "bpf_func_id") == 0)
			err = add_helpers(features, types, type);
	}
	return err;
}

int features_open(struct features *features)
{
	struct types types;
	int err = types_open(&types);

	memset(features, 0, sizeof(*features));
	if (err)
		return err == -ENOENT ? -ENOTSUP : err;
	err = add_all(features, &types);
	types_close(&types);
	if (err)
		features_close(features);
	else if (features->count)
		qsort(features->list, features->count, sizeof(*features->list), compare_features);
	return err;
}

void features_close(struct features *features)
{
	free(features->list);
	memset(features, 0, sizeof(*features));
}

static const struct feature *find(const struct features *features, __u32 kind, const char *name)
{
	struct feature key = { .kind = kind };

	snprintf(key.name, sizeof(key.name), "%s", name);
	return features->count ? bsearch(&key, features->list, features->count,
					 sizeof(*features->list), compare_features) :
				 NULL;
}

static bool has_name(const struct features *features, __u32 kind, const char *name)
{
	return find(features, kind, name) != NULL;
}

__u32 features_function_id(const struct features *features, const char *name)
{
	const struct feature *feature = find(features, BTF_KIND_FUNC, name);

	return feature ? feature->id : 0;
}

bool features_has_typedef(const struct features *features, const char *name)
{
	return has_name(features, BTF_KIND_TYPEDEF, name);
}

bool features_has_struct(const struct features *features, const char *name)
{
	return has_name(features, BTF_KIND_STRUCT, name);
}

bool features_has_enum(const struct features *features, const char *name)
{
	return has_name(features, BTF_KIND_ENUM, name);
}

bool features_has_function(const struct features *features, const char *name)
{
	return has_name(features, BTF_KIND_FUNC, name);
}

bool features_has_helper(const struct features *features, const char *name)
{
	return has_name(features, KIND_HELPER, name);
}

__u32 features_kernel_version(void)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return major << 16 | minor << 8 | (patch < 255 ? patch : 255);
}

bool features_has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[capability / 32].effective >> capability % 32 & 1;
}

bool features_counts_locked_memory(void)
{
	return features_kernel_version() < KERNEL(5, 11);
}
