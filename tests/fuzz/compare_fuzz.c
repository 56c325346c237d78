// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_fuzz.c - any two captures: every packet ends in one place, every connection in one verdict */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "join/compare/compare.h"
#include "rules/compare/compare.h"
#include "rules/rules.h"
#include "util/array.h"

#define ROOM 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One packet of 10 bytes: few ends, numbers near each other and near the edges. */
static void read_packet(const uint8_t *bytes, struct packet *packet, uint64_t *ts_ns)
{
	static const __u32 bases[4] = { 0, 1000, 0x7fffffff, 0xfffffff0 };
	static const __u32 lengths[8] = { 0, 0, 1, 40, 100, 1460, 65535, 0xffffffff };
	static const __s64 steps_ns[8] = { 0,	       1000,	    1000000,	250000000,
					   1000000000, 30000000000, -500000000, INT64_MAX / 4 };
	static const __u8 whats[8] = { PACKET_TCP, PACKET_TCP,	PACKET_TCP,   PACKET_TCP,
				       PACKET_TCP, PACKET_ICMP, PACKET_OTHER, PACKET_UNPARSED };
	bool out = bytes[0] & 2;

	*packet = (struct packet){
		.what = whats[bytes[0] >> 5],
		.protocol = 6,
		.ttl = bytes[8],
		.source_port = out ? 1000 + (bytes[0] >> 2 & 3) : 80,
		.destination_port = out ? 80 : 1000 + (bytes[0] >> 2 & 3),
		.tcp_flags = bytes[1] & 0x3f,
		.seq = bases[bytes[2] & 3] + (bytes[2] >> 2) + (bytes[3] & 3) * 100,
		.ack = bases[bytes[4] & 3] + (bytes[4] >> 2) + (bytes[3] >> 2 & 3) * 100,
		.payload_bytes = lengths[bytes[3] >> 5],
		.payload_at = bytes[9],
		.window = bytes[5],
		.flags = (bytes[6] & 1 ? PACKET_F_WSCALE | PACKET_F_MSS | PACKET_F_SACK : 0) |
			 (bytes[6] & 2 ? PACKET_F_TIMESTAMPS : 0) |
			 (bytes[6] & 4 ? PACKET_F_CUT : 0),
		.ts_value = bytes[6] >> 3,
		.ts_echo = bytes[5] >> 5,
		.mss = bytes[6],
		.ip_id = bytes[5] & 3,
	};
	packet->source[15] = out ? 1 + (bytes[1] >> 7) : 2;
	packet->destination[15] = out ? 2 : 1 + (bytes[1] >> 7);
	if (packet->what == PACKET_ICMP) {
		packet->flags |= PACKET_F_INNER;
		packet->inner.protocol = 6;
		packet->inner.source_port = 1000 + (bytes[2] & 3);
		packet->inner.destination_port = 80;
		packet->inner.source[15] = 1;
		packet->inner.destination[15] = 2;
	}
	*ts_ns += (__u64)steps_ns[bytes[7] & 7];
}

/* Returns how many packets of TCP the result accounts for. */
static uint64_t check_way(const struct compare_way *way)
{
	uint64_t packets = 0;

	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		uint64_t seen = 0, told = way->unjudged[side];

		for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++) {
			seen += way->seen[side][kind];
			told += way->matched[kind];
			told += way->only[side][kind].count + way->only[side][kind].unsure;
			if (way->only[side][kind].unsure && !way->only[side][kind].blind)
				abort();
		}
		/* the rest went through in other segments */
		if (told > seen || seen - told > way->resegmented)
			abort();
		packets += seen + way->copies[side];
	}
	return packets;
}

static uint64_t check_result(const struct compare_result *result, const struct compare_clock *clock)
{
	struct comparison comparison;
	struct compare_delay delay;
	char buffer[200];

	if (!result->end[0].seen && !result->end[1].seen)
		abort();
	comparison_of(result, clock, &comparison);
	if (!comparison_name(comparison.id) || !comparison.what[0] ||
	    comparison.confidence == CONFIDENCE_CERTAIN)
		abort();
	for (unsigned int bit = 0; bit < 32; bit++) {
		struct text text = text_of(buffer);

		comparison_print_unsure(&text, bit, bit & 1);
	}
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		if (compare_delay(clock, result, way, &delay) && !clock->known)
			abort();
	return check_way(&result->way[0]) + check_way(&result->way[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t ts_ns = 1000000000000000000ull, frames = 0, told = 0;
	const struct compare_result *result;
	struct compare *compare;

	if (compare_new(&compare, ROOM))
		return 0;
	for (; size >= 10; data += 10, size -= 10) {
		struct packet packet;

		read_packet(data, &packet, &ts_ns);
		compare_packet(compare, data[0] & 1, &packet, data, 10, ts_ns, ++frames);
		result = compare_gone(compare);
		if (result)
			told += check_result(result, compare_clock(compare));
	}
	compare_finish(compare);
	while ((result = compare_next(compare)))
		told += check_result(result, compare_clock(compare));
	/* every packet is in one connection, or was counted as let go */
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		frames -= compare_counters(compare, side)->frames;
	if (frames)
		abort();
	compare_free(compare);
	return told > UINT64_MAX / 2;
}
