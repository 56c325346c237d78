// SPDX-License-Identifier: GPL-2.0-or-later
/* fragment_test.c - fragments in every order, twice, too late, too long, missing, of both versions */

#include "frame_bytes.h"

#define MORE 0x2000
#define PAYLOAD 3000 /* of the datagram: UDP header and data */
#define SECOND_NS 1000000000ull

/* One test's own: captured fragments point into the event. */
struct stream {
	struct fragments *fragments;
	struct event event;
	__u64 ts_ns;
	__u8 payload[PAYLOAD];
	__u8 frame[2048];
};

static int begin(void **state)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	static const __u8 udp[] = { UDP(PAYLOAD) };

	if (!stream || fragments_new(&stream->fragments))
		return -1;
	stream->ts_ns = SECOND_NS;
	for (size_t i = 0; i < PAYLOAD; i++)
		stream->payload[i] = (__u8)(i * 7 + i / 256);
	memcpy(stream->payload, udp, sizeof(udp));
	*state = stream;
	return 0;
}

static int end(void **state)
{
	struct stream *stream = *state;

	fragments_free(stream->fragments);
	free(stream);
	return 0;
}

static enum event_unread give(struct stream *stream, size_t captured, size_t wire)
{
	struct frame_bytes bytes = { stream->frame, captured, wire, LINK_RAW };

	stream->event.head = (struct event_header){ .ts_ns = stream->ts_ns };
	decode_frame(stream->fragments, &bytes, &stream->event);
	return stream->event.frame.unread;
}

/* The fragment of @length bytes at @offset; @captured of all the packet, 0: whole. */
static enum event_unread give4(struct stream *stream, __u16 id, size_t offset, size_t length,
			       bool more, size_t captured)
{
	const __u8 header[] = { V4(17, 20 + length) };

	memcpy(stream->frame, header, sizeof(header));
	stream->frame[4] = id >> 8;
	stream->frame[5] = (__u8)id;
	stream->frame[6] = (__u8)((more ? MORE >> 8 : 0) | offset / 8 >> 8);
	stream->frame[7] = (__u8)(offset / 8);
	memcpy(stream->frame + 20, stream->payload + offset, length);
	return give(stream, captured ? captured : 20 + length, 20 + length);
}

/* The same of IPv6, behind a hop-by-hop header of 8 bytes. */
static enum event_unread give6(struct stream *stream, __u8 id, size_t offset, size_t length,
			       bool more)
{
	const __u8 headers[] = {
		V6(0, 16 + length),    44, 0, 1, 4, 0, 0, 0, 0, 17, 0, (__u8)(offset >> 8),
		(__u8)(offset | more), 0,  0, 0, id
	};

	memcpy(stream->frame, headers, sizeof(headers));
	memcpy(stream->frame + sizeof(headers), stream->payload + offset, length);
	return give(stream, sizeof(headers) + length, sizeof(headers) + length);
}

static void assert_whole(const struct stream *stream, size_t header, size_t captured)
{
	const struct event *event = &stream->event;
	const struct packet *p = &event->packet;

	assert_int_equal(event->frame.unread, UNREAD_NONE);
	assert_int_equal(event->frame.how, FRAME_F_WHOLE);
	assert_int_equal(p->what, PACKET_UDP);
	assert_int_equal(p->source_port, 45678);
	assert_int_equal(p->destination_port, 8080);
	assert_int_equal(p->payload_bytes, PAYLOAD - 8);
	assert_int_equal(p->flags, 0);
	assert_int_equal(p->payload_at, header + 8);
	assert_int_equal(event->frame.raw.wire_bytes, header + PAYLOAD);
	assert_int_equal(event->bytes_captured, header + captured);
	assert_memory_equal(event->bytes + header, stream->payload, captured);
}

static void in_every_order(void **state)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const size_t offsets[] = { 0, 1480, 2960 }, lengths[] = { 1480, 1480, 40 };
	struct stream *stream = *state;

	for (__u16 i = 0; i < ARRAY_SIZE(orders); i++) {
		for (int k = 0; k < 3; k++) {
			int part = orders[i][k];
			enum event_unread unread =
				give4(stream, i, offsets[part], lengths[part], part < 2, 0);

			assert_int_equal(unread, k < 2 ? UNREAD_FRAGMENT : UNREAD_NONE);
		}
		assert_whole(stream, 20, PAYLOAD);
	}
	for (__u8 i = 0; i < ARRAY_SIZE(orders); i++) {
		for (int k = 0; k < 3; k++) {
			int part = orders[i][k];
			enum event_unread unread =
				give6(stream, i, offsets[part], lengths[part], part < 2);

			assert_int_equal(unread, k < 2 ? UNREAD_FRAGMENT : UNREAD_NONE);
		}
		assert_whole(stream, 48, PAYLOAD); /* without the fragment header */
	}
	assert_int_equal(fragments_abandoned(stream->fragments), 0);
}

/* No state: the first is told as far as it goes, the others say that they are fragments. */
static void without_state(void **state)
{
	struct stream *stream = *state;
	struct fragments *kept = stream->fragments;

	stream->fragments = NULL;
	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_NONE);
	assert_int_equal(stream->event.packet.what, PACKET_UDP);
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 0), UNREAD_NONE);
	assert_int_equal(stream->event.packet.flags, PACKET_F_FRAGMENT);
	stream->fragments = kept;
}

static void whole_packets_pass(void **state)
{
	struct stream *stream = *state;
	static const __u8 atomic[] = { V6(44, 28), 6, 0, 0, 0, 0, 0, 0, 1, TCP(5, 2) };

	memcpy(stream->frame, (const __u8[]){ SYN4 }, 40);
	assert_int_equal(give(stream, 40, 40), UNREAD_NONE);
	assert_int_equal(stream->event.frame.how, 0);
	memcpy(stream->frame, atomic, sizeof(atomic));
	assert_int_equal(give(stream, sizeof(atomic), sizeof(atomic)), UNREAD_NONE);
	assert_int_equal(stream->event.packet.what, PACKET_TCP);
	assert_int_equal(stream->event.frame.how, 0);
}

/* Seen twice, as behind a mirror port, in both ways a copy can follow. */
static void seen_twice(void **state)
{
	struct stream *stream = *state;

	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 0), UNREAD_NONE);
	assert_whole(stream, 20, PAYLOAD);
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 0), UNREAD_FRAGMENT);
	assert_int_equal(fragments_abandoned(stream->fragments), 0);
	/* the whole of it again is another packet, as it would be without fragments */
	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 0), UNREAD_NONE);
	assert_whole(stream, 20, PAYLOAD);
}

/* An identifier comes round again: late fragments are of another datagram. */
static void too_late(void **state)
{
	struct stream *stream = *state;

	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	stream->ts_ns += 31 * SECOND_NS;
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 0), UNREAD_FRAGMENT);
	assert_int_equal(fragments_abandoned(stream->fragments), 2);
	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_NONE);
	assert_whole(stream, 20, PAYLOAD);
	assert_int_equal(fragments_abandoned(stream->fragments), 1);
	/* within 30 s they are of one, also where time runs backwards */
	assert_int_equal(give4(stream, 2, 0, 1480, true, 0), UNREAD_FRAGMENT);
	stream->ts_ns += 29 * SECOND_NS;
	assert_int_equal(give4(stream, 2, 1480, 1520, false, 0), UNREAD_NONE);
	assert_int_equal(give4(stream, 3, 0, 1480, true, 0), UNREAD_FRAGMENT);
	stream->ts_ns -= 50 * SECOND_NS;
	assert_int_equal(give4(stream, 3, 1480, 1520, false, 0), UNREAD_NONE);
}

/* The rest of a datagram differs in nothing but one part of the key. */
static void kept_apart(void **state)
{
	struct stream *stream = *state;

	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 2, 1480, 1520, false, 0), UNREAD_FRAGMENT);
	give4(stream, 1, 1480, 1520, false, 0); /* makes the bytes, which then are altered */
	assert_int_equal(stream->event.frame.unread, UNREAD_NONE);
	for (int at = 9; at < 20; at += at == 9 ? 6 : 4) { /* protocol, source, destination */
		assert_int_equal(give4(stream, 9, 0, 1480, true, 0), UNREAD_FRAGMENT);
		give4(stream, 10, 1480, 1520, false, 0);
		stream->frame[5] = 9;
		stream->frame[at] ^= 1;
		assert_int_equal(give(stream, 1540, 1540), UNREAD_FRAGMENT);
	}
}

/* A snapshot length cuts every fragment: lengths are known, bytes only up to the first gap. */
static void cut_by_the_capture(void **state)
{
	struct stream *stream = *state;

	assert_int_equal(give4(stream, 1, 0, 1480, true, 96), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 1, 1480, 1520, false, 96), UNREAD_NONE);
	assert_whole(stream, 20, 72); /* 76 bytes in units of 8 */
	/* the first with less than its headers: it is told what is missing */
	assert_int_equal(give4(stream, 2, 0, 1480, true, 22), UNREAD_FRAGMENT);
	assert_int_equal(give4(stream, 2, 1480, 1520, false, 0), UNREAD_NONE);
	assert_true(stream->event.packet.flags & PACKET_F_CUT);
	assert_int_equal(stream->event.packet.payload_bytes, PAYLOAD - 8);
}

/* RFC 1858: what overlaps does not replace what came first. */
static void overlapping(void **state)
{
	struct stream *stream = *state;
	__u8 first = stream->payload[1472];

	assert_int_equal(give4(stream, 1, 0, 1480, true, 0), UNREAD_FRAGMENT);
	stream->payload[1472] ^= 0xff;
	assert_int_equal(give4(stream, 1, 1472, 1528, false, 0), UNREAD_NONE);
	stream->payload[1472] = first;
	assert_whole(stream, 20, PAYLOAD);
}

static void contradictory(void **state)
{
	struct stream *stream = *state;

	/* not a multiple of 8, and not the last */
	assert_int_equal(give4(stream, 1, 0, 1477, true, 0), UNREAD_MALFORMED);
	/* behind the end of the longest packet */
	give4(stream, 1, 0, 1480, true, 0);
	stream->frame[6] = 0x1f;
	stream->frame[7] = 0xff;
	assert_int_equal(give(stream, 1500, 1500), UNREAD_MALFORMED);
	/* a header longer than the packet */
	give4(stream, 1, 0, 1480, true, 0);
	stream->frame[0] = 0x4f;
	stream->frame[2] = 0;
	stream->frame[3] = 40;
	assert_int_equal(give(stream, 1500, 1500), UNREAD_MALFORMED);
}

/* Long ones: of what is longer than the room only the beginning is there, the length is right. */
static void long_datagram(void **state)
{
	struct stream *stream = *state;
	const size_t pieces = 40;

	for (size_t i = 0; i < pieces; i++) {
		const __u8 header[] = { V4(17, 20 + 1480) };
		size_t at = i * 1480 / 8;

		memcpy(stream->frame, header, sizeof(header));
		stream->frame[6] = (__u8)((i + 1 < pieces ? MORE >> 8 : 0) | at >> 8);
		stream->frame[7] = (__u8)at;
		memset(stream->frame + 20, (int)i, 1480);
		assert_int_equal(give(stream, 1500, 1500),
				 i + 1 < pieces ? UNREAD_FRAGMENT : UNREAD_NONE);
	}
	assert_int_equal(stream->event.frame.raw.wire_bytes, 20 + pieces * 1480);
	assert_int_equal(stream->event.packet.payload_bytes, pieces * 1480 - 8);
	assert_int_equal(stream->event.bytes_captured, 20 + 4096);
	assert_int_equal(stream->event.bytes[20 + 2959], 1);
	assert_int_equal(stream->event.bytes[20 + 2960], 2);
}

/* A flood of first fragments costs its own, and no more memory than there is. */
static void flood(void **state)
{
	struct stream *stream = *state;

	for (__u16 id = 0; id < 1000; id++) {
		stream->ts_ns++;
		assert_int_equal(give4(stream, id, 0, 1480, true, 0), UNREAD_FRAGMENT);
	}
	assert_int_equal(fragments_abandoned(stream->fragments), 1000);
	assert_int_equal(give4(stream, 999, 1480, 1520, false, 0), UNREAD_NONE);
	assert_int_equal(give4(stream, 800, 1480, 1520, false, 0), UNREAD_FRAGMENT);
}

/* A tunnel's packet in fragments, and fragments in a tunnel. */
static void with_tunnels(void **state)
{
	struct stream *stream = *state;
	static const __u8 inner[] = { SYN4 };
	static const __u8 outer[] = { V4(4, 20 + 1500) };

	/* the outer one is cut in two */
	memcpy(stream->payload, inner, sizeof(inner));
	for (size_t at = 0; at < 40; at += 24) {
		give4(stream, 5, at, at ? 16 : 24, !at, 0);
		stream->frame[9] = 4;
		assert_int_equal(give(stream, at ? 36 : 44, at ? 36 : 44),
				 at ? UNREAD_NONE : UNREAD_FRAGMENT);
	}
	assert_int_equal(stream->event.packet.what, PACKET_TCP);
	assert_int_equal(stream->event.frame.how, FRAME_F_WHOLE | FRAME_F_TUNNEL);
	/* the inner one is */
	memcpy(stream->payload, (const __u8[]){ UDP(PAYLOAD) }, 8);
	for (size_t at = 0; at < PAYLOAD; at += 1480) {
		size_t length = PAYLOAD - at < 1480 ? PAYLOAD - at : 1480;

		give4(stream, (__u16)(100 + at), at, length, at + length < PAYLOAD, 0);
		memmove(stream->frame + 20, stream->frame, 20 + length);
		stream->frame[24] = 0;
		stream->frame[25] = 77;
		memcpy(stream->frame, outer, sizeof(outer));
		stream->frame[2] = (__u8)((40 + length) >> 8);
		stream->frame[3] = (__u8)(40 + length);
		assert_int_equal(give(stream, 40 + length, 40 + length),
				 at + length < PAYLOAD ? UNREAD_FRAGMENT : UNREAD_NONE);
	}
	assert_int_equal(stream->event.packet.payload_bytes, PAYLOAD - 8);
	assert_int_equal(stream->event.frame.how, FRAME_F_WHOLE | FRAME_F_TUNNEL);
}

#define STREAM_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(in_every_order),
		STREAM_TEST(without_state),
		STREAM_TEST(whole_packets_pass),
		STREAM_TEST(seen_twice),
		STREAM_TEST(too_late),
		STREAM_TEST(kept_apart),
		STREAM_TEST(cut_by_the_capture),
		STREAM_TEST(overlapping),
		STREAM_TEST(contradictory),
		STREAM_TEST(long_datagram),
		STREAM_TEST(flood),
		STREAM_TEST(with_tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
