// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resolver.c - asks a name server as resolvers that are not the C library's do
 *
 * resolver STYLE NAME SERVER[,SERVER] TIMEOUT_MS ATTEMPTS
 *
 * go     A and AAAA each from a connected socket of its own, at the same time; an error of the server or
 *        the socket turns to the next server, NXDOMAIN ends it (net/dnsclient_unix.go)
 * musl   both from one socket that is never connected, to all servers at once, and again until both are
 *        answered; hears of no ICMP error, asks again on SERVFAIL (res_msend.c)
 * cares  both from one connected socket a server; an error turns to the next one (ares_process.c)
 *
 * A truncated answer is asked for again over TCP. Prints {"op":"lookup","addresses":N,"rcode":N}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { A = 1, AAAA = 28, PORT = 53, SERVERS_MAX = 3, MESSAGE_MAX = 4096 };
enum { NXDOMAIN = 3, UNANSWERED = -1 };

struct style {
	const char *name;
	bool apart; /* a socket for each question */
	bool connected;
	bool at_once; /* all servers */
};

static const struct style styles[] = {
	{ "go", true, true, false },
	{ "musl", false, false, true },
	{ "cares", false, true, false },
};

struct question {
	uint16_t type;
	uint16_t id;
	int fd;
	int rcode; /* UNANSWERED */
	int addresses;
	bool failed; /* at this server */
	uint8_t message[300];
	size_t size;
};

static struct sockaddr_storage servers[SERVERS_MAX];
static int servers_count;

static void die(const char *what)
{
	fprintf(stderr, "resolver: %s: %s\n", what, strerror(errno));
	exit(1);
}

static socklen_t size_of(const struct sockaddr_storage *server)
{
	return server->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					       sizeof(struct sockaddr_in);
}

static void read_servers(char *list)
{
	for (char *one = strtok(list, ","); one && servers_count < SERVERS_MAX;
	     one = strtok(NULL, ",")) {
		struct sockaddr_storage *server = &servers[servers_count++];
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)server;
		struct sockaddr_in *v4 = (struct sockaddr_in *)server;

		if (inet_pton(AF_INET6, one, &v6->sin6_addr) == 1) {
			v6->sin6_family = AF_INET6;
			v6->sin6_port = htons(PORT);
		} else if (inet_pton(AF_INET, one, &v4->sin_addr) == 1) {
			v4->sin_family = AF_INET;
			v4->sin_port = htons(PORT);
		} else {
			errno = EINVAL;
			die(one);
		}
	}
}

static void ask_for(struct question *question, const char *name, uint16_t type)
{
	uint8_t *at = question->message;
	uint16_t head[6] = { 0, htons(0x100), htons(1), 0, 0, 0 };

	*question = (struct question){ .type = type, .fd = -1, .rcode = UNANSWERED };
	if (strlen(name) > 250 || getrandom(&question->id, sizeof(question->id), 0) < 0)
		die(name);
	head[0] = question->id;
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	while (*name) {
		size_t length = strcspn(name, ".");

		*at++ = (uint8_t)length;
		memcpy(at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	memcpy(at, (uint8_t[]){ 0, 0, (uint8_t)type, 0, 1 }, 5);
	question->size = (size_t)(at + 5 - question->message);
}

static int open_socket(const struct style *style, const struct sockaddr_storage *server)
{
	int fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (style->connected && connect(fd, (const struct sockaddr *)server, size_of(server)))
		die("connect");
	return fd;
}

static bool read_all(int fd, uint8_t *bytes, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t n = recv(fd, bytes + got, size - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* Returns the size of the answer; 0: none came. */
static size_t ask_over_tcp(const struct question *question, const struct sockaddr_storage *server,
			   int timeout_ms, uint8_t *answer)
{
	struct timeval wait = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	uint16_t length = htons((uint16_t)question->size);
	int fd = socket(server->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t size = 0;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (!connect(fd, (const struct sockaddr *)server, size_of(server)) &&
	    send(fd, &length, sizeof(length), MSG_NOSIGNAL) == sizeof(length) &&
	    send(fd, question->message, question->size, MSG_NOSIGNAL) == (ssize_t)question->size &&
	    read_all(fd, (uint8_t *)&length, sizeof(length)) && ntohs(length) >= 12 &&
	    ntohs(length) <= MESSAGE_MAX && read_all(fd, answer, ntohs(length)))
		size = ntohs(length);
	close(fd);
	return size;
}

static void take(struct question *question, const uint8_t *answer,
		 const struct sockaddr_storage *server, int timeout_ms)
{
	uint8_t whole[MESSAGE_MAX];

	if ((answer[2] & 2) && !ask_over_tcp(question, server, timeout_ms, whole)) {
		question->failed = true;
		return;
	}
	if (answer[2] & 2)
		answer = whole;
	question->rcode = answer[3] & 15;
	question->addresses = answer[6] << 8 | answer[7];
	question->failed = question->rcode && question->rcode != NXDOMAIN;
	if (question->failed)
		question->rcode = UNANSWERED;
}

static bool is_done(const struct question *question)
{
	return question->rcode != UNANSWERED || question->failed;
}

static void hear(struct question *questions, int fd, const struct sockaddr_storage *server,
		 int timeout_ms)
{
	uint8_t answer[MESSAGE_MAX];
	ssize_t n = recv(fd, answer, sizeof(answer), 0);

	for (int i = 0; i < 2; i++) {
		if (n < 0 && questions[i].fd == fd) /* connected: port unreachable */
			questions[i].failed = true;
		else if (n >= 12 && !memcmp(answer, &questions[i].id, sizeof(questions[i].id)) &&
			 !is_done(&questions[i]))
			take(&questions[i], answer, server, timeout_ms);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_all(const struct style *style, struct question *questions, int server)
{
	int last = style->at_once ? servers_count - 1 : server;

	for (int i = 0; i < 2; i++) {
		if (questions[i].rcode != UNANSWERED)
			continue;
		questions[i].failed = false;
		for (int k = style->at_once ? 0 : server; k <= last; k++) {
			const struct sockaddr *to =
				style->connected ? NULL : (const struct sockaddr *)&servers[k];

			if (sendto(questions[i].fd, questions[i].message, questions[i].size, 0, to,
				   to ? size_of(&servers[k]) : 0) < 0 &&
			    style->connected)
				questions[i].failed = true;
		}
	}
}

/* One server, or all of them, once. */
static void ask_once(const struct style *style, struct question *questions, int server,
		     int timeout_ms)
{
	long until_ms = now_ms() + timeout_ms, left_ms;

	send_all(style, questions, server);
	while ((left_ms = until_ms - now_ms()) > 0 &&
	       !(is_done(&questions[0]) && is_done(&questions[1]))) {
		struct pollfd polls[2];

		for (int i = 0; i < 2; i++)
			polls[i] = (struct pollfd){ .fd = i && !style->apart ? -1 : questions[i].fd,
						    .events = POLLIN };
		if (poll(polls, 2, (int)left_ms) < 0)
			die("poll");
		for (int i = 0; i < 2; i++)
			if (polls[i].revents)
				hear(questions, polls[i].fd, &servers[server], timeout_ms);
	}
}

static void open_sockets(const struct style *style, struct question *questions, int server)
{
	for (int i = 0; i < 2; i++) {
		if (questions[i].fd >= 0 && (!i || style->apart))
			close(questions[i].fd);
		questions[i].fd =
			i && !style->apart ? questions[0].fd : open_socket(style, &servers[server]);
	}
}

int main(int argc, char **argv)
{
	const struct style *style = NULL;
	struct question questions[2];
	int timeout_ms, attempts;

	for (size_t i = 0; argc == 6 && i < sizeof(styles) / sizeof(*styles); i++)
		if (!strcmp(argv[1], styles[i].name))
			style = &styles[i];
	if (!style) {
		fprintf(stderr,
			"usage: resolver go|musl|cares NAME SERVER[,SERVER] TIMEOUT_MS ATTEMPTS\n");
		return 2;
	}
	read_servers(argv[3]);
	timeout_ms = atoi(argv[4]);
	attempts = atoi(argv[5]);
	ask_for(&questions[0], argv[2], A);
	ask_for(&questions[1], argv[2], AAAA);
	for (int n = 0; n < attempts; n++) {
		for (int server = 0; server < (style->at_once ? 1 : servers_count); server++) {
			if (style->connected || !n)
				open_sockets(style, questions, server);
			ask_once(style, questions, server, timeout_ms);
			if (questions[0].rcode != UNANSWERED && questions[1].rcode != UNANSWERED)
				n = attempts;
		}
	}
	printf("{\"op\":\"lookup\",\"pid\":%d,\"addresses\":%d,\"rcode\":%d}\n", getpid(),
	       questions[0].addresses + questions[1].addresses,
	       questions[0].rcode > questions[1].rcode ? questions[0].rcode : questions[1].rcode);
	return 0;
}
