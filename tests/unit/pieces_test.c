// SPDX-License-Identifier: GPL-2.0-or-later
/* pieces_test.c - packets in pieces: whole and in their place, or as far as they came */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/pieces.h"

#define MS 1000000ull
#define CUT EVENT_PACKET_MAX /* how far a packet comes without pieces */

struct lab {
	struct pieces *pieces;
	struct event event; /* the last that came */
	__u8 record[EVENT_SIZE_MAX];
};

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab || pieces_new(&lab->pieces))
		return -1;
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	pieces_free(lab->pieces);
	free(lab);
	return 0;
}

static __u8 byte_at(size_t at)
{
	return (__u8)(at * 7 + (at >> 8));
}

static bool give(struct lab *lab, const struct event_header *head, const void *body, size_t size)
{
	struct event_header whole = *head;

	whole.size = (__u16)(sizeof(whole) + size);
	memset(lab->record, 0xee, sizeof(lab->record));
	memcpy(lab->record, &whole, sizeof(whole));
	memcpy(lab->record + sizeof(whole), body, size);
	return pieces_hold(lab->pieces, lab->record, whole.size);
}

/* The record of a packet of so many bytes, from this CPU: its first ones. */
static bool packet(struct lab *lab, __u64 ms, __u16 cpu, __u32 wire)
{
	struct event_header head = {
		.ts_ns = ms * MS, .cpu = cpu, .kind = EVENT_PACKET, .known = EVENT_K_PACKET
	};
	struct ev_packet body = { .raw = { .wire_bytes = wire } };

	body.raw.captured_bytes = (__u16)(wire < CUT ? wire : CUT);
	head.known |= wire > CUT ? EVENT_K_PIECES : 0;
	for (size_t i = 0; i < body.raw.captured_bytes; i++)
		body.raw.bytes[i] = byte_at(i);
	return give(lab, &head, &body, sizeof(body));
}

static bool piece(struct lab *lab, __u64 ms, __u16 cpu, __u32 offset, __u32 total)
{
	const struct event_header head = { .ts_ns = ms * MS + 1000,
					   .cpu = cpu,
					   .kind = EVENT_PIECE };
	struct ev_piece body = { .packet_ns = ms * MS, .offset = offset };

	body.size = (__u16)(total - offset < EVENT_PIECE_MAX ? total - offset : EVENT_PIECE_MAX);
	body.last = offset + body.size == total;
	for (size_t i = 0; i < body.size; i++)
		body.bytes[i] = byte_at(offset + i);
	return give(lab, &head, &body, offsetof(struct ev_piece, bytes) + body.size);
}

/* All pieces of a packet. */
static void pieces(struct lab *lab, __u64 ms, __u16 cpu, __u32 total)
{
	for (__u32 at = CUT; at < total; at += EVENT_PIECE_MAX)
		assert_true(piece(lab, ms, cpu, at, total));
}

static bool tick(struct lab *lab, __u64 ms)
{
	const struct event_header head = { .ts_ns = ms * MS, .kind = EVENT_TICK };
	const struct ev_tick body = { 0 };

	return give(lab, &head, &body, sizeof(body));
}

static void nothing(struct lab *lab)
{
	assert_int_equal(pieces_next(lab->pieces, &lab->event), 0);
}

static void next_is(struct lab *lab, enum event_kind kind, __u64 ms)
{
	assert_int_equal(pieces_next(lab->pieces, &lab->event), 1);
	assert_int_equal(lab->event.head.kind, kind);
	assert_int_equal(lab->event.head.ts_ns / MS, ms);
}

/* A packet with so many bytes, which are the right ones. */
static void next_packet(struct lab *lab, __u64 ms, size_t captured)
{
	next_is(lab, EVENT_PACKET, ms);
	assert_int_equal(lab->event.bytes_captured, captured);
	for (size_t i = 0; i < captured; i++)
		assert_int_equal(lab->event.bytes[i], byte_at(i));
}

static void next_pieces(struct lab *lab, __u64 ms, size_t count)
{
	while (count--) {
		next_is(lab, EVENT_PIECE, ms);
		assert_int_equal(lab->event.bytes_captured, 0);
		assert_int_equal(lab->event.packet.what, PACKET_NONE);
	}
}

/* Without pieces nothing waits. */
static void nothing_to_wait_for(void **state)
{
	struct lab *lab = *state;

	assert_false(packet(lab, 10, 0, CUT));
	assert_false(tick(lab, 11));
	assert_false(piece(lab, 10, 0, CUT, 3000)); /* whose packet's record was lost */
	assert_false(pieces_hold(lab->pieces, "x", 1));
	assert_false(pieces_hold(lab->pieces, "", 0));
	nothing(lab);
}

/* Pieces of two CPUs mixed: each finds its packet, and everything keeps its place. */
static void mixed(void **state)
{
	struct lab *lab = *state;
	const __u32 total = 70000;

	assert_true(packet(lab, 10, 0, total));
	assert_true(packet(lab, 11, 1, 3000));
	assert_true(piece(lab, 10, 0, CUT, total));
	pieces(lab, 11, 1, 3000);
	nothing(lab); /* the second one is whole, and stands behind the first */
	assert_true(tick(lab, 12));
	for (__u32 at = CUT + EVENT_PIECE_MAX; at < total; at += EVENT_PIECE_MAX) {
		nothing(lab);
		assert_true(piece(lab, 10, 0, at, total));
	}
	next_packet(lab, 10, total);
	next_packet(lab, 11, 3000);
	next_pieces(lab, 10, 1);
	next_pieces(lab, 11, 3);
	next_is(lab, EVENT_TICK, 12);
	next_pieces(lab, 10, 75);
	nothing(lab);
	assert_false(tick(lab, 13));
}

/* What is missing in one is not made up, and nobody waits for it for ever. */
static void missing(void **state)
{
	struct lab *lab = *state;

	assert_true(packet(lab, 10, 0, 3000));
	assert_true(piece(lab, 10, 0, CUT, 3000));
	/* the one before was shed */
	assert_true(piece(lab, 10, 0, CUT + 2 * EVENT_PIECE_MAX, 3000));
	nothing(lab);
	assert_true(packet(lab, 12, 0, 4000)); /* another one of that CPU */
	next_packet(lab, 10, CUT + EVENT_PIECE_MAX);
	assert_int_equal(lab->event.head.known & EVENT_K_PIECES, EVENT_K_PIECES);
	next_pieces(lab, 10, 2);
	nothing(lab);
	assert_true(piece(lab, 11, 0, CUT, 4000)); /* of a packet whose record was lost */
	assert_true(piece(lab, 12, 1024, CUT, 4000)); /* of a CPU in the same place of the table */
	assert_true(tick(lab, 111));
	nothing(lab);
	assert_true(tick(lab, 112)); /* 100 ms */
	next_packet(lab, 12, CUT);
	next_pieces(lab, 11, 1);
	next_pieces(lab, 12, 1);
	next_is(lab, EVENT_TICK, 111);
	next_is(lab, EVENT_TICK, 112);
	nothing(lab);
	assert_false(piece(lab, 12, 0, CUT, 4000)); /* too late */
}

static void end(void **state)
{
	struct lab *lab = *state;

	assert_true(packet(lab, 10, 0, 3000));
	nothing(lab);
	pieces_end(lab->pieces);
	next_packet(lab, 10, CUT);
	nothing(lab);
	pieces_forget(lab->pieces); /* the stream begins again */
	assert_true(packet(lab, 10, 0, 3000));
	nothing(lab);
	pieces_forget(lab->pieces);
	nothing(lab);
	assert_false(tick(lab, 11));
	assert_true(packet(lab, 10, 0, 3000));
	pieces(lab, 10, 0, 3000);
	next_packet(lab, 10, 3000);
	next_pieces(lab, 10, 3);
	nothing(lab);
}

/* What decode refuses, it refuses in its place. */
static void damaged(void **state)
{
	struct lab *lab = *state;
	struct event_header head = { .kind = EVENT_KIND_COUNT };

	assert_true(packet(lab, 10, 0, 3000));
	assert_true(pieces_hold(lab->pieces, "", 0));
	assert_true(give(lab, &head, "12345678", 8));
	head.kind = EVENT_PIECE;
	assert_true(give(lab, &head, "12345678", 8));
	pieces(lab, 10, 0, 3000);
	next_packet(lab, 10, 3000);
	for (int i = 0; i < 3; i++)
		assert_true(pieces_next(lab->pieces, &lab->event) < 0);
	next_pieces(lab, 10, 3);
	nothing(lab);
	head.kind = EVENT_PACKET;
	head.known = EVENT_K_PIECES;
	assert_false(give(lab, &head, "12345678", 8));
}

/* What an event that is being taken brings stands behind what waits; its bytes stay. */
static void while_one_is_taken(void **state)
{
	struct lab *lab = *state;

	assert_true(packet(lab, 10, 0, 3000));
	assert_true(packet(lab, 11, 1, 100));
	pieces(lab, 10, 0, 3000);
	next_packet(lab, 10, 3000);
	assert_true(tick(lab, 12));
	assert_int_equal(lab->event.bytes[2999], byte_at(2999));
	next_packet(lab, 11, 100);
	next_pieces(lab, 10, 3);
	next_is(lab, EVENT_TICK, 12);
	assert_true(tick(lab, 13));
	next_is(lab, EVENT_TICK, 13);
	nothing(lab);
	assert_false(tick(lab, 14));
}

/* More waits than there is room for: the first goes as far as it came. The ring goes round. */
static void too_many(void **state)
{
	struct lab *lab = *state;
	__u64 given = 0, ms = 10;
	bool cut = false;

	for (int round = 0; round < 5; round++) {
		assert_true(packet(lab, ms, 0, EVENT_SNAP_MAX));
		nothing(lab);
		for (__u16 i = 1; i < 40; i++) {
			assert_true(packet(lab, ms + i, i, EVENT_SNAP_MAX - i * 100u));
			for (__u32 at = CUT; at < EVENT_SNAP_MAX - i * 100u;
			     at += EVENT_PIECE_MAX) {
				assert_true(piece(lab, ms + i, i, at, EVENT_SNAP_MAX - i * 100u));
				while (pieces_next(lab->pieces, &lab->event) == 1) {
					if (lab->event.head.kind != EVENT_PACKET)
						continue;
					cut |= lab->event.bytes_captured == CUT;
					assert_true(lab->event.head.ts_ns > given);
					given = lab->event.head.ts_ns;
				}
			}
		}
		assert_true(cut);
		assert_int_equal(given / MS, ms + 39);
		ms += 40;
	}
	for (__u16 i = 0; i < 100; i++) /* nobody asks for what waits: the last ones have no room */
		if (!packet(lab, ms + i, i, EVENT_SNAP_MAX))
			return;
	fail();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_wait_for), TEST(mixed),	   TEST(missing), TEST(end), TEST(damaged),
		TEST(while_one_is_taken),  TEST(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
