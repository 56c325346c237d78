// SPDX-License-Identifier: GPL-2.0-or-later
/* capture_pcapng_test.c - blocks, sections, interfaces, units of time, whole, cut and damaged */

#include "capture_bytes.h"

#define SECOND_NS 1000000000ull

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	OLD = 2,
	SIMPLE = 3,
	NAMES = 4,
	STATISTICS = 5,
	ENHANCED = 6
};

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

/* Where its length stands; end_block() fills it in, and the one behind. */
static size_t begin_block(struct file *file, __u32 type)
{
	put32(file, type);
	put32(file, 0);
	return file->length - 8;
}

static void end_block(struct file *file, size_t at)
{
	size_t end = file->length;

	file->length = at + 4;
	put32(file, (__u32)(end + 4 - at));
	file->length = end;
	put32(file, (__u32)(end + 4 - at));
}

static void put_option(struct file *file, __u16 code, const void *value, __u16 length)
{
	static const __u8 padding[3];

	put16(file, code);
	put16(file, length);
	put_bytes(file, value, length);
	put_bytes(file, padding, (4 - length % 4) % 4);
}

static void put_section(struct file *file, bool swapped)
{
	size_t block;

	file->swapped = swapped;
	block = begin_block(file, SECTION);
	put32(file, 0x1a2b3c4d);
	put16(file, 1);
	put16(file, 0);
	put32(file, UINT32_MAX);
	put32(file, UINT32_MAX);
	put_option(file, 1, "a comment", 9);
	put_option(file, 0, "", 0);
	end_block(file, block);
}

static size_t begin_interface(struct file *file, __u16 link, __u32 snaplen)
{
	size_t block = begin_block(file, INTERFACE);

	put16(file, link);
	put16(file, 0);
	put32(file, snaplen);
	return block;
}

static void put_interface(struct file *file, __u16 link)
{
	end_block(file, begin_interface(file, link, 0));
}

static size_t begin_packet(struct file *file, __u32 interface, __u64 stamp, __u32 captured,
			   __u32 wire)
{
	static const __u8 padding[3];
	size_t block = begin_block(file, ENHANCED);

	put32(file, interface);
	put32(file, (__u32)(stamp >> 32));
	put32(file, (__u32)stamp);
	put32(file, captured);
	put32(file, wire);
	memset(file->bytes + file->length, 'p', captured);
	file->length += captured;
	put_bytes(file, padding, (4 - captured % 4) % 4);
	return block;
}

static void put_packet(struct file *file, __u32 interface, __u64 stamp, __u32 captured)
{
	end_block(file, begin_packet(file, interface, stamp, captured, captured));
}

static void plain(void **state)
{
	struct file *file = *state;

	for (int swapped = 0; swapped < 2; swapped++) {
		const struct capture_frame *frame;
		struct captures *captures;

		file->length = 0;
		put_section(file, swapped);
		put_interface(file, 1);
		put_packet(file, 0, 1700000000000005, 61);
		captures = captures_of(file);
		frame = next_frame(captures);
		assert_int_equal(frame->ts_ns, 1700000000000005000);
		assert_int_equal(frame->captured, 61);
		assert_int_equal(frame->wire, 61);
		assert_int_equal(frame->link, 1);
		assert_int_equal(frame->bytes[60], 'p');
		assert_true(frame->time_known);
		assert_end(captures, 0);
	}
}

/* What libpcap refuses: other link types, other lengths, in two sections of two byte orders. */
static void sections_and_interfaces(void **state)
{
	struct file *file = *state;
	const struct capture_frame *frame;
	struct captures *captures;
	size_t block;

	put_section(file, false);
	block = begin_interface(file, 1, 65535);
	put_option(file, 2, "eth0", 4);
	end_block(file, block);
	block = begin_interface(file, 113, 96);
	put_option(file, 2, "a name that is too long", 23);
	end_block(file, block);
	put_packet(file, 1, 1000000, 20);
	put_packet(file, 0, 2000000, 20);
	put_section(file, true);
	put_interface(file, 101);
	put_packet(file, 0, 3000000, 20);
	captures = captures_of(file);

	frame = next_frame(captures);
	assert_int_equal(frame->link, 113);
	assert_int_equal(frame->interface, 1);
	assert_int_equal(frame->ifindex, 1);
	assert_string_equal(frame->name, "a name that is ");
	frame = next_frame(captures);
	assert_int_equal(frame->link, 1);
	assert_int_equal(frame->interface, 0);
	assert_int_equal(frame->ifindex, 2);
	assert_string_equal(frame->name, "eth0");
	frame = next_frame(captures);
	assert_int_equal(frame->link, 101);
	assert_int_equal(frame->interface, 2);
	assert_int_equal(frame->ifindex, 3);
	assert_true(frame->first);
	assert_string_equal(frame->name, "");
	assert_int_equal(frame->number, 3);
	assert_end(captures, 0);
}

static void units_of_time(void **state)
{
	static const struct {
		__u8 resolution;
		__s64 offset;
		__u64 stamp;
		__u64 ns;
	} cases[] = {
		{ 9, 0, 1700000000123456789, 1700000000123456789 },
		{ 3, 0, 1700000000123, 1700000000123000000 },
		{ 0, 0, 1700000000, 1700000000000000000 },
		{ 12, 0, 1700000000123456, 1700000000123 },
		{ 0x80 | 10, 0, 1024 * 5 + 512, 5500000000 },
		{ 0x80 | 32, 0, 7ull << 32 | 1u << 31, 7500000000 },
		{ 6, 1000, 5000000, 1005000000000 },
		{ 6, -2, 5000000, 3000000000 },
		{ 6, -10, 5000000, 0 }, /* before 1970 */
		{ 6, 0, UINT64_MAX, INT64_MAX },
		{ 0, INT64_MAX, UINT64_MAX, INT64_MAX },
		{ 0x80 | 63, INT64_MIN, UINT64_MAX, 0 },
	};
	struct file *file = *state;
	struct captures *captures;

	put_section(file, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t block = begin_interface(file, 1, 0);

		put_option(file, 9, &cases[i].resolution, 1);
		if (cases[i].offset)
			put_option(file, 14, &cases[i].offset, 8);
		end_block(file, block);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		put_packet(file, (__u32)i, cases[i].stamp, 20);
	captures = captures_of(file);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(next_frame(captures)->ts_ns, cases[i].ns);
	assert_end(captures, 0);
}

static void impossible_units(void **state)
{
	static const __u8 resolutions[] = { 20, 127, 0x80 | 64, 0xff };
	struct file *file = *state;

	for (size_t i = 0; i < sizeof(resolutions); i++) {
		size_t block;

		file->length = 0;
		put_section(file, false);
		block = begin_interface(file, 1, 0);
		put_option(file, 9, &resolutions[i], 1);
		end_block(file, block);
		assert_end(captures_of(file), 1);
	}
}

static void put_simple(struct file *file, __u32 wire, __u32 captured)
{
	size_t block = begin_block(file, SIMPLE);

	put32(file, wire);
	memset(file->bytes + file->length, 's', captured);
	file->length += captured;
	end_block(file, block);
}

/* They have neither time nor captured length: the block, the wire and the snapshot length say. */
static void simple_packets(void **state)
{
	struct file *file = *state;
	const struct capture_frame *frame;
	struct captures *captures;

	put_section(file, false);
	end_block(file, begin_interface(file, 1, 40));
	put_simple(file, 20, 20);
	put_packet(file, 0, 7000000, 20);
	put_simple(file, 18, 20); /* padded */
	put_simple(file, 1500, 40);
	put_simple(file, 1500, 44); /* more than the snapshot length */
	captures = captures_of(file);
	frame = next_frame(captures);
	assert_int_equal(frame->captured, 20);
	assert_int_equal(frame->ts_ns, 0);
	assert_false(frame->time_known);
	assert_true(next_frame(captures)->time_known);
	frame = next_frame(captures);
	assert_int_equal(frame->captured, 18);
	assert_int_equal(frame->ts_ns, 7 * SECOND_NS); /* of the one before */
	assert_false(frame->time_known);
	frame = next_frame(captures);
	assert_int_equal(frame->captured, 40);
	assert_int_equal(frame->wire, 1500);
	assert_int_equal(frame->bytes[39], 's');
	assert_int_equal(next_frame(captures)->captured, 40);
	assert_end(captures, 0);
}

/* As in a pcap file; what follows may be another kind of block, and then nothing is known. */
static void damaged_time(void **state)
{
	struct file *file = *state;
	const struct capture_frame *frame;
	struct captures *captures;

	put_section(file, true);
	put_interface(file, 1);
	put_packet(file, 0, 1000000, 20);
	put_packet(file, 0, 2894531997000000, 20);
	put_packet(file, 0, 2000000, 20);
	put_packet(file, 0, 2894531997000000, 20);
	put_simple(file, 20, 20);
	captures = captures_of(file);
	assert_int_equal(next_frame(captures)->ts_ns, SECOND_NS);
	frame = next_frame(captures);
	assert_int_equal(frame->ts_ns, SECOND_NS);
	assert_false(frame->time_known);
	frame = next_frame(captures);
	assert_int_equal(frame->ts_ns, 2 * SECOND_NS);
	assert_true(frame->time_known);
	assert_int_equal(next_frame(captures)->ts_ns, 2894531997 * SECOND_NS);
	assert_false(next_frame(captures)->time_known);
	assert_end(captures, 0);
}

static void old_packets(void **state)
{
	struct file *file = *state;
	const struct capture_frame *frame;
	struct captures *captures;
	size_t block;

	put_section(file, true);
	put_interface(file, 1);
	put_interface(file, 101);
	block = begin_block(file, OLD);
	put16(file, 1);
	put16(file, 3); /* packets dropped since the one before */
	put32(file, 0);
	put32(file, 9000000);
	put32(file, 4);
	put32(file, 100);
	put_bytes(file, "abcd", 4);
	end_block(file, block);
	captures = captures_of(file);
	frame = next_frame(captures);
	assert_int_equal(frame->link, 101);
	assert_int_equal(frame->ts_ns, 9 * SECOND_NS);
	assert_int_equal(frame->captured, 4);
	assert_int_equal(frame->wire, 100);
	assert_end(captures, 0);
}

static void directions(void **state)
{
	struct file *file = *state;
	struct captures *captures;

	put_section(file, false);
	put_interface(file, 1);
	for (__u32 flags = 0; flags < 4; flags++) {
		size_t block = begin_packet(file, 0, 1, 21, 21);

		put_option(file, 1, "a comment first", 15);
		put_option(file, 2, &flags, 4);
		put_option(file, 0, "", 0);
		put_option(file, 2, &flags, 4); /* behind the end: nothing */
		end_block(file, block);
	}
	put_packet(file, 0, 1, 21);
	captures = captures_of(file);
	for (__u32 flags = 0; flags < 5; flags++) {
		const struct capture_frame *frame = next_frame(captures);

		assert_int_equal(frame->direction_known, flags == 1 || flags == 2);
		if (frame->direction_known)
			assert_int_equal(frame->out, flags == 2);
	}
	assert_end(captures, 0);
}

/* Names, statistics, secrets and what is not invented yet; one longer than any window. */
static void other_blocks(void **state)
{
	struct file *file = *state;
	struct captures *captures;
	__u64 dropped[] = { 3, 5, 4 };
	size_t block;

	put_section(file, false);
	put_interface(file, 1);
	block = begin_block(file, NAMES);
	put32(file, 0);
	end_block(file, block);
	for (int i = 0; i < 3; i++) {
		block = begin_block(file, STATISTICS);
		put32(file, 0);
		put32(file, 0);
		put32(file, 0);
		put_option(file, 5, &dropped[i], 8);
		put_option(file, 7, &dropped[0], 8);
		end_block(file, block);
	}
	put_packet(file, 0, 1000000, 20);
	block = begin_block(file, 0x0bad);
	file->length += 800000;
	end_block(file, block);
	end_block(file, begin_block(file, 0x40000bad));
	put_packet(file, 0, 2000000, 20);
	captures = captures_of(file);
	assert_int_equal(next_frame(captures)->number, 1);
	assert_int_equal(next_frame(captures)->number, 2);
	assert_int_equal(captures_dropped(captures),
			 8); /* counts since the beginning: the largest */
	assert_end(captures, 0);
}

static void truncated(void **state)
{
	struct file *file = *state;
	size_t ends[4], whole;

	put_section(file, false);
	ends[0] = file->length;
	put_interface(file, 1);
	ends[1] = file->length;
	put_packet(file, 0, 1000000, 20);
	ends[2] = file->length;
	put_packet(file, 0, 2000000, 20);
	ends[3] = whole = file->length;
	for (size_t length = 12; length <= whole; length++) {
		struct captures *captures;
		bool clean = false;

		for (int i = 0; i < 4; i++)
			clean |= length == ends[i];
		file->length = length;
		captures = captures_of(file);
		if (length >= ends[2])
			assert_int_equal(next_frame(captures)->number, 1);
		if (length >= ends[3])
			assert_int_equal(next_frame(captures)->number, 2);
		assert_end(captures, !clean);
	}
}

/* One packet, then a block of these bytes behind its header: damage, and the packet was given. */
static void check_damage(struct file *file, __u32 type, __u32 length, const void *body, size_t size)
{
	struct captures *captures;

	file->length = 0;
	put_section(file, false);
	put_interface(file, 1);
	put_packet(file, 0, 1000000, 20);
	put32(file, type);
	put32(file, length);
	put_bytes(file, body, size);
	captures = captures_of(file);
	assert_int_equal(next_frame(captures)->number, 1);
	assert_end(captures, 1);
}

static void damaged(void **state)
{
	const __u32 two_lengths[] = { 0, 0, 36 };
	const __u32 no_interface[] = { 1, 0, 0, 0, 0, 32 };
	const __u32 too_long[] = { 0, 0, 0, 100, 100, 32 };
	const __u32 far_too_long[] = { 0, 0, 0, 262145, 262145, 32 };
	const __u32 short_packet[] = { 0, 16 };
	const __u32 short_interface[] = { 1, 16 };
	const __u32 no_order[] = { 0x12345678, 0, 0, 0, 28 };
	const __u32 version[] = { 0x1a2b3c4d, 2, UINT32_MAX, UINT32_MAX, 28 };
	const __u32 zero[] = { 0, 0, 0 };

	check_damage(*state, 0x0bad, 20, two_lengths, sizeof(two_lengths));
	check_damage(*state, ENHANCED, 32, no_interface, sizeof(no_interface));
	check_damage(*state, ENHANCED, 32, too_long, sizeof(too_long));
	check_damage(*state, ENHANCED, 32, far_too_long, sizeof(far_too_long));
	check_damage(*state, ENHANCED, 16, short_packet, sizeof(short_packet));
	check_damage(*state, INTERFACE, 16, short_interface, sizeof(short_interface));
	check_damage(*state, SECTION, 28, no_order, sizeof(no_order));
	check_damage(*state, SECTION, 28, version, sizeof(version));
	check_damage(*state, 0x0bad, 0, zero, sizeof(zero)); /* would never end */
	check_damage(*state, 0x0bad, 8, zero, sizeof(zero));
	check_damage(*state, 0x0bad, 13, zero, sizeof(zero));
	check_damage(*state, 0x0bad, UINT32_MAX - 3, zero, sizeof(zero));
}

/* Before any interface is described there can be no packet. */
static void no_interface(void **state)
{
	struct file *file = *state;

	put_section(file, false);
	put_simple(file, 20, 20);
	assert_end(captures_of(file), 1);
	file->length = 0;
	put_section(file, false);
	put_interface(file, 1);
	put_section(file, false); /* a new section forgets them */
	put_packet(file, 0, 1, 20);
	assert_end(captures_of(file), 1);
}

#define FILE_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(plain),	   FILE_TEST(sections_and_interfaces),
		FILE_TEST(units_of_time),  FILE_TEST(impossible_units),
		FILE_TEST(simple_packets), FILE_TEST(old_packets),
		FILE_TEST(damaged_time),   FILE_TEST(directions),
		FILE_TEST(other_blocks),   FILE_TEST(truncated),
		FILE_TEST(damaged),	   FILE_TEST(no_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
