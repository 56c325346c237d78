// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tunnel_fuzz.c - packets in packets and in fragments: a stream of raw IP packets, before each its
 * length, how much longer it was (in 8 bytes) and how much later it came (in 250 ms)
 */

#include "frame_check.h"

#define LINK_RAW 101

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fragments *fragments;
	uint64_t ts_ns = 1000000000, frames = 0;

	if (fragments_new(&fragments))
		abort();
	while (size >= 4) {
		size_t length = (size_t)(data[0] << 8 | data[1]);
		struct frame_bytes frame = { .link = LINK_RAW, .bytes = data + 4 };

		frame.captured = length < size - 4 ? length : size - 4;
		frame.wire = frame.captured + data[2] * 8;
		ts_ns += data[3] * 250000000ull;
		check_frame(fragments, &frame, ts_ns);
		frames++;
		data += 4 + frame.captured;
		size -= 4 + frame.captured;
	}
	if (fragments_abandoned(fragments) > frames)
		abort();
	fragments_free(fragments);
	return 0;
}
