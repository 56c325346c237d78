/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address.h - the one address type: 16 bytes, IPv4 mapped into IPv6 (RFC 4291 2.5.5.2) */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "event.h"
#include "util/hash.h"
#include "util/text.h"

#define ADDRESS_MAPPED_PREFIX 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff

bool address_is_ipv4(const __u8 *address);
bool address_is_any(const __u8 *address); /* 0.0.0.0 or :: */
bool address_is_loopback(const __u8 *address); /* 127/8 or ::1 */
/* The first @bits of both are the same; of IPv4 @address + 12 has them. */
bool address_begins(const __u8 *address, const __u8 *prefix, unsigned int bits);

/* Reached from anywhere, as IANA's registries of special addresses say (RFC 6890). */
bool address_is_global(const __u8 *address);
bool address_is_link_local(const __u8 *address); /* 169.254/16 or fe80::/10 */

/* Network order bytes of a packet (4 or 16 of them) into the one type. */
static inline void address_from_ipv4(__u8 *address, const void *four_bytes)
{
	static const __u8 prefix[] = { ADDRESS_MAPPED_PREFIX };

	memcpy(address, prefix, sizeof(prefix));
	memcpy(address + sizeof(prefix), four_bytes, 4);
}

static inline void address_from_ipv6(__u8 *address, const void *sixteen_bytes)
{
	memcpy(address, sixteen_bytes, EVENT_ADDRESS_SIZE);
}

static inline bool address_equal(const __u8 *a, const __u8 *b)
{
	__u64 x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

static inline __u64 address_hash(const __u8 *address)
{
	__u64 words[2];

	memcpy(words, address, EVENT_ADDRESS_SIZE);
	return hash_mix(hash_spread(words[0], words[1], 0, 0), 0);
}

/* "10.0.0.1", "fe80::1"; mapped IPv4 prints as IPv4. */
void address_print(struct text *text, const __u8 *address);

/* "10.0.0.1:80", "[fe80::1]:80"; port 0 prints as the address alone. */
void address_print_port(struct text *text, const __u8 *address, __u16 port);
