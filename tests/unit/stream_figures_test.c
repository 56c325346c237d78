// SPDX-License-Identifier: GPL-2.0-or-later
/* stream_figures_test.c - what is counted of a connection, how it ended, and the bounds of the table */

#include "stream_script.h"

#define AGAIN BIT(STREAM_RETRANSMISSION)
#define DUPLICATE BIT(STREAM_DUPLICATE_ACK)

static struct figures figures_of(const struct stream *stream)
{
	struct figures figures;

	figures_take_stream(&figures, stream);
	return figures;
}

static const struct stream_side *side(const struct stream *stream, char who)
{
	return &stream->side[who == 'c' ? stream->ends->client : !stream->ends->client];
}

/* Runs rows in a table of its own; the stream is copied with its ends, the table is gone. */
#define STREAM_OF(stream, ...)                   \
	do {                                     \
		static struct conn_ends ends_;   \
		struct script script_;           \
                                                 \
		script_init(&script_, 16);       \
		RUN(&script_, __VA_ARGS__);      \
		(stream) = *script_.look.stream; \
		ends_ = *(stream).ends;          \
		(stream).ends = &ends_;          \
		script_free(&script_);           \
	} while (0)

static void counts(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
		  { 'c', A, 101, 1, 200, 1000, 10 }, { 's', A, 1, 301, 0, 1000, 20000 },
		  { 's', A, 1, 301, 50, 1000, 10 },
		  { 'c', A, 101, 1, 200, 1000, 300000, BIT(STREAM_SPURIOUS_RETRANSMISSION) },
		  { 's', A, 1, 301, 50, 1000, 400000, AGAIN });
	assert_int_equal(side(&stream, 'c')->packets, 5);
	assert_int_equal(side(&stream, 'c')->segments, 3);
	assert_int_equal(side(&stream, 'c')->bytes, 500);
	assert_int_equal(side(&stream, 'c')->bytes_again, 200);
	assert_int_equal(side(&stream, 'c')->longest, 200);
	assert_int_equal(stream_side_retransmissions(side(&stream, 'c')), 1);
	assert_int_equal(side(&stream, 's')->packets, 4);
	assert_int_equal(side(&stream, 's')->bytes, 100);
	assert_int_equal(stream_side_retransmissions(side(&stream, 's')), 1);
	assert_int_equal(side(&stream, 's')->timeouts, 1);
	assert_int_equal(stream.first_frame, 1);
	assert_int_equal(stream.last_frame, 9);
}

/* A timer needs 200 ms of silence; what comes sooner was sent again for another reason. */
static void timeouts(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
		  { 'c', A, 1, 1, 100, 1000, 199999, AGAIN },
		  { 'c', A, 1, 1, 100, 1000, 200000, AGAIN });
	assert_int_equal(side(&stream, 'c')->timeouts, 1);
}

static void handshake_options(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream,
		  { 'c', S, .window = 64240, .mss = 1460, .wscale = 7,
		    .more = PACKET_F_MSS | PACKET_F_WSCALE | PACKET_F_SACK | PACKET_F_TIMESTAMPS },
		  { 's', S | A, .ack = 1, .window = 65535, .us = 10000, .more = PACKET_F_MSS,
		    .mss = 1400 },
		  { 'c', A, 1, 1, 0, 502, 10000 });
	assert_true(stream.ends->client_known);
	assert_int_equal(side(&stream, 'c')->mss, 1460);
	assert_true(side(&stream, 'c')->state & SIDE_SACK);
	assert_true(side(&stream, 'c')->state & SIDE_TIMESTAMPS);
	assert_int_equal(side(&stream, 's')->mss, 1400);
	assert_false(side(&stream, 's')->state & SIDE_SACK);
	/* the answer has no scale: neither is scaled (RFC 7323 2.2) */
	assert_int_equal(side(&stream, 'c')->wscale, STREAM_WSCALE_UNUSED);
	assert_int_equal(side(&stream, 's')->wscale, STREAM_WSCALE_UNUSED);
	assert_int_equal(side(&stream, 'c')->window_most, 64240);
	assert_int_equal(figures_of(&stream).handshake_us, 20000);
	STREAM_OF(stream, { 'c', S, .window = 100, .more = PACKET_F_WSCALE, .wscale = 3 },
		  { 's', S | A, .ack = 1, .window = 100, .us = 10, .more = PACKET_F_WSCALE,
		    .wscale = 14 },
		  { 'c', A, 1, 1, 0, 50, 10 },
		  { 's', A, 1, 1, 0, 65535, 10, BIT(STREAM_WINDOW_UPDATE) });
	assert_int_equal(side(&stream, 'c')->window_most, 400);
	assert_int_equal(side(&stream, 's')->window_most, 65535 << 14);
}

/* Nobody knows which of two SYNs was answered (Karn), or what a capture without them had. */
static void handshake_unknown(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, { 'c', S, .window = 1000 },
		  { 'c', S, .window = 1000, .us = 1000000, .expected = AGAIN },
		  { 's', S | A, .ack = 1, .window = 1000, .us = 10000 },
		  { 'c', A, 1, 1, 0, 1000, 10000 });
	assert_int_equal(figures_of(&stream).handshake_us, 0);
	assert_int_equal(side(&stream, 'c')->rtt.samples, 0);
	assert_int_equal(side(&stream, 'c')->syns, 2);
	STREAM_OF(stream, { 'c', A, 1, 1, 10, 1000 }, { 's', A, 1, 11, 0, 1000, 10 });
	assert_int_equal(figures_of(&stream).handshake_us, 0);
	assert_false(stream.ends->client_known);
	assert_int_equal(stream.ends->port[stream.ends->client], 40000); /* the higher port */
	STREAM_OF(stream, { 's', S | A, .ack = 1, .window = 1000 });
	assert_true(stream.ends->client_known);
	assert_int_equal(stream.ends->port[stream.ends->client], 40000);
}

static void round_trips(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
		  { 'c', A, 101, 1, 100, 1000, 10 }, /* not timed: one at a time */
		  { 's', A, 1, 101, 0, 1000, 20000 }, { 's', A, 1, 201, 0, 1000, 5 },
		  { 'c', A, 201, 1, 100, 1000, 10 }, { 's', A, 1, 301, 0, 1000, 40000 },
		  /* sent again: its acknowledgment may be of either */
		  { 'c', A, 301, 1, 100, 1000, 10 }, { 'c', A, 301, 1, 100, 1000, 500000, AGAIN },
		  { 's', A, 1, 401, 0, 1000, 10 });
	assert_int_equal(side(&stream, 'c')->rtt.samples, 3); /* the SYN's among them */
	assert_int_equal(side(&stream, 'c')->rtt.least_us, 10000);
	assert_int_equal(side(&stream, 'c')->rtt.most_us, 40000);
	assert_int_equal(stream_rtt_mean_us(&side(&stream, 'c')->rtt), 23336);
	assert_in_range(stream_rtt_deviation_us(&side(&stream, 'c')->rtt), 12470, 12476);
	assert_int_equal(side(&stream, 's')->rtt.samples, 1);
	assert_int_equal(stream_rtt_mean_us(&side(&stream, 's')->rtt), 10000);
	assert_int_equal(stream_rtt_deviation_us(&side(&stream, 's')->rtt), 0);
}

/* The clock steps back between a segment and its acknowledgment: no sample, no pause. */
static void time_runs_backwards(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 10 },
		  { 's', A, 1, 101, 0, 1000, .back_us = 500000 });
	assert_int_equal(side(&stream, 'c')->rtt.samples, 1);
	assert_int_equal(stream.idle_most_ns, 10000000);
	assert_true(stream.last_ns >= stream.first_ns);
}

static void pauses(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 100, 1000, 999999 },
		  { 's', A, 1, 101, 10, 1000, 1000000 }, { 'c', A, 101, 11, 10, 1000, 7000000 });
	assert_int_equal(stream.idle_most_ns, 7000000000);
	assert_int_equal(stream.idle_at_ns - stream.first_ns, 2019999000);
	assert_int_equal(stream.idle_ns, 8000000000); /* a second and more */
}

static void closed_windows(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 's', A, 1, 1, 0, 0, 10, BIT(STREAM_ZERO_WINDOW) },
		  { 's', A, 1, 1, 0, 0, 1000, BIT(STREAM_ZERO_WINDOW) },
		  { 's', A, 1, 1, 0, 10, 2000, BIT(STREAM_WINDOW_UPDATE) },
		  { 's', A, 1, 1, 0, 0, 10, BIT(STREAM_ZERO_WINDOW) }, { 's', R, 1, 0, 0, 0, 500 });
	assert_int_equal(side(&stream, 's')->zero_ns, 3000000);
	assert_int_equal(side(&stream, 's')->flagged[STREAM_ZERO_WINDOW], 3);
	assert_int_not_equal(side(&stream, 's')->zero_since_ns, 0);
}

static void assert_ended(const struct stream *stream, enum conn_end end, int first)
{
	struct figures figures = figures_of(stream);
	int by = figures.closed_first;

	assert_true(figures.known & FIGURES_END);
	assert_string_equal(conn_end_name(figures.end), conn_end_name(end));
	assert_int_equal(by == FIGURES_NEITHER ? 0 : by == figures.client ? 'c' : 's', first);
}

static void ends(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE);
	assert_ended(&stream, CONN_OPEN, 0);
	STREAM_OF(stream, HANDSHAKE, { 's', F | A, 1, 1, 0, 1000, 10 });
	assert_ended(&stream, CONN_HALF_CLOSED, 's');
	assert_false(side(&stream, 's')->state & SIDE_FIN_ACKED);
	STREAM_OF(stream, HANDSHAKE, { 's', F | A, 1, 1, 0, 1000, 10 },
		  { 'c', F | A, 1, 2, 0, 1000, 10 }, { 's', A, 2, 2, 0, 1000, 10 });
	assert_ended(&stream, CONN_CLOSED, 's');
	assert_false(figures_of(&stream).at_once);
	assert_true(side(&stream, 's')->state & side(&stream, 'c')->state & SIDE_FIN_ACKED);
	/* both FINs under way: RFC 9293 3.6, case 3 */
	STREAM_OF(stream, HANDSHAKE, { 's', F | A, 1, 1, 0, 1000, 10 },
		  { 'c', F | A, 1, 1, 0, 1000, 10 });
	assert_ended(&stream, CONN_CLOSED, 's');
	assert_true(figures_of(&stream).at_once);
	/* a reset after the FIN: closed first by FIN, ended by reset */
	STREAM_OF(stream, HANDSHAKE, { 'c', F | A, 1, 1, 0, 1000, 10 },
		  { 's', R | A, 1, 2, 0, 1000, 10 });
	assert_ended(&stream, CONN_RESET, 'c');
	assert_int_equal(stream.reset_by, !stream.ends->client);
	STREAM_OF(stream, HANDSHAKE, { 's', R, 1, 0, 0, 0, 10 }, { 'c', R, 1, 0, 0, 0, 10 });
	assert_ended(&stream, CONN_RESET, 's');
}

static void refused_or_not(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, { 'c', S, .window = 1000 });
	assert_ended(&stream, CONN_UNANSWERED, 0);
	STREAM_OF(stream, { 'c', S, .window = 1000 }, { 's', R | A, .ack = 1, .us = 10 });
	assert_ended(&stream, CONN_REFUSED, 's');
	/* one that acknowledges something else, or nothing, refuses nothing (RFC 9293 3.10.7.3) */
	STREAM_OF(stream, { 'c', S, .window = 1000 },
		  { 's', R | A, .ack = 2, .us = 10, .expected = BIT(STREAM_ACK_LOST_SEGMENT) });
	assert_ended(&stream, CONN_OPEN, 0);
	assert_int_equal(side(&stream, 's')->resets, 1);
	STREAM_OF(stream, { 'c', S, .window = 1000 }, { 's', R, .us = 10 });
	assert_ended(&stream, CONN_OPEN, 0);
	/* after the answer it is a reset */
	STREAM_OF(stream, HANDSHAKE, { 's', R | A, 1, 1, 0, 0, 10 });
	assert_ended(&stream, CONN_RESET, 's');
	/* of one direction alone nothing can be said to be unanswered */
	STREAM_OF(stream, { 'c', S, .window = 1000 }, { 'c', A, 1, 1, 0, 1000, 10000 });
	assert_ended(&stream, CONN_OPEN, 0);
}

static void dsack(void **state)
{
	struct stream stream;

	(void)state;
	STREAM_OF(stream, HANDSHAKE, { 'c', A, 1, 1, 10, 1000, 10 },
		  { 's', A, 1, 11, 0, 1000, 10, .more = PACKET_F_DSACK });
	assert_int_equal(side(&stream, 's')->dsacks, 1);
	assert_int_equal(side(&stream, 'c')->dsacks, 0);
}

/* ---- the table ---- */

static void what_is_no_segment(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	struct script script;

	(void)state;
	script_init(&script, 16);
	script_packet(&script, &syn);
	script.packet.flags = PACKET_F_SHORT | PACKET_F_CUT;
	assert_null(conns_packet(script.streams, &script.packet, 1, 1, 0).stream);
	script.packet.flags = PACKET_F_FRAGMENT;
	assert_null(conns_packet(script.streams, &script.packet, 1, 1, 0).stream);
	script.packet.flags = 0;
	script.packet.what = PACKET_UDP;
	assert_null(conns_packet(script.streams, &script.packet, 1, 1, 0).stream);
	assert_int_equal(conns_streams_seen(script.streams), 0);
	/* cut in its options: the header is whole */
	script.packet.what = PACKET_TCP;
	script.packet.flags = PACKET_F_CUT;
	assert_non_null(conns_packet(script.streams, &script.packet, 1, 1, 0).stream);
	script_free(&script);
}

static void both_directions_one_stream(void **state)
{
	struct script script;
	const struct stream *stream;

	(void)state;
	script_init(&script, 16);
	RUN(&script, HANDSHAKE);
	stream = stream_between(script.streams, 0, script.packet.source, 40000,
				script.packet.destination, 80);
	assert_ptr_equal(stream, script.look.stream);
	assert_ptr_equal(stream_between(script.streams, 0, script.packet.destination, 80,
					script.packet.source, 40000),
			 stream);
	/* the same ends in another namespace, or with the ports changed about, are others */
	assert_null(stream_between(script.streams, 1, script.packet.source, 40000,
				   script.packet.destination, 80));
	assert_null(stream_between(script.streams, 0, script.packet.source, 80,
				   script.packet.destination, 40000));
	script_free(&script);
}

/* A socket connected to itself has one end: its packets are all of one side. */
static void connected_to_itself(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	struct script script;

	(void)state;
	script_init(&script, 16);
	script_packet(&script, &syn);
	memcpy(script.packet.destination, script.packet.source, 16);
	script.packet.destination_port = script.packet.source_port;
	for (int i = 0; i < 3; i++)
		assert_non_null(conns_packet(script.streams, &script.packet, i + 1, i, 0).stream);
	assert_int_equal(conns_streams_seen(script.streams), 1);
	script_free(&script);
}

static void eviction(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	struct script script;
	const struct stream *gone;
	unsigned int told = 0;

	(void)state;
	script_init(&script, 16);
	for (unsigned int i = 0; i < 1000; i++) {
		script.port = (__u16)(40000 + i);
		RUN(&script, syn);
		gone = stream_that_left(script.streams);
		told += !!gone;
		assert_int_equal(!!gone, i >= 16);
		if (gone)
			assert_int_equal(side(gone, 'c')->syns, 1);
	}
	assert_int_equal(conns_streams_seen(script.streams), 1000);
	assert_int_equal(conns_streams_evicted(script.streams), 984);
	assert_int_equal(told, 984);
	assert_null(conns_at(script.streams, 17)); /* and the one that leaves */
	/* what left is not found any more, and another connection when it speaks again */
	script.port = 40000;
	RUN(&script, { 'c', A, 1, 1, 10, 1000, 10 });
	assert_int_equal(script.look.stream->number, 1000);
	/* a packet that needs no slot makes nobody leave */
	RUN(&script, { 'c', A, 11, 1, 10, 1000, 10 });
	assert_null(stream_that_left(script.streams));
	script_free(&script);
}

/* Who speaks stays, however many others come. */
static void busy_one_stays(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	struct script script;

	(void)state;
	script_init(&script, 16);
	RUN(&script, HANDSHAKE);
	for (unsigned int i = 0; i < 1000; i++) {
		script.port = (__u16)(41000 + i);
		RUN(&script, syn);
		script.port = 40000;
		script_step(&script, &(struct row){ 'c', A, 1 + i, 1, 1, 1000, 10 });
		assert_int_equal(script.look.stream->number, 0);
	}
	script_free(&script);
}

/* Ends that were chosen to share a bucket cannot make a look-up long. */
static void chosen_collisions(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	/* hash_spread()'s factors of the first two words: what one adds the other takes away */
	const __u64 first = 0x9e3779b97f4a7c15ull, second = 0xbf58476d1ce4e5b9ull;
	struct script script;
	size_t found = 0;
	__u64 words[2];

	(void)state;
	script_init(&script, 4096);
	for (__u64 pass = 0; pass < 2; pass++)
		for (__u64 i = 0; i < 1000; i++) {
			script_packet(&script, &syn);
			words[0] = 0xff + i * second;
			words[1] = 0 - i * first;
			memcpy(script.packet.source, words, sizeof(words));
			memset(script.packet.destination, 0, 16);
			if (!pass)
				conns_packet(script.streams, &script.packet, i + 1, i, 0);
			else
				found += !!stream_between(script.streams, 0, script.packet.source,
							  40000, script.packet.destination, 80);
		}
	assert_int_equal(conns_streams_seen(script.streams), 1000);
	assert_int_equal(found, 32); /* so long is a chain, and no longer */
	script_free(&script);
}

static void by_chance_no_collisions(void **state)
{
	const struct row syn = { 'c', S, .window = 1000 };
	struct script script;
	size_t found = 0;

	(void)state;
	script_init(&script, 4000);
	for (unsigned int i = 0; i < 4000; i++) {
		script.port = (__u16)(1000 + i);
		RUN(&script, syn);
	}
	for (unsigned int i = 0; i < 4000; i++)
		found += !!stream_between(script.streams, 0, script.packet.source,
					  (__u16)(1000 + i), script.packet.destination, 80);
	assert_int_equal(found, 4000);
	assert_int_equal(conns_streams_evicted(script.streams), 0);
	script_free(&script);
}

static void names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < STREAM_FLAG_COUNT; i++)
		assert_non_null(stream_flag_name(i));
	assert_null(stream_flag_name(STREAM_FLAG_COUNT));
	for (int end = CONN_OPEN; end < CONN_END_COUNT; end++)
		assert_non_null(conn_end_name(end));
	assert_null(conn_end_name(CONN_END_UNKNOWN));
	assert_null(conn_end_name(CONN_END_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(handshake_options),
		cmocka_unit_test(handshake_unknown),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(time_runs_backwards),
		cmocka_unit_test(pauses),
		cmocka_unit_test(closed_windows),
		cmocka_unit_test(ends),
		cmocka_unit_test(refused_or_not),
		cmocka_unit_test(dsack),
		cmocka_unit_test(what_is_no_segment),
		cmocka_unit_test(both_directions_one_stream),
		cmocka_unit_test(connected_to_itself),
		cmocka_unit_test(eviction),
		cmocka_unit_test(busy_one_stays),
		cmocka_unit_test(chosen_collisions),
		cmocka_unit_test(by_chance_no_collisions),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
