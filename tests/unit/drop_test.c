// SPDX-License-Identifier: GPL-2.0-or-later
/* drop_test.c - every reason for which the running kernel drops a packet is in the table */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "collect/collect.h"
#include "util/drop.h"

enum { ENOUGH = 40 }; /* 5.17, the first kernel with reasons, has more */

struct heard {
	int count;
	int unknown;
};

static int take(void *ctx, const void *record, size_t size)
{
	(void)ctx;
	(void)record;
	(void)size;
	return 0;
}

/* Other subsystems than the core and the queueing disciplines have names of their own. */
static void hear(void *ctx, __u32 value, const char *name)
{
	struct heard *heard = ctx;

	if (value >> 16 && strncmp(name, "QDISC_", strlen("QDISC_")) != 0)
		return;
	heard->count++;
	if (drop_class_of(name) != DROP_UNKNOWN)
		return;
	heard->unknown++;
	print_error("%s is in no class of user/util/drop.c\n", name);
}

static void this_kernel(void **state)
{
	const struct record_sink sink = { take, NULL };
	struct heard heard = { 0 };

	(void)state;
	if (host_tell_names(&sink, hear, &heard) || heard.count < ENOUGH) {
		print_message("this kernel names no drop reasons, or has no BTF\n");
		skip();
	}
	assert_int_equal(heard.unknown, 0);
}

static void classes(void **state)
{
	(void)state;
	assert_int_equal(drop_class_of("NETFILTER_DROP"), DROP_FILTER);
	assert_int_equal(drop_class_of("QDISC_OVERLIMIT"), DROP_FILTER);
	assert_int_equal(drop_class_of("NEIGH_FAILED"), DROP_NEIGHBOR);
	assert_int_equal(drop_class_of("IP_RPFILTER"), DROP_FATE);
	assert_int_equal(drop_class_of("OTHERHOST"), DROP_COPY);
	assert_int_equal(drop_class_of("PACKET_SOCK_ERROR"), DROP_COPY);
	assert_int_equal(drop_class_of("TCP_OLD_DATA"), DROP_NOISE);
	assert_int_equal(drop_class_of("OF_A_LATER_KERNEL"), DROP_UNKNOWN);
	assert_int_equal(drop_class_of(NULL), DROP_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_kernel),
		cmocka_unit_test(classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
