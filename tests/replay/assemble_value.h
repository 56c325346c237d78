/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assemble_value.h - single values of the replay language; assemble.c and assemble_packet.c use it */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"

/* All return false for a text that is no such value. */
bool value_number(const char *text, __s64 *number); /* decimal, 0x…, negative */
int value_hex_digit(char digit); /* negative: it is none */
bool value_address(const char *text, __u8 *address);
bool value_address_port(const char *text, __u8 *address, __u16 *port); /* port 0 if none is given */
bool value_name(const char *text, const char *(*names)(unsigned int), __s64 *number);
bool value_errno(const char *text, __s64 *number); /* "-EPERM" too */

/* Stores an unsigned number of 1, 2, 4 or 8 bytes; false if it does not fit. */
bool value_store(void *at, size_t size, __s64 number);

struct flag_name {
	const char *name;
	__u32 bit;
};

/*
 * "out,0x4,loopback". With @base, "+name" and "-name" alter it; any entry without sign starts
 * from nothing. On failure *@bad is the entry that is no flag.
 */
bool value_flags(char *list, const struct flag_name *names, __u32 base, __u32 *flags,
		 const char **bad);

/* The names of a flag field: "head.flags", "head.known", "interface.flags", …; NULL: numbers only. */
const struct flag_name *value_flag_names(unsigned int kind, const struct field *field, bool header);

/*
 * Records of TLS from "hello,NAME+data,53": the first @room bytes of *@length. Returns NULL, or what
 * is wrong with them.
 */
const char *tls_assemble(char *words, __u8 *bytes, size_t room, size_t *length);

/*
 * Builds the bytes of the packet that @words describe (they are altered).
 * Returns NULL, or what is wrong with them.
 */
const char *packet_assemble(char *words, struct ev_raw *raw);
