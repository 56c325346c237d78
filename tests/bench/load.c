// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - the loads of `make bench`: each runs for a while and prints how often it went round */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 *   load serve ADDRESS PORT CPU             takes whatever the others bring, until standard input ends
 *   load stream|rr|connect|refused|lookup|getppid ADDRESS PORT CPU MILLISECONDS
 *   load trickle ADDRESS PORT CPU MILLISECONDS      one refused connect a millisecond
 *   load open ADDRESS PORT CPU COUNT        so many connections, held until standard input ends
 *
 * A lookup takes a socket of its own, as those of glibc do. getppid is a system call that has nothing to do
 * with sockets, and goes nowhere.
 *
 * The first byte a client sends says what the server has to do with the connection.
 */

#define STREAM_BYTES (128 * 1024)

static char stream_buffer[STREAM_BYTES];

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	fflush(stdout);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* User and system time of this process so far, microseconds: what a noisy neighbour spoils least. */
static double cpu_us(void)
{
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used))
		die("getrusage");
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec +
	       used.ru_stime.tv_usec;
}

static void say_rate(unsigned long long rounds, double start)
{
	say("{\"per_second\":%.1f,\"count\":%llu,\"cpu_us\":%.0f}\n", rounds / (now_s() - start),
	    rounds, cpu_us());
}

static void run_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
}

static struct addrinfo *address_of(const char *text, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	if (getaddrinfo(text, port, &hints, &found))
		die(text);
	return found;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int dial(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (!connect(fd, to->ai_addr, to->ai_addrlen)) {
		no_delay(fd);
		return fd;
	}
	close(fd);
	return -1;
}

/* Swallows a stream, or echoes single bytes, or goes on: what the first byte asks for. */
static void serve_client(int fd)
{
	char kind;

	no_delay(fd);
	if (recv(fd, &kind, 1, 0) == 1 && kind == 's')
		while (recv(fd, stream_buffer, sizeof(stream_buffer), 0) > 0)
			;
	else if (kind == 'r')
		while (recv(fd, &kind, 1, 0) == 1)
			if (send(fd, &kind, 1, MSG_NOSIGNAL) != 1)
				break;
}

static int serve(const struct addrinfo *at)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = socket(at->ai_family, SOCK_STREAM, 0), .events = POLLIN } };
	int one = 1;

	raise_limits();
	setsockopt(p[1].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p[1].fd, at->ai_addr, at->ai_addrlen) || listen(p[1].fd, 4096))
		die("listen");
	say("ready\n");
	while (poll(p, 2, -1) > 0 && !p[0].revents) {
		char kind = 0;
		int fd = accept(p[1].fd, NULL, NULL);

		if (fd < 0)
			die("accept");
		/* 'c' and 'h' come at once and are done with; the others keep the server busy alone */
		if (recv(fd, &kind, 1, MSG_PEEK) == 1 && kind == 'h')
			continue; /* held open until this process ends */
		serve_client(fd);
		close(fd);
	}
	say("{\"cpu_us\":%.0f}\n", cpu_us());
	return 0;
}

static void stream(const struct addrinfo *to, double seconds)
{
	double start = now_s(), end = start + seconds;
	unsigned long long bytes = 0;
	int fd = dial(to);

	if (fd < 0 || send(fd, "s", 1, 0) != 1)
		die("stream");
	while (now_s() < end) {
		ssize_t n = send(fd, stream_buffer, sizeof(stream_buffer), 0);

		if (n < 0)
			die("send");
		bytes += n;
	}
	say_rate(bytes, start);
	close(fd);
}

static void request_response(const struct addrinfo *to, double seconds)
{
	unsigned long long rounds = 0;
	double start, end;
	int fd = dial(to);
	char byte = 'x';

	if (fd < 0 || send(fd, "r", 1, 0) != 1)
		die("rr");
	start = now_s();
	end = start + seconds;
	while (now_s() < end) {
		int i;

		for (i = 0; i < 100; i++)
			if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
				die("rr");
		rounds += 100;
	}
	say_rate(rounds, start);
	close(fd);
}

static void connect_close(const struct addrinfo *to, double seconds)
{
	double start = now_s(), end = start + seconds;
	unsigned long long rounds = 0;

	while (now_s() < end) {
		int fd = dial(to);
		char byte;

		/* the server closes first, so that our ports are not used up by TIME_WAIT */
		if (fd < 0 || send(fd, "c", 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 0)
			die("connect");
		close(fd);
		rounds++;
	}
	say_rate(rounds, start);
}

static void refused(const struct addrinfo *to, double seconds, bool slowly)
{
	double start = now_s(), end = start + seconds;
	unsigned long long rounds = 0;

	while (now_s() < end) {
		int fd = socket(to->ai_family, SOCK_STREAM, 0);

		if (!connect(fd, to->ai_addr, to->ai_addrlen) || errno != ECONNREFUSED)
			die("refused");
		close(fd);
		rounds++;
		if (slowly)
			poll(NULL, 0, 1);
	}
	say_rate(rounds, start);
}

/* A name that the server knows; its answer has the question's number and an address. */
static void look_up(const struct addrinfo *to, double seconds)
{
	static const unsigned char question[] = "\0\0\1\0\0\1\0\0\0\0\0\0"
						"\5bench\4test\0\0\1\0\1";
	double start = now_s(), end = start + seconds;
	unsigned long long rounds = 0;
	unsigned char query[sizeof(question) - 1], answer[512];

	memcpy(query, question, sizeof(query));
	while (now_s() < end) {
		int fd = socket(to->ai_family, SOCK_DGRAM, 0);
		ssize_t n;

		query[0] = rounds >> 8;
		query[1] = rounds;
		if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) ||
		    send(fd, query, sizeof(query), 0) != sizeof(query))
			die("lookup");
		n = recv(fd, answer, sizeof(answer), 0);
		if (n < (ssize_t)sizeof(query) || memcmp(answer, query, 2) || !answer[7])
			die("answer");
		close(fd);
		rounds++;
	}
	say_rate(rounds, start);
}

static void call_nobody(double seconds)
{
	double start = now_s(), end = start + seconds;
	unsigned long long rounds = 0;

	while (now_s() < end) {
		int i;

		for (i = 0; i < 1000; i++)
			syscall(SYS_getppid);
		rounds += 1000;
	}
	say_rate(rounds, start);
}

static void hold_open(const struct addrinfo *to, int count)
{
	char c;
	int i;

	raise_limits();
	for (i = 0; i < count; i++) {
		int fd = dial(to);

		if (fd < 0 || send(fd, "h", 1, 0) != 1)
			die("open");
	}
	say("{\"open\":%d}\n", count);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	const struct addrinfo *there;
	double seconds;

	if (argc < 5) {
		fputs("usage: load serve|stream|rr|connect|refused|lookup|getppid|trickle|open ADDRESS PORT CPU [MS|COUNT]\n",
		      stderr);
		return 2;
	}
	there = address_of(argv[2], argv[3]);
	seconds = argc > 5 ? atof(argv[5]) / 1e3 : 1;
	run_on(atoi(argv[4]));
	if (!strcmp(argv[1], "serve"))
		return serve(there);
	if (!strcmp(argv[1], "stream"))
		stream(there, seconds);
	else if (!strcmp(argv[1], "rr"))
		request_response(there, seconds);
	else if (!strcmp(argv[1], "connect"))
		connect_close(there, seconds);
	else if (!strcmp(argv[1], "refused"))
		refused(there, seconds, false);
	else if (!strcmp(argv[1], "lookup"))
		look_up(there, seconds);
	else if (!strcmp(argv[1], "getppid"))
		call_nobody(seconds);
	else if (!strcmp(argv[1], "trickle"))
		refused(there, seconds, true);
	else if (!strcmp(argv[1], "open"))
		hold_open(there, atoi(argv[5]));
	return 0;
}
