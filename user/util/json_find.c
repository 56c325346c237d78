// SPDX-License-Identifier: GPL-2.0-or-later
/* json_find.c - looking for a few strings in JSON that others wrote */

#include <ctype.h>
#include <string.h>

#include "util/json_find.h"

static const struct json_at none;

static struct json_at skip_space(struct json_at json)
{
	while (json.at < json.end && isspace((unsigned char)*json.at))
		json.at++;
	return json;
}

static bool begins(struct json_at json, char with)
{
	return json.at < json.end && *json.at == with;
}

/* Behind the string that begins here; at the end where it has none. */
static struct json_at skip_string(struct json_at json)
{
	for (json.at++; json.at < json.end && *json.at != '"'; json.at++)
		if (*json.at == '\\' && json.at + 1 < json.end)
			json.at++;
	if (json.at < json.end)
		json.at++;
	return json;
}

/* Behind the value that begins here. Brackets are counted, not matched: who cares is no reader of JSON. */
static struct json_at skip_value(struct json_at json)
{
	size_t depth = 0;

	while (json.at < json.end) {
		char c = *json.at;

		if (c == '"') {
			json = skip_string(json);
			if (!depth)
				return json;
			continue;
		}
		if (!depth && (c == ',' || c == '}' || c == ']'))
			return json;
		depth += c == '{' || c == '[';
		json.at++;
		if ((c == '}' || c == ']') && !--depth)
			return json;
	}
	return json;
}

/* Behind what separates two members; none: no member follows. */
static struct json_at skip_comma(struct json_at json)
{
	json = skip_space(json);
	if (!begins(json, ','))
		return none;
	json.at++;
	return skip_space(json);
}

struct json_at json_find_key(struct json_at object, const char *key)
{
	size_t length = strlen(key);
	struct json_at json = skip_space(object);

	if (!begins(json, '{'))
		return none;
	json.at++;
	json = skip_space(json);
	while (begins(json, '"')) {
		const char *name = json.at + 1;
		bool same;

		json = skip_string(json);
		same = (size_t)(json.at - name) == length + 1 && !memcmp(name, key, length);
		json = skip_space(json);
		if (!begins(json, ':'))
			return none;
		json.at++;
		json = skip_space(json);
		if (same)
			return json;
		json = skip_comma(skip_value(json));
	}
	return none;
}

struct json_at json_find_next(struct json_at array, const struct json_at *before)
{
	struct json_at json;

	if (before) {
		json = skip_comma(skip_value(*before));
	} else {
		json = skip_space(array);
		if (!begins(json, '['))
			return none;
		json.at++;
		json = skip_space(json);
	}
	return begins(json, ']') ? none : json;
}

/* Four hexadecimal digits, or -1. */
static long read_hex(struct json_at json)
{
	long value = 0;

	if (json.end - json.at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = tolower((unsigned char)json.at[i]);

		if (!isxdigit(c))
			return -1;
		value = value * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return value;
}

/* One character of a string as UTF-8 (RFC 3629); half of a pair of surrogates is none. */
static size_t read_escape(struct json_at *json, char bytes[4])
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *found = *json->at ? strchr(plain, *json->at) : NULL;
	long code, low;

	if (found) {
		json->at++;
		bytes[0] = means[found - plain];
		return 1;
	}
	if (*json->at++ != 'u' || (code = read_hex(*json)) < 0)
		return 0;
	json->at += 4;
	if (code >= 0xd800 && code < 0xe000) {
		if (code >= 0xdc00 || json->end - json->at < 6 || json->at[0] != '\\' ||
		    json->at[1] != 'u')
			return 0;
		json->at += 2;
		low = read_hex(*json);
		if (low < 0xdc00 || low >= 0xe000)
			return 0;
		json->at += 4;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		bytes[0] = (char)(0xf0 | code >> 18);
		bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (code & 0x3f));
		return 4;
	}
	if (!code)
		return 0;
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	bytes[0] = (char)(0xe0 | code >> 12);
	bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[2] = (char)(0x80 | (code & 0x3f));
	return 3;
}

bool json_find_text(struct json_at value, char *out, size_t size)
{
	struct json_at json = skip_space(value);
	size_t length = 0;

	out[0] = '\0';
	if (!begins(json, '"'))
		return false;
	for (json.at++; json.at < json.end && *json.at != '"';) {
		char bytes[4] = { *json.at++ };
		size_t count = bytes[0] != '\0';

		if (bytes[0] == '\\')
			count = json.at < json.end ? read_escape(&json, bytes) : 0;
		if (length + count >= size)
			break;
		memcpy(out + length, bytes, count);
		length += count;
	}
	out[length] = '\0';
	return true;
}
