// SPDX-License-Identifier: GPL-2.0-or-later
/* names.c - names of the running kernel's numbers: reasons and symbols */

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "collect/collect.h"
#include "collect/tell.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/types.h"

/*
 * Every kernel numbers the reasons anew, so that only its own BTF can name them. Subsystems keep
 * enums of their own, whose values have the subsystem in the upper half (7.1: qdisc).
 */
static const struct reason_enum {
	const char *name;
	const char *prefix; /* left out of the name … */
	const char *instead; /* … and what stands there: one name on every kernel */
	enum event_name_space space;
} reason_enums[] = {
	{ "skb_drop_reason", "SKB_DROP_REASON_", "", NAME_DROP_REASON },
	{ "sk_rst_reason", "SK_RST_REASON_", "", NAME_RESET_REASON },
	{ "qdisc_drop_reason", "QDISC_DROP_", "QDISC_", NAME_DROP_REASON },
	{ "mac80211_drop_reason", "", "", NAME_DROP_REASON },
	{ "ovs_drop_reason", "", "", NAME_DROP_REASON },
};

#define SYMBOL_BYTES_MAX (1 << 20) /* farther behind a symbol is nobody's code */

struct names {
	const struct record_sink *sink;
	void (*each_drop)(void *ctx, __u32 value, const char *name);
	void *ctx;
};

static int tell_name(const struct record_sink *sink, enum event_name_space space, __u64 value,
		     const char *text)
{
	struct ev_name body = { .value = value, .space = space };

	tell_copy(body.text, text, sizeof(body.text));
	return tell(sink, EVENT_NAME, NULL, &body, sizeof(body));
}

/* Ends and masks of an enum are no reasons. */
static bool is_reason(const char *name)
{
	size_t length = strlen(name);

	if (length >= 4 && !strcmp(name + length - 4, "_MAX"))
		return false;
	return !strstr(name, "SUBSYS_MASK") && name[0] != '_';
}

static int tell_reason(const struct names *names, const struct reason_enum *what, __u32 value,
		       const char *name)
{
	size_t prefix = strlen(what->prefix);
	char text[sizeof(((struct ev_name *)NULL)->text)];

	if (!is_reason(name))
		return 0;
	if (prefix && !strncmp(name, what->prefix, prefix)) {
		snprintf(text, sizeof(text), "%s%s", what->instead, name + prefix);
		name = text;
	}
	if (what->space == NAME_DROP_REASON && names->each_drop)
		names->each_drop(names->ctx, value, name);
	return tell_name(names->sink, what->space, value, name);
}

static int tell_enum(const struct names *names, const struct types *types,
		     const struct btf_type *type, const struct reason_enum *what)
{
	const struct btf_enum *rows = (const void *)(type + 1);
	int err = 0;

	for (__u32 i = 0; i < BTF_INFO_VLEN(type->info) && err >= 0; i++)
		err = tell_reason(names, what, (__u32)rows[i].val,
				  types_name(types, rows[i].name_off));
	return err;
}

static const struct reason_enum *reason_enum_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reason_enums); i++)
		if (!strcmp(reason_enums[i].name, name))
			return &reason_enums[i];
	return NULL;
}

int host_tell_names(const struct record_sink *sink,
		    void (*each_drop)(void *ctx, __u32 value, const char *name), void *ctx)
{
	const struct names names = { sink, each_drop, ctx };
	const struct btf_type *type;
	struct types types;
	int err = types_open(&types);

	if (err)
		return log_error_r(err, "BTF of the running kernel");
	/* Reset reasons begin with 6.10, drop reasons with 5.17: absent is no error. */
	while (err >= 0 && (type = types_next(&types))) {
		const struct reason_enum *what = NULL;

		if (types_kind(type) == BTF_KIND_ENUM)
			what = reason_enum_of(types_name(&types, type->name_off));
		if (what)
			err = tell_enum(&names, &types, type, what);
	}
	types_close(&types);
	malloc_trim(0); /* 5 MB of the loader, in small pieces: give them back */
	return err < 0 ? err : 0;
}

/*
 * The symbol whose code holds @address. /proc/kallsyms is made line by line while it is read, some
 * 60 ms for all: ask once an address, and only for what is shown.
 */
int host_tell_symbol(const struct record_sink *sink, __u64 address)
{
	_cleanup_file_ FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long at, best = 0;
	char line[512], kind, name[256], best_name[256];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %c %255s", &at, &kind, name) != 3)
			continue;
		if (!strchr("tTwW", kind) || at > address || at <= best)
			continue;
		best = at;
		memcpy(best_name, name, sizeof(best_name));
	}
	/* All zero without CAP_SYSLOG (kptr_restrict): then nothing is found. */
	if (!best || address - best > SYMBOL_BYTES_MAX)
		return -ENOENT;
	return tell_name(sink, NAME_SYMBOL, address, best_name);
}
