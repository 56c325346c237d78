// SPDX-License-Identifier: GPL-2.0-or-later
/* ring.c - the kernel's ring buffer: drained to a known position, then a tick */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include <bpf/libbpf.h>

#include "collect/collect.h"
#include "collect/tell.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

/*
 * How long a record that was reserved and not yet submitted is waited for. Programs hold one for
 * well under a microsecond; an interrupt or a stolen virtual CPU stretches that to milliseconds.
 */
#define BUSY_SPIN_NS (2 * NS_PER_MS)

/*
 * How far the tick stays behind the clock. A CPU may read the time for a record while its reserve
 * still sits in its store buffer, and the kernel's clock for programs is not the vDSO's: 1 µs apart
 * was measured, for one record in ten thousand.
 */
#define TICK_BEHIND_NS 50000

/* Ends libbpf's loop once the position of this drain is passed; never seen by a caller. */
#define DRAINED (-ECANCELED)

struct ring {
	struct ring_buffer *buffer;
	const struct record_sink *sink;
	const unsigned long
		*consumer; /* positions in bytes since the map was made, mapped read-only */
	const unsigned long *producer;
	int wake_fd;
	size_t page;
	unsigned long target; /* of this drain: where the producer stood at its start */
	int error; /* the sink's */
	int delivered;
	__u32 sequence;
	__u64 looks;
};

static unsigned long position(const unsigned long *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/*
 * libbpf moves the consumer's position only after this returns, so that *consumer is where this
 * record begins. Without the stop at the target a flood would keep the tick away for ever.
 */
static int take_sample(void *ctx, void *data, size_t size)
{
	struct ring *ring = ctx;
	int err = ring->sink->take(ring->sink->ctx, data, size);

	if (err < 0) {
		ring->error = err;
		return err;
	}
	ring->delivered++;
	return position(ring->consumer) >= ring->target ? DRAINED : 0;
}

/*
 * libbpf's own epoll stays readable for as long as a record stands in the ring: under a steady load
 * one wake-up would make the reader run for every few records. Here only a new wake-up counts.
 */
static int open_wake(struct ring *ring, int map_fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	ring->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ring->wake_fd < 0 || epoll_ctl(ring->wake_fd, EPOLL_CTL_ADD, map_fd, &event))
		return log_error_r(-errno, "ring buffer: waiting for it");
	return 0;
}

int ring_open(struct ring **out, int map_fd, const struct record_sink *sink)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	void *at;
	int err;

	if (!ring)
		return -ENOMEM;
	ring->sink = sink;
	ring->wake_fd = -1;
	ring->page = sysconf(_SC_PAGESIZE);

	ring->buffer = ring_buffer__new(map_fd, take_sample, ring, NULL);
	if (!ring->buffer) {
		err = log_error_r(-errno, "ring buffer");
		goto fail;
	}
	at = mmap(NULL, ring->page, PROT_READ, MAP_SHARED, map_fd, 0);
	if (at == MAP_FAILED) {
		err = log_error_r(-errno, "ring buffer: mapping the consumer's position");
		goto fail;
	}
	ring->consumer = at;
	at = mmap(NULL, ring->page, PROT_READ, MAP_SHARED, map_fd, ring->page);
	if (at == MAP_FAILED) {
		err = log_error_r(-errno, "ring buffer: mapping the producer's position");
		goto fail;
	}
	ring->producer = at;
	err = open_wake(ring, map_fd);
	if (err)
		goto fail;
	*out = ring;
	return 0;
fail:
	ring_close(ring);
	return err;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->producer)
		munmap((void *)ring->producer, ring->page);
	if (ring->consumer)
		munmap((void *)ring->consumer, ring->page);
	if (ring->wake_fd >= 0)
		close(ring->wake_fd);
	ring_buffer__free(ring->buffer);
	free(ring);
}

int ring_fd(const struct ring *ring)
{
	return ring->wake_fd;
}

void ring_looked(struct ring *ring)
{
	ring->looks++;
}

static int tell_tick(struct ring *ring, __u64 time_ns)
{
	struct {
		struct event_header head;
		struct ev_tick body;
	} record;

	collect_header(&record.head, EVENT_TICK, sizeof(record.body));
	record.head.ts_ns = time_ns;
	record.body = (struct ev_tick){
		.sequence = ring->sequence++,
		.pending_bytes = position(ring->producer) - position(ring->consumer),
		.looks = ring->looks,
	};
	return ring->sink->take(ring->sink->ctx, &record, record.head.size);
}

/*
 * Returns 1 when everything up to the target was delivered, 0 when a record before it stayed busy,
 * or a negative errno.
 */
static int drain_to_target(struct ring *ring)
{
	__u64 give_up_ns = 0;

	while (position(ring->consumer) < ring->target) {
		unsigned long before = position(ring->consumer);
		int err = ring_buffer__consume(ring->buffer);

		if (ring->error)
			return ring->error;
		if (err < 0 && err != DRAINED)
			return err;
		if (position(ring->consumer) != before) {
			give_up_ns = 0;
			continue;
		}
		/* The next record is busy: a program on another CPU still writes it. */
		if (!give_up_ns)
			give_up_ns = clock_read_ns(CLOCK_MONOTONIC) + BUSY_SPIN_NS;
		else if (clock_read_ns(CLOCK_MONOTONIC) > give_up_ns)
			return 0;
		sched_yield();
	}
	return 1;
}

int ring_drain(struct ring *ring)
{
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC) - TICK_BEHIND_NS;
	struct epoll_event woken;
	int err;

	/* Takes the wake-up that this drain serves; one that comes from now on asks for another. */
	(void)epoll_wait(ring->wake_fd, &woken, 1, 0);
	/*
	 * The clock first: a record reserved before now_ns stands before the target. A tick is owed
	 * only when all of them came; a busy record keeps it back until the next drain.
	 */
	ring->target = position(ring->producer);
	ring->delivered = 0;
	ring->error = 0;
	err = drain_to_target(ring);
	if (err == 1)
		err = tell_tick(ring, now_ns);
	return err < 0 ? err : ring->delivered;
}
