// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_test.c - packets wait for their verdict: order, bound, comments, what has no packet */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sinks/packets/packets.h"
#include "util/address.h"

#define MS 1000000ull
#define NETNS 7
#define ISN 1000u

struct lab {
	char path[64];
	struct join *join;
	struct packets *packets;
	__u8 bytes[1 << 20]; /* of the file, when it was last looked at */
	size_t size;
};

static void begin_with(struct lab *lab, bool choose, __u64 snap_bytes)
{
	const struct packets_options options = { .path = lab->path,
						 .limits = { .force = true },
						 .snap_bytes = snap_bytes,
						 .choose = choose,
						 .all = snap_bytes };

	packets_close(lab->packets);
	assert_int_equal(packets_open(&lab->packets, &options), 0);
}

static void begin(struct lab *lab, bool choose)
{
	begin_with(lab, choose, 0);
}

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct join_limits limits = join_limits_default;

	limits.connections = 64;
	strcpy(lab->path, "/tmp/sockwhy-packets-XXXXXX");
	close(mkstemp(lab->path));
	if (join_new(&lab->join, &limits))
		return -1;
	begin(lab, false);
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	packets_close(lab->packets);
	join_free(lab->join);
	unlink(lab->path);
	free(lab);
	return 0;
}

static void put_ipv4(__u8 *address, __u8 last)
{
	const __u8 four[4] = { 10, 0, 0, last };

	address_from_ipv4(address, four);
}

/* A packet from .1 to .2 (@out) or back, of this connection's port. */
static struct event packet_at(__u64 ms, bool out, __u16 port)
{
	static const __u8 bytes[40] = { 0x45 };
	struct event event = { .head = { .ts_ns = ms * MS,
					 .netns = NETNS,
					 .ifindex = 2,
					 .known = EVENT_K_PACKET,
					 .kind = EVENT_PACKET,
					 .flags = out ? EVENT_F_OUT : 0 } };
	struct packet *packet = &event.packet;

	packet->what = PACKET_TCP;
	put_ipv4(packet->source, out ? 1 : 2);
	put_ipv4(packet->destination, out ? 2 : 1);
	packet->source_port = out ? port : 80;
	packet->destination_port = out ? 80 : port;
	packet->tcp_flags = out ? TCP_F_SYN : TCP_F_RST | TCP_F_ACK;
	packet->seq = out ? ISN : 0;
	packet->ack = out ? 0 : ISN + 1;
	event.packet_raw.raw.wire_bytes = 40;
	event.bytes = bytes;
	event.bytes_captured = sizeof(bytes);
	return event;
}

static void see(struct lab *lab, struct event event)
{
	assert_int_equal(packets_event(lab->packets, lab->join, &event, true), 0);
}

static void tick(struct lab *lab, __u64 ms)
{
	const struct event event = { .head = { .ts_ns = ms * MS, .kind = EVENT_TICK } };

	for (int i = 0; i < 10; i++) /* the file is written every tenth */
		assert_int_equal(packets_event(lab->packets, lab->join, &event, false), 0);
}

static struct opening opening_of(__u16 port)
{
	struct opening opening = { .netns = NETNS, .started_ns = MS, .isn = ISN, .isn_known = true };

	put_ipv4(opening.tuple.local, 1);
	put_ipv4(opening.tuple.remote, 2);
	opening.tuple.local_port = port;
	opening.tuple.remote_port = 80;
	return opening;
}

static void judge(struct lab *lab, const struct opening *opening, __u64 ms, const char *summary)
{
	static struct finding finding;
	struct attempt attempt = { .subject = &subject_connect,
				   .openings = { opening },
				   .openings_count = 1,
				   .due_ns = ms * MS };
	const struct verdict verdict = { .rule = rules_find("connect-refused"),
					 .severity = SEVERITY_ERROR,
					 .confidence = CONFIDENCE_LIKELY,
					 .state = FINDING_FINAL };

	memset(&finding, 0, sizeof(finding));
	snprintf(finding.summary, sizeof(finding.summary), "%s", summary);
	packets_verdict(lab->packets, lab->join, &attempt, &verdict, &finding);
}

/* How often @words stand in the file. */
static size_t count(struct lab *lab, const char *words)
{
	FILE *file = fopen(lab->path, "r");
	size_t n = 0;
	__u8 *at = lab->bytes;

	assert_non_null(file);
	lab->size = fread(lab->bytes, 1, sizeof(lab->bytes), file);
	fclose(file);
	while ((at = memmem(at, lab->size - (size_t)(at - lab->bytes), words, strlen(words)))) {
		n++;
		at++;
	}
	return n;
}

/* Returns how many packets are in the file. */
static size_t packets_in(struct lab *lab)
{
	__u32 type, size;
	size_t n = 0;

	count(lab, "x");
	for (size_t at = 0; at < lab->size; at += size) {
		memcpy(&type, lab->bytes + at, sizeof(type));
		memcpy(&size, lab->bytes + at + 4, sizeof(size));
		n += type == 6;
	}
	return n;
}

static void held_until_the_time_is_over(void **state)
{
	struct lab *lab = *state;

	see(lab, packet_at(10, true, 4000));
	see(lab, packet_at(500, false, 4000));
	tick(lab, 2009);
	assert_int_equal(packets_in(lab), 0);
	tick(lab, 2010);
	assert_int_equal(packets_in(lab), 1);
	tick(lab, 2500);
	assert_int_equal(packets_in(lab), 2);
	assert_int_equal(packets_counts(lab->packets).early, 0);
}

/* Its own packets have it, both directions; those beside it do not. */
static void verdict_finds_its_packets(void **state)
{
	struct lab *lab = *state;
	struct opening opening = opening_of(4000);
	struct event elsewhere = packet_at(12, false, 4000), stranger = elsewhere;

	see(lab, packet_at(10, true, 4000));
	see(lab, packet_at(11, false, 4000));
	see(lab, packet_at(11, true, 4001)); /* another connection */
	elsewhere.head.netns = NETNS + 1;
	see(lab, elsewhere); /* the same reset on its way through another namespace */
	stranger.head.netns = NETNS + 1;
	stranger.packet.ack = ISN + 77;
	see(lab, stranger); /* the same tuple there, but somebody else's numbers */
	judge(lab, &opening, 300, "refused!");
	assert_int_equal(packets_finish(lab->packets, lab->join), 0);
	assert_int_equal(packets_in(lab), 5);
	assert_int_equal(count(lab, "error connect-refused (likely): refused!"), 3);
	assert_int_equal(count(lab, "MESSAGE="), 0);
}

/* Packets from before it began, and a sender that is known to be another, are not of this opening. */
static void nearest_misses(void **state)
{
	struct lab *lab = *state;
	struct opening opening = opening_of(4000);
	struct event other = packet_at(20, true, 4000);

	opening.started_ns = 15 * MS;
	opening.cookie = 5;
	see(lab, packet_at(10, true, 4000)); /* the port's former owner */
	other.head.cookie = 6;
	see(lab, other);
	judge(lab, &opening, 300, "refused!");
	assert_int_equal(packets_finish(lab->packets, lab->join), 0);
	assert_int_equal(packets_in(lab), 2);
	assert_int_equal(count(lab, "error connect-refused"), 1);
	assert_int_equal(count(lab, "MESSAGE=error connect-refused (likely): refused!"), 1);
}

static void late_verdict_stands_for_itself(void **state)
{
	struct lab *lab = *state;
	struct opening opening = opening_of(4000);

	see(lab, packet_at(10, true, 4000));
	tick(lab, 3000);
	judge(lab, &opening, 3000, "gave up");
	tick(lab, 4999);
	assert_int_equal(count(lab, "gave up"), 0);
	tick(lab, 5000);
	assert_int_equal(packets_in(lab), 1);
	assert_int_equal(count(lab, "MESSAGE=error connect-refused (likely): gave up"), 1);
}

/* More than are held: the oldest go out early, in order, and are counted. */
static void too_many(void **state)
{
	struct lab *lab = *state;

	for (int i = 0; i < PACKETS_HELD_MAX + 100; i++)
		see(lab, packet_at(10, true, (__u16)i));
	assert_int_equal(packets_counts(lab->packets).early, 100);
	tick(lab, 11);
	assert_int_equal(packets_in(lab), 100);
	assert_int_equal(packets_finish(lab->packets, lab->join), 0);
	assert_int_equal(packets_counts(lab->packets).written, PACKETS_HELD_MAX + 100);
}

/* Repeats that are only counted share one text: they push out nobody else's. */
static void storm(void **state)
{
	struct lab *lab = *state;
	struct opening opening = opening_of(4000);
	struct attempt attempt = { .subject = &subject_connect,
				   .openings = { &opening },
				   .openings_count = 1 };
	const struct verdict verdict = { .rule = rules_find("connect-refused"),
					 .severity = SEVERITY_ERROR,
					 .state = FINDING_FINAL };

	see(lab, packet_at(10, true, 3999));
	opening = opening_of(3999);
	judge(lab, &opening, 300, "the first one");
	for (int i = 4000; i < 14000; i++) {
		see(lab, packet_at(10, true, (__u16)i));
		opening = opening_of((__u16)i);
		attempt.due_ns = 300 * MS;
		packets_verdict(lab->packets, lab->join, &attempt, &verdict, NULL);
	}
	assert_int_equal(packets_finish(lab->packets, lab->join), 0);
	assert_int_equal(packets_counts(lab->packets).comments_lost, 0);
	assert_int_equal(count(lab, "the first one"), 1);
	assert_true(count(lab, "one of several alike") > 5000);
}

/* Files: the second time every packet of the finding has its words, the others are left out. */
static void picked(void **state)
{
	struct lab *lab = *state;
	struct opening opening = opening_of(4000), silent = opening_of(4002);
	struct event of = packet_at(10, true, 4000), beside = packet_at(10, true, 4001);

	begin(lab, true);
	see(lab, of);
	see(lab, beside);
	judge(lab, &opening, 9000, "after long");
	judge(lab, &silent, 9000, "without a packet");
	assert_int_equal(packets_pick(lab->packets, lab->join, &of, true), 0);
	assert_int_equal(packets_pick(lab->packets, lab->join, &beside, true), 0);
	assert_int_equal(packets_pick(lab->packets, lab->join, &of, false), 0);
	assert_int_equal(packets_picked(lab->packets, lab->join), 0);
	assert_int_equal(packets_in(lab), 1);
	assert_int_equal(count(lab, "after long"), 1);
	assert_int_equal(count(lab, "MESSAGE=error connect-refused (likely): without a packet"), 1);
	/* what was chosen is forgotten: the next file's packets are others */
	assert_int_equal(packets_pick(lab->packets, lab->join, &of, true), 0);
	assert_int_equal(packets_picked(lab->packets, lab->join), 0);
	assert_int_equal(packets_in(lab), 1);
}

/* ---- whole packets ---- */

static __u8 byte_at(size_t at)
{
	return (__u8)(at * 7 + (at >> 8));
}

/* A packet of so many bytes, of which so many have come. */
static struct event long_packet(__u64 ms, __u32 wire, __u32 captured)
{
	static __u8 bytes[EVENT_SNAP_MAX];
	struct event event = packet_at(ms, true, 4000);

	for (size_t i = 0; i < captured; i++)
		bytes[i] = byte_at(i);
	event.head.known |= wire > EVENT_PACKET_MAX ? EVENT_K_PIECES : 0;
	event.packet_raw.raw.wire_bytes = wire;
	event.packet.payload_at = 40;
	event.bytes = bytes;
	event.bytes_captured = captured;
	return event;
}

/* How many bytes of the @nth packet are in the file; they must be the right ones. */
static __u32 captured_of(struct lab *lab, size_t nth)
{
	__u32 type, size, captured;

	count(lab, "x");
	for (size_t at = 0; at < lab->size; at += size) {
		memcpy(&type, lab->bytes + at, sizeof(type));
		memcpy(&size, lab->bytes + at + 4, sizeof(size));
		memcpy(&captured, lab->bytes + at + 20, sizeof(captured));
		if (type != 6 || nth--)
			continue;
		for (__u32 i = 0; i < captured; i++)
			assert_int_equal(lab->bytes[at + 28 + i], byte_at(i));
		return captured;
	}
	fail();
	return 0;
}

/* No more than was asked for, and what is missing of that is counted. Without a snap length headers. */
static void no_more_than_the_snap_length(void **state)
{
	static const struct {
		__u64 snap_bytes;
		__u32 came;
		__u32 captured;
		__u32 cut;
	} cases[] = { { EVENT_SNAP_MAX, 3000, 3000, 0 },
		      { EVENT_SNAP_MAX, 256, 256, 1 },
		      { 1000, 3000, 1000, 0 },
		      { 1000, 1184, 1000, 0 },
		      { 1000, 256, 256, 1 },
		      { 257, 3000, 257, 0 },
		      { 100, 3000, 100, 0 },
		      { 0, 3000, 40, 0 } };
	struct lab *lab = *state;

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		struct event packet = long_packet(10, 3000, cases[i / 2].came);
		struct opening opening = opening_of(4000);

		begin_with(lab, i & 1, cases[i / 2].snap_bytes);
		if (i & 1) {
			judge(lab, &opening, 11, "refused");
			assert_int_equal(packets_pick(lab->packets, lab->join, &packet, true), 0);
			assert_int_equal(packets_picked(lab->packets, lab->join), 0);
		} else {
			see(lab, packet);
			assert_int_equal(packets_finish(lab->packets, lab->join), 0);
		}
		assert_int_equal(packets_in(lab), 1);
		assert_int_equal(captured_of(lab, 0), cases[i / 2].captured);
		assert_int_equal(packets_counts(lab->packets).cut, cases[i / 2].cut);
	}
}

/* More bytes than are held: the oldest go out early, whole, in order. */
static void too_many_bytes(void **state)
{
	struct lab *lab = *state;
	const __u32 total = EVENT_SNAP_MAX;
	const unsigned int fit = PACKETS_BYTES_LONG / EVENT_SNAP_MAX;

	begin_with(lab, false, EVENT_SNAP_MAX);
	for (unsigned int i = 0; i < fit + 3; i++)
		see(lab, long_packet(10 + i, total, total));
	assert_int_equal(packets_counts(lab->packets).early, 3);
	tick(lab, 11);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(captured_of(lab, i), total);
	see(lab, long_packet(9000, 3000, 3000)); /* the ring of bytes goes round */
	assert_int_equal(packets_finish(lab->packets, lab->join), 0);
	assert_int_equal(packets_counts(lab->packets).written, fit + 4);
	assert_int_equal(packets_counts(lab->packets).cut, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(held_until_the_time_is_over),
		TEST(verdict_finds_its_packets),
		TEST(nearest_misses),
		TEST(late_verdict_stands_for_itself),
		TEST(too_many),
		TEST(storm),
		TEST(picked),
		TEST(no_more_than_the_snap_length),
		TEST(too_many_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
