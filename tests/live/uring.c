// SPDX-License-Identifier: GPL-2.0-or-later
/* uring.c - socket calls as requests of io_uring, and what they came to */

#include <linux/io_uring.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fault.h"

static const char usage[] =
	"usage: uring [-s SOURCE] [-p PORT] [-t MS] [-S] [-A] connect|bind ADDRESS PORT\n"
	"       uring [-S] [-A] accept ADDRESS PORT\n"
	"       uring -n COUNT nop\n"
	"  -S  a thread of the kernel takes the requests\n"
	"  -A  a worker of the kernel does them\n"
	"  -t  gives up after so long\n";

enum {
	ENTRIES = 8,
	BACKLOG = 8,
	NOPS_AT_ONCE = ENTRIES,
	OP_BIND = 56 /* IORING_OP_BIND of Linux 6.11 */
};

struct options {
	const char *source;
	int source_port, timeout_ms;
	long count;
	bool thread, worker;
};

struct ring {
	int fd;
	bool thread;
	char *base;
	struct io_uring_sqe *requests;
	struct io_uring_params made;
};

static uint32_t *ring_word(const struct ring *ring, uint32_t offset)
{
	return (uint32_t *)(ring->base + offset);
}

static struct ring ring_open(bool thread)
{
	struct ring ring = { .thread = thread };
	size_t size;

	if (thread) {
		ring.made.flags = IORING_SETUP_SQPOLL;
		ring.made.sq_thread_idle = 1000;
	}
	ring.fd = syscall(SYS_io_uring_setup, ENTRIES, &ring.made);
	if (ring.fd < 0)
		die("io_uring_setup");
	size = ring.made.cq_off.cqes + ring.made.cq_entries * sizeof(struct io_uring_cqe);
	if (size < ring.made.sq_off.array + ring.made.sq_entries * sizeof(uint32_t))
		size = ring.made.sq_off.array + ring.made.sq_entries * sizeof(uint32_t);
	ring.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
			 IORING_OFF_SQ_RING);
	ring.requests = mmap(NULL, ENTRIES * sizeof(*ring.requests), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	if (ring.base == MAP_FAILED || ring.requests == MAP_FAILED)
		die("mmap");
	return ring;
}

static void ring_add(struct ring *ring, const struct io_uring_sqe *request)
{
	uint32_t *tail = ring_word(ring, ring->made.sq_off.tail);
	uint32_t at = *tail & *ring_word(ring, ring->made.sq_off.ring_mask);

	ring->requests[at] = *request;
	ring_word(ring, ring->made.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

static void ring_submit(const struct ring *ring, unsigned int count, unsigned int wait)
{
	unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0;

	if (ring->thread)
		flags |= IORING_ENTER_SQ_WAKEUP;
	while (syscall(SYS_io_uring_enter, ring->fd, count, wait, flags, NULL, 0) < 0)
		if (errno != EINTR)
			die("io_uring_enter");
}

static int ring_take(const struct ring *ring)
{
	uint32_t *head = ring_word(ring, ring->made.cq_off.head);
	uint32_t at = *head & *ring_word(ring, ring->made.cq_off.ring_mask);
	const struct io_uring_cqe *done =
		(const struct io_uring_cqe *)(ring->base + ring->made.cq_off.cqes);
	int result = done[at].res;

	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

/* The result of one request. Waits at most @timeout_ms (0: for ever), then says ETIME. */
static int ring_do(struct ring *ring, struct io_uring_sqe request, const struct options *o)
{
	struct pollfd wait = { .fd = ring->fd, .events = POLLIN };

	if (o->worker)
		request.flags |= IOSQE_ASYNC;
	ring_add(ring, &request);
	ring_submit(ring, 1, 0);
	if (poll(&wait, 1, o->timeout_ms ? o->timeout_ms : -1) == 0)
		return -ETIME;
	return ring_take(ring);
}

static int socket_open(const struct options *o, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_storage from;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		die("socket");
	if (!o->source && !o->source_port)
		return fd;
	from = sa_make(o->source	  ? o->source :
		       family == AF_INET6 ? "::" :
					    "0.0.0.0",
		       o->source_port);
	if (bind(fd, (struct sockaddr *)&from, sa_len(&from)))
		die("bind");
	return fd;
}

static void call_at(const struct options *o, const char *op, const struct sockaddr_storage *at)
{
	struct ring ring = ring_open(o->thread);
	int fd = socket_open(o, at->ss_family);
	bool binds = strcmp(op, "bind") == 0;
	struct result saw = { .remote = *at };
	socklen_t size = sizeof(saw.local);
	double began = now_ms();

	/* the length of the address stands where offsets do */
	saw.err = -ring_do(&ring,
			   (struct io_uring_sqe){
				   .opcode = binds ? OP_BIND : IORING_OP_CONNECT,
				   .fd = fd,
				   .addr = (uintptr_t)at,
				   .off = sa_len(at),
			   },
			   o);
	saw.ms = now_ms() - began;
	if (saw.err == ETIME) {
		saw.err = 0;
		saw.gave_up = true;
	}
	if (getsockname(fd, (struct sockaddr *)&saw.local, &size))
		die("getsockname");
	print_result(op, &saw);
}

/* Until it fails; what was accepted is kept. */
static void call_accept(const struct options *o, const struct sockaddr_storage *at)
{
	struct ring ring = ring_open(o->thread);
	int fd = socket_open(o, at->ss_family), result;
	struct result saw = {};

	if (bind(fd, (const struct sockaddr *)at, sa_len(at)) || listen(fd, BACKLOG))
		die("listen");
	print_head("listening");
	print_tail();
	do
		result = ring_do(&ring,
				 (struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = fd }, o);
	while (result >= 0);
	saw.err = -result;
	print_result("accept", &saw);
	hold_until_told();
}

static double spent_ns(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return spent.tv_sec * 1e9 + spent.tv_nsec;
}

/* What a ring costs that has nothing to do with sockets: CPU time a request. */
static void call_nops(const struct options *o)
{
	struct ring ring = ring_open(o->thread);
	double began = spent_ns();

	for (long i = 0; i < o->count; i += NOPS_AT_ONCE) {
		for (int one = 0; one < NOPS_AT_ONCE; one++)
			ring_add(&ring, &(struct io_uring_sqe){ .opcode = IORING_OP_NOP });
		ring_submit(&ring, NOPS_AT_ONCE, NOPS_AT_ONCE);
		for (int one = 0; one < NOPS_AT_ONCE; one++)
			ring_take(&ring);
	}
	print_head("nop");
	printf(",\"ns\":%.1f", (spent_ns() - began) / o->count);
	print_tail();
}

int main(int argc, char **argv)
{
	struct options o = { .count = 8 };
	struct sockaddr_storage at;
	const char *op;
	int c;

	while ((c = getopt(argc, argv, "s:p:t:n:SA")) != -1) {
		if (c == 's')
			o.source = optarg;
		else if (c == 'p')
			o.source_port = atoi(optarg);
		else if (c == 't')
			o.timeout_ms = atoi(optarg);
		else if (c == 'n')
			o.count = atol(optarg);
		else if (c == 'S')
			o.thread = true;
		else if (c == 'A')
			o.worker = true;
		else
			goto bad;
	}
	op = optind < argc ? argv[optind++] : "";
	if (strcmp(op, "nop") == 0 && optind == argc) {
		call_nops(&o);
		return 0;
	}
	if (argc - optind != 2)
		goto bad;
	at = sa_make(argv[optind], atoi(argv[optind + 1]));
	if (strcmp(op, "accept") == 0)
		call_accept(&o, &at);
	else if (strcmp(op, "connect") == 0 || strcmp(op, "bind") == 0)
		call_at(&o, op, &at);
	else
		goto bad;
	return 0;
bad:
	fputs(usage, stderr);
	return 2;
}
