// SPDX-License-Identifier: GPL-2.0-or-later
/* pieces_fuzz.c - packets and pieces of any order and size: each record comes out once, in its place */

#include <string.h>

#include "decode/pieces.h"
#include "fuzz.h"

/* One step of the input: what comes, of which CPU, and how it differs from what should come. */
enum { STEP_BYTES = 4 };

struct stream {
	struct pieces *pieces;
	__u32 given; /* records that came out */
	__u32 taken; /* that went in; each has its number as namespace */
	__u64 now_ns;
	struct {
		__u64 packet_ns;
		__u32 offset;
		__u32 wire;
	} cpus[4];
};

static void put(struct stream *stream, struct event_header *head, const void *body, size_t size)
{
	__u8 record[EVENT_SIZE_MAX];

	head->size = (__u16)(sizeof(*head) + size);
	head->netns = stream->taken;
	memcpy(record, head, sizeof(*head));
	memcpy(record + sizeof(*head), body, size);
	if (pieces_hold(stream->pieces, record, head->size))
		stream->taken++;
}

static void step_packet(struct stream *stream, const uint8_t *step)
{
	unsigned int cpu = step[0] >> 2 & 3;
	struct event_header head = { .ts_ns = stream->now_ns,
				     .cpu = (__u16)cpu,
				     .kind = EVENT_PACKET,
				     .known = EVENT_K_PACKET | EVENT_K_PIECES };
	struct ev_packet body = { .raw = { .wire_bytes = (__u32)step[1] << (step[2] & 15) } };

	body.raw.captured_bytes =
		(__u16)(body.raw.wire_bytes < EVENT_PACKET_MAX ? body.raw.wire_bytes :
								 EVENT_PACKET_MAX);
	memset(body.raw.bytes, (int)cpu + 1, sizeof(body.raw.bytes));
	stream->cpus[cpu].packet_ns = stream->now_ns;
	stream->cpus[cpu].offset = body.raw.captured_bytes;
	stream->cpus[cpu].wire = body.raw.wire_bytes;
	put(stream, &head, &body, sizeof(body));
}

static void step_piece(struct stream *stream, const uint8_t *step)
{
	unsigned int cpu = step[0] >> 2 & 3;
	struct event_header head = { .cpu = (__u16)cpu, .kind = EVENT_PIECE };
	struct ev_piece body = { .packet_ns = stream->cpus[cpu].packet_ns + (step[3] == 1),
				 .offset = stream->cpus[cpu].offset + (step[3] == 2),
				 .last = step[3] == 3 };

	body.size = (__u16)(step[3] == 4 ? step[2] : EVENT_PIECE_MAX);
	memset(body.bytes, (int)cpu + 1, sizeof(body.bytes));
	stream->cpus[cpu].offset += body.size;
	put(stream, &head, &body, offsetof(struct ev_piece, bytes) + body.size);
}

static void step_tick(struct stream *stream, const uint8_t *step)
{
	struct event_header head = { .kind = EVENT_TICK };
	const struct ev_tick body = { 0 };

	stream->now_ns += step[1] * 1000000ull;
	head.ts_ns = stream->now_ns;
	put(stream, &head, &body, sizeof(body));
}

static void drain(struct stream *stream, unsigned int most)
{
	struct event event;
	int got;

	while (most-- && (got = pieces_next(stream->pieces, &event))) {
		if (got == 1) {
			demand(event.head.netns == stream->given);
			demand(event.bytes_captured <= EVENT_SNAP_MAX);
			for (size_t i = 0; i < event.bytes_captured; i++)
				demand(event.bytes[i] == event.head.cpu + 1);
		}
		stream->given++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pieces *pieces; /* its room is not made anew for every input */
	struct stream stream = { .now_ns = 1000000000 };

	demand(pieces || !pieces_new(&pieces));
	stream.pieces = pieces;
	for (; size >= STEP_BYTES; data += STEP_BYTES, size -= STEP_BYTES) {
		switch (data[0] & 3) {
		case 0:
			step_packet(&stream, data);
			break;
		case 1:
			step_tick(&stream, data);
			break;
		default: /* many, as of a long packet */
			for (unsigned int i = 0; i <= data[1]; i++)
				step_piece(&stream, data);
		}
		drain(&stream, data[0] & 0x80 ? 1 : ~0u);
	}
	pieces_end(stream.pieces);
	drain(&stream, ~0u);
	demand(stream.given == stream.taken);
	pieces_forget(pieces);
	return 0;
}
