/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_bytes.h - TLS put together from bytes, for tests and fuzzers */
#pragma once

#include <string.h>

#include "decode/decode.h"

struct tls_bytes {
	__u8 at[4096];
	size_t size;
};

static inline void tls_put(struct tls_bytes *out, const void *bytes, size_t size)
{
	memcpy(out->at + out->size, bytes, size);
	out->size += size;
}

/* @width bytes, the highest first */
static inline void tls_put_number(struct tls_bytes *out, unsigned int number, unsigned int width)
{
	while (width--)
		out->at[out->size++] = number >> 8 * width & 0xff;
}

static inline void tls_put_many(struct tls_bytes *out, __u8 byte, size_t count)
{
	memset(out->at + out->size, byte, count);
	out->size += count;
}

/* Sets the number of @width bytes at @at to what was put behind it. */
static inline void tls_close(struct tls_bytes *out, size_t at, unsigned int width)
{
	size_t end = out->size;

	out->size = at;
	tls_put_number(out, end - at - width, width);
	out->size = end;
}

static inline void tls_put_record(struct tls_bytes *out, enum tls_type type, size_t body)
{
	tls_put_number(out, type, 1);
	tls_put_number(out, TLS_1_2, 2);
	tls_put_number(out, body, 2);
	tls_put_many(out, 0xee, body);
}

static inline void tls_put_alert(struct tls_bytes *out, __u8 level, __u8 alert)
{
	tls_put_record(out, TLS_ALERT, 2);
	out->at[out->size - 2] = level;
	out->at[out->size - 1] = alert;
}

static inline void tls_put_extension(struct tls_bytes *out, unsigned int type, const void *bytes,
				     size_t size)
{
	tls_put_number(out, type, 2);
	tls_put_number(out, size, 2);
	tls_put(out, bytes, size);
}

static inline void tls_put_name(struct tls_bytes *out, const char *name)
{
	tls_put_number(out, 0, 2);
	tls_put_number(out, strlen(name) + 5, 2);
	tls_put_number(out, strlen(name) + 3, 2);
	tls_put_number(out, 0, 1);
	tls_put_number(out, strlen(name), 2);
	tls_put(out, name, strlen(name));
}

/* Record, message and hello up to its extensions; returns the place of their length. */
static inline size_t tls_begin_hello(struct tls_bytes *out, enum tls_message kind)
{
	tls_put_number(out, TLS_HANDSHAKE, 1);
	tls_put_number(out, kind == TLS_CLIENT_HELLO ? TLS_1_0 : TLS_1_2, 2);
	tls_put_number(out, 0, 2);
	tls_put_number(out, kind, 1);
	tls_put_number(out, 0, 3);
	tls_put_number(out, TLS_1_2, 2);
	tls_put_many(out, 0x5a, 32);
	tls_put_number(out, 32, 1);
	tls_put_many(out, 0x33, 32);
	if (kind == TLS_CLIENT_HELLO) {
		tls_put_number(out, 4, 2);
		tls_put_number(out, 0x13011302, 4);
		tls_put_number(out, 0x0100, 2);
	} else {
		tls_put_number(out, 0x1301, 2);
		tls_put_number(out, 0, 1);
	}
	tls_put_number(out, 0, 2);
	return out->size - 2;
}

/* @begin: of the record */
static inline void tls_end_hello(struct tls_bytes *out, size_t begin, size_t extensions)
{
	tls_close(out, extensions, 2);
	tls_close(out, begin + 6, 3);
	tls_close(out, begin + 3, 2);
}

/* What a browser sends: its key share alone is longer than a segment. */
static inline void tls_put_client_hello(struct tls_bytes *out, bool name_last)
{
	static const __u8 protocols[] = "\0\x0f\2\xaa\xaa\2h2\x08http/1.1";
	static const __u8 versions[] = { 6, 0x7a, 0x7a, 3, 4, 3, 3 };
	size_t begin = out->size, extensions = tls_begin_hello(out, TLS_CLIENT_HELLO);

	if (!name_last)
		tls_put_name(out, "db.internal");
	tls_put_extension(out, 16, protocols, sizeof(protocols) - 1);
	tls_put_number(out, 51, 2);
	tls_put_number(out, 1300, 2);
	tls_put_many(out, 0xcc, 1300);
	tls_put_extension(out, 43, versions, sizeof(versions));
	if (name_last)
		tls_put_name(out, "db.internal");
	tls_end_hello(out, begin, extensions);
}

/* @version: in supported_versions; 0: the extension is left out */
static inline void tls_put_server_hello(struct tls_bytes *out, unsigned int version)
{
	size_t begin = out->size, extensions = tls_begin_hello(out, TLS_SERVER_HELLO);
	__u8 chosen[] = { version >> 8, version & 0xff };

	if (version)
		tls_put_extension(out, 43, chosen, sizeof(chosen));
	tls_put_extension(out, 16, "\0\3\2h2", 5);
	tls_end_hello(out, begin, extensions);
}
