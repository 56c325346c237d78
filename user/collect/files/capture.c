// SPDX-License-Identifier: GPL-2.0-or-later
/* capture.c - capture files, merged by time */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/files/capture.h"
#include "util/hot.h"
#include "util/log.h"
#include "util/time.h"

#define LEAP_NS \
	(24 * 3600 * NS_PER_S) /* files that are put together leap, but they do not come back */

/* A heap by the time of the front frames; of the same time the file given first. */
struct captures {
	struct capture **heap;
	size_t open; /* in the heap */
	size_t room;
	__u32 count; /* files */
	__u32 interfaces; /* seen so far, of all files */
	size_t damaged;
	__u64 dropped; /* of files that have ended */
	__u64 bytes; /* of all files, as they are on disk */
	__u8 holds; /* CAPTURE_HOLDS_* of frames */
	bool endless; /* one of them is no file: how long it is nobody knows */
	bool primed; /* every file has its first frame at the front */
	bool given; /* the frame of heap[0] was given and is still valid */
};

int captures_new(struct captures **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

struct capture_interface *capture_add_interface(struct capture *capture)
{
	struct capture_interface *interface;

	if (capture->interfaces == capture->interfaces_room) {
		__u32 room = capture->interfaces_room ? capture->interfaces_room * 2 : 4;
		void *larger = realloc(capture->interface, room * sizeof(*capture->interface));

		if (!larger)
			return NULL;
		capture->interface = larger;
		capture->interfaces_room = room;
	}
	interface = &capture->interface[capture->interfaces++];
	*interface = (struct capture_interface){ 0 };
	return interface;
}

int capture_end(struct capture *capture, int result)
{
	capture->why = result ? capture->input->why : "the file ends in the middle of the next";
	return result ? result : -EPIPE;
}

static void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	input_close(capture->input);
	free(capture->interface);
	free(capture);
}

/* ---- files ---- */

static int add_room(struct captures *captures)
{
	size_t room = captures->room ? captures->room * 2 : 4;
	void *larger;

	if (captures->open < captures->room)
		return 0;
	larger = realloc(captures->heap, room * sizeof(*captures->heap));
	if (!larger)
		return -ENOMEM;
	captures->heap = larger;
	captures->room = room;
	return 0;
}

static void note_size(struct captures *captures, const struct input *input)
{
	struct stat status;

	if (fstat(input->fd, &status) || !S_ISREG(status.st_mode))
		captures->endless = true;
	else
		captures->bytes += (__u64)status.st_size;
}

int captures_add(struct captures *captures, struct input *input)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int err;

	if (!capture || add_room(captures)) {
		input_close(input);
		free(capture);
		return log_error_r(-ENOMEM, "captures");
	}
	capture->input = input;
	note_size(captures, input);
	err = input_kind(input) == INPUT_PCAPNG ? capture_open_pcapng(capture) :
						  capture_open_pcap(capture);
	if (err) {
		log_error("%s: truncated: it ends inside its own header", input->path);
		capture_free(capture);
		captures->damaged++;
		return err;
	}
	capture->frame.file = captures->count++;
	captures->heap[captures->open++] = capture;
	return 0;
}

APART void tell_end(struct captures *captures, const struct capture *capture, int result)
{
	unsigned long long frames = capture->frame.number;
	const char *path = capture->input->path;

	captures->damaged++;
	if (result == -EPIPE || result == -EBADMSG)
		log_error("%s: %s after packet %llu: %s", path,
			  result == -EPIPE ? "truncated" : "damaged", frames, capture->why);
	else
		log_error_r(result, "%s: reading, after packet %llu", path, frames);
	if (frames)
		log_hint("the %llu packets before that were read", frames);
}

/*
 * A damaged time stamp far ahead of both its neighbours would end every wait for an answer, and
 * all that follows would lie before that end. Such a frame is given the time of the one before.
 */
APART void mend_time(struct capture *capture, __u64 before_ns)
{
	struct capture_frame *frame = &capture->frame;
	__u64 next_ns;

	if (!capture->peek(capture, &next_ns) || frame->ts_ns < next_ns + LEAP_NS)
		return;
	if (!frame->number)
		before_ns = next_ns;
	if (frame->ts_ns < before_ns + LEAP_NS)
		return;
	frame->ts_ns = before_ns;
	frame->time_known = false;
}

/* Moves the file on to its next frame. Returns as captures_next(): 0 at its end, told. */
INLINED int advance(struct captures *captures, struct capture *capture)
{
	struct capture_frame *frame = &capture->frame;
	struct capture_interface *interface;
	__u64 before_ns = frame->ts_ns;
	int result;

	frame->time_known = true;
	result = capture->next(capture);
	if (result < 0)
		tell_end(captures, capture, result);
	if (result != 1)
		return result == -ENOMEM ? result : 0;
	if (frame->ts_ns >= before_ns + LEAP_NS)
		mend_time(capture, before_ns);
	interface = &capture->interface[capture->on];
	frame->interface = capture->interface_base + capture->on;
	frame->number++;
	frame->first = !interface->ifindex;
	if (frame->first)
		interface->ifindex = ++captures->interfaces;
	frame->ifindex = interface->ifindex;
	frame->link = interface->link;
	frame->name = interface->name;
	frame->holds = interface->holds;
	captures->holds |= interface->holds;
	if (frame->wire < frame->captured)
		frame->wire = frame->captured;
	return 1;
}

/* ---- merging ---- */

static bool is_before(const struct capture *a, const struct capture *b)
{
	if (a->frame.ts_ns != b->frame.ts_ns)
		return a->frame.ts_ns < b->frame.ts_ns;
	return a->frame.file < b->frame.file;
}

APART void sift_down(struct captures *captures, size_t at)
{
	struct capture **heap = captures->heap;

	for (;;) {
		size_t least = at, child = 2 * at + 1;
		struct capture *swap;

		for (size_t i = child; i < child + 2 && i < captures->open; i++)
			if (is_before(heap[i], heap[least]))
				least = i;
		if (least == at)
			return;
		swap = heap[at];
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

/* Takes the file out of the heap; its input is closed. */
APART void end_file(struct captures *captures, size_t at)
{
	captures->dropped += captures->heap[at]->dropped;
	capture_free(captures->heap[at]);
	captures->heap[at] = captures->heap[--captures->open];
}

APART int prime(struct captures *captures)
{
	if (captures->primed)
		return 0; /* all have ended */
	captures->primed = true;
	for (size_t i = 0; i < captures->open;) {
		int result = advance(captures, captures->heap[i]);

		if (result < 0)
			return result;
		if (!result)
			end_file(captures, i); /* another takes its place */
		i += (size_t)result;
	}
	for (size_t i = captures->open; i-- > 0;)
		sift_down(captures, i);
	return 0;
}

int captures_next(struct captures *captures, const struct capture_frame **frame)
{
	int result;

	if (captures->given) {
		result = advance(captures, captures->heap[0]);
		if (!result)
			end_file(captures, 0);
		if (captures->open > 1 && result >= 0)
			sift_down(captures, 0);
	} else {
		result = prime(captures);
	}
	if (result < 0)
		return result;
	captures->given = captures->open;
	if (!captures->open)
		return 0;
	*frame = &captures->heap[0]->frame;
	return 1;
}

size_t captures_count(const struct captures *captures)
{
	return captures->count;
}

size_t captures_damaged(const struct captures *captures)
{
	return captures->damaged;
}

__u8 captures_hold(const struct captures *captures)
{
	return captures->holds;
}

__u64 captures_dropped(const struct captures *captures)
{
	__u64 dropped = captures->dropped;

	for (size_t i = 0; i < captures->open; i++)
		dropped += captures->heap[i]->dropped;
	return dropped;
}

/* How far a file was read, unpacked or not, is where it stands. */
static __u64 bytes_left(const struct input *input)
{
	off_t at = lseek(input->fd, 0, SEEK_CUR);
	struct stat status;

	return !fstat(input->fd, &status) && at >= 0 && status.st_size > at ?
		       (__u64)(status.st_size - at) :
		       0;
}

__u64 captures_left(const struct captures *captures, __u64 *total)
{
	__u64 left = 0;

	for (size_t i = 0; i < captures->open; i++)
		left += bytes_left(captures->heap[i]->input);
	*total = captures->endless ? 0 : captures->bytes;
	return left;
}

void captures_free(struct captures *captures)
{
	if (!captures)
		return;
	while (captures->open)
		capture_free(captures->heap[--captures->open]);
	free(captures->heap);
	free(captures);
}
