// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wish.c - looks up a name by a resolver that is not glibc's, and exits with 0 where it has addresses
 *
 * wish NAME: getaddrinfo() of the C library it is linked with (musl-gcc), or with -DCARES c-ares. Which servers,
 * how often and for how long says resolv.conf.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#ifdef CARES
#include <ares.h>

static void done(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	(void)timeouts;
	*(int *)arg = status != ARES_SUCCESS;
	ares_freeaddrinfo(found);
}

static int look(const char *name)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
						   .ai_socktype = SOCK_STREAM };
	ares_channel channel;
	int failed = 1;

	if (ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 1;
	ares_getaddrinfo(channel, name, NULL, &hints, done, &failed);
	for (;;) {
		struct timeval left;
		fd_set readable, writable;
		int count;

		FD_ZERO(&readable);
		FD_ZERO(&writable);
		count = ares_fds(channel, &readable, &writable);
		if (!count)
			break;
		select(count, &readable, &writable, NULL, ares_timeout(channel, NULL, &left));
		ares_process(channel, &readable, &writable);
	}
	ares_destroy(channel);
	ares_library_cleanup();
	return failed;
}
#else
static int look(const char *name)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	if (getaddrinfo(name, NULL, &hints, &found))
		return 1;
	freeaddrinfo(found);
	return 0;
}
#endif

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: wish NAME\n");
		return 2;
	}
	return look(argv[1]);
}
