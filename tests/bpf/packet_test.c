// SPDX-License-Identifier: GPL-2.0-or-later
/* packet_test.c - the packet hook reads whatever shape a packet comes in (root) */
#include "lab.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>

#define FRAME_MAX 65536
#define RING_BYTES (2 * FRAME_MAX)

struct frame {
	unsigned char bytes[FRAME_MAX];
	size_t size;
	__u16 type; /* of what stands behind the link header */
};

static void put(struct frame *frame, const char *hex)
{
	unsigned int byte;
	int taken;

	while (sscanf(hex, " %2x%n", &byte, &taken) == 1) {
		assert_true(frame->size < FRAME_MAX);
		frame->bytes[frame->size++] = byte;
		hex += taken;
	}
}

#define IPV4(total, fragment, protocol) \
	"45 00 00" total "00 01" fragment "40" protocol "00 00 7f 00 00 01 7f 00 00 01"
#define LOOPBACK6 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
#define IPV6(payload, next) "60 00 00 00 00" payload next "40" LOOPBACK6 LOOPBACK6
#define TCP(flags) "30 39 00 50 01 02 03 04 00 00 00 00 50" flags "04 00 00 00 00 00"

/* Sends a frame through lo from a packet socket; what it says need not be sane. */
static void send_frame(const struct frame *frame)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(frame->type),
		.sll_ifindex = 1,
		.sll_halen = ETH_ALEN,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame->bytes, frame->size, 0, (void *)&to, sizeof(to)),
			 frame->size);
	close(fd);
}

/* The same from memory shared with the kernel: everything behind the link header is a page fragment. */
static void send_fragmented(const struct frame *frame)
{
	struct tpacket_req ring = { RING_BYTES, 1, RING_BYTES, 1 };
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(frame->type),
		.sll_ifindex = 1,
		.sll_halen = ETH_ALEN,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	struct tpacket_hdr *slot;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &ring, sizeof(ring)), 0);
	slot = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(slot != MAP_FAILED);
	memcpy((char *)slot + TPACKET_HDRLEN - sizeof(struct sockaddr_ll), frame->bytes,
	       frame->size);
	slot->tp_len = frame->size;
	slot->tp_status = TP_STATUS_SEND_REQUEST;
	assert_int_equal(sendto(fd, NULL, 0, 0, (void *)&to, sizeof(to)), frame->size);
	munmap(slot, RING_BYTES);
	close(fd);
}

/* What the hook said of a frame, NULL nothing. */
static const struct event_header *see(struct lab *lab, void (*how)(const struct frame *),
				      __u16 type, const char *hex)
{
	struct frame frame = { .type = type };

	put(&frame, hex);
	lab_drain(lab);
	lab->count = 0;
	how(&frame);
	lab_drain(lab);
	return lab_find(lab, EVENT_PACKET, 0);
}

static void check_packet(const struct event_header *head, __u8 flags, size_t captured)
{
	const struct ev_packet *packet = (const void *)(head + 1);

	assert_non_null(head);
	assert_int_equal(head->flags, EVENT_F_OUT | EVENT_F_LOOPBACK | flags);
	assert_int_equal(head->known, EVENT_K_PACKET);
	assert_int_equal(packet->raw.captured_bytes, captured);
	assert_int_equal(packet->raw.bytes[0] >> 4, flags & EVENT_F_IPV6 ? 6 : 4);
}

static void (*const WAYS[])(const struct frame *) = { send_frame, send_fragmented };

static void test_segments(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		check_packet(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP("02")), 0,
			     40);
		check_packet(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP("12")), 0,
			     40);
		check_packet(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP("14")), 0,
			     40);
		/* FIN and plain ACK are not notable */
		assert_null(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP("11")));
		assert_null(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP("10")));
		check_packet(see(lab, WAYS[i], ETH_P_IPV6, IPV6("14", "06") TCP("02")),
			     EVENT_F_IPV6, 60);
	}
	lab_leave(lab);
}

static void test_payload_is_not_kept(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_packet *packet;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		const struct event_header *head =
			see(lab, WAYS[i], ETH_P_IP,
			    IPV4("2d", "00 00", "06") TCP("02") "68 65 6c 6c 6f");

		check_packet(head, EVENT_F_TRUNCATED, 40);
		packet = (const void *)(head + 1);
		assert_int_equal(packet->raw.wire_bytes, 45);
		assert_int_equal(packet->raw.bytes[40], 0);
	}
	lab_leave(lab);
}

static void test_header_extensions(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		/* IPv4 options */
		check_packet(see(lab, WAYS[i], ETH_P_IP,
				 "46 00 00 2c 00 01 00 00 40 06 00 00 7f 00 00 01 7f 00 00 01"
				 "01 01 01 00" TCP("02")),
			     0, 44);
		/* IPv6 hop-by-hop, destination options, first fragment */
		check_packet(see(lab, WAYS[i], ETH_P_IPV6,
				 IPV6("2c", "00") "3c 00 01 04 00 00 00 00"
						  "2c 00 01 04 00 00 00 00"
						  "06 00 00 01 00 00 00 07" TCP("02")),
			     EVENT_F_IPV6, 84);
		/* later fragments have no transport header: what stands there is not looked at */
		assert_null(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 0a", "06") TCP("02")));
		assert_null(see(lab, WAYS[i], ETH_P_IPV6,
				IPV6("1c", "2c") "06 00 00 50 00 00 00 07" TCP("02")));
		/* a VLAN tag that the device did not take out */
		check_packet(see(lab, WAYS[i], ETH_P_8021Q,
				 "00 07 08 00" IPV4("28", "00 00", "06") TCP("02")),
			     0, 40);
	}
	lab_leave(lab);
}

static void test_icmp_errors(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		check_packet(see(lab, WAYS[i], ETH_P_IP,
				 IPV4("44", "00 00", "01") "03 0d 00 00 00 00 00 00" IPV4(
					 "28", "00 00", "06") TCP("02")),
			     0, 68);
		check_packet(see(lab, WAYS[i], ETH_P_IPV6,
				 IPV6("44", "3a") "01 01 00 00 00 00 00 00" IPV6("14", "06")
					 TCP("02")),
			     EVENT_F_IPV6, 108);
		/* echo is no error; UDP is nothing */
		assert_null(see(lab, WAYS[i], ETH_P_IP,
				IPV4("1c", "00 00", "01") "08 00 00 00 00 00 00 00"));
		assert_null(see(lab, WAYS[i], ETH_P_IP,
				IPV4("1c", "00 00", "11") "30 39 00 50 00 08 00 00"));
		assert_null(
			see(lab, WAYS[i], ETH_P_IPV6, IPV6("08", "11") "30 39 00 50 00 08 00 00"));
	}
	lab_leave(lab);
}

#define TCP_DNS(flags) "30 39 00 35 01 02 03 04 00 00 00 00 50" flags "04 00 00 00 00 00"

/* Datagrams and segments with data, of port 53 on either side. */
static void test_dns_messages(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		check_packet(see(lab, WAYS[i], ETH_P_IP,
				 IPV4("1c", "00 00", "11") "30 39 00 35 00 08 00 00"),
			     0, 28);
		check_packet(see(lab, WAYS[i], ETH_P_IPV6,
				 IPV6("08", "11") "00 35 30 39 00 08 00 00"),
			     EVENT_F_IPV6, 48);
		check_packet(see(lab, WAYS[i], ETH_P_IP,
				 IPV4("2a", "00 00", "06") TCP_DNS("10") "00 1d"),
			     0, 42);
		assert_null(see(lab, WAYS[i], ETH_P_IP, IPV4("28", "00 00", "06") TCP_DNS("10")));
		/* a later fragment has no ports */
		assert_null(see(lab, WAYS[i], ETH_P_IP,
				IPV4("1c", "00 01", "11") "30 39 00 35 00 08 00 00"));
	}
	lab_leave(lab);
}

/* A record of TLS that begins a segment, in clear; what else a connection says is not told of. */
static void test_tls_hellos(void **state)
{
	/* a ServerHello, a record's header by itself, two alerts, HTTP/2 in clear */
	static const char *const told[] = { "16 03 03 00 02 02 00", "16 03 01 00 02",
					    "15 03 03 00 02 02 46", "15 03 03 00 02 01 00",
					    "50 52 49 20 2a 20 48" };
	/* another message, data, an encrypted alert, a version there is none of, HTTP, what is too short */
	static const char *const untold[] = { "16 03 03 00 02 0b 00", "17 03 03 00 02 01 00",
					      "15 03 03 00 1a 00 00", "16 04 01 00 02 01 00",
					      "48 54 54 50 2f 31 2e", "16 03 01 00" };
	struct lab *lab = lab_enter();
	char hex[512];

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(WAYS); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(told); j++) {
			size_t size = (strlen(told[j]) + 1) / 3;

			snprintf(hex, sizeof(hex), IPV4("%02zx", "00 00", "06") TCP("18") "%s",
				 40 + size, told[j]);
			check_packet(see(lab, WAYS[i], ETH_P_IP, hex), 0, 40 + size);
			snprintf(hex, sizeof(hex), IPV6("%02zx", "06") TCP("18") "%s", 20 + size,
				 told[j]);
			check_packet(see(lab, WAYS[i], ETH_P_IPV6, hex), EVENT_F_IPV6, 60 + size);
		}
		for (size_t j = 0; j < ARRAY_SIZE(untold); j++) {
			snprintf(hex, sizeof(hex), IPV4("%02zx", "00 00", "06") TCP("18") "%s",
				 40 + (strlen(untold[j]) + 1) / 3, untold[j]);
			assert_null(see(lab, WAYS[i], ETH_P_IP, hex));
		}
	}
	lab_leave(lab);
}

/* What cannot be read is told of, so that absence is no evidence; once in a while is enough. */
static void test_what_cannot_be_read_is_told(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	head = see(lab, send_frame, ETH_P_IP, "65 00 00 28 00 01 00 00 40 06 00 00 7f 00");
	assert_non_null(head);
	assert_int_equal(head->flags, EVENT_F_OUT | EVENT_F_LOOPBACK | EVENT_F_UNPARSED);
	assert_int_equal(head->known, 0);
	lab_leave(lab);

	/* a TCP header that is cut short; a new agent, because the first keeps silent for a while */
	lab = lab_enter();
	lab_start(lab, (struct attach_options){ 0 });
	head = see(lab, send_frame, ETH_P_IP, IPV4("24", "00 00", "06") "30 39 00 50 01 02");
	assert_non_null(head);
	assert_true(head->flags & EVENT_F_UNPARSED);
	assert_null(see(lab, send_frame, ETH_P_ARP, "00 01"));
	lab_leave(lab);
}

/* ---- whole packets ---- */

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 7 + (at >> 8));
}

/* A segment that carries data, @wire bytes in all; @hex: its headers, of which the length is not right yet. */
static void send_long(void (*how)(const struct frame *), __u16 type, const char *hex, size_t wire)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	size_t length = type == ETH_P_IPV6 ? wire - 40 : wire, at = type == ETH_P_IPV6 ? 4 : 2;

	frame->type = type;
	put(frame, hex);
	frame->bytes[at] = (unsigned char)(length >> 8);
	frame->bytes[at + 1] = (unsigned char)length;
	for (; frame->size < wire; frame->size++)
		frame->bytes[frame->size] = byte_at(frame->size);
	how(frame);
	free(frame);
}

/*
 * How many bytes of a packet the hook told in all: the record's, and those of its pieces, which
 * come without a gap. They must be what was sent.
 */
static size_t told_of(const struct lab *lab, const struct event_header *head, size_t headers)
{
	const struct ev_packet *packet = (const void *)(head + 1);
	size_t told = packet->raw.captured_bytes;
	const struct event_header *next;
	bool last = false;

	for (size_t i = headers; i < told; i++)
		assert_int_equal(packet->raw.bytes[i], byte_at(i));
	for (size_t nth = 0; (next = lab_find(lab, EVENT_PIECE, nth)); nth++) {
		const struct ev_piece *piece = (const void *)(next + 1);

		if (next->cpu != head->cpu || piece->packet_ns != head->ts_ns)
			continue;
		assert_true(head->known & EVENT_K_PIECES);
		assert_false(last);
		assert_int_equal(piece->offset, told);
		assert_int_equal(next->size,
				 sizeof(*next) + offsetof(struct ev_piece, bytes) + piece->size);
		for (size_t i = 0; i < piece->size; i++)
			assert_int_equal(piece->bytes[i], byte_at(told + i));
		told += piece->size;
		last = piece->last;
	}
	assert_int_equal(last, !!(head->known & EVENT_K_PIECES));
	return told;
}

/* Of a ClientHello so much is told that its extensions are there, in a second record. */
static void test_long_hello(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_piece *piece;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	for (size_t wire = 557; wire < 2000; wire += 1000) {
		lab_drain(lab);
		lab->count = 0;
		send_long(send_frame, ETH_P_IP,
			  IPV4("00", "00 00", "06") TCP("18") "16 03 01 02 00 01", wire);
		lab_drain(lab);
		head = lab_find(lab, EVENT_PACKET, 0);
		assert_non_null(head);
		assert_int_equal(head->known, EVENT_K_PACKET | EVENT_K_PIECES);
		head = lab_find(lab, EVENT_PIECE, 0);
		assert_non_null(head);
		piece = (const void *)(head + 1);
		assert_int_equal(piece->offset, EVENT_PACKET_MAX);
		assert_int_equal(piece->size, (wire < 1024 ? wire : 1024) - EVENT_PACKET_MAX);
		assert_int_equal(piece->last, 1);
		assert_int_equal(lab_count(lab, EVENT_PIECE), 1);
	}
	lab_leave(lab);
}

static const struct {
	__u16 type;
	size_t headers;
	const char *hex;
} LONG[] = {
	{ ETH_P_IP, 40, IPV4("00", "00 00", "06") TCP("02") },
	{ ETH_P_IPV6, 60, IPV6("00", "06") TCP("02") },
};

/* As many bytes as were asked for, of packets in one part of memory and in many, and no more. */
static void test_whole_packets(void **state)
{
	static const size_t wires[] = { 100, 256, 257, 576, 577, 1184, 1185, 1500, 9000, 65535 };
	static const size_t snaps[] = { 0, 256, 257, 1400, 65000, EVENT_SNAP_MAX };

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(snaps); s++) {
		struct lab *lab = lab_enter();

		lab_start(lab, (struct attach_options){ .snap_bytes = (__u32)snaps[s] });
		for (size_t i = 0; i < ARRAY_SIZE(wires) * ARRAY_SIZE(WAYS) * ARRAY_SIZE(LONG);
		     i++) {
			size_t form = i / ARRAY_SIZE(WAYS) % ARRAY_SIZE(LONG);
			size_t wire = wires[i / ARRAY_SIZE(WAYS) / ARRAY_SIZE(LONG)];
			size_t want = snaps[s] > LONG[form].headers ? snaps[s] : LONG[form].headers;
			const struct event_header *head;

			lab_drain(lab);
			lab->count = 0;
			send_long(WAYS[i % ARRAY_SIZE(WAYS)], LONG[form].type, LONG[form].hex,
				  wire);
			lab_drain(lab);
			head = lab_find(lab, EVENT_PACKET, 0);
			assert_non_null(head);
			assert_int_equal(told_of(lab, head, LONG[form].headers),
					 want < wire ? want : wire);
			assert_int_equal(((const struct ev_packet *)(head + 1))->raw.wire_bytes,
					 wire);
			assert_int_equal(!!(head->flags & EVENT_F_TRUNCATED),
					 wire > 256 || want < wire);
			if (snaps[s] <= 256)
				assert_int_equal(lab_count(lab, EVENT_PIECE), 0);
		}
		lab_leave(lab);
	}
}

/* Where followed connections are, nobody else's payload is told. */
static void test_strangers_have_no_payload(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;

	(void)state;
	lab_start(lab, (struct attach_options){
			       .snap_bytes = EVENT_SNAP_MAX, .follow = true, .all_packets = true });
	lab->count = 0;
	send_long(send_frame, ETH_P_IP, LONG[0].hex, 3000);
	lab_drain(lab);
	head = lab_find(lab, EVENT_PACKET, 0);
	assert_non_null(head);
	assert_int_equal(told_of(lab, head, LONG[0].headers), LONG[0].headers);
	lab_leave(lab);
}

/* A ring that nobody reads: payload goes first, and its loss makes nothing uncertain. */
static void test_payload_is_shed_first(void **state)
{
	enum { PACKETS = 40 };
	struct ev_lost lost = { 0 }, suppressed = { 0 };
	struct lab *lab = lab_enter();
	size_t pieces = 0;

	(void)state;
	lab_start(lab, (struct attach_options){ .snap_bytes = EVENT_SNAP_MAX });
	lab_drain(lab);
	lab->count = 0;
	for (int i = 0; i < PACKETS; i++)
		send_long(send_frame, ETH_P_IP, LONG[0].hex, 65535);
	lab_drain(lab);
	assert_int_equal(attach_read_lost(lab->attach, &lost, &suppressed), 0);
	assert_int_equal(lab_count(lab, EVENT_PACKET), PACKETS);
	pieces = lab_count(lab, EVENT_PIECE);
	assert_true(pieces > 100 && pieces < PACKETS * 70);
	assert_true(suppressed.by_kind[EVENT_PIECE] > 0);
	assert_int_equal(suppressed.by_kind[EVENT_PACKET] + lost.by_kind[EVENT_PACKET], 0);
	for (int i = 0; i < PACKETS; i++)
		assert_int_equal(lab_find(lab, EVENT_PACKET, (size_t)i)->lost, 0);
	lab_leave(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_payload_is_not_kept),
		cmocka_unit_test(test_header_extensions),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_dns_messages),
		cmocka_unit_test(test_tls_hellos),
		cmocka_unit_test(test_long_hello),
		cmocka_unit_test(test_what_cannot_be_read_is_told),
		cmocka_unit_test(test_whole_packets),
		cmocka_unit_test(test_strangers_have_no_payload),
		cmocka_unit_test(test_payload_is_shed_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
