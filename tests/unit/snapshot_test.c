// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshot_test.c - records out of a file descriptor that gives them in any pieces */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collect.h"

#define RECORDS 400 /* 77 KB: several buffers */

struct socket_record {
	struct event_header head;
	struct ev_snapshot body;
};

struct heard {
	__u64 count;
	__u64 stop_at;
};

static int hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;
	const struct socket_record *socket = record;

	assert_int_equal(size, sizeof(*socket));
	assert_int_equal(socket->head.cookie, heard->count);
	heard->count++;
	return heard->count == heard->stop_at ? -ENOSPC : 0;
}

/* Gives @size bytes of records in writes of @piece bytes. */
static int give(const void *bytes, size_t size, size_t piece)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	if (!fork()) {
		close(ends[0]);
		for (size_t at = 0; at < size; at += piece)
			if (write(ends[1], (const __u8 *)bytes + at,
				  size - at < piece ? size - at : piece) < 0)
				break;
		_exit(0);
	}
	close(ends[1]);
	return ends[0];
}

static void fill(struct socket_record *records)
{
	for (__u64 i = 0; i < RECORDS; i++) {
		collect_header(&records[i].head, EVENT_SOCKET, sizeof(records[i].body));
		records[i].head.cookie = i;
	}
}

static int read_in_pieces(const void *bytes, size_t size, size_t piece, struct heard *heard)
{
	const struct record_sink sink = { hear, heard };
	int fd = give(bytes, size, piece);
	int err = snapshot_read(fd, &sink);

	close(fd);
	wait(NULL);
	return err;
}

static void any_pieces(void **state)
{
	static const size_t pieces[] = { 1, 39, 41, 192, 4096, 65536 };
	static struct socket_record records[RECORDS];

	(void)state;
	fill(records);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct heard heard = { 0 };

		assert_int_equal(read_in_pieces(records, sizeof(records), pieces[i], &heard), 0);
		assert_int_equal(heard.count, RECORDS);
	}
}

static void nothing_is_no_error(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	assert_int_equal(read_in_pieces("", 0, 1, &heard), 0);
	assert_int_equal(heard.count, 0);
}

static void a_broken_end_is_told(void **state)
{
	static struct socket_record records[RECORDS];
	struct heard heard = { 0 };

	(void)state;
	fill(records);
	assert_int_equal(read_in_pieces(records, sizeof(records) - 1, 1000, &heard), -EBADMSG);
	assert_int_equal(heard.count, RECORDS - 1);
	heard = (struct heard){ 0 };
	records[3].head.size = 7;
	assert_int_equal(read_in_pieces(records, sizeof(records), 1000, &heard), -EBADMSG);
	assert_int_equal(heard.count, 3);
}

static void the_sink_ends_it(void **state)
{
	static struct socket_record records[RECORDS];
	struct heard heard = { .stop_at = 5 };

	(void)state;
	fill(records);
	assert_int_equal(read_in_pieces(records, sizeof(records), 65536, &heard), -ENOSPC);
	assert_int_equal(heard.count, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_pieces),
		cmocka_unit_test(nothing_is_no_error),
		cmocka_unit_test(a_broken_end_is_told),
		cmocka_unit_test(the_sink_ends_it),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
