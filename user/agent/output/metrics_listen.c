// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_listen.c - --listen: counters for who comes and asks by HTTP */

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/options/behind.h"
#include "agent/output/metrics_listen.h"
#include "agent/output/metrics_serve.h"
#include "util/log.h"
#include "util/own.h"

#define UNIX_PREFIX "unix:"
#define QUEUE_MOST 128 /* of a Unix socket a client that finds it full is refused */

union where {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* ---- the address ---- */

static int parse_port(const char *text, __u16 *port_be)
{
	const char *end;
	__u64 port;

	if (options_number(text, &port, &end) || *end || !port || port > UINT16_MAX)
		return -EINVAL;
	*port_be = htons((__u16)port);
	return 0;
}

/* "9435", "10.0.0.1:9435", "[fd00::1]:9435": no name, for nobody is asked for one */
static int parse_inet(const char *text, union where *where, socklen_t *size)
{
	const char *colon = strrchr(text, ':');
	char address[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	size_t length = colon ? (size_t)(colon - text) : strlen(address);

	if (length >= sizeof(address))
		return -EINVAL;
	if (colon)
		snprintf(address, sizeof(address), "%.*s", (int)length, text);
	memset(where, 0, sizeof(*where));
	if (inet_pton(AF_INET, address, &where->v4.sin_addr) == 1) {
		where->v4.sin_family = AF_INET;
		*size = sizeof(where->v4);
		return parse_port(colon ? colon + 1 : text, &where->v4.sin_port);
	}
	if (address[0] != '[' || address[length - 1] != ']')
		return -EINVAL;
	address[length - 1] = '\0';
	where->v6.sin6_family = AF_INET6;
	*size = sizeof(where->v6);
	return inet_pton(AF_INET6, address + 1, &where->v6.sin6_addr) == 1 ?
		       parse_port(colon + 1, &where->v6.sin6_port) :
		       -EINVAL;
}

static int parse(const char *text, union where *where, socklen_t *size)
{
	const char *path = text + strlen(UNIX_PREFIX);

	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0)
		return parse_inet(text, where, size);
	if (path[0] != '/' || strlen(path) >= sizeof(where->local.sun_path))
		return -EINVAL;
	*where = (union where){ .local.sun_family = AF_UNIX };
	strcpy(where->local.sun_path, path);
	*size = sizeof(where->local);
	return 0;
}

/* ---- the socket ---- */

/* Of an agent that was killed: a socket of this user's at which nobody is. */
static void remove_stale(const union where *where, socklen_t size)
{
	const char *path = where->local.sun_path;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (fd >= 0 && !lstat(path, &status) && S_ISSOCK(status.st_mode) &&
	    status.st_uid == geteuid() && connect(fd, &where->any, size) && errno == ECONNREFUSED)
		unlink(path);
}

/* Returns a descriptor or a negative errno. */
static int open_socket(const union where *where, socklen_t size)
{
	const int on = 1;
	_cleanup_close_ int fd =
		socket(where->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool local = where->any.sa_family == AF_UNIX;

	if (fd < 0)
		return -errno;
	if (local)
		remove_stale(where, size);
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (bind(fd, &where->any, size) || listen(fd, QUEUE_MOST))
		return -errno;
	/* no address and no name is in the counters: as the file of --metrics, they are for everybody */
	if (local && chmod(where->local.sun_path, 0666))
		return -errno;
	return take_fd(&fd);
}

static FILE *open_text(void)
{
	_cleanup_close_ int fd = memfd_create("metrics", MFD_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file)
		take_fd(&fd);
	return file;
}

int metrics_listen_open(struct metrics_listen *listen, const struct options *options)
{
	const struct fence_plan fences = behind_plan_to_serve(options);
	struct serve_plan plan = { .fences = &fences };
	_cleanup_close_ int fd = -1;
	union where where;
	socklen_t size = 0;
	int err;

	*listen = (struct metrics_listen){ .beside.fd = -1 };
	if (!options->listen)
		return 0;
	err = parse(options->listen, &where, &size);
	if (err) {
		log_error_r(err, "--listen %s", options->listen);
		log_hint(
			"a port of this host's loopback, ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH");
		return err;
	}
	listen->text = open_text();
	err = fd = listen->text ? open_socket(&where, size) : -errno;
	if (err >= 0) {
		listen->where = options->listen;
		if (where.any.sa_family == AF_UNIX)
			listen->path = options->listen + strlen(UNIX_PREFIX);
		plan.listening = fd;
		plan.text = fileno(listen->text);
		err = beside_fork(&listen->beside, metrics_serve, &plan);
	}
	if (err)
		return log_error_r(err, "--listen %s", options->listen);
	return 0;
}

int metrics_listen_fd(const struct metrics_listen *listen)
{
	return listen->beside.fd;
}

/* ---- answers ---- */

/* Returns how long it is, or a negative errno. */
static __s64 write_text(FILE *file, const struct counting *counting,
			const struct pipeline *pipeline)
{
	long size;

	rewind(file);
	counting_print(counting, pipeline, file);
	if (fflush(file) || ferror(file))
		return -EIO;
	size = ftell(file);
	return size < 0 ? -errno : size;
}

int metrics_listen_answer(struct metrics_listen *listen, const struct counting *counting,
			  const struct pipeline *pipeline)
{
	char question[8];
	__s64 size;
	__u64 told;

	if (recv(listen->beside.fd, question, sizeof(question), MSG_DONTWAIT) > 0) {
		size = write_text(listen->text, counting, pipeline);
		told = size < 0 ? 0 : (__u64)size; /* 0: there is none */
		if (!beside_tell(&listen->beside, (const char *)&told, sizeof(told)))
			return 0;
	}
	beside_close(&listen->beside);
	return log_error_r(-EPIPE, "--listen %s: nobody answers there any more", listen->where);
}

void metrics_listen_close(struct metrics_listen *listen)
{
	beside_close(&listen->beside);
	if (listen->text)
		fclose(listen->text);
	if (listen->path)
		unlink(listen->path);
	*listen = (struct metrics_listen){ .beside.fd = -1 };
}
