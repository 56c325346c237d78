// SPDX-License-Identifier: GPL-2.0-or-later
/* outfile_test.c - files that are rotated: names, order, what is removed and what never is */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "collect/collect.h"
#include "util/outfile.h"

static int make_folder(void **state)
{
	return folder_make(state, "out.txt");
}

static const char *name_of(struct folder *folder, const char *base)
{
	snprintf(folder->name, sizeof(folder->name), "%s/%s", folder->path, base);
	return folder->name;
}

static void store(const char *path, const char *words)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(words, file);
	fclose(file);
}

static bool holds(const char *path, const char *words)
{
	char buffer[100] = "";
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		return false;
	n = fread(buffer, 1, sizeof(buffer) - 1, file);
	fclose(file);
	return n == strlen(words) && !strcmp(buffer, words);
}

static void write_word(struct outfile *outfile, const char *word)
{
	if (outfile_is_full(outfile, strlen(word)))
		assert_int_equal(outfile_turn(outfile), 0);
	assert_int_equal(outfile_write(outfile, word, strlen(word)), 0);
}

static void numbers_grow_and_the_oldest_go(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5, .files = 2 };
	struct outfile *outfile;

	/* what is there is somebody's: passed over, and never removed */
	store(name_of(folder, "out.00002.txt"), "mine");
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), 0);
	write_word(outfile, "one");
	write_word(outfile, "two");
	write_word(outfile, "three is longer than a file may be");
	write_word(outfile, "four");
	assert_string_equal(outfile_path(outfile), name_of(folder, "out.00005.txt"));
	assert_int_equal(outfile_close(outfile), 0);
	assert_true(access(folder->file, F_OK));
	assert_true(access(name_of(folder, "out.00001.txt"), F_OK));
	assert_true(holds(name_of(folder, "out.00002.txt"), "mine"));
	assert_true(access(name_of(folder, "out.00003.txt"), F_OK));
	assert_true(holds(name_of(folder, "out.00004.txt"), "three is longer than a file may be"));
	assert_true(holds(name_of(folder, "out.00005.txt"), "four"));
}

/* Somebody put another file in the place of ours: it is not ours to remove. */
static void a_file_that_was_replaced_stays(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5, .files = 2 };
	struct outfile *outfile;

	assert_int_equal(outfile_open(&outfile, folder->file, &limits), 0);
	write_word(outfile, "one");
	snprintf(folder->file, sizeof(folder->file), "%s/theirs", folder->path);
	store(folder->file, "theirs");
	assert_int_equal(rename(folder->file, name_of(folder, "out.00001.txt")), 0);
	write_word(outfile, "two");
	write_word(outfile, "three");
	write_word(outfile, "four");
	assert_int_equal(outfile_close(outfile), 0);
	assert_true(holds(name_of(folder, "out.00001.txt"), "theirs"));
	assert_true(access(name_of(folder, "out.00002.txt"), F_OK));
	assert_true(holds(name_of(folder, "out.00003.txt"), "three"));
}

static void names_without_an_extension(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5 };
	struct outfile *outfile;

	assert_int_equal(outfile_open(&outfile, name_of(folder, "night"), &limits), 0);
	assert_string_equal(outfile_path(outfile), name_of(folder, "night.00001"));
	assert_int_equal(outfile_close(outfile), 0);
	assert_int_equal(outfile_open(&outfile, name_of(folder, ".hidden"), &limits), 0);
	assert_string_equal(outfile_path(outfile), name_of(folder, ".hidden.00001"));
	assert_int_equal(outfile_close(outfile), 0);
	unlink(folder->name);
}

static void never_through_a_link(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5, .force = true }, one = { 0 };
	struct outfile *outfile;

	store(folder->file, "precious");
	assert_int_equal(symlink(folder->file, name_of(folder, "out.00001.txt")), 0);
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), -ELOOP);
	assert_int_equal(outfile_open(&outfile, folder->file, &one), -EEXIST);
	assert_true(holds(folder->file, "precious"));
}

/* The folder's name leads elsewhere now: files go on where they began. */
static void a_swapped_folder_redirects_nothing(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5, .files = 2 };
	char path[200], moved[200];
	struct outfile *outfile;

	snprintf(path, sizeof(path), "%s/log", folder->path);
	snprintf(moved, sizeof(moved), "%s/moved", folder->path);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/out.txt");
	assert_int_equal(outfile_open(&outfile, path, &limits), 0);
	write_word(outfile, "one");
	*strrchr(path, '/') = '\0';
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(folder->path, path), 0);
	write_word(outfile, "two");
	write_word(outfile, "three");
	assert_int_equal(outfile_close(outfile), 0);
	assert_int_not_equal(access(name_of(folder, "out.00002.txt"), F_OK), 0);
	assert_int_not_equal(access(name_of(folder, "moved/out.00001.txt"), F_OK), 0);
	assert_true(holds(name_of(folder, "moved/out.00002.txt"), "two"));
	assert_true(holds(name_of(folder, "moved/out.00003.txt"), "three"));
	assert_int_equal(unlink(name_of(folder, "moved/out.00002.txt")), 0);
	assert_int_equal(unlink(name_of(folder, "moved/out.00003.txt")), 0);
	assert_int_equal(rmdir(moved), 0);
}

/* logrotate: the file was moved away, or another has its name already. */
static void a_file_that_was_moved_away(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { 0 };
	struct outfile *outfile;
	char moved[200];

	snprintf(moved, sizeof(moved), "%s/out.1", folder->path);
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), 0);
	assert_int_equal(outfile_write(outfile, "one", 3), 0);
	assert_int_equal(outfile_prepare(outfile), 0); /* it is in its place */
	assert_int_equal(rename(folder->file, moved), 0);
	assert_int_equal(outfile_prepare(outfile), 1);
	assert_int_equal(outfile_write(outfile, "end", 3), 0); /* still into the old one */
	assert_int_equal(outfile_turn(outfile), 0);
	assert_int_equal(outfile_write(outfile, "two", 3), 0);
	assert_true(holds(moved, "oneend"));
	assert_true(holds(folder->file, "two"));
	assert_int_equal(rename(folder->file, moved), 0);
	store(folder->file, "theirs");
	assert_int_equal(outfile_prepare(outfile), -EEXIST);
	assert_int_equal(outfile_write(outfile, "three", 5), 0);
	assert_int_equal(outfile_close(outfile), 0);
	assert_true(holds(moved, "twothree"));
	assert_true(holds(folder->file, "theirs"));
}

/* --force: whoever owns the file that stands there could read on in what is written. */
static void a_file_of_another_owner_stays(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { .force = true };
	struct outfile *outfile;

	if (geteuid()) {
		print_message("only root can make a file of another owner\n");
		skip();
	}
	store(folder->file, "theirs");
	assert_int_equal(chown(folder->file, 65534, 65534), 0);
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), -EPERM);
	assert_true(holds(folder->file, "theirs"));
	assert_int_equal(chown(folder->file, 0, 65534), 0);
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), 0);
	assert_int_equal(outfile_close(outfile), 0);
	assert_true(holds(folder->file, ""));
}

/* SIGXFSZ, once ignored as main() does: a limit on the size of files is a full disk. */
static void a_limit_on_files_is_a_full_disk(void **state)
{
	struct folder *folder = *state;
	const struct outfile_limits limits = { 0 };
	struct rlimit before, small;
	struct outfile *outfile;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 5;
	assert_int_equal(outfile_open(&outfile, folder->file, &limits), 0);
	assert_int_equal(outfile_write(outfile, "one", 3), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(outfile_write(outfile, "three", 5), -ENOSPC);
	assert_true(outfile_is_at_reserve(outfile));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(outfile_close(outfile), 0);
	assert_true(holds(folder->file, "one"));
}

/* A rotated recording: every file can be read by itself and begins with what holds from before. */
static void rotated_recording(void **state)
{
	struct {
		struct event_header head;
		union {
			struct ev_start start;
			struct ev_clock clock;
			struct ev_name name;
			struct ev_tick tick;
			struct ev_packet packet;
		};
	} record;
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 65536 };
	struct record_writer *writer;
	int files = 0, packets = 0;

	memset(&record, 0, sizeof(record));
	assert_int_equal(record_writer_open(&writer, folder->file, &limits), 0);
	collect_header(&record.head, EVENT_START, sizeof(record.start));
	assert_int_equal(record_writer_take(writer, &record, record.head.size), 0);
	for (__u64 i = 0; i < 3; i++) {
		collect_header(&record.head, EVENT_CLOCK, sizeof(record.clock));
		record.clock.realtime_ns = i;
		assert_int_equal(record_writer_take(writer, &record, record.head.size), 0);
	}
	for (int i = 0; i < 1000; i++) {
		collect_header(&record.head, EVENT_PACKET, sizeof(record.packet));
		assert_int_equal(record_writer_take(writer, &record, record.head.size), 0);
	}
	assert_int_equal(record_writer_close(writer), 0);
	for (int i = 1; i < 100; i++) {
		__u64 by_kind[EVENT_KIND_COUNT] = { 0 };
		struct record_reader *reader;
		struct event_header head;
		const void *bytes;
		const char *why;
		size_t size;
		int err;

		snprintf(folder->name, sizeof(folder->name), "%s/out.%05d.txt", folder->path, i);
		if (access(folder->name, F_OK))
			break;
		files++;
		assert_int_equal(record_reader_open(&reader, folder->name), 0);
		while ((err = record_reader_next(reader, &bytes, &size, &why)) == 1) {
			memcpy(&head, bytes, sizeof(head));
			by_kind[head.kind]++;
			if (head.kind == EVENT_CLOCK && i > 1) {
				memcpy(&record, bytes, size);
				assert_int_equal(record.clock.realtime_ns, 2);
			}
		}
		assert_int_equal(err, 0);
		assert_int_equal(by_kind[EVENT_START], 1);
		assert_int_equal(by_kind[EVENT_CLOCK], i == 1 ? 3 : 1);
		packets += by_kind[EVENT_PACKET];
		record_reader_close(reader);
	}
	assert_true(files > 3);
	assert_int_equal(packets, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_grow_and_the_oldest_go, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(a_file_that_was_replaced_stays, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(names_without_an_extension, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(never_through_a_link, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(a_swapped_folder_redirects_nothing, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(a_file_that_was_moved_away, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(a_file_of_another_owner_stays, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(a_limit_on_files_is_a_full_disk, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(rotated_recording, make_folder, folder_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
