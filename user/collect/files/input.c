// SPDX-License-Identifier: GPL-2.0-or-later
/* input.c - a window that slides over the bytes of a file */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collect/files/input.h"
#include "collect/files/record_format.h"
#include "util/log.h"
#include "util/own.h"

#define WINDOW_BYTES ((size_t)64 << 10) /* 32 KiB to 256 KiB were the same, within 5 % */
#define FIRST_BYTES 16 /* enough for every magic number */

/* As many as @room, or fewer at the end: a pipe gives little at a time. */
static ssize_t read_some(struct input *input, __u8 *to, size_t room)
{
	ssize_t n;

	if (input->unpacker)
		return unpacker_read(input->unpacker, input->fd, to, room, &input->why);
	do
		n = read(input->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	input->why = "reading failed";
	return -errno;
}

/* Room for @size bytes behind .at. */
static int make_room(struct input *input, size_t size)
{
	size_t wanted = input->size;
	__u8 *larger;

	if (size > INPUT_NEED_MAX)
		return -EMSGSIZE;
	if (input->at) {
		memmove(input->buffer, input->buffer + input->at, input_has(input));
		input->length -= input->at;
		input->at = 0;
	}
	while (wanted < size)
		wanted *= 2;
	if (wanted == input->size)
		return 0;
	larger = realloc(input->buffer, wanted);
	if (!larger)
		return -ENOMEM;
	input->buffer = larger;
	input->size = wanted;
	return 0;
}

int input_fill(struct input *input, size_t size)
{
	int err;

	if (input_has(input) >= size)
		return 1;
	if (!input->result) {
		err = make_room(input, size);
		if (err) {
			input->why = "memory";
			return err;
		}
	}
	while (!input->result && input->length < size) {
		ssize_t n = read_some(input, input->buffer + input->length,
				      input->size - input->length);

		if (n <= 0)
			input->result = n ? (int)n : -ENODATA;
		else
			input->length += (size_t)n;
	}
	if (input_has(input) >= size)
		return 1;
	return input->result == -ENODATA ? 0 : input->result;
}

int input_skip(struct input *input, __u64 size)
{
	while (size) {
		size_t part = size < WINDOW_BYTES ? (size_t)size : WINDOW_BYTES;
		int have = input_need(input, part);

		if (have != 1)
			return have;
		input_take(input, part);
		size -= part;
	}
	return 1;
}

/* Whether what was read so far is packed; if so, it is the unpacker's to read. */
static int begin_unpacking(struct input *input)
{
	struct unpacker *unpacker;
	int err = unpacker_new(&unpacker, input_at(input), input_has(input));

	if (err || !unpacker)
		return err;
	input->unpacker = unpacker;
	input->at = input->length = 0;
	input->result = 0;
	return 0;
}

static const char *name_of(const char *path)
{
	return !strcmp(path, "-") || !strncmp(path, COLLECT_SPOOL, strlen(COLLECT_SPOOL)) ?
		       "standard input" :
		       path;
}

static int begin_input(struct input *input, const char *name)
{
	int err;

	input->path = strdup(name);
	input->size = WINDOW_BYTES;
	input->buffer = malloc(input->size);
	if (!input->path || !input->buffer)
		return log_error_r(-ENOMEM, "%s", name);
	err = input_need(input, FIRST_BYTES);
	if (err < 0)
		return log_error_r(err, "%s: reading", input->path);
	err = begin_unpacking(input);
	if (err)
		return log_error_r(err, "%s: unpacking", input->path);
	return 0;
}

int input_open_fd(struct input **out, int fd, const char *name)
{
	struct input *input = calloc(1, sizeof(*input));
	int err;

	if (!input) {
		close(fd);
		return log_error_r(-ENOMEM, "%s", name);
	}
	input->fd = fd;
	err = begin_input(input, name);
	if (err)
		input_close(input);
	else
		*out = input;
	return err;
}

int input_open(struct input **out, const char *path)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) :
			    open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? log_error_r(-errno, "%s", name_of(path)) :
			input_open_fd(out, fd, name_of(path));
}

enum input_kind input_kind(struct input *input)
{
	static const __u8 pcaps[][4] = {
		{ 0xa1, 0xb2, 0xc3, 0xd4 },
		{ 0xd4, 0xc3, 0xb2, 0xa1 },
		{ 0xa1, 0xb2, 0x3c, 0x4d },
		{ 0x4d, 0x3c, 0xb2, 0xa1 },
	};
	static const __u8 pcapng[4] = { 0x0a, 0x0d, 0x0d, 0x0a };
	const __u8 *first;

	if (input_need(input, 1) == 0)
		return INPUT_EMPTY;
	input_need(input, FIRST_BYTES);
	first = input_at(input);
	if (input_has(input) < sizeof(pcapng))
		return INPUT_OTHER;
	for (size_t i = 0; i < sizeof(pcaps) / sizeof(pcaps[0]); i++)
		if (!memcmp(first, pcaps[i], sizeof(pcaps[i])))
			return INPUT_PCAP;
	if (!memcmp(first, pcapng, sizeof(pcapng)))
		return INPUT_PCAPNG;
	if (input_has(input) >= sizeof(RECORD_MAGIC) &&
	    !memcmp(first, RECORD_MAGIC, sizeof(RECORD_MAGIC)))
		return INPUT_RECORDING;
	return INPUT_OTHER;
}

void input_close(struct input *input)
{
	if (!input)
		return;
	if (input->fd >= 0)
		close(input->fd);
	unpacker_free(input->unpacker);
	free(input->buffer);
	free(input->path);
	free(input);
}
