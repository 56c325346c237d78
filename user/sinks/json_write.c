// SPDX-License-Identifier: GPL-2.0-or-later
/* json_write.c - JSON written piece by piece */

#include <stdio.h>
#include <string.h>

#include "sinks/json_write.h"

struct json json_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct json){ .at = buffer, .size = size };
}

static void put(struct json *json, const char *text, size_t length)
{
	if (json->cut || length >= json->size - json->length) {
		json->cut = true;
		return;
	}
	memcpy(json->at + json->length, text, length);
	json->length += length;
	json->at[json->length] = '\0';
}

static void put_comma(struct json *json)
{
	if (json->comma)
		put(json, ",", 1);
	json->comma = true;
}

void json_open(struct json *json, char bracket)
{
	put_comma(json);
	put(json, &bracket, 1);
	json->comma = false;
}

void json_close(struct json *json, char bracket)
{
	put(json, &bracket, 1);
	json->comma = true;
}

void json_key(struct json *json, const char *key)
{
	json_string(json, key);
	put(json, ":", 1);
	json->comma = false;
}

/* Length of the well-formed UTF-8 sequence at @s (RFC 3629 section 4), 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (length > left)
		return 0;
	/* the second byte of some is narrower: overlong forms, surrogates, beyond U+10FFFF */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void put_escaped(struct json *json, unsigned char c)
{
	char escape[8];
	const char *short_form = c == '"'  ? "\\\"" :
				 c == '\\' ? "\\\\" :
				 c == '\n' ? "\\n" :
				 c == '\t' ? "\\t" :
				 c == '\r' ? "\\r" :
					     NULL;

	if (short_form) {
		put(json, short_form, 2);
		return;
	}
	snprintf(escape, sizeof(escape), "\\u%04x", c);
	put(json, escape, 6);
}

static bool is_escaped(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

/* How many bytes stand for themselves, of ASCII alone. */
static size_t plain_length(const unsigned char *s, size_t left)
{
	size_t length = 0;

	while (length < left && s[length] < 0x80 && !is_escaped(s[length]))
		length++;
	return length;
}

void json_string_of(struct json *json, const char *value, size_t size)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t left = strnlen(value, size);

	put_comma(json);
	put(json, "\"", 1);
	while (left) {
		size_t length = plain_length(s, left);

		if (!length)
			length = utf8_length(s, left);
		if (!length) {
			put(json, "\xef\xbf\xbd", 3); /* U+FFFD */
			length = 1;
		} else if (length == 1 && is_escaped(s[0])) {
			put_escaped(json, s[0]);
		} else {
			put(json, (const char *)s, length);
		}
		s += length;
		left -= length;
	}
	put(json, "\"", 1);
}

void json_string(struct json *json, const char *value)
{
	json_string_of(json, value, strlen(value));
}

void json_number(struct json *json, __s64 value)
{
	char digits[24];

	put_comma(json);
	put(json, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", value));
}

void json_unsigned(struct json *json, __u64 value)
{
	char digits[24];

	put_comma(json);
	put(json, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", value));
}

void json_bool(struct json *json, bool value)
{
	put_comma(json);
	put(json, value ? "true" : "false", value ? 4 : 5);
}

void json_ready(struct json *json, const char *text, size_t length)
{
	if (!length)
		return;
	put_comma(json);
	put(json, text, length);
}

void json_pair_of(struct json *json, const char *key, const char *value, size_t size)
{
	if (!value || !size || !value[0])
		return;
	json_key(json, key);
	json_string_of(json, value, size);
}

void json_pair(struct json *json, const char *key, const char *value)
{
	json_pair_of(json, key, value, value ? strlen(value) : 0);
}

void json_pair_unsigned(struct json *json, const char *key, __u64 value)
{
	json_key(json, key);
	json_unsigned(json, value);
}
