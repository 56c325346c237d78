// SPDX-License-Identifier: GPL-2.0-or-later
/* record_writer.c - writes a recording */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "collect/files/record_format.h"
#include "collect/files/record_preamble.h"
#include "collect/tell.h"
#include "util/log.h"
#include "util/outfile.h"

#define BUFFER_BYTES 65536
#define FLUSH_TICKS 10 /* 200 ms: what a crash may cost, less than a verdict takes to settle */

struct record_writer {
	struct outfile *file;
	int error; /* the first one, kept */
	__u64 records; /* in this file */
	unsigned int ticks; /* since the last flush */
	size_t length;
	__u64 file_bytes; /* of this file, without its preamble */
	bool rotates;
	struct record_preamble *preamble;
	bool preamble_full;
	__u8 buffer[BUFFER_BYTES];
};

static int flush(struct record_writer *writer)
{
	writer->ticks = 0;
	if (!writer->error && writer->length) {
		writer->error = outfile_write(writer->file, writer->buffer, writer->length);
		if (writer->error && !outfile_is_at_reserve(writer->file))
			log_error_r(writer->error, "%s: writing", outfile_path(writer->file));
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

static int append_end(struct record_writer *writer)
{
	struct {
		struct event_header head;
		struct ev_end body;
	} end;

	collect_header(&end.head, EVENT_END, sizeof(end.body));
	end.body = (struct ev_end){ .records = writer->records };
	append(writer, &end, end.head.size);
	return flush(writer);
}

int record_writer_open(struct record_writer **out, const char *path,
		       const struct outfile_limits *limits)
{
	struct record_writer *writer = calloc(1, sizeof(*writer));
	int err;

	if (!writer)
		return -ENOMEM;
	writer->rotates = limits->rotate_bytes;
	err = record_preamble_new(&writer->preamble);
	if (!err)
		err = outfile_open(&writer->file, path, limits);
	/* At once: a disk that is full already is told before anything is attached. */
	err = err ? err : append_kinds(writer);
	err = err ? err : flush(writer);
	if (err) {
		outfile_close(writer->file);
		record_preamble_free(writer->preamble);
		free(writer);
		return err;
	}
	*out = writer;
	return 0;
}

/* ---- rotation ---- */

static void keep_preamble(struct record_writer *writer, const void *record,
			  const struct event_header *head)
{
	if (record_preamble_note(writer->preamble, record, head) != RECORD_NO_ROOM)
		return;
	if (!writer->preamble_full && writer->rotates)
		log_error("%s: later files will not name everything", outfile_path(writer->file));
	writer->preamble_full = true;
}

static int append_preamble(struct record_writer *writer)
{
	struct event_header head;
	size_t size;
	const __u8 *preamble = record_preamble_bytes(writer->preamble, &size);
	int err = append_kinds(writer);

	for (size_t at = 0; !err && at < size; at += head.size) {
		memcpy(&head, preamble + at, sizeof(head));
		err = append(writer, preamble + at, head.size);
		writer->records++;
	}
	return err;
}

static int turn(struct record_writer *writer)
{
	if (append_end(writer))
		return writer->error;
	writer->error = outfile_turn(writer->file);
	writer->records = 0;
	writer->file_bytes = 0;
	return writer->error ? writer->error : append_preamble(writer);
}

/* A file holds at least as much that is new as what is repeated in front of it. */
static int turn_if_full(struct record_writer *writer, size_t size)
{
	size_t repeated;

	record_preamble_bytes(writer->preamble, &repeated);
	if (writer->file_bytes < repeated || !outfile_is_full(writer->file, writer->length + size))
		return 0;
	return turn(writer);
}

int record_writer_reopen(struct record_writer *writer)
{
	if (writer->error || outfile_prepare(writer->file) <= 0)
		return writer->error;
	return turn(writer) ? writer->error : flush(writer);
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
	if (turn_if_full(writer, head.size) || append(writer, record, head.size))
		return writer->error;
	writer->records++;
	writer->file_bytes += head.size;
	keep_preamble(writer, record, &head);
	if (head.kind == EVENT_TICK && ++writer->ticks >= FLUSH_TICKS)
		flush(writer);
	return writer->error;
}

int record_writer_close(struct record_writer *writer)
{
	int err;

	if (!writer)
		return 0;
	append_end(writer);
	err = outfile_close(writer->file);
	if (err && !writer->error)
		writer->error = log_error_r(err, "recording: closing");
	err = writer->error;
	record_preamble_free(writer->preamble);
	free(writer);
	return err;
}
