// SPDX-License-Identifier: GPL-2.0-or-later
/* record_reader.c - reads a recording; trusts nothing in it */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "collect/record_format.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"

#define BUFFER_BYTES 65536

_Static_assert(BUFFER_BYTES >= EVENT_SIZE_MAX, "a record must fit");

/* What a number of the file's table means to this program. */
struct meaning {
	bool listed;
	__u16 number; /* ours; 0: a kind this program does not know */
	__u16 body_size; /* ours */
};

struct reading {
	int result; /* as record_reader_next() returns */
	const char *why;
	size_t size;
	__u8 record[EVENT_SIZE_MAX] __attribute__((aligned(8)));
};

struct record_reader {
	int fd;
	bool own_fd;
	bool ended; /* the end record was given */
	bool peeked; /* readings[front] was not taken yet */
	unsigned int front; /* two, so that a peek leaves the record before it in place */
	struct reading readings[2];
	__u64 records; /* as the writer counted: unknown kinds too */
	__u64 skipped;
	size_t at;
	size_t length;
	struct meaning meanings[RECORD_KINDS_MAX];
	__u8 buffer[BUFFER_BYTES];
};

static const struct {
	const char *name;
	__u16 number;
	__u16 body_size;
} own_kinds[] = {
#define X(id, text, body, what) { text, EVENT_##id, sizeof(struct body) },
	EVENT_KINDS(X)
#undef X
};

/*
 * Makes @size bytes stand at buffer[at]. Returns 1; 0 if the file ends before; negative errno.
 */
static int fill(struct record_reader *reader, size_t size)
{
	if (reader->length - reader->at >= size)
		return 1;
	memmove(reader->buffer, reader->buffer + reader->at, reader->length - reader->at);
	reader->length -= reader->at;
	reader->at = 0;
	while (reader->length < size) {
		ssize_t n = read(reader->fd, reader->buffer + reader->length,
				 sizeof(reader->buffer) - reader->length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		reader->length += n;
	}
	return 1;
}

static int refuse(const char *path, const char *what)
{
	log_error("%s: %s", path, what);
	log_hint("`--record FILE` makes a recording; capture files are not recordings");
	return -EBADMSG;
}

/* Learns what the numbers in this file mean. */
static int read_kinds(struct record_reader *reader, const char *path, __u32 kinds)
{
	for (__u32 i = 0; i < kinds; i++) {
		struct record_kind kind;
		struct meaning *meaning;

		if (fill(reader, sizeof(kind)) != 1)
			return refuse(path, "the recording ends early, in its own table of kinds");
		memcpy(&kind, reader->buffer + reader->at, sizeof(kind));
		reader->at += sizeof(kind);
		if (kind.number >= RECORD_KINDS_MAX || reader->meanings[kind.number].listed)
			return refuse(path, "damaged: its table of kinds contradicts itself");
		meaning = &reader->meanings[kind.number];
		meaning->listed = true;
		for (size_t k = 0; k < ARRAY_SIZE(own_kinds); k++) {
			if (strncmp(own_kinds[k].name, kind.name, sizeof(kind.name)) != 0)
				continue;
			meaning->number = own_kinds[k].number;
			meaning->body_size = own_kinds[k].body_size;
		}
	}
	return 0;
}

static int read_file_header(struct record_reader *reader, const char *path)
{
	struct record_file head;
	int err = fill(reader, sizeof(head));

	if (err < 0)
		return log_error_r(err, "%s: reading", path);
	if (!err)
		return refuse(path, reader->length ? "too short for a recording" : "empty");
	memcpy(&head, reader->buffer, sizeof(head));
	if (memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)))
		return refuse(path, "not a recording");
	if (head.byte_order != RECORD_BYTE_ORDER) {
		log_error("%s: recorded on a machine of the other byte order", path);
		log_hint("read it on a machine like the one that recorded it");
		return -EPROTONOSUPPORT;
	}
	if (head.version != RECORD_VERSION || head.header_size != sizeof(struct event_header)) {
		log_error("%s: a recording of format %u.%u, this program reads format %u.%zu", path,
			  head.version, head.header_size, RECORD_VERSION,
			  sizeof(struct event_header));
		log_hint("read it with the version of sockwhy that made it");
		return -EPROTONOSUPPORT;
	}
	if (head.kinds > RECORD_KINDS_MAX)
		return refuse(path, "damaged: its table of kinds is too long");
	reader->at = sizeof(head);
	return read_kinds(reader, path, head.kinds);
}

int record_reader_open(struct record_reader **out, const char *path)
{
	struct record_reader *reader = calloc(1, sizeof(*reader));
	int err;

	if (!reader)
		return -ENOMEM;
	reader->own_fd = strcmp(path, "-") != 0;
	reader->fd = reader->own_fd ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
	if (reader->fd < 0)
		err = log_error_r(-errno, "%s", path);
	else
		err = read_file_header(reader, reader->own_fd ? path : "standard input");
	if (err) {
		record_reader_close(reader);
		return err;
	}
	*out = reader;
	return 0;
}

static int end_reading(struct reading *reading, int result, const char *why)
{
	reading->why = why;
	reading->result = result;
	return result;
}

/* The end record says how many stand before it: a hole in the middle shows. */
static int check_end(struct record_reader *reader, struct reading *reading)
{
	struct ev_end end = { 0 };
	size_t body_size = reading->size - sizeof(struct event_header);

	memcpy(&end, reading->record + sizeof(struct event_header),
	       body_size < sizeof(end) ? body_size : sizeof(end));
	if (end.records != reader->records)
		return end_reading(reading, -EBADMSG, "the end record counts other records");
	reader->ended = true;
	return 1;
}

/* Takes the record at the front of the buffer. Returns 1, 0 for an unknown kind, or -EBADMSG. */
static int take_record(struct record_reader *reader, struct reading *reading,
		       const struct event_header *file_head)
{
	const struct meaning *meaning = &reader->meanings[file_head->kind];
	struct event_header head = *file_head;
	size_t size = head.size;

	if (meaning->number && size > sizeof(head) + meaning->body_size)
		size = sizeof(head) + meaning->body_size; /* a newer program's further fields */
	head.kind = meaning->number;
	head.size = size;
	memcpy(reading->record, &head, sizeof(head));
	memcpy(reading->record + sizeof(head), reader->buffer + reader->at + sizeof(head),
	       size - sizeof(head));
	reading->size = size;
	reader->at += file_head->size;
	if (head.kind == EVENT_END)
		return check_end(reader, reading);
	reader->records++;
	if (meaning->number)
		return 1;
	reader->skipped++;
	return 0;
}

static int read_record(struct record_reader *reader, struct reading *reading)
{
	struct event_header head;
	int have;

	reading->why = "";
	for (;;) {
		have = fill(reader, reader->ended ? 1 : sizeof(head));
		if (have < 0)
			return end_reading(reading, have, "reading failed");
		if (reader->ended)
			return have ? end_reading(reading, -EBADMSG,
						  "bytes follow the end record") :
				      end_reading(reading, 0, "");
		if (!have && reader->length)
			return end_reading(reading, -EPIPE, "it ends in the middle of a record");
		if (!have)
			return end_reading(reading, -EPIPE, "it has no end record");
		memcpy(&head, reader->buffer + reader->at, sizeof(head));
		if (head.size < sizeof(head) || head.size > EVENT_SIZE_MAX)
			return end_reading(reading, -EBADMSG, "a record has an impossible size");
		if (head.kind >= RECORD_KINDS_MAX || !reader->meanings[head.kind].listed)
			return end_reading(reading, -EBADMSG,
					   "a record has a kind the file does not list");
		have = fill(reader, head.size);
		if (have < 0)
			return end_reading(reading, have, "reading failed");
		if (!have)
			return end_reading(reading, -EPIPE, "it ends in the middle of a record");
		have = take_record(reader, reading, &head);
		if (have)
			return reading->result = have;
	}
}

/* The reading at the front: made now unless a peek or the end made it. */
static struct reading *front(struct record_reader *reader)
{
	struct reading *current = &reader->readings[reader->front];

	if (reader->peeked || (current->why && current->result <= 0))
		return current; /* what ended the recording ends it for ever */
	reader->front ^= 1;
	current = &reader->readings[reader->front];
	read_record(reader, current);
	return current;
}

int record_reader_next(struct record_reader *reader, const void **record, size_t *size,
		       const char **why)
{
	struct reading *reading = front(reader);

	reader->peeked = false;
	*record = reading->record;
	*size = reading->result == 1 ? reading->size : 0;
	*why = reading->why;
	return reading->result;
}

int record_reader_peek(struct record_reader *reader, const void **record, size_t *size)
{
	struct reading *reading = front(reader);

	reader->peeked = true;
	*record = reading->record;
	*size = reading->result == 1 ? reading->size : 0;
	return reading->result;
}

__u64 record_reader_skipped(const struct record_reader *reader)
{
	return reader->skipped;
}

void record_reader_close(struct record_reader *reader)
{
	if (!reader)
		return;
	if (reader->own_fd && reader->fd >= 0)
		close(reader->fd);
	free(reader);
}
