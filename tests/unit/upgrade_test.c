// SPDX-License-Identifier: GPL-2.0-or-later
/* upgrade_test.c - requests to turn to TLS, and how they are refused */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"

struct sample {
	const char *bytes;
	size_t size; /* 0: up to the NUL */
	enum upgrade_kind kind;
	const char *refusal; /* of an answer; NULL: it is none */
};

/* A copy of exactly @size bytes: the sanitizer sees a byte read too far. */
static __u8 *copy_of(const char *bytes, size_t size)
{
	__u8 *exact = malloc(size ? size : 1);

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	return exact;
}

static size_t size_of(const struct sample *sample)
{
	return sample->size ? sample->size : strlen(sample->bytes);
}

static enum upgrade_kind asked(const struct sample *sample, size_t size)
{
	__u8 *exact = copy_of(sample->bytes, size);
	enum upgrade_kind kind = upgrade_asked(exact, size, size_of(sample));

	free(exact);
	return kind;
}

#define LDAP_OID "1.3.6.1.4.1.1466.20037"
#define XMPP_SPACE "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"

static void test_requests(void **state)
{
	static const struct sample samples[] = {
		{ "STARTTLS\r\n", .kind = UPGRADE_STARTTLS },
		{ "starttls\n", .kind = UPGRADE_STARTTLS },
		{ "STARTTLS or not\r\n" },
		{ "STARTTLS" },
		{ "a001 STARTTLS\r\n", .kind = UPGRADE_STARTTLS_IMAP },
		{ ". STARTTLS\r\n", .kind = UPGRADE_STARTTLS_IMAP },
		{ "a001 LOGIN STARTTLS\r\n" },
		{ " STARTTLS\r\n" },
		{ "STLS\r\n", .kind = UPGRADE_STLS },
		{ "AUTH TLS\r\n", .kind = UPGRADE_AUTH_TLS },
		{ "AUTH SSL\r\n", .kind = UPGRADE_AUTH_TLS },
		{ "AUTH PLAIN\r\n" },
		{ "\x30\x1d\x02\1\1\x77\x18\x80\x16" LDAP_OID, .kind = UPGRADE_LDAP },
		{ "\x30\x84\0\0\0\x1d\x02\1\1\x77\x84\0\0\0\x18\x80\x16" LDAP_OID, 39,
		  UPGRADE_LDAP },
		{ "\x30\x1d\x02\1\1\x63\x18\x80\x16" LDAP_OID },
		{ "<starttls " XMPP_SPACE "/>", .kind = UPGRADE_XMPP },
		{ "<message>starttls</message>" },
		{ "\0\0\0\x08\x04\xd2\x16\x2f", 8, UPGRADE_POSTGRESQL },
		{ "\0\0\0\x08\x04\xd2\x16\x30", 8 }, /* GSSENCRequest */
		{ "CONNECT db.internal:443 HTTP/1.1\r\n", .kind = UPGRADE_CONNECT },
		{ "CONNECT \r\n" },
		{ "GET / HTTP/1.1\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		assert_int_equal(asked(&samples[i], size_of(&samples[i])), samples[i].kind);
		for (size_t cut = 0; cut < size_of(&samples[i]); cut++)
			(void)asked(&samples[i], cut);
	}
}

static bool refused(const struct sample *sample, size_t size, struct upgrade_refusal *refusal)
{
	__u8 *exact = copy_of(sample->bytes, size);
	bool no = upgrade_refused(sample->kind, exact, size, size_of(sample), refusal);

	free(exact);
	return no;
}

static void test_answers(void **state)
{
	static const struct sample samples[] = {
		{ "220 go on\r\n", 0, UPGRADE_STARTTLS, NULL },
		{ "382 go on\r\n", 0, UPGRADE_STARTTLS, NULL },
		{ "454 4.7.0 not available\r\n", 0, UPGRADE_STARTTLS, "454" },
		{ "502 what?\r\n", 0, UPGRADE_STARTTLS, "502" },
		{ "NO \"not now\"\r\n", 0, UPGRADE_STARTTLS, "NO" },
		{ "600 odd\r\n", 0, UPGRADE_STARTTLS, NULL },
		{ "a001 OK go on\r\n", 0, UPGRADE_STARTTLS_IMAP, NULL },
		{ "a001 NO not now\r\n", 0, UPGRADE_STARTTLS_IMAP, "NO" },
		{ "a001 BAD what?\r\n", 0, UPGRADE_STARTTLS_IMAP, "BAD" },
		{ "* NO disk is nearly full\r\n", 0, UPGRADE_STARTTLS_IMAP, NULL },
		{ "a001 NOTHING\r\n", 0, UPGRADE_STARTTLS_IMAP, NULL },
		{ "+OK go on\r\n", 0, UPGRADE_STLS, NULL },
		{ "-ERR not now\r\n", 0, UPGRADE_STLS, "-ERR" },
		{ "234 go on\r\n", 0, UPGRADE_AUTH_TLS, NULL },
		{ "500 what?\r\n", 0, UPGRADE_AUTH_TLS, "500" },
		{ "\x30\x0c\x02\1\1\x78\x07\x0a\1\0\4\0\4\0", 14, UPGRADE_LDAP, NULL },
		{ "\x30\x0c\x02\1\1\x78\x07\x0a\1\x34\4\0\4\0", 14, UPGRADE_LDAP, "result 52" },
		{ "<proceed " XMPP_SPACE "/>", 0, UPGRADE_XMPP, NULL },
		{ "<failure " XMPP_SPACE "/>", 0, UPGRADE_XMPP, "a failure" },
		{ "S", 0, UPGRADE_POSTGRESQL, NULL },
		{ "N", 0, UPGRADE_POSTGRESQL, "N, no TLS" },
		{ "NOTICE", 0, UPGRADE_POSTGRESQL, NULL },
		{ "HTTP/1.1 200 established\r\n", 0, UPGRADE_CONNECT, NULL },
		{ "HTTP/1.1 100 continue\r\n", 0, UPGRADE_CONNECT, NULL },
		{ "HTTP/1.0 403 no\r\n", 0, UPGRADE_CONNECT, "HTTP 403" },
		{ "454 not asked\r\n", 0, UPGRADE_NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct upgrade_refusal refusal;
		bool no = refused(&samples[i], size_of(&samples[i]), &refusal);
		char buffer[80];
		struct text text = text_of(buffer);

		assert_int_equal(no, !!samples[i].refusal);
		upgrade_print_refusal(&text, samples[i].kind, &refusal);
		assert_true(samples[i].kind == UPGRADE_NONE || samples[i].kind == UPGRADE_CONNECT ||
			    upgrade_openssl(samples[i].kind));
		if (no)
			assert_string_equal(buffer, samples[i].refusal);
		for (size_t cut = 0; cut < size_of(&samples[i]); cut++)
			(void)refused(&samples[i], cut, &refusal);
	}
}

static void test_proxy_headers(void **state)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\nrest";
	static const char binary[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
				     "123456789abcrest";

	(void)state;
	for (size_t cut = 0; cut < sizeof(line) - 1; cut++) {
		__u8 *exact = copy_of(line, cut);

		assert_int_equal(first_proxy_bytes(exact, cut),
				 cut >= sizeof(line) - 5 ? sizeof(line) - 5 : 0);
		free(exact);
	}
	for (size_t cut = 0; cut < sizeof(binary) - 1; cut++) {
		__u8 *exact = copy_of(binary, cut);

		assert_int_equal(first_proxy_bytes(exact, cut), cut >= 28 ? 28 : 0);
		free(exact);
	}
}

static void test_mysql(void **state)
{
	__u8 bytes[36] = { 32, 0, 0, 1, 0x85, 0xae };

	(void)state;
	assert_int_equal(upgrade_header_bytes(bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(upgrade_header_bytes(bytes, sizeof(bytes) - 1), 0);
	bytes[5] &= ~0x08; /* no CLIENT_SSL */
	assert_int_equal(upgrade_header_bytes(bytes, sizeof(bytes)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_proxy_headers),
		cmocka_unit_test(test_mysql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
