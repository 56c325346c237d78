// SPDX-License-Identifier: GPL-2.0-or-later
/* live_look.c - at intervals a look at all sockets: what processes leave undone no event tells */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "agent/live/live.h"
#include "util/clock.h"
#include "util/own.h"
#include "util/time.h"

#define LEAST_MS 200
#define SHARE 200 /* of its time: more than half a percent of a CPU no look may cost */

/* Of a threshold in milliseconds or seconds. */
static __u32 threshold_ms(const struct live *live, enum threshold which)
{
	__u64 value = live->pipeline.thresholds.value[which];

	if (!strcmp(threshold_row(which)->unit, "s"))
		value *= 1000;
	return value < UINT32_MAX ? (__u32)value : UINT32_MAX;
}

void live_look_floors(const struct live *live, struct attach_options *attach)
{
	attach->look_closed_ms = threshold_ms(live, THRESHOLD_CLOSED_HALF);
	attach->look_window_ms = threshold_ms(live, THRESHOLD_WINDOW_STALLED);
	attach->unheard_floor_ms = threshold_ms(live, THRESHOLD_ANSWER_WAIT);
}

/* So often that a window which stays closed is told in time. */
static __u64 period_ns(const struct live *live)
{
	__u32 ms = threshold_ms(live, THRESHOLD_WINDOW_STALLED);

	return (ms < LEAST_MS ? LEAST_MS : ms) * NS_PER_MS;
}

void live_look_begin(struct live *live, bool can)
{
	live->look_ns = can ? clock_read_ns(CLOCK_MONOTONIC) + period_ns(live) : 0;
}

int live_look(struct live *live)
{
	__u64 begun_ns = clock_read_ns(CLOCK_MONOTONIC), wait_ns = period_ns(live), took_ns;
	_cleanup_close_ int fd = -1;
	int err;

	if (!live->look_ns || begun_ns < live->look_ns)
		return 0;
	fd = attach_iterate(live->attach, ITERATOR_LOOK);
	if (fd < 0) {
		live->look_ns = 0;
		return 0;
	}
	err = snapshot_read(fd, &live->sink);
	if (!err)
		ring_looked(live->ring);
	took_ns = clock_read_ns(CLOCK_MONOTONIC) - begun_ns;
	live->look_ns = begun_ns + (took_ns * SHARE > wait_ns ? took_ns * SHARE : wait_ns);
	return err == -ECANCELED ? err : 0;
}

/* ---- the host ---- */

void live_gauges_begin(struct live *live)
{
	live->gauges_ns = threshold_ms(live, THRESHOLD_HOST_LOOK) ? 1 : 0;
}

int live_gauges(struct live *live)
{
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC);

	if (!live->gauges_ns || now_ns < live->gauges_ns)
		return 0;
	live->gauges_ns = now_ns + threshold_ms(live, THRESHOLD_HOST_LOOK) * NS_PER_MS;
	return host_look(live->host);
}

/* ---- top ---- */

/* Nothing is judged by it: a connection that is told again and again did not begin before. */
static int take_figures(void *ctx, const void *record, size_t size)
{
	struct live *live = ctx;
	struct {
		struct event_header head;
		struct ev_snapshot body;
	} marked;

	if (size > sizeof(marked))
		return 0;
	memcpy(&marked, record, size);
	marked.head.known |= EVENT_K_TIMELINE;
	return live->sink.take(live, &marked, size);
}

int live_look_figures(struct live *live)
{
	const struct record_sink sink = { take_figures, live };
	int err = ring_drain(live->ring);

	for (int which = ITERATOR_TCP; which <= ITERATOR_OWNERS && err >= 0; which++) {
		_cleanup_close_ int fd = attach_iterate(live->attach, which);

		err = fd < 0 ? 0 : snapshot_read(fd, &sink);
	}
	return err < 0 ? err : 0;
}
