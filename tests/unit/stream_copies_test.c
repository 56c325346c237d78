// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_copies_test.c - what was captured twice, and what was sent twice */

#include "stream_script.h"

#define AGAIN BIT(STREAM_RETRANSMISSION)
#define DUPLICATE BIT(STREAM_DUPLICATE_ACK)

static const struct stream_side *side(const struct stream *stream, char who)
{
	return &stream->side[who == 'c' ? stream->ends->client : !stream->ends->client];
}

static const struct row data = { 'c', A, 1, 1, 100, 1000, 10, 0, 777 };

/* A connection and .data on it. @next_id: of what goes on behind that; 0: nothing does. */
static void begin(struct script *script, __u16 next_id)
{
	struct row next = data;

	script_init(script, 16);
	RUN(script, HANDSHAKE, data);
	next.seq = 101;
	next.ip_id = next_id;
	if (next_id)
		RUN(script, next);
}

/* .data once more: is it a copy? */
static bool again_is_copy(struct script *script, __u32 us, __s64 back_us)
{
	struct row again = data;

	again.expected = AGAIN;
	again.us = us;
	again.back_us = back_us;
	RUN(script, again);
	return script->look.copy;
}

/* @row, of a stack without identifications, at once. */
static void run_without_id(struct script *script, const struct row *row)
{
	script_packet(script, row);
	script->packet.ip_id = 0;
	script->look = conns_packet(script->streams, &script->packet, script->ns, script->frame, 0);
}

/* A packet that was captured twice has its flags, and is counted as a copy alone. */
static void copies(void **state)
{
	struct row again = data;
	struct script script;
	const struct stream *stream;

	(void)state;
	begin(&script, 0);
	assert_true(again_is_copy(&script, 10, 0));
	stream = script.look.stream;
	assert_int_equal(side(stream, 'c')->copies, 1);
	assert_int_equal(side(stream, 'c')->packets, 4);
	assert_int_equal(side(stream, 'c')->bytes, 100);
	assert_int_equal(stream_side_retransmissions(side(stream, 'c')), 0);
	/* its round trip is timed from the first one */
	RUN(&script, { 's', A, 1, 101, 0, 1000, 20000 });
	assert_int_equal(side(stream, 'c')->rtt.most_us, 20010);
	/* another identification, however soon: sent again */
	again.expected = BIT(STREAM_SPURIOUS_RETRANSMISSION);
	again.ip_id = 778;
	RUN(&script, again);
	assert_false(script.look.copy);
	assert_int_equal(side(stream, 'c')->copies, 1);
	assert_int_equal(stream_side_retransmissions(side(stream, 'c')), 1);
	script_free(&script);
}

/* Where identifications change, the same one is a copy later, too, and if the clock steps back. */
static void identification_changes(void **state)
{
	struct script script;

	(void)state;
	begin(&script, 778);
	assert_true(again_is_copy(&script, 30000, 0));
	assert_true(again_is_copy(&script, 30000, 40000));
	assert_int_equal(side(script.look.stream, 'c')->copies, 2);
	script_free(&script);
}

/* Some stacks never change it: what they send again after a time-out is no copy. */
static void identification_the_same(void **state)
{
	struct script script;

	(void)state;
	begin(&script, 777);
	assert_false(again_is_copy(&script, 250000, 0));
	assert_int_equal(stream_side_retransmissions(side(script.look.stream, 'c')), 1);
	script_free(&script);
}

/* A SYN with the identification of the one before: nothing tells yet whether it changes. */
static void a_syn_is_sent_again(void **state)
{
	const struct row syn = { 'c', S, .window = 1000, .ip_id = 1 };
	struct row again = syn;
	struct script script;

	(void)state;
	script_init(&script, 16);
	again.expected = AGAIN;
	again.us = 9000;
	RUN(&script, syn, again);
	assert_true(script.look.copy);
	again.us = 1000000;
	RUN(&script, again);
	assert_false(script.look.copy);
	script_free(&script);
}

/* By its numbers out of order, as it came within 3 ms; but both are in the capture: sent again. */
static void seen_twice_within_overtaking(void **state)
{
	const __u16 ids[][3] = { { 0, 0, 0 }, { 7, 9, 8 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct row rows[] = {
			{ 'c', A, 1, 1, 100, 1000, 10, 0, ids[i][0] },
			{ 'c', A, 201, 1, 100, 1000, 10, BIT(STREAM_LOST_SEGMENT), ids[i][1] },
			{ 'c', A, 1, 1, 100, 1000, 1200, BIT(STREAM_OUT_OF_ORDER), 10 * ids[i][0] },
			{ 'c', A, 101, 1, 100, 1000, 10, BIT(STREAM_OUT_OF_ORDER), ids[i][2] },
		};
		struct script script;
		const struct stream_side *client;

		script_init(&script, 16);
		script_run(&script, rows, ARRAY_SIZE(rows));
		client = side(script.look.stream, 'c');
		assert_int_equal(client->copies, 0);
		assert_int_equal(client->flagged[STREAM_OUT_OF_ORDER], 2);
		assert_int_equal(client->again_soon, 1);
		script_free(&script);
	}
}

/* Some hosts send what a timer repeats as it was, though the others have new identifications. */
static void identification_kept(void **state)
{
	struct script script;

	(void)state;
	begin(&script, 778);
	assert_false(again_is_copy(&script, 182000, 0));
	script_free(&script);
}

static void identification_zero(void **state)
{
	struct script script;

	(void)state;
	script_init(&script, 16);
	RUN(&script, HANDSHAKE);
	/* nobody sends again so soon; nor is what comes a millisecond later a mirror's */
	for (int i = 0; i < 3; i++) {
		script.ns += i == 2 ? 1000000 : 10000;
		run_without_id(&script, &data);
		assert_true(script.look.copy == (i == 1));
	}
	assert_int_equal(script.look.flags, AGAIN);
	script_free(&script);
}

/* On a short way what is lost is sent again before any mirror's copy would come: it was asked for. */
static void asked_for(void **state)
{
	const struct row ack = { 's', A, 1, 1, 0, 1000, 10, DUPLICATE };
	struct script script;

	(void)state;
	for (__u32 asked = 0; asked <= 3; asked++) {
		script_init(&script, 16);
		RUN(&script, HANDSHAKE);
		run_without_id(&script, &data);
		for (__u32 i = 0; i < asked; i++)
			RUN(&script, ack);
		run_without_id(&script, &data);
		assert_true(script.look.copy == (asked < 2));
		script_free(&script);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(identification_changes),
		cmocka_unit_test(identification_the_same),
		cmocka_unit_test(a_syn_is_sent_again),
		cmocka_unit_test(seen_twice_within_overtaking),
		cmocka_unit_test(identification_kept),
		cmocka_unit_test(identification_zero),
		cmocka_unit_test(asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
