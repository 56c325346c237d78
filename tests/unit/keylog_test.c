// SPDX-License-Identifier: GPL-2.0-or-later
/* keylog_test.c - a key log that grows: half lines, a new file, what is none, what was there before */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/output/keylog.h"
#include "folder.h"
#include "sinks/packets/pcapng.h"

static int make_folder(void **state)
{
	return folder_make(state, "keys");
}

#define RANDOM "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LINE(label) label " " RANDOM " 0123456789abcdef\n"

static struct keylog *follow(const char *path)
{
	struct keylog *keylog;

	assert_int_equal(keylog_follow(&keylog, path), 0);
	return keylog;
}

static void put(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* The secrets so far are these. */
static void expect(struct keylog *keylog, const char *text)
{
	size_t size;
	const char *at = keylog_poll(keylog, &size);

	assert_int_equal(size, strlen(text));
	assert_memory_equal(at, text, size);
}

/* It comes later, in parts; comments, empty lines and carriage returns are no secrets. */
static void grows(void **state)
{
	struct folder *folder = *state;
	struct keylog *keylog = follow(folder->file);

	expect(keylog, "");
	put(folder->file, "# a log\r\n\nCLIENT_", O_EXCL);
	expect(keylog, "");
	put(folder->file, "RANDOM " RANDOM " 01", O_APPEND);
	expect(keylog, "");
	put(folder->file, "23456789abcdef\r\n" LINE("EXPORTER_SECRET"), O_APPEND);
	expect(keylog, LINE("CLIENT_RANDOM") LINE("EXPORTER_SECRET"));
	assert_int_equal(keylog_counts(keylog).lines, 2);
	assert_int_equal(keylog_counts(keylog).refused, 0);
	keylog_free(keylog);
}

/* What was there before is of other connections; a file that begins anew or is another is not. */
static void begins_anew(void **state)
{
	struct folder *folder = *state;
	struct keylog *keylog;
	char other[128];

	put(folder->file, LINE("OLD") LINE("OLDER"), O_EXCL);
	keylog = follow(folder->file);
	expect(keylog, "");
	put(folder->file, LINE("NEW"), O_TRUNC);
	expect(keylog, LINE("NEW"));
	snprintf(other, sizeof(other), "%s/other", folder->path);
	put(other, LINE("OTHER"), O_EXCL);
	put(folder->file, LINE("LAST"), O_APPEND);
	assert_int_equal(rename(other, folder->file), 0);
	expect(keylog, LINE("NEW") LINE("LAST") LINE("OTHER"));
	put(folder->file, LINE("MORE"), O_APPEND);
	expect(keylog, LINE("NEW") LINE("LAST") LINE("OTHER") LINE("MORE"));
	assert_int_equal(unlink(folder->file), 0);
	expect(keylog, LINE("NEW") LINE("LAST") LINE("OTHER") LINE("MORE"));
	keylog_free(keylog);
}

/* Lines that are none are left out and counted, however long they are; the others stay. */
static void refuses_lines(void **state)
{
	struct folder *folder = *state;
	struct keylog *keylog = follow(folder->file);
	char *much = malloc(3 << 20);

	memset(much, 'A', 3 << 20);
	much[(3 << 20) - 2] = '\n';
	much[(3 << 20) - 1] = '\0';
	put(folder->file, LINE("GOOD") "root:x:0:0:root\n", O_EXCL);
	put(folder->file, much, O_APPEND);
	put(folder->file, LINE("BETTER"), O_APPEND);
	for (int i = 0; i < 4; i++) { /* not all of it at once */
		size_t size;

		keylog_poll(keylog, &size);
	}
	expect(keylog, LINE("GOOD") LINE("BETTER"));
	assert_int_equal(keylog_counts(keylog).refused, 2);
	free(much);
	keylog_free(keylog);
}

/* No more than the file of packets takes. */
static void is_bounded(void **state)
{
	struct folder *folder = *state;
	struct keylog *keylog = follow(folder->file);
	const size_t most = PCAPNG_SECRETS_MAX / strlen(LINE("MANY"));
	FILE *file = fopen(folder->file, "w");
	size_t size = 0;

	assert_non_null(file);
	for (size_t i = 0; i < most + 7; i++)
		fputs(LINE("MANY"), file);
	fclose(file);
	for (int i = 0; i < 20; i++)
		keylog_poll(keylog, &size);
	assert_int_equal(size, most * strlen(LINE("MANY")));
	assert_int_equal(keylog_counts(keylog).lines, most);
	assert_int_equal(keylog_counts(keylog).refused, 7);
	keylog_free(keylog);
}

/* What is no file is refused at the start, and no reason to wait or to go on later. */
static void no_file(void **state)
{
	struct folder *folder = *state;
	struct keylog *keylog;

	assert_int_equal(keylog_follow(&keylog, folder->path), -EISDIR);
	assert_int_equal(keylog_follow(&keylog, "/dev/null"), -ESPIPE);
	keylog = follow(folder->file);
	assert_int_equal(mkfifo(folder->file, 0600), 0);
	expect(keylog, "");
	assert_int_equal(unlink(folder->file), 0);
	put(folder->file, LINE("LATE"), O_EXCL);
	expect(keylog, "");
	keylog_free(keylog);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(grows),	  TEST(begins_anew), TEST(refuses_lines),
		TEST(is_bounded), TEST(no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
