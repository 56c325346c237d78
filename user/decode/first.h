/* SPDX-License-Identifier: GPL-2.0-or-later */
/* first.h - what the first bytes of a side of a TCP connection are */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "util/text.h"

/*
 * A class, and a number that the protocol defines: enough to say "the server answered HTTP 503 and
 * closed". Nothing of what stands on the wire is repeated but numbers, and SQLSTATE, which is five
 * letters or digits. Ports are not looked at.
 */

enum first_kind {
	FIRST_NONE, /* no byte */
	FIRST_TLS, /* a TLS record, or a hello of SSL 2 */
	FIRST_HTTP_REQUEST, /* RFC 9112 3 */
	FIRST_HTTP, /* .number: the status (RFC 9112 4) */
	FIRST_HTTP2_REQUEST, /* the client's preface (RFC 9113 3.4) */
	FIRST_HTTP2, /* the server's: a SETTINGS frame */
	FIRST_REPLY, /* three digits; .number: them. Which of the next two is not said */
	FIRST_SMTP, /* RFC 5321 4.2 */
	FIRST_FTP, /* RFC 959 4.2 */
	FIRST_SSH, /* the identification (RFC 4253 4.2), or what sshd says instead of it */
	FIRST_POP3, /* RFC 1939 3 */
	FIRST_IMAP, /* RFC 9051 7.1 */
	FIRST_ERR_LINE, /* "-ERR": POP3 and Redis say it */
	FIRST_ERROR_LINE, /* "ERROR": IRC (RFC 2812 3.7.4), memcached and STOMP say it */
	FIRST_MYSQL, /* .number: the error's, 0 a greeting (MySQL and MariaDB client/server protocol) */
	FIRST_POSTGRESQL, /* .state: SQLSTATE (PostgreSQL frontend/backend protocol 3) */
	FIRST_POSTGRESQL_TLS, /* its answer of one byte to a SSLRequest; .number 1: yes */
	FIRST_POSTGRESQL_REQUEST, /* StartupMessage, SSLRequest and their like */
	FIRST_REDIS, /* RESP */
	FIRST_REDIS_REQUEST,
	FIRST_PROXY, /* HAProxy's PROXY protocol, 1 or 2 */
	FIRST_TEXT, /* of another kind */
	FIRST_BINARY,
	FIRST_CLASS_COUNT
};

enum { FIRST_STATE_SIZE = 6 };

struct first {
	__u8 kind; /* enum first_kind */
	bool error; /* a server's answer that says that something failed */
	bool wants_tls; /* HTTP 400: and its text says that plain HTTP met a port of TLS */
	__u8 word; /* private: which of the class's words */
	__u16 number;
	char state[FIRST_STATE_SIZE]; /* empty unknown */
};

/*
 * @bytes: the first payload of a side, of which @captured are there and @wire were sent.
 * @server: of the side that was connected to.
 */
void first_parse(const __u8 *bytes, size_t captured, size_t wire, bool server, struct first *first);

/* How long a message of HTTP/1 is (RFC 9112 6.3), as its header says. */
struct http_length {
	bool known; /* else nothing is: the header is not whole, or it ends with the connection */
	bool chunked; /* it says so at its end, and .bytes is not known */
	__u32 header_bytes; /* up to and with the empty line */
	__u32 bytes; /* of the body; longer ones than 2^31 are not known */
};

/*
 * @bytes: the begin of an answer of kind FIRST_HTTP, of which @captured are there. What never has a
 * body (1xx, 204, 304, and 101 that goes on as something else) has no known length.
 */
void http_length_parse(const __u8 *bytes, size_t captured, const struct first *first,
		       struct http_length *length);

/* Of a request: its answer has no body, whatever it says (RFC 9112 6.3: HEAD, CONNECT). */
bool http_wants_no_body(const __u8 *bytes, size_t captured);

/* The payload ends a message that is chunked: its last chunk, perhaps trailers, an empty line. */
bool http_ends_chunks(const __u8 *bytes, size_t captured);

/*
 * The payload takes leave: QUIT, BYE, LOGOUT and 221, the end of an XMPP stream, a close frame of WebSocket, frames of
 * HTTP/2 with a GOAWAY, LDAP's unbind, PostgreSQL's Terminate, MySQL's COM_QUIT, MQTT's DISCONNECT.
 */
bool first_is_goodbye(const __u8 *bytes, size_t size);

/* How long the PROXY header is that @bytes begin with; 0: there is none, or it was not captured whole. */
size_t first_proxy_bytes(const __u8 *bytes, size_t captured);

/* "HTTP 503", "SMTP 421", "MySQL error 1040", "TLS", "binary data"; nothing of FIRST_NONE. */
void first_print(struct text *text, const struct first *first);
