// SPDX-License-Identifier: GPL-2.0-or-later
/* record_test.c - recordings: written, read back, cut short, damaged, from other versions */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collect.h"
#include "collect/files/record_format.h"
#include "util/outfile.h"

#define KINDS_BYTES ((EVENT_KIND_COUNT - 1) * sizeof(struct record_kind))
#define FIRST_RECORD (sizeof(struct record_file) + KINDS_BYTES)

static const struct outfile_limits plain, forced = { .force = true };

struct folder {
	char path[64];
	char file[96];
	char other[96];
};

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	strcpy(folder->path, "/tmp/sockwhy-record-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	snprintf(folder->file, sizeof(folder->file), "%s/recording", folder->path);
	snprintf(folder->other, sizeof(folder->other), "%s/other", folder->path);
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;

	unlink(folder->file);
	unlink(folder->other);
	rmdir(folder->path);
	free(folder);
	return 0;
}

struct tick {
	struct event_header head;
	struct ev_tick body;
};

static struct tick make_tick(__u32 sequence)
{
	struct tick tick = { .body = { .sequence = sequence } };

	collect_header(&tick.head, EVENT_TICK, sizeof(tick.body));
	return tick;
}

static void write_ticks(const char *path, __u32 count)
{
	struct record_writer *writer;

	assert_int_equal(record_writer_open(&writer, path, &plain), 0);
	for (__u32 i = 0; i < count; i++) {
		struct tick tick = make_tick(i);

		assert_int_equal(record_writer_take(writer, &tick, sizeof(tick)), 0);
	}
	assert_int_equal(record_writer_close(writer), 0);
}

static size_t load(const char *path, __u8 *bytes, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(bytes, 1, room, file);
	fclose(file);
	return size;
}

static void store(const char *path, const __u8 *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

/* Reads to the end; returns how many records came, and the last result. */
static int read_all(const char *path, int *result, const char **why, __u64 *skipped)
{
	struct record_reader *reader;
	const void *record;
	size_t size;
	int count = 0;

	assert_int_equal(record_reader_open(&reader, path), 0);
	while ((*result = record_reader_next(reader, &record, &size, why)) == 1)
		count++;
	/* What ended it ends it for ever. */
	assert_int_equal(record_reader_next(reader, &record, &size, why), *result);
	*skipped = record_reader_skipped(reader);
	record_reader_close(reader);
	return count;
}

static void comes_back_as_written(void **state)
{
	struct folder *folder = *state;
	struct record_reader *reader;
	const struct ev_end *end;
	const void *record;
	const char *why;
	struct stat status;
	size_t size;

	write_ticks(folder->file, 5000); /* more than a buffer */
	assert_int_equal(stat(folder->file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(status.st_size, FIRST_RECORD + 5000 * sizeof(struct tick) +
						 sizeof(struct event_header) + sizeof(*end));
	assert_int_equal(record_reader_open(&reader, folder->file), 0);
	for (__u32 i = 0; i < 5000; i++) {
		const struct tick *tick;

		assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
		tick = record;
		assert_int_equal(size, sizeof(*tick));
		assert_int_equal(tick->head.kind, EVENT_TICK);
		assert_int_equal(tick->body.sequence, i);
	}
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	end = (const void *)((const __u8 *)record + sizeof(struct event_header));
	assert_int_equal(((const struct event_header *)record)->kind, EVENT_END);
	assert_int_equal(end->records, 5000);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 0);
	assert_int_equal(record_reader_skipped(reader), 0);
	record_reader_close(reader);
}

static void peek_takes_nothing(void **state)
{
	struct folder *folder = *state;
	struct record_reader *reader;
	const void *record, *peeked, *again;
	const char *why;
	size_t size;

	write_ticks(folder->file, 2);
	assert_int_equal(record_reader_open(&reader, folder->file), 0);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(record_reader_peek(reader, &peeked, &size), 1);
	assert_int_equal(record_reader_peek(reader, &again, &size), 1);
	/* The record before the peek stays where it is. */
	assert_int_equal(((const struct tick *)record)->body.sequence, 0);
	assert_int_equal(((const struct tick *)peeked)->body.sequence, 1);
	assert_ptr_equal(peeked, again);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(((const struct tick *)record)->body.sequence, 1);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(record_reader_peek(reader, &peeked, &size), 0);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 0);
	record_reader_close(reader);
}

static void never_over_what_is_there(void **state)
{
	struct folder *folder = *state;
	struct record_writer *writer;
	struct stat status;

	write_ticks(folder->file, 1);
	assert_int_equal(record_writer_open(&writer, folder->file, &plain), -EEXIST);
	assert_int_equal(chmod(folder->file, 0644), 0);
	assert_int_equal(record_writer_open(&writer, folder->file, &forced), 0);
	assert_int_equal(record_writer_close(writer), 0);
	assert_int_equal(stat(folder->file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void never_through_a_link(void **state)
{
	struct folder *folder = *state;
	struct record_writer *writer;

	store(folder->file, (const __u8 *)"precious", 8);
	assert_int_equal(symlink(folder->file, folder->other), 0);
	assert_int_equal(record_writer_open(&writer, folder->other, &plain), -EEXIST);
	assert_int_equal(record_writer_open(&writer, folder->other, &forced), -ELOOP);
	assert_int_equal(unlink(folder->other), 0);
	assert_int_equal(link(folder->file, folder->other), 0);
	assert_int_equal(record_writer_open(&writer, folder->other, &forced), -EMLINK);
}

/* The table of kinds goes out at once, so that a full disk shows before anything else. */
static void full_disk_shows_at_once(void **state)
{
	struct record_writer *writer;

	(void)state;
	assert_int_equal(record_writer_open(&writer, "/dev/full", &forced), -ENOSPC);
}

/* A pipe whose reader goes away stands for a disk that fills up later. */
static void write_error_is_kept(void **state)
{
	struct folder *folder = *state;
	struct tick tick = make_tick(0);
	struct record_writer *writer;
	int fd, err = 0;

	assert_int_equal(mkfifo(folder->file, 0600), 0);
	fd = open(folder->file, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(record_writer_open(&writer, folder->file, &forced), 0);
	close(fd);
	for (int i = 0; i < 100000 && !err; i++)
		err = record_writer_take(writer, &tick, sizeof(tick));
	assert_int_equal(err, -EPIPE);
	assert_int_equal(record_writer_take(writer, &tick, sizeof(tick)), -EPIPE);
	assert_int_equal(record_writer_close(writer), -EPIPE);
}

static void writer_refuses_what_no_reader_takes(void **state)
{
	struct folder *folder = *state;
	struct tick tick = make_tick(0);
	struct record_writer *writer;

	assert_int_equal(record_writer_open(&writer, folder->file, &plain), 0);
	assert_int_equal(record_writer_take(writer, &tick, 20), -EBADMSG);
	tick.head.size = sizeof(tick) + 1;
	assert_int_equal(record_writer_take(writer, &tick, sizeof(tick)), -EBADMSG);
	tick.head.size = sizeof(tick.head) - 1;
	assert_int_equal(record_writer_take(writer, &tick, sizeof(tick)), -EBADMSG);
	assert_int_equal(record_writer_close(writer), 0);
}

/* Cut at every single byte: either it cannot be opened, or it ends early, never anything else. */
static void cut_short_anywhere(void **state)
{
	struct folder *folder = *state;
	__u8 bytes[8192];
	size_t whole;

	write_ticks(folder->file, 3);
	whole = load(folder->file, bytes, sizeof(bytes));
	for (size_t size = 0; size < whole; size++) {
		size_t ticks =
			size < FIRST_RECORD ? 0 : (size - FIRST_RECORD) / sizeof(struct tick);
		struct record_reader *reader;
		__u64 skipped;
		const char *why;
		int result, count;

		store(folder->other, bytes, size);
		if (size < FIRST_RECORD) {
			assert_int_equal(record_reader_open(&reader, folder->other), -EBADMSG);
			continue;
		}
		count = read_all(folder->other, &result, &why, &skipped);
		assert_int_equal(result, -EPIPE);
		assert_int_equal(count, ticks < 3 ? ticks : 3);
		assert_true(strlen(why) > 0);
	}
}

static int read_changed(struct folder *folder, size_t at, const void *change, size_t size)
{
	struct record_reader *reader;
	__u8 bytes[8192];
	size_t whole = load(folder->file, bytes, sizeof(bytes));
	int result;

	memcpy(bytes + at, change, size);
	store(folder->other, bytes, whole);
	result = record_reader_open(&reader, folder->other);
	if (!result) {
		const void *record;
		const char *why;

		while ((result = record_reader_next(reader, &record, &size, &why)) == 1)
			;
		record_reader_close(reader);
	}
	return result;
}

static void damaged_is_told(void **state)
{
	struct folder *folder = *state;
	size_t size_at = FIRST_RECORD + offsetof(struct event_header, size);
	size_t kind_at = FIRST_RECORD + offsetof(struct event_header, kind);
	size_t end_at = FIRST_RECORD + 3 * sizeof(struct tick) + sizeof(struct event_header);

	write_ticks(folder->file, 3);
	assert_int_equal(read_changed(folder, 0, "S", 1), -EBADMSG);
	assert_int_equal(read_changed(folder, size_at, &(__u16){ 0 }, 2), -EBADMSG);
	assert_int_equal(read_changed(folder, size_at, &(__u16){ 39 }, 2), -EBADMSG);
	assert_int_equal(read_changed(folder, size_at, &(__u16){ EVENT_SIZE_MAX + 1 }, 2),
			 -EBADMSG);
	assert_int_equal(read_changed(folder, size_at, &(__u16){ EVENT_SIZE_MAX }, 2), -EPIPE);
	assert_int_equal(read_changed(folder, kind_at, &(__u16){ 0 }, 2), -EBADMSG);
	assert_int_equal(read_changed(folder, kind_at, &(__u16){ 255 }, 2), -EBADMSG);
	assert_int_equal(read_changed(folder, kind_at, &(__u16){ 0xffff }, 2), -EBADMSG);
	/* A hole in the middle shows in the count of the end record. */
	assert_int_equal(read_changed(folder, end_at, &(__u64){ 4 }, 8), -EBADMSG);
}

static void other_versions_are_refused(void **state)
{
	struct folder *folder = *state;
	size_t version = offsetof(struct record_file, version);
	size_t order = offsetof(struct record_file, byte_order);
	size_t header = offsetof(struct record_file, header_size);
	size_t kinds = offsetof(struct record_file, kinds);

	write_ticks(folder->file, 1);
	assert_int_equal(read_changed(folder, version, &(__u32){ 0 }, 4), -EPROTONOSUPPORT);
	assert_int_equal(read_changed(folder, version, &(__u32){ 3 }, 4), -EPROTONOSUPPORT);
	assert_int_equal(read_changed(folder, order, &(__u32){ 0x04030201 }, 4), -EPROTONOSUPPORT);
	assert_int_equal(read_changed(folder, header, &(__u32){ 48 }, 4), -EPROTONOSUPPORT);
	assert_int_equal(read_changed(folder, kinds, &(__u32){ 0xffffffff }, 4), -EBADMSG);
	/* Two rows for one number. */
	assert_int_equal(read_changed(folder, sizeof(struct record_file), &(__u16){ 2 }, 2),
			 -EBADMSG);
}

static void bytes_after_the_end_are_told(void **state)
{
	struct folder *folder = *state;
	__u64 skipped;
	const char *why;
	int result;
	FILE *file;

	write_ticks(folder->file, 1);
	file = fopen(folder->file, "a");
	assert_non_null(file);
	fputc(0, file);
	fclose(file);
	assert_int_equal(read_all(folder->file, &result, &why, &skipped), 2);
	assert_int_equal(result, -EBADMSG);
}

/* Writes a recording as another version would: its own numbers, sizes and names. */
static void write_foreign(const char *path, const struct record_kind *kinds, __u32 count,
			  const __u16 *sizes, size_t records)
{
	struct record_file head = { .magic = RECORD_MAGIC,
				    .version = RECORD_VERSION,
				    .byte_order = RECORD_BYTE_ORDER,
				    .header_size = sizeof(struct event_header),
				    .kinds = count };
	FILE *file = fopen(path, "w");
	struct {
		struct event_header head;
		struct ev_end body;
	} end = { .body = { .records = records } };

	assert_non_null(file);
	fwrite(&head, sizeof(head), 1, file);
	fwrite(kinds, sizeof(*kinds), count, file);
	for (size_t i = 0; i < records; i++) {
		struct event_header record = { .kind = kinds[i].number,
					       .size = sizeof(record) + sizes[i] };

		fwrite(&record, sizeof(record), 1, file);
		for (int k = 0; k < sizes[i]; k++)
			fputc(k + 1, file);
	}
	collect_header(&end.head, EVENT_END, sizeof(end.body));
	end.head.kind = kinds[count - 1].number;
	fwrite(&end, sizeof(end), 1, file);
	fclose(file);
}

/* Numbers shift, kinds come and go, bodies grow and shrink: names and sizes carry a recording. */
static void kinds_are_known_by_name(void **state)
{
	static const struct record_kind kinds[] = {
		{ 77, 8, "tick" },
		{ 3, 24, "of-the-future" },
		{ 5, 4, "tick-of-another-name" },
		{ 9, 0, "end" },
	};
	static const __u16 longer[] = { 40, 24, 4 }, shorter[] = { 4, 24, 4 };
	struct folder *folder = *state;
	struct record_reader *reader;
	const struct tick *tick;
	const void *record;
	const char *why;
	size_t size;

	write_foreign(folder->file, kinds, 4, longer, 3);
	assert_int_equal(record_reader_open(&reader, folder->file), 0);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	tick = record;
	assert_int_equal(tick->head.kind, EVENT_TICK);
	assert_int_equal(size, sizeof(*tick)); /* what a newer program added is cut off */
	assert_int_equal(tick->head.size, sizeof(*tick));
	assert_int_equal(tick->body.sequence, 0x04030201);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(((const struct event_header *)record)->kind, EVENT_END);
	assert_int_equal(record_reader_skipped(reader), 2);
	record_reader_close(reader);

	write_foreign(folder->file, kinds, 4, shorter, 3);
	assert_int_equal(record_reader_open(&reader, folder->file), 0);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(size, sizeof(struct event_header) + 4); /* decode fills it up */
	record_reader_close(reader);
}

static void what_cannot_be_a_recording(void **state)
{
	struct folder *folder = *state;
	struct record_reader *reader;

	assert_int_equal(record_reader_open(&reader, folder->file), -ENOENT);
	assert_int_equal(record_reader_open(&reader, folder->path), -EISDIR);
	store(folder->file, (const __u8 *)"", 0);
	assert_int_equal(record_reader_open(&reader, folder->file), -EBADMSG);
	assert_int_equal(record_reader_open(&reader, "/dev/zero"), -EBADMSG);
}

static void a_pipe_in_pieces(void **state)
{
	struct folder *folder = *state;
	__u8 bytes[8192];
	size_t size;
	int ends[2], saved = dup(STDIN_FILENO), result;
	__u64 skipped;
	const char *why;

	write_ticks(folder->file, 3);
	size = load(folder->file, bytes, sizeof(bytes));
	assert_int_equal(pipe(ends), 0);
	if (fork() == 0) {
		close(ends[0]);
		for (size_t i = 0; i < size; i += 7)
			if (write(ends[1], bytes + i, size - i < 7 ? size - i : 7) < 0)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(read_all("-", &result, &why, &skipped), 4);
	assert_int_equal(result, 0);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(comes_back_as_written),
		TEST(peek_takes_nothing),
		TEST(never_over_what_is_there),
		TEST(never_through_a_link),
		TEST(full_disk_shows_at_once),
		TEST(write_error_is_kept),
		TEST(writer_refuses_what_no_reader_takes),
		TEST(cut_short_anywhere),
		TEST(damaged_is_told),
		TEST(other_versions_are_refused),
		TEST(bytes_after_the_end_are_told),
		TEST(kinds_are_known_by_name),
		TEST(what_cannot_be_a_recording),
		TEST(a_pipe_in_pieces),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
