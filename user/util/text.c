// SPDX-License-Identifier: GPL-2.0-or-later
/* text.c - text of bounded length */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/array.h"
#include "util/text.h"

struct text text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){ .at = buffer, .size = size };
}

void text_put(struct text *text, const char *bytes, size_t size)
{
	size_t room = text->size - 1 - text->length;

	if (size > room) {
		text->cut = true;
		size = room;
	}
	memcpy(text->at + text->length, bytes, size);
	text->length += size;
	text->at[text->length] = '\0';
}

/* @width: with zeros in front at least so long. */
static void put_number(struct text *text, unsigned long long number, bool negative, size_t width)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	while (sizeof(digits) - at < width)
		digits[--at] = '0';
	if (negative)
		digits[--at] = '-';
	text_put(text, digits + at, sizeof(digits) - at);
}

/* One conversion, from behind the percent sign on. Returns its length; 0: it is not that simple. */
static size_t put_conversion(struct text *text, const char *format, va_list *args)
{
	size_t length = 0, width = 0;
	bool wide = false;
	long long number;
	const char *string;

	if (format[0] == '0' && format[1] >= '1' && format[1] <= '9') {
		width = (size_t)(format[1] - '0');
		length = 2;
	}
	for (; format[length] == 'l' || format[length] == 'z'; length++)
		wide = true;
	if (format[length] == 'u') {
		put_number(text,
			   wide ? va_arg(*args, unsigned long long) : va_arg(*args, unsigned int),
			   false, width);
	} else if (format[length] == 'd' && !width) {
		number = wide ? va_arg(*args, long long) : va_arg(*args, int);
		put_number(text,
			   number < 0 ? -(unsigned long long)number : (unsigned long long)number,
			   number < 0, 0);
	} else if (format[0] == 's') {
		string = va_arg(*args, const char *);
		text_put(text, string, strlen(string));
	} else {
		return 0;
	}
	return length + 1;
}

/*
 * Formats of strings and plain numbers alone, which nearly all are: a finding has a hundred of them,
 * and vsnprintf() takes four times as long. Returns false where vsnprintf() is needed.
 */
static bool add_plain(struct text *text, const char *format, va_list *args)
{
	while (*format) {
		size_t length = (size_t)(strchrnul(format, '%') - format);

		text_put(text, format, length);
		format += length;
		if (!*format)
			break;
		length = put_conversion(text, ++format, args);
		if (!length)
			return false;
		format += length;
	}
	return true;
}

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long),
	       "put_conversion() reads them alike");

const char *text_add(struct text *text, const char *format, ...)
{
	const size_t length = text->length;
	const bool cut = text->cut;
	va_list args;
	bool done;
	int n;

	va_start(args, format);
	done = add_plain(text, format, &args);
	va_end(args);
	if (done)
		return text->at;
	text->length = length;
	text->cut = cut;
	va_start(args, format);
	n = vsnprintf(text->at + length, text->size - length, format, args);
	va_end(args);
	if (n < 0)
		return text->at;
	if ((size_t)n >= text->size - length) {
		text->cut = true;
		text->length = text->size - 1;
	} else {
		text->length += n;
	}
	return text->at;
}

size_t text_utf8_decode(const char *bytes, size_t left, unsigned int *code)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t n = s[0] < 0x80		       ? 1 :
		   s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		   (s[0] & 0xf0) == 0xe0       ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 :
						 0;
	unsigned int c = n == 1 ? s[0] : s[0] & (0x7f >> n);

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0; /* overlong, surrogates, beyond Unicode */
	*code = c;
	return n;
}

bool text_is_shown(unsigned int c)
{
	static const struct {
		unsigned int first, last;
	} hidden[] = {
		{ 0x00, 0x1f },	      { 0x7f, 0x9f },	    { 0xad, 0xad },
		{ 0x61c, 0x61c },     { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
		{ 0x180b, 0x180e },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	}; /* controls, and Default_Ignorable_Code_Point of Unicode */

	if (c > 0x1f && c < 0x7f)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	return true;
}

size_t text_utf8_length(const char *bytes, size_t left)
{
	unsigned int code;
	size_t n = text_utf8_decode(bytes, left, &code);

	return n && text_is_shown(code) ? n : 0;
}

/* Does it drive a terminal or a shell? */
static bool is_active(unsigned char c)
{
	return c < 0x20 || c == 0x7f || strchr("\\\"'`$", c);
}

static int digit_of(char c, int base)
{
	int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;

	return digit < base ? digit : -1;
}

/*
 * Length of what stands for a byte already: \xNN as text_add_foreign() writes it, \DDD as a DNS name
 * has it (RFC 1035 5.1). 0: there is none.
 */
static size_t escape_length(const char *s, size_t left)
{
	const char *first = s + 1 + (left > 1 && s[1] == 'x');
	int base = first > s + 1 ? 16 : 10, byte = 0;

	if (left < 4 || s[0] != '\\')
		return 0;
	for (const char *at = first; at < s + 4; at++) {
		int digit = digit_of(*at, base);

		if (digit < 0)
			return 0;
		byte = byte * base + digit;
	}
	if (base == 16)
		return byte >= 0x80 || is_active((unsigned char)byte) ? 4 : 0;
	return byte <= 0xff ? 4 : 0;
}

const char *text_add_foreign(struct text *text, const char *foreign, size_t size)
{
	const unsigned char *s = (const unsigned char *)foreign;
	size_t left = strnlen(foreign, size);

	while (left) {
		size_t n = text_utf8_length((const char *)s, left);

		if (n == 1 && is_active(s[0]))
			n = escape_length((const char *)s, left);
		if (n) {
			text_put(text, (const char *)s, n);
		} else {
			text_add(text, "\\x%02x", s[0]);
			n = 1;
		}
		s += n;
		left -= n;
	}
	return text->at;
}
