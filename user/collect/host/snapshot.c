// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshot.c - records out of a kernel iterator */

#include <errno.h>
#include <string.h>

#include "collect/collect.h"
#include "collect/tell.h"
#include "util/own.h"

#define CHUNK_BYTES 16384
#define RETRIES_MAX 1000 /* an iterator says EAGAIN after a long walk without output */

/* Delivers the whole records at the front of the buffer; returns the bytes taken or an error. */
static ssize_t deliver(const __u8 *buffer, size_t length, const struct record_sink *sink)
{
	size_t at = 0;

	while (length - at >= sizeof(struct event_header)) {
		struct event_header head;
		int err;

		memcpy(&head, buffer + at, sizeof(head));
		if (head.size < sizeof(head) || head.size > EVENT_SIZE_MAX)
			return -EBADMSG;
		if (length - at < head.size)
			break;
		err = sink->take(sink->ctx, buffer + at, head.size);
		if (err < 0)
			return err;
		at += head.size;
	}
	return at;
}

int snapshot_read(int fd, const struct record_sink *sink)
{
	__u8 buffer[CHUNK_BYTES] __attribute__((aligned(8)));
	size_t length = 0;
	int retries = 0;

	for (;;) {
		ssize_t n = read(fd, buffer + length, sizeof(buffer) - length);
		ssize_t taken;

		if (n < 0 && (errno == EINTR || errno == EAGAIN) && retries++ < RETRIES_MAX)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return length ? -EBADMSG : 0;
		retries = 0;
		length += n;
		taken = deliver(buffer, length, sink);
		if (taken < 0)
			return taken;
		length -= taken;
		memmove(buffer, buffer + taken, length);
	}
}
