/* SPDX-License-Identifier: GPL-2.0-or-later */
/* input.h - the bytes of a file or of standard input, unpacked; for the readers of this folder */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collect/collect.h"

/*
 * Theory of operation
 *
 * A window slides over the bytes: input_need() makes so many stand at input_at(), which stay there
 * until the next call; input_take() moves on. What the reader looks at is never copied twice. A
 * file is read, not mapped: one that shrinks while it is read ends early and does not kill us. The
 * kernel's copy is a tenth of the time that small packets take, and with large ones less than what
 * the page faults of a mapping cost.
 *
 * gzip and zstd are known by their first bytes, never by a name, and unpacked on the way, one
 * member or frame after the other. What was unpacked before damage is given.
 */

#define INPUT_NEED_MAX ((size_t)1 << 20) /* most bytes that can be asked for at once */

struct unpacker;

struct input {
	char *path; /* as messages call it */
	int fd;
	int result; /* 0: there may be more; -ENODATA the end; or what broke off */
	const char *why; /* the same in words, when it broke off */
	size_t at; /* in buffer */
	size_t length;
	size_t size; /* of buffer */
	__u8 *buffer;
	struct unpacker *unpacker; /* NULL: read as it is */
};

static inline const __u8 *input_at(const struct input *input)
{
	return input->buffer + input->at;
}

/* How many bytes stand at input_at() already. */
static inline size_t input_has(const struct input *input)
{
	return input->length - input->at;
}

/* The slow part of input_need(). */
int input_fill(struct input *input, size_t size);

/*
 * Makes @size bytes stand at input_at(); at most INPUT_NEED_MAX. Returns 1; 0 if it ends before;
 * negative errno, .why in words: -EBADMSG damaged, -EPIPE what is packed ends early.
 */
static inline int input_need(struct input *input, size_t size)
{
	return __builtin_expect(input_has(input) >= size, 1) ? 1 : input_fill(input, size);
}

/* Moves on over bytes that are there. */
static inline void input_take(struct input *input, size_t size)
{
	input->at += size;
}

/* Moves on over any number of bytes. Returns as input_need(). */
int input_skip(struct input *input, __u64 size);

/* ---- unpack.c ---- */

/* Returns NULL if the first bytes are not packed. @err: -ENOMEM. */
int unpacker_new(struct unpacker **out, const __u8 *first, size_t size);
void unpacker_free(struct unpacker *unpacker);

/*
 * Unpacks into @to. Returns how many bytes it made; 0 at the end; negative errno as input_need().
 * @fd: packed bytes are read from it.
 */
ssize_t unpacker_read(struct unpacker *unpacker, int fd, __u8 *to, size_t room, const char **why);
