// SPDX-License-Identifier: GPL-2.0-or-later
/* json_write.c - JSON written piece by piece */

#include <stdio.h>
#include <string.h>

#include "sinks/json_write.h"
#include "util/text.h"

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

static void put_escaped(struct json *json, unsigned int c)
{
	char escape[16];
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
	if (c >= 0x10000) /* RFC 8259 7: as a surrogate pair */
		snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd7c0 + (c >> 10),
			 0xdc00 + (c & 0x3ff));
	else
		snprintf(escape, sizeof(escape), "\\u%04x", c);
	put(json, escape, strlen(escape));
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
		unsigned int code = 'a';

		if (!length)
			length = text_utf8_decode((const char *)s, left, &code);
		if (!length) {
			put(json, "\xef\xbf\xbd", 3); /* U+FFFD */
			length = 1;
		} else if (code == '"' || code == '\\' || !text_is_shown(code)) {
			put_escaped(json, code);
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
