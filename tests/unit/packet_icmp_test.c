// SPDX-License-Identifier: GPL-2.0-or-later
/* packet_icmp_test.c - ICMP of both families, and the packet it quotes */

#include "packet_bytes.h"

static void icmp_unreachable(void **state)
{
	static const __u8 bytes[] = {
		0x45, 0, 0, 56, 0,  0, 0, 0, 63, 1, 0, 0,	  10,	 0, 0, 9, 10,
		0,    0, 1, 3,	13, 0, 0, 0, 0,	 0, 0, V4(6, 60), PORTS, 0, 0, 0, 5,
	};
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.icmp_type, 3);
	assert_int_equal(p.icmp_code, 13);
	assert_int_equal(p.flags, PACKET_F_INNER | PACKET_F_INNER_SEQ);
	assert_address(p.source, "10.0.0.9");
	assert_address(p.inner.source, "10.0.0.1");
	assert_address(p.inner.destination, "10.0.0.2");
	assert_int_equal(p.inner.source_port, 45678);
	assert_int_equal(p.inner.destination_port, 8080);
	assert_int_equal(p.inner.seq, 5);
	assert_int_equal(p.inner.protocol, IPPROTO_TCP);
	assert_true(p.inner.bytes >= 40);
	assert_printed(&p, "ICMP 3/13 administratively prohibited of tcp 10.0.0.1:45678 > "
			   "10.0.0.2:8080 seq 5 ttl 63");
	for (size_t size = 20; size < sizeof(bytes); size++) {
		p = parse(bytes, size, sizeof(bytes));
		assert_int_equal(p.what, PACKET_ICMP);
		assert_int_equal(!!(p.flags & PACKET_F_INNER), size >= 48);
		assert_int_equal(p.inner.source_port, size >= 52 ? 45678 : 0);
		assert_false(p.flags & PACKET_F_INNER_SEQ);
	}
}

static void icmp_of_udp_and_mtu(void **state)
{
	static const __u8 udp[] = {
		0x45, 0,  0, 56, 0, 0, 0, 0, 63, 1, 0, 0, 10, 0,	  0,
		9,    10, 0, 0,	 1, 3, 3, 0, 0,	 0, 0, 0, 0,  V4(17, 60), UDP(40),
	};
	static const __u8 mtu[] = {
		0x45, 0, 0, 56, 0, 0, 0, 0, 63, 1, 0,	 0,	      10,    0, 0, 9, 10,
		0,    0, 1, 3,	4, 0, 0, 0, 0,	5, 0x78, V4(6, 1500), PORTS, 0, 0, 0, 5,
	};
	static const __u8 echo[] = {
		0x45, 0, 0,  28, 0, 0, 0, 0, 63, 1, 0,	  0, 10, 0,
		0,    9, 10, 0,	 0, 1, 8, 0, 0,	 0, 0x45, 0, 0,	 1,
	};
	struct packet p = PARSE(udp);

	(void)state;
	assert_int_equal(p.flags, PACKET_F_INNER);
	assert_int_equal(p.inner.protocol, IPPROTO_UDP);
	assert_printed(&p,
		       "ICMP 3/3 port unreachable of udp 10.0.0.1:45678 > 10.0.0.2:8080 ttl 63");
	p = PARSE(mtu);
	assert_int_equal(p.icmp_mtu, 1400);
	assert_printed(&p, "ICMP 3/4 fragmentation needed mtu 1400 of tcp 10.0.0.1:45678 > "
			   "10.0.0.2:8080 seq 5 ttl 63");
	p = PARSE(echo);
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.flags, 0);
	assert_printed(&p, "ICMP 8/0 echo request ttl 63");
}

static void icmp_of_a_later_fragment(void **state)
{
	__u8 bytes[] = {
		0x45, 0, 0, 56, 0, 0, 0, 0, 63, 1, 0, 0,	 10,	0, 0, 9, 10,
		0,    0, 1, 11, 0, 0, 0, 0, 0,	0, 0, V4(6, 60), PORTS, 0, 0, 0, 5,
	};
	struct packet p;

	(void)state;
	bytes[28 + 7] = 3;
	p = PARSE(bytes);
	assert_int_equal(p.flags, PACKET_F_INNER);
	assert_int_equal(p.inner.source_port, 0); /* its bytes are no header */
	bytes[28] = 0x65; /* an IPv6 packet has no place in ICMP for IPv4 */
	p = PARSE(bytes);
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.flags, 0);
	assert_int_equal(p.inner.protocol, 0);
}

/* What is not of the datagram, and what is of the other family, is no quoted packet. */
static void icmp_inner_is_of_the_datagram(void **state)
{
	static const __u8 padding[] = {
		0x45, 0, 0, 28, 0, 0, 0, 0, 63, 1, 0, 0,	 10,	0, 0, 9, 10,
		0,    0, 1, 3,	1, 0, 0, 0, 0,	0, 0, V4(6, 60), PORTS, 0, 0, 0, 5,
	};
	static const __u8 other_family[] = {
		0x45, 0, 0, 76, 0, 0, 0, 0, 63, 1, 0, 0,	 10,	0, 0, 9, 10,
		0,    0, 1, 3,	1, 0, 0, 0, 0,	0, 0, V6(6, 20), PORTS, 0, 0, 0, 5,
	};
	struct packet p = PARSE(padding);

	(void)state;
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.flags, 0);
	p = PARSE(other_family);
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.flags, 0);
}

static void icmpv6(void **state)
{
	static const __u8 bytes[] = {
		V6(58, 8 + 40 + 8 + 20),
		1,
		1,
		0,
		0,
		0,
		0,
		0,
		0,
		V6(60, 28),
		6,
		0,
		1,
		4,
		0,
		0,
		0,
		0,
		TCP(5, 2),
	};
	static const __u8 big[] = { V6(58, 8), 2, 0, 0, 0, 0, 0, 5, 0 };
	/* protocol 1 in IPv6 and 58 in IPv4 are nothing */
	static const __u8 crossed[] = { V6(1, 8), 3, 1, 0, 0, 0, 0, 0, 0 };
	static const __u8 crossed4[] = { V4(58, 28), 1, 1, 0, 0, 0, 0, 0, 0 };
	struct packet p = PARSE(bytes);

	(void)state;
	assert_int_equal(p.what, PACKET_ICMP);
	assert_int_equal(p.flags, PACKET_F_INNER | PACKET_F_INNER_SEQ);
	assert_int_equal(p.inner.protocol, IPPROTO_TCP);
	assert_int_equal(p.inner.seq, SEQ);
	assert_printed(&p, "ICMPv6 1/1 administratively prohibited of tcp [fe80::1]:45678 > "
			   "[fe80::2]:8080 seq 3812490059 ttl 61");
	assert_int_equal(PARSE(big).icmp_mtu, 1280);
	assert_int_equal(PARSE(crossed).what, PACKET_OTHER);
	assert_int_equal(PARSE(crossed4).what, PACKET_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icmp_unreachable),
		cmocka_unit_test(icmp_of_udp_and_mtu),
		cmocka_unit_test(icmp_of_a_later_fragment),
		cmocka_unit_test(icmp_inner_is_of_the_datagram),
		cmocka_unit_test(icmpv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
