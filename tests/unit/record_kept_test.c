// SPDX-License-Identifier: GPL-2.0-or-later
/* record_kept_test.c - the last records in memory: which are kept, and in which order */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "collect/files/record_kept.h"
#include "util/array.h"

#define ROOM 600

struct heard {
	size_t count;
	__u16 kinds[64];
	__u64 times[64];
	int refuse_at; /* -1: none */
};

static int hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;
	struct event_header head;

	memcpy(&head, record, sizeof(head));
	assert_int_equal(head.size, size);
	if ((int)heard->count == heard->refuse_at)
		return -ENOSPC;
	assert_true(heard->count < ARRAY_SIZE(heard->kinds));
	for (size_t i = sizeof(head); i < size; i++) /* none is mixed with another */
		assert_int_equal(((const __u8 *)record)[i], (__u8)head.ts_ns);
	heard->kinds[heard->count] = head.kind;
	heard->times[heard->count++] = head.ts_ns;
	return 0;
}

static void add(struct record_kept *kept, enum event_kind kind, __u64 ts_ns, size_t body)
{
	__u8 record[EVENT_SIZE_MAX];
	struct event_header head = { .ts_ns = ts_ns, .kind = kind };

	head.size = (__u16)(sizeof(head) + body);
	memcpy(record, &head, sizeof(head));
	memset(record + sizeof(head), (__u8)ts_ns, body);
	record_kept_add(kept, record, head.size);
}

static struct heard told(const struct record_kept *kept)
{
	struct heard heard = { .refuse_at = -1 };
	const struct record_sink sink = { hear, &heard };

	assert_int_equal(record_kept_tell(kept, &sink), 0);
	return heard;
}

static void the_oldest_give_way(void **state)
{
	struct record_kept *kept;
	struct heard heard;

	(void)state;
	assert_int_equal(record_kept_new(&kept, ROOM), 0);
	assert_int_equal(told(kept).count, 0);
	/* of sizes that do not divide the room: some lie across its end, their headers as well */
	for (__u64 i = 1; i <= 2000; i++) {
		add(kept, EVENT_TICK, i, 20 + i % 37);
		heard = told(kept);
		assert_true(heard.count >= (i < 6 ? i : 6));
		for (size_t k = 0; k < heard.count; k++)
			assert_int_equal(heard.times[k], i - heard.count + 1 + k);
	}
	record_kept_free(kept);
}

static void what_is_said_once_stays(void **state)
{
	struct record_kept *kept;
	struct heard heard;

	(void)state;
	assert_int_equal(record_kept_new(&kept, ROOM), 0);
	add(kept, EVENT_START, 1, 40);
	add(kept, EVENT_CLOCK, 2, 24);
	add(kept, EVENT_HOOK, 3, 40);
	for (__u64 i = 10; i < 100; i++)
		add(kept, EVENT_TICK, i, 60);
	add(kept, EVENT_CLOCK, 100, 24);
	heard = told(kept);
	assert_int_equal(heard.kinds[0], EVENT_START);
	assert_int_equal(heard.kinds[1], EVENT_CLOCK); /* as it was told last */
	assert_int_equal(heard.times[1], 100);
	assert_int_equal(heard.kinds[2], EVENT_HOOK);
	assert_int_equal(heard.kinds[3], EVENT_TICK);
	assert_int_equal(heard.kinds[heard.count - 1], EVENT_CLOCK);
	for (size_t k = 3; k < heard.count; k++) /* once is once */
		assert_true(heard.kinds[k] != EVENT_START && heard.kinds[k] != EVENT_HOOK);
	record_kept_free(kept);
}

static void what_is_no_record_is_none(void **state)
{
	struct event_header head = { .kind = EVENT_TICK, .size = sizeof(head) };
	struct record_kept *kept;
	struct heard heard = { .refuse_at = 1 };
	const struct record_sink sink = { hear, &heard };

	(void)state;
	assert_int_equal(record_kept_new(&kept, ROOM), 0);
	record_kept_add(kept, &head, sizeof(head) - 1);
	head.size = sizeof(head) - 1;
	record_kept_add(kept, &head, sizeof(head));
	head.size = sizeof(head) + 1;
	record_kept_add(kept, &head, sizeof(head));
	add(kept, EVENT_TICK, 1, ROOM); /* larger than all the room */
	assert_int_equal(told(kept).count, 0);
	add(kept, EVENT_TICK, 1, 8);
	add(kept, EVENT_TICK, 2, 8);
	assert_int_equal(record_kept_tell(kept, &sink), -ENOSPC);
	assert_int_equal(heard.count, 1);
	record_kept_free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_give_way),
		cmocka_unit_test(what_is_said_once_stays),
		cmocka_unit_test(what_is_no_record_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
