// SPDX-License-Identifier: GPL-2.0-or-later
/* privilege.c - capabilities that came with the program's file */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/log.h"
#include "util/privilege.h"

void privilege_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	/* the kernel sets AT_SECURE when exec() gave more than the caller had (capabilities(7)) */
	if (!getauxval(AT_SECURE))
		return;
	if (syscall(SYS_capset, &head, none))
		log_debug("capabilities: cannot be given up: %s", strerror(errno));
}

int privilege_open(const char *path, int flags)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3],
		none[_LINUX_CAPABILITY_U32S_3];
	int fd, err;

	if (!getauxval(AT_SECURE))
		return open(path, flags);
	if (syscall(SYS_capget, &head, held))
		return -1;
	memcpy(none, held, sizeof(none));
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		none[i].effective = 0; /* what is permitted comes back */
	if (syscall(SYS_capset, &head, none))
		return -1;
	fd = open(path, flags);
	err = errno;
	if (syscall(SYS_capset, &head, held))
		log_debug("capabilities: cannot be taken up again: %s", strerror(errno));
	errno = err;
	return fd;
}
