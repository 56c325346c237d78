// SPDX-License-Identifier: GPL-2.0-or-later
/* healthy.c - connections that are as they should be, or that nobody needs, many of them in a row */

#include <fcntl.h>
#include <poll.h>

#include "fault.h"

/*
 * healthy KIND COUNT ARGUMENT…: prints one JSON line: how many of the COUNT went as they should.
 *
 *   brief, nonblock, hold9, check   ADDRESS PORT   connect, exchange a word with an echo server, close; by poll();
 *                                                  open for 9 ms; close with a reset at once (a health check)
 *   alive                           ADDRESS PORT   COUNT exchanges on one connection
 *   refused                         ADDRESS PORT   connects that are refused
 *   send                            ADDRESS PORT   datagrams one way
 *   sort                            PORT ADDRESS…  a connected datagram socket to each, nothing sent
 *   lookup, visit                   NAME PORT      getaddrinfo(), and connect to the first that works
 */

static bool wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0;

	return poll(&p, 1, 5000) == 1 && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) && !err;
}

static int open_connection(const struct sockaddr_storage *to, bool nonblock)
{
	int fd = socket(to->ss_family, SOCK_STREAM | (nonblock ? SOCK_NONBLOCK : 0), 0);

	if (fd < 0)
		die("socket");
	if (!connect(fd, (const struct sockaddr *)to, sa_len(to)) ||
	    (nonblock && errno == EINPROGRESS && wait_writable(fd))) {
		if (nonblock)
			fcntl(fd, F_SETFL, 0);
		return fd;
	}
	close(fd);
	return -1;
}

static bool say_and_hear(int fd)
{
	char buf[16];

	return send(fd, "word", 4, MSG_NOSIGNAL) == 4 && recv(fd, buf, 4, MSG_WAITALL) == 4;
}

/* Keeps the connection open for 9 ms, waiting for a word that does not come. */
static void idle_9ms(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, 9);
}

static bool one_connection(const char *kind, const struct sockaddr_storage *to)
{
	struct linger zero = { .l_onoff = 1 };
	int fd = open_connection(to, !strcmp(kind, "nonblock"));
	bool good = fd >= 0;

	if (!good)
		return false;
	if (!strcmp(kind, "check"))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
	else if (!strcmp(kind, "hold9"))
		idle_9ms(fd);
	else
		good = say_and_hear(fd);
	close(fd);
	return good;
}

static bool one_refused(const struct sockaddr_storage *to)
{
	int fd = socket(to->ss_family, SOCK_STREAM, 0);
	bool refused =
		connect(fd, (const struct sockaddr *)to, sa_len(to)) && errno == ECONNREFUSED;

	close(fd);
	return refused;
}

static int many(const char *kind, int count, const char *address, int port)
{
	struct sockaddr_storage to = sa_make(address, port);
	int good = 0, fd = -1, i;

	if (!strcmp(kind, "alive"))
		fd = open_connection(&to, false);
	else if (!strcmp(kind, "send"))
		fd = socket(to.ss_family, SOCK_DGRAM, 0);
	for (i = 0; i < count; i++) {
		if (!strcmp(kind, "alive"))
			good += say_and_hear(fd);
		else if (!strcmp(kind, "send"))
			good += sendto(fd, "metric:1|c", 10, 0, (struct sockaddr *)&to,
				       sa_len(&to)) == 10;
		else if (!strcmp(kind, "refused"))
			good += one_refused(&to);
		else
			good += one_connection(kind, &to);
	}
	return good;
}

/* Counts the sockets that could be made and connected or not: the answer is for address sorting only. */
static int sort_addresses(int count, int port, char **addresses)
{
	int good = 0, i;

	while (count-- > 0)
		for (i = 0; addresses[i]; i++) {
			struct sockaddr_storage to = sa_make(addresses[i], port);
			int fd = socket(to.ss_family, SOCK_DGRAM, 0);

			good += !connect(fd, (struct sockaddr *)&to, sa_len(&to)) ||
				errno == ENETUNREACH;
			close(fd);
		}
	return good;
}

/* Resolves @name; with @visit also connects to its addresses in turn until one works. */
static bool look_up(const char *name, const char *port, bool visit)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *ai;
	bool good = false;

	if (getaddrinfo(name, port, &hints, &found))
		return false;
	for (ai = found; ai && !good; ai = ai->ai_next) {
		struct sockaddr_storage to = {};
		int fd;

		memcpy(&to, ai->ai_addr, ai->ai_addrlen);
		fd = visit ? open_connection(&to, false) : -1;
		good = !visit || (fd >= 0 && say_and_hear(fd));
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(found);
	return good;
}

int main(int argc, char **argv)
{
	int count, good = 0, i;

	if (argc < 5) {
		fputs("usage: healthy KIND COUNT ARGUMENT...\n", stderr);
		return 2;
	}
	count = atoi(argv[2]);
	if (!strcmp(argv[1], "sort"))
		good = sort_addresses(count, atoi(argv[3]), argv + 4);
	else if (!strcmp(argv[1], "lookup") || !strcmp(argv[1], "visit"))
		for (i = 0; i < count; i++)
			good += look_up(argv[3], argv[4], argv[1][0] == 'v');
	else
		good = many(argv[1], count, argv[3], atoi(argv[4]));
	print_head(argv[1]);
	printf(",\"good\":%d", good);
	print_tail();
	return 0;
}
