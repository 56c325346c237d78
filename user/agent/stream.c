// SPDX-License-Identifier: GPL-2.0-or-later
/* stream.c - lines on their way to a file: masked, rotated, kept from filling the disk */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/stream.h"

/* A finding in text and its timeline fit, so that the file behind is given whole findings. */
#define BUFFER_BYTES 65536
#define GROWTH 6 /* "2001::1" may become 39 letters */

struct stream {
	FILE *file;
	struct mask *mask;
	FILE *to;
	struct outfile *outfile;
	int error; /* since it was last asked for */
	size_t length; /* of the line that has no end yet */
	char line[BUFFER_BYTES];
	char masked[GROWTH * BUFFER_BYTES];
	char buffer[BUFFER_BYTES];
};

/* How much of @bytes goes into this file: up to a line that begins something new. */
static size_t fitting(const struct stream *stream, const char *bytes, size_t size)
{
	size_t fits = 0;

	for (size_t at = 1; at < size; at++) {
		if (bytes[at - 1] != '\n' || bytes[at] == ' ')
			continue;
		if (outfile_is_full(stream->outfile, at))
			break;
		fits = at;
	}
	return fits;
}

static int write_outfile(struct stream *stream, const char *bytes, size_t size)
{
	int err = 0;

	while (size && !err) {
		size_t n = size;

		if (outfile_is_full(stream->outfile, size)) {
			n = fitting(stream, bytes, size);
			if (!n) {
				err = outfile_turn(stream->outfile);
				/* a file without content is never full */
				n = err ? 0 : fitting(stream, bytes, size);
				n = n || err ? n : size;
			}
		}
		if (!err)
			err = outfile_write(stream->outfile, bytes, n);
		bytes += n;
		size -= n;
	}
	return err;
}

static int write_on(struct stream *stream, const char *bytes, size_t size)
{
	if (!stream->to)
		return write_outfile(stream, bytes, size);
	errno = 0;
	if (fwrite(bytes, 1, size, stream->to) == size && !fflush(stream->to))
		return 0;
	clearerr(stream->to);
	return errno ? -errno : -EIO;
}

static int write_lines(struct stream *stream, size_t size)
{
	if (!stream->mask)
		return write_on(stream, stream->line, size);
	size = mask_text(stream->mask, stream->line, size, stream->masked, sizeof(stream->masked));
	return write_on(stream, stream->masked, size);
}

/* Whole lines go on, so that a full disk leaves no half one; the rest waits for its end. */
static int take_lines(struct stream *stream, const char *bytes, size_t size)
{
	int err = 0;

	while (size) {
		size_t n = sizeof(stream->line) - stream->length, whole;
		char *newline;

		n = n < size ? n : size;
		memcpy(stream->line + stream->length, bytes, n);
		stream->length += n;
		bytes += n;
		size -= n;
		newline = memrchr(stream->line, '\n', stream->length);
		if (!newline && stream->length < sizeof(stream->line))
			break;
		whole = newline ? (size_t)(newline - stream->line) + 1 : stream->length;
		err = write_lines(stream, whole) ?: err;
		stream->length -= whole;
		memmove(stream->line, stream->line + whole, stream->length);
	}
	return err;
}

static ssize_t take_bytes(void *cookie, const char *bytes, size_t size)
{
	struct stream *stream = cookie;
	int err = take_lines(stream, bytes, size);

	stream->error = stream->error ? stream->error : err;
	return (ssize_t)size;
}

int stream_take_error(void *of)
{
	struct stream *stream = of;
	int err = stream->error;

	stream->error = 0;
	return err;
}

int stream_open(struct stream **out, struct mask *mask, FILE *to, struct outfile *outfile)
{
	const cookie_io_functions_t functions = { .write = take_bytes };
	struct stream *stream = malloc(sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->mask = mask;
	stream->to = to;
	stream->outfile = outfile;
	stream->length = 0;
	stream->error = 0;
	stream->file = fopencookie(stream, "w", functions);
	if (!stream->file) {
		free(stream);
		return -ENOMEM;
	}
	setvbuf(stream->file, stream->buffer, _IOFBF, sizeof(stream->buffer));
	*out = stream;
	return 0;
}

FILE *stream_file(struct stream *stream)
{
	return stream->file;
}

int stream_close(struct stream *stream)
{
	int err = 0, rest = 0;

	if (!stream)
		return 0;
	fclose(stream->file); /* what it still had came through take_bytes() */
	err = stream->error;
	if (stream->length)
		rest = write_lines(stream, stream->length);
	free(stream);
	return err ? err : rest;
}
