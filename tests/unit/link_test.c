// SPDX-License-Identifier: GPL-2.0-or-later
/* link_test.c - every link type, whole, cut and malformed */

#include "frame_bytes.h"

/* The one SYN of all frames here. */
static void assert_syn(const struct event *event)
{
	const struct packet *p = &event->packet;

	assert_int_equal(p->what, PACKET_TCP);
	assert_int_equal(p->tcp_flags, TCP_F_SYN);
	assert_int_equal(p->source_port, 45678);
	assert_int_equal(p->destination_port, 8080);
	assert_int_equal(p->seq, SEQ);
	assert_int_equal(p->payload_bytes, 0);
}

/*
 * Reads the frame whole, and cut at every length: before the IP header is whole it is "cut" and
 * nothing else, behind it what is there is told. @before: bytes of the link layer.
 */
static void check_frame(__u16 link, const __u8 *bytes, size_t size, size_t before,
			struct event *event)
{
	size_t header = bytes[before] >> 4 == 6 ? 40 : 20;

	assert_int_equal(frame_of(link, bytes, size, event), UNREAD_NONE);
	assert_syn(event);
	assert_int_equal(event->frame.link, link);
	assert_int_equal(event->frame.raw.wire_bytes, size - before);
	assert_int_equal(!!(event->head.flags & EVENT_F_IPV6), header == 40);
	assert_false(event->head.flags & EVENT_F_TRUNCATED);
	for (size_t cut = 0; cut < size; cut++) {
		struct framed *framed = frame_cut(NULL, link, bytes, cut, size);
		enum event_unread unread = framed->event.frame.unread;

		assert_int_equal(unread, cut < before + header ? UNREAD_CUT : UNREAD_NONE);
		if (!unread) {
			assert_true(framed->event.head.flags & EVENT_F_TRUNCATED);
			assert_int_equal(framed->event.frame.raw.wire_bytes, size - before);
			assert_int_equal(framed->event.frame.raw.captured_bytes, cut - before);
			assert_ptr_equal(framed->event.bytes, framed->exact + before);
			assert_int_equal(framed->event.bytes_captured, cut - before);
		}
		framed_free(framed);
	}
}

#define CHECK_FRAME(link, ip_bytes, event, ...)                                                \
	do {                                                                                   \
		static const __u8 frame_[] = { __VA_ARGS__ };                                  \
		check_frame(link, frame_, sizeof(frame_), sizeof(frame_) - (ip_bytes), event); \
	} while (0)

static void ethernet(void **state)
{
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x0800), SYN4);
	assert_int_equal(event.frame.vlan, 0);
	assert_int_equal(event.frame.how, 0);
	CHECK_FRAME(LINK_ETHERNET, 60, &event, ETHERNET(0x86dd), SYN6);
}

static void vlans(void **state)
{
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x8100), 0x60, 7, TYPE(0x0800), SYN4);
	assert_int_equal(event.frame.vlan, 7);
	CHECK_FRAME(LINK_ETHERNET, 60, &event, ETHERNET(0x88a8), 0x01, 0x2c, TYPE(0x8100), 0, 9,
		    TYPE(0x86dd), SYN6);
	assert_int_equal(event.frame.vlan, 300); /* the outermost */
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x9100), 0, 5, TYPE(0x9100), 0, 6,
		    TYPE(0x8100), 0, 7, TYPE(0x0800), SYN4);
	assert_int_equal(event.frame.vlan, 5);
}

/* Tags without end are no reason to go on for ever. */
static void vlans_without_end(void **state)
{
	__u8 frame[14 + 4 * 40] = { ETHERNET(0x8100) };

	(void)state;
	for (size_t at = 14; at < sizeof(frame); at += 4) {
		frame[at + 2] = 0x81;
		frame[at + 3] = 0;
	}
	assert_int_equal(FRAME_OF(LINK_ETHERNET, frame, NULL), UNREAD_MALFORMED);
}

static void snap(void **state)
{
	static const __u8 spanning_tree[] = { MACS, 0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0 };
	static const __u8 of_cisco[] = { MACS, 0, 48, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, SYN4 };
	struct event event;

	(void)state;
	assert_int_equal(FRAME_OF(LINK_ETHERNET, spanning_tree, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, of_cisco, NULL), UNREAD_NOT_IP);
	{
		static const __u8 bytes[] = { MACS, 0, 48, 0xaa,	 0xaa, 3,
					      0,    0, 0,  TYPE(0x0800), SYN4 };

		assert_int_equal(FRAME_OF(LINK_ETHERNET, bytes, &event), UNREAD_NONE);
		assert_syn(&event);
	}
}

static void mpls(void **state)
{
	static const __u8 pseudowire[] = { ETHERNET(0x8847), 0, 1, 0x01, 64, 0, 0, 0, 0, 0, 0 };
	__u8 endless[14 + 4 * 20] = { ETHERNET(0x8847) };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x8847), 0, 1, 0x41, 64, SYN4);
	CHECK_FRAME(LINK_ETHERNET, 60, &event, ETHERNET(0x8848), 0, 1, 0x40, 64, 0, 2, 0x41, 64,
		    SYN6);
	CHECK_FRAME(LINK_MPLS, 40, &event, 0, 1, 0x41, 64, SYN4);
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x8100), 0, 3, TYPE(0x8847), 0, 1, 0x41, 64,
		    SYN4);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, pseudowire, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, endless, NULL), UNREAD_MALFORMED);
}

static void pppoe(void **state)
{
	static const __u8 discovery[] = { ETHERNET(0x8864), 0x11, 0x09, 0, 0, 0, 0 };
	static const __u8 other_version[] = {
		ETHERNET(0x8864), 0x21, 0, 0, 1, 0, 42, 0, 0x21, SYN4
	};
	static const __u8 padded[] = {
		ETHERNET(0x8864), 0x11, 0, 0, 1, 0, 42, 0, 0x21, SYN4, 0, 0, 0, 0, 0, 0
	};
	static const __u8 control[] = { ETHERNET(0x8864), 0x11, 0, 0, 1, 0, 10, 0xc0, 0x21, 9, 0 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_ETHERNET, 40, &event, ETHERNET(0x8864), 0x11, 0, 0, 1, 0, 42, 0, 0x21,
		    SYN4);
	CHECK_FRAME(LINK_ETHERNET, 60, &event, ETHERNET(0x8100), 0, 3, TYPE(0x8864), 0x11, 0, 0, 1,
		    0, 62, 0, 0x57, SYN6);
	CHECK_FRAME(LINK_PPP_ETHER, 40, &event, 0x11, 0, 0, 1, 0, 42, 0, 0x21, SYN4);
	/* what fills the frame up behind PPPoE's length is no payload, even where IP tells none */
	assert_int_equal(FRAME_OF(LINK_ETHERNET, padded, &event), UNREAD_NONE);
	assert_int_equal(event.frame.raw.wire_bytes, 40);
	assert_int_equal(event.packet.payload_bytes, 0);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, discovery, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, other_version, NULL), UNREAD_MALFORMED);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, control, NULL), UNREAD_NOT_IP);
}

static void ieee_802_2(void **state)
{
	static const __u8 beacon[] = { 0xc2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, SYN4 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_FDDI, 40, &event, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xaa, 0xaa,
		    3, 0, 0, 0, TYPE(0x0800), SYN4);
	CHECK_FRAME(LINK_FDDI, 60, &event, 0x54, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xaa, 0xaa,
		    3, 0, 0, 0, TYPE(0x86dd), SYN6);
	CHECK_FRAME(LINK_TOKEN_RING, 40, &event, 0x10, 0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		    0xaa, 0xaa, 3, 0, 0, 0, TYPE(0x0800), SYN4);
	CHECK_FRAME(LINK_TOKEN_RING, 60, &event, 0x10, 0x40, 1, 2, 3, 4, 5, 6, 0x87, 8, 9, 10, 11,
		    12, 4, 0, 1, 2, 0xaa, 0xaa, 3, 0, 0, 0, TYPE(0x86dd), SYN6);
	CHECK_FRAME(LINK_ATM_RFC1483, 40, &event, 0xaa, 0xaa, 3, 0, 0, 0, TYPE(0x0800), SYN4);
	CHECK_FRAME(LINK_ATM_RFC1483, 40, &event, 6, 6, 3, SYN4);
	assert_int_equal(FRAME_OF(LINK_FDDI, beacon, NULL), UNREAD_NOT_IP);
}

/* What nflog_packet, and a prefix, stand before; in both byte orders. */
static void nflog(void **state)
{
	static const __u8 no_packet[] = { 2, 0, 0, 5, 8, 0, 10, 0, 'a', 'b', 'c', 0 };
	static const __u8 other_version[] = { 2, 1, 0, 5, 44, 0, 9, 0, SYN4 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_NFLOG, 40, &event, 2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 6, 0, 10, 0, 'x', 0,
		    0, 0, 44, 0, 9, 0, SYN4);
	CHECK_FRAME(LINK_NFLOG, 60, &event, 10, 0, 0, 5, 0, 8, 0, 1, 0x86, 0xdd, 1, 0, 0, 64, 0, 9,
		    SYN6);
	assert_int_equal(FRAME_OF(LINK_NFLOG, no_packet, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_NFLOG, other_version, NULL), UNREAD_MALFORMED);
}

#define PKTAP(length, link, way)                                                                 \
	length, 0, 0, 0, 1, 0, 0, 0, link, 0, 0, 0, 'e', 'n', '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, way, 0, 0, 0, 9, 9, 9, 9
#define PKTAP_BIG(length, link, way)                                                             \
	0, 0, 0, length, 0, 0, 0, 1, 0, 0, 0, link, 'e', 'n', '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, way, 9, 9, 9, 9

static void pktap(void **state)
{
	static const __u8 itself[] = { PKTAP(44, 258 & 0xff, 0), SYN4 };
	static const __u8 short_header[] = { PKTAP(20, LINK_RAW, 0), SYN4 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_PKTAP, 40, &event, PKTAP(44, 1, 2), ETHERNET(0x0800), SYN4);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_true(event.head.flags & EVENT_F_OUT);
	CHECK_FRAME(LINK_PKTAP, 60, &event, PKTAP_BIG(44, 0, 1), 30, 0, 0, 0, SYN6);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_false(event.head.flags & EVENT_F_OUT);
	assert_int_equal(FRAME_OF(LINK_PKTAP, itself, NULL), UNREAD_LINK);
	assert_int_equal(FRAME_OF(LINK_PKTAP, short_header, NULL), UNREAD_MALFORMED);
}

static void ppp(void **state)
{
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_PPP, 40, &event, 0xff, 0x03, 0, 0x21, SYN4);
	CHECK_FRAME(LINK_PPP, 40, &event, 0, 0x21, SYN4);
	CHECK_FRAME(LINK_PPP_HDLC, 60, &event, 0xff, 0x03, 0x57, SYN6);
	CHECK_FRAME(LINK_PPP, 40, &event, 0xff, 0x03, 0x02, 0x81, 0, 1, 0x41, 64, SYN4);
	CHECK_FRAME(LINK_PPP_WITH_DIR, 40, &event, 1, 0xff, 0x03, 0, 0x21, SYN4);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_true(event.head.flags & EVENT_F_OUT);
	CHECK_FRAME(LINK_PPP_PPPD, 40, &event, 0, 0x03, 0, 0x21, SYN4);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_false(event.head.flags & EVENT_F_OUT);
	CHECK_FRAME(LINK_C_HDLC, 40, &event, 0x0f, 0, TYPE(0x0800), SYN4);
}

#define SLL(packet_type, hardware, type) \
	TYPE(packet_type), TYPE(hardware), 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, TYPE(type)
#define SLL2(packet_type, hardware, type) \
	TYPE(type), 0, 0, 0, 0, 0, 2, TYPE(hardware), packet_type, 6, 2, 0, 0, 0, 0, 1, 0, 0

static void cooked(void **state)
{
	static const __u8 netlink[] = { SLL(4, 824, 0x0800), SYN4 };
	static const __u8 arp[] = { SLL2(0, 1, 0x0806), 0, 1 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_SLL, 40, &event, SLL(4, 1, 0x0800), SYN4);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_true(event.head.flags & EVENT_F_OUT);
	CHECK_FRAME(LINK_SLL, 60, &event, SLL(0, 1, 0x86dd), SYN6);
	assert_int_equal(event.frame.how, FRAME_F_DIRECTION);
	assert_false(event.head.flags & EVENT_F_OUT);
	CHECK_FRAME(LINK_SLL2, 40, &event, SLL2(4, 1, 0x0800), SYN4);
	assert_true(event.head.flags & EVENT_F_OUT);
	/* to another host: this machine neither sent it nor was meant */
	CHECK_FRAME(LINK_SLL2, 60, &event, SLL2(3, 1, 0x86dd), SYN6);
	assert_int_equal(event.frame.how, 0);
	CHECK_FRAME(LINK_SLL, 40, &event, SLL(0, 1, 0x8100), 0, 8, TYPE(0x0800), SYN4);
	assert_int_equal(event.frame.vlan, 8);
	assert_int_equal(FRAME_OF(LINK_SLL, netlink, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_SLL2, arp, NULL), UNREAD_NOT_IP);
}

static void loopback(void **state)
{
	static const __u8 appletalk[] = { 16, 0, 0, 0, 1, 2, 3, 4 };
	static const __u8 nonsense[] = { 2, 0, 0, 2, SYN4 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_NULL, 40, &event, 2, 0, 0, 0, SYN4);
	CHECK_FRAME(LINK_NULL, 40, &event, 0, 0, 0, 2, SYN4);
	CHECK_FRAME(LINK_LOOP, 40, &event, 0, 0, 0, 2, SYN4);
	CHECK_FRAME(LINK_NULL, 60, &event, 30, 0, 0, 0, SYN6); /* macOS */
	CHECK_FRAME(LINK_NULL, 60, &event, 0, 0, 0, 28, SYN6); /* FreeBSD */
	CHECK_FRAME(LINK_LOOP, 60, &event, 0, 0, 0, 24, SYN6); /* OpenBSD */
	CHECK_FRAME(LINK_NULL, 60, &event, 10, 0, 0, 0, SYN6); /* Linux */
	assert_int_equal(FRAME_OF(LINK_NULL, appletalk, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_NULL, nonsense, NULL), UNREAD_NOT_IP);
}

static void raw(void **state)
{
	static const __u8 seven[] = { 0x75, 0, 0, 0 };
	struct event event;

	(void)state;
	CHECK_FRAME(LINK_RAW, 40, &event, SYN4);
	CHECK_FRAME(LINK_RAW, 60, &event, SYN6);
	CHECK_FRAME(12, 40, &event, SYN4);
	CHECK_FRAME(14, 40, &event, SYN4);
	CHECK_FRAME(LINK_IPV4, 40, &event, SYN4);
	CHECK_FRAME(LINK_IPV6, 60, &event, SYN6);
	assert_int_equal(FRAME_OF(LINK_RAW, seven, NULL), UNREAD_MALFORMED);
}

static void not_read(void **state)
{
	static const __u8 arp[] = { ETHERNET(0x0806), 0, 1, 8, 0 };
	static const __u8 syn[] = { SYN4 };
	static const __u8 header_too_short[] = {
		ETHERNET(0x0800), 0x44, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
	};
	struct framed *framed;

	(void)state;
	assert_int_equal(FRAME_OF(LINK_ETHERNET, arp, NULL), UNREAD_NOT_IP);
	assert_int_equal(FRAME_OF(LINK_IEEE802_11, syn, NULL), UNREAD_LINK);
	assert_int_equal(FRAME_OF(LINK_ETHERNET, header_too_short, NULL), UNREAD_MALFORMED);
	framed = frame_cut(NULL, LINK_ETHERNET, arp, sizeof(arp), sizeof(arp));
	assert_int_equal(framed->body_size, offsetof(struct ev_frame, raw));
	assert_int_equal(framed->event.bytes_captured, 0);
	framed_free(framed);
}

/* A frame that was never a record gives what its record gives. */
static void record_agrees(void **state)
{
	static const __u8 frames[][14 + 60] = {
		{ ETHERNET(0x0800), SYN4, 0 /* padding */ },
		{ ETHERNET(0x86dd), SYN6 },
		{ ETHERNET(0x0806), 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct framed *framed = frame_cut(NULL, LINK_ETHERNET, frames[i], sizeof(frames[i]),
						  sizeof(frames[i]));
		struct event *event = &framed->event, again;

		event->frame.frame = 7;
		event->frame.file = 1;
		event->frame.interface = 2;
		event->head.size = (__u16)(sizeof(event->head) + framed->body_size);
		memset(&again, 0x5a, sizeof(again));
		assert_int_equal(decode_event(event, event->head.size, &again), 0);
		assert_memory_equal(&again, event, event->head.size);
		assert_int_equal(again.packet.what, event->packet.what);
		if (event->packet.what != PACKET_NONE)
			assert_memory_equal(&again.packet, &event->packet, sizeof(again.packet));
		assert_int_equal(again.bytes_captured, event->bytes_captured);
		framed_free(framed);
	}
}

/* Of a long packet the record keeps the first bytes, the event has them all. */
static void long_packet(void **state)
{
	__u8 frame[14 + 1500] = { ETHERNET(0x0800), V4(6, 1500), TCP(5, 0x18), 'x' };
	struct framed *framed = frame_cut(NULL, LINK_ETHERNET, frame, sizeof(frame), sizeof(frame));
	const struct event *event = &framed->event;

	(void)state;
	assert_int_equal(event->packet.payload_bytes, 1460);
	assert_int_equal(event->packet.payload_at, 40);
	assert_int_equal(event->bytes[event->packet.payload_at], 'x');
	assert_int_equal(event->bytes_captured, 1500);
	assert_int_equal(event->frame.raw.captured_bytes, EVENT_PACKET_MAX);
	assert_int_equal(event->frame.raw.wire_bytes, 1500);
	assert_true(event->head.flags & EVENT_F_TRUNCATED);
	assert_true(framed->body_size <= sizeof(struct ev_frame));
	framed_free(framed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet),
		cmocka_unit_test(vlans),
		cmocka_unit_test(vlans_without_end),
		cmocka_unit_test(snap),
		cmocka_unit_test(mpls),
		cmocka_unit_test(pppoe),
		cmocka_unit_test(ieee_802_2),
		cmocka_unit_test(nflog),
		cmocka_unit_test(pktap),
		cmocka_unit_test(ppp),
		cmocka_unit_test(cooked),
		cmocka_unit_test(loopback),
		cmocka_unit_test(raw),
		cmocka_unit_test(not_read),
		cmocka_unit_test(record_agrees),
		cmocka_unit_test(long_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
