/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_write.h - JSON (RFC 8259) written piece by piece into a buffer of fixed size */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct mask;

struct json {
	char *at;
	size_t size;
	size_t length;
	bool comma; /* the next value or key follows another */
	bool cut; /* something did not fit: what is there is no JSON */
	struct mask *mask; /* of the sink; NULL none */
};

struct json json_in(char *buffer, size_t size);

void json_open(struct json *json, char bracket); /* '{' or '[' */
void json_close(struct json *json, char bracket); /* '}' or ']' */
void json_key(struct json *json, const char *key);

/* Values. Bytes that are not UTF-8 become U+FFFD. @size: at most so many bytes, stops at a NUL. */
void json_string_of(struct json *json, const char *value, size_t size);
void json_string(struct json *json, const char *value);
void json_number(struct json *json, __s64 value);
void json_unsigned(struct json *json, __u64 value);
void json_bool(struct json *json, bool value);

/* Text that is JSON already: one or several values with their commas. */
void json_ready(struct json *json, const char *text, size_t length);

/* A key with its value; a string that is NULL or empty is left out: unknown is absent. */
void json_pair(struct json *json, const char *key, const char *value);
void json_pair_of(struct json *json, const char *key, const char *value, size_t size);
void json_pair_unsigned(struct json *json, const char *key, __u64 value);
