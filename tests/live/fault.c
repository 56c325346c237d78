// SPDX-License-Identifier: GPL-2.0-or-later
/* fault.c - make one kind of connection attempt precisely and say what the application saw */

#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "fault.h"

/*
 * Every sub-command prints JSON lines on standard output: one that says it is ready where somebody must wait for it
 * ("listening", "holding"), and one with what the application saw. With -k the program keeps its sockets until
 * standard input ends, so that a test decides when they go.
 */

#define MAX_SOCKETS 1024
#define MAX_ADDRS 16

struct options {
	const char *source;
	int source_port;
	int timeout_ms; /* give up (poll) after so long; -1 waits for ever */
	int sndtimeo_ms;
	int user_timeout_ms;
	int interrupt_ms; /* a signal handler runs so long after connect() began */
	int count;
	int backlog;
	int send_bytes;
	int uid;
	int fallback_port;
	int family; /* of the socket, whatever the address */
	const char *mode;
	const char *name; /* of this process, as the kernel keeps it */
	bool nonblock, hold, reuseaddr, reuseport, v6only, linger0, twice, leave, answer, defer;
};

static void set_opt(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("setsockopt");
}

static void set_linger0(int fd)
{
	struct linger zero = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero)))
		die("SO_LINGER");
}

/* One that cannot be had is all that there is to tell. */
static int socket_open(const struct options *o, int family)
{
	int fd = socket(o->family ? o->family : family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		struct result res = { .err = errno };

		print_result("socket", &res);
		exit(0);
	}
	if (o->reuseaddr)
		set_opt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (o->reuseport)
		set_opt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (o->v6only && family == AF_INET6)
		set_opt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (o->user_timeout_ms)
		set_opt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o->user_timeout_ms);
	if (o->sndtimeo_ms) {
		struct timeval tv = { o->sndtimeo_ms / 1000, o->sndtimeo_ms % 1000 * 1000 };

		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
			die("SO_SNDTIMEO");
	}
	if (o->nonblock && fcntl(fd, F_SETFL, O_NONBLOCK))
		die("O_NONBLOCK");
	return fd;
}

/* Binds as -s and -p ask. Returns 0 or an errno. */
static int socket_bind_source(const struct options *o, int fd, int family)
{
	struct sockaddr_storage ss;

	if (!o->source && !o->source_port)
		return 0;
	ss = sa_make(o->source ? o->source : family == AF_INET6 ? "::" : "0.0.0.0", o->source_port);
	return bind(fd, (struct sockaddr *)&ss, sa_len(&ss)) ? errno : 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupt_after(int ms)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct itimerval it = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	if (sigaction(SIGALRM, &sa, NULL) || setitimer(ITIMER_REAL, &it, NULL))
		die("setitimer");
}

/*
 * The result of a connection under way on @fd; gave_up when @timeout_ms passed first. An ICMP error
 * stands in the error queue, which wakes poll(), a moment before it becomes the error of the socket
 * (tcp_v4_err() and tcp_v6_err(), since 5.10): whoever looks from another CPU finds none yet, of a
 * socket that is not connected either. Then it looks again. What waits in the queue stays there:
 * taking it would clear the error.
 */
static void await_connected(int fd, int timeout_ms, struct result *res)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct sockaddr_storage peer;
	socklen_t len;
	int n;

	do {
		do
			n = poll(&p, 1, timeout_ms);
		while (n < 0 && errno == EINTR);
		if (n == 0) {
			res->gave_up = true;
			res->err = 0;
			return;
		}
		len = sizeof(res->err);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &res->err, &len))
			die("SO_ERROR");
		len = sizeof(peer);
	} while (!res->err && (p.revents & POLLERR) &&
		 getpeername(fd, (struct sockaddr *)&peer, &len));
}

static void connect_once(const struct options *o, int fd, const struct sockaddr_storage *to,
			 struct result *res)
{
	socklen_t len = sizeof(res->local);
	double start = now_ms();

	memset(res, 0, sizeof(*res));
	res->remote = *to;
	if (o->interrupt_ms)
		interrupt_after(o->interrupt_ms);
	res->first_err = connect(fd, (const struct sockaddr *)to, sa_len(to)) ? errno : 0;
	res->err = res->first_err;
	getsockname(fd, (struct sockaddr *)&res->local, &len);
	if (res->err == EINTR || (o->nonblock && res->err == EINPROGRESS))
		await_connected(fd, o->timeout_ms, res);
	else if (res->err == EINPROGRESS) /* SO_SNDTIMEO on a blocking socket */
		res->gave_up = true;
	res->ms = now_ms() - start;
}

static void exchange(const struct options *o, int fd)
{
	char buf[4096] = "ping";
	int left;

	for (left = o->send_bytes; left > 0;) {
		ssize_t n = send(fd, buf, left < (int)sizeof(buf) ? left : (int)sizeof(buf),
				 MSG_NOSIGNAL);

		if (n < 0)
			return;
		left -= n;
	}
	if (o->answer)
		while (recv(fd, buf, sizeof(buf), 0) > 0)
			;
}

/* connect ADDRESS PORT: -n times on one socket; the last result decides the exit status. */
static int cmd_connect(struct options *o, char **argv)
{
	struct sockaddr_storage to = sa_make(argv[0], atoi(argv[1]));
	int fd = socket_open(o, to.ss_family);
	struct result res = { .remote = to };
	int i;

	res.err = socket_bind_source(o, fd, to.ss_family);
	if (res.err) {
		print_result("bind", &res);
		return 0;
	}
	for (i = 0; i < o->count; i++) {
		connect_once(o, fd, &to, &res);
		if (!res.err && !res.gave_up && !o->nonblock)
			exchange(o, fd);
		print_result("connect", &res);
	}
	if (o->hold)
		hold_until_told();
	if (o->leave)
		_exit(0);
	if (o->linger0)
		set_linger0(fd);
	close(fd);
	return 0;
}

/* Whether there are sockets of that family; else that is told. */
static bool has_family(int family, struct result *res)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	res->err = fd < 0 ? errno : 0;
	if (fd < 0)
		print_result("socket", res);
	else
		close(fd);
	return fd >= 0;
}

/* fallback PORT ADDRESS…: one after the other, each with the time-out -t, the first that works is used. */
static int cmd_fallback(struct options *o, char **argv)
{
	int port = atoi(argv[0]), i;

	o->nonblock = o->timeout_ms >= 0;
	for (i = 1; argv[i]; i++) {
		struct sockaddr_storage to = sa_make(argv[i], port);
		struct result res = { .remote = to };
		int fd;

		if (argv[i + 1] && !has_family(to.ss_family, &res))
			continue;
		fd = socket_open(o, to.ss_family);
		connect_once(o, fd, &to, &res);
		print_result("connect", &res);
		close(fd);
		if (!res.err && !res.gave_up)
			break;
	}
	return 0;
}

/* fallbind PORT ADDRESS…: listens on the first of the addresses that can be bound. */
static int cmd_fallbind(struct options *o, char **argv)
{
	int i;

	for (i = 1; argv[i]; i++) {
		struct result res = { .remote = sa_make(argv[i], atoi(argv[0])) };
		int fd = socket_open(o, res.remote.ss_family);

		res.err = bind(fd, (struct sockaddr *)&res.remote, sa_len(&res.remote)) ? errno : 0;
		if (!res.err)
			res.err = listen(fd, 1) ? errno : 0;
		print_result("bind", &res);
		if (!res.err)
			break;
		close(fd);
	}
	return 0;
}

struct race {
	struct pollfd sockets[MAX_ADDRS];
	struct result results[MAX_ADDRS];
	int begun, open, winner;
};

static void race_begin(struct race *race, const struct options *o, const char *address, int port)
{
	struct result *res = &race->results[race->begun];
	struct pollfd *p = &race->sockets[race->begun++];

	*res = (struct result){ .remote = sa_make(address, port) };
	*p = (struct pollfd){ .fd = socket_open(o, res->remote.ss_family), .events = POLLOUT };
	res->ms = now_ms();
	if (connect(p->fd, (struct sockaddr *)&res->remote, sa_len(&res->remote)))
		res->first_err = errno;
	race->open++;
}

/* Looks at the sockets that poll() woke us for: the first that is connected wins, failures are told. */
static void race_look(struct race *race)
{
	int i;

	for (i = 0; i < race->begun; i++) {
		struct result *res = &race->results[i];
		struct pollfd *p = &race->sockets[i];
		socklen_t len = sizeof(res->err);

		if (p->fd < 0 || !(p->revents & (POLLOUT | POLLERR | POLLHUP)))
			continue;
		getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &res->err, &len);
		if (!res->err && res->first_err != EINPROGRESS)
			res->err = res->first_err;
		res->ms = now_ms() - res->ms;
		if (!res->err && race->winner < 0)
			race->winner = i;
		if (!res->err)
			continue;
		print_result("connect", res);
		close(p->fd);
		p->fd = -1;
		race->open--;
	}
}

/* race PORT ADDRESS…: Happy Eyeballs: the next begins 250 ms after the one before or when that fails; first wins. */
static int cmd_race(struct options *o, char **argv)
{
	struct race race = { .winner = -1 };
	int port = atoi(argv[0]), i;

	o->nonblock = true;
	while (race.winner < 0 && (argv[1 + race.begun] || race.open)) {
		if (argv[1 + race.begun] && race.begun < MAX_ADDRS)
			race_begin(&race, o, argv[1 + race.begun], port);
		poll(race.sockets, race.begun, argv[1 + race.begun] ? 250 : o->timeout_ms);
		race_look(&race);
	}
	for (i = 0; i < race.begun; i++)
		if (race.sockets[i].fd >= 0)
			close(race.sockets[i].fd);
	if (race.winner >= 0)
		print_result("winner", &race.results[race.winner]);
	return 0;
}

/* bind ADDRESS PORT: and listen with -b; -m late: listens only when told; -T: binds twice; -f: another port after. */
static int cmd_bind(struct options *o, char **argv)
{
	int port = atoi(argv[1]), fd, err, tries = 1 + !!o->fallback_port, i;
	socklen_t len = sizeof(struct sockaddr_storage);

	for (i = 0; i < tries; i++) {
		struct result res = {};

		res.remote = sa_make(argv[0], i ? o->fallback_port : port);
		fd = socket_open(o, res.remote.ss_family);
		err = bind(fd, (struct sockaddr *)&res.remote, sa_len(&res.remote)) ? errno : 0;
		if (!err && o->twice)
			err = bind(fd, (struct sockaddr *)&res.remote, sa_len(&res.remote)) ?
				      errno :
				      0;
		res.err = res.first_err = err;
		getsockname(fd, (struct sockaddr *)&res.local, &len);
		if (!err && !strcmp(o->mode, "late")) {
			print_result("bind", &res);
			hold_until_told();
		}
		if (!err && o->backlog >= 0) {
			res.err = listen(fd, o->backlog) ? errno : 0;
			print_result("listen", &res);
		} else {
			print_result("bind", &res);
		}
		if (!res.err)
			break;
	}
	if (o->hold)
		hold_until_told();
	return 0;
}

/* One accepted connection as -m says; returns true while it is to be kept open. */
static bool serve_one(const struct options *o, int fd)
{
	if (!strcmp(o->mode, "linger0"))
		set_linger0(fd);
	if (!strcmp(o->mode, "hello") && send(fd, "hello", 5, MSG_NOSIGNAL) < 0)
		return false;
	return !strcmp(o->mode, "keep") || !strcmp(o->mode, "echo") || !strcmp(o->mode, "leak");
}

/* serve ADDRESS PORT: -m never (accepts nothing), close, linger0, hello, keep, echo, leak (never closes); ends with
 * standard input. */
static int cmd_serve(struct options *o, char **argv)
{
	struct pollfd p[MAX_SOCKETS] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	struct result res = { .remote = sa_make(argv[0], atoi(argv[1])) };
	bool accepts = strcmp(o->mode, "never") != 0;
	socklen_t len = sizeof(res.local);
	int n = 2, i;

	p[1].fd = socket_open(o, res.remote.ss_family);
	p[1].events = POLLIN;
	if (bind(p[1].fd, (struct sockaddr *)&res.remote, sa_len(&res.remote)) ||
	    listen(p[1].fd, o->backlog < 0 ? 128 : o->backlog))
		die("listen");
	if (o->defer)
		set_opt(p[1].fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 10);
	getsockname(p[1].fd, (struct sockaddr *)&res.local, &len);
	print_result("listening", &res);
	while (poll(p, accepts ? n : 1, -1) > 0 && !p[0].revents) {
		if (p[1].revents && n < MAX_SOCKETS) {
			int fd = accept4(p[1].fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0 && serve_one(o, fd))
				p[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
			else if (fd >= 0)
				close(fd);
			else
				usleep(100000); /* EMFILE: the connection waits on */
		}
		for (i = 2; i < n; i++) {
			char buf[4096];
			ssize_t got;

			if (!p[i].revents)
				continue;
			got = recv(p[i].fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (got > 0 && !strcmp(o->mode, "echo")) {
				send(p[i].fd, buf, got, MSG_NOSIGNAL);
			} else if (got <= 0 && !strcmp(o->mode, "leak")) {
				p[i].fd = -1; /* what poll() ignores stays open */
			} else if (got <= 0) {
				close(p[i].fd);
				p[i--] = p[--n];
			}
		}
	}
	return 0;
}

/* exhaust ADDRESS PORT: connect (or, -m bind, bind to port 0) until it fails, at most -n times, then say how. */
static int cmd_exhaust(struct options *o, char **argv)
{
	struct sockaddr_storage to = sa_make(argv[0], atoi(argv[1]));
	bool binds = !strcmp(o->mode, "bind");
	struct result res = { .remote = to };
	int done;

	for (done = 0; done < o->count; done++) {
		int fd = socket_open(o, to.ss_family);

		if (binds)
			res.err = res.first_err =
				bind(fd, (struct sockaddr *)&to, sa_len(&to)) ? errno : 0;
		else if ((res.err = res.first_err = socket_bind_source(o, fd, to.ss_family)) == 0)
			connect_once(o, fd, &to, &res);
		if (res.err)
			break;
	}
	print_head(binds ? "bind" : "connect");
	printf(",\"errno\":\"%s\",\"held\":%d", errno_name(res.err), done);
	print_address("remote", &to);
	print_tail();
	if (o->hold)
		hold_until_told();
	return 0;
}

/* fill ADDRESS PORT: clients one after the other until one does not get in within -t; then -d bytes from each. */
static int cmd_fill(struct options *o, char **argv)
{
	struct sockaddr_storage to = sa_make(argv[0], atoi(argv[1]));
	int in = 0, fds[MAX_SOCKETS], i;
	struct result res;

	o->nonblock = true;
	do {
		fds[in] = socket_open(o, to.ss_family);
		connect_once(o, fds[in], &to, &res);
		in += !res.err && !res.gave_up;
	} while (!res.err && !res.gave_up && in < o->count && in < MAX_SOCKETS);
	for (i = 0; i < in; i++)
		exchange(o, fds[i]);
	print_head("fill");
	printf(",\"errno\":\"%s\",\"gave_up\":%s,\"in\":%d,\"ms\":%.3f", errno_name(res.err),
	       res.gave_up ? "true" : "false", in, res.ms);
	print_address("local", &res.local);
	print_address("remote", &to);
	print_tail();
	if (o->hold)
		hold_until_told();
	return 0;
}

static const char usage[] = "usage: fault [options] connect|bind|serve|exhaust|fill ADDRESS PORT\n"
			    "       fault [options] fallback|fallbind|race PORT ADDRESS...\n";

enum option_type { OPTION_INT, OPTION_TEXT, OPTION_FLAG };

static const struct {
	char letter;
	enum option_type type;
	size_t offset;
} option_rows[] = {
	{ 's', OPTION_TEXT, offsetof(struct options, source) },
	{ 'p', OPTION_INT, offsetof(struct options, source_port) },
	{ 't', OPTION_INT, offsetof(struct options, timeout_ms) },
	{ 'S', OPTION_INT, offsetof(struct options, sndtimeo_ms) },
	{ 'U', OPTION_INT, offsetof(struct options, user_timeout_ms) },
	{ 'E', OPTION_INT, offsetof(struct options, interrupt_ms) },
	{ 'n', OPTION_INT, offsetof(struct options, count) },
	{ 'b', OPTION_INT, offsetof(struct options, backlog) },
	{ 'd', OPTION_INT, offsetof(struct options, send_bytes) },
	{ 'u', OPTION_INT, offsetof(struct options, uid) },
	{ 'f', OPTION_INT, offsetof(struct options, fallback_port) },
	{ 'F', OPTION_INT, offsetof(struct options, family) },
	{ 'm', OPTION_TEXT, offsetof(struct options, mode) },
	{ 'c', OPTION_TEXT, offsetof(struct options, name) },
	{ 'N', OPTION_FLAG, offsetof(struct options, nonblock) },
	{ 'k', OPTION_FLAG, offsetof(struct options, hold) },
	{ 'R', OPTION_FLAG, offsetof(struct options, reuseaddr) },
	{ 'P', OPTION_FLAG, offsetof(struct options, reuseport) },
	{ '6', OPTION_FLAG, offsetof(struct options, v6only) },
	{ 'l', OPTION_FLAG, offsetof(struct options, linger0) },
	{ 'T', OPTION_FLAG, offsetof(struct options, twice) },
	{ 'x', OPTION_FLAG, offsetof(struct options, leave) },
	{ 'g', OPTION_FLAG, offsetof(struct options, answer) },
	{ 'a', OPTION_FLAG, offsetof(struct options, defer) },
};

static void parse(struct options *o, int argc, char **argv)
{
	const size_t rows = sizeof(option_rows) / sizeof(option_rows[0]);
	char letters[2 * sizeof(option_rows) / sizeof(option_rows[0]) + 2] = "+";
	size_t i, n = 1;
	int opt;

	for (i = 0; i < rows; i++) {
		letters[n++] = option_rows[i].letter;
		if (option_rows[i].type != OPTION_FLAG)
			letters[n++] = ':';
	}
	while ((opt = getopt(argc, argv, letters)) != -1) {
		void *member = NULL;

		for (i = 0; i < rows && !member; i++)
			if (option_rows[i].letter == opt)
				member = (char *)o + option_rows[i].offset;
		if (!member) {
			fputs(usage, stderr);
			exit(2);
		}
		switch (option_rows[i - 1].type) {
		case OPTION_INT:
			*(int *)member = atoi(optarg);
			break;
		case OPTION_TEXT:
			*(const char **)member = optarg;
			break;
		case OPTION_FLAG:
			*(bool *)member = true;
			break;
		}
	}
}

static const struct {
	const char *name;
	int (*run)(struct options *o, char **argv);
} commands[] = {
	{ "connect", cmd_connect }, { "fallback", cmd_fallback }, { "fallbind", cmd_fallbind },
	{ "race", cmd_race },	    { "bind", cmd_bind },	  { "serve", cmd_serve },
	{ "exhaust", cmd_exhaust }, { "fill", cmd_fill },

};

int main(int argc, char **argv)
{
	struct options o = { .timeout_ms = -1, .count = 1, .backlog = -1, .uid = -1, .mode = "" };
	const char *cmd;
	size_t i;

	parse(&o, argc, argv);
	if (argc - optind < 3) {
		fputs(usage, stderr);
		return 2;
	}
	cmd = argv[optind];
	argv += optind + 1;
	if (o.name)
		prctl(PR_SET_NAME, o.name);
	if (o.uid >= 0 && (setgid(o.uid) || setuid(o.uid)))
		die("setuid");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(cmd, commands[i].name))
			return commands[i].run(&o, argv);
	fputs(usage, stderr);
	return 2;
}
