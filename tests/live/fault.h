/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault.h - what the programs of the live tests share: addresses, time, and JSON lines about what they saw */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct result {
	int err;
	int first_err; /* of the connect() call itself, before anything was awaited */
	double ms;
	bool gave_up;
	struct sockaddr_storage local, remote;
};

static inline double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "0";

	return name ? name : "?";
}

static inline socklen_t sa_len(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static inline struct sockaddr_storage sa_make(const char *text, int port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct sockaddr_storage ss = {};
	struct addrinfo *found;
	char service[16];
	int r;

	snprintf(service, sizeof(service), "%d", port);
	r = getaddrinfo(text, service, &hints, &found);
	if (r) {
		fprintf(stderr, "address %s: %s\n", text, gai_strerror(r));
		exit(2);
	}
	memcpy(&ss, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ss;
}

static inline int sa_port(const struct sockaddr_storage *ss)
{
	return ntohs(ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)ss)->sin6_port :
						 ((const struct sockaddr_in *)ss)->sin_port);
}

static inline void print_address(const char *key, const struct sockaddr_storage *ss)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)ss)->sin6_addr, text,
			  sizeof(text));
	else if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)ss)->sin_addr, text, sizeof(text));
	else
		return;
	printf(",\"%s\":[\"%s\",%d]", key, text, sa_port(ss));
}

static inline void print_head(const char *op)
{
	printf("{\"op\":\"%s\",\"pid\":%d", op, getpid());
}

static inline void print_tail(void)
{
	printf("}\n");
	fflush(stdout);
}

static inline void print_result(const char *op, const struct result *res)
{
	print_head(op);
	printf(",\"errno\":\"%s\",\"first_errno\":\"%s\",\"gave_up\":%s,\"ms\":%.3f",
	       errno_name(res->err), errno_name(res->first_err), res->gave_up ? "true" : "false",
	       res->ms);
	print_address("local", &res->local);
	print_address("remote", &res->remote);
	print_tail();
}

/* Returns when standard input ends: the test closes it. */
static inline void hold_until_told(void)
{
	char buf[64];

	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
}
