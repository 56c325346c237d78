/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet_bytes.h - headers of packets as bytes, and what is asked of a parsed one */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "util/address.h"
#include "util/array.h"

#define V4(protocol, total)                                                                        \
	0x45, 0, (total) >> 8, (total)&0xff, 0x12, 0x34, 0x40, 0, 61, protocol, 0, 0, 10, 0, 0, 1, \
		10, 0, 0, 2
#define V6(next, payload)                                                                         \
	0x60, 0, 0, 0, (payload) >> 8, (payload)&0xff, next, 61, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define PORTS 0xb2, 0x6e, 0x1f, 0x90 /* 45678, 8080 */
#define TCP(offset, flags) \
	PORTS, 0xe3, 0x3d, 0xfb, 0x4b, 0, 0, 0, 7, (offset) << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0
#define SEQ 0xe33dfb4bu
#define UDP(length) PORTS, (length) >> 8, (length)&0xff, 0, 0

static inline struct packet parse(const __u8 *bytes, size_t size, size_t wire)
{
	/* a copy of exactly this size: the sanitizer sees a byte read too far */
	__u8 *exact = malloc(size ? size : 1);
	struct packet packet;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	memset(&packet, 0xa5, sizeof(packet));
	packet_parse(exact, size, wire, &packet);
	free(exact);
	return packet;
}

#define PARSE(bytes) parse(bytes, sizeof(bytes), sizeof(bytes))

static inline void assert_address(const __u8 *address, const char *printed)
{
	char buffer[64];
	struct text text = text_of(buffer);

	address_print(&text, address);
	assert_string_equal(text.at, printed);
}

static inline void assert_printed(const struct packet *packet, const char *printed)
{
	char buffer[256];
	struct text text = text_of(buffer);

	packet_print(&text, packet);
	assert_string_equal(text.at, printed);
}
