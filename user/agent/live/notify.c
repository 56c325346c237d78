// SPDX-License-Identifier: GPL-2.0-or-later
/* notify.c - tells the service manager that watch is ready, alive, reloading, stopping */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/live/notify.h"
#include "agent/options/options.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

/* A path, or a name of the abstract kind behind an @. Returns a descriptor or a negative errno. */
static int connect_to(const char *name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);

	if (fd < 0)
		return -errno;
	if ((name[0] != '/' && name[0] != '@') || !name[1] || length >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)))
		return -errno;
	return take_fd(&fd);
}

/* Half of what it waits, as sd_watchdog_enabled(3) advises; 0: it does not wait for this process. */
static __u64 watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	const char *end = "";
	__u64 number = 0;

	if (pid && (options_number(pid, &number, &end) || *end || number != (__u64)getpid()))
		return 0;
	if (!usec || options_number(usec, &number, &end) || *end)
		return 0;
	return number < 24 * 3600 * US_PER_S ? number * NS_PER_US / 2 : 0;
}

static void tell(struct notify *notify, const char *what)
{
	/* a manager that does not listen changes nothing here: it will say so itself */
	if (notify->fd >= 0 && send(notify->fd, what, strlen(what), MSG_NOSIGNAL) < 0)
		log_debug("service manager: not told %s", what);
}

struct notify notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify notify = { .fd = -1 };
	int fd;

	if (name && name[0]) {
		fd = connect_to(name);
		if (fd < 0)
			log_error_r(fd, "NOTIFY_SOCKET");
		else
			notify = (struct notify){ .fd = fd, .every_ns = watchdog_ns() };
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return notify;
}

void notify_ready(struct notify *notify)
{
	tell(notify, "READY=1\nSTATUS=Watching connections");
}

void notify_alive(struct notify *notify, __u64 now_ns)
{
	if (!notify->every_ns || now_ns < notify->next_ns)
		return;
	notify->next_ns = now_ns + notify->every_ns;
	tell(notify, "WATCHDOG=1");
}

void notify_reloading(struct notify *notify, __u64 now_ns)
{
	char what[64];

	snprintf(what, sizeof(what), "RELOADING=1\nMONOTONIC_USEC=%llu", now_ns / NS_PER_US);
	tell(notify, what);
}

void notify_stopping(struct notify *notify)
{
	tell(notify, "STOPPING=1");
}

void notify_close(struct notify *notify)
{
	own_close(&notify->fd);
}
