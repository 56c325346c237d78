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
