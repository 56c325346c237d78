/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_find.h - looking for a few strings in JSON that others wrote */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A value in a text of JSON, or from its begin to the end of the text. */
struct json_at {
	const char *at, *end; /* at == end: there is none */
};

/*
 * The value of @key in the object that begins at @object; none where it has no such key or is no
 * object. Keys are compared as they are written. Whatever the text is, the walk is one pass over it.
 */
struct json_at json_find_key(struct json_at object, const char *key);

/*
 * The first element (@before NULL) of the array that begins at @array, or the one behind @before.
 * None: there are no more.
 */
struct json_at json_find_next(struct json_at array, const struct json_at *before);

/*
 * The string that begins at @value, unescaped, as UTF-8, cut to fit and terminated. False, and @out
 * empty: it is no string.
 */
bool json_find_text(struct json_at value, char *out, size_t size);
