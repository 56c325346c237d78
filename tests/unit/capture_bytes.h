/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capture_bytes.h - capture files built in memory, in either byte order, and read back */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collect.h"

struct file {
	__u8 bytes[1 << 20];
	size_t length;
	bool swapped;
};

static inline void put16(struct file *file, __u16 value)
{
	value = file->swapped ? __builtin_bswap16(value) : value;
	memcpy(file->bytes + file->length, &value, sizeof(value));
	file->length += sizeof(value);
}

static inline void put32(struct file *file, __u32 value)
{
	value = file->swapped ? __builtin_bswap32(value) : value;
	memcpy(file->bytes + file->length, &value, sizeof(value));
	file->length += sizeof(value);
}

static inline void put_bytes(struct file *file, const void *bytes, size_t size)
{
	memcpy(file->bytes + file->length, bytes, size);
	file->length += size;
}

static inline void put_pcap(struct file *file, __u32 magic, __u32 link)
{
	put32(file, magic);
	put16(file, 2);
	put16(file, 4);
	put32(file, 0);
	put32(file, 0);
	put32(file, 262144);
	put32(file, link);
}

/* A packet of @captured times the byte @fill. */
static inline void put_record(struct file *file, __u32 seconds, __u32 part, __u32 captured,
			      __u32 wire, int fill)
{
	put32(file, seconds);
	put32(file, part);
	put32(file, captured);
	put32(file, wire);
	memset(file->bytes + file->length, fill, captured);
	file->length += captured;
}

static inline struct input *input_of(const void *bytes, size_t size)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct input *input = NULL;
	char path[32];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(input_open(&input, path), 0);
	close(fd);
	return input;
}

static inline struct captures *captures_of(const struct file *file)
{
	struct captures *captures = NULL;

	assert_int_equal(captures_new(&captures), 0);
	assert_int_equal(captures_add(captures, input_of(file->bytes, file->length)), 0);
	return captures;
}

static inline const struct capture_frame *next_frame(struct captures *captures)
{
	const struct capture_frame *frame = NULL;

	assert_int_equal(captures_next(captures, &frame), 1);
	return frame;
}

/* It ends here, with so many files damaged, and stays ended. */
static inline void assert_end(struct captures *captures, size_t damaged)
{
	const struct capture_frame *frame;

	assert_int_equal(captures_next(captures, &frame), 0);
	assert_int_equal(captures_next(captures, &frame), 0);
	assert_int_equal(captures_damaged(captures), damaged);
	captures_free(captures);
}
