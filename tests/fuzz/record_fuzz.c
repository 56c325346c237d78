// SPDX-License-Identifier: GPL-2.0-or-later
/* record_fuzz.c - the reader of recordings on hostile bytes, and the decoder behind it */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "collect/collect.h"
#include "collect/files/record_format.h"
#include "collect/files/record_old.h"
#include "decode/decode.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return fuzz_quietly();
}

static void check_record(const void *record, size_t size)
{
	static struct event event;
	struct event_header head;

	demand(size >= sizeof(head) && size <= EVENT_SIZE_MAX);
	memcpy(&head, record, sizeof(head));
	demand(head.size == size);
	demand(head.kind > EVENT_NONE && head.kind < EVENT_KIND_COUNT);
	demand(size - sizeof(head) <= decode_body_size(head.kind));
	(void)decode_event(record, size, &event);
}

/* @peeks: bit by bit, whether a record is looked at before it is taken. */
static void read_through(const char *path, unsigned int peeks)
{
	struct record_reader *reader;
	const void *record, *peeked;
	size_t size, peeked_size;
	const char *why;
	int result;

	if (record_reader_open(&reader, path))
		return;
	do {
		int foretold = 2;

		if (peeks & 1)
			foretold = record_reader_peek(reader, &peeked, &peeked_size);
		peeks = peeks >> 1 | peeks << 31;
		result = record_reader_next(reader, &record, &size, &why);
		demand(foretold == 2 ||
		       (foretold == result && peeked == record && peeked_size == size));
		if (result == 1)
			check_record(record, size);
		else
			demand(result <= 0 && why);
	} while (result == 1);
	demand(record_reader_next(reader, &record, &size, &why) == result);
	record_reader_close(reader);
}

/*
 * The first byte says what stands before the rest: nothing, or the beginning that this very program
 * writes, or the one before it, so that damage in the records is reached without guessing a table of
 * kinds first.
 */
static void write_file(int fd, const uint8_t *data, size_t size, uint8_t how)
{
	static const struct record_kind kinds[] = {
#define X(id, text, body, what) { EVENT_##id, sizeof(struct body), text },
		EVENT_KINDS(X)
#undef X
	};
	const struct record_file head = {
		.magic = RECORD_MAGIC,
		.version = how & 2 ? RECORD_VERSION_OLD : RECORD_VERSION,
		.byte_order = RECORD_BYTE_ORDER,
		.header_size = sizeof(struct event_header),
		.kinds = sizeof(kinds) / sizeof(kinds[0]),
	};

	if (how & 1) {
		demand(write(fd, &head, sizeof(head)) == sizeof(head));
		demand(write(fd, kinds, sizeof(kinds)) == sizeof(kinds));
	}
	demand(write(fd, data, size) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	int fd;

	if (size < 2)
		return 0;
	fd = memfd_create("recording", MFD_CLOEXEC);
	demand(fd >= 0);
	write_file(fd, data + 2, size - 2, data[0]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_through(path, data[1]);
	close(fd);
	return 0;
}
