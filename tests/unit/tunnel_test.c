// SPDX-License-Identifier: GPL-2.0-or-later
/* tunnel_test.c - packets that carry packets, and what only looks like it */

#include "frame_bytes.h"

/* From 192.0.2.1 to 192.0.2.2. */
#define OUTER4(protocol, total)                                                                   \
	0x45, 0, (total) >> 8, (total)&0xff, 0, 0, 0, 0, 9, protocol, 0, 0, 192, 0, 2, 1, 192, 0, \
		2, 2
#define OUTER6(next, payload)                                                                    \
	0x60, 0, 0, 0, (payload) >> 8, (payload)&0xff, next, 9, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define OUTER_UDP(port, length) 0xc0, 0, TYPE(port), TYPE(length), 0, 0
#define VXLAN 0x08, 0, 0, 0, 0, 0, 42, 0
#define GENEVE(options, type) options, 0, TYPE(type), 0, 0, 42, 0

/* The inner SYN is what is told; @before: bytes in front of it. */
static void check_tunnel(const __u8 *bytes, size_t size, size_t before)
{
	struct event event;

	assert_int_equal(frame_of(LINK_RAW, bytes, size, &event), UNREAD_NONE);
	assert_int_equal(event.packet.what, PACKET_TCP);
	assert_int_equal(event.packet.source_port, 45678);
	assert_int_equal(event.packet.ttl, 61);
	assert_int_equal(event.frame.how, FRAME_F_TUNNEL);
	assert_int_equal(event.frame.raw.wire_bytes, size - before);
	/* cut anywhere, the outer packet is told, or the inner one as far as it goes */
	for (size_t cut = 0; cut < size; cut++) {
		struct framed *framed = frame_cut(NULL, LINK_RAW, bytes, cut, size);

		if (framed->event.frame.unread)
			assert_int_equal(framed->event.frame.unread, UNREAD_CUT);
		else if (framed->event.frame.how & FRAME_F_TUNNEL)
			assert_ptr_equal(framed->event.bytes, framed->exact + before);
		else
			assert_ptr_equal(framed->event.bytes, framed->exact);
		framed_free(framed);
	}
}

#define CHECK_TUNNEL(inner_bytes, ...)                                                \
	do {                                                                          \
		static const __u8 frame_[] = { __VA_ARGS__ };                         \
		check_tunnel(frame_, sizeof(frame_), sizeof(frame_) - (inner_bytes)); \
	} while (0)

/* What is no tunnel is told as it is. */
static void check_outer(const __u8 *bytes, size_t size, unsigned int what, unsigned int how)
{
	struct event event;

	assert_int_equal(frame_of(LINK_RAW, bytes, size, &event), UNREAD_NONE);
	assert_int_equal(event.frame.how, how);
	assert_int_equal(event.packet.what, what);
	assert_int_equal(event.packet.ttl, 9);
	assert_int_equal(event.frame.raw.wire_bytes, size);
}

#define CHECK_OUTER(what, ...)                                \
	do {                                                  \
		static const __u8 frame_[] = { __VA_ARGS__ }; \
		check_outer(frame_, sizeof(frame_), what, 0); \
	} while (0)

/* A tunnel, of which nothing inside is told. */
#define CHECK_OPAQUE(what, ...)                                            \
	do {                                                               \
		static const __u8 frame_[] = { __VA_ARGS__ };              \
		check_outer(frame_, sizeof(frame_), what, FRAME_F_OPAQUE); \
	} while (0)

static void ip_in_ip(void **state)
{
	(void)state;
	CHECK_TUNNEL(40, OUTER4(4, 60), SYN4);
	CHECK_TUNNEL(60, OUTER4(41, 80), SYN6);
	CHECK_TUNNEL(40, OUTER6(4, 40), SYN4);
	CHECK_TUNNEL(60, OUTER6(41, 60), SYN6);
	/* behind a destination option (RFC 2473 4.1.1) */
	CHECK_TUNNEL(60, OUTER6(60, 68), 41, 0, 4, 1, 4, 1, 0, 0, SYN6);
	/* no IP inside */
	CHECK_OPAQUE(PACKET_OTHER, OUTER4(4, 24), 0x12, 0, 0, 0);
}

static void gre(void **state)
{
	(void)state;
	CHECK_TUNNEL(40, OUTER4(47, 64), 0, 0, TYPE(0x0800), SYN4);
	CHECK_TUNNEL(60, OUTER4(47, 96), 0xb0, 0, TYPE(0x86dd), 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9,
		     SYN6);
	CHECK_TUNNEL(40, OUTER4(47, 78), 0, 0, TYPE(0x6558), ETHERNET(0x0800), SYN4);
	CHECK_TUNNEL(40, OUTER4(47, 68), 0, 0, TYPE(0x8847), 0, 1, 0x41, 64, SYN4);
	CHECK_TUNNEL(40, OUTER6(47, 44), 0, 0, TYPE(0x0800), SYN4);
	/* PPTP: key, sequence and acknowledgment */
	CHECK_TUNNEL(40, OUTER4(47, 80), 0x30, 0x81, TYPE(0x880b), 0, 44, 0, 1, 0, 0, 0, 1, 0, 0, 0,
		     1, 0xff, 0x03, 0, 0x21, SYN4);
	/* ERSPAN of the second and of the first type */
	CHECK_TUNNEL(40, OUTER4(47, 90), 0x10, 0, TYPE(0x88be), 0, 0, 0, 1, 0x10, 7, 0, 1, 0, 0, 0,
		     0, ETHERNET(0x0800), SYN4);
	CHECK_TUNNEL(40, OUTER4(47, 78), 0, 0, TYPE(0x88be), ETHERNET(0x0800), SYN4);
	/* source routes were given up (RFC 2784), version 2 does not exist, CDP is not IP */
	CHECK_OPAQUE(PACKET_OTHER, OUTER4(47, 64), 0x40, 0, TYPE(0x0800), SYN4);
	CHECK_OPAQUE(PACKET_OTHER, OUTER4(47, 64), 0, 2, TYPE(0x0800), SYN4);
	CHECK_OPAQUE(PACKET_OTHER, OUTER4(47, 64), 0, 0, TYPE(0x2000), SYN4);
	/* an acknowledgment of PPTP alone */
	CHECK_OUTER(PACKET_OTHER, OUTER4(47, 32), 0x20, 0x81, TYPE(0x880b), 0, 0, 0, 1, 0, 0, 0, 1);
}

static void vxlan(void **state)
{
	(void)state;
	CHECK_TUNNEL(40, OUTER4(17, 90), OUTER_UDP(4789, 70), VXLAN, ETHERNET(0x0800), SYN4);
	CHECK_TUNNEL(60, OUTER6(17, 90), OUTER_UDP(8472, 90), VXLAN, ETHERNET(0x86dd), SYN6);
	CHECK_TUNNEL(40, OUTER4(17, 94), OUTER_UDP(4789, 74), VXLAN, ETHERNET(0x8100), 0, 7,
		     TYPE(0x0800), SYN4);
	/* ARP inside; a network number that is not valid; the port as a source */
	CHECK_OUTER(PACKET_UDP, OUTER4(17, 54), OUTER_UDP(4789, 34), VXLAN, ETHERNET(0x0806), 0, 1,
		    8, 0);
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 90), OUTER_UDP(4789, 70), 0, 0, 0, 0, 0, 0, 42, 0,
		     ETHERNET(0x0800), SYN4);
	CHECK_OUTER(PACKET_UDP, OUTER4(17, 90), TYPE(4789), 0xc0, 0, 0, 70, 0, 0, VXLAN,
		    ETHERNET(0x0800), SYN4);
}

static void geneve(void **state)
{
	(void)state;
	CHECK_TUNNEL(40, OUTER4(17, 90), OUTER_UDP(6081, 70), GENEVE(0, 0x6558), ETHERNET(0x0800),
		     SYN4);
	CHECK_TUNNEL(40, OUTER4(17, 84), OUTER_UDP(6081, 64), GENEVE(2, 0x0800), 1, 1, 1, 1, 0, 0,
		     0, 0, SYN4);
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 90), OUTER_UDP(6081, 70), GENEVE(0x40, 0x6558),
		     ETHERNET(0x0800), SYN4);
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 40), OUTER_UDP(6081, 20), GENEVE(0x3f, 0x0800), 1, 2, 3,
		     4);
}

static void gtp_u(void **state)
{
	(void)state;
	CHECK_TUNNEL(40, OUTER4(17, 76), OUTER_UDP(2152, 56), 0x30, 255, 0, 40, 1, 2, 3, 4, SYN4);
	CHECK_TUNNEL(60, OUTER6(17, 80), OUTER_UDP(2152, 80), 0x32, 255, 0, 64, 1, 2, 3, 4, 0, 7, 0,
		     0, SYN6);
	/* of 5G: the session's container (type 0x85) of one word */
	CHECK_TUNNEL(40, OUTER4(17, 84), OUTER_UDP(2152, 64), 0x34, 255, 0, 48, 1, 2, 3, 4, 0, 0, 0,
		     0x85, 1, 0, 9, 0, SYN4);
	/* an echo request is of the tunnel; an extension without length leads nowhere */
	CHECK_OUTER(PACKET_UDP, OUTER4(17, 36), OUTER_UDP(2152, 16), 0x30, 1, 0, 0, 0, 0, 0, 0);
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 44), OUTER_UDP(2152, 24), 0x34, 255, 0, 8, 1, 2, 3, 4,
		     0, 0, 0, 0x85, 0, 0, 9, 0);
}

static void not_read(void **state)
{
	(void)state;
	CHECK_OPAQUE(PACKET_OTHER, OUTER4(50, 28), 0, 0, 0, 1, 0, 0, 0, 1);
	CHECK_OPAQUE(PACKET_OTHER, OUTER6(115, 8), 0, 0, 0, 1, 0, 0, 0, 1);
	/* IPsec behind a NAT, and IKE on the same port; data and control of L2TP */
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 36), OUTER_UDP(4500, 16), 0, 0, 0, 1, 0, 0, 0, 1);
	CHECK_OUTER(PACKET_UDP, OUTER4(17, 36), OUTER_UDP(4500, 16), 0, 0, 0, 0, 0, 0, 0, 1);
	CHECK_OPAQUE(PACKET_UDP, OUTER4(17, 36), OUTER_UDP(1701, 16), 0, 2, 0, 1, 0, 0, 0, 1);
	CHECK_OUTER(PACKET_UDP, OUTER4(17, 36), OUTER_UDP(1701, 16), 0xc8, 2, 0, 8, 0, 0, 0, 1);
}

/* What stands behind the outer packet's end is not of the inner one. */
static void padding_of_the_outer(void **state)
{
	static const __u8 bytes[] = { ETHERNET(0x0800), OUTER4(4, 60), SYN4, 9, 9, 9, 9 };
	struct event event;

	(void)state;
	assert_int_equal(FRAME_OF(LINK_ETHERNET, bytes, &event), UNREAD_NONE);
	assert_int_equal(event.frame.how, FRAME_F_TUNNEL);
	assert_int_equal(event.frame.raw.wire_bytes, 40);
	assert_int_equal(event.bytes_captured, 40);
}

/* Of too many, one in the other, the one that is left is told. */
static void nesting(void **state)
{
	__u8 bytes[20 * 20 + 40];
	size_t at = 0;
	struct event event;

	(void)state;
	for (; at < 20 * 20; at += 20) {
		size_t total = sizeof(bytes) - at;
		const __u8 outer[] = { OUTER4(4, total) };

		memcpy(bytes + at, outer, sizeof(outer));
	}
	memcpy(bytes + at, (const __u8[]){ SYN4 }, 40);
	assert_int_equal(FRAME_OF(LINK_RAW, bytes, &event), UNREAD_NONE);
	assert_int_equal(event.packet.what, PACKET_OTHER);
	assert_int_equal(event.packet.protocol, IPPROTO_IPIP);
	assert_int_equal(event.frame.how, FRAME_F_TUNNEL | FRAME_F_OPAQUE);
	assert_int_equal(event.frame.raw.wire_bytes, sizeof(bytes) - 8 * 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_in_ip),
		cmocka_unit_test(gre),
		cmocka_unit_test(vxlan),
		cmocka_unit_test(geneve),
		cmocka_unit_test(gtp_u),
		cmocka_unit_test(not_read),
		cmocka_unit_test(padding_of_the_outer),
		cmocka_unit_test(nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
