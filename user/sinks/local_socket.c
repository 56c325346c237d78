// SPDX-License-Identifier: GPL-2.0-or-later
/* local_socket.c - datagrams to a path of this host */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sinks/local_socket.h"
#include "util/own.h"

static int connect_to(struct local_socket *to)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &to->room, sizeof(to->room));
	if (connect(fd, (struct sockaddr *)&to->address, sizeof(to->address)))
		return -errno;
	own_close(&to->fd);
	to->fd = take_fd(&fd);
	return 0;
}

int local_socket_open(struct local_socket *to, const char *path, int room)
{
	*to = (struct local_socket){ .fd = -1, .room = room, .address.sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(to->address.sun_path))
		return -ENAMETOOLONG;
	strcpy(to->address.sun_path, path);
	return connect_to(to);
}

void local_socket_close(struct local_socket *to)
{
	own_close(&to->fd);
	to->fd = -1;
}

static int send_once(const struct local_socket *to, const char *bytes, size_t size)
{
	return send(to->fd, bytes, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int local_socket_send(struct local_socket *to, const char *bytes, size_t size)
{
	struct pollfd wait = { to->fd, POLLOUT, 0 };
	int err = send_once(to, bytes, size);

	if (err == -EAGAIN && poll(&wait, 1, LOCAL_SOCKET_WAIT_MS) > 0)
		err = send_once(to, bytes, size);
	if ((err == -ECONNREFUSED || err == -ENOTCONN || err == -ECONNRESET) && !connect_to(to))
		err = send_once(to, bytes, size);
	return err;
}
