// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_request.c - what a client of --listen asks for */

#include <string.h>

#include "agent/output/metrics_request.h"

struct word {
	const char *at;
	size_t size;
};

static bool is(struct word word, const char *text)
{
	return word.size == strlen(text) && !memcmp(word.at, text, word.size);
}

static bool begins(struct word word, const char *text)
{
	return word.size >= strlen(text) && !memcmp(word.at, text, strlen(text));
}

/* Up to @end, which is taken too; .at NULL: there is none. */
static struct word take(struct word *from, char end)
{
	const char *found = memchr(from->at, end, from->size);
	struct word word = { found ? from->at : NULL, found ? (size_t)(found - from->at) : 0 };

	if (found) {
		from->at += word.size + 1;
		from->size -= word.size + 1;
	}
	return word;
}

/* Without the name of the host, which a target may have in front (RFC 9112 3.2.2), and without a query. */
static struct word path_of(struct word target)
{
	static const char scheme[] = "http://";
	const char *query, *slash;

	if (begins(target, scheme)) {
		size_t skipped = strlen(scheme);

		slash = memchr(target.at + skipped, '/', target.size - skipped);
		target.size = slash ? target.size - (size_t)(slash - target.at) : 0;
		target.at = slash;
	}
	query = target.size ? memchr(target.at, '?', target.size) : NULL;
	if (query)
		target.size = (size_t)(query - target.at);
	return target;
}

/* A line ends in CR LF, or in LF alone (2.2); an empty one is the end. */
static bool is_whole(struct word rest)
{
	struct word line;

	while ((line = take(&rest, '\n')).at)
		if (!line.size || is(line, "\r"))
			return true;
	return false;
}

enum metrics_status metrics_request_read(const char *bytes, size_t size, bool *head)
{
	struct word rest = { bytes, size };
	struct word line = take(&rest, '\n');
	struct word method, target;

	*head = false;
	if (!line.at || !is_whole(rest))
		return METRICS_MORE;
	if (line.size && line.at[line.size - 1] == '\r')
		line.size--;
	method = take(&line, ' ');
	target = take(&line, ' ');
	if (!method.size || !target.size || !begins(line, "HTTP/1."))
		return METRICS_BAD;
	if (!is(path_of(target), "/metrics"))
		return METRICS_NOT_FOUND;
	*head = is(method, "HEAD");
	return *head || is(method, "GET") ? METRICS_OK : METRICS_NOT_ALLOWED;
}
