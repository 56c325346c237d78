// SPDX-License-Identifier: GPL-2.0-or-later
/* first.c - what the first bytes of a side of a TCP connection are */

#include <string.h>

#include "decode/first.h"
#include "decode/tls.h"

struct piece {
	const __u8 *bytes;
	size_t captured;
	size_t wire;
};

static bool begins(const struct piece *piece, const char *with)
{
	size_t length = strlen(with);

	return piece->captured >= length && !memcmp(piece->bytes, with, length);
}

static bool is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(__u8 c)
{
	return c >= 'A' && c <= 'Z';
}

static __u32 load_be32(const __u8 *at)
{
	return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

/* Where @what stands in any case, in the first @size bytes. */
static bool holds(const struct piece *piece, size_t size, const char *what)
{
	size_t length = strlen(what), end = piece->captured < size ? piece->captured : size;

	for (size_t at = 0; at + length <= end; at++) {
		size_t same = 0;

		while (same < length && (piece->bytes[at + same] | 0x20) == (what[same] | 0x20))
			same++;
		if (same == length)
			return true;
	}
	return false;
}

/* Three digits at @at; 0 there are none. */
static __u16 code_at(const struct piece *piece, size_t at)
{
	const __u8 *bytes = piece->bytes + at;

	if (piece->captured < at + 3 || !is_digit(bytes[0]) || !is_digit(bytes[1]) ||
	    !is_digit(bytes[2]))
		return 0;
	return (bytes[0] - '0') * 100 + (bytes[1] - '0') * 10 + (bytes[2] - '0');
}

/* ---- HTTP ---- */

/* RFC 9110 9, RFC 5789; the place is struct first's .word */
static const char *const methods[] = { "GET",	  "HEAD",  "POST",  "PUT",    "DELETE",
				       "CONNECT", "TRACE", "PATCH", "OPTIONS" };

/* A method, a space, and what a target begins with (RFC 9112 3.2). */
static bool is_http_request(const struct piece *piece, struct first *first)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t length = strlen(methods[i]);

		if (!begins(piece, methods[i]) || piece->captured < length + 2 ||
		    piece->bytes[length] != ' ' || piece->bytes[length + 1] <= ' ' ||
		    piece->bytes[length + 1] > '~')
			continue;
		first->kind = FIRST_HTTP_REQUEST;
		first->word = i;
		return true;
	}
	if (!begins(piece, "PRI * HTTP/2.0\r\n"))
		return false;
	first->kind = FIRST_HTTP2_REQUEST;
	return true;
}

/* What nginx, Apache and Go answer to plain HTTP on a port of TLS. */
static bool says_tls_wanted(const struct piece *piece)
{
	static const char *const phrases[] = {
		"plain HTTP request was sent to HTTPS port",
		"speaking plain HTTP to an SSL-enabled server port",
		"sent an HTTP request to an HTTPS server",
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (holds(piece, piece->captured, phrases[i]))
			return true;
	return false;
}

/* A SETTINGS frame of stream 0: type 4, lengths in steps of 6 (RFC 9113 6.5). */
static bool is_http2_settings(const struct piece *piece)
{
	static const __u8 head[] = { 4, 0, 0, 0, 0, 0 };
	const __u8 *bytes = piece->bytes;

	return piece->captured >= 9 && !bytes[0] && !bytes[1] && bytes[2] % 6 == 0 &&
	       !memcmp(bytes + 3, head, sizeof(head));
}

static bool is_http(const struct piece *piece, struct first *first)
{
	if (is_http2_settings(piece)) {
		first->kind = FIRST_HTTP2;
		return true;
	}
	if (!begins(piece, "HTTP/1.") || piece->captured < 12 || !is_digit(piece->bytes[7]) ||
	    piece->bytes[8] != ' ' || code_at(piece, 9) < 100)
		return false;
	first->kind = FIRST_HTTP;
	first->number = code_at(piece, 9);
	first->error = first->number >= 400;
	first->wants_tls = first->number == 400 && says_tls_wanted(piece);
	return true;
}

/* ---- lines ---- */

/* The first digit of a reply is 1 to 5, the second 0 to 5; a space or a dash follows. */
static bool is_reply(const struct piece *piece, struct first *first)
{
	__u16 code = code_at(piece, 0);
	__u8 after;

	if (code < 100 || code > 559 || code / 10 % 10 > 5 || piece->captured < 4)
		return false;
	after = piece->bytes[3];
	if (after != ' ' && after != '-' && after != '\r')
		return false;
	first->number = code;
	first->error = code >= 400;
	first->kind = FIRST_REPLY;
	/* 4.7.0 behind the code is RFC 3463 */
	if (holds(piece, 200, "smtp") ||
	    (piece->captured > 7 && piece->bytes[4] == piece->bytes[0] && piece->bytes[5] == '.' &&
	     is_digit(piece->bytes[6]) && (piece->bytes[7] == '.' || is_digit(piece->bytes[7]))))
		first->kind = FIRST_SMTP;
	else if (holds(piece, 200, "ftp"))
		first->kind = FIRST_FTP;
	return true;
}

enum { SSH_BANNER, SSH_MAX_STARTUPS, SSH_NOT_NOW, SSH_MISMATCH };

/* OpenSSH's sshd.c and kex.c: what it says and closes. */
static bool is_ssh(const struct piece *piece, struct first *first)
{
	static const struct {
		const char *line;
		__u8 word;
	} lines[] = {
		{ "SSH-", SSH_BANNER },
		{ "Exceeded MaxStartups", SSH_MAX_STARTUPS },
		{ "Not allowed at this time", SSH_NOT_NOW },
		{ "Protocol mismatch.", SSH_MISMATCH },
		{ "Invalid SSH identification string.", SSH_MISMATCH },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!begins(piece, lines[i].line))
			continue;
		first->kind = FIRST_SSH;
		first->word = lines[i].word;
		first->error = lines[i].word != SSH_BANNER;
		return true;
	}
	return false;
}

enum { IMAP_OK, IMAP_BYE, IMAP_NO, IMAP_BAD };

static bool is_mail_box(const struct piece *piece, struct first *first)
{
	static const char *const imap[] = { "* OK", "* BYE", "* NO", "* BAD", "* PREAUTH" };

	if (begins(piece, "+OK")) {
		first->kind = FIRST_POP3;
		return true;
	}
	for (size_t i = 0; i < sizeof(imap) / sizeof(imap[0]); i++) {
		if (!begins(piece, imap[i]))
			continue;
		first->kind = FIRST_IMAP;
		first->word = i <= IMAP_BAD ? i : IMAP_OK;
		first->error = first->word != IMAP_OK;
		return true;
	}
	return false;
}

static bool is_error_line(const struct piece *piece, struct first *first)
{
	if (!begins(piece, "ERROR :") && !begins(piece, "ERROR\n") && !begins(piece, "ERROR\r\n") &&
	    !begins(piece, "ERROR Too many") && !begins(piece, "SERVER_ERROR "))
		return false;
	first->kind = FIRST_ERROR_LINE;
	first->error = true;
	return true;
}

/* ---- data bases ---- */

/* RESP: an error is '-', a word in capitals, a space. "-ERR" alone is POP3's, too. */
static bool is_redis(const struct piece *piece, struct first *first)
{
	size_t at = 1;

	if (piece->captured < 3)
		return false;
	if (begins(piece, "+PONG\r") || begins(piece, "$-1\r")) {
		first->kind = FIRST_REDIS;
		return true;
	}
	while (at < piece->captured && is_upper(piece->bytes[at]))
		at++;
	if (piece->bytes[0] != '-' || at < 3 || at == piece->captured || piece->bytes[at] != ' ')
		return false;
	first->kind = FIRST_REDIS;
	first->error = true;
	if (begins(piece, "-ERR ") && !begins(piece, "-ERR max number of clients"))
		first->kind = FIRST_ERR_LINE;
	return true;
}

/* An array of strings: "*1\r\n$4\r\nPING\r\n" */
static bool is_redis_request(const struct piece *piece)
{
	size_t at = 1;

	while (at < piece->captured && is_digit(piece->bytes[at]))
		at++;
	return at > 1 && piece->captured >= at + 3 && piece->bytes[0] == '*' &&
	       !memcmp(piece->bytes + at, "\r\n$", 3);
}

/* Numbers of errors begin at 1000. In place of the first greeting there is no '#' and SQLSTATE. */
static bool is_mysql(const struct piece *piece, struct first *first)
{
	const __u8 *bytes = piece->bytes;
	size_t length;

	if (piece->captured < 7)
		return false;
	length = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
	if (length + 4 != piece->wire || bytes[3] > 4)
		return false;
	if (bytes[4] == 0xff && bytes[5] + bytes[6] * 256 >= 1000) {
		first->number = bytes[5] + bytes[6] * 256;
		first->error = true;
	} else if (bytes[3] || bytes[4] != 10 || !is_digit(bytes[5])) { /* HandshakeV10 */
		return false;
	}
	first->kind = FIRST_MYSQL;
	return true;
}

/* Fields are a letter and a text with its end; of 'C' the text is SQLSTATE. */
static void find_sql_state(const struct piece *piece, struct first *first)
{
	const __u8 *bytes = piece->bytes;
	size_t at = 5, length = FIRST_STATE_SIZE - 1;

	while (at < piece->captured && bytes[at] && bytes[at] != 'C') {
		const __u8 *end = memchr(bytes + at, '\0', piece->captured - at);

		if (!end)
			return;
		at = end - bytes + 1;
	}
	if (piece->captured - at < length + 2 || bytes[at] != 'C' || bytes[at + 1 + length])
		return;
	for (size_t i = 0; i < length; i++)
		if (!is_digit(bytes[at + 1 + i]) && !is_upper(bytes[at + 1 + i]))
			return;
	memcpy(first->state, bytes + at + 1, length);
}

static bool is_postgresql(const struct piece *piece, struct first *first)
{
	const __u8 *bytes = piece->bytes;
	__u32 length;

	if (piece->wire == 1 && (bytes[0] == 'S' || bytes[0] == 'N')) {
		first->kind = FIRST_POSTGRESQL_TLS;
		first->number = bytes[0] == 'S';
		return true;
	}
	if (piece->captured < 6 || (bytes[0] != 'E' && bytes[0] != 'R' && bytes[0] != 'N'))
		return false;
	length = load_be32(bytes + 1);
	if (length < 5 || length + 1 > piece->wire)
		return false;
	first->kind = FIRST_POSTGRESQL;
	first->error = bytes[0] == 'E';
	if (bytes[0] != 'R')
		find_sql_state(piece, first);
	return true;
}

/* Length, then version 3 or one of the numbers 1234 56xx. */
static bool is_postgresql_request(const struct piece *piece)
{
	__u32 number;

	if (piece->captured < 8 || load_be32(piece->bytes) != piece->wire)
		return false;
	number = load_be32(piece->bytes + 4);
	return number >> 16 == 3 ||
	       (number >> 16 == 1234 && (number & 0xffff) >= 5678 && (number & 0xffff) <= 5680);
}

/* ---- all of them ---- */

static bool is_proxy_line(const struct piece *piece)
{
	return begins(piece, "PROXY TCP") || begins(piece, "PROXY UNKNOWN");
}

static bool is_proxy_binary(const struct piece *piece)
{
	static const __u8 second[] = { 13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10 };

	return piece->captured >= sizeof(second) && !memcmp(piece->bytes, second, sizeof(second));
}

static bool is_proxy(const struct piece *piece)
{
	return is_proxy_line(piece) || is_proxy_binary(piece);
}

/* HAProxy's proxy-protocol.txt 2: a line of at most 107 bytes; or 16 bytes and as many as they say. */
size_t first_proxy_bytes(const __u8 *bytes, size_t captured)
{
	enum { LINE_MOST = 107, HEADER_BYTES = 16, LENGTH_AT = 14 };
	const struct piece piece = { bytes, captured, captured };
	size_t length = 0;

	if (is_proxy_line(&piece)) {
		const __u8 *end = memchr(bytes, '\n', captured < LINE_MOST ? captured : LINE_MOST);

		length = end ? (size_t)(end + 1 - bytes) : 0;
	} else if (is_proxy_binary(&piece) && captured >= HEADER_BYTES) {
		length = HEADER_BYTES + bytes[LENGTH_AT] * 256u + bytes[LENGTH_AT + 1];
	}
	return length <= captured ? length : 0;
}

static bool is_text(const struct piece *piece)
{
	for (size_t i = 0; i < piece->captured && i < 64; i++) {
		__u8 c = piece->bytes[i];

		if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_tls(const struct piece *piece)
{
	struct tls_record record;

	return (tls_record_parse(piece->bytes, piece->captured, &record) &&
		(record.type == TLS_HANDSHAKE || record.type == TLS_ALERT)) ||
	       tls_is_ssl2_hello(piece->bytes, piece->captured);
}

static bool is_of_server(const struct piece *piece, struct first *first)
{
	return is_http(piece, first) || is_reply(piece, first) || is_ssh(piece, first) ||
	       is_mail_box(piece, first) || is_error_line(piece, first) || is_redis(piece, first) ||
	       is_mysql(piece, first) || is_postgresql(piece, first);
}

static bool is_of_client(const struct piece *piece, struct first *first)
{
	if (is_http_request(piece, first))
		return true;
	if (is_proxy(piece))
		first->kind = FIRST_PROXY;
	else if (is_redis_request(piece))
		first->kind = FIRST_REDIS_REQUEST;
	else if (is_postgresql_request(piece))
		first->kind = FIRST_POSTGRESQL_REQUEST;
	else if (begins(piece, "SSH-"))
		first->kind = FIRST_SSH;
	return first->kind;
}

void first_parse(const __u8 *bytes, size_t captured, size_t wire, bool server, struct first *first)
{
	struct piece piece = { bytes, captured, wire };

	memset(first, 0, sizeof(*first));
	if (!captured)
		return;
	if (is_tls(&piece))
		first->kind = FIRST_TLS;
	else if (server ? is_of_server(&piece, first) : is_of_client(&piece, first))
		return;
	else
		first->kind = is_text(&piece) ? FIRST_TEXT : FIRST_BINARY;
}

/* ---- in words ---- */

/* The class by name, and what is put before its number. */
static const char *const kind_names[FIRST_CLASS_COUNT] = {
	[FIRST_NONE] = "",
	[FIRST_TLS] = "TLS",
	[FIRST_HTTP_REQUEST] = "HTTP",
	[FIRST_HTTP] = "HTTP",
	[FIRST_HTTP2_REQUEST] = "HTTP/2",
	[FIRST_HTTP2] = "HTTP/2",
	[FIRST_REPLY] = "reply",
	[FIRST_SMTP] = "SMTP",
	[FIRST_FTP] = "FTP",
	[FIRST_SSH] = "SSH",
	[FIRST_POP3] = "POP3 greeting",
	[FIRST_IMAP] = "IMAP",
	[FIRST_ERR_LINE] = "-ERR (POP3 or Redis)",
	[FIRST_ERROR_LINE] = "ERROR line (IRC, memcached or STOMP)",
	[FIRST_MYSQL] = "MySQL",
	[FIRST_POSTGRESQL] = "PostgreSQL",
	[FIRST_POSTGRESQL_TLS] = "PostgreSQL",
	[FIRST_POSTGRESQL_REQUEST] = "PostgreSQL",
	[FIRST_REDIS] = "Redis",
	[FIRST_REDIS_REQUEST] = "Redis command",
	[FIRST_PROXY] = "PROXY protocol",
	[FIRST_TEXT] = "text",
	[FIRST_BINARY] = "binary data",
};

static const char *ssh_word(unsigned int word)
{
	switch (word) {
	case SSH_MAX_STARTUPS:
		return "refusal (MaxStartups exceeded)";
	case SSH_NOT_NOW:
		return "refusal (not allowed at this time)";
	case SSH_MISMATCH:
		return "refusal (the client's identification)";
	default:
		return "identification";
	}
}

static void print_data_base(struct text *text, const struct first *first)
{
	if (!first->error)
		text_add(text, first->kind == FIRST_MYSQL ? " greeting" : " answer");
	else
		text_add(text, " error");
	if (first->state[0])
		text_add(text, " %s", first->state);
	else if (first->number)
		text_add(text, " %u", first->number);
}

void first_print(struct text *text, const struct first *first)
{
	static const char *const imap[] = { "greeting", "BYE", "NO", "BAD" };

	text_add(text, "%s", kind_names[first->kind]);
	switch ((enum first_kind)first->kind) {
	case FIRST_HTTP:
	case FIRST_REPLY:
	case FIRST_SMTP:
	case FIRST_FTP:
		text_add(text, " %03u", first->number);
		break;
	case FIRST_HTTP_REQUEST:
		text_add(text, " %s", methods[first->word]);
		break;
	case FIRST_SSH:
		text_add(text, " %s", ssh_word(first->word));
		break;
	case FIRST_IMAP:
		text_add(text, " %s", imap[first->word]);
		break;
	case FIRST_MYSQL:
	case FIRST_POSTGRESQL:
	case FIRST_REDIS:
		print_data_base(text, first);
		break;
	case FIRST_POSTGRESQL_TLS:
		text_add(text, first->number ? " yes to TLS" : " no to TLS");
		break;
	case FIRST_POSTGRESQL_REQUEST:
		text_add(text, " request");
		break;
	default:
		break;
	}
}
