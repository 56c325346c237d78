// SPDX-License-Identifier: GPL-2.0-or-later
/* record_writer.c - writes a recording */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/collect.h"
#include "collect/record_format.h"
#include "collect/tell.h"
#include "util/file.h"
#include "util/log.h"

#define BUFFER_BYTES 65536
#define FLUSH_TICKS 10 /* 200 ms: what a crash may cost, less than a verdict takes to settle */

struct record_writer {
	int fd;
	int error; /* the first one, kept */
	__u64 records;
	unsigned int ticks; /* since the last flush */
	size_t length;
	char *path;
	__u8 buffer[BUFFER_BYTES];
};

static int flush(struct record_writer *writer)
{
	size_t at = 0;

	writer->ticks = 0;
	while (!writer->error && at < writer->length) {
		ssize_t n = write(writer->fd, writer->buffer + at, writer->length - at);

		if (n > 0)
			at += n;
		else if (n == 0 || errno != EINTR)
			writer->error = log_error_r(n ? -errno : -EIO, "%s: writing", writer->path);
	}
	writer->length = 0;
	return writer->error;
}

static int append(struct record_writer *writer, const void *bytes, size_t size)
{
	if (!writer->error && writer->length + size > sizeof(writer->buffer))
		flush(writer);
	if (writer->error)
		return writer->error;
	memcpy(writer->buffer + writer->length, bytes, size);
	writer->length += size;
	return 0;
}

static int append_kinds(struct record_writer *writer)
{
	static const struct record_kind kinds[] = {
#define X(id, text, body, what) { EVENT_##id, sizeof(struct body), text },
		EVENT_KINDS(X)
#undef X
	};
	struct record_file head = {
		.magic = RECORD_MAGIC,
		.version = RECORD_VERSION,
		.byte_order = RECORD_BYTE_ORDER,
		.header_size = sizeof(struct event_header),
		.kinds = sizeof(kinds) / sizeof(kinds[0]),
	};

	append(writer, &head, sizeof(head));
	return append(writer, kinds, sizeof(kinds));
}

int record_writer_open(struct record_writer **out, const char *path, bool force)
{
	struct record_writer *writer = calloc(1, sizeof(*writer));
	int err = -ENOMEM;

	if (!writer)
		return -ENOMEM;
	writer->fd = -1;
	writer->path = strdup(path);
	if (!writer->path)
		goto fail;
	writer->fd = file_create(path, force);
	if (writer->fd < 0) {
		err = writer->fd;
		goto fail;
	}
	/* At once: a disk that is full already is told before anything is attached. */
	err = append_kinds(writer);
	if (!err)
		err = flush(writer);
	if (err)
		goto fail;
	*out = writer;
	return 0;
fail:
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer->path);
	free(writer);
	return err;
}

int record_writer_take(struct record_writer *writer, const void *record, size_t size)
{
	struct event_header head;

	if (writer->error)
		return writer->error;
	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, record, sizeof(head));
	if (head.size < sizeof(head) || head.size > size || head.size > EVENT_SIZE_MAX)
		return -EBADMSG; /* a reader would refuse the whole file */
	if (append(writer, record, head.size))
		return writer->error;
	writer->records++;
	if (head.kind == EVENT_TICK && ++writer->ticks >= FLUSH_TICKS)
		flush(writer);
	return writer->error;
}

int record_writer_close(struct record_writer *writer)
{
	struct {
		struct event_header head;
		struct ev_end body;
	} end;
	int err;

	if (!writer)
		return 0;
	collect_header(&end.head, EVENT_END, sizeof(end.body));
	end.body = (struct ev_end){ .records = writer->records };
	append(writer, &end, end.head.size);
	flush(writer);
	if (close(writer->fd) && !writer->error)
		writer->error = log_error_r(-errno, "%s: closing", writer->path);
	err = writer->error;
	free(writer->path);
	free(writer);
	return err;
}
