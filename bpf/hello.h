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

/* Does it begin with the first @count of some eight letters? */
static __always_inline bool hello_begins(__u64 word, __u64 letters, __u32 count)
{
	return !((word ^ letters) << (8 - count) * 8);
}

static __always_inline __u8 hello_byte(__u64 word, __u32 number)
{
	return word >> number * 8;
}

static __always_inline bool hello_is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

/*
 * A reply of SMTP or FTP with an error; IMAP's BYE; POP3's -ERR with a code or about TLS, and Redis'
 * of too many clients; sshd's (MaxStartups, not at this time); an error of PostgreSQL, and of MySQL in place
 * of its greeting.
 */
static __always_inline bool hello_is_refusal(__u64 word)
{
	__u8 third = hello_byte(word, 3), fifth = hello_byte(word, 5);

	/* the length of MySQL's comes first, and may be any letter */
	if (hello_begins(word >> 8, LOAD_LETTERS(0, 0, 0, 0xff, 0, 0, 0, 0), 4))
		return true;
	switch (hello_byte(word, 0)) {
	case '4':
	case '5':
		return hello_is_digit(hello_byte(word, 1)) && hello_is_digit(hello_byte(word, 2)) &&
		       (third == ' ' || third == '-');
	case '*':
		return hello_begins(word, LOAD_LETTERS('*', ' ', 'B', 'Y', 0, 0, 0, 0), 4);
	case '-':
		return hello_begins(word, LOAD_LETTERS('-', 'E', 'R', 'R', 0, 0, 0, 0), 4) &&
		       (fifth == '[' || fifth == 'm' || fifth == 'T');
	case 'E':
		return hello_begins(word, LOAD_LETTERS('E', 'x', 'c', 'e', 0, 0, 0, 0), 4) ||
		       (hello_begins(word, 'E', 3) && fifth == 'S');
	case 'N':
		return hello_begins(word, LOAD_LETTERS('N', 'o', 't', ' ', 'a', 0, 0, 0), 5);
	default:
		return false;
	}
}

/* "STARTTLS" and the line's end behind a tag of up to five bytes, or the begin of that. */
static __always_inline bool hello_is_tagged_request(__u64 word, __u32 size)
{
	__u32 tag = size - 11;

	if (tag < 1 || tag > 5 || hello_byte(word, 0) == '*')
		return false;
	return ((word >> tag * 8 & 0xffff) | 0x2000) == (' ' | 's' << 8);
}

/*
 * STARTTLS of SMTP, STLS of POP3, AUTH TLS of FTP, SSLRequest of PostgreSQL, StartTLS of LDAP (RFC 4511 4.14), <starttls> of
 * XMPP. IMAP's has a tag before.
 */
static __always_inline bool hello_is_request(__u64 word, __u32 size)
{
	__u8 fifth = hello_byte(word, 5);

	if (hello_is_tagged_request(word, size))
		return true;
	switch (hello_byte(word, 0)) {
	case '<':
		return hello_begins(word, LOAD_LETTERS('<', 's', 't', 'a', 'r', 't', 't', 0), 7);
	case 0x30:
		return size == 31 && fifth == 0x77 &&
		       hello_begins(word, LOAD_LETTERS(0x30, 29, 2, 1, 0, 0, 0, 0), 4);
	case 'S':
		return hello_begins(word, LOAD_LETTERS('S', 'T', 'A', 'R', 'T', 'T', 0, 0), 6) ||
		       hello_begins(word, LOAD_LETTERS('S', 'T', 'L', 'S', '\r', 0, 0, 0), 5);
	case 'A':
		return hello_begins(word, LOAD_LETTERS('A', 'U', 'T', 'H', ' ', 0, 0, 0), 5) &&
		       (fifth == 'T' || fifth == 'S');
	default:
		return hello_begins(word, LOAD_LETTERS(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0), 7);
	}
}

/* What answers such a request and agrees: 220, 234; +OK; OK behind a tag; <proceed/>. */
static __always_inline bool hello_agrees(__u64 word)
{
	__u8 first = hello_byte(word, 0);
	__u32 i;

	if (first == '2' || first == '+' ||
	    hello_begins(word, LOAD_LETTERS('<', 'p', 'r', 'o', 0, 0, 0, 0), 4))
		return true;
	for (i = 1; i < 6; i++)
		if ((word >> i * 8 & 0xffff) == (' ' | 'O' << 8))
			return first != '*';
	return false;
}

/* @word: HELLO_BYTES of the payload of @size bytes; what stands behind it is zero. */
static __always_inline bool hello_is(__u64 word, __u32 size)
{
	__u8 type = hello_byte(word, 5);

	if (hello_byte(word, 1) != HELLO_VERSION_MAJOR ||
	    hello_byte(word, 2) > HELLO_VERSION_MINOR_MAX)
		return false;
	if (hello_byte(word, 0) == HELLO_TYPE_HANDSHAKE) /* some send a record's header by itself */
		return size == HELLO_HEADER_BYTES || type == HELLO_CLIENT || type == HELLO_SERVER;
	return hello_byte(word, 0) == HELLO_TYPE_ALERT && !hello_byte(word, 3) &&
	       hello_byte(word, 4) == 2 && size >= HELLO_BYTES;
}

/* Of HTTP/1, and the begin of HTTP/2's preface (RFC 9113 3.4). */
static __always_inline enum hello_what hello_of_http(__u64 word)
{
	if (hello_begins(word, LOAD_LETTERS('H', 'T', 'T', 'P', '/', '1', '.', 0), 7))
		return HELLO_ANSWER;
	if (hello_begins(word, LOAD_LETTERS('H', 'E', 'A', 'D', ' ', 0, 0, 0), 5))
		return HELLO_HEAD;
	if (hello_begins(word, LOAD_LETTERS('C', 'O', 'N', 'N', 'E', 'C', 'T', 0), 7))
		return HELLO_TUNNEL;
	return hello_begins(word, LOAD_LETTERS('P', 'R', 'I', ' ', '*', ' ', 'H', 0), 7) ?
		       HELLO_PLAIN :
		       HELLO_NOTHING;
}

/*
 * What the segment begins with. @at: its payload of @size bytes, from the network header. @word: for the first
 * HELLO_BYTES of that.
 */
static __always_inline enum hello_what hello_look(struct __sk_buff *skb, __u32 at, __u32 size,
						  __u64 *word)
{
	enum hello_what what;

	*word = 0;
	/* a byte for a byte is answered without a look */
	if (size < HELLO_HEADER_BYTES)
		return HELLO_NOTHING;
	if (packet_load(skb, at, word, size < HELLO_BYTES ? HELLO_HEADER_BYTES : HELLO_BYTES))
		return HELLO_NOTHING;
	if (hello_is(*word, size))
		return hello_byte(*word, 0) == HELLO_TYPE_HANDSHAKE &&
				       hello_byte(*word, 5) == HELLO_CLIENT ?
			       HELLO_OF_CLIENT :
			       HELLO_OTHER;
	if (hello_is_refusal(*word))
		return HELLO_REFUSAL;
	what = hello_of_http(*word);
	if (what)
		return what;
	return hello_is_request(*word, size) ? HELLO_REQUEST : HELLO_NOTHING;
}
