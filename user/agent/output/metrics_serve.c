// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_serve.c - the process that answers clients of --listen */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/output/metrics_request.h"
#include "agent/output/metrics_serve.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/own.h"

enum phase {
	PHASE_FREE,
	PHASE_ASKS, /* its head comes */
	PHASE_WAITS, /* for the agent */
	PHASE_HEARS, /* its answer goes */
	PHASE_LEAVES, /* it has it all, and closes */
};

struct caller {
	int fd;
	__u8 phase;
	bool head;
	__u64 since_ns;
	size_t got;
	char request[SERVE_REQUEST_MOST];
	char *answer;
	size_t size, sent;
};

struct server {
	const struct serve_plan *plan;
	int agent;
	bool asked; /* and not answered */
	char *text; /* what it said last; NULL nothing yet */
	size_t size;
	__u64 text_ns;
	struct caller callers[SERVE_CALLERS_MOST];
};

static void hang_up(struct caller *caller)
{
	close(caller->fd);
	free(caller->answer);
	*caller = (struct caller){ .fd = -1 };
}

/* ---- answers ---- */

static const char *reason(enum metrics_status status)
{
	switch (status) {
	case METRICS_OK:
		return "OK";
	case METRICS_NOT_FOUND:
		return "Not Found";
	case METRICS_NOT_ALLOWED:
		return "Method Not Allowed\r\nAllow: GET, HEAD";
	case METRICS_UNAVAILABLE:
		return "Service Unavailable";
	default:
		return "Bad Request";
	}
}

static void send_rest(struct caller *caller)
{
	while (caller->sent < caller->size) {
		ssize_t sent = send(caller->fd, caller->answer + caller->sent,
				    caller->size - caller->sent, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			hang_up(caller);
			return;
		}
		caller->sent += (size_t)sent;
	}
	/* who closes while something unread lies there resets, and takes the answer back */
	shutdown(caller->fd, SHUT_WR);
	caller->phase = PHASE_LEAVES;
}

static void answer(struct caller *caller, enum metrics_status status, const char *body, size_t size)
{
	char head[256];
	int length = snprintf(head, sizeof(head),
			      "HTTP/1.1 %d %s\r\n"
			      "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
			      "Content-Length: %zu\r\n"
			      "Connection: close\r\n\r\n",
			      (int)status, reason(status), size);
	size_t sent_too = caller->head ? 0 : size;

	caller->answer = malloc((size_t)length + sent_too);
	if (!caller->answer) {
		hang_up(caller);
		return;
	}
	memcpy(caller->answer, head, (size_t)length);
	if (sent_too)
		memcpy(caller->answer + length, body, sent_too);
	caller->size = (size_t)length + sent_too;
	caller->phase = PHASE_HEARS;
	send_rest(caller);
}

/* ---- the agent ---- */

static void ask(struct server *server, struct caller *caller, __u64 now_ns)
{
	if (server->text && now_ns - server->text_ns < SERVE_FRESH_NS) {
		answer(caller, METRICS_OK, server->text, server->size);
		return;
	}
	caller->phase = PHASE_WAITS;
	if (!server->asked)
		server->asked = send(server->agent, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

static int read_text(struct server *server, __u64 size)
{
	_cleanup_free_ char *text = NULL;

	if (!size || size > SERVE_TEXT_MOST)
		return -EIO;
	text = malloc(size);
	if (!text || pread(server->plan->text, text, size, 0) != (ssize_t)size)
		return -EIO;
	free(server->text);
	server->text = take_ptr(text);
	server->size = size;
	return 0;
}

/* Returns 0; -EPIPE it ended. */
static int hear_agent(struct server *server, __u64 now_ns)
{
	__u64 size = 0;
	ssize_t got = recv(server->agent, &size, sizeof(size), 0);
	int err;

	if (got != (ssize_t)sizeof(size))
		return -EPIPE;
	server->asked = false;
	server->text_ns = now_ns;
	err = read_text(server, size);
	for (size_t i = 0; i < SERVE_CALLERS_MOST; i++) {
		struct caller *caller = &server->callers[i];

		if (caller->phase == PHASE_WAITS && err)
			answer(caller, METRICS_UNAVAILABLE, "", 0);
		else if (caller->phase == PHASE_WAITS)
			answer(caller, METRICS_OK, server->text, server->size);
	}
	return 0;
}

/* ---- clients ---- */

static struct caller *place(struct server *server)
{
	struct caller *oldest = &server->callers[0];

	for (size_t i = 0; i < SERVE_CALLERS_MOST; i++) {
		struct caller *caller = &server->callers[i];

		if (caller->phase == PHASE_FREE)
			return caller;
		if (caller->since_ns < oldest->since_ns)
			oldest = caller;
	}
	hang_up(oldest);
	return oldest;
}

static void welcome(struct server *server, __u64 now_ns)
{
	int fd = accept4(server->plan->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct caller *caller;

	if (fd < 0)
		return;
	caller = place(server);
	*caller = (struct caller){ .fd = fd, .phase = PHASE_ASKS, .since_ns = now_ns };
}

static void hear(struct server *server, struct caller *caller, __u64 now_ns)
{
	ssize_t got = recv(caller->fd, caller->request + caller->got,
			   sizeof(caller->request) - caller->got, 0);
	enum metrics_status status;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		hang_up(caller);
		return;
	}
	caller->got += (size_t)got;
	status = metrics_request_read(caller->request, caller->got, &caller->head);
	if (status == METRICS_OK)
		ask(server, caller, now_ns);
	else if (status != METRICS_MORE || caller->got == sizeof(caller->request))
		answer(caller, status == METRICS_MORE ? METRICS_BAD : status, "", 0);
}

/* Whatever still comes from one who has its answer is read and left. */
static void see_off(struct caller *caller)
{
	ssize_t got = recv(caller->fd, caller->request, sizeof(caller->request), 0);

	if (!got || (got < 0 && errno != EAGAIN))
		hang_up(caller);
}

static void serve_caller(struct server *server, struct caller *caller, short seen, __u64 now_ns)
{
	if (now_ns - caller->since_ns >= SERVE_CALLER_NS) {
		if (caller->phase == PHASE_WAITS)
			answer(caller, METRICS_UNAVAILABLE, "", 0);
		if (caller->phase != PHASE_FREE)
			hang_up(caller);
	} else if (!seen) {
		return;
	} else if (caller->phase == PHASE_ASKS) {
		hear(server, caller, now_ns);
	} else if (caller->phase == PHASE_HEARS) {
		send_rest(caller);
	} else if (caller->phase == PHASE_LEAVES) {
		see_off(caller);
	} else if (seen & (POLLERR | POLLHUP)) {
		hang_up(caller);
	}
}

/* In ms, until the first client's time is over; -1: there is none. */
static int patience(const struct server *server, __u64 now_ns)
{
	__u64 least_ns = SERVE_CALLER_NS;
	bool any = false;

	for (size_t i = 0; i < SERVE_CALLERS_MOST; i++) {
		const struct caller *caller = &server->callers[i];
		__u64 passed_ns = now_ns - caller->since_ns;

		if (caller->phase == PHASE_FREE)
			continue;
		any = true;
		if (passed_ns >= SERVE_CALLER_NS)
			least_ns = 0;
		else if (SERVE_CALLER_NS - passed_ns < least_ns)
			least_ns = SERVE_CALLER_NS - passed_ns;
	}
	return any ? (int)(least_ns / NS_PER_MS) + 1 : -1;
}

static short awaited(const struct caller *caller)
{
	return caller->phase == PHASE_HEARS ? POLLOUT : caller->phase == PHASE_WAITS ? 0 : POLLIN;
}

void metrics_serve(const void *ctx, int agent)
{
	struct server server = { .plan = ctx, .agent = agent };
	struct pollfd wait[SERVE_CALLERS_MOST + 2] = {
		[SERVE_CALLERS_MOST] = { .fd = agent, .events = POLLIN },
		[SERVE_CALLERS_MOST + 1] = { .fd = server.plan->listening, .events = POLLIN },
	};

	for (size_t i = 0; i < SERVE_CALLERS_MOST; i++)
		server.callers[i].fd = -1;
	if (fence_up(server.plan->fences))
		return;
	while (true) {
		__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC);

		for (size_t i = 0; i < SERVE_CALLERS_MOST; i++) {
			wait[i].fd = server.callers[i].fd;
			wait[i].events = awaited(&server.callers[i]);
		}
		if (poll(wait, ARRAY_SIZE(wait), patience(&server, now_ns)) < 0 && errno != EINTR)
			return;
		now_ns = clock_read_ns(CLOCK_MONOTONIC);
		for (size_t i = 0; i < SERVE_CALLERS_MOST; i++)
			if (server.callers[i].phase != PHASE_FREE)
				serve_caller(&server, &server.callers[i], wait[i].revents, now_ns);
		if (wait[SERVE_CALLERS_MOST].revents && hear_agent(&server, now_ns))
			return;
		if (wait[SERVE_CALLERS_MOST + 1].revents)
			welcome(&server, now_ns);
	}
}
