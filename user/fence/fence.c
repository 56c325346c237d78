// SPDX-License-Identifier: GPL-2.0-or-later
/* fence.c - who this process is, and which fences it puts up */

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fence/fence.h"
#include "util/array.h"
#include "util/log.h"

#define NOBODY \
	65534 /* the kernel's own overflow uid, and what passwd(5) of every distribution has */

static int become_nobody(const struct fence_plan *plan)
{
	(void)plan;
	if (geteuid() && getuid())
		return 0;
	/* of the kernel, not of the C library, which would tell threads that are not there */
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) ||
	    syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY))
		return -errno;
	return 0;
}

static int keep_capabilities(const struct fence_plan *plan)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	/* what it may never have again, also by a file's: needs CAP_SETPCAP, and is not needed */
	for (int number = 0; number <= CAP_LAST_CAP; number++)
		if (!(plan->capabilities & 1ull << number))
			prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		data[i].permitted &= (__u32)(plan->capabilities >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

static int gain_nothing(const struct fence_plan *plan)
{
	(void)plan;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

static bool always_known(void)
{
	return true;
}

/* In this order: who is nobody needs the right to become it, and a filter refuses the rest. */
static const struct {
	const char *name;
	const char *what;
	bool live, files; /* where it is put up */
	bool (*known)(void);
	const char *missing;
	int (*up)(const struct fence_plan *plan);
} rows[FENCE_COUNT] = {
	[FENCE_USER] = { "user", "reads files as nobody, where root began", false, true,
			 always_known, "", become_nobody },
	[FENCE_CAPABILITIES] = { "capabilities",
				 "keeps those that watching needs, and none to read", true, true,
				 always_known, "", keep_capabilities },
	[FENCE_PRIVILEGES] = { "privileges", "gains none by a program that it would start", true,
			       true, always_known, "", gain_nothing },
	[FENCE_FILES] = { "files", "opens none but its own, and reaches no network (Landlock)",
			  false, true, fence_files_known,
			  "this kernel has no Landlock, or it is off", fence_files_up },
	[FENCE_SYSCALLS] = { "syscalls", "calls of the kernel what it needs (seccomp)", true, true,
			     fence_syscalls_known, "this kernel has no seccomp filters",
			     fence_syscalls_up },
};

const char *fence_name(enum fence fence)
{
	return rows[fence].name;
}

const char *fence_what(enum fence fence)
{
	return rows[fence].what;
}

const char *fence_missing(enum fence fence)
{
	return rows[fence].known() ? NULL : rows[fence].missing;
}

enum fence fence_find(const char *name)
{
	enum fence fence = 0;

	while (fence < FENCE_COUNT && strcmp(rows[fence].name, name) != 0)
		fence++;
	return fence;
}

int fence_up(const struct fence_plan *plan)
{
	/* read from files, once and now */
	tzset();
	for (enum fence fence = 0; fence < FENCE_COUNT; fence++) {
		int err;

		if ((plan->without & BIT(fence)) ||
		    !(plan->live ? rows[fence].live : rows[fence].files) || !rows[fence].known())
			continue;
		err = rows[fence].up(plan);
		if (err == -EPERM ||
		    err == -EINVAL) /* no such user, or no such right, in a container */
			log_debug("fence %s: cannot be put up: %s", rows[fence].name,
				  strerror(-err));
		else if (err)
			return log_error_r(err, "fence %s", rows[fence].name);
	}
	return 0;
}
