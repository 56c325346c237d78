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
 * And what else is told by the first bytes of a segment, because it tells what the end of its
 * connection means: a server's words that turn a client away, and a client's that ask to turn to TLS.
 * Whether they stand where they mean that, user space knows by their numbers.
 */
enum hello_what {
	HELLO_NOTHING,
	HELLO_OF_CLIENT,
	HELLO_OTHER, /* of the server; an alert; a header by itself */
	HELLO_REFUSAL,
	HELLO_REQUEST,
	HELLO_ANSWER, /* of HTTP/1: see answer.h */
	HELLO_HEAD, /* a client's HEAD, */
	HELLO_TUNNEL, /* and CONNECT: what answers it has no body */
	HELLO_PLAIN, /* of a client: HTTP/2 in clear, which a server of TLS ends without a word */
};

/*
 * Of a ClientHello so much of its packet is told: its name, versions and protocols stand behind the
 * ciphers, and OpenSSL's is 517 bytes long with its header.
 */
#define HELLO_KEEP_MAX 1024
#define HELLO_KEEP_WORDS 192 /* of a refusal: its code, SQLSTATE stands in the first 40 bytes */
#define HELLO_PLAIN_BYTES 16 /* of the payload: the preface's first line */

static __always_inline bool hello_is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

/*
 * A reply of SMTP or FTP with an error; IMAP's BYE; POP3's -ERR with a code or about TLS, and Redis'
 * of too many clients; sshd's (MaxStartups, not at this time); an error of PostgreSQL, and of MySQL in place
 * of its greeting.
 */
static __always_inline bool hello_is_refusal(const __u8 *bytes)
{
	switch (bytes[0]) {
	case '4':
	case '5':
		return hello_is_digit(bytes[1]) && hello_is_digit(bytes[2]) &&
		       (bytes[3] == ' ' || bytes[3] == '-');
	case '*':
		return bytes[1] == ' ' && bytes[2] == 'B' && bytes[3] == 'Y';
	case '-':
		return bytes[1] == 'E' && bytes[2] == 'R' && bytes[3] == 'R' &&
		       (bytes[5] == '[' || bytes[5] == 'm' || bytes[5] == 'T');
	case 'E':
		return bytes[1] ? bytes[1] == 'x' && bytes[2] == 'c' && bytes[3] == 'e' :
				  !bytes[2] && bytes[5] == 'S';
	case 'N':
		return bytes[1] == 'o' && bytes[2] == 't' && bytes[3] == ' ' && bytes[4] == 'a';
	default:
		return !bytes[1] && !bytes[2] && !bytes[3] && bytes[4] == 0xff;
	}
}

/* "STARTTLS" and the line's end behind a tag of up to five bytes, or the begin of that. */
static __always_inline bool hello_is_tagged_request(const __u8 *bytes, __u32 size)
{
	__u32 i;

#pragma unroll
	for (i = 1; i < 6; i++)
		if (bytes[i] == ' ' && (bytes[i + 1] | 0x20) == 's' && size == i + 11)
			return bytes[0] != '*';
	return false;
}

/*
 * STARTTLS of SMTP, STLS of POP3, AUTH TLS of FTP, SSLRequest of PostgreSQL, StartTLS of LDAP (RFC 4511 4.14), <starttls> of
 * XMPP. IMAP's has a tag before.
 */
static __always_inline bool hello_is_request(const __u8 *bytes, __u32 size)
{
	if (hello_is_tagged_request(bytes, size))
		return true;
	switch (bytes[0]) {
	case '<':
		return bytes[1] == 's' && bytes[2] == 't' && bytes[3] == 'a' && bytes[4] == 'r' &&
		       bytes[5] == 't' && bytes[6] == 't';
	case 0x30:
		return size == 31 && bytes[1] == 29 && bytes[2] == 2 && bytes[3] == 1 &&
		       bytes[5] == 0x77;
	case 'S':
		return bytes[1] == 'T' &&
		       ((bytes[2] == 'A' && bytes[3] == 'R' && bytes[4] == 'T' &&
			 bytes[5] == 'T') ||
			(bytes[2] == 'L' && bytes[3] == 'S' && bytes[4] == '\r'));
	case 'A':
		return bytes[1] == 'U' && bytes[2] == 'T' && bytes[3] == 'H' && bytes[4] == ' ' &&
		       (bytes[5] == 'T' || bytes[5] == 'S');
	case 0:
		return !bytes[1] && !bytes[2] && bytes[3] == 8 && bytes[4] == 0x04 &&
		       bytes[5] == 0xd2 && bytes[6] == 0x16;
	default:
		return false;
	}
}

/* The begin of HTTP/2's preface (RFC 9113 3.4). */
static __always_inline bool hello_is_plain(const __u8 *bytes)
{
	return bytes[0] == 'P' && bytes[1] == 'R' && bytes[2] == 'I' && bytes[3] == ' ' &&
	       bytes[4] == '*' && bytes[5] == ' ' && bytes[6] == 'H';
}

/* What answers such a request and agrees: 220, 234; +OK; OK behind a tag; <proceed/>. */
static __always_inline bool hello_agrees(const __u8 *bytes)
{
	__u32 i;

	if (bytes[0] == '2' || bytes[0] == '+' ||
	    (bytes[0] == '<' && bytes[1] == 'p' && bytes[2] == 'r' && bytes[3] == 'o'))
		return true;
#pragma unroll
	for (i = 1; i < 6; i++)
		if (bytes[i] == ' ' && bytes[i + 1] == 'O')
			return bytes[0] != '*';
	return false;
}

static __always_inline bool hello_is_answer(const __u8 *bytes)
{
	return bytes[0] == 'H' && bytes[1] == 'T' && bytes[2] == 'T' && bytes[3] == 'P' &&
	       bytes[4] == '/' && bytes[5] == '1' && bytes[6] == '.';
}

static __always_inline bool hello_is_head(const __u8 *bytes)
{
	return bytes[0] == 'H' && bytes[1] == 'E' && bytes[2] == 'A' && bytes[3] == 'D' &&
	       bytes[4] == ' ';
}

static __always_inline bool hello_is_tunnel(const __u8 *bytes)
{
	return bytes[0] == 'C' && bytes[1] == 'O' && bytes[2] == 'N' && bytes[3] == 'N' &&
	       bytes[4] == 'E' && bytes[5] == 'C' && bytes[6] == 'T';
}

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
 * What the segment begins with. @start: of the IP header. @headers: so many bytes of the packet stand in
 * front of its payload of @size bytes. @bytes: room for HELLO_BYTES and one of it.
 */
static __always_inline enum hello_what hello_look(struct __sk_buff *skb, __u32 start, __u32 headers,
						  __u32 size, __u8 *bytes)
{
	/* a byte for a byte is answered without a look */
	if (size < HELLO_HEADER_BYTES)
		return HELLO_NOTHING;
	if (packet_load(skb, start + headers, bytes,
			size < HELLO_BYTES ? HELLO_HEADER_BYTES : HELLO_BYTES))
		return HELLO_NOTHING;
	if (hello_is(bytes, size))
		return bytes[0] == HELLO_TYPE_HANDSHAKE && bytes[5] == HELLO_CLIENT ?
			       HELLO_OF_CLIENT :
			       HELLO_OTHER;
	if (hello_is_refusal(bytes))
		return HELLO_REFUSAL;
	if (hello_is_answer(bytes))
		return HELLO_ANSWER;
	if (hello_is_head(bytes))
		return HELLO_HEAD;
	if (hello_is_tunnel(bytes))
		return HELLO_TUNNEL;
	if (hello_is_plain(bytes))
		return HELLO_PLAIN;
	return hello_is_request(bytes, size) ? HELLO_REQUEST : HELLO_NOTHING;
}
