// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_test.c - one side of a TLS connection: records, hellos, alerts */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_bytes.h"

struct sides {
	struct tls_side side;
	struct tls_hello hello;
};

/* From a copy of exactly this size: the sanitizer sees a byte read too far. */
static void take(struct sides *sides, const struct tls_bytes *stream, size_t at, size_t captured,
		 size_t wire)
{
	__u8 *exact = malloc(captured ? captured : 1);

	assert_non_null(exact);
	memcpy(exact, stream->at + at, captured);
	tls_side_take(&sides->side, at, exact, captured, wire, &sides->hello);
	free(exact);
}

static struct sides take_all(const struct tls_bytes *stream, size_t segment)
{
	struct sides sides = { 0 };

	for (size_t at = 0; at < stream->size; at += segment) {
		size_t size = stream->size - at < segment ? stream->size - at : segment;

		take(&sides, stream, at, size, size);
	}
	return sides;
}

static void assert_client_hello(const struct tls_hello *hello)
{
	assert_int_equal(hello->kind, TLS_CLIENT_HELLO);
	assert_int_equal(hello->flags, TLS_HELLO_WHOLE | TLS_HELLO_NAME | TLS_HELLO_VERSIONS);
	assert_int_equal(hello->version_legacy, TLS_1_2);
	assert_int_equal(hello->version_least, TLS_1_2);
	assert_int_equal(hello->version_most, TLS_1_3);
	assert_string_equal(hello->name, "db.internal");
	assert_string_equal(hello->protocols, "h2, http/1.1"); /* RFC 8701 3.1: not \xaa\xaa */
}

static void test_client_hello_in_any_segments(void **state)
{
	(void)state;
	for (int last = 0; last < 2; last++) {
		struct tls_bytes stream = { 0 };

		tls_put_client_hello(&stream, last);
		assert_true(stream.size > 1400);
		for (size_t segment = 1; segment <= stream.size; segment += segment < 8 ? 1 : 97) {
			struct sides sides = take_all(&stream, segment);

			assert_client_hello(&sides.hello);
			assert_int_equal(sides.hello.bytes, stream.size - TLS_HEADER_BYTES);
			assert_int_equal(sides.side.flags, TLS_SIDE_BEGUN);
			assert_int_equal(sides.side.body_left, 0);
			assert_true(tls_side_sent(&sides.side, TLS_CLIENT_HELLO));
		}
	}
}

/* The name stands in front of the cut or behind it; what is wanted is in the capture or it is not. */
static void test_client_hello_cut(void **state)
{
	(void)state;
	for (int last = 0; last < 2; last++) {
		struct tls_bytes stream = { 0 };
		struct sides sides = { 0 };

		tls_put_client_hello(&stream, last);
		take(&sides, &stream, 0, 180, stream.size);
		assert_int_equal(sides.hello.flags & (TLS_HELLO_CUT | TLS_HELLO_WHOLE),
				 TLS_HELLO_CUT);
		assert_int_equal(!(sides.hello.flags & TLS_HELLO_NAME), last);
		/* supported_versions may stand in what is missing */
		assert_int_equal(sides.hello.version_most, 0);
		assert_int_equal(sides.hello.bytes, stream.size - TLS_HEADER_BYTES);
		assert_int_equal(sides.side.flags, TLS_SIDE_BEGUN);
		assert_int_equal(sides.side.body_left, 0); /* the next record is found */
	}
}

/* A snap length of 400 in both segments: what is passed over needs not be there. */
static void test_client_hello_with_a_hole_in_its_key(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides = { 0 };

	(void)state;
	tls_put_client_hello(&stream, true);
	take(&sides, &stream, 0, 400, 1000);
	take(&sides, &stream, 1000, stream.size - 1000, stream.size - 1000);
	assert_client_hello(&sides.hello);
	/* the same, with the bytes between in no segment at all */
	memset(&sides, 0, sizeof(sides));
	take(&sides, &stream, 0, 400, 400);
	take(&sides, &stream, 1000, stream.size - 1000, stream.size - 1000);
	assert_client_hello(&sides.hello);
}

static void test_client_hello_without_extensions(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides;
	size_t at;

	(void)state;
	at = tls_begin_hello(&stream, TLS_CLIENT_HELLO);
	tls_end_hello(&stream, 0, at);
	stream.size -= 2; /* not even their length (RFC 5246 7.4.1.2) */
	stream.at[4] -= 2;
	stream.at[8] -= 2;
	sides = take_all(&stream, 7);
	assert_int_equal(sides.hello.flags, TLS_HELLO_WHOLE);
	assert_int_equal(sides.hello.version_least, 0);
	assert_int_equal(sides.hello.version_most, TLS_1_2);
	stream.at[8] -= 1; /* ends inside its compressions */
	stream.at[4] -= 1;
	stream.size -= 1;
	sides = take_all(&stream, 7);
	assert_int_equal(sides.hello.flags, TLS_HELLO_BAD);
}

static void test_hello_that_contradicts_itself(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides;

	(void)state;
	tls_put_client_hello(&stream, false);
	stream.at[5 + 4 + 35 + 32 + 2 + 4 + 2 + 1] ^= 1; /* the length of the extensions */
	sides = take_all(&stream, 100);
	assert_int_equal(sides.hello.flags, TLS_HELLO_BAD);
	assert_int_equal(sides.side.flags, TLS_SIDE_BEGUN); /* records are not concerned */
}

static void test_names_of_any_length(void **state)
{
	char name[300];

	(void)state;
	for (size_t length = 0; length < sizeof(name) - 1; length += length < 250 ? 50 : 1) {
		struct tls_bytes stream = { 0 };
		struct sides sides;
		size_t at = tls_begin_hello(&stream, TLS_CLIENT_HELLO);

		memset(name, 'n', length);
		name[length] = '\0';
		tls_put_name(&stream, name);
		tls_end_hello(&stream, 0, at);
		sides = take_all(&stream, 33);
		assert_true(sides.hello.flags & TLS_HELLO_WHOLE);
		assert_int_equal(!!(sides.hello.flags & TLS_HELLO_NAME), length && length < 256);
		if (length && length < 256)
			assert_string_equal(sides.hello.name, name);
	}
}

static void test_server_hello(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides;

	(void)state;
	tls_put_server_hello(&stream, TLS_1_3);
	tls_put_record(&stream, TLS_CHANGE_CIPHER, 1);
	tls_put_record(&stream, TLS_DATA, 1200);
	tls_put_record(&stream, TLS_DATA, 281);
	tls_put_record(&stream, TLS_DATA, 53);
	sides = take_all(&stream, 3);
	assert_int_equal(sides.hello.kind, TLS_SERVER_HELLO);
	assert_int_equal(sides.hello.flags, TLS_HELLO_WHOLE | TLS_HELLO_VERSIONS);
	assert_int_equal(sides.hello.version_least, TLS_1_3);
	assert_int_equal(sides.hello.version_most, TLS_1_3);
	assert_string_equal(sides.hello.protocols, "h2");
	assert_int_equal(sides.side.data_count, 3);
	assert_int_equal(sides.side.data_bytes[0], 1200);
	assert_int_equal(sides.side.data_bytes[2], 53);
	assert_int_equal(sides.side.data_longest, 1200);
	tls_side_mark(&sides.side);
	assert_int_equal(sides.side.data_count, 0);
	assert_int_equal(sides.side.records[TLS_DATA - TLS_TYPE_FIRST], 3);
}

static void test_server_hello_of_tls_1_2(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides;

	(void)state;
	tls_put_server_hello(&stream, 0);
	tls_put_record(&stream, TLS_HANDSHAKE,
		       4 + 900 + 4); /* certificate and done in one record */
	tls_put(&stream, "", 0);
	stream.at[stream.size - 908] = TLS_CERTIFICATE;
	memcpy(stream.at + stream.size - 907, "\0\x03\x84", 3);
	memcpy(stream.at + stream.size - 4, "\x0e\0\0\0", 4);
	tls_put_record(&stream, TLS_CHANGE_CIPHER, 1);
	tls_put_record(&stream, TLS_HANDSHAKE, 40);
	sides = take_all(&stream, 61);
	assert_int_equal(sides.hello.version_most, TLS_1_2);
	assert_int_equal(sides.side.messages, 1U << TLS_SERVER_HELLO | 1U << TLS_CERTIFICATE |
						      1U << TLS_SERVER_HELLO_DONE);
	assert_int_equal(sides.side.flags,
			 TLS_SIDE_BEGUN | TLS_SIDE_CHANGED_CIPHER | TLS_SIDE_HANDSHAKE_AFTER);
	assert_int_equal(sides.side.last_type, TLS_HANDSHAKE);
	assert_int_equal(sides.side.last_bytes, 40);
}

static void test_hello_retry_request(void **state)
{
	static const __u8 random[] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
				       0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
				       0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
				       0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
	struct tls_bytes stream = { 0 };
	struct sides sides;

	(void)state;
	tls_put_server_hello(&stream, TLS_1_3);
	memcpy(stream.at + 11, random, sizeof(random));
	sides = take_all(&stream, 1000);
	assert_true(sides.hello.flags & TLS_HELLO_RETRY);
	stream.at[11 + 31] ^= 1;
	sides = take_all(&stream, 1000);
	assert_false(sides.hello.flags & TLS_HELLO_RETRY);
}

static void test_alerts(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides;

	(void)state;
	tls_put_client_hello(&stream, false);
	tls_put_alert(&stream, TLS_WARNING, TLS_CLOSE_NOTIFY);
	tls_put_alert(&stream, TLS_FATAL, TLS_UNKNOWN_CA);
	tls_put_alert(&stream, TLS_WARNING, TLS_CLOSE_NOTIFY);
	for (size_t segment = 1; segment < 9; segment++) {
		sides = take_all(&stream, segment);
		assert_int_equal(sides.side.alerts, 3);
		assert_int_equal(sides.side.alert_level, TLS_FATAL);
		assert_int_equal(sides.side.alert, TLS_UNKNOWN_CA);
		assert_false(sides.side.flags & TLS_SIDE_ALERT_HIDDEN);
	}
}

/* Encrypted: longer, or of no level. Cut: not known, and the next one is. */
static void test_alerts_that_hide(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides = { 0 };

	(void)state;
	tls_put_client_hello(&stream, false);
	tls_put_record(&stream, TLS_ALERT, 26);
	tls_put_alert(&stream, 7, 48);
	sides = take_all(&stream, 999);
	assert_int_equal(sides.side.alerts, 0);
	assert_true(sides.side.flags & TLS_SIDE_ALERT_HIDDEN);

	for (size_t captured = TLS_HEADER_BYTES; captured < TLS_HEADER_BYTES + 2; captured++) {
		memset(&stream, 0, sizeof(stream));
		memset(&sides, 0, sizeof(sides));
		tls_put_alert(&stream, TLS_FATAL, TLS_HANDSHAKE_FAILURE);
		take(&sides, &stream, 0, captured, stream.size);
		assert_int_equal(sides.side.alerts, 0);
		assert_true(sides.side.flags & TLS_SIDE_ALERT_HIDDEN);
		tls_put_alert(&stream, TLS_FATAL, TLS_PROTOCOL_VERSION);
		take(&sides, &stream, 7, 7, 7);
		assert_int_equal(sides.side.alerts, 1);
		assert_int_equal(sides.side.alert, TLS_PROTOCOL_VERSION);
	}
}

static void test_lost(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides = { 0 };

	(void)state;
	tls_put_client_hello(&stream, false);
	/* a hole that ends with the record loses nothing; one byte more, and the header is gone */
	take(&sides, &stream, 0, 100, stream.size);
	assert_false(sides.side.flags & TLS_SIDE_LOST);
	memset(&sides, 0, sizeof(sides));
	take(&sides, &stream, 0, 100, stream.size + 1);
	assert_true(sides.side.flags & TLS_SIDE_LOST);
	tls_put_alert(&stream, TLS_FATAL, TLS_UNKNOWN_CA);
	take(&sides, &stream, stream.size - 7, 7, 7);
	assert_int_equal(sides.side.alerts, 0); /* nothing is searched for */

	/* what follows a record is none */
	memset(&sides, 0, sizeof(sides));
	tls_put(&stream, "HTTP/1.1 200 OK", 15);
	sides = take_all(&stream, 40);
	assert_int_equal(sides.side.flags, TLS_SIDE_BEGUN | TLS_SIDE_LOST);
	assert_int_equal(sides.side.alert, TLS_UNKNOWN_CA);
}

/* Segments that come again, in part new. */
static void test_what_was_taken_before(void **state)
{
	struct tls_bytes stream = { 0 };
	struct sides sides = { 0 }, whole;

	(void)state;
	tls_put_client_hello(&stream, true);
	tls_put_alert(&stream, TLS_FATAL, TLS_DECODE_ERROR);
	take(&sides, &stream, 0, 700, 700);
	take(&sides, &stream, 0, 700, 700);
	take(&sides, &stream, 300, stream.size - 300, stream.size - 300);
	take(&sides, &stream, 1000, 20, 20);
	whole = take_all(&stream, stream.size);
	assert_memory_equal(&sides, &whole, sizeof(whole));
}

static void test_what_is_no_tls(void **state)
{
	static const char *const others[] = { "GET / HTTP/1.1\r\n", "SSH-2.0-x",
					      "\x17\3\3\0\1x",	    "\x16\3\1\0\0x",
					      "\x16\3\1\xff\xffx",  "\x16\2\1\0\5x" };
	static const __u8 ssl2[] = { 0x80, 46, 1, 3, 1, 0, 21 };
	static const __u8 ssl2_server[] = { 0x84, 6, 4, 0, 1, 0, 2 };
	static const __u8 ssl2_error[] = { 0x80, 3, 0, 0, 1 };
	static const __u8 binary[] = { 0x84, 6, 4, 9, 1, 0, 2 };
	struct tls_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct tls_bytes stream = { 0 };

		tls_put(&stream, others[i], 6);
		assert_int_equal(take_all(&stream, 2).side.flags, TLS_SIDE_NOT_TLS);
	}
	assert_true(tls_is_ssl2_hello(ssl2, sizeof(ssl2)));
	assert_true(tls_is_ssl2_hello(ssl2_server, sizeof(ssl2_server)));
	assert_true(tls_is_ssl2_hello(ssl2_error, sizeof(ssl2_error)));
	assert_false(tls_is_ssl2_hello(binary, sizeof(binary)));
	for (size_t size = 0; size < TLS_HEADER_BYTES; size++) {
		assert_false(tls_is_ssl2_hello(ssl2, size));
		assert_false(tls_record_parse((const __u8 *)"\x16\3\1\0\5", size, &record));
	}
	assert_true(tls_record_parse((const __u8 *)"\x16\3\1\0\5", 5, &record));
	assert_int_equal(record.type, TLS_HANDSHAKE);
	assert_int_equal(record.version, TLS_1_0);
	assert_int_equal(record.bytes, 5);
}

/* As bpf/hello.h. */
static void test_what_begins_in_clear(void **state)
{
	static const struct {
		__u8 bytes[7];
		size_t wire;
		bool begins;
	} cases[] = {
		{ { 22, 3, 1, 2, 0, TLS_CLIENT_HELLO, 0 }, 517, true },
		{ { 22, 3, 3, 0, 90, TLS_SERVER_HELLO, 0 }, 95, true },
		{ { 22, 3, 3, 0, 90 }, 5, true }, /* a record's header by itself */
		{ { 21, 3, 3, 0, 2, TLS_FATAL, 70 }, 7, true },
		{ { 22, 3, 3, 0, 90, TLS_CERTIFICATE, 0 }, 95, false },
		{ { 21, 3, 3, 0, 26, 0, 0 }, 31, false }, /* encrypted */
		{ { 23, 3, 3, 0, 19, 1, 0 }, 24, false },
		{ { 22, 4, 1, 2, 0, TLS_CLIENT_HELLO, 0 }, 517, false },
		{ { 'H', 'T', 'T', 'P', '/', '1', '.' }, 40, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t captured = cases[i].wire < 7 ? cases[i].wire : 7;

		assert_int_equal(tls_begins_in_clear(cases[i].bytes, captured, cases[i].wire),
				 cases[i].begins);
	}
	assert_false(tls_begins_in_clear(cases[0].bytes, 4, 517));
	assert_false(tls_begins_in_clear(cases[0].bytes, 5, 517));
}

/* What stands between two records that are told of is not known, and the second one is read. */
static void test_resume(void **state)
{
	struct sides sides = { 0 };
	struct tls_bytes hello = { 0 }, alert = { 0 };

	(void)state;
	tls_put_record(&hello, TLS_HANDSHAKE, 90);
	hello.at[5] = TLS_SERVER_HELLO;
	tls_put_alert(&alert, TLS_FATAL, TLS_UNKNOWN_CA);
	take(&sides, &hello, 0, 60, hello.size);
	tls_side_resume(&sides.side, 5000);
	tls_side_take(&sides.side, 5000, alert.at, alert.size, alert.size, &sides.hello);
	assert_int_equal(sides.side.alert, TLS_UNKNOWN_CA);
	assert_int_equal(sides.side.next, 5007);
	/* what was taken is not taken again */
	tls_side_resume(&sides.side, 5000);
	assert_int_equal(sides.side.next, 5007);
}

/* A flight of several records of which the begin was captured, and an alert right behind it. */
static void test_resume_behind_a_part(void **state)
{
	struct sides sides = { 0 };
	struct tls_bytes flight = { 0 }, alert = { 0 };

	(void)state;
	tls_put_record(&flight, TLS_HANDSHAKE, 90);
	flight.at[5] = TLS_SERVER_HELLO;
	tls_put_alert(&alert, TLS_FATAL, TLS_HANDSHAKE_FAILURE);
	take(&sides, &flight, 0, 60, 700);
	assert_true(sides.side.flags & TLS_SIDE_LOST);
	tls_side_resume(&sides.side, 700);
	tls_side_take(&sides.side, 700, alert.at, alert.size, alert.size, &sides.hello);
	assert_int_equal(sides.side.alert, TLS_HANDSHAKE_FAILURE);
	assert_int_equal(sides.side.next, 707);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(tls_alert_name(TLS_UNKNOWN_CA), "unknown_ca");
	assert_string_equal(tls_alert_name(TLS_NO_APPLICATION_PROTOCOL), "no_application_protocol");
	assert_null(tls_alert_name(1));
	assert_null(tls_alert_name(255));
	assert_string_equal(tls_version_name(TLS_1_3), "TLS 1.3");
	assert_string_equal(tls_version_name(0x0300), "SSL 3.0");
	assert_null(tls_version_name(0x0305));
	assert_true(tls_alert_is_closure(TLS_CLOSE_NOTIFY));
	assert_false(tls_alert_is_closure(TLS_HANDSHAKE_FAILURE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_hello_in_any_segments),
		cmocka_unit_test(test_client_hello_cut),
		cmocka_unit_test(test_client_hello_with_a_hole_in_its_key),
		cmocka_unit_test(test_client_hello_without_extensions),
		cmocka_unit_test(test_hello_that_contradicts_itself),
		cmocka_unit_test(test_names_of_any_length),
		cmocka_unit_test(test_server_hello),
		cmocka_unit_test(test_server_hello_of_tls_1_2),
		cmocka_unit_test(test_hello_retry_request),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_alerts_that_hide),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_what_was_taken_before),
		cmocka_unit_test(test_what_is_no_tls),
		cmocka_unit_test(test_what_begins_in_clear),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_resume_behind_a_part),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
