// SPDX-License-Identifier: GPL-2.0-or-later
/* json_find_fuzz.c - strings of JSON that an engine, or somebody else, wrote */

#include <string.h>

#include "util/json_find.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void take(struct json_at value)
{
	char text[12];

	memset(text, 'x', sizeof(text));
	json_find_text(value, text, sizeof(text));
	demand(memchr(text, '\0', sizeof(text)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const struct json_at json = { text, text + size };
	struct json_at at = json_find_key(json, "a"), one;
	size_t count = 0;

	take(json);
	demand(at.at == at.end || (at.at > text && at.end == text + size));
	take(json_find_key(at, "b"));
	for (one = json_find_next(json, NULL); one.at != one.end;
	     one = json_find_next(json, &one)) {
		take(json_find_key(one, "a"));
		take(one);
		demand(++count <= size); /* every step takes a byte at least */
	}
	return 0;
}
