// SPDX-License-Identifier: GPL-2.0-or-later
/* packet_test.c - headers of packets, whole, cut, fragmented and malformed */

#include "packet_bytes.h"

static void syn_with_options(void **state)
{
	static const __u8 bytes[] = {
		V4(6, 60), TCP(10, 2), 2, 4, 5, 0xb4, 4, 2, 8, 10, 0,
		0,	   0,	       9, 0, 0, 0,    8, 1, 3, 3,  7,
	};
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_TCP);
	assert_int_equal(p.protocol, IPPROTO_TCP);
	assert_address(p.source, "10.0.0.1");
	assert_address(p.destination, "10.0.0.2");
	assert_int_equal(p.source_port, 45678);
	assert_int_equal(p.destination_port, 8080);
	assert_int_equal(p.ttl, 61);
	assert_int_equal(p.ip_id, 0x1234);
	assert_int_equal(p.tcp_flags, TCP_F_SYN);
	assert_int_equal(p.seq, SEQ);
	assert_int_equal(p.ack, 7);
	assert_int_equal(p.window, 64240);
	assert_int_equal(p.mss, 1460);
	assert_int_equal(p.wscale, 7);
	assert_int_equal(p.ts_value, 9);
	assert_int_equal(p.ts_echo, 8);
	assert_int_equal(p.payload_bytes, 0);
	assert_int_equal(p.flags,
			 PACKET_F_MSS | PACKET_F_WSCALE | PACKET_F_SACK | PACKET_F_TIMESTAMPS);
	assert_printed(&p, "SYN seq 3812490059 win 64240 mss 1460 sack ts wscale 7 ttl 61");
}

static void options_of_data_segments(void **state)
{
	/* RFC 9293 3.7.1, RFC 7323 2.2: mss and wscale mean something in a SYN only */
	static const __u8 bytes[] = {
		V4(6, 50), TCP(7, 0x10), 2, 4, 5, 0xb4, 3, 3, 7, 1, 'd', 'a',
	};
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_TCP);
	assert_int_equal(p.flags, 0);
	assert_int_equal(p.payload_bytes, 2);
	assert_printed(&p, "ACK len 2 seq 3812490059 ack 7 win 64240 ttl 61");
}

static void options_malformed(void **state)
{
	static const struct {
		__u8 options[8];
		unsigned int flags;
	} cases[] = {
		{ { 2, 0, 5, 0xb4, 4, 2, 1, 1 }, 0 }, /* length 0 would never end */
		{ { 2, 1, 5, 0xb4, 4, 2, 1, 1 }, 0 },
		{ { 4, 2, 2, 9, 5, 0xb4, 1, 1 }, PACKET_F_SACK }, /* runs out of the header */
		{ { 4, 2, 0, 2, 4, 5, 0xb4, 0 }, PACKET_F_SACK }, /* ended by option 0 */
		{ { 1, 1, 1, 1, 1, 1, 1, 2 }, 0 }, /* a kind and no room for its length */
		{ { 2, 3, 5, 4, 2, 1, 1, 1 }, PACKET_F_SACK }, /* a mss of the wrong length */
		{ { 0xfd, 4, 1, 2, 4, 2, 1, 1 }, PACKET_F_SACK }, /* unknown ones are skipped */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u8 bytes[48] = { V4(6, 48), TCP(7, 2) };
		struct packet p;

		memcpy(bytes + 40, cases[i].options, 8);
		p = PARSE(bytes);
		assert_int_equal(p.what, PACKET_TCP);
		assert_int_equal(p.flags, cases[i].flags);
	}
}

static void wscale_is_at_most_14(void **state)
{
	static const __u8 bytes[] = { V4(6, 44), TCP(6, 2), 3, 3, 15, 0 };
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.wscale, 14); /* RFC 7323 2.3 */
}

static void every_cut_of_a_syn(void **state)
{
	static const __u8 bytes[] = {
		V4(6, 60), TCP(10, 2), 2, 4, 5, 0xb4, 4, 2, 8, 10, 0,
		0,	   0,	       9, 0, 0, 0,    8, 1, 3, 3,  7,
	};

	(void)state;
	for (size_t size = 0; size < sizeof(bytes); size++) {
		struct packet p = parse(bytes, size, sizeof(bytes));

		if (size < 20) {
			assert_int_equal(p.what, PACKET_UNPARSED);
			assert_int_equal(p.flags, 0);
			continue;
		}
		assert_int_equal(p.what, PACKET_TCP);
		assert_true(p.flags & PACKET_F_CUT);
		assert_int_equal(p.source_port, size >= 24 ? 45678 : 0);
		assert_int_equal(p.destination_port, size >= 24 ? 8080 : 0);
		assert_int_equal(p.seq, size >= 28 ? SEQ : 0);
		assert_int_equal(p.ack, size >= 32 ? 7 : 0);
		assert_int_equal(p.tcp_flags, size >= 34 ? TCP_F_SYN : 0);
		assert_int_equal(p.window, size >= 36 ? 64240 : 0);
		assert_int_equal(p.mss, size >= 44 ? 1460 : 0);
		assert_int_equal(!!(p.flags & PACKET_F_SACK), size >= 46);
		assert_int_equal(!!(p.flags & PACKET_F_TIMESTAMPS), size >= 56);
	}
}

static void payload_by_the_ip_length(void **state)
{
	static const __u8 data[] = { V4(6, 140), TCP(5, 0x18) };
	/* 6 bytes of padding that a link adds to short frames */
	static const __u8 padded[] = { V4(6, 40), TCP(5, 0x10), 0, 0, 0, 0, 0, 0 };
	/* segmentation by the interface: longer than the length field can say */
	static const __u8 tso[] = { V4(6, 0), TCP(5, 0x10) };
	static const __u8 tso6[] = { V6(6, 0), TCP(5, 0x10) };
	struct packet p = parse(data, sizeof(data), 140);

	(void)state;
	assert_int_equal(p.payload_bytes, 100);
	assert_int_equal(p.flags, 0); /* all headers are there */
	assert_printed(&p, "PSH,ACK len 100 seq 3812490059 ack 7 win 64240 ttl 61");
	assert_int_equal(PARSE(padded).payload_bytes, 0);
	assert_int_equal(parse(tso, sizeof(tso), 100040).payload_bytes, 100000);
	assert_int_equal(parse(tso6, sizeof(tso6), 100060).payload_bytes, 100000);
}

static void ip_header_malformed(void **state)
{
	static const __u8 version[] = { 0x55, 0, 0, 40, 0, 0, 0, 0, 61, 6,
					0,    0, 1, 1,	1, 1, 2, 2, 2,	2 };
	static const __u8 header[] = { 0x44, 0, 0, 40, 0, 0, 0, 0, 61, 6,
				       0,    0, 1, 1,  1, 1, 2, 2, 2,  2 };
	static const __u8 total[] = { 0x45, 0, 0, 19, 0, 0, 0, 0, 61, 6,
				      0,    0, 1, 1,  1, 1, 2, 2, 2,  2 };
	static const __u8 total_options[] = { 0x46, 0, 0, 23, 0, 0, 0, 0, 61, 6, 0, 0,
					      1,    1, 1, 1,  2, 2, 2, 2, 0,  0, 0, 0 };

	(void)state;
	assert_int_equal(PARSE(version).what, PACKET_UNPARSED);
	assert_int_equal(PARSE(header).what, PACKET_UNPARSED);
	assert_int_equal(PARSE(total).what, PACKET_UNPARSED);
	assert_int_equal(PARSE(total_options).what, PACKET_UNPARSED);
	assert_true(address_is_any(PARSE(total).source));
}

static void ipv4_options(void **state)
{
	__u8 bytes[60 + 20] = { 0x4f, 0, 0, 80, 0, 0, 0, 0, 61, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
	static const __u8 tcp[] = { TCP(5, 2) };
	struct packet p;

	(void)state;
	memcpy(bytes + 60, tcp, sizeof(tcp));
	p = PARSE(bytes);
	assert_int_equal(p.what, PACKET_TCP);
	assert_int_equal(p.destination_port, 8080);
	p = parse(bytes, 59, 80); /* ends inside the options */
	assert_int_equal(p.what, PACKET_OTHER);
	assert_int_equal(p.protocol, IPPROTO_TCP);
	assert_int_equal(p.flags, PACKET_F_CUT);
	assert_address(p.destination, "10.0.0.2");
	assert_printed(&p, "tcp len 20 ttl 61 (cut short)");
}

static void ipv4_fragments(void **state)
{
	__u8 bytes[] = { V4(6, 60), TCP(5, 2), 0, 0, 0, 0, 0, 0, 0, 0, 0,
			 0,	    0,	       0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct packet p;

	(void)state;
	bytes[6] = 0x20; /* more fragments follow: the first has the ports */
	p = PARSE(bytes);
	assert_int_equal(p.what, PACKET_TCP);
	assert_int_equal(p.payload_bytes, 20);
	bytes[6] = 0x20;
	bytes[7] = 1;
	p = PARSE(bytes);
	assert_int_equal(p.what, PACKET_OTHER);
	assert_int_equal(p.flags, PACKET_F_FRAGMENT);
	assert_int_equal(p.source_port, 0);
	assert_int_equal(p.payload_bytes, 40);
	assert_printed(&p, "later fragment of tcp len 40 ttl 61");
	bytes[6] = 0x10; /* the offset's highest bit */
	bytes[7] = 0;
	assert_int_equal(PARSE(bytes).flags, PACKET_F_FRAGMENT);
	bytes[6] = 0x40; /* don't fragment is none */
	assert_int_equal(PARSE(bytes).flags, 0);
}

static void tcp_header_malformed(void **state)
{
	static const __u8 short_offset[] = { V4(6, 40), TCP(4, 2) };
	static const __u8 long_offset[] = { V4(6, 40), TCP(6, 2) };
	static const __u8 short_segment[] = { V4(6, 39), TCP(5, 2) };
	struct packet p = PARSE(short_offset);

	(void)state;
	assert_int_equal(p.what, PACKET_OTHER);
	assert_int_equal(p.source_port, 0);
	assert_address(p.source, "10.0.0.1");
	assert_int_equal(PARSE(long_offset).what, PACKET_OTHER);
	assert_int_equal(PARSE(short_segment).what, PACKET_OTHER);
}

static void udp(void **state)
{
	static const __u8 bytes[] = { V4(17, 71), UDP(51) };
	static const __u8 bytes6[] = { V6(17, 8), UDP(8) };
	static const __u8 tiny[] = { V4(17, 27), PORTS, 0, 7, 0 };
	struct packet p = parse(bytes, sizeof(bytes), 71);

	(void)state;
	assert_int_equal(p.what, PACKET_UDP);
	assert_int_equal(p.source_port, 45678);
	assert_int_equal(p.payload_bytes, 43);
	assert_printed(&p, "UDP len 43 ttl 61");
	assert_int_equal(PARSE(bytes6).what, PACKET_UDP);
	assert_int_equal(PARSE(bytes6).payload_bytes, 0);
	assert_int_equal(PARSE(tiny).what, PACKET_OTHER);
	p = parse(bytes, 25, 71);
	assert_int_equal(p.what, PACKET_UDP);
	assert_int_equal(p.destination_port, 8080);
	assert_int_equal(p.flags, PACKET_F_CUT);
}

static void ipv6_plain(void **state)
{
	static const __u8 bytes[] = { V6(6, 20), TCP(5, 0x12) };
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_TCP);
	assert_address(p.source, "fe80::1");
	assert_address(p.destination, "fe80::2");
	assert_int_equal(p.ttl, 61);
	assert_printed(&p, "SYN,ACK seq 3812490059 ack 7 win 64240 ttl 61");
	assert_int_equal(parse(bytes, 39, 60).what, PACKET_UNPARSED);
}

static void ipv6_extension_headers(void **state)
{
	/* hop-by-hop, destination options of 16, routing, authentication of 16, mobility */
	static const __u8 bytes[] = {
		V6(0, 8 + 16 + 8 + 16 + 8 + 20),
		60,
		0,
		1,
		4,
		0,
		0,
		0,
		0,
		43,
		1,
		1,
		12,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		51,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		135,
		2,
		0,
		0,
		0,
		0,
		0,
		1,
		0,
		0,
		0,
		2,
		0,
		0,
		0,
		0,
		6,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		TCP(5, 2),
	};
	struct packet p = PARSE(bytes);
	size_t chain = sizeof(bytes) - 20;

	(void)state;
	assert_int_equal(p.what, PACKET_TCP);
	assert_int_equal(p.destination_port, 8080);
	assert_int_equal(p.payload_bytes, 0);
	for (size_t size = 40; size < chain; size++) {
		p = parse(bytes, size, sizeof(bytes));
		assert_int_equal(p.what, PACKET_OTHER);
		assert_int_equal(p.flags, PACKET_F_CUT);
		assert_address(p.source, "fe80::1");
	}
	assert_int_equal(parse(bytes, chain, sizeof(bytes)).what, PACKET_TCP);
}

static void ipv6_fragments(void **state)
{
	__u8 bytes[] = { V6(44, 8 + 20), 6, 0, 0, 1, 0, 0, 0, 9, TCP(5, 2) };
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_TCP); /* the first one */
	bytes[43] = 0x09;
	p = PARSE(bytes);
	assert_int_equal(p.what, PACKET_OTHER);
	assert_int_equal(p.protocol, IPPROTO_TCP);
	assert_int_equal(p.flags, PACKET_F_FRAGMENT);
	assert_int_equal(p.payload_bytes, 20);
}

static void ipv6_chain_malformed(void **state)
{
	/* an extension that is longer than the packet */
	static const __u8 bytes[] = { V6(0, 16), 6, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const __u8 none[] = { V6(59, 0) };
	static const __u8 esp[] = { V6(50, 8), 0, 0, 0, 1, 0, 0, 0, 2 };

	(void)state;
	assert_int_equal(PARSE(bytes).what, PACKET_UNPARSED);
	assert_int_equal(PARSE(none).what, PACKET_OTHER);
	assert_int_equal(PARSE(none).protocol, 59);
	assert_int_equal(PARSE(esp).what, PACKET_OTHER);
	assert_int_equal(PARSE(esp).protocol, 50);
}

static void print_rest(void **state)
{
	static const __u8 gre[] = { V4(47, 24), 0, 0, 8, 0 };
	static const __u8 reset[] = { V4(6, 40), TCP(5, 0x14) };
	static const __u8 bare[] = { V4(6, 40), TCP(5, 0) };
	static const __u8 empty[] = { V4(47, 20) };
	static const __u8 all[] = { V4(6, 40), TCP(5, 0xff) };
	struct packet none = { .what = PACKET_NONE }, p = PARSE(gre);

	(void)state;
	assert_printed(&none, "");
	assert_printed(&p, "protocol 47 len 4 ttl 61");
	p = PARSE(empty);
	assert_printed(&p, "protocol 47 len 0 ttl 61");
	p = PARSE(reset);
	assert_printed(&p, "RST,ACK seq 3812490059 ack 7 ttl 61");
	p = PARSE(bare);
	assert_printed(&p, "no flags seq 3812490059 win 64240 ttl 61");
	p = PARSE(all);
	assert_int_equal(p.tcp_flags, 0x3f); /* ECE and CWR are left out */
	assert_printed(&p, "SYN,FIN,RST,PSH,ACK,URG seq 3812490059 ack 7 ttl 61");
	p = parse(gre, 3, 24);
	assert_printed(&p, "packet that could not be parsed");
	p = parse(gre, 0, 0);
	assert_int_equal(p.what, PACKET_UNPARSED);
}

/* RFC 2883 4: below the acknowledgment, or inside the second block. */
static void duplicate_sack(void **state)
{
#define BLOCK(left, right) 0, 0, 0, left, 0, 0, 0, right
	static const struct {
		__u8 options[20];
		bool told;
	} cases[] = {
		{ { 5, 10, BLOCK(1, 7), 1, 1 }, true }, /* the acknowledgment is 7 */
		{ { 5, 10, BLOCK(1, 8), 1, 1 }, false },
		{ { 5, 10, BLOCK(7, 7), 1, 1 }, false }, /* an empty block is none */
		{ { 5, 10, BLOCK(9, 3), 1, 1 }, false },
		{ { 5, 18, BLOCK(20, 30), BLOCK(10, 30), 1, 1 }, true },
		{ { 5, 18, BLOCK(20, 30), BLOCK(21, 40), 1, 1 }, false },
		{ { 5, 18, BLOCK(20, 30), BLOCK(10, 29), 1, 1 }, false },
		{ { 5, 9, BLOCK(1, 7), 1, 1, 1 }, false }, /* no whole block */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u8 bytes[60] = { V4(6, 60), TCP(10, 0x10) };
		struct packet p;

		memcpy(bytes + 40, cases[i].options, 20);
		p = PARSE(bytes);
		assert_int_equal(!!(p.flags & PACKET_F_DSACK), cases[i].told);
	}
}

/* RFC 8684 3: DSS tells by two bits whether it acknowledges, and with how many bytes. */
static void mptcp(void **state)
{
	static const struct {
		__u8 options[20];
		__u16 flags;
		__u32 data_ack;
	} cases[] = {
		{ { 30, 8, 0x20, 1, 1, 2, 3, 4 }, PACKET_F_DATA_ACK, 0x01020304 },
		{ { 30, 12, 0x20, 3, 9, 9, 9, 9, 1, 2, 3, 4 }, PACKET_F_DATA_ACK, 0x01020304 },
		{ { 30, 20, 0x20, 5, 1, 2, 3, 4 }, PACKET_F_DATA_ACK, 0x01020304 },
		{ { 30, 16, 0x20, 4, 1, 2, 3, 4 }, 0, 0 }, /* says where its data is, no more */
		{ { 30, 8, 0x20, 3, 1, 2, 3, 4 }, 0, 0 }, /* ends before its 8 bytes */
		{ { 30, 4, 0x20, 1 }, 0, 0 },
		{ { 30, 8, 0x30, 1, 10, 0, 0, 9 }, PACKET_F_MPTCP, 0 },
		{ { 30, 3, 0x50 }, PACKET_F_MPTCP, 0 },
		{ { 30, 2 }, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u8 bytes[60] = { V4(6, 60), TCP(10, 0x10) };
		struct packet p;

		memcpy(bytes + 40, cases[i].options, 20);
		p = PARSE(bytes);
		assert_int_equal(p.flags, cases[i].flags);
		assert_int_equal(p.data_ack, cases[i].data_ack);
	}
}

/* Of a frame that ends before its datagram only what it can have held was sent in it. */
static void frame_shorter_than_datagram(void **state)
{
	static const __u8 v4[] = { V4(6, 140), TCP(5, 0x10), 1, 2, 3 };
	static const __u8 v6[] = { V6(6, 120), TCP(5, 0x10), 1, 2, 3 };

	(void)state;
	/* wire: what stood on the wire, of which less may have been captured */
	assert_int_equal(parse(v4, sizeof(v4), 140).payload_bytes, 100);
	assert_int_equal(parse(v4, sizeof(v4), 141).payload_bytes, 100);
	assert_int_equal(parse(v4, sizeof(v4), 139).payload_bytes, 99);
	assert_int_equal(parse(v4, sizeof(v4), sizeof(v4)).payload_bytes, 3);
	assert_int_equal(parse(v6, sizeof(v6), 160).payload_bytes, 100);
	assert_int_equal(parse(v6, sizeof(v6), 159).payload_bytes, 99);
}

static void short_header(void **state)
{
	static const __u8 bytes[] = { V4(6, 60), TCP(10, 2), 2, 4, 5, 0xb4 };

	(void)state;
	assert_int_equal(parse(bytes, 39, 60).flags, PACKET_F_CUT | PACKET_F_SHORT);
	/* cut in its options: the numbers are whole */
	assert_int_equal(parse(bytes, 40, 60).flags, PACKET_F_CUT);
	assert_int_equal(parse(bytes, 44, 60).flags, PACKET_F_CUT | PACKET_F_MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_with_options),
		cmocka_unit_test(options_of_data_segments),
		cmocka_unit_test(options_malformed),
		cmocka_unit_test(wscale_is_at_most_14),
		cmocka_unit_test(every_cut_of_a_syn),
		cmocka_unit_test(payload_by_the_ip_length),
		cmocka_unit_test(ip_header_malformed),
		cmocka_unit_test(ipv4_options),
		cmocka_unit_test(ipv4_fragments),
		cmocka_unit_test(tcp_header_malformed),
		cmocka_unit_test(udp),
		cmocka_unit_test(ipv6_plain),
		cmocka_unit_test(ipv6_extension_headers),
		cmocka_unit_test(ipv6_fragments),
		cmocka_unit_test(ipv6_chain_malformed),
		cmocka_unit_test(print_rest),
		cmocka_unit_test(duplicate_sack),
		cmocka_unit_test(mptcp),
		cmocka_unit_test(frame_shorter_than_datagram),
		cmocka_unit_test(short_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
