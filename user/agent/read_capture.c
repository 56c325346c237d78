// SPDX-License-Identifier: GPL-2.0-or-later
/* read_capture.c - frames of capture files become the events that a recording would hold */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "agent/pipeline.h"
#include "agent/read.h"
#include "util/log.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * collect/ finds the frames, decode/ what is in them, and here the two meet: as it is the agent
 * that hands records of the ring to decode/. A frame becomes a struct event at once, without being
 * a record between; a record is 350 bytes to write and to check, which is as long as all the rest
 * takes. That both ways agree is tested.
 *
 * A capture has no monotonic clock: packet time stands for it, and the clock record in front says
 * so (offset zero). Ticks follow packet time and never go back, even where that does; like the
 * ring's they say that every packet before them was delivered. The last one has the time of the
 * last packet: what would have come after it is not known.
 */

#define PROGRESS_EVERY 1024 /* frames: a clock costs 20 ns, and a frame 100 */
#define TICK_NS (20 * NS_PER_MS) /* as the ring's */

/* Of a longer name only so much is kept: those of other systems are no IFNAMSIZ. */
#define INTERFACE_NAME_KEPT (sizeof(((struct ev_interface *)0)->name) - 1)

struct reading {
	struct pipeline *pipeline;
	struct captures *captures;
	struct fragments *fragments;
	bool started;
	__u64 since_ns, until_ns; /* of packets that are given */
	__u64 latest_ns; /* of all frames: frames may go back */
	__u64 tick_ns; /* of the last tick */
	__u32 ticks;
	__u64 frames;
	struct progress progress;
	struct event event; /* the one being made */
};

/* Clears and fills the header of the event being made; @body_size of it is cleared, too. */
static struct event *begin_event(struct reading *reading, enum event_kind kind, size_t body_size,
				 __u64 ts_ns)
{
	struct event *event = &reading->event;

	memset(event, 0, sizeof(event->head) + body_size);
	event->head.ts_ns = ts_ns;
	event->head.kind = (__u16)kind;
	event->head.size = (__u16)(sizeof(event->head) + body_size);
	event->head.vantage = VANTAGE_FILE;
	event->packet.what = PACKET_NONE;
	event->bytes = NULL;
	event->bytes_captured = 0;
	return event;
}

/* What a recording has in front: here only that it is a capture, and that its time is real. */
static int give_start(struct reading *reading, __u64 ts_ns)
{
	struct event *event = begin_event(reading, EVENT_START, sizeof(event->start), ts_ns);
	int err;

	reading->started = true;
	reading->latest_ns = ts_ns;
	reading->tick_ns = ts_ns;
	strncpy(event->start.version, SOCKWHY_VERSION, sizeof(event->start.version) - 1);
	err = pipeline_event(reading->pipeline, event);
	if (err)
		return err;
	event = begin_event(reading, EVENT_CLOCK, sizeof(event->clock), ts_ns);
	event->clock.monotonic_ns = ts_ns;
	event->clock.realtime_ns = ts_ns;
	event->clock.boottime_ns = ts_ns;
	return pipeline_event(reading->pipeline, event);
}

static int give_tick(struct reading *reading)
{
	struct event *event =
		begin_event(reading, EVENT_TICK, sizeof(event->tick), reading->latest_ns);

	reading->tick_ns = reading->latest_ns;
	event->tick.sequence = reading->ticks++;
	return pipeline_event(reading->pipeline, event);
}

static int give_interface(struct reading *reading, const struct capture_frame *frame)
{
	struct event *event =
		begin_event(reading, EVENT_INTERFACE, sizeof(event->interface), reading->latest_ns);

	event->head.ifindex = frame->ifindex;
	strncpy(event->interface.name, frame->name, sizeof(event->interface.name) - 1);
	return pipeline_event(reading->pipeline, event);
}

static int give_frame(struct reading *reading, const struct capture_frame *frame)
{
	const struct frame_bytes bytes = { frame->bytes, frame->captured, frame->wire,
					   frame->link };
	struct event *event = &reading->event;

	event->head = (struct event_header){
		.ts_ns = frame->ts_ns,
		.ifindex = frame->ifindex,
		.kind = EVENT_FRAME,
		.vantage = VANTAGE_FILE,
	};
	event->head.size =
		(__u16)(sizeof(event->head) + decode_frame(reading->fragments, &bytes, event));
	event->frame.frame = frame->number;
	event->frame.file = frame->file;
	event->frame.interface = frame->interface;
	if (frame->holds & CAPTURE_HOLDS_HANDSHAKES)
		event->frame.how |= FRAME_F_SOME;
	if (frame->holds & CAPTURE_HOLDS_FINDINGS)
		event->frame.how |= FRAME_F_CHOSEN;
	if (!frame->time_known)
		event->frame.how |= FRAME_F_NO_TIME;
	if (frame->direction_known) {
		event->frame.how |= FRAME_F_DIRECTION;
		event->head.flags &= ~EVENT_F_OUT;
		event->head.flags |= frame->out ? EVENT_F_OUT : 0;
	}
	return pipeline_event(reading->pipeline, event);
}

/*
 * Relative times count from the first packet of all files, which is the first of the merge. What
 * is told begins with --since, where that is later.
 */
static int begin_window(struct reading *reading, __u64 first_ns)
{
	const struct options *options = reading->pipeline->options;
	const struct when *since = &options->since, *until = &options->until;

	reading->since_ns = since->relative ? first_ns + since->ns : since->ns;
	reading->until_ns = !until->given   ? UINT64_MAX :
			    until->relative ? first_ns + until->ns :
					      until->ns;
	return give_start(reading, first_ns > reading->since_ns ? first_ns : reading->since_ns);
}

/* One of a file that does not name its interfaces is not known to be another. */
static bool is_wanted(const struct reading *reading, const struct capture_frame *frame)
{
	const struct words *names = &reading->pipeline->options->interfaces;

	if (frame->ts_ns < reading->since_ns || frame->ts_ns > reading->until_ns)
		return false;
	if (!names->count || !frame->name[0])
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (!strncmp(frame->name, names->at[i], INTERFACE_NAME_KEPT))
			return true;
	return false;
}

static int take_frame(struct reading *reading, const struct capture_frame *frame)
{
	int err = 0;

	if (!reading->started)
		err = begin_window(reading, frame->ts_ns);
	if (frame->first && frame->name[0] && !err)
		err = give_interface(reading, frame);
	if (err)
		return err;
	if (!is_wanted(reading, frame)) {
		reading->pipeline->capture.outside++;
		return 0;
	}
	if (frame->ts_ns > reading->latest_ns) {
		reading->latest_ns = frame->ts_ns;
		if (reading->latest_ns - reading->tick_ns >= TICK_NS)
			err = give_tick(reading);
	}
	return err ? err : give_frame(reading, frame);
}

/* What the capturing program had to drop; its files tell it at their end, if at all. */
static int give_lost(struct reading *reading)
{
	__u64 dropped = captures_dropped(reading->captures);
	struct event *event;

	if (!dropped)
		return 0;
	event = begin_event(reading, EVENT_LOST, sizeof(event->lost), reading->latest_ns);
	event->lost.by_kind[EVENT_FRAME] = dropped;
	return pipeline_event(reading->pipeline, event);
}

/* What is told so far stands in front of it. */
static void show_progress(struct reading *reading)
{
	__u64 total, left;

	if (!progress_due(&reading->progress))
		return;
	outlets_flush(&reading->pipeline->outlets);
	left = captures_left(reading->captures, &total);
	progress_show(&reading->progress, reading->frames, left, total);
}

static int read_frames(struct reading *reading)
{
	const struct capture_frame *frame;
	int err = 0;

	progress_begin(&reading->progress, reading->pipeline->options);
	reading->pipeline->progress = &reading->progress;
	while (!err && (err = captures_next(reading->captures, &frame)) == 1) {
		err = take_frame(reading, frame);
		if (++reading->frames % PROGRESS_EVERY == 0)
			show_progress(reading);
	}
	progress_clear(&reading->progress);
	reading->pipeline->progress = NULL;
	if (!err && !reading->started)
		err = give_start(reading, 0); /* no packet at all */
	if (!err)
		err = give_lost(reading);
	return err ? err : give_tick(reading);
}

/*
 * The second time, for -w: what the findings speak of is known now. It ends where it ended the
 * first time, and nothing is counted twice.
 */
static int pick_captures(struct pipeline *pipeline, struct captures *captures)
{
	struct reading again = { .pipeline = pipeline, .captures = captures };
	const struct capture_summary summary = pipeline->capture;
	int err = captures ? fragments_new(&again.fragments) : -EIO;

	if (!err) {
		pipeline_pick_again(pipeline);
		read_frames(&again);
		pipeline_picked(pipeline);
		pipeline->capture = summary;
	}
	fragments_free(again.fragments);
	captures_free(captures);
	return err;
}

/* @files, @again: as read_captures(). Returns an exit status. */
static int judge_frames(struct reading *reading, struct output *output,
			const struct opened_files *files,
			struct captures *(*again)(const struct opened_files *files))
{
	struct pipeline *pipeline = reading->pipeline;
	struct capture_summary *summary = &pipeline->capture;
	bool early;
	int err;

	output_attach(output, pipeline);
	err = read_frames(reading); /* what broke off has been told */
	summary->files = (__u32)captures_count(reading->captures);
	summary->damaged = (__u32)captures_damaged(reading->captures);
	summary->partial = fragments_abandoned(reading->fragments);
	summary->handshakes = captures_hold(reading->captures) & CAPTURE_HOLDS_HANDSHAKES;
	summary->findings = captures_hold(reading->captures) & CAPTURE_HOLDS_FINDINGS;
	early = summary->damaged || (err && err != -ECANCELED);
	pipeline_finish(pipeline, early);
	if (outlets_want_again(&pipeline->outlets) && pick_captures(pipeline, again(files)))
		pipeline->again_failed = true;
	if (!outlets_unread(&pipeline->outlets))
		output_log_summary(pipeline, early);
	return early ? EXIT_FAILED : pipeline_status(pipeline);
}

int read_captures(const struct options *options, struct output *output, struct captures *captures,
		  const struct opened_files *files,
		  struct captures *(*again)(const struct opened_files *files))
{
	struct pipeline pipeline;
	struct reading reading = { .pipeline = &pipeline, .captures = captures };
	int err, status = EXIT_FAILED;

	err = pipeline_open(&pipeline, options);
	if (err)
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	err = fragments_new(&reading.fragments);
	if (err)
		log_error_r(err, "fragments");
	else
		status = judge_frames(&reading, output, files, again);
	fragments_free(reading.fragments);
	pipeline_close(&pipeline);
	return status;
}
