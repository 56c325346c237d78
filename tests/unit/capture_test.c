// SPDX-License-Identifier: GPL-2.0-or-later
/* capture_test.c - pcap files of every kind, cut and damaged; files merged by time */

#include "capture_bytes.h"

#define MICROSECONDS 0xa1b2c3d4
#define NANOSECONDS 0xa1b23c4d
#define ETHERNET 1
#define SECOND_NS 1000000000ull

static int begin(void **state)
{
	*state = calloc(1, sizeof(struct file));
	return *state ? 0 : -1;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void every_kind(void **state)
{
	struct file *file = *state;

	for (int swapped = 0; swapped < 2; swapped++) {
		for (int nanoseconds = 0; nanoseconds < 2; nanoseconds++) {
			const struct capture_frame *frame;
			struct captures *captures;

			file->length = 0;
			file->swapped = swapped;
			put_pcap(file, nanoseconds ? NANOSECONDS : MICROSECONDS, 113);
			put_record(file, 1700000000, 5, 60, 1514, 'a');
			put_record(file, 1700000001, 999999, 0, 0, 0);
			captures = captures_of(file);
			frame = next_frame(captures);
			assert_int_equal(frame->ts_ns,
					 1700000000 * SECOND_NS + (nanoseconds ? 5 : 5000));
			assert_int_equal(frame->number, 1);
			assert_int_equal(frame->captured, 60);
			assert_int_equal(frame->wire, 1514);
			assert_int_equal(frame->link, 113);
			assert_int_equal(frame->bytes[59], 'a');
			assert_int_equal(frame->ifindex, 1);
			assert_true(frame->time_known);
			assert_true(frame->first);
			assert_string_equal(frame->name, "");
			assert_false(frame->direction_known);
			frame = next_frame(captures);
			assert_int_equal(frame->number, 2);
			assert_int_equal(frame->captured, 0);
			assert_false(frame->first);
			assert_end(captures, 0);
		}
	}
}

/* A length of the check sequence stands above the link type; old writers told no wire length. */
static void odd_headers(void **state)
{
	struct file *file = *state;
	const struct capture_frame *frame;
	struct captures *captures;

	put_pcap(file, MICROSECONDS, 0x54000001);
	put_record(file, 1, 0, 60, 0, 'a');
	captures = captures_of(file);
	frame = next_frame(captures);
	assert_int_equal(frame->link, 1);
	assert_int_equal(frame->wire, 60);
	assert_end(captures, 0);
}

/* Cut at every byte: whole packets are given, the rest is told. */
static void truncated(void **state)
{
	struct file *file = *state;
	size_t whole, first, second;

	put_pcap(file, MICROSECONDS, ETHERNET);
	first = file->length;
	put_record(file, 1, 0, 60, 60, 'a');
	second = file->length;
	put_record(file, 2, 0, 80, 80, 'b');
	whole = file->length;
	for (size_t length = first; length <= whole; length++) {
		bool clean = length == first || length == second || length == whole;
		struct captures *captures;

		file->length = length;
		captures = captures_of(file);
		if (length >= second)
			assert_int_equal(next_frame(captures)->captured, 60);
		if (length == whole)
			assert_int_equal(next_frame(captures)->captured, 80);
		assert_end(captures, !clean);
	}
}

static void header_too_short(void **state)
{
	struct file *file = *state;
	struct captures *captures;

	put_pcap(file, MICROSECONDS, ETHERNET);
	assert_int_equal(captures_new(&captures), 0);
	for (size_t length = 4; length < 24; length++)
		assert_int_equal(captures_add(captures, input_of(file->bytes, length)), -EPIPE);
	assert_int_equal(captures_count(captures), 0);
	assert_int_equal(captures_damaged(captures), 20);
	captures_free(captures);
}

static void impossible_length(void **state)
{
	struct file *file = *state;
	struct captures *captures;

	put_pcap(file, MICROSECONDS, ETHERNET);
	put_record(file, 1, 0, 60, 60, 'a');
	put_record(file, 1, 0, 262144, 262144, 'b');
	put_record(file, 2, 0, 262145, 262145, 'c');
	captures = captures_of(file);
	assert_int_equal(next_frame(captures)->captured, 60);
	assert_int_equal(next_frame(captures)->captured, 262144);
	assert_end(captures, 1);
}

/* Frames do not lie in each other's way when the window slides over a file larger than itself. */
static void window_slides(void **state)
{
	struct file *file = *state;
	struct captures *captures;
	size_t count = 0;

	put_pcap(file, MICROSECONDS, ETHERNET);
	while (file->length < sizeof(file->bytes) - 4096) {
		__u32 size = (__u32)(1 + count * 37 % 2000);

		put_record(file, (__u32)count, 0, size, size, (int)count);
		count++;
	}
	captures = captures_of(file);
	for (size_t i = 0; i < count; i++) {
		const struct capture_frame *frame = next_frame(captures);

		assert_int_equal(frame->ts_ns, i * SECOND_NS);
		assert_int_equal(frame->captured, 1 + i * 37 % 2000);
		for (size_t at = 0; at < frame->captured; at++)
			assert_int_equal(frame->bytes[at], (__u8)i);
	}
	assert_end(captures, 0);
}

/* A stamp far ahead of both neighbours is damage; a leap that stays, or goes back, is not. */
static void damaged_time(void **state)
{
	static const struct {
		__u32 stamp, seconds;
		bool known;
	} rows[] = {
		{ 4000000000, 1000, false }, /* the first of all: as the one behind it */
		{ 1000, 1000, true },	     { 2894531997, 1000, false },
		{ 1001, 1001, true },	     { 1001 + 86399, 87400, true },
		{ 1002, 1002, true },	     { 3000000, 3000000, true },
		{ 3000001, 3000001, true },  { 5, 5, true },
		{ 3000002, 3000002, true },  { 4000000000, 4000000000, true },
	};
	struct file *file = *state;
	struct captures *captures;

	put_pcap(file, MICROSECONDS, ETHERNET);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_record(file, rows[i].stamp, 0, 10, 10, 'a');
	captures = captures_of(file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct capture_frame *frame = next_frame(captures);

		assert_int_equal(frame->ts_ns, rows[i].seconds * SECOND_NS);
		assert_int_equal(frame->time_known, rows[i].known);
	}
	assert_end(captures, 0);
}

/* ---- several files ---- */

static void add(struct captures *captures, struct file *file, const __u32 *times, size_t count)
{
	file->length = 0;
	put_pcap(file, MICROSECONDS, ETHERNET);
	for (size_t i = 0; i < count; i++)
		put_record(file, times[i], 0, 10, 10, (int)i);
	assert_int_equal(captures_add(captures, input_of(file->bytes, file->length)), 0);
}

static void merged_by_time(void **state)
{
	static const __u32 times[4][4] = { { 1, 5, 9, 13 }, { 2, 5, 6, 20 }, { 8, 3, 4, 5 }, { 7 } };
	/* file and time; of the same time the file given first; order within a file is kept */
	static const __u32 expected[][2] = { { 0, 1 }, { 1, 2 },  { 0, 5 }, { 1, 5 }, { 1, 6 },
					     { 3, 7 }, { 2, 8 },  { 2, 3 }, { 2, 4 }, { 2, 5 },
					     { 0, 9 }, { 0, 13 }, { 1, 20 } };
	struct captures *captures;

	assert_int_equal(captures_new(&captures), 0);
	add(captures, *state, times[0], 4);
	add(captures, *state, times[1], 4);
	add(captures, *state, times[2], 4);
	add(captures, *state, times[3], 1);
	add(captures, *state, NULL, 0);
	assert_int_equal(captures_count(captures), 5);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct capture_frame *frame = next_frame(captures);

		assert_int_equal(frame->file, expected[i][0]);
		assert_int_equal(frame->ts_ns, expected[i][1] * SECOND_NS);
		assert_int_equal(frame->interface, 0);
	}
	assert_end(captures, 0);
}

/* Interfaces are numbered over all files. */
static void many_files(void **state)
{
	struct captures *captures;
	__u64 last = 0;

	assert_int_equal(captures_new(&captures), 0);
	for (__u32 i = 0; i < 100; i++)
		add(captures, *state, (__u32[]){ 1000 - i, 2000 + i * 7 % 100 }, 2);
	for (__u32 i = 0; i < 200; i++) {
		const struct capture_frame *frame = next_frame(captures);

		assert_true(frame->ts_ns >= last);
		last = frame->ts_ns;
		assert_int_equal(frame->first, i < 100);
		assert_int_equal(frame->ifindex, frame->file + 1);
	}
	assert_end(captures, 0);
}

/* One that is damaged ends alone. */
static void damage_of_one(void **state)
{
	struct file *file = *state;
	struct captures *captures;

	assert_int_equal(captures_new(&captures), 0);
	add(captures, file, (__u32[]){ 1, 4 }, 2);
	file->length = 0;
	put_pcap(file, MICROSECONDS, ETHERNET);
	put_record(file, 2, 0, 10, 10, 'a');
	put_record(file, 3, 0, 10, 10, 'b');
	assert_int_equal(captures_add(captures, input_of(file->bytes, file->length - 1)), 0);
	assert_int_equal(next_frame(captures)->ts_ns, 1 * SECOND_NS);
	assert_int_equal(next_frame(captures)->ts_ns, 2 * SECOND_NS);
	assert_int_equal(next_frame(captures)->ts_ns, 4 * SECOND_NS);
	assert_end(captures, 1);
}

#define FILE_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(every_kind),	     FILE_TEST(odd_headers),	   FILE_TEST(truncated),
		FILE_TEST(header_too_short), FILE_TEST(impossible_length), FILE_TEST(window_slides),
		FILE_TEST(damaged_time),     FILE_TEST(merged_by_time),	   FILE_TEST(many_files),
		FILE_TEST(damage_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
