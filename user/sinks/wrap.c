// SPDX-License-Identifier: GPL-2.0-or-later
/* wrap.c - a line for a terminal: broken between words, with a hanging indent */

#include <stdbool.h>
#include <string.h>

#include "sinks/wrap.h"

/* Fewer columns for words than this are none: a narrow terminal breaks by itself. */
#define ROOM_LEAST 20

/* Bytes of an escape sequence that sets a colour; 0: there is none. */
static size_t color_length(const char *at)
{
	size_t length = 2;

	if (at[0] != '\033' || at[1] != '[')
		return 0;
	while (at[length] && at[length] != 'm')
		length++;
	return at[length] ? length + 1 : 0;
}

/* To the end of the word at @at: its bytes; its columns go to @columns. */
static size_t word_length(const char *at, const char *kept_end, size_t *columns)
{
	const char *from = at;

	*columns = 0;
	/* a mark in front of words stays with the first of them */
	if (at[0] == '#' && at[1] == ' ' && kept_end < at + 2)
		kept_end = at + 2;
	while (*at && (*at != ' ' || at < kept_end)) {
		size_t color = color_length(at);

		if (color) {
			at += color;
			continue;
		}
		*columns +=
			((unsigned char)*at & 0xc0) != 0x80; /* a byte that begins a character */
		at++;
	}
	return (size_t)(at - from);
}

void wrap_line(FILE *file, const char *line, size_t width, size_t indent, size_t keep)
{
	const char *kept_end = line + keep;
	size_t column = 0;
	bool begun = false; /* a word stands in this line */

	if (width < indent + ROOM_LEAST) {
		fprintf(file, "%s\n", line);
		return;
	}
	while (*line) {
		size_t blanks = line < kept_end ? 0 : strspn(line, " "), columns, length;

		length = word_length(line + blanks, kept_end, &columns);
		if (begun && column + blanks + columns > width && column > indent) {
			fprintf(file, "\n%*s", (int)indent, "");
			column = indent;
			line += blanks;
			blanks = 0;
		}
		fwrite(line, 1, blanks + length, file);
		column += blanks + columns;
		begun |= columns > 0;
		line += blanks + length;
	}
	fputc('\n', file);
}
