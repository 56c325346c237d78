// SPDX-License-Identifier: GPL-2.0-or-later
/* text.c - text of bounded length */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

struct text text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){ .at = buffer, .size = size };
}

const char *text_add(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at + text->length, room, format, args);
	va_end(args);
	if (n < 0)
		return text->at;
	if ((size_t)n >= room) {
		text->cut = true;
		text->length = text->size - 1;
	} else {
		text->length += n;
	}
	return text->at;
}

size_t text_utf8_length(const char *bytes, size_t left)
{
	const unsigned char *s = (const unsigned char *)bytes;

	size_t n = s[0] < 0x80		       ? 1 :
		   s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		   (s[0] & 0xf0) == 0xe0       ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 :
						 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return 0; /* C1 control characters drive terminals too */
	if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0)))
		return 0; /* overlong, surrogates */
	if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90)))
		return 0;
	return n;
}

const char *text_add_foreign(struct text *text, const char *foreign, size_t size)
{
	const unsigned char *s = (const unsigned char *)foreign;
	size_t left = strnlen(foreign, size);

	while (left) {
		size_t n = text_utf8_length((const char *)s, left);

		if (n == 1 && (s[0] < 0x20 || s[0] == 0x7f || strchr("\\\"'`$", s[0])))
			n = 0;
		if (n) {
			text_add(text, "%.*s", (int)n, (const char *)s);
		} else {
			text_add(text, "\\x%02x", s[0]);
			n = 1;
		}
		s += n;
		left -= n;
	}
	return text->at;
}
