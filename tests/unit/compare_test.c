// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_test.c - two captures: where a connection failed, what was lost, late, or reset */

#include "compare_fixture.h"

static void a_healthy_connection_passes(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, healthy(scene, 5000));
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(way[0].matched[COMPARE_SYN], 1);
	assert_int_equal(way[0].matched[COMPARE_ACK], 1);
	assert_int_equal(way[0].matched[COMPARE_DATA], 1);
	assert_int_equal(way[0].matched[COMPARE_FIN], 1);
	assert_int_equal(way[0].matched_bytes, 40);
	assert_int_equal(way[1].matched[COMPARE_SYN_ACK], 1);
	assert_int_equal(way[1].matched_bytes, 30);
	assert_int_equal(way[0].changed, BIT(CHANGED_TTL));
	assert_int_equal(way[1].changed, BIT(CHANGED_TTL));
	assert_int_equal(way[0].ttl[0], 64);
	assert_int_equal(way[0].ttl[1], 63);
	assert_int_equal(scene->result.order_by, ORDER_TIMES);
	assert_int_equal(scene->result.near, 0);
	assert_int_equal(scene->result.found, FOUND_ENDS | FOUND_SEQUENCE | FOUND_TIMESTAMPS);
	assert_int_equal(scene->comparison.unsure, 0);
}

static void the_side_of_the_client_is_found(void **state)
{
	struct scene *scene = *state;

	scene->swapped = true;
	AROUND(scene, SEND(scene, 1, SYN(5000, 1)));
	assert_verdict(judge(scene, 5000), VERDICT_SYN_LOST);
	assert_int_equal(scene->result.near, 1);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_LIKELY);
	assert_non_null(strstr(scene->comparison.what, "left B and never reached A"));
}

/* ---- where a handshake dies ---- */

static void syn_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, 0, SYN(5000, 1));
		scene->ns += SEC;
		SEND(scene, 0, SYN(5000, 1001));
	});
	assert_verdict(judge(scene, 5000), VERDICT_SYN_LOST);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_LIKELY);
	assert_int_equal(scene->comparison.severity, SEVERITY_ERROR);
	assert_int_equal(scene->result.way[0].only[0][COMPARE_SYN].count, 2);
	assert_string_equal(scene->comparison.what, "the SYN left A 2 times and never reached B");
}

/* Nearest miss: the second SYN arrives, with its own timestamp, and is not taken for the first. */
static void first_syn_lost_second_arrives(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, {
		SEND(scene, 0, SYN(5000, 1));
		scene->ns += SEC;
		SEND(scene, BOTH, SYN(5000, 1001));
		SEND(scene, BOTH, SYN_ACK(5000, 7, 1001));
		SEND(scene, BOTH, ACK(5000, 1002, 7));
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
	assert_int_equal(way[0].only[0][COMPARE_SYN].count, 1);
	assert_int_equal(way[0].matched[COMPARE_SYN], 1);
	assert_int_equal(way[0].times.most, MS / 2);
}

static void syn_rejected(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, 0, SYN(5000, 1));
		SEND(scene, 0, .port = 5000, .from_server = true, .flags = TCP_F_RST | TCP_F_ACK,
		     .ack = 1);
	});
	assert_verdict(judge(scene, 5000), VERDICT_SYN_REJECTED);
}

static void syn_rejected_by_icmp(void **state)
{
	struct scene *scene = *state;
	struct packet icmp = { .what = PACKET_ICMP,
			       .protocol = 1,
			       .icmp_type = 3,
			       .icmp_code = 13,
			       .flags = PACKET_F_INNER | PACKET_F_INNER_SEQ };

	icmp.inner.protocol = 6;
	put_address(icmp.source, 10, 0, 0, 254);
	put_address(icmp.inner.source, 10, 0, 0, 1);
	put_address(icmp.inner.destination, 10, 0, 0, 2);
	icmp.inner.source_port = 5000;
	icmp.inner.destination_port = 80;
	AROUND(scene, {
		SEND(scene, 0, SYN(5000, 1));
		compare_packet(scene->compare, 0, &icmp, NULL, 0, scene->ns, 99);
	});
	assert_verdict(judge(scene, 5000), VERDICT_SYN_REJECTED);
	assert_non_null(strstr(scene->comparison.what, "from 10.0.0.254 came to A"));
	assert_int_equal(compare_counters(scene->compare, 0)->icmp, 1);
}

static void server_silent(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, SEND(scene, BOTH, SYN(5000, 1)));
	assert_verdict(judge(scene, 5000), VERDICT_SERVER_SILENT);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_LIKELY);
}

static void server_refused(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, BOTH, .port = 5000, .from_server = true, .flags = TCP_F_RST | TCP_F_ACK,
		     .ack = 1);
	});
	assert_verdict(judge(scene, 5000), VERDICT_SERVER_REFUSED);
}

static void refusal_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, 1, .port = 5000, .from_server = true, .flags = TCP_F_RST | TCP_F_ACK,
		     .ack = 1);
	});
	assert_verdict(judge(scene, 5000), VERDICT_RESET_LOST);
}

static void refusal_injected(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, 0, .port = 5000, .from_server = true, .flags = TCP_F_RST | TCP_F_ACK,
		     .ack = 1);
	});
	assert_verdict(judge(scene, 5000), VERDICT_RESET_BETWEEN);
}

static void answer_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, 1, SYN_ACK(5000, 7, 1));
	});
	assert_verdict(judge(scene, 5000), VERDICT_ANSWER_LOST);
	assert_string_equal(scene->comparison.what, "B answered with a SYN/ACK, A never got it");
}

static void answered_between(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, 0, SYN_ACK(5000, 7, 1));
		SEND(scene, 0, ACK(5000, 2, 7));
	});
	assert_verdict(judge(scene, 5000), VERDICT_ANSWER_BETWEEN);
}

static void last_ack_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
		SEND(scene, 0, ACK(5000, 2, 7));
	});
	assert_verdict(judge(scene, 5000), VERDICT_ACK_LOST);
}

/* The client gives up with a reset: it is lost like the ACK, which was first. */
static void last_ack_and_reset_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
		SEND(scene, 0, ACK(5000, 2, 7));
		SEND(scene, 0, .port = 5000, .flags = TCP_F_RST, .seq = 1);
	});
	assert_verdict(judge(scene, 5000), VERDICT_ACK_LOST);
}

static void client_silent(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 1));
		SEND(scene, BOTH, SYN_ACK(5000, 7, 1));
	});
	assert_verdict(judge(scene, 5000), VERDICT_CLIENT_SILENT);
}

/* ---- resets and loss ---- */

static void reset(struct scene *scene, unsigned int where, bool from_server)
{
	SEND(scene, where, .port = 5000, .from_server = from_server, .flags = TCP_F_RST, .seq = 1,
	     .ttl = from_server && where != BOTH ? 200 : 64);
}

static void resets_have_authors(void **state)
{
	static const struct {
		unsigned int where;
		bool from_server;
		enum comparison_id verdict;
	} cases[] = {
		{ BOTH, false, VERDICT_RESET_BY_CLIENT }, { BOTH, true, VERDICT_RESET_BY_SERVER },
		{ 0, true, VERDICT_RESET_BETWEEN },	  { 1, false, VERDICT_RESET_BETWEEN },
		{ 0, false, VERDICT_RESET_LOST },	  { 1, true, VERDICT_RESET_LOST },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene *scene;

		assert_int_equal(scene_setup((void **)&scene), 0);
		AROUND(scene, {
			establish(scene);
			reset(scene, cases[i].where, cases[i].from_server);
		});
		assert_verdict(judge(scene, 5000), cases[i].verdict);
		assert_int_equal(scene->comparison.severity, SEVERITY_ERROR);
		scene_teardown((void **)&scene);
	}
	(void)state;
}

static void an_injected_reset_shows_its_ttl(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		reset(scene, 0, true);
	});
	judge(scene, 5000);
	assert_non_null(strstr(scene->comparison.what,
			       "its TTL is 199, that of other packets from there 63"));
}

/* Nearest miss: a reset after both have closed ends nothing. */
static void a_reset_after_the_end_is_none(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		healthy(scene, 5000);
		reset(scene, BOTH, false);
	});
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
}

static void a_path_dies(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, BOTH, 1, 100, 3);
		for (__u32 i = 0; i < 4; i++)
			data(scene, 0, 101, 100, 200 + i * 200);
	});
	assert_verdict(judge(scene, 5000), VERDICT_PATH_DIED);
	assert_int_equal(scene->result.way[0].after_last[0], 4);
}

/* Nearest miss: as much was lost, but then it went on. */
static void a_path_recovers(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		for (__u32 i = 0; i < 4; i++)
			data(scene, 0, 1, 100, 200 + i * 200);
		data(scene, BOTH, 1, 100, 5000);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
	assert_int_equal(scene->result.way[0].only[0][COMPARE_DATA].count, 4);
	assert_int_equal(scene->result.way[0].only_bytes[0], 400);
}

/* Without timestamps the IP identification tells the sendings apart. */
static void ip_ids_tell_sendings_apart(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, {
		SEND(scene, BOTH, SYN(5000, 0));
		SEND(scene, BOTH, SYN_ACK(5000, 0, 0));
		SEND(scene, BOTH, ACK(5000, 0, 0));
		data(scene, 0, 1, 100, 0);
		scene->ns += SEC;
		data(scene, BOTH, 1, 100, 0);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
	assert_int_equal(way[0].only[0][COMPARE_DATA].count, 1);
	assert_int_equal(way[0].matched[COMPARE_DATA], 1);
	assert_int_equal(way[0].times.most, MS / 2); /* not a second */
}

static void late_packets_are_told(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		scene->late_ns = 250 * MS;
		data(scene, BOTH, 1, 100, 3);
	});
	assert_verdict(judge(scene, 5000), VERDICT_DELAYED);
	assert_non_null(strstr(scene->comparison.what, "up to 250 ms late"));
}

/* ---- segments that are cut and merged (offload) ---- */

static void cut_segments_are_not_lost(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, {
		establish(scene);
		data(scene, 0, 1, 3000, 3);
		data(scene, 1, 1, 1448, 3);
		data(scene, 1, 1449, 1448, 3);
		data(scene, 1, 2897, 104, 3);
		data(scene, 0, 3001, 500, 4);
		data(scene, 0, 3501, 500, 4);
		data(scene, 1, 3001, 1000, 4);
	});
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(way[0].only[0][COMPARE_DATA].count, 0);
	assert_int_equal(way[0].only[1][COMPARE_DATA].count, 0);
	assert_int_equal(way[0].resegmented, 7);
	assert_true(way[0].changed & BIT(CHANGED_SEGMENTS));
}

/* Nearest miss: one of the pieces never came, and only its bytes are lost. */
static void a_lost_piece_is_lost(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, {
		establish(scene);
		data(scene, 0, 1, 3000, 3);
		data(scene, 1, 1, 1448, 3);
		data(scene, 1, 2897, 104, 3);
		data(scene, BOTH, 1449, 1448, 204);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
	assert_int_equal(way[0].only[0][COMPARE_DATA].count, 1);
	assert_int_equal(way[0].only_bytes[0], 1448);
}

/* Nearest miss of a loss: the pieces are as long as the segments, and begin elsewhere. */
static void shifted_segments_are_not_lost(void **state)
{
	struct scene *scene = *state;
	const struct compare_way *way = scene->result.way;

	AROUND(scene, {
		establish(scene);
		data(scene, 0, 1, 1448, 3);
		data(scene, 0, 1449, 1448, 3);
		data(scene, 1, 1, 1000, 3);
		data(scene, 1, 1001, 1448, 3);
		data(scene, 1, 2449, 448, 3);
	});
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(way[0].only[0][COMPARE_DATA].count, 0);
	assert_int_equal(way[0].only[1][COMPARE_DATA].count, 0);
	assert_int_equal(way[0].resegmented, 5);
}

/* ---- by size ---- */

static void only_large_ones_are_lost(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, BOTH, 1, 100, 3);
		data(scene, 0, 101, 1448, 4);
		data(scene, 0, 101, 1448, 204);
		data(scene, 0, 101, 1448, 604);
		SEND(scene, BOTH, .port = 5000, .flags = TCP_F_ACK, .seq = 1549, .ack = 1,
		     .stamp = 700, .echo = 7);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LARGE_LOST);
	assert_int_equal(scene->comparison.severity, SEVERITY_ERROR);
	assert_int_equal(scene->comparison.confidence, CONFIDENCE_LIKELY);
	assert_string_equal(
		scene->comparison.what,
		"only packets of the client with 1448 bytes and more were lost: 3 of them left A "
		"and never reached B; the largest that did had 100");
}

/* Nearest misses: one as large came through; and what differs by options only. */
static void large_ones_are_lost_like_others(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, 0, 1, 1448, 4);
		data(scene, 0, 1449, 1448, 5);
		data(scene, BOTH, 1, 1420, 204);
		data(scene, BOTH, 1421, 1448, 205);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
}

/* What is longer than a packet can be was captured before it was cut: its pieces have a length. */
static void offload_has_no_size(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, BOTH, 1, 1448, 3);
		data(scene, 0, 1449, 14480, 4);
		data(scene, 0, 15929, 14480, 5);
		data(scene, BOTH, 1449, 1448, 204);
	});
	assert_verdict(judge(scene, 5000), VERDICT_LOSSY);
}

/* Nothing small came through after them either: the way died, whatever the size. */
static void a_dead_path_has_no_size(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		data(scene, BOTH, 1, 100, 3);
		for (__u32 i = 0; i < 4; i++)
			data(scene, 0, 101, 1448, 4 + 200 * i);
	});
	assert_verdict(judge(scene, 5000), VERDICT_PATH_DIED);
	assert_non_null(strstr(scene->comparison.what, "the largest that passed before had 100"));
}

/* ---- two resets, and what is not translated ---- */

static void a_reset_that_a_holds_was_seen_by_a(void **state)
{
	struct scene *scene = *state;

	AROUND(scene, {
		establish(scene);
		SEND(scene, 0, .port = 5000, .flags = TCP_F_RST, .seq = 1);
		SEND(scene, 1, .port = 5000, .flags = TCP_F_RST, .seq = 77);
	});
	assert_verdict(judge(scene, 5000), VERDICT_CANNOT_TELL);
	assert_string_equal(scene->comparison.what,
			    "A and B both hold a reset of the client, with different numbers");
}

/* A packet with the addresses that the other side has, on the client's side. */
static void give_as_is(struct scene *scene, struct segment segment)
{
	struct packet packet = segment_packet(scene, &segment), far = packet;

	pass_box(scene, &segment, &far);
	scene->ns += MS;
	give(scene, 1, far, scene->ns);
	far.ttl++;
	give(scene, 0, far, scene->ns + MS / 4);
	scene->ns += MS;
}

static void translated(struct scene *scene, bool reset)
{
	AROUND(scene, {
		establish(scene);
		data(scene, BOTH, 1, 40, 3);
		give_as_is(scene, (struct segment){ .port = 5000,
						    .from_server = true,
						    .flags = TCP_F_ACK | TCP_F_PSH,
						    .seq = 2000001,
						    .ack = 41,
						    .length = 7 });
		if (reset)
			give_as_is(scene,
				   (struct segment){ .port = 5000, .flags = TCP_F_RST, .seq = 41 });
		SEND(scene, BOTH, .port = 5000, .flags = TCP_F_ACK | TCP_F_FIN, .seq = 41, .ack = 1,
		     .stamp = 900, .echo = 7);
	});
}

static void the_client_resets_a_stranger(void **state)
{
	struct scene *scene = *state;

	scene->translate = true;
	translated(scene, true);
	assert_verdict(judge(scene, 5000), VERDICT_RESET_BY_CLIENT);
	assert_int_equal(scene->comparison.severity, SEVERITY_ERROR); /* the FIN came later */
	assert_string_equal(scene->comparison.why,
			    "the client itself reset what came from 10.0.0.2:80 untranslated: it "
			    "has no connection with that address");
	assert_int_equal(scene->result.way[0].untranslated[0], 1);
	assert_int_equal(scene->result.way[1].untranslated[0], 1);
	assert_int_equal(scene->result.way[0].only[1][COMPARE_RESET].count, 0);
	assert_int_equal(scene->result.way[1].only[1][COMPARE_DATA].count, 0);
}

/* Nearest miss: it passed, and nobody minded. */
static void what_is_untranslated_is_no_loss(void **state)
{
	struct scene *scene = *state;

	scene->translate = true;
	translated(scene, false);
	assert_verdict(judge(scene, 5000), VERDICT_PASSED);
	assert_int_equal(scene->result.way[1].untranslated[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_healthy_connection_passes),
		TEST(the_side_of_the_client_is_found),
		TEST(syn_lost),
		TEST(first_syn_lost_second_arrives),
		TEST(syn_rejected),
		TEST(syn_rejected_by_icmp),
		TEST(server_silent),
		TEST(server_refused),
		TEST(refusal_lost),
		TEST(refusal_injected),
		TEST(answer_lost),
		TEST(answered_between),
		TEST(last_ack_lost),
		TEST(last_ack_and_reset_lost),
		TEST(client_silent),
		cmocka_unit_test(resets_have_authors),
		TEST(an_injected_reset_shows_its_ttl),
		TEST(a_reset_after_the_end_is_none),
		TEST(a_path_dies),
		TEST(a_path_recovers),
		TEST(ip_ids_tell_sendings_apart),
		TEST(late_packets_are_told),
		TEST(cut_segments_are_not_lost),
		TEST(a_lost_piece_is_lost),
		TEST(shifted_segments_are_not_lost),
		TEST(only_large_ones_are_lost),
		TEST(large_ones_are_lost_like_others),
		TEST(offload_has_no_size),
		TEST(a_dead_path_has_no_size),
		TEST(a_reset_that_a_holds_was_seen_by_a),
		TEST(the_client_resets_a_stranger),
		TEST(what_is_untranslated_is_no_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
