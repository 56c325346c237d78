/* SPDX-License-Identifier: GPL-2.0-or-later */
/* local_socket.h - datagrams to a path of this host: the journal, syslog */
#pragma once

#include <sys/un.h>

#include <stddef.h>

#define LOCAL_SOCKET_WAIT_MS 100

struct local_socket {
	struct sockaddr_un address;
	int fd; /* -1: it is not open */
	int room; /* bytes that may wait to be read, at least */
};

/* @room: as above. Returns 0 or a negative errno; .fd is -1 then. */
int local_socket_open(struct local_socket *to, const char *path, int room);
void local_socket_close(struct local_socket *to);

/*
 * One datagram. Who takes nothing for LOCAL_SOCKET_WAIT_MS costs that one; who was started anew has
 * another socket of that name, which is connected to. Returns 0 or a negative errno.
 */
int local_socket_send(struct local_socket *to, const char *bytes, size_t size);
