// SPDX-License-Identifier: GPL-2.0-or-later
/* beside.c - a process beside this one, for what who watches may not do behind its fences */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/output/beside.h"
#include "util/array.h"
#include "util/log.h"

#define CLOSE_MOST_MS 4000
#define NICER 10

/* What a terminal tells its group, or a manager its service, is for the agent alone. */
static void become_quiet(void)
{
	static const int unheard[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < ARRAY_SIZE(unheard); i++)
		signal(unheard[i], SIG_IGN);
	errno = 0;
	if (nice(NICER) == -1 && errno)
		log_debug("nice: %s", strerror(errno));
}

int beside_fork(struct beside *beside, void (*serve)(const void *ctx, int fd), const void *ctx)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	beside->pid = fork();
	if (!beside->pid) {
		close(fds[0]);
		become_quiet();
		serve(ctx, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (beside->pid < 0) {
		int err = -errno;

		close(fds[0]);
		return err;
	}
	beside->fd = fds[0];
	return 0;
}

struct hearer {
	void (*hear)(const void *ctx, char *message);
	const void *ctx;
};

static void hear_all(const void *ctx, int fd)
{
	const struct hearer *hearer = ctx;
	char message[BESIDE_MESSAGE_MOST + 1];
	ssize_t size;

	while ((size = recv(fd, message, BESIDE_MESSAGE_MOST, 0)) > 0) {
		message[size] = '\0';
		hearer->hear(hearer->ctx, message);
	}
}

int beside_open(struct beside *beside, void (*hear)(const void *ctx, char *message),
		const void *ctx)
{
	const struct hearer hearer = { hear, ctx };

	return beside_fork(beside, hear_all, &hearer);
}

int beside_tell(const struct beside *beside, const char *message, size_t size)
{
	if (size > BESIDE_MESSAGE_MOST)
		return -EMSGSIZE;
	return send(beside->fd, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

void beside_close(struct beside *beside)
{
	struct pollfd end = { .fd = beside->fd };

	if (beside->fd < 0)
		return;
	if (!beside_tell(beside, "", 0))
		poll(&end, 1, CLOSE_MOST_MS); /* it hangs up */
	close(beside->fd);
	beside->fd = -1;
	waitpid(beside->pid, NULL, WNOHANG);
}
