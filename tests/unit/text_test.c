// SPDX-License-Identifier: GPL-2.0-or-later
/* text_test.c - bounded text, and foreign text made safe */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "util/array.h"
#include "util/text.h"

static void append_until_full(void **state)
{
	char buffer[8];
	struct text text = text_of(buffer);

	(void)state;
	assert_string_equal(text.at, "");
	assert_string_equal(text_add(&text, "%d-%s", 12, "ab"), "12-ab");
	assert_int_equal(text.length, 5);
	assert_false(text.cut);
	text_add(&text, "cd");
	assert_string_equal(text.at, "12-abcd");
	assert_false(text.cut);
	text_add(&text, "e");
	assert_string_equal(text.at, "12-abcd");
	assert_true(text.cut);
	assert_int_equal(text.length, 7);
}

static void cut_keeps_what_fits(void **state)
{
	char buffer[5];
	struct text text = text_of(buffer);

	(void)state;
	text_add(&text, "%s", "abcdefgh");
	assert_string_equal(text.at, "abcd");
	assert_true(text.cut);
	text_add(&text, "%s", "x");
	assert_string_equal(text.at, "abcd");
}

/* Into every buffer from the smallest to one that holds all of it. */
#define LIKE_SNPRINTF(...)                                                         \
	do {                                                                       \
		char want[80], got[80];                                            \
		size_t length = (size_t)snprintf(want, sizeof(want), __VA_ARGS__); \
                                                                                   \
		for (size_t size = 3; size <= sizeof(got); size++) {               \
			struct text text = text_in(got, size);                     \
                                                                                   \
			text_add(&text, "ab");                                     \
			text_add(&text, __VA_ARGS__);                              \
			snprintf(want, size, "ab" __VA_ARGS__);                    \
			assert_string_equal(got, want);                            \
			assert_int_equal(text.length, strlen(want));               \
			assert_int_equal(text.cut, length + 2 >= size);            \
		}                                                                  \
	} while (0)

static void formats_as_snprintf_does(void **state)
{
	const unsigned long long most = UINT64_MAX;
	const long long least = INT64_MIN;

	(void)state;
	LIKE_SNPRINTF("no conversion");
	LIKE_SNPRINTF("%s and %s", "one", "");
	LIKE_SNPRINTF("%u %u %u", 0, 10, UINT32_MAX);
	LIKE_SNPRINTF("%d %d %d", 0, INT32_MIN, INT32_MAX);
	LIKE_SNPRINTF("%llu %lld %lld", most, least, 12ll);
	LIKE_SNPRINTF("%lu %ld %zu", 7ul, -7l, sizeof(most));
	LIKE_SNPRINTF("%02llu:%02u:%03llu %09llu", 5ull, 17, 1234ull, 42ull);
	/* what is left to vsnprintf(), also behind what is not */
	LIKE_SNPRINTF("%u %% %s", 5, "x");
	LIKE_SNPRINTF("%s %5u %-5s|", "x", 5, "y");
	LIKE_SNPRINTF("%u %.*s %x %c", 5, 2, "abcd", 255, 'z');
	LIKE_SNPRINTF("%d %03d %.1f", 5, -5, 1.25);
}

static void smallest_buffer(void **state)
{
	char buffer[1] = { 'x' };
	struct text text = text_of(buffer);

	(void)state;
	assert_string_equal(text.at, "");
	assert_string_equal(text_add(&text, "a"), "");
	assert_true(text.cut);
}

static void foreign_text(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ "curl", "curl" },
		{ "a b~!#%&()*+,-./:;<=>?@[]^_{|}", "a b~!#%&()*+,-./:;<=>?@[]^_{|}" },
		/* what drives a terminal or a shell */
		{ "\033[31m", "\\x1b[31m" },
		{ "a\nb\tc\r", "a\\x0ab\\x09c\\x0d" },
		{ "\x7f", "\\x7f" },
		{ "\"'`$\\", "\\x22\\x27\\x60\\x24\\x5c" },
		/* UTF-8 stands (RFC 3629) … */
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xe2\x86\x92", "\xe2\x86\x92" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xc2\xa0", "\xc2\xa0" },
		/* … but not C1 control characters, overlong forms, surrogates, what is beyond U+10FFFF */
		{ "\xc2\x9b", "\\xc2\\x9b" },
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "\xc1\xbf", "\\xc1\\xbf" },
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
		/* nor what turns, hides or ends: U+202E, U+2066, U+200B, U+2028, a tag of Unicode */
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xaeb" },
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" },
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
		{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" },
		{ "\xe2\x80\x90", "\xe2\x80\x90" },
		/* cut off, and a stray continuation */
		{ "\xe2\x86", "\\xe2\\x86" },
		{ "\x80x", "\\x80x" },
		{ "\xffz", "\\xffz" },
		/* what stands for a byte already is not escaped again … */
		{ "\\x1b[31m\\x5c\\xff", "\\x1b[31m\\x5c\\xff" },
		{ "my\\032printer\\255", "my\\032printer\\255" },
		/* … but what only looks like it */
		{ "\\x41\\x1B\\x1", "\\x5cx41\\x5cx1B\\x5cx1" },
		{ "\\256\\03\\\\", "\\x5c256\\x5c03\\x5c\\x5c" },
		{ "\\0a0\\x", "\\x5c0a0\\x5cx" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buffer[128];
		struct text text = text_of(buffer);

		text_add_foreign(&text, cases[i].in, strlen(cases[i].in) + 1);
		assert_string_equal(text.at, cases[i].out);
		assert_false(text.cut);
	}
}

static void foreign_size_bounds(void **state)
{
	/* no terminator within the size: a byte more would be read by the sanitizer's leave only */
	char *exact = test_malloc(4);
	char buffer[16];
	struct text text = text_of(buffer);

	(void)state;
	memcpy(exact, "abcd", 4);
	assert_string_equal(text_add_foreign(&text, exact, 4), "abcd");
	/* a character that the size cuts in two */
	memcpy(exact, "ab\xe2\x86", 4);
	text = text_of(buffer);
	assert_string_equal(text_add_foreign(&text, exact, 4), "ab\\xe2\\x86");
	memcpy(exact, "a\0cd", 4);
	text = text_of(buffer);
	assert_string_equal(text_add_foreign(&text, exact, 4), "a");
	test_free(exact);
}

static void every_byte_is_safe(void **state)
{
	(void)state;
	for (int first = 1; first < 256; first++) {
		for (int second = 1; second < 256; second++) {
			char in[3] = { (char)first, (char)second, 0 }, buffer[16];
			struct text text = text_of(buffer);

			text_add_foreign(&text, in, sizeof(in));
			for (const char *c = text.at; *c; c++) {
				assert_false((unsigned char)*c < 0x20 || *c == 0x7f);
				assert_null(strchr("\"'`$", *c));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_until_full),	    cmocka_unit_test(cut_keeps_what_fits),
		cmocka_unit_test(smallest_buffer),	    cmocka_unit_test(foreign_text),
		cmocka_unit_test(foreign_size_bounds),	    cmocka_unit_test(every_byte_is_safe),
		cmocka_unit_test(formats_as_snprintf_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
