// SPDX-License-Identifier: GPL-2.0-or-later
/* record_reader.c - reads a recording; trusts nothing in it */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/files/input.h"
#include "collect/files/record_format.h"
#include "collect/files/record_old.h"
#include "util/array.h"
#include "util/log.h"

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
	struct input *input;
	bool old; /* of RECORD_VERSION_OLD */
	bool ended; /* the end record was given */
	bool peeked; /* readings[front] was not taken yet */
	unsigned int front; /* two, so that a peek leaves the record before it in place */
	struct reading readings[2];
	__u64 records; /* as the writer counted: unknown kinds too */
	__u64 skipped;
	struct meaning meanings[RECORD_KINDS_MAX];
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

		if (input_need(reader->input, sizeof(kind)) != 1)
			return refuse(path, "the recording ends early, in its own table of kinds");
		memcpy(&kind, input_at(reader->input), sizeof(kind));
		input_take(reader->input, sizeof(kind));
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
	int err = input_need(reader->input, sizeof(head));

	if (err < 0)
		return log_error_r(err, "%s: reading", path);
	if (!err)
		return refuse(path,
			      input_has(reader->input) ? "too short for a recording" : "empty");
	memcpy(&head, input_at(reader->input), sizeof(head));
	if (memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)))
		return refuse(path, "not a recording");
	if (head.byte_order != RECORD_BYTE_ORDER) {
		log_error("%s: recorded on a machine of the other byte order", path);
		log_hint("read it on a machine like the one that recorded it");
		return -EPROTONOSUPPORT;
	}
	reader->old = head.version == RECORD_VERSION_OLD;
	if ((head.version != RECORD_VERSION && !reader->old) ||
	    head.header_size != sizeof(struct event_header)) {
		log_error("%s: a recording of format %u.%u, this program reads format %u.%zu", path,
			  head.version, head.header_size, RECORD_VERSION,
			  sizeof(struct event_header));
		log_hint("read it with the version of sockwhy that made it");
		return -EPROTONOSUPPORT;
	}
	if (head.kinds > RECORD_KINDS_MAX)
		return refuse(path, "damaged: its table of kinds is too long");
	input_take(reader->input, sizeof(head));
	return read_kinds(reader, path, head.kinds);
}

int record_reader_new(struct record_reader **out, struct input *input)
{
	struct record_reader *reader = calloc(1, sizeof(*reader));
	int err;

	if (!reader) {
		input_close(input);
		return -ENOMEM;
	}
	reader->input = input;
	err = read_file_header(reader, input->path);
	if (err)
		record_reader_close(reader);
	else
		*out = reader;
	return err;
}

int record_reader_open(struct record_reader **out, const char *path)
{
	struct input *input;
	int err = input_open(&input, path);

	return err ? err : record_reader_new(out, input);
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
	const __u8 *body = (const __u8 *)input_at(reader->input) + sizeof(head);
	size_t size = head.size - sizeof(head), moved = 0;

	head.kind = meaning->number;
	if (reader->old)
		moved = record_old_body(&head, body, size, reading->record + sizeof(head));
	if (!moved) {
		if (meaning->number && size > meaning->body_size)
			size = meaning->body_size; /* a newer program's further fields */
		memcpy(reading->record + sizeof(head), body, size);
	} else {
		size = moved;
	}
	size += sizeof(head);
	head.size = size;
	memcpy(reading->record, &head, sizeof(head));
	reading->size = size;
	input_take(reader->input, file_head->size);
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
		have = input_need(reader->input, reader->ended ? 1 : sizeof(head));
		if (have < 0)
			return end_reading(reading, have, reader->input->why);
		if (reader->ended)
			return have ? end_reading(reading, -EBADMSG,
						  "bytes follow the end record") :
				      end_reading(reading, 0, "");
		if (!have && input_has(reader->input))
			return end_reading(reading, -EPIPE, "it ends in the middle of a record");
		if (!have)
			return end_reading(reading, -EPIPE, "it has no end record");
		memcpy(&head, input_at(reader->input), sizeof(head));
		if (head.size < sizeof(head) || head.size > EVENT_SIZE_MAX)
			return end_reading(reading, -EBADMSG, "a record has an impossible size");
		if (head.kind >= RECORD_KINDS_MAX || !reader->meanings[head.kind].listed)
			return end_reading(reading, -EBADMSG,
					   "a record has a kind the file does not list");
		have = input_need(reader->input, head.size);
		if (have < 0)
			return end_reading(reading, have, reader->input->why);
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
	input_close(reader->input);
	free(reader);
}
