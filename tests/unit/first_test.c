// SPDX-License-Identifier: GPL-2.0-or-later
/* first_test.c - what the first bytes of a side are */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "decode/first.h"

static struct first parse(const void *bytes, size_t size, size_t wire, bool server)
{
	/* a copy of exactly this size: the sanitizer sees a byte read too far */
	__u8 *exact = malloc(size ? size : 1);
	struct first first;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	first_parse(exact, size, wire, server, &first);
	free(exact);
	return first;
}

struct sample {
	const char *bytes;
	const char *words;
	size_t size; /* 0: up to the NUL */
	bool error;
};

static void check(const struct sample *samples, size_t count, bool server)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = samples[i].size ? samples[i].size : strlen(samples[i].bytes);
		struct first first = parse(samples[i].bytes, size, size, server);
		char buffer[80];
		struct text text = text_of(buffer);

		first_print(&text, &first);
		assert_string_equal(buffer, samples[i].words);
		assert_int_equal(first.error, samples[i].error);
		/* cut anywhere: for the sanitizer */
		for (size_t cut = 0; cut < size; cut++)
			(void)parse(samples[i].bytes, cut, size, server);
	}
}

#define CHECK(samples, server) check(samples, sizeof(samples) / sizeof(samples[0]), server)

static void test_servers(void **state)
{
	static const struct sample samples[] = {
		{ "HTTP/1.1 200 OK\r\n", "HTTP 200" },
		{ "HTTP/1.0 503 Service Unavailable\r\n", "HTTP 503", .error = true },
		{ "HTTP/1.1 404", "HTTP 404", .error = true },
		{ "HTTP/1.1 OK", "text" },
		{ "\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80", "HTTP/2", .size = 15 },
		{ "220 mail.example ESMTP Postfix\r\n", "SMTP 220" },
		{ "421 4.7.0 Too many connections\r\n", "SMTP 421", .error = true },
		{ "554-mx.example\r\n", "reply 554", .error = true },
		{ "220 (vsFTPd 3.0.5)\r\n", "FTP 220" },
		{ "421 There are too many connected users\r\n", "reply 421", .error = true },
		{ "220x", "text" },
		{ "999 of them", "text" },
		{ "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH identification" },
		{ "Exceeded MaxStartups\r\n", "SSH refusal (MaxStartups exceeded)", .error = true },
		{ "Not allowed at this time\r\n", "SSH refusal (not allowed at this time)",
		  .error = true },
		{ "Invalid SSH identification string.\r\n",
		  "SSH refusal (the client's identification)", .error = true },
		{ "+OK ready\r\n", "POP3 greeting" },
		{ "-ERR too many connections\r\n", "-ERR (POP3 or Redis)", .error = true },
		{ "* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP greeting" },
		{ "* BYE Too many connections\r\n", "IMAP BYE", .error = true },
		{ "-ERR max number of clients reached\r\n", "Redis error", .error = true },
		{ "-DENIED Redis is running in protected mode\r\n", "Redis error", .error = true },
		{ "-NOAUTH Authentication required.\r\n", "Redis error", .error = true },
		{ "- a list", "text" },
		{ "hello", "text" },
		{ "\1\2\3\4\5\6\7\x08", "binary data" },
		{ "\x15\3\1\0\2\2\x28", "TLS", .size = 7 },
	};

	(void)state;
	CHECK(samples, true);
}

static void test_data_bases(void **state)
{
	static const struct sample samples[] = {
		/* Too many connections: no SQLSTATE, nothing was agreed on yet */
		{ "\x17\0\0\0\xff\x10\x04Too many connections", "MySQL error 1040", .size = 27,
		  .error = true },
		{ "\x0b\0\0\1\xff\x6a\x04#HY000xx", "MySQL error 1130", .size = 15, .error = true },
		{ "\x0b\0\0\0\x0a"
		  "8.0.36\0\1\0\0",
		  "MySQL greeting", .size = 15 },
		{ "\x0c\0\0\0\xff\x10\x04#HY000xx", "binary data", .size = 15 },
		{ "E\0\0\0\x1cSFATAL\0VFATAL\0C53300\0M\0\0", "PostgreSQL error 53300", .size = 29,
		  .error = true },
		{ "E\0\0\0\x0eSFATAL\0M\0\0", "PostgreSQL error", .size = 15, .error = true },
		{ "E\0\0\0\x11SFATAL\0C5;000\0", "PostgreSQL error", .size = 18, .error = true },
		{ "R\0\0\0\x08\0\0\0\0", "PostgreSQL answer", .size = 9 },
		{ "S", "PostgreSQL yes to TLS" },
		{ "N", "PostgreSQL no to TLS" },
		{ "NO", "text" },
	};
	struct first cut;

	(void)state;
	CHECK(samples, true);
	/* a snap length hides what stands behind, not what is there */
	cut = parse(samples[0].bytes, 7, 27, true);
	assert_int_equal(cut.kind, FIRST_MYSQL);
	assert_int_equal(cut.number, 1040);
}

static void test_clients(void **state)
{
	static const struct sample samples[] = {
		{ "GET / HTTP/1.1\r\n", "HTTP GET" },
		{ "CONNECT db:443 HTTP/1.1\r\n", "HTTP CONNECT" },
		{ "OPTIONS * HTTP/1.1\r\n", "HTTP OPTIONS" },
		{ "GETTING better", "text" },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2" },
		{ "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "PROXY protocol" },
		{ "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "PROXY protocol", .size = 16 },
		{ "*1\r\n$4\r\nPING\r\n", "Redis command" },
		{ "\0\0\0\x08\x04\xd2\x16\x2f", "PostgreSQL request", .size = 8 },
		{ "\0\0\0\x0a\0\3\0\0u\0", "PostgreSQL request", .size = 10 },
		{ "SSH-2.0-Go\r\n", "SSH identification" },
		{ "\x16\3\1\2\0\1\0\1\xfc", "TLS", .size = 9 },
		{ "\x80\x2e\1\3\1\0\x15", "TLS", .size = 7 },
		/* what only a server says means nothing here */
		{ "HTTP/1.1 503 no", "text" },
		{ "N", "text" },
		{ "421 4.7.0 x", "text" },
	};

	(void)state;
	CHECK(samples, false);
}

static void test_plain_http_to_a_port_of_tls(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html><center>The plain HTTP "
		"request was sent to HTTPS port</center>",
		"HTTP/1.1 400 Bad Request\r\n\r\nReason: You're speaking plain HTTP to an "
		"SSL-enabled server port.<br />",
		"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
	};
	static const char other[] = "HTTP/1.1 400 Bad Request\r\n\r\nno Host";
	struct first first;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		first = parse(answers[i], strlen(answers[i]), strlen(answers[i]), true);
		assert_int_equal(first.number, 400);
		assert_true(first.wants_tls);
	}
	first = parse(other, strlen(other), strlen(other), true);
	assert_false(first.wants_tls);
}

static void test_nothing(void **state)
{
	struct first first = parse("", 0, 100, true);
	char buffer[8];
	struct text text = text_of(buffer);

	(void)state;
	assert_int_equal(first.kind, FIRST_NONE);
	first_print(&text, &first);
	assert_string_equal(buffer, "");
}

static bool is_goodbye(const void *bytes, size_t size)
{
	__u8 *exact = malloc(size ? size : 1);
	bool is;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	is = first_is_goodbye(exact, size);
	free(exact);
	return is;
}

#define GOODBYE(text) assert_true(is_goodbye(text, sizeof(text) - 1))
#define NO_GOODBYE(text) assert_false(is_goodbye(text, sizeof(text) - 1))

/* Each protocol's words, and what begins or ends as they do. */
static void test_goodbyes(void **state)
{
	(void)state;
	GOODBYE("QUIT\r\n");
	GOODBYE("quit\n");
	NO_GOODBYE("QUITE so\r\n");
	NO_GOODBYE("QUIT");
	GOODBYE("221 bye\r\n");
	GOODBYE("221-bye\r\n221 now\r\n");
	NO_GOODBYE("220 hello\r\n");
	GOODBYE("* BYE later\r\n");
	GOODBYE("a1 LOGOUT\r\n");
	GOODBYE("0a LOGOUT\r\n"); /* begins as LDAP does */
	GOODBYE("X1 LOGOUT\r\n"); /* .. as PostgreSQL does */
	GOODBYE("BYE sip:a@b SIP/2.0\r\n");
	GOODBYE("*1\r\n$4\r\nQUIT\r\n");
	NO_GOODBYE("*1\r\n$4\r\nPING\r\n");
	GOODBYE("</stream:stream>");
	GOODBYE("<a/></stream:stream>");
	NO_GOODBYE("<stream:stream>");
	GOODBYE("\x88\x02\x03\xe8"); /* WebSocket */
	NO_GOODBYE("\x88\x02\x03\xe8\x00");
	NO_GOODBYE("\x89\x02\x03\xe8"); /* its ping */
	GOODBYE("\x30\x05\x02\x01\x02\x42\x00"); /* LDAP */
	NO_GOODBYE("\x30\x05\x02\x01\x02\x4a\x00");
	GOODBYE("X\0\0\0\x04"); /* PostgreSQL */
	NO_GOODBYE("X\0\0\0\x05");
	GOODBYE("\x01\0\0\0\x01"); /* MySQL */
	NO_GOODBYE("\x01\0\0\0\x0e");
	GOODBYE("\xe0\x00"); /* MQTT */
	NO_GOODBYE("\xe0\x01");
	NO_GOODBYE("\xe0");
	NO_GOODBYE("");
}

/* RFC 9113: a GOAWAY, also behind other frames; not with what HTTP/2 does not have. */
static void test_goodbye_of_http2(void **state)
{
	(void)state;
#define GOAWAY "\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0"
	GOODBYE(GOAWAY);
	GOODBYE("\0\0\x01\0\x01\0\0\0\x03x" GOAWAY); /* the last data of stream 3 */
	GOODBYE(GOAWAY "\0\0\0\x04\x01\0\0\0\0");
	NO_GOODBYE("\0\0\x01\0\x01\0\0\0\0x" GOAWAY); /* data of no stream */
	NO_GOODBYE("\0\0\x08\x07\0\0\0\0\x01\0\0\0\x01\0\0\0\0");
	NO_GOODBYE("\0\0\0\x04\x01\0\0\0\0");
	NO_GOODBYE(GOAWAY "\0");
	NO_GOODBYE("\0\0\0\0\0\0\0\0\0\0\0\0");
#undef GOAWAY
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_data_bases),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_plain_http_to_a_port_of_tls),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_goodbyes),
		cmocka_unit_test(test_goodbye_of_http2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
