/* SPDX-License-Identifier: GPL-2.0-only */
/* hello.h - segments that begin with what a TLS handshake says in clear */
#pragma once

#include "load.h"

/*
 * Told by the first bytes of the payload alone, so that no connection is kept: a record of TLS
 * (RFC 8446 5.1) that begins with a ClientHello or a ServerHello, or an alert of two bytes, which is
 * one in clear. An encrypted one is longer. What goes on afterwards begins with none of them, but for
 * a renegotiation of TLS 1.2, which is encrypted.
 */

#define HELLO_BYTES 7 /* a record's header, then the message's type, or the alert */
#define HELLO_HEADER_BYTES 5
#define HELLO_TYPE_ALERT 21
#define HELLO_TYPE_HANDSHAKE 22
#define HELLO_CLIENT 1
#define HELLO_SERVER 2
#define HELLO_VERSION_MAJOR 3
#define HELLO_VERSION_MINOR_MAX 4

/*
 * Of a ClientHello so much of its packet is told: its name, versions and protocols stand behind the
 * ciphers, and OpenSSL's is 517 bytes long with its header.
 */
#define HELLO_KEEP_MAX 1024

/* @bytes: HELLO_BYTES of them. @size: of the payload; what stands behind it is zero. */
static __always_inline bool hello_is(const __u8 *bytes, __u32 size)
{
	if (bytes[1] != HELLO_VERSION_MAJOR || bytes[2] > HELLO_VERSION_MINOR_MAX)
		return false;
	if (bytes[0] == HELLO_TYPE_HANDSHAKE) /* some send a record's header by itself */
		return size == HELLO_HEADER_BYTES || bytes[5] == HELLO_CLIENT ||
		       bytes[5] == HELLO_SERVER;
	return bytes[0] == HELLO_TYPE_ALERT && !bytes[3] && bytes[4] == 2 && size >= HELLO_BYTES;
}

/*
 * How many bytes of the packet are to be told; 0: the segment begins with nothing of that. @start: of
 * the IP header. @headers: so many bytes of the packet stand in front of its payload of @size bytes.
 */
static __always_inline __u32 hello_keep(struct __sk_buff *skb, __u32 start, __u32 headers,
					__u32 size)
{
	__u8 bytes[HELLO_BYTES + 1] = {};

	/* a byte for a byte is answered without a look */
	if (size < HELLO_HEADER_BYTES)
		return 0;
	if (packet_load(skb, start + headers, bytes,
			size < HELLO_BYTES ? HELLO_HEADER_BYTES : HELLO_BYTES))
		return 0;
	if (!hello_is(bytes, size))
		return 0;
	return bytes[0] == HELLO_TYPE_HANDSHAKE && bytes[5] == HELLO_CLIENT ? HELLO_KEEP_MAX :
									      EVENT_PACKET_MAX;
}
