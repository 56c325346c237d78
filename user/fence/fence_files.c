// SPDX-License-Identifier: GPL-2.0-or-later
/* fence_files.c - which files may still be opened: Landlock */

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fence/fence.h"
#include "util/own.h"

/*
 * What each version of it can refuse (Documentation/userspace-api/landlock.rst); headers of 6.1 know
 * the first two.
 */
#define FS_OF_1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13) /* 2: 5.19 */
#define FS_TRUNCATE (1ull << 14) /* 3: 6.2 */
#define FS_IOCTL_DEV (1ull << 15) /* 5: 6.10 */
#define NET_BIND_CONNECT_TCP 3ull /* 4: 6.7 */
#define SCOPE_ABSTRACT_AND_SIGNAL 3ull /* 6: 6.12 */

#define FS_WRITES                                                       \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |    \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE)

struct ruleset {
	__u64 fs;
	__u64 net;
	__u64 scoped;
};

static int abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool fence_files_known(void)
{
	return abi() > 0;
}

/* A path that is not there is no way out either. */
static int allow(int ruleset, const char *path, __u64 access)
{
	_cleanup_close_ int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	if (fd < 0)
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ?
		       -errno :
		       0;
}

int fence_files_up(const struct fence_plan *plan)
{
	int version = abi();
	const struct ruleset wanted = {
		.fs = FS_OF_1 | (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
		      (version >= 5 ? FS_IOCTL_DEV : 0),
		.net = version >= 4 ? NET_BIND_CONNECT_TCP : 0,
		.scoped = version >= 6 ? SCOPE_ABSTRACT_AND_SIGNAL : 0,
	};
	/* a kernel takes no member that it does not know */
	size_t size = version >= 6 ? sizeof(wanted) :
		      version >= 4 ? 2 * sizeof(__u64) :
				     sizeof(__u64);
	_cleanup_close_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
	int err = ruleset < 0 ? -errno : 0;

	for (size_t i = 0; i < FENCE_FOLDERS_MAX && !err; i++)
		err = allow(ruleset, plan->folders[i], FS_WRITES & wanted.fs);
	for (size_t i = 0; i < FENCE_READS_MAX && !err; i++)
		err = allow(ruleset, plan->reads[i], LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0))
		err = -errno;
	return err;
}
