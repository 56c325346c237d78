// SPDX-License-Identifier: GPL-2.0-or-later
/* lines.c - lines on their way to a file: masked, rotated, kept from filling the disk */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/output/lines.h"

/* A finding in text and its timeline fit, so that the file behind is given whole findings. */
#define BUFFER_BYTES 65536
#define GROWTH 6 /* "2001::1" may become 39 letters */

struct lines {
	FILE *file;
	struct mask *mask;
	bool json;
	FILE *to;
	struct outfile *outfile;
	int error; /* since it was last asked for */
	size_t length; /* of the line that has no end yet */
	char line[BUFFER_BYTES];
	char masked[GROWTH * BUFFER_BYTES];
	char buffer[BUFFER_BYTES];
};

/* How much of @bytes goes into this file: up to a line that begins something new. */
static size_t fitting(const struct lines *lines, const char *bytes, size_t size)
{
	size_t fits = 0;

	for (size_t at = 1; at < size; at++) {
		if (bytes[at - 1] != '\n' || bytes[at] == ' ')
			continue;
		if (outfile_is_full(lines->outfile, at))
			break;
		fits = at;
	}
	return fits;
}

static int write_outfile(struct lines *lines, const char *bytes, size_t size)
{
	int err = 0;

	while (size && !err) {
		size_t n = size;

		if (outfile_is_full(lines->outfile, size)) {
			n = fitting(lines, bytes, size);
			if (!n) {
				err = outfile_turn(lines->outfile);
				/* a file without content is never full */
				n = err ? 0 : fitting(lines, bytes, size);
				n = n || err ? n : size;
			}
		}
		if (!err)
			err = outfile_write(lines->outfile, bytes, n);
		bytes += n;
		size -= n;
	}
	return err;
}

static int write_on(struct lines *lines, const char *bytes, size_t size)
{
	if (!lines->to)
		return write_outfile(lines, bytes, size);
	errno = 0;
	if (fwrite(bytes, 1, size, lines->to) == size && !fflush(lines->to))
		return 0;
	clearerr(lines->to);
	return errno ? -errno : -EIO;
}

static int write_lines(struct lines *lines, size_t size)
{
	if (!lines->mask)
		return write_on(lines, lines->line, size);
	if (mask_is_full(lines->mask))
		return -EOVERFLOW;
	size = mask_text(lines->mask, lines->line, size, lines->json, lines->masked,
			 sizeof(lines->masked));
	return write_on(lines, lines->masked, size);
}

/* Whole lines go on, so that a full disk leaves no half one; the rest waits for its end. */
static int take_lines(struct lines *lines, const char *bytes, size_t size)
{
	int err = 0;

	while (size) {
		size_t n = sizeof(lines->line) - lines->length, whole;
		char *newline;

		n = n < size ? n : size;
		memcpy(lines->line + lines->length, bytes, n);
		lines->length += n;
		bytes += n;
		size -= n;
		newline = memrchr(lines->line, '\n', lines->length);
		if (!newline && lines->length < sizeof(lines->line))
			break;
		whole = newline ? (size_t)(newline - lines->line) + 1 : lines->length;
		err = write_lines(lines, whole) ?: err;
		lines->length -= whole;
		memmove(lines->line, lines->line + whole, lines->length);
	}
	return err;
}

static ssize_t take_bytes(void *cookie, const char *bytes, size_t size)
{
	struct lines *lines = cookie;
	int err = take_lines(lines, bytes, size);

	lines->error = lines->error ? lines->error : err;
	return (ssize_t)size;
}

int lines_take_error(void *of)
{
	struct lines *lines = of;
	int err = lines->error;

	lines->error = 0;
	return err;
}

int lines_open(struct lines **out, struct mask *mask, bool json, FILE *to, struct outfile *outfile)
{
	const cookie_io_functions_t functions = { .write = take_bytes };
	struct lines *lines = malloc(sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	lines->mask = mask;
	lines->json = json;
	lines->to = to;
	lines->outfile = outfile;
	lines->length = 0;
	lines->error = 0;
	lines->file = fopencookie(lines, "w", functions);
	if (!lines->file) {
		free(lines);
		return -ENOMEM;
	}
	setvbuf(lines->file, lines->buffer, _IOFBF, sizeof(lines->buffer));
	*out = lines;
	return 0;
}

FILE *lines_file(struct lines *lines)
{
	return lines->file;
}

void lines_reopen(struct lines *lines)
{
	int err = 0;

	if (!lines || !lines->outfile)
		return;
	fflush(lines->file);
	if (outfile_prepare(lines->outfile) > 0)
		err = outfile_turn(lines->outfile);
	lines->error = lines->error ? lines->error : err;
}

int lines_close(struct lines *lines)
{
	int err = 0, rest = 0;

	if (!lines)
		return 0;
	fclose(lines->file); /* what it still had came through take_bytes() */
	err = lines->error;
	if (lines->length)
		rest = write_lines(lines, lines->length);
	free(lines);
	return err ? err : rest;
}
