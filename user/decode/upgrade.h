/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upgrade.h - words with which a client asks to turn to TLS on a connection, and how that is refused */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "util/text.h"

/*
 * Theory of operation
 *
 * In front of a ClientHello may stand a request in clear, upon which the server agrees or refuses.
 * The request says which protocol it is, so that ports are not looked at, and how the answer is to be read.
 * As in first.h nothing of what stands on the wire is repeated but numbers.
 */

enum upgrade_kind {
	UPGRADE_NONE,
	UPGRADE_STARTTLS, /* SMTP (RFC 3207), NNTP (RFC 4642): three digits; ManageSieve (RFC 5804): NO */
	UPGRADE_STARTTLS_IMAP, /* RFC 9051 6.2.1, with a tag */
	UPGRADE_STLS, /* POP3: RFC 2595 4 */
	UPGRADE_AUTH_TLS, /* FTP: RFC 4217 4 */
	UPGRADE_LDAP, /* RFC 4511 4.14 */
	UPGRADE_XMPP, /* RFC 6120 5.4 */
	UPGRADE_POSTGRESQL, /* SSLRequest */
	UPGRADE_CONNECT, /* RFC 9110 9.3.6 */
	UPGRADE_KIND_COUNT
};

/* @bytes: what a client says without a word of the server in between; UPGRADE_NONE: something else. */
enum upgrade_kind upgrade_asked(const __u8 *bytes, size_t captured, size_t wire);

struct upgrade_refusal {
	__u16 number; /* the reply's, the status, LDAP's result; 0 none */
	bool bad; /* IMAP: BAD, not NO */
};

/* The begin of the server's answer to @kind. False: it agrees, or that is not known. */
bool upgrade_refused(enum upgrade_kind kind, const __u8 *bytes, size_t captured, size_t wire,
		     struct upgrade_refusal *refusal);

/*
 * How many of the bytes at the begin may stand in front of a ClientHello without an answer of the server: a PROXY
 * header, MySQL's SSLRequest. 0: none, or they were not captured whole.
 */
size_t upgrade_header_bytes(const __u8 *bytes, size_t captured);

const char *upgrade_openssl(enum upgrade_kind kind); /* s_client's word for it; NULL: it has none */
const char *upgrade_name(enum upgrade_kind kind); /* "STARTTLS", "a TLS request of PostgreSQL" … */

/* "454", "NO", "-ERR", "N", "HTTP 403" … */
void upgrade_print_refusal(struct text *text, enum upgrade_kind kind,
			   const struct upgrade_refusal *refusal);
