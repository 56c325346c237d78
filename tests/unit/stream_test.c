// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_test.c - what a segment is: every flag, and the nearest segment that is not */

#include "stream_script.h"

#define AGAIN BIT(STREAM_RETRANSMISSION)
#define FAST BIT(STREAM_FAST_RETRANSMISSION)
#define SPURIOUS BIT(STREAM_SPURIOUS_RETRANSMISSION)
#define LATE BIT(STREAM_OUT_OF_ORDER)
#define LOST BIT(STREAM_LOST_SEGMENT)
#define UNSEEN BIT(STREAM_ACK_LOST_SEGMENT)
#define DUPLICATE BIT(STREAM_DUPLICATE_ACK)
#define ZERO BIT(STREAM_ZERO_WINDOW)
#define FULL BIT(STREAM_WINDOW_FULL)
#define UPDATE BIT(STREAM_WINDOW_UPDATE)
#define ALIVE BIT(STREAM_KEEP_ALIVE)
#define ALIVE_ACK BIT(STREAM_KEEP_ALIVE_ACK)
#define PROBE BIT(STREAM_ZERO_WINDOW_PROBE)
#define PROBE_ACK BIT(STREAM_ZERO_WINDOW_PROBE_ACK)
#define REUSED BIT(STREAM_REUSED_PORTS)

static void healthy(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 's', A, 1, 101, 500, 1000, 10 }, { 'c', A, 101, 501, 0, 1000, 20000 },
	     { 'c', F | A, 101, 501, 0, 1000, 10 }, { 's', F | A, 501, 102, 0, 1000, 20000 },
	     { 'c', A, 102, 502, 0, 1000, 10 });
}

static void retransmission(void **state)
{
	(void)state;
	/* after the round trip, or of the last segment: sent again */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 101, 1, 100, 1000, 10 },
	     { 'c', A, 1, 1, 100, 1000, 300000, AGAIN });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 1, 1, 100, 1000, 10, AGAIN });
	/* a SYN, a SYN with ACK, a FIN */
	PLAY({ 'c', S, .window = 1000 },
	     { 'c', S, .window = 1000, .us = 1000000, .expected = AGAIN });
	PLAY({ 'c', S, .window = 1000 }, { 's', S | A, .ack = 1, .window = 1000 },
	     { 's', S | A, .ack = 1, .window = 1000, .us = 1000000, .expected = AGAIN });
	PLAY(HANDSHAKE, { 'c', F | A, 1, 1, 0, 1000, 10 },
	     { 'c', F | A, 1, 1, 0, 1000, 300000, AGAIN });
	/* begins before the highest byte and brings new ones: partly sent before */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
	     { 'c', A, 51, 1, 100, 1000, 300000, AGAIN });
	/* not: the byte of a window probe with what follows it; a bare ACK */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 100, 1, 100, 1000, 300000 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 51, 1, 0, 1000, 300000 });
}

static void fast_retransmission(void **state)
{
	(void)state;
#define TWO_DUPLICATES                                                                 \
	HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 101, 1, 100, 1000, 10 }, \
		{ 'c', A, 201, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 }, \
		{ 's', A, 1, 101, 0, 1000, 10, DUPLICATE },                            \
		{ 's', A, 1, 101, 0, 1000, 10, DUPLICATE }
	PLAY(TWO_DUPLICATES, { 'c', A, 101, 1, 100, 1000, 19999, FAST });
	/* 20 ms after the last of them, or of another segment: not asked for */
	PLAY(TWO_DUPLICATES, { 'c', A, 101, 1, 100, 1000, 20000, AGAIN });
	PLAY(TWO_DUPLICATES, { 'c', A, 201, 1, 100, 1000, 10, AGAIN });
	/* one duplicate is not enough */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 101, 1, 100, 1000, 10 },
	     { 'c', A, 201, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 's', A, 1, 101, 0, 1000, 10, DUPLICATE }, { 'c', A, 101, 1, 100, 1000, 10, AGAIN });
	/* time runs backwards: nothing is near */
	PLAY(TWO_DUPLICATES, { 'c', A, 101, 1, 100, 1000, .expected = AGAIN, .back_us = 5 });
}

static void spurious_retransmission(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 'c', A, 1, 1, 100, 1000, 300000, SPURIOUS });
	/* one byte of it was not acknowledged */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 100, 0, 1000, 20000 },
	     { 'c', A, 1, 1, 100, 1000, 300000, AGAIN });
}

static void out_of_order(void **state)
{
	(void)state;
	/* within the round trip of the handshake (20 ms), and not the last segment */
	PLAY(HANDSHAKE, { 'c', A, 101, 1, 100, 1000, 10, LOST },
	     { 'c', A, 1, 1, 100, 1000, 19999, LATE });
	PLAY(HANDSHAKE, { 'c', A, 101, 1, 100, 1000, 10, LOST },
	     { 'c', A, 1, 1, 100, 1000, 20000, AGAIN });
	/* of an unknown round trip: 3 ms */
	PLAY({ 'c', A, 1, 1, 100, 1000 }, { 'c', A, 201, 1, 100, 1000, 10, LOST },
	     { 'c', A, 101, 1, 100, 1000, 2999, LATE });
	PLAY({ 'c', A, 1, 1, 100, 1000 }, { 'c', A, 201, 1, 100, 1000, 10, LOST },
	     { 'c', A, 101, 1, 100, 1000, 3000, AGAIN });
}

static void lost_segment(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 2, 1, 100, 1000, 10, LOST });
	PLAY(HANDSHAKE, { 'c', A, 2, 1, 0, 1000, 10, LOST });
	/* a reset may have any number in the window, the first segment nothing before it */
	PLAY(HANDSHAKE, { 'c', R, 2, 1, 0, 1000, 10 });
	PLAY({ 'c', A, 77, 1, 100, 1000, 10 }, { 'c', A, 177, 1, 100, 1000, 10 });
	/* across the end of the number space */
	struct script script;

	script_init(&script, 16);
	script.client_isn = 0xffffffd0;
	RUN(&script, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 101, 1, 10, 1000, 10 },
	    { 'c', A, 112, 1, 10, 1000, 10, LOST });
	script_free(&script);
}

/* RFC 9293 3.10.7.4: what the window never allowed moves nothing, what comes next goes on. */
static void far_out_of_the_window(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 'c', A, 20000101, 1, 7, 1000, 10, LOST }, { 'c', A, 101, 1, 100, 1000, 10 },
	     { 's', A, 1, 201, 0, 1000, 20000 });
	/* not: it is acknowledged, or goes on there: the capture lacks what stands before it */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 'c', A, 20000101, 1, 7, 1000, 10, LOST },
	     { 's', A, 1, 20000108, 0, 1000, 20000, UNSEEN },
	     { 'c', A, 20000108, 1, 100, 1000, 10 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 'c', A, 20000101, 1, 7, 1000, 10, LOST }, { 'c', A, 20000108, 1, 100, 1000, 10 });
}

static void ack_lost_segment(void **state)
{
	(void)state;
	/* told once, then again for the next hole */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 102, 0, 1000, 10, UNSEEN },
	     { 's', A, 1, 202, 0, 1000, 10 }, { 'c', A, 301, 1, 100, 1000, 10, LOST },
	     { 's', A, 1, 401, 0, 1000, 10, UNSEEN });
	/* all that was seen is not too much; without the ACK flag the field says nothing */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 10 });
	PLAY(HANDSHAKE, { 's', R, 1, 0, 0, 1000, 10 });
	/* after the hole was filled nothing is told */
	PLAY(HANDSHAKE, { 'c', A, 101, 1, 100, 1000, 10, LOST },
	     { 'c', A, 1, 1, 100, 1000, 10, LATE }, { 's', A, 1, 201, 0, 1000, 10 });
}

static void duplicate_ack(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 0, 1000, 10, DUPLICATE });
	/* a signal of MPTCP, sent for its own sake */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 0, 1000, 10, .more = PACKET_F_MPTCP });
	/* MPTCP acknowledges more, and then the same again */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 0, 1000, 10, .more = PACKET_F_DATA_ACK, .data_ack = 70 },
	     { 'c', A, 1, 1, 0, 1000, 10, .more = PACKET_F_DATA_ACK, .data_ack = 80 },
	     { 'c', A, 1, 1, 0, 1000, 10, DUPLICATE, .more = PACKET_F_DATA_ACK, .data_ack = 80 },
	     { 's', A, 1, 1, 10, 1000, 10, .more = PACKET_F_DATA_ACK, .data_ack = 90 },
	     { 'c', A, 1, 1, 0, 1000, 10, DUPLICATE });
	/* another window, another acknowledgment, payload, another number, a mark */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 0, 999, 10, UPDATE });
	PLAY(HANDSHAKE, { 's', A, 1, 1, 10, 1000, 10 }, { 'c', A, 1, 11, 0, 1000, 10 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 2, 1000, 10 });
	PLAY(HANDSHAKE, { 'c', F | A, 1, 1, 0, 1000, 10 });
}

static void windows(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 's', A, 1, 1, 0, 0, 10, ZERO }, { 's', A, 1, 1, 0, 500, 10, UPDATE });
	PLAY(HANDSHAKE, { 's', A, 1, 1, 0, 1, 10, UPDATE });
	/* RST, FIN and SYN may have a window of 0 */
	PLAY(HANDSHAKE, { 's', R, 1, 1, 0, 0, 10 });
	PLAY({ 'c', S }, { 's', R | A, .ack = 1 });
	PLAY(HANDSHAKE, { 's', F | A, 1, 1, 0, 0, 10 });
	/* 1000 bytes fill it, 999 do not; a FIN with them is none */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 1000, 1000, 10, FULL });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 999, 1000, 10 });
	PLAY(HANDSHAKE, { 'c', F | A, 1, 1, 1000, 1000, 10 });
	/* without the SYNs the scale is not known */
	PLAY({ 's', A, 1, 1, 0, 1000 }, { 'c', A, 1, 1, 1000, 1000, 10 });
}

static void window_scale(void **state)
{
	(void)state;
#define SCALED(client, server)                                  \
	{ 'c', S, .window = 100, .more = client, .wscale = 3 }, \
		{ 's', S | A, .ack = 1, .window = 100, .us = 10, .more = server, .wscale = 2 }
	/* that of the SYN is not scaled, the next one is, by the sender's own shift */
	PLAY(SCALED(PACKET_F_WSCALE, PACKET_F_WSCALE), { 'c', A, 1, 1, 100, 100, 10, FULL });
	PLAY(SCALED(PACKET_F_WSCALE, PACKET_F_WSCALE), { 'c', A, 1, 1, 0, 100, 10 },
	     { 's', A, 1, 1, 0, 100, 10, DUPLICATE }, { 'c', A, 1, 1, 400, 100, 10, FULL },
	     { 's', A, 1, 401, 800, 100, 10, FULL });
	/* one side alone: neither is scaled */
	PLAY(SCALED(PACKET_F_WSCALE, 0), { 'c', A, 1, 1, 0, 100, 10 },
	     { 's', A, 1, 1, 100, 100, 10, FULL });
	PLAY(SCALED(0, PACKET_F_WSCALE), { 'c', A, 1, 1, 0, 100, 10 },
	     { 's', A, 1, 1, 100, 100, 10, FULL });
}

static void keep_alive(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 's', A, 1, 101, 0, 1000, 20000 },
	     { 'c', A, 100, 1, 0, 1000, 60000000, ALIVE },
	     { 's', A, 1, 101, 0, 1000, 20000, ALIVE_ACK },
	     { 'c', A, 100, 1, 1, 1000, 60000000, ALIVE },
	     { 's', A, 1, 101, 0, 1000, 20000, ALIVE_ACK },
	     /* nothing to answer any more */
	     { 's', A, 1, 101, 0, 1000, 20000, ALIVE_ACK },
	     { 'c', A, 101, 1, 0, 1000, 10, DUPLICATE },
	     { 's', A, 1, 101, 0, 1000, 20000, DUPLICATE });
	/* two bytes before, two bytes of it, a FIN */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 99, 1, 0, 1000, 60000000 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 }, { 'c', A, 100, 1, 2, 1000, 60000000 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
	     { 'c', F | A, 100, 1, 0, 1000, 60000000, AGAIN });
}

static void window_probe(void **state)
{
	(void)state;
#define CLOSED \
	HANDSHAKE, { 'c', A, 1, 1, 1000, 1000, 10, FULL }, { 's', A, 1, 1001, 0, 0, 10, ZERO }
	/* its next byte; refused and sent again; then taken */
	PLAY(CLOSED, { 'c', A, 1001, 1, 1, 1000, 300000, PROBE },
	     { 's', A, 1, 1001, 0, 0, 10, ZERO | PROBE_ACK },
	     { 'c', A, 1001, 1, 1, 1000, 300000, PROBE }, { 's', A, 1, 1002, 0, 500, 10, UNSEEN });
	/* Linux: no byte, the number before; tshark says keep-alive */
	PLAY(CLOSED, { 'c', A, 1000, 1, 0, 1000, 300000, PROBE },
	     { 's', A, 1, 1001, 0, 0, 10, ZERO | PROBE_ACK },
	     { 'c', A, 1000, 1, 0, 1000, 300000, PROBE }, { 's', A, 1, 1001, 0, 500, 10, UPDATE },
	     /* the window is open again */
	     { 'c', A, 1000, 1, 0, 1000, 300000, ALIVE },
	     { 's', A, 1, 1001, 0, 500, 10, ALIVE_ACK });
	/* two bytes into a closed window probe nothing; one byte into an open one is data */
	PLAY(CLOSED, { 'c', A, 1001, 1, 2, 1000, 300000 });
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 1, 1000, 10 });
	/* the window of a reset says nothing */
	PLAY(HANDSHAKE, { 'c', A, 1, 1, 10, 1000, 10 }, { 's', R, 1, 0, 0, 0, 10 },
	     { 'c', A, 10, 1, 0, 1000, 300000, ALIVE });
}

static void reused_ports(void **state)
{
	struct script script;
	const struct stream *first;

	(void)state;
	script_init(&script, 16);
	RUN(&script, HANDSHAKE);
	first = script.look.stream;
	script.client_isn += 100000;
	RUN(&script, { 'c', S, .window = 1000, .us = 1000000, .expected = REUSED });
	assert_ptr_not_equal(script.look.stream, first);
	assert_int_equal(first->number, 0);
	assert_int_equal(script.look.stream->number, 1);
	assert_int_equal(conns_streams_seen(script.streams), 2);
	/* what comes now belongs to the newer one */
	script.server_isn += 7000;
	RUN(&script, { 's', S | A, .ack = 1, .window = 1000, .us = 10 });
	assert_int_equal(script.look.stream->number, 1);
	/* a SYN with ACK of another number: told, but of the same connection */
	script.server_isn += 7000;
	RUN(&script, { 's', S | A, .ack = 1, .window = 1000, .us = 10, .expected = REUSED | LOST });
	assert_int_equal(script.look.stream->number, 1);
	script_free(&script);
}

/* A reset that refuses nothing moved the number; the SYN sent again starts the side over. */
static void syn_after_bare_reset(void **state)
{
	(void)state;
	PLAY({ 'c', S, .window = 1000 }, { 's', R, .us = 100 },
	     { 'c', S, .window = 1000, .us = 1000000, .expected = AGAIN },
	     { 's', S | A, .seq = 1, .ack = 1, .window = 1000, .us = 100,
	       .expected = REUSED | LOST });
}

/* Larger than the MSS, total length 0: what the interface will cut is no anomaly. */
static void offload(void **state)
{
	(void)state;
	PLAY({ 'c', S, .window = 65535, .more = PACKET_F_MSS | PACKET_F_WSCALE, .mss = 1460 },
	     { 's', S | A, .ack = 1, .window = 65535, .us = 10000, .mss = 1460,
	       .more = PACKET_F_MSS | PACKET_F_WSCALE, .wscale = 4 },
	     { 'c', A, 1, 1, 0, 65535, 10 }, { 's', A, 1, 1, 0, 65535, 10, DUPLICATE },
	     { 'c', A, 1, 1, 60000, 65535, 10 }, { 'c', A, 60001, 1, 70000, 65535, 10 },
	     { 's', A, 1, 130001, 0, 65535, 10000 });
}

static void two_flags_at_once(void **state)
{
	(void)state;
	PLAY(HANDSHAKE, { 'c', A, 501, 1, 500, 0, 10, LOST | ZERO | FULL });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy),
		cmocka_unit_test(retransmission),
		cmocka_unit_test(fast_retransmission),
		cmocka_unit_test(spurious_retransmission),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(lost_segment),
		cmocka_unit_test(far_out_of_the_window),
		cmocka_unit_test(ack_lost_segment),
		cmocka_unit_test(duplicate_ack),
		cmocka_unit_test(windows),
		cmocka_unit_test(window_scale),
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(window_probe),
		cmocka_unit_test(reused_ports),
		cmocka_unit_test(syn_after_bare_reset),
		cmocka_unit_test(offload),
		cmocka_unit_test(two_flags_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
