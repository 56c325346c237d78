/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h - text of bounded length, built piece by piece, always terminated */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *at;
	size_t size; /* of the buffer, the terminator included */
	size_t length;
	bool cut; /* something did not fit */
};

/* Begins an empty text in @buffer. @size must be at least 1. */
struct text text_in(char *buffer, size_t size);
#define text_of(array) text_in((array), sizeof(array))

/* Appends; what does not fit is left out and remembered in .cut. Returns the text's buffer. */
const char *text_add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same of bytes as they are. */
void text_put(struct text *text, const char *bytes, size_t size);

/*
 * Appends text of foreign origin (wire, process names): control characters, quotes of the shell
 * and bytes that are not UTF-8 become \xNN, so that it is safe in a terminal and in prose. What has
 * been through here, or is a name that DNS escaped, stays as it is.
 * @size: at most so many bytes are read; stops at a NUL.
 */
const char *text_add_foreign(struct text *text, const char *foreign, size_t size);

/*
 * The character at @bytes (well-formed UTF-8, RFC 3629): its length, and its code point in *@code; 0
 * if there is none. @left: bytes that are there, at least 1.
 */
size_t text_utf8_decode(const char *bytes, size_t left, unsigned int *code);

/*
 * False of what drives a terminal (C0, DEL, C1), ends a line, or changes the order or the sight of
 * other characters: a name must not dress up as another.
 */
bool text_is_shown(unsigned int code);

/* Length of the character at @bytes, if it is one that is shown; else 0. */
size_t text_utf8_length(const char *bytes, size_t left);
