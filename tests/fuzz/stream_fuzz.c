// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_fuzz.c - any sequence of segments: the tracker keeps its bounds and its promises */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/stream_find.h"
#include "join/segment/figures.h"
#include "util/array.h"

#define ROOM 16
#define RETRANSMISSIONS                                                 \
	(BIT(STREAM_RETRANSMISSION) | BIT(STREAM_FAST_RETRANSMISSION) | \
	 BIT(STREAM_SPURIOUS_RETRANSMISSION) | BIT(STREAM_OUT_OF_ORDER))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One segment of 8 bytes: few ends, numbers near each other and near the edges. */
static void read_packet(const uint8_t *bytes, struct packet *packet, uint64_t *ts_ns)
{
	static const __u32 bases[4] = { 0, 1000, 0x7fffffff, 0xfffffff0 };
	static const __u32 lengths[8] = { 0, 0, 1, 2, 100, 1460, 65535, 0xffffffff };
	static const __s64 steps_ns[8] = { 0,	     1000,	 3000000,    19999999,
					   20000000, 1000000000, -500000000, INT64_MAX / 4 };
	bool out = bytes[0] & 1;

	*packet = (struct packet){
		.what = bytes[0] == 0xff ? PACKET_UDP : PACKET_TCP,
		.source_port = out ? 1000 + (bytes[0] >> 1 & 31) : 80,
		.destination_port = out ? 80 : 1000 + (bytes[0] >> 1 & 31),
		.tcp_flags = bytes[1] & 0x3f,
		.seq = bases[bytes[2] & 3] + (bytes[2] >> 2) + (bytes[3] & 3) * 100,
		.ack = bases[bytes[4] & 3] + (bytes[4] >> 2) + (bytes[3] >> 2 & 3) * 100,
		.payload_bytes = lengths[bytes[3] >> 5],
		.window = (__u16)(bytes[5] & 3 ? bytes[5] << (bytes[5] & 7) : 0),
		.flags = bytes[6] & 1 ? PACKET_F_WSCALE | PACKET_F_MSS | PACKET_F_SACK : 0,
		.wscale = bytes[6] >> 1 & 7,
		.mss = bytes[6],
		.ip_id = bytes[6] >> 4,
	};
	packet->source[15] = out ? 1 : 2;
	packet->destination[15] = out ? 2 : 1;
	*ts_ns += (__u64)steps_ns[bytes[7] & 7];
}

static void check_look(const struct conns *streams, const struct packet *packet,
		       const struct stream_look *look)
{
	const struct stream *gone = stream_that_left(streams);

	if (!look->stream) {
		if (packet->what == PACKET_TCP || look->flags || gone)
			abort();
		return;
	}
	if (look->flags >> STREAM_FLAG_COUNT || look->from > 1)
		abort();
	/* at most one kind of sent again or late */
	if (__builtin_popcount(look->flags & RETRANSMISSIONS) > 1)
		abort();
	if (gone && (gone->number == look->stream->number || conns_streams_evicted(streams) == 0))
		abort();
	if (look->stream != stream_between(streams, 0, packet->source, packet->source_port,
					   packet->destination, packet->destination_port))
		abort();
}

static void check_stream(const struct stream *stream)
{
	struct figures figures;
	int first;

	figures_take_stream(&figures, stream);
	first = figures.closed_first;
	if (!conn_end_name(figures.end) || first < -1 || first > 1 || stream->ends->client > 1 ||
	    stream->last_ns < stream->first_ns ||
	    stream->idle_ns > stream->last_ns - stream->first_ns)
		abort();
	for (int i = 0; i < 2; i++) {
		const struct stream_side *side = &stream->side[i];

		if (side->segments > side->packets || side->bytes_again > side->bytes ||
		    side->copies > side->packets || side->timeouts > side->flagged[0] ||
		    stream_side_retransmissions(side) > side->packets)
			abort();
		if (side->rtt.samples && (side->rtt.least_us > side->rtt.most_us ||
					  stream_rtt_mean_us(&side->rtt) < side->rtt.least_us ||
					  stream_rtt_mean_us(&side->rtt) > side->rtt.most_us))
			abort();
		stream_rtt_deviation_us(&side->rtt);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conns *streams;
	uint64_t ts_ns = 1000000000000000000ull, packets = 0, counted = 0;
	const struct stream *stream;
	const struct conn *conn;

	if (conns_new(&streams, ROOM, CONNS_STREAMS, NULL))
		return 0;
	for (; size >= 8; data += 8, size -= 8) {
		struct packet packet;
		struct stream_look look;

		read_packet(data, &packet, &ts_ns);
		look = conns_packet(streams, &packet, ts_ns, ++packets, 0);
		check_look(streams, &packet, &look);
		counted += !!look.stream;
		stream = stream_that_left(streams);
		if (stream) {
			check_stream(stream);
			counted -= stream->side[0].packets + stream->side[1].packets;
		}
	}
	for (__u32 i = 0; (conn = conns_at(streams, i)); i++) {
		stream = conn->stream;
		if (i > ROOM)
			abort();
		if (!conn->queue)
			continue; /* it left, and was looked at */
		check_stream(stream);
		counted -= stream->side[0].packets + stream->side[1].packets;
	}
	/* every packet is in exactly one connection */
	if (counted)
		abort();
	conns_free(streams);
	return 0;
}
