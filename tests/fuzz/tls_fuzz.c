// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_fuzz.c - a stream of any bytes, with holes: the segments it comes in make no difference */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "decode/decode.h"

enum { HEAD_BYTES = 8 };

struct stream {
	const uint8_t *bytes;
	size_t size;
	size_t hole_begin; /* these bytes were sent and are not in the capture */
	size_t hole_end;
};

struct result {
	struct tls_side side;
	struct tls_hello hello;
};

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One segment from a copy of exactly what was captured of it: the end may be missing, not the begin. */
static void take(struct result *result, const struct stream *stream, size_t at, size_t wire)
{
	size_t captured = at < stream->hole_begin ? lesser(wire, stream->hole_begin - at) :
			  at >= stream->hole_end  ? wire :
						    0;
	uint8_t *exact = malloc(captured ? captured : 1);

	memcpy(exact, stream->bytes + at, captured);
	tls_side_take(&result->side, at, exact, captured, wire, &result->hello);
	free(exact);
}

/* In as few pieces as the hole allows. */
static void take_whole(struct result *result, const struct stream *stream)
{
	memset(result, 0, sizeof(*result));
	take(result, stream, 0, stream->hole_end);
	take(result, stream, stream->hole_end, stream->size - stream->hole_end);
}

/* In pieces of @step, some of them sent again, a piece all in the hole sometimes in no segment. */
static void take_pieces(struct result *result, const struct stream *stream, size_t step,
			unsigned int again)
{
	memset(result, 0, sizeof(*result));
	for (size_t at = 0, wire; at < stream->size; at += wire) {
		wire = lesser(step, stream->size - at);
		/* what lies behind a hole begins a piece of its own */
		if (at < stream->hole_end && at + wire > stream->hole_end)
			wire = stream->hole_end - at;
		if (at >= stream->hole_begin && at + wire < stream->hole_end && again & 1)
			continue;
		take(result, stream, at, wire);
		if (again & 2 && at >= stream->hole_end)
			take(result, stream, stream->hole_end, at + wire - stream->hole_end);
	}
}

static void check_upgrade(const struct stream *stream, uint8_t wire)
{
	size_t all = stream->size + wire;
	struct upgrade_refusal refusal;
	char buffer[80];

	demand(upgrade_asked(stream->bytes, stream->size, all) < UPGRADE_KIND_COUNT);
	demand(upgrade_header_bytes(stream->bytes, stream->size) <= stream->size);
	tls_begins_client_hello(stream->bytes, stream->size);
	for (unsigned int kind = 0; kind < UPGRADE_KIND_COUNT; kind++) {
		struct text text = text_of(buffer);

		if (!upgrade_refused(kind, stream->bytes, stream->size, all, &refusal))
			continue;
		text_add(&text, "%s ", upgrade_name(kind));
		upgrade_print_refusal(&text, kind, &refusal);
		demand(kind != UPGRADE_NONE && !text.cut);
	}
}

static void check(const struct result *result)
{
	const struct tls_side *side = &result->side;
	const struct tls_hello *hello = &result->hello;
	int ends = hello->flags & (TLS_HELLO_WHOLE | TLS_HELLO_CUT | TLS_HELLO_BAD);

	demand(!(ends & (ends - 1)));
	demand(memchr(hello->name, '\0', sizeof(hello->name)) != NULL);
	demand(memchr(hello->protocols, '\0', sizeof(hello->protocols)) != NULL);
	demand(!(hello->flags & TLS_HELLO_WHOLE) || !hello->message_left);
	demand(!(side->flags & TLS_SIDE_NOT_TLS) || !(side->flags & TLS_SIDE_BEGUN));
	demand(!side->alerts || tls_alert_name(side->alert));
	demand(side->body_left <= side->last_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream stream;
	struct result whole, pieces;
	struct first first;
	struct http_length length;
	char buffer[80];
	struct text text = text_of(buffer);

	if (size < HEAD_BYTES)
		return 0;
	stream.bytes = data + HEAD_BYTES;
	stream.size = size - HEAD_BYTES;
	stream.hole_begin = lesser(data[0] << 8 | data[1], stream.size);
	stream.hole_end = lesser(stream.hole_begin + data[2], stream.size);
	take_whole(&whole, &stream);
	check(&whole);
	take_pieces(&pieces, &stream, data[3] + 1, data[5]);
	demand(!memcmp(&whole, &pieces, sizeof(whole)));
	take_pieces(&pieces, &stream, data[4] % 7 + 1, data[5] >> 2);
	demand(!memcmp(&whole, &pieces, sizeof(whole)));

	first_parse(stream.bytes, stream.size, stream.size + data[6], data[7] & 1, &first);
	first_is_goodbye(stream.bytes, stream.size);
	check_upgrade(&stream, data[6]);
	demand(first.kind < FIRST_CLASS_COUNT && (first.kind == FIRST_NONE) == !stream.size);
	first_print(&text, &first);
	demand(!text.cut);
	http_length_parse(stream.bytes, stream.size, &first, &length);
	demand(!length.known || (length.header_bytes >= 4 && length.header_bytes <= stream.size));
	return 0;
}
