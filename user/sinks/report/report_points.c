// SPDX-License-Identifier: GPL-2.0-or-later
/* report_points.c - the packets that a picture is made of: kept before anyone knows of which */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/report/report.h"
#include "util/array.h"

#define TCP_F_TURNING (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)

/* Of these a connection with loss has one a packet: they may go like all others. */
#define FLAGS_COMMON                                                                      \
	(BIT(STREAM_DUPLICATE_ACK) | BIT(STREAM_WINDOW_UPDATE) | BIT(STREAM_KEEP_ALIVE) | \
	 BIT(STREAM_KEEP_ALIVE_ACK))

/* So many notable points of one connection; the rest of REPORT_POINTS_MAX is for the others. */
#define NOTABLE_MAX 600

int report_rings_new(struct report *report)
{
	report->notable.at = calloc(REPORT_RING, sizeof(struct report_point));
	report->ordinary.at = calloc(REPORT_RING, sizeof(struct report_point));
	return report->notable.at && report->ordinary.at ? 0 : -ENOMEM;
}

void report_rings_free(struct report *report)
{
	free(report->notable.at);
	free(report->ordinary.at);
}

void report_rings_clear(struct report *report)
{
	report->notable.added = 0;
	report->ordinary.added = 0;
}

/* RFC 7323 2.2: the window of a SYN is never scaled. */
static __u32 window_bytes(const struct packet *packet, const struct stream_side *side)
{
	if (packet->tcp_flags & TCP_F_SYN || side->wscale == STREAM_WSCALE_UNUSED)
		return packet->window;
	if (side->wscale == STREAM_WSCALE_UNKNOWN)
		return packet->window ? STREAM_WINDOW_UNKNOWN : 0;
	return (__u32)packet->window << (side->wscale > 14 ? 14 : side->wscale);
}

void report_note_packet(struct report *report, const struct join *join, const struct event *event)
{
	const struct stream_look *look = join_look(join);
	const struct stream *stream = look->stream;
	const struct packet *packet = &event->packet;
	const struct stream_side *side = &stream->side[look->from];
	const struct stream_side *other = &stream->side[!look->from];
	const struct ends ends = ends_of(packet->source, packet->source_port, packet->destination,
					 packet->destination_port);
	struct report_ring *ring;
	struct report_point point = {
		.order = report->notable.added + report->ordinary.added + 1,
		.ts_ns = event->head.ts_ns,
		.ends = hash_mix(ends.hash, event->head.netns),
		.stream = stream->number,
		.frame = event->head.kind == EVENT_FRAME ? event->frame.frame : 0,
		.index = (__u32)(side->packets + other->packets),
		.seq = packet->seq - side->isn,
		.ack = packet->ack - other->isn,
		.length = packet->payload_bytes,
		.window = window_bytes(packet, side),
		.flags = (__u16)look->flags,
		.tcp_flags = packet->tcp_flags,
		.ttl = packet->ttl,
		.ack_known = (packet->tcp_flags & TCP_F_ACK) && (other->state & SIDE_BEGUN),
		.lower = ends.from,
		.copy = look->copy,
	};

	_Static_assert(STREAM_FLAG_COUNT <= 16, "report_point.flags holds them");
	ring = (look->flags & ~FLAGS_COMMON) || (packet->tcp_flags & TCP_F_TURNING) ||
			       point.index <= REPORT_FIRST_NOTABLE ?
		       &report->notable :
		       &report->ordinary;
	ring->at[ring->added++ % REPORT_RING] = point;
}

/* ---- of one connection ---- */

struct walk {
	const struct report_ring *ring;
	__u64 next;
};

static struct walk walk_of(const struct report_ring *ring)
{
	return (struct walk){ ring, ring->added > REPORT_RING ? ring->added - REPORT_RING : 0 };
}

/* The oldest point not yet passed, of any connection; NULL at the end. */
static const struct report_point *walk_peek(const struct walk *walk)
{
	return walk->next < walk->ring->added ? &walk->ring->at[walk->next % REPORT_RING] : NULL;
}

/* The next point of both rings in the order of arrival; @notable: of which. */
static const struct report_point *walk_both(struct walk *one, struct walk *other, bool *notable)
{
	const struct report_point *a = walk_peek(one), *b = walk_peek(other);

	if (!a && !b)
		return NULL;
	*notable = a && (!b || a->order < b->order);
	(*notable ? one : other)->next++;
	return *notable ? a : b;
}

/* The last packet between these ends up to @most_ns. */
static const struct report_point *find_last(const struct report_ring *ring, __u64 ends,
					    __u64 most_ns)
{
	__u64 held = ring->added < REPORT_RING ? ring->added : REPORT_RING;

	for (__u64 i = 1; i <= held; i++) {
		const struct report_point *point = &ring->at[(ring->added - i) % REPORT_RING];

		if (point->ends == ends && point->ts_ns <= most_ns)
			return point;
	}
	return NULL;
}

static size_t count_in(const struct report_ring *ring, const struct report_point *like)
{
	struct walk walk = walk_of(ring);
	const struct report_point *point;
	size_t count = 0;

	for (; (point = walk_peek(&walk)); walk.next++)
		count += point->ends == like->ends && point->stream == like->stream;
	return count;
}

struct quota {
	size_t there, most, seen;
};

/* Of notable ones the first and the last, of the others every nth. */
static bool quota_take(struct quota *quota, bool notable)
{
	size_t i = quota->seen++;

	if (quota->there <= quota->most)
		return true;
	if (notable)
		return i < quota->most / 2 || i >= quota->there - (quota->most - quota->most / 2);
	return i * quota->most / quota->there != (i + 1) * quota->most / quota->there;
}

static void copy_points(const struct report *report, const struct report_point *like, bool swap,
			struct report_entry *entry)
{
	struct walk one = walk_of(&report->notable), other = walk_of(&report->ordinary);
	struct quota notable = { count_in(&report->notable, like), NOTABLE_MAX, 0 };
	struct quota ordinary = { count_in(&report->ordinary, like), 0, 0 };
	const struct report_point *point;
	bool is_notable = false;
	size_t kept = notable.there < NOTABLE_MAX ? notable.there : NOTABLE_MAX;

	ordinary.most = REPORT_POINTS_MAX - kept;
	entry->points = calloc(REPORT_POINTS_MAX, sizeof(*entry->points));
	if (!entry->points)
		return;
	while ((point = walk_both(&one, &other, &is_notable))) {
		if (point->ends != like->ends || point->stream != like->stream ||
		    !quota_take(is_notable ? &notable : &ordinary, is_notable))
			continue;
		entry->points[entry->points_count] = *point;
		entry->points[entry->points_count++].lower ^= swap;
		if (point->index > entry->packets)
			entry->packets = point->index;
	}
}

void report_take_points(const struct report *report, const struct finding *finding,
			struct report_entry *entry)
{
	const struct event_tuple *tuple = &finding->tuple;
	const struct report_point *a, *b, *last;
	const struct ends own =
		ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port);
	__u64 ends = hash_mix(own.hash, finding->netns);

	/* what came after the verdict's time may be of the next connection with these ends */
	a = find_last(&report->notable, ends, finding->time_ns);
	b = find_last(&report->ordinary, ends, finding->time_ns);
	last = !a || (b && b->order > a->order) ? b : a;
	if (last)
		copy_points(report, last, !own.from, entry);
}
