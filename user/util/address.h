/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address.h - the one address type: 16 bytes, IPv4 mapped into IPv6 (RFC 4291 2.5.5.2) */
#pragma once

#include <stdbool.h>

#include "event.h"
#include "util/text.h"

bool address_is_ipv4(const __u8 *address);
bool address_is_any(const __u8 *address); /* 0.0.0.0 or :: */
bool address_is_loopback(const __u8 *address); /* 127/8 or ::1 */
bool address_is_link_local(const __u8 *address); /* 169.254/16 or fe80::/10 */
bool address_equal(const __u8 *a, const __u8 *b);

/* Network order bytes of a packet (4 or 16 of them) into the one type. */
void address_from_ipv4(__u8 *address, const void *four_bytes);
void address_from_ipv6(__u8 *address, const void *sixteen_bytes);

/* "10.0.0.1", "fe80::1"; mapped IPv4 prints as IPv4. */
void address_print(struct text *text, const __u8 *address);

/* "10.0.0.1:80", "[fe80::1]:80"; port 0 prints as the address alone. */
void address_print_port(struct text *text, const __u8 *address, __u16 port);
