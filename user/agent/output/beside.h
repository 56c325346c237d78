/* SPDX-License-Identifier: GPL-2.0-or-later */
/* beside.h - a process beside this one, for what who watches may not do behind its fences */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * Theory of operation
 *
 * It is forked before the fences go up and before anything is open, has no capability less than who starts
 * it, and does one thing with each message that it hears. So what can be said to it is little: who
 * takes over the agent gets no program started but those that the command line names. One that talks with
 * others instead (metrics_serve.h) keeps no right that it has no use for. It hears nothing of
 * signals to a terminal's group or a service's, and ends when the agent does, by the end of its socket.
 */

#define BESIDE_MESSAGE_MOST (20 << 10)

struct beside {
	int fd; /* -1: there is none */
	pid_t pid;
};

/*
 * @serve: what that process does, and then it ends: at the latest when it hears an empty message on @fd, which
 * is the end, as is that of the socket. Returns 0 or a negative errno.
 */
int beside_fork(struct beside *beside, void (*serve)(const void *ctx, int fd), const void *ctx);

/* @hear: one message, with a zero behind it, in that process. Returns 0 or a negative errno. */
int beside_open(struct beside *beside, void (*hear)(const void *ctx, char *message),
		const void *ctx);

/* Not waited for: -EAGAIN where it has too much to do. Returns 0 or a negative errno. */
int beside_tell(const struct beside *beside, const char *message, size_t size);

/* What it is doing is awaited, 4 s at most; it goes on by itself then. */
void beside_close(struct beside *beside);
