// SPDX-License-Identifier: GPL-2.0-or-later
/* upgrade.c - words with which a client asks to turn to TLS on a connection, and how that is refused */

#include <string.h>
#include <strings.h>

#include "decode/first.h"
#include "decode/upgrade.h"

/* Longer than any such request but CONNECT, whose header may be long. */
enum { REQUEST_MOST = 256 };

struct words {
	const __u8 *bytes;
	size_t size;
};

static bool begins(const struct words *words, const char *with)
{
	size_t length = strlen(with);

	return words->size >= length && !strncasecmp((const char *)words->bytes, with, length);
}

/* One command, and nothing behind it. */
static bool is_line(const struct words *words, const char *line)
{
	size_t length = strlen(line);

	return begins(words, line) && words->size > length && words->size <= length + 2 &&
	       words->bytes[words->size - 1] == '\n';
}

static bool holds(const struct words *words, const void *what, size_t length)
{
	return memmem(words->bytes, words->size, what, length);
}

/* IMAP's tag and the space behind it (RFC 9051 2.2.1); without one *@rest is all. */
static bool behind_tag(const struct words *words, struct words *rest)
{
	const __u8 *space = memchr(words->bytes, ' ', words->size);

	*rest = *words;
	if (!space || space == words->bytes)
		return false;
	rest->bytes = space + 1;
	rest->size -= (size_t)(space + 1 - words->bytes);
	return true;
}

/* ---- LDAP ---- */

enum { BER_SEQUENCE = 0x30, BER_INTEGER = 2, BER_ENUMERATED = 10 };
enum { LDAP_EXTENDED_REQUEST = 0x77, LDAP_EXTENDED_RESPONSE = 0x78 };

/* The content of an element that begins at *@at and may be cut short: moves *@at to it. */
static bool ber_enter(const struct words *words, size_t *at, __u8 tag, size_t *length)
{
	size_t left = words->size - *at, head = 2, octets;

	if (left < head || words->bytes[*at] != tag)
		return false;
	*length = words->bytes[*at + 1];
	if (*length & 0x80) { /* the long form: so many octets follow */
		octets = *length & 0x7f;
		if (!octets || octets > 4 || left < head + octets)
			return false;
		*length = 0;
		for (size_t i = 0; i < octets; i++)
			*length = *length << 8 | words->bytes[*at + head + i];
		head += octets;
	}
	*at += head;
	return true;
}

/* LDAPMessage (RFC 4511 4.1.1) whose operation has @tag: *@at is where its content begins. */
static bool ldap_enter(const struct words *words, __u8 tag, size_t *at)
{
	size_t length;

	*at = 0;
	if (!ber_enter(words, at, BER_SEQUENCE, &length) ||
	    !ber_enter(words, at, BER_INTEGER, &length) || length > words->size - *at)
		return false;
	*at += length;
	return ber_enter(words, at, tag, &length);
}

static bool is_ldap(const struct words *words)
{
	static const char oid[] = "1.3.6.1.4.1.1466.20037";
	size_t at;

	return ldap_enter(words, LDAP_EXTENDED_REQUEST, &at) && holds(words, oid, sizeof(oid) - 1);
}

/* Its result (RFC 4511 4.1.9), 0 is success. */
static bool ldap_refuses(const struct words *words, __u16 *result)
{
	size_t at, length;

	if (!ldap_enter(words, LDAP_EXTENDED_RESPONSE, &at) ||
	    !ber_enter(words, &at, BER_ENUMERATED, &length) || length != 1 || at >= words->size)
		return false;
	*result = words->bytes[at];
	return *result;
}

/* ---- requests ---- */

static bool is_postgresql(const struct words *words, size_t wire)
{
	static const __u8 request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f }; /* 1234 5679 */

	return wire == sizeof(request) && words->size == wire &&
	       !memcmp(words->bytes, request, sizeof(request));
}

static bool is_xmpp(const struct words *words)
{
	static const char tag[] = "<starttls", space[] = "urn:ietf:params:xml:ns:xmpp-tls";

	return words->bytes[0] == '<' && holds(words, tag, sizeof(tag) - 1) &&
	       holds(words, space, sizeof(space) - 1);
}

enum upgrade_kind upgrade_asked(const __u8 *bytes, size_t captured, size_t wire)
{
	const struct words words = { bytes, captured };
	struct words rest;

	if (!captured)
		return UPGRADE_NONE;
	if (begins(&words, "CONNECT ") && captured > 8 && bytes[8] > ' ')
		return UPGRADE_CONNECT;
	if (wire > REQUEST_MOST)
		return UPGRADE_NONE;
	if (is_line(&words, "STARTTLS"))
		return UPGRADE_STARTTLS;
	if (is_line(&words, "STLS"))
		return UPGRADE_STLS;
	if (is_line(&words, "AUTH TLS") || is_line(&words, "AUTH SSL") ||
	    is_line(&words, "AUTH TLS-C"))
		return UPGRADE_AUTH_TLS;
	if (is_postgresql(&words, wire))
		return UPGRADE_POSTGRESQL;
	if (is_ldap(&words))
		return UPGRADE_LDAP;
	if (is_xmpp(&words))
		return UPGRADE_XMPP;
	return behind_tag(&words, &rest) && is_line(&rest, "STARTTLS") ? UPGRADE_STARTTLS_IMAP :
									 UPGRADE_NONE;
}

/* A packet of 32 bytes, the second of the connection, whose capabilities have CLIENT_SSL. */
static size_t mysql_request_bytes(const __u8 *bytes, size_t captured)
{
	static const __u8 head[] = { 32, 0, 0, 1 };
	enum { REQUEST_BYTES = sizeof(head) + 32, CLIENT_SSL_AT = 5, CLIENT_SSL = 0x08 };

	return captured >= REQUEST_BYTES && !memcmp(bytes, head, sizeof(head)) &&
			       (bytes[CLIENT_SSL_AT] & CLIENT_SSL) ?
		       REQUEST_BYTES :
		       0;
}

size_t upgrade_header_bytes(const __u8 *bytes, size_t captured)
{
	size_t proxy = first_proxy_bytes(bytes, captured);

	return proxy ? proxy : mysql_request_bytes(bytes, captured);
}

/* ---- answers ---- */

static __u16 code_of(const struct words *words, size_t at)
{
	__u16 code = 0;

	if (words->size < at + 3)
		return 0;
	for (size_t i = at; i < at + 3; i++) {
		if (words->bytes[i] < '0' || words->bytes[i] > '9')
			return 0;
		code = (__u16)(code * 10 + words->bytes[i] - '0');
	}
	return code;
}

static bool is_error_code(__u16 code)
{
	return code >= 400 && code < 600;
}

static bool imap_refuses(const struct words *words, struct upgrade_refusal *refusal)
{
	struct words rest;

	if (!behind_tag(words, &rest) || words->bytes[0] == '*')
		return false;
	refusal->bad = begins(&rest, "BAD");
	return refusal->bad || begins(&rest, "NO ") || begins(&rest, "NO\r");
}

static bool xmpp_refuses(const struct words *words)
{
	static const char failure[] = "<failure", error[] = "<stream:error";

	return holds(words, failure, sizeof(failure) - 1) || holds(words, error, sizeof(error) - 1);
}

/* A status that is no success; 1xx may stand in front of the answer. */
static bool proxy_refuses(const struct words *words, struct upgrade_refusal *refusal)
{
	enum { STATUS_AT = 9 }; /* "HTTP/1.1 " */

	if (!begins(words, "HTTP/1."))
		return false;
	refusal->number = code_of(words, STATUS_AT);
	return refusal->number >= 300;
}

bool upgrade_refused(enum upgrade_kind kind, const __u8 *bytes, size_t captured, size_t wire,
		     struct upgrade_refusal *refusal)
{
	const struct words words = { bytes, captured };

	*refusal = (struct upgrade_refusal){ 0 };
	if (!captured)
		return false;
	switch (kind) {
	case UPGRADE_STARTTLS:
	case UPGRADE_AUTH_TLS:
		refusal->number = code_of(&words, 0);
		return is_error_code(refusal->number) ||
		       (kind == UPGRADE_STARTTLS && begins(&words, "NO"));
	case UPGRADE_STARTTLS_IMAP:
		return imap_refuses(&words, refusal);
	case UPGRADE_STLS:
		return begins(&words, "-ERR");
	case UPGRADE_LDAP:
		return ldap_refuses(&words, &refusal->number);
	case UPGRADE_XMPP:
		return xmpp_refuses(&words);
	case UPGRADE_POSTGRESQL:
		return wire == 1 && bytes[0] == 'N';
	case UPGRADE_CONNECT:
		return proxy_refuses(&words, refusal);
	default:
		return false;
	}
}

/* ---- in words ---- */

const char *upgrade_name(enum upgrade_kind kind)
{
	static const char *const names[UPGRADE_KIND_COUNT] = {
		[UPGRADE_NONE] = "nothing",
		[UPGRADE_STARTTLS] = "STARTTLS",
		[UPGRADE_STARTTLS_IMAP] = "STARTTLS (IMAP)",
		[UPGRADE_STLS] = "STLS (POP3)",
		[UPGRADE_AUTH_TLS] = "AUTH TLS (FTP)",
		[UPGRADE_LDAP] = "StartTLS (LDAP)",
		[UPGRADE_XMPP] = "starttls (XMPP)",
		[UPGRADE_POSTGRESQL] = "SSLRequest (PostgreSQL)",
		[UPGRADE_CONNECT] = "CONNECT",
	};

	return names[kind];
}

const char *upgrade_openssl(enum upgrade_kind kind)
{
	static const char *const names[UPGRADE_KIND_COUNT] = {
		[UPGRADE_STARTTLS] = "smtp",	   [UPGRADE_STARTTLS_IMAP] = "imap",
		[UPGRADE_STLS] = "pop3",	   [UPGRADE_AUTH_TLS] = "ftp",
		[UPGRADE_LDAP] = "ldap",	   [UPGRADE_XMPP] = "xmpp",
		[UPGRADE_POSTGRESQL] = "postgres",
	};

	return names[kind];
}

void upgrade_print_refusal(struct text *text, enum upgrade_kind kind,
			   const struct upgrade_refusal *refusal)
{
	if (kind == UPGRADE_STLS)
		text_add(text, "-ERR");
	else if (kind == UPGRADE_POSTGRESQL)
		text_add(text, "N, no TLS");
	else if (kind == UPGRADE_XMPP)
		text_add(text, "a failure");
	else if (kind == UPGRADE_LDAP)
		text_add(text, "result %u", refusal->number);
	else if (kind == UPGRADE_CONNECT)
		text_add(text, "HTTP %u", refusal->number);
	else if (refusal->number)
		text_add(text, "%u", refusal->number);
	else
		text_add(text, refusal->bad ? "BAD" : "NO");
}
