// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_pair_test.c - who is who through a box that changes packets; what cannot be told; bounds */

#include "compare_fixture.h"

/* ---- what a box changes ---- */

static void check_change(void **state, enum compare_change change, bool server_too)
{
	struct scene *scene = *state;

	AROUND(scene, healthy(scene, 5000));
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_true(scene->result.way[0].changed & BIT(change));
	assert_int_equal(!!(scene->result.way[1].changed & BIT(change)), server_too);
}

static void translation_is_seen_through(void **state)
{
	struct scene *scene = *state;

	scene->translate = true;
	check_change(state, CHANGED_SOURCE_PORT, false);
	assert_true(scene->result.way[1].changed & BIT(CHANGED_DESTINATION));
	assert_int_equal(scene->result.end[1].port[0], 15000);
	assert_int_equal(scene->result.found, FOUND_SEQUENCE | FOUND_TIMESTAMPS);
}

static void translation_without_timestamps(void **state)
{
	struct scene *scene = *state;

	scene->translate = scene->no_timestamps = true;
	check_change(state, CHANGED_TIMESTAMPS, true);
	assert_int_equal(scene->result.found, FOUND_SEQUENCE);
}

static void rewritten_sequence_numbers(void **state)
{
	struct scene *scene = *state;

	scene->rewrite[0] = scene->rewrite[1] = true;
	check_change(state, CHANGED_SEQUENCE, true);
	assert_int_equal(scene->result.way[0].sequence_added, REWRITTEN);
	assert_int_equal(scene->result.way[1].sequence_added, 3 * REWRITTEN);
}

/* Addresses, ports and sequence numbers are new: timestamps and lengths are all that is left. */
static void rewritten_and_translated(void **state)
{
	struct scene *scene = *state;

	scene->rewrite[0] = scene->rewrite[1] = scene->translate = true;
	check_change(state, CHANGED_SEQUENCE, true);
	assert_int_equal(scene->result.found, FOUND_TIMESTAMPS);
	assert_int_equal(scene->result.way[0].matched_bytes, 40);
	assert_int_equal(scene->result.way[1].matched_bytes, 30);
}

/* The same ends and payload, all numbers new, no timestamps: paired at the end. */
static void rewritten_without_timestamps(void **state)
{
	struct scene *scene = *state;

	scene->rewrite[0] = scene->rewrite[1] = scene->no_timestamps = true;
	check_change(state, CHANGED_SEQUENCE, true);
	assert_int_equal(scene->result.found, FOUND_ENDS | FOUND_PAYLOAD);
}

/* A SYN alone, with the same ends: its timestamp pairs it. */
static void a_rewritten_syn_is_paired(void **state)
{
	struct scene *scene = *state;

	scene->rewrite[0] = true;
	AROUND(scene, SEND(scene, BOTH, SYN(5000, 12345)));
	assert_verdict(judge(scene, 5000), VERDICT_SERVER_SILENT);
}

static void modulated_timestamps(void **state)
{
	struct scene *scene = *state;

	scene->modulate = true;
	scene->ip_id = 0;
	check_change(state, CHANGED_TIMESTAMP_VALUES, true);
	assert_int_equal(scene->result.way[0].only[0][COMPARE_DATA].count, 0);
}

static void new_ip_identifications(void **state)
{
	struct scene *scene = *state;

	scene->new_ip_ids = true;
	check_change(state, CHANGED_IP_ID, true);
}

static void options_of_the_syn(void **state)
{
	struct scene *scene = *state;

	scene->clamp = 1200;
	scene->no_scale = scene->no_sack = true;
	check_change(state, CHANGED_MSS, true);
	assert_true(scene->result.way[0].changed & BIT(CHANGED_WSCALE));
	assert_true(scene->result.way[0].changed & BIT(CHANGED_SACK));
	assert_false(scene->result.way[0].changed & BIT(CHANGED_TIMESTAMPS));
	assert_int_equal(scene->result.way[0].syn[0].mss, 1460);
	assert_int_equal(scene->result.way[0].syn[1].mss, 1200);
}

static void payloads(void **state)
{
	struct scene *scene = *state;

	scene->spoil = true;
	check_change(state, CHANGED_PAYLOAD, true);
}

/* ---- who is who ---- */

/* The same two ends, used again: the first failed, the second worked. */
static void reused_ports_are_two(void **state)
{
	struct scene *scene = *state;
	const struct compare_result *result;
	unsigned int passed = 0, lost = 0;
	struct packet syn = segment_packet(scene, &(struct segment){ SYN(5000, 1) });

	syn.seq += 12345;
	healthy(scene, 4000);
	give(scene, 0, syn, scene->ns += MS);
	scene->ns += SEC;
	healthy(scene, 5000);
	healthy(scene, 4001);
	compare_finish(scene->compare);
	while ((result = compare_next(scene->compare))) {
		comparison_of(result, compare_clock(scene->compare), &scene->comparison);
		passed += scene->comparison.id == VERDICT_PASSED;
		lost += scene->comparison.id == VERDICT_SYN_LOST;
	}
	assert_int_equal(passed, 3);
	assert_int_equal(lost, 1);
}

/* Two connections with one initial sequence number and nothing else to tell them apart: not guessed. */
static void ambiguous_connections_stay_apart(void **state)
{
	struct scene *scene = *state;
	const struct compare_result *result;
	unsigned int paired = 0;

	scene->translate = true;
	healthy(scene, 4000);
	for (__u16 port = 6000; port < 6002; port++) {
		struct segment segment = { SYN(port, 0) };
		struct packet near = segment_packet(scene, &segment), far;

		near.seq = 42;
		near.ip_id = 0;
		far = near;
		pass_box(scene, &segment, &far);
		give(scene, 0, near, scene->ns += MS);
		far.source_port += 100 + port; /* neither port is kept */
		if (port == 6001)
			give(scene, 1, far, scene->ns += MS);
	}
	healthy(scene, 4001);
	compare_finish(scene->compare);
	while ((result = compare_next(scene->compare)))
		paired += result->found && result->end[0].port[0] >= 6000;
	assert_int_equal(paired, 0);
}

/* Capture 1 began in the middle of a connection whose addresses are translated. */
static void paired_in_the_middle(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	scene->translate = true;
	SEND(scene, 0, SYN(5000, 1));
	SEND(scene, 0, SYN_ACK(5000, 7, 1));
	SEND(scene, 0, ACK(5000, 2, 7));
	healthy(scene, 4000);
	for (__u32 i = 0; i < 8; i++)
		data(scene, BOTH, 1 + i * 100, 100, 3 + i);
	healthy(scene, 4001);
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(way[0].matched[COMPARE_DATA], 8);
	assert_int_equal(way[0].only[0][COMPARE_SYN].count, 0);
	assert_int_equal(way[0].only[0][COMPARE_SYN].unsure, 1);
	assert_int_equal(way[0].only[0][COMPARE_SYN].blind, BIT(UNSURE_BEGAN_LATER));
}

/* Who saw no SYN takes the higher port for the client's; the other side knows better. */
static void the_client_is_who_sent_the_syn(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	healthy(scene, 4000);
	SEND(scene, 0, SYN(79, 1)); /* the server's port is 80 */
	SEND(scene, 0, .port = 79, .flags = TCP_F_ACK, .seq = 1, .ack = 1, .length = 9, .stamp = 3,
	     .echo = 7);
	SEND(scene, BOTH, .port = 79, .flags = TCP_F_ACK, .seq = 10, .ack = 1, .length = 9,
	     .stamp = 4, .echo = 7);
	SEND(scene, BOTH, .port = 79, .from_server = true, .flags = TCP_F_ACK, .seq = 1, .ack = 19,
	     .length = 5, .stamp = 8, .echo = 4);
	healthy(scene, 4001);
	judge(scene, 79);
	assert_int_equal(scene->result.end[1].port[0], 79);
	assert_int_equal(way[0].matched[COMPARE_DATA], 1);
	assert_int_equal(way[1].matched[COMPARE_DATA], 1);
	assert_int_equal(way[0].only[0][COMPARE_DATA].count, 1);
	assert_int_equal(way[1].only[0][COMPARE_DATA].count, 0);
	assert_int_equal(way[1].only[1][COMPARE_DATA].count, 0);
}

/* A packet captured twice is one packet, and its copy is not lost. */
static void copies_are_no_loss(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		struct segment segment = { SYN(5000, 1) };
		struct packet syn = segment_packet(scene, &segment);

		give(scene, 0, syn, scene->ns);
		give(scene, 0, syn, scene->ns + 1000);
		pass_box(scene, &segment, &syn);
		give(scene, 1, syn, scene->ns + MS);
		SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
		SEND(scene, BOTH, ACK(5000, 2, 7));
	});
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(scene->result.way[0].copies[0], 1);
}

/* ---- where a capture does not tell ---- */

static void began_later(void **state)
{
	struct scene *scene = *state;

	SEND(scene, 0, SYN(5000, 1));
	healthy(scene, 4000);
	assert_verdict(judge(scene, 5000), VERDICT_CANNOT_TELL);
	assert_true(scene->comparison.unsure & BIT(UNSURE_BEGAN_LATER));
	assert_int_equal(scene->comparison.unsure_of, 1);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_POSSIBLE);
}

static void ended_earlier(void **state)
{
	struct scene *scene = *state;

	healthy(scene, 4000);
	SEND(scene, 0, SYN(5000, 1));
	assert_verdict(judge(scene, 5000), VERDICT_CANNOT_TELL);
	assert_true(scene->comparison.unsure & BIT(UNSURE_ENDED_EARLIER));
}

static void nothing_in_common(void **state)
{
	struct scene *scene = *state;

	SEND(scene, 1, SYN(4000, 1));
	SEND(scene, 0, SYN(5000, 1));
	SEND(scene, 1, SYN(4001, 1));
	assert_verdict(judge(scene, 5000), VERDICT_CANNOT_TELL);
	assert_true(scene->comparison.unsure & BIT(UNSURE_EMPTY));
	assert_false(compare_clock(scene->compare)->known);
}

static void one_direction_only(void **state)
{
	struct scene *scene = *state;

	SEND(scene, BOTH, SYN(4000, 1));
	SEND(scene, 1, SYN_ACK(4000, 7, 1));
	SEND(scene, BOTH, ACK(4000, 2, 7));
	SEND(scene, BOTH, SYN(5000, 1));
	SEND(scene, 1, SYN_ACK(5000, 7, 1));
	SEND(scene, BOTH, SYN(4002, 1));
	assert_verdict(judge(scene, 5000), VERDICT_CANNOT_TELL);
	assert_true(scene->comparison.unsure & BIT(UNSURE_ONE_WAY));
	assert_int_equal(scene->result.way[1].only[1][COMPARE_SYN_ACK].count, 0);
	assert_int_equal(scene->result.way[1].only[1][COMPARE_SYN_ACK].unsure, 1);
	assert_false(compare_clock(scene->compare)->known);
}

static void another_server_may_be_filtered(void **state)
{
	struct scene *scene = *state;
	struct packet syn;

	healthy(scene, 4000);
	syn = segment_packet(scene, &(struct segment){ SYN(5000, 1) });
	syn.destination_port = 443;
	give(scene, 0, syn, scene->ns += MS);
	healthy(scene, 4001);
	assert_verdict(judge(scene, 5000), VERDICT_SYN_LOST);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(scene->comparison.unsure, BIT(UNSURE_FILTER));
}

static void files_weaken_the_verdict(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, SEND(scene, 0, SYN(5000, 1)));
	compare_note_file(scene->compare, 1, 17, true);
	assert_verdict(judge(scene, 5000), VERDICT_SYN_LOST);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(scene->comparison.unsure, BIT(UNSURE_DROPS) | BIT(UNSURE_DAMAGED));
}

static void gaps_weaken_the_verdict(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, 0, 1, 100,
		     3); /* arrives, for it is acknowledged; capture 1 missed it */
		SEND(scene, BOTH, .port = 5000, .from_server = true, .flags = TCP_F_ACK, .seq = 1,
		     .ack = 101, .stamp = 9, .echo = 3);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_POSSIBLE);
	assert_true(scene->comparison.unsure & BIT(UNSURE_GAPS));
}

static void one_side_alone_where_it_worked(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, 0, SYN(5000, 1));
		SEND(scene, 0, SYN_ACK(5000, 7, 1));
		SEND(scene, 0, ACK(5000, 2, 7));
	});
	assert_verdict(judge(scene, 5000), VERDICT_ONE_SIDED);
	assert_int_equal(scene->comparison.severity, SEVERITY_INFO);
}

/* ---- bounds ---- */

/* More connections than there is room for: each is told once, those that left among them. */
static void connections_make_room(void **state)
{
	struct scene *scene = *state;
	unsigned int told = 0;
	__u64 let_go;

	for (__u16 port = 1000; port < 3000; port++) {
		healthy(scene, port);
		told += compare_gone(scene->compare) != NULL;
	}
	let_go = compare_counters(scene->compare, 0)->evicted +
		 compare_counters(scene->compare, 1)->evicted;
	assert_true(let_go >= 2 * (2000 - 64));
	compare_finish(scene->compare);
	while (compare_next(scene->compare))
		told++;
	assert_in_range(told, 64, 2000);
	assert_int_equal(compare_counters(scene->compare, 0)->connections, 2000);
}

/* Packets that wait in vain fill the pool: the oldest are let go, and it is counted. */
static void packets_make_room(void **state)
{
	struct scene *scene = *state;

	healthy(scene, 4000);
	SEND(scene, BOTH, SYN(5000, 1));
	for (__u32 i = 0; i < 10000; i++) {
		data(scene, 0, 1 + i * 10, 10, 3 + i);
		scene->ns -= MS - 1000;
	}
	healthy(scene, 4001);
	judge(scene, 5000);
	assert_true(scene->result.way[0].unjudged[0] >= 5000);
	assert_true(scene->result.blind[1] & BIT(UNSURE_ROOM));
	assert_int_equal(compare_counters(scene->compare, 0)->unjudged,
			 scene->result.way[0].unjudged[0]);
}

static void others_are_counted(void **state)
{
	struct scene *scene = *state;
	struct packet packet = { .what = PACKET_UDP };

	compare_packet(scene->compare, 0, &packet, NULL, 0, BEGIN, 1);
	packet.what = PACKET_OTHER;
	compare_packet(scene->compare, 0, &packet, NULL, 0, BEGIN, 2);
	packet.what = PACKET_NONE;
	compare_packet(scene->compare, 0, &packet, NULL, 0, BEGIN, 3);
	assert_int_equal(compare_counters(scene->compare, 0)->udp, 1);
	assert_int_equal(compare_counters(scene->compare, 0)->other, 1);
	assert_int_equal(compare_counters(scene->compare, 0)->unread, 1);
	compare_finish(scene->compare);
	assert_null(compare_next(scene->compare));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(translation_is_seen_through),
		TEST(translation_without_timestamps),
		TEST(rewritten_sequence_numbers),
		TEST(rewritten_and_translated),
		TEST(rewritten_without_timestamps),
		TEST(a_rewritten_syn_is_paired),
		TEST(modulated_timestamps),
		TEST(new_ip_identifications),
		TEST(options_of_the_syn),
		TEST(payloads),
		TEST(reused_ports_are_two),
		TEST(ambiguous_connections_stay_apart),
		TEST(paired_in_the_middle),
		TEST(the_client_is_who_sent_the_syn),
		TEST(copies_are_no_loss),
		TEST(began_later),
		TEST(ended_earlier),
		TEST(nothing_in_common),
		TEST(one_direction_only),
		TEST(another_server_may_be_filtered),
		TEST(files_weaken_the_verdict),
		TEST(gaps_weaken_the_verdict),
		TEST(one_side_alone_where_it_worked),
		TEST(connections_make_room),
		TEST(packets_make_room),
		TEST(others_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
