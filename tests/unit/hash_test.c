// SPDX-License-Identifier: GPL-2.0-or-later
/* hash_test.c - hash values that must not change, and the table against a plain search */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "join/segment/ends.h"
#include "util/array.h"
#include "util/hash.h"

/* Attempts and groups have ids made of these, and ids stand in output. */
static void values_that_stand_in_output(void **state)
{
	(void)state;
	assert_true(hash_mix(0, 0) ==
		    0xe220a8397b1dcdafull); /* splitmix64, its first from seed 0 */
	assert_true(hash_bytes(7, "", 0) == 7);
	assert_true(hash_bytes(0, "\0\0\0\0\0\0\0\0", 8) == hash_mix(0, 0));
	assert_true(hash_bytes(0, "\1\0\0\0\0\0\0\0\2", 9) == hash_mix(hash_mix(0, 1), 2));
	assert_true(hash_stable(HASH_STABLE, "", 0) == 0xcbf29ce484222325ull);
	assert_true(hash_stable(HASH_STABLE, "a", 1) == 0xaf63dc4c8601ec8cull);
	assert_true(hash_stable(HASH_STABLE, "foobar", 6) == 0x85944171f73967e8ull);
}

static void ends_in_either_order(void **state)
{
	const __u8 a[EVENT_ADDRESS_SIZE] = { 1, [15] = 2 }, b[EVENT_ADDRESS_SIZE] = { 3, [15] = 4 };

	(void)state;
	assert_true(ends_of(a, 80, b, 443).hash == ends_of(b, 443, a, 80).hash);
	assert_int_not_equal(ends_of(a, 80, b, 443).from, ends_of(b, 443, a, 80).from);
	assert_true(ends_of(a, 80, b, 443).hash != ends_of(a, 443, b, 80).hash);
	assert_true(ends_of(a, 80, a, 80).hash != ends_of(b, 80, b, 80).hash);
}

/* Walks the chain of a value and compares it with a search through all. */
static void expect_chain(const struct hash *hash, const __u64 *values, const __u32 *birth,
			 size_t count, __u64 value)
{
	__u32 last = UINT32_MAX;
	size_t found = 0, wanted = 0;

	for (__u32 i = hash_first(hash, value); i != HASH_END; i = hash_next(hash, i)) {
		assert_true(i < count && hash_has(hash, i));
		if (values[i] != value)
			continue;
		assert_true(birth[i] < last); /* the youngest first */
		last = birth[i];
		found++;
	}
	for (size_t i = 0; i < count; i++)
		wanted += hash_has(hash, (__u32)i) && values[i] == value;
	assert_int_equal(found, wanted);
}

static void added_and_removed(void **state)
{
	__u64 values[300], random = 1;
	__u32 birth[ARRAY_SIZE(values)];
	bool in[ARRAY_SIZE(values)] = { false };
	struct hash hash;

	(void)state;
	assert_int_equal(hash_new(&hash, ARRAY_SIZE(values)), 0);
	for (__u32 step = 0; step < 20000; step++) {
		__u32 i = (random = hash_mix(random, step)) % ARRAY_SIZE(values);

		assert_int_equal(hash_has(&hash, i), in[i]);
		hash_remove(&hash, i); /* of one that is not in nothing comes */
		in[i] = random >> 40 & 1;
		if (in[i]) {
			values[i] = random >> 32 & 7;
			birth[i] = step;
			hash_add(&hash, values[i], i);
		}
		if (step % 16 == 0)
			for (__u64 value = 0; value < 8; value++)
				expect_chain(&hash, values, birth, ARRAY_SIZE(values), value);
	}
	hash_free(&hash);
	hash_free(&hash);
}

static void long_chains(void **state)
{
	struct hash hash;

	(void)state;
	assert_int_equal(hash_new(&hash, 100), 0);
	assert_int_equal(hash_overlong(&hash, 5, 0), HASH_END);
	for (__u32 i = 0; i < 100; i++) {
		hash_add(&hash, 5, i);
		if (hash_overlong(&hash, 5, 32) != HASH_END)
			hash_remove(&hash, hash_overlong(&hash, 5, 32));
	}
	assert_int_equal(hash_first(&hash, 5), 99);
	assert_int_equal(hash_overlong(&hash, 5, 31), 68);
	assert_int_equal(hash_overlong(&hash, 5, 32), HASH_END);
	assert_false(hash_has(&hash, 67));
	hash_free(&hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_that_stand_in_output),
		cmocka_unit_test(ends_in_either_order),
		cmocka_unit_test(added_and_removed),
		cmocka_unit_test(long_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
