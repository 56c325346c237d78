// SPDX-License-Identifier: GPL-2.0-or-later
/* privilege.c - capabilities that came with the program's file */

#include <errno.h>
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
