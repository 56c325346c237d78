// SPDX-License-Identifier: GPL-2.0-or-later
/* dns_test.c - the header and the question of DNS messages */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"

#define HEADER(flags, questions) \
	0x12, 0x34, (flags) >> 8, (flags)&0xff, 0, questions, 0, 2, 0, 0, 0, 0
#define NAME 2, 'D', 'b', 8, 'i', 'n', 't', 'e', 'r', 'n', 'a', 'l', 0

static bool parse(const __u8 *bytes, size_t size, struct dns *dns)
{
	/* a copy of exactly this size: the sanitizer sees a byte read too far */
	__u8 *exact = malloc(size ? size : 1);
	bool parsed;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	parsed = dns_parse(exact, size, dns);
	free(exact);
	return parsed;
}

static void test_query(void **state)
{
	static const __u8 query[] = { HEADER(0x0100, 1), NAME, 0, 28, 0, 1 };
	struct dns dns;

	(void)state;
	assert_true(parse(query, sizeof(query), &dns));
	assert_int_equal(dns.id, 0x1234);
	assert_int_equal(dns.type, DNS_TYPE_AAAA);
	assert_int_equal(dns.answers, 2);
	assert_false(dns.response);
	assert_string_equal(dns.name, "db.internal"); /* RFC 4343 3 */
	for (size_t size = 0; size < sizeof(query); size++)
		assert_false(parse(query, size, &dns));
}

static void test_answer(void **state)
{
	static const __u8 answer[] = { HEADER(0x8383, 1), NAME, 0, 1, 0, 1 };
	struct dns dns;

	(void)state;
	assert_true(parse(answer, sizeof(answer), &dns));
	assert_true(dns.response);
	assert_true(dns.truncated);
	assert_int_equal(dns.rcode, DNS_NXDOMAIN);
}

static void test_names(void **state)
{
	static const __u8 root[] = { HEADER(0x0100, 1), 0, 0, 6, 0, 1 };
	static const __u8 strange[] = { HEADER(0x0100, 1), 3, 'a', '.', '\n', 0, 0, 1, 0, 1 };
	struct dns dns;

	(void)state;
	assert_true(parse(root, sizeof(root), &dns));
	assert_string_equal(dns.name, ".");
	assert_true(parse(strange, sizeof(strange), &dns));
	assert_string_equal(dns.name, "a\\046\\010"); /* RFC 1035 5.1 */
}

/* Counts of the sections, behind flags and before the question. */
#define MESSAGE(flags, answers, authorities) \
	0x12, 0x34, (flags) >> 8, (flags)&0xff, 0, 1, 0, answers, 0, authorities, 0, 0
#define QUESTION NAME, 0, 28, 0, 1
#define RECORD(type) 0xc0, 12, 0, type, 0, 1, 0, 0, 1, 44, 0, 2, 0xc0, 12
enum { QUESTION_END = 12 + 13 + 4, RECORD_BYTES = 14 };
enum { NS = 2, CNAME = 5, SOA = 6, RRSIG = 46, AA = 0x0400, RA = 0x0080, ANSWER = 0x8100 };

static void assert_content(const __u8 *bytes, size_t size, enum dns_content content)
{
	struct dns dns;

	assert_true(parse(bytes, size, &dns));
	assert_int_equal(dns.content, content);
}

/* RFC 2308 2.2: what denies, what refers, what answers */
static void test_content(void **state)
{
	static const __u8 data[] = { MESSAGE(ANSWER | RA, 1, 0), QUESTION, RECORD(28) };
	static const __u8 chain[] = { MESSAGE(ANSWER | RA, 2, 0), QUESTION, RECORD(CNAME),
				      RECORD(28) };
	static const __u8 other[] = { MESSAGE(ANSWER | RA, 2, 1), QUESTION, RECORD(CNAME),
				      RECORD(RRSIG), RECORD(SOA) };
	static const __u8 denied[] = { MESSAGE(ANSWER, 0, 2), QUESTION, RECORD(NS), RECORD(SOA) };
	static const __u8 bare[] = { MESSAGE(ANSWER | RA, 0, 0), QUESTION };
	static const __u8 owner[] = { MESSAGE(ANSWER | AA, 0, 0), QUESTION };
	static const __u8 nobody[] = { MESSAGE(ANSWER, 0, 0), QUESTION };
	static const __u8 referral[] = { MESSAGE(ANSWER, 0, 1), QUESTION, RECORD(NS) };
	static const __u8 elsewhere[] = { MESSAGE(ANSWER | AA, 1, 0), QUESTION, RECORD(CNAME) };
	static const __u8 missing[] = { MESSAGE(ANSWER | RA | 3, 0, 1), QUESTION, RECORD(SOA) };
	static const __u8 query[] = { MESSAGE(0x0100, 0, 0), QUESTION };

	(void)state;
	assert_content(data, sizeof(data), DNS_CONTENT_DATA);
	assert_content(chain, sizeof(chain), DNS_CONTENT_DATA);
	assert_content(other, sizeof(other), DNS_CONTENT_NONE);
	assert_content(denied, sizeof(denied), DNS_CONTENT_NONE);
	assert_content(bare, sizeof(bare), DNS_CONTENT_NONE);
	assert_content(owner, sizeof(owner), DNS_CONTENT_NONE);
	assert_content(nobody, sizeof(nobody), DNS_CONTENT_REFERRAL);
	assert_content(referral, sizeof(referral), DNS_CONTENT_REFERRAL);
	assert_content(elsewhere, sizeof(elsewhere), DNS_CONTENT_REFERRAL);
	assert_content(missing, sizeof(missing), DNS_CONTENT_UNKNOWN);
	assert_content(query, sizeof(query), DNS_CONTENT_UNKNOWN);
}

/* What is cut before its end denies nothing; a type that was captured counts. */
static void test_content_cut(void **state)
{
	static const __u8 denied[] = { MESSAGE(ANSWER | RA, 1, 1), QUESTION, RECORD(CNAME),
				       RECORD(SOA) };
	static const __u8 data[] = { MESSAGE(ANSWER | RA, 2, 0), QUESTION, RECORD(CNAME),
				     RECORD(28) };
	static const __u8 loop[] = { MESSAGE(ANSWER | RA, 1, 0), QUESTION, 0x40, 0, 0, 28, 0, 1 };
	static const __u8 lying[] = { MESSAGE(ANSWER | RA, 9, 9), QUESTION, RECORD(CNAME) };
	enum { TYPE_END = QUESTION_END + RECORD_BYTES + 4 };

	(void)state;
	for (size_t size = QUESTION_END; size < TYPE_END; size++) {
		assert_content(denied, size, DNS_CONTENT_UNKNOWN);
		assert_content(data, size, DNS_CONTENT_UNKNOWN);
	}
	for (size_t size = TYPE_END; size <= sizeof(data); size++) {
		assert_content(denied, size, DNS_CONTENT_NONE);
		assert_content(data, size, DNS_CONTENT_DATA);
	}
	assert_content(loop, sizeof(loop), DNS_CONTENT_UNKNOWN);
	assert_content(lying, sizeof(lying), DNS_CONTENT_UNKNOWN);
}

static void test_what_is_none(void **state)
{
	static const __u8 update[] = { HEADER(0x2800, 1), NAME, 0, 6, 0, 1 };
	static const __u8 two[] = { HEADER(0x0100, 2), NAME, 0, 1, 0, 1 };
	static const __u8 compressed[] = { HEADER(0x0100, 1), 0xc0, 12, 0, 1, 0, 1 };
	static const __u8 past[] = { HEADER(0x0100, 1), 63, 'a', 0, 0, 1, 0, 1 };
	__u8 longest[12 + 4 * 64 + 8] = { HEADER(0x0100, 1) };
	struct dns dns;

	(void)state;
	assert_false(parse(update, sizeof(update), &dns));
	assert_false(parse(two, sizeof(two), &dns));
	assert_false(parse(compressed, sizeof(compressed), &dns));
	assert_false(parse(past, sizeof(past), &dns));
	for (size_t label = 0; label < 4; label++) { /* 256 bytes: RFC 1035 2.3.4 allows 255 */
		longest[12 + label * 64] = 63;
		memset(longest + 13 + label * 64, 'x', 63);
	}
	assert_false(parse(longest, sizeof(longest), &dns));
}

#define ADDRESS_A(last) 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 10, 0, 0, last
#define ADDRESS_AAAA \
	0xc0, 12, 0, 28, 0, 1, 0, 0, 1, 44, 0, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define QUESTION_A NAME, 0, 1, 0, 1

/* So many addresses of the first @size bytes, the last one in @last. */
static size_t addresses_of(const __u8 *bytes, size_t size, __u8 *last)
{
	__u8 addresses[2][EVENT_ADDRESS_SIZE], *exact = malloc(size);
	struct dns dns;
	size_t count;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	assert_true(dns_parse(exact, size, &dns));
	count = dns_addresses(&dns, addresses, 2);
	free(exact);
	if (count)
		memcpy(last, addresses[count - 1], EVENT_ADDRESS_SIZE);
	return count;
}

/* Of the type that was asked for, whole, and no more than there is room for. */
static void test_addresses(void **state)
{
	static const __u8 four[] = { MESSAGE(ANSWER | RA, 4, 0),
				     QUESTION_A,
				     RECORD(CNAME),
				     ADDRESS_A(2),
				     ADDRESS_A(3),
				     ADDRESS_A(4) };
	static const __u8 six[] = { MESSAGE(ANSWER | RA, 2, 0), QUESTION, ADDRESS_A(2),
				    ADDRESS_AAAA };
	static const __u8 short_data[] = { MESSAGE(ANSWER | RA, 1, 0), QUESTION, RECORD(28) };
	static const __u8 query[] = { MESSAGE(0x0100, 1, 0), QUESTION_A, ADDRESS_A(2) };
	static const __u8 mail[] = { MESSAGE(ANSWER | RA, 1, 0), NAME, 0, 15, 0, 1, ADDRESS_A(2) };
	enum { FIRST_END = QUESTION_END + RECORD_BYTES + 16 };
	__u8 last[EVENT_ADDRESS_SIZE];

	(void)state;
	assert_int_equal(addresses_of(four, sizeof(four), last), 2);
	assert_int_equal(last[15], 3);
	for (size_t size = QUESTION_END; size < sizeof(four); size++)
		assert_int_equal(addresses_of(four, size, last), size < FIRST_END      ? 0 :
								 size < FIRST_END + 16 ? 1 :
											 2);
	assert_int_equal(addresses_of(six, sizeof(six), last), 1);
	assert_int_equal(last[0], 0xfd);
	assert_int_equal(addresses_of(six, sizeof(six) - 1, last), 0);
	assert_int_equal(addresses_of(short_data, sizeof(short_data), last), 0);
	assert_int_equal(addresses_of(query, sizeof(query), last), 0);
	assert_int_equal(addresses_of(mail, sizeof(mail), last), 0);
}

static void test_code_names(void **state)
{
	(void)state;
	assert_string_equal(dns_rcode_name(DNS_SERVFAIL), "SERVFAIL");
	assert_string_equal(dns_rcode_name(DNS_REFUSED), "REFUSED");
	assert_null(dns_rcode_name(15));
	assert_string_equal(dns_type_name(DNS_TYPE_AAAA), "AAAA");
	assert_null(dns_type_name(9999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),	    cmocka_unit_test(test_answer),
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_code_names),  cmocka_unit_test(test_content),
		cmocka_unit_test(test_content_cut), cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
