// SPDX-License-Identifier: GPL-2.0-or-later
/* address.c - the one address type */

#include <arpa/inet.h>
#include <string.h>

#include "util/address.h"

static const __u8 mapped_prefix[12] = { ADDRESS_MAPPED_PREFIX };

bool address_is_ipv4(const __u8 *address)
{
	return !memcmp(address, mapped_prefix, sizeof(mapped_prefix));
}

bool address_is_any(const __u8 *address)
{
	static const __u8 zero[EVENT_ADDRESS_SIZE];

	if (address_is_ipv4(address))
		return !memcmp(address + 12, zero, 4);
	return !memcmp(address, zero, sizeof(zero));
}

bool address_is_loopback(const __u8 *address)
{
	static const __u8 one[EVENT_ADDRESS_SIZE] = { [15] = 1 };

	if (address_is_ipv4(address))
		return address[12] == 127;
	return !memcmp(address, one, sizeof(one));
}

bool address_is_link_local(const __u8 *address)
{
	if (address_is_ipv4(address))
		return address[12] == 169 && address[13] == 254;
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

/* Blocks of IANA's registries of special addresses that are not globally reachable, July 2026. */
static const struct {
	__u8 prefix[8]; /* of IPv4 the first four */
	__u8 bits;
	bool ipv4;
} special[] = {
	{ { 0 }, 8, true },
	{ { 10 }, 8, true },
	{ { 100, 64 }, 10, true },
	{ { 127 }, 8, true },
	{ { 169, 254 }, 16, true },
	{ { 172, 16 }, 12, true },
	{ { 192, 0, 0 }, 24, true },
	{ { 192, 0, 2 }, 24, true },
	{ { 192, 168 }, 16, true },
	{ { 198, 18 }, 15, true },
	{ { 198, 51, 100 }, 24, true },
	{ { 203, 0, 113 }, 24, true },
	{ { 224 }, 3, true },
	{ { 0 }, 8, false },
	{ { 0x01, 0x00 }, 64, false },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, false },
	{ { 0x3f, 0xff }, 20, false },
	{ { 0x5f, 0x00 }, 16, false },
	{ { 0xfc }, 7, false },
	{ { 0xfe, 0x80 }, 10, false },
	{ { 0xff }, 8, false },
};

bool address_begins(const __u8 *address, const __u8 *prefix, unsigned int bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(address, prefix, bits / 8) != 0)
		return false;
	return !rest || !((address[bits / 8] ^ prefix[bits / 8]) >> (8 - rest));
}

bool address_is_global(const __u8 *address)
{
	bool ipv4 = address_is_ipv4(address);

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].ipv4 == ipv4 &&
		    address_begins(ipv4 ? address + sizeof(mapped_prefix) : address,
				   special[i].prefix, special[i].bits))
			return false;
	return true;
}

static void print_ipv4(struct text *text, const __u8 *four)
{
	char printed[INET_ADDRSTRLEN], *at = printed;

	for (int i = 0; i < 4; i++) {
		if (four[i] >= 100)
			*at++ = (char)('0' + four[i] / 100);
		if (four[i] >= 10)
			*at++ = (char)('0' + four[i] / 10 % 10);
		*at++ = (char)('0' + four[i] % 10);
		*at++ = '.';
	}
	text_put(text, printed, (size_t)(at - 1 - printed));
}

void address_print(struct text *text, const __u8 *address)
{
	char printed[INET6_ADDRSTRLEN];

	if (address_is_ipv4(address)) {
		print_ipv4(text, address + sizeof(mapped_prefix));
		return;
	}
	inet_ntop(AF_INET6, address, printed, sizeof(printed));
	text_add(text, "%s", printed);
}

void address_print_port(struct text *text, const __u8 *address, __u16 port)
{
	bool brackets = port && !address_is_ipv4(address);

	text_add(text, "%s", brackets ? "[" : "");
	address_print(text, address);
	text_add(text, "%s", brackets ? "]" : "");
	if (port)
		text_add(text, ":%u", port);
}
