// SPDX-License-Identifier: GPL-2.0-or-later
/* http.c - how long an answer of HTTP/1 is going to be (RFC 9112 6.3) */

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "decode/first.h"

static bool is_field(const char *line, size_t size, const char *name)
{
	size_t length = strlen(name);

	return size > length && line[length] == ':' && !strncasecmp(line, name, length);
}

/* A number and nothing else; false: it is none, or too large. */
static bool take_length(const char *value, size_t size, struct http_length *length)
{
	__u64 bytes = 0;
	bool digits = false;

	while (size && (*value == ' ' || *value == '\t')) {
		value++;
		size--;
	}
	for (; size && *value >= '0' && *value <= '9'; value++, size--) {
		bytes = bytes * 10 + (__u64)(*value - '0');
		digits = true;
		if (bytes > INT32_MAX)
			return false;
	}
	while (size && (*value == ' ' || *value == '\t')) {
		value++;
		size--;
	}
	if (!digits || size)
		return false;
	length->bytes = (__u32)bytes;
	return true;
}

/* RFC 9112 6.1: chunked is the last coding that is named. */
static bool ends_with_chunked(const char *line, size_t size)
{
	static const char word[] = "chunked";

	while (size && (line[size - 1] == ' ' || line[size - 1] == '\t'))
		size--;
	return size >= strlen(word) && !strncasecmp(line + size - strlen(word), word, strlen(word));
}

static bool has_no_body(__u16 status)
{
	return status < 200 || status == 204 || status == 304;
}

void http_length_parse(const __u8 *bytes, size_t captured, const struct first *first,
		       struct http_length *length)
{
	const char *at = (const char *)bytes, *end = at + captured, *next;
	bool length_known = false, coded = false;

	*length = (struct http_length){ 0 };
	if (first->kind != FIRST_HTTP || has_no_body(first->number))
		return;
	for (; (next = memmem(at, (size_t)(end - at), "\r\n", 2)); at = next + 2) {
		size_t size = (size_t)(next - at);

		if (!size) {
			length->header_bytes = (__u32)(next + 2 - (const char *)bytes);
			length->known = length->chunked || (length_known && !coded);
			return;
		}
		if (is_field(at, size, "Content-Length")) {
			length_known = take_length(at + 15, size - 15, length);
		} else if (is_field(at, size, "Transfer-Encoding")) {
			coded = true;
			length->chunked = ends_with_chunked(at, size);
		}
	}
}

bool http_wants_no_body(const __u8 *bytes, size_t captured)
{
	return (captured >= 5 && !memcmp(bytes, "HEAD ", 5)) ||
	       (captured >= 8 && !memcmp(bytes, "CONNECT ", 8));
}

bool http_ends_chunks(const __u8 *bytes, size_t captured)
{
	return captured >= 4 && !memcmp(bytes + captured - 4, "\r\n\r\n", 4);
}
