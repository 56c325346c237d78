// SPDX-License-Identifier: GPL-2.0-or-later
/* input_test.c - what a file is, packed or not, and what is left of a damaged one */

#include <zlib.h>
#include <zstd.h>

#include "capture_bytes.h"
#include "collect/files/input.h"

#define PLAIN_BYTES 600000 /* more than two windows */

struct bytes {
	__u8 plain[PLAIN_BYTES];
	__u8 packed[PLAIN_BYTES * 2];
	size_t size;
};

static int begin(void **state)
{
	struct bytes *bytes = calloc(1, sizeof(*bytes));
	__u32 x = 1;

	if (!bytes)
		return -1;
	for (size_t i = 0; i < PLAIN_BYTES; i++) {
		x = x * 1664525 + 1013904223;
		bytes->plain[i] = i % 64 < 40 ? (__u8)(x >> 24) : 0;
	}
	memcpy(bytes->plain, "\xd4\xc3\xb2\xa1", 4);
	*state = bytes;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

/* Appends a gzip member of the part. */
static void pack_gzip(struct bytes *bytes, size_t from, size_t size)
{
	z_stream stream = { .next_in = bytes->plain + from,
			    .avail_in = (uInt)size,
			    .next_out = bytes->packed + bytes->size,
			    .avail_out = (uInt)(sizeof(bytes->packed) - bytes->size) };

	assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	bytes->size = sizeof(bytes->packed) - stream.avail_out;
	deflateEnd(&stream);
}

static void pack_zstd(struct bytes *bytes, size_t from, size_t size)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t packed;

	assert_non_null(context);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	packed = ZSTD_compress2(context, bytes->packed + bytes->size,
				sizeof(bytes->packed) - bytes->size, bytes->plain + from, size);
	ZSTD_freeCCtx(context);
	assert_false(ZSTD_isError(packed));
	bytes->size += packed;
}

/* Reads to the end in steps of @step. Returns how many bytes were right, and how it ended. */
static size_t read_through(const struct bytes *bytes, const __u8 *file, size_t size, size_t step,
			   int *end)
{
	struct input *input = input_of(file, size);
	size_t at = 0;
	int have;

	while ((have = input_need(input, step)) == 1) {
		assert_true(at + step <= PLAIN_BYTES);
		assert_memory_equal(input_at(input), bytes->plain + at, step);
		input_take(input, step);
		at += step;
	}
	assert_true(at + input_has(input) <= PLAIN_BYTES);
	assert_memory_equal(input_at(input), bytes->plain + at, input_has(input));
	at += input_has(input);
	*end = have;
	if (have < 0)
		assert_non_null(input->why);
	input_close(input);
	return at;
}

static void check_whole(const struct bytes *bytes, const __u8 *file, size_t size)
{
	static const size_t steps[] = { 1000, 262144, 300000, PLAIN_BYTES };
	int end;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(read_through(bytes, file, size, steps[i], &end), PLAIN_BYTES);
		assert_int_equal(end, 0);
	}
}

static void plain(void **state)
{
	struct bytes *bytes = *state;

	check_whole(bytes, bytes->plain, PLAIN_BYTES);
}

/* In one piece, and in several that follow each other, as appending to a file makes them. */
static void packed(void **state)
{
	static void (*const packs[])(struct bytes *, size_t, size_t) = { pack_gzip, pack_zstd };
	struct bytes *bytes = *state;

	for (int i = 0; i < 2; i++) {
		bytes->size = 0;
		packs[i](bytes, 0, PLAIN_BYTES);
		assert_true(bytes->size < PLAIN_BYTES);
		check_whole(bytes, bytes->packed, bytes->size);
		bytes->size = 0;
		packs[i](bytes, 0, 10);
		packs[i](bytes, 10, 0);
		packs[i](bytes, 10, 300000);
		packs[i](bytes, 300010, PLAIN_BYTES - 300010);
		check_whole(bytes, bytes->packed, bytes->size);
	}
}

/* What was unpacked before the end is there. */
static void packed_and_cut(void **state)
{
	static void (*const packs[])(struct bytes *, size_t, size_t) = { pack_gzip, pack_zstd };
	struct bytes *bytes = *state;
	int end;

	for (int i = 0; i < 2; i++) {
		size_t least = i ? 131072 : 1; /* zstd gives whole blocks */

		bytes->size = 0;
		packs[i](bytes, 0, PLAIN_BYTES);
		assert_in_range(read_through(bytes, bytes->packed, bytes->size - 1, 1000, &end),
				PLAIN_BYTES - 1000 - (i ? 131072 : 0), PLAIN_BYTES);
		assert_int_equal(end, -EPIPE);
		assert_in_range(read_through(bytes, bytes->packed, bytes->size / 2, 1000, &end),
				least, PLAIN_BYTES / 3 * 2);
		assert_int_equal(end, -EPIPE);
		assert_int_equal(read_through(bytes, bytes->packed, 5, 1000, &end), 0);
		assert_int_equal(end, -EPIPE);
	}
}

static void packed_and_damaged(void **state)
{
	static void (*const packs[])(struct bytes *, size_t, size_t) = { pack_gzip, pack_zstd };
	struct bytes *bytes = *state;
	struct input *input;

	for (int i = 0; i < 2; i++) {
		bytes->size = 0;
		packs[i](bytes, 0, PLAIN_BYTES);
		memset(bytes->packed + bytes->size / 2, 0xff, 4096);
		input = input_of(bytes->packed, bytes->size);
		assert_int_equal(input_skip(input, 50000), 1);
		assert_int_equal(input_skip(input, PLAIN_BYTES), -EBADMSG);
		assert_int_equal(input_skip(input, PLAIN_BYTES), -EBADMSG); /* for ever */
		assert_non_null(input->why);
		input_close(input);
		/* something else behind the end */
		bytes->size = 0;
		packs[i](bytes, 0, 100);
		memcpy(bytes->packed + bytes->size, "garbage", 7);
		input = input_of(bytes->packed, bytes->size + 7);
		assert_int_equal(input_need(input, 100), 1);
		assert_int_equal(input_need(input, 101), -EBADMSG);
		input_close(input);
	}
}

static void kinds(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum input_kind kind;
	} cases[] = {
		{ "", 0, INPUT_EMPTY },
		{ "\xa1", 1, INPUT_OTHER },
		{ "\xa1\xb2\xc3", 3, INPUT_OTHER },
		{ "\xa1\xb2\xc3\xd4", 4, INPUT_PCAP },
		{ "\xd4\xc3\xb2\xa1", 4, INPUT_PCAP },
		{ "\xa1\xb2\x3c\x4d", 4, INPUT_PCAP },
		{ "\x4d\x3c\xb2\xa1 and more than that", 22, INPUT_PCAP },
		{ "\n\r\r\n", 4, INPUT_PCAPNG },
		{ "sockwhy", 7, INPUT_OTHER },
		{ "sockwhy\0", 8, INPUT_RECORDING },
		{ "\x1f\x8b\x07 not gzip", 11, INPUT_OTHER },
		{ "some text, which is neither", 27, INPUT_OTHER },
	};
	struct bytes *bytes = *state;
	struct input *input;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		input = input_of(cases[i].bytes, cases[i].size);
		assert_int_equal(input_kind(input), cases[i].kind);
		input_close(input);
	}
	pack_zstd(bytes, 0, PLAIN_BYTES);
	input = input_of(bytes->packed, bytes->size);
	assert_int_equal(input_kind(input), INPUT_PCAP);
	input_close(input);
	bytes->size = 0;
	pack_gzip(bytes, 0, 0);
	input = input_of(bytes->packed, bytes->size);
	assert_int_equal(input_kind(input), INPUT_EMPTY);
	input_close(input);
}

static void not_readable(void **state)
{
	struct input *input = NULL;

	(void)state;
	assert_int_equal(input_open(&input, "/nowhere/at/all"), -ENOENT);
	assert_int_equal(input_open(&input, "/tmp"), -EISDIR);
	assert_null(input);
}

#define BYTES_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BYTES_TEST(plain),	    BYTES_TEST(packed),
		BYTES_TEST(packed_and_cut), BYTES_TEST(packed_and_damaged),
		BYTES_TEST(kinds),	    cmocka_unit_test(not_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
