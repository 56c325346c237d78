// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_packet_test.c - packets masked: checksums follow, nothing that tells is left */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mask_fixture.h"
#include "sinks/packets/mask_packet.h"

static __u16 sum(const __u8 *bytes, size_t size, __u32 start)
{
	for (size_t i = 0; i < size; i++)
		start += i & 1 ? bytes[i] : (__u32)bytes[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return (__u16)start;
}

/* Right if one's complement sum of pseudo header and segment is all ones (RFC 9293 3.1). */
static bool is_right(const __u8 *ip, size_t size)
{
	bool ipv6 = ip[0] >> 4 == 6;
	size_t header = ipv6 ? 40 : 20;
	__u8 protocol = ipv6 ? ip[6] : ip[9];
	__u32 pseudo = (__u32)(size - header) + protocol;

	if (!ipv6 && sum(ip, 20, 0) != 0xffff)
		return false;
	if (protocol == IPPROTO_ICMP)
		return sum(ip + header, size - header, 0) == 0xffff;
	pseudo += sum(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, 0);
	return sum(ip + header, size - header, pseudo) == 0xffff;
}

/* Writes the checksums of a packet whose fields for them are zero. */
static void make_right(__u8 *ip, size_t size, size_t place)
{
	bool ipv6 = ip[0] >> 4 == 6;
	size_t header = ipv6 ? 40 : 20;
	__u8 protocol = ipv6 ? ip[6] : ip[9];
	__u32 pseudo = 0;
	__u16 checksum;

	if (!ipv6) {
		checksum = (__u16)~sum(ip, 20, 0);
		ip[10] = checksum >> 8;
		ip[11] = (__u8)checksum;
	}
	if (protocol != IPPROTO_ICMP)
		pseudo = (__u32)(size - header) + protocol +
			 sum(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, 0);
	checksum = (__u16)~sum(ip + header, size - header, pseudo);
	ip[header + place] = checksum >> 8;
	ip[header + place + 1] = (__u8)checksum;
	assert_true(is_right(ip, size));
}

static void checksums_follow(void **state)
{
	struct mask *mask = *state;
	__u8 v4[] = { V4(IPPROTO_TCP, 40), TCP(5, TCP_F_SYN) };
	__u8 v6[] = { V6(IPPROTO_TCP, 20), TCP(5, TCP_F_SYN) };
	__u8 wrong[sizeof(v4)];

	make_right(v4, sizeof(v4), 16);
	make_right(v6, sizeof(v6), 16);
	memcpy(wrong, v4, sizeof(v4));
	wrong[30] ^= 1;
	assert_int_equal(mask_packet(mask, v4, sizeof(v4)), sizeof(v4));
	assert_true(is_right(v4, sizeof(v4)));
	assert_memory_not_equal(v4 + 12, ((__u8[]){ 10, 0, 0, 1 }), 4);
	assert_int_equal(v4[12], 10);
	assert_int_equal(mask_packet(mask, v6, sizeof(v6)), sizeof(v6));
	assert_true(is_right(v6, sizeof(v6)));
	assert_int_equal(mask_packet(mask, wrong, sizeof(wrong)), sizeof(wrong));
	assert_false(is_right(wrong, sizeof(wrong)));
}

static void payload_is_cut(void **state)
{
	__u8 tcp[] = { V4(IPPROTO_TCP, 46), TCP(5, TCP_F_ACK), 's', 'e', 'c', 'r', 'e', 't' };
	__u8 udp[] = { V4(IPPROTO_UDP, 34), UDP(14), 's', 'e', 'c', 'r', 'e', 't' };
	__u8 gre[] = { V4(IPPROTO_GRE, 24), 's', 'e', 'c', 'r' };
	__u8 echo[] = { V4(IPPROTO_ICMP, 32), 8, 0, 0, 0, 0, 1, 0, 1, 's', 'e', 'c', 'r' };

	assert_int_equal(mask_packet(*state, tcp, sizeof(tcp)), 40);
	assert_int_equal(mask_packet(*state, udp, sizeof(udp)), 28);
	assert_int_equal(mask_packet(*state, gre, sizeof(gre)), 20);
	assert_int_equal(mask_packet(*state, echo, sizeof(echo)), 28);
}

/* What an ICMP error quotes has the addresses of the packet that it speaks of. */
static void quoted_addresses(void **state)
{
	struct mask *mask = *state;
	__u8 syn[] = { V4(IPPROTO_TCP, 40), TCP(5, TCP_F_SYN) };
	__u8 error[] = { V4(IPPROTO_ICMP, 56), 3,     1,    0,	  0,	0,   0, 0, 0,
			 V4(IPPROTO_TCP, 40),  PORTS, 0xe3, 0x3d, 0xfb, 0x4b };

	error[15] = 9; /* a router says so */
	make_right(error, sizeof(error), 2);
	assert_int_equal(mask_packet(mask, syn, sizeof(syn)), sizeof(syn));
	assert_int_equal(mask_packet(mask, error, sizeof(error)), sizeof(error));
	assert_true(is_right(error, sizeof(error)));
	assert_memory_equal(error + 28 + 12, syn + 12, 8);
	assert_memory_not_equal(error + 12, syn + 12, 4);
}

static void dns_answers(void **state)
{
	struct mask *mask = *state;
	__u8 dns[] = {
		V4(IPPROTO_UDP, 110),
		0,
		53,
		0x1f,
		0x90,
		0,
		90,
		0,
		0, /* UDP */
		0x12,
		0x34,
		0x81,
		0x80,
		0,
		1,
		0,
		3,
		0,
		0,
		0,
		0, /* one question, three records */
		2,
		'd',
		'b',
		8,
		'i',
		'n',
		't',
		'e',
		'r',
		'n',
		'a',
		'l',
		0,
		0,
		1,
		0,
		1, /* @40 */
		0xc0,
		12,
		0,
		1,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		4,
		10,
		0,
		0,
		2, /* A, @57 */
		0xc0,
		12,
		0,
		5,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		5,
		2,
		'w',
		'1',
		0xc0,
		15, /* CNAME, @73 */
		0xc0,
		12,
		0,
		16,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		8,
		7,
		's',
		'e',
		'c',
		'r',
		'e',
		't',
		'!', /* TXT */
	};
	__u8 address[16], whole[sizeof(dns)];
	char db[3] = "", internal[9] = "", out[64];

	memcpy(whole, dns, sizeof(dns));
	make_right(dns, sizeof(dns), 6);
	assert_int_equal(mask_packet(mask, dns, sizeof(dns)), sizeof(dns));
	assert_true(is_right(dns, sizeof(dns)));
	mask_name(mask, "db", 2, db);
	mask_name(mask, "internal", 8, internal);
	assert_memory_equal(dns + 41, db, 2);
	assert_memory_equal(dns + 44, internal, 8);
	parse_address("10.0.0.2", address);
	mask_address(mask, address, address);
	assert_memory_equal(dns + 69, address + 12, 4);
	assert_memory_not_equal(dns + 86, "w1", 2);
	assert_int_equal(dns[88], 0xc0);
	assert_null(memmem(dns, sizeof(dns), "secret", 6));
	/* and they are learned, with what pointers lead to */
	out[mask_text(mask, "w1.internal", 11, false, out, sizeof(out))] = 0;
	assert_memory_equal(out + 3, internal, 8);
	/* cut anywhere: what cannot be read to its end is gone, and nothing tells a name */
	for (size_t size = 0; size < sizeof(whole); size++) {
		__u8 *copy = malloc(size ? size : 1);
		size_t kept;

		memcpy(copy, whole, size);
		kept = mask_packet(mask, copy, size);
		assert_true(kept <= size);
		assert_null(memmem(copy, kept, "internal", 8));
		free(copy);
	}
}

static void tls_hello(void **state)
{
	struct mask *mask = *state;
	__u8 hello[200] = { V4(IPPROTO_TCP, 120), TCP(5, TCP_F_ACK) };
	static const __u8 rest[] = {
		22, 3, 1, 0, 75, 1, 0, 0, 71, 3, 3, /* record, handshake, version */
	};
	static const __u8 fields[] = {
		0,   0,	  2,   0x13, 1,	  1,   0,   0, 26, /* session, a cipher, compression, extensions */
		0,   0,	  0,   16,   0,	  14,  0,   0, 11, 'd', 'b', '.', 'i',
		'n', 't', 'e', 'r',  'n', 'a', 'l', 0, 43, 0,	2,   3,	  4, /* another extension */
	};
	size_t size = 40 + sizeof(rest) + 32 + sizeof(fields);
	__u8 whole[200];
	char name[12] = "";

	memcpy(hello + 40, rest, sizeof(rest));
	memset(hello + 40 + sizeof(rest), 0xab, 32);
	memcpy(hello + 40 + sizeof(rest) + 32, fields, sizeof(fields));
	hello[3] = (__u8)size;
	make_right(hello, size, 16);
	memcpy(whole, hello, sizeof(whole));
	assert_int_equal(mask_packet(mask, hello, size), size);
	assert_true(is_right(hello, size));
	mask_name(mask, "db.internal", 11, name);
	assert_non_null(memmem(hello, size, name, 11));
	assert_null(memmem(hello, size, "internal", 8));
	for (size_t cut = 0; cut < size; cut++) { /* lengths inside a header, too */
		__u8 *copy = malloc(cut ? cut : 1);
		size_t kept;

		memcpy(copy, whole, cut);
		kept = mask_packet(mask, copy, cut);
		assert_true(kept <= cut);
		for (size_t i = 3; i <= 8; i++) /* no begin of the name either */
			assert_null(memmem(copy, kept, "db.internal", i));
		free(copy);
	}
}

static void hidden_addresses(void **state)
{
	/* record route in IP options (RFC 791), ADD_ADDR of MPTCP, a routing header */
	__u8 options[] = { V4(IPPROTO_TCP, 60),
			   TCP(10, TCP_F_ACK),
			   30,
			   8,
			   0x30,
			   1,
			   10,
			   9,
			   8,
			   7,
			   1,
			   1,
			   1,
			   1,
			   0,
			   0,
			   0,
			   0,
			   0,
			   0,
			   0,
			   0 };
	__u8 routing[] = {
		V6(43, 44), IPPROTO_TCP, 2, 4, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8,
		0,	    0,		 0, 0, 0, 0, 0, 0, 0, 0,    0, 9,    TCP(5, TCP_F_SYN)
	};
	__u8 route[] = { 0x47, 0, 0,  28, 0, 0, 0x40, 0, 61, 6,	 0, 0, 10, 0,
			 0,    1, 10, 0,  0, 2, 7,    7, 4,  10, 9, 8, 7,  0 };

	assert_int_equal(mask_packet(*state, options, sizeof(options)), sizeof(options));
	assert_null(memmem(options, sizeof(options), "\x0a\x09\x08\x07", 4));
	assert_int_equal(mask_packet(*state, routing, sizeof(routing)), 40);
	assert_int_equal(mask_packet(*state, route, sizeof(route)), sizeof(route));
	assert_null(memmem(route, sizeof(route), "\x0a\x09\x08\x07", 4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_mask, free_mask)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(checksums_follow), TEST(payload_is_cut), TEST(quoted_addresses),
		TEST(dns_answers),	TEST(tls_hello),      TEST(hidden_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
