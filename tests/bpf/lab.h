/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lab.h - a network namespace, an agent in it, and the records of that namespace */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "attach/attach.h"
#include "child.h"
#include "event.h"
#include "util/array.h"

#define LAB_RECORDS_MAX 2048
#define LAB_RING_BYTES (1 << 20)
#define CLOSED_PORT 9

struct lab {
	struct attach *attach;
	struct ring_buffer *ring;
	__u32 netns;
	size_t count; /* records of this namespace */
	unsigned char records[LAB_RECORDS_MAX][EVENT_SIZE_MAX];
};

/* Enters a new network namespace with lo up. The one before ends with its last process. */
static inline struct lab *lab_enter(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct stat place;
	int fd;

	assert_non_null(lab);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	assert_int_equal(stat("/proc/self/ns/net", &place), 0);
	lab->netns = place.st_ino;
	return lab;
}

static inline int lab_take(void *ctx, void *data, size_t size)
{
	const struct event_header *header = data;
	struct lab *lab = ctx;

	assert_in_range(size, sizeof(*header), EVENT_SIZE_MAX);
	/* a piece ends with its bytes, wherever the room for it does */
	if (header->kind == EVENT_PIECE)
		assert_in_range(header->size, sizeof(*header), size);
	else
		assert_int_equal(header->size, size);
	assert_in_range(header->kind, 1, EVENT_KERNEL_KIND_COUNT - 1);
	if (header->netns == lab->netns && lab->count < LAB_RECORDS_MAX)
		memcpy(lab->records[lab->count++], data, size);
	return 0;
}

/* Starts an agent, with packets of lo. */
static inline void lab_start(struct lab *lab, struct attach_options options)
{
	__u32 flags = 0;

	if (!options.ring_bytes)
		options.ring_bytes = LAB_RING_BYTES;
	assert_int_equal(attach_open(&lab->attach, &options), 0);
	assert_int_equal(attach_start(lab->attach), 0);
	if (options.packets == PACKETS_TC) {
		assert_int_equal(attach_interface(lab->attach, lab->netns, 1, "lo", &flags), 0);
		assert_int_equal(flags, INTERFACE_F_TC_OUT);
	}
	lab->ring = ring_buffer__new(attach_ring_fd(lab->attach), lab_take, lab, NULL);
	assert_non_null(lab->ring);
}

static inline void lab_drain(struct lab *lab)
{
	assert_true(ring_buffer__consume(lab->ring) >= 0);
}

static inline void lab_leave(struct lab *lab)
{
	ring_buffer__free(lab->ring);
	attach_close(lab->attach);
	free(lab);
}

/* The @nth record (from 0) of this kind in this namespace, NULL none. */
static inline const struct event_header *lab_find(const struct lab *lab, enum event_kind kind,
						  size_t nth)
{
	for (size_t i = 0; i < lab->count; i++) {
		const struct event_header *header = (const void *)lab->records[i];

		if (header->kind == kind && nth-- == 0)
			return header;
	}
	return NULL;
}

static inline size_t lab_count(const struct lab *lab, enum event_kind kind)
{
	size_t count = 0;

	while (lab_find(lab, kind, count))
		count++;
	return count;
}

/* Is the hook of this name attached on this kernel? */
static inline bool lab_has_hook(const struct lab *lab, const char *name)
{
	size_t count;
	const struct attach_hook *hooks = attach_hooks(lab->attach, &count);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(hooks[i].name, name))
			return hooks[i].state == HOOK_ATTACHED;
	return false;
}

/* Runs @act in a child process: the agent leaves its own sockets out. */
static inline pid_t lab_spawn(void (*act)(void))
{
	pid_t pid = child_fork();

	if (pid == 0) {
		act();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static inline pid_t lab_run(void (*act)(void))
{
	pid_t pid = lab_spawn(act);
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return pid;
}

/* ---- steps of such children ---- */

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

static inline struct sockaddr_in at_port(__u16 port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
}

/* A listener on 127.0.0.1. */
static inline int open_listener(__u16 port, int backlog)
{
	struct sockaddr_in address = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	must(listen(fd, backlog) == 0, "listen");
	return fd;
}

/* connect() to 127.0.0.1: 0 or errno; *@fd stays open. */
static inline int try_connect(__u16 port, int type, int *fd)
{
	struct sockaddr_in address = at_port(port);

	*fd = socket(AF_INET, SOCK_STREAM | type, 0);
	must(*fd >= 0, "socket");
	return connect(*fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

static inline void connect_refused(void)
{
	int fd;

	must(try_connect(CLOSED_PORT, 0, &fd) == ECONNREFUSED, "connect");
}
