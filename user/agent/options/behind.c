// SPDX-License-Identifier: GPL-2.0-or-later
/* behind.c - which fences a command works behind */

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "agent/options/behind.h"
#include "util/array.h"
#include "util/log.h"
#include "util/text.h"

#define SERVICES_PATH "/etc/services" /* names of ports in a filter: util/no_resolver.c */

#define CAPABILITY(name) (1ull << (name))

/* What doctor names, and the unit's CapabilityBoundingSet=. */
#define CAPABILITIES_LIVE                                                            \
	(CAPABILITY(CAP_BPF) | CAPABILITY(CAP_PERFMON) | CAPABILITY(CAP_NET_ADMIN) | \
	 CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_SYS_PTRACE) |                    \
	 CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_SYSLOG))

int behind_check(const struct options *options)
{
	char names[160];
	struct text text = text_of(names);

	for (enum fence fence = 0; fence < FENCE_COUNT; fence++)
		text_add(&text, "%s%s", fence ? ", " : "", fence_name(fence));
	for (size_t i = 0; i < options->no_fences.count; i++) {
		if (fence_find(options->no_fences.at[i]) != FENCE_COUNT)
			continue;
		log_error("--no-fence %s: there is no such fence", options->no_fences.at[i]);
		log_hint("there are %s", names);
		return -EINVAL;
	}
	return 0;
}

/* Its folder, in @room; "." without a slash. */
static const char *folder_of(const char *path, char room[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(room, PATH_MAX, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	return room;
}

/* Where --rotate makes files of what is read. */
static void open_folders(struct fence_plan *plan, const struct options *options,
			 char rooms[2][PATH_MAX])
{
	const char *const files[] = { options->output, options->write };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && options->rotate_bytes; i++)
		if (files[i] && strcmp(files[i], "-") != 0)
			plan->folders[count++] = folder_of(files[i], rooms[i]);
	/* as nobody it could make none */
	if (count)
		plan->without |= BIT(FENCE_USER);
}

static __u32 unwanted(const struct options *options)
{
	__u32 without = 0;

	for (size_t i = 0; i < options->no_fences.count; i++)
		without |= BIT(fence_find(options->no_fences.at[i]));
	return without;
}

struct fence_plan behind_plan_to_serve(const struct options *options)
{
	return (struct fence_plan){ .without = unwanted(options), .serves = true };
}

int behind_fences(const struct options *options, bool live)
{
	struct fence_plan plan = {
		.without = unwanted(options),
		.live = live,
		.signals = options->command == COMMAND_RUN,
		.terminal = options->command == COMMAND_TOP,
		.capabilities = live ? CAPABILITIES_LIVE : 0,
	};
	char rooms[2][PATH_MAX];
	size_t reads = 0;

	if (options->expression)
		plan.reads[reads++] = SERVICES_PATH;
	if (options->uids.count) {
		plan.reads[reads++] = "/etc/passwd"; /* user.c */
		plan.reads[reads++] = "/etc/group";
	}
	if (options->command == COMMAND_RUN)
		plan.capabilities |= CAPABILITY(CAP_KILL);
	if (!live)
		open_folders(&plan, options, rooms);
	/* of files that are made while it goes on their folders may be another user's */
	if (options->rotate_bytes || options->metrics || options->listen || options->flight_bytes ||
	    (live && (options->output || options->write || options->record)))
		plan.capabilities |= CAPABILITY(CAP_DAC_OVERRIDE);
	return fence_up(&plan);
}
