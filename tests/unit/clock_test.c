// SPDX-License-Identifier: GPL-2.0-or-later
/* clock_test.c - headers, clocks, the start record, names of the running kernel */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/tell.h"

struct heard {
	size_t count;
	__u8 last[EVENT_SIZE_MAX];
	int drops; /* names of drop reasons */
	int resets;
	int refuse; /* what the sink answers */
};

static const struct event_header *head_of(const struct heard *heard)
{
	return (const void *)heard->last;
}

static const void *body_of(const struct heard *heard)
{
	return heard->last + sizeof(struct event_header);
}

static int hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;

	memcpy(heard->last, record, size);
	heard->count++;
	if (head_of(heard)->kind == EVENT_NAME) {
		const struct ev_name *name = body_of(heard);

		assert_true(name->text[0] != '\0');
		heard->drops += name->space == NAME_DROP_REASON;
		heard->resets += name->space == NAME_RESET_REASON;
	}
	return heard->refuse;
}

static void headers(void **state)
{
	struct event_header head;
	__u64 before = clock_read_ns(CLOCK_MONOTONIC);

	(void)state;
	collect_header(&head, EVENT_CLOCK, sizeof(struct ev_clock));
	assert_int_equal(head.kind, EVENT_CLOCK);
	assert_int_equal(head.size, sizeof(head) + sizeof(struct ev_clock));
	assert_int_equal(head.vantage, VANTAGE_USER);
	assert_int_equal(head.known, 0);
	assert_true(head.ts_ns >= before && head.ts_ns <= clock_read_ns(CLOCK_MONOTONIC));
}

static void the_clocks(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	const struct ev_clock *clock = body_of(&heard);

	(void)state;
	assert_int_equal(host_tell_clock(&sink), 0);
	assert_int_equal(head_of(&heard)->kind, EVENT_CLOCK);
	assert_true(clock->realtime_ns / NS_PER_S >= (__u64)time(NULL) - 2);
	assert_true(clock->boottime_ns >= clock->monotonic_ns);
	heard.refuse = -ENOSPC;
	assert_int_equal(host_tell_clock(&sink), -ENOSPC);
}

static void the_start(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	const struct ev_start *start = body_of(&heard);
	char boot_id[64], printed[64] = "", long_line[400];
	struct utsname names;
	unsigned int major, minor;

	(void)state;
	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\0';
	assert_int_equal(host_tell_start(&sink, "1.2.3", long_line), 0);
	assert_int_equal(uname(&names), 0);
	assert_string_equal(start->version, "1.2.3");
	assert_string_equal(start->host, names.nodename);
	assert_string_equal(start->machine, names.machine);
	assert_int_equal(strlen(start->arguments), sizeof(start->arguments) - 1);
	assert_int_equal(start->pid, getpid());
	assert_int_equal(sscanf(names.release, "%u.%u", &major, &minor), 2);
	assert_int_equal(start->kernel_version >> 8, major << 8 | minor);

	/* As the kernel prints it. */
	assert_true(tell_read_file("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id)) >
		    0);
	for (int i = 0; i < 16; i++)
		snprintf(printed + strlen(printed), 4, "%s%02x",
			 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", start->boot_id[i]);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	assert_string_equal(printed, boot_id);
}

static void copies_carry_no_old_bytes(void **state)
{
	char to[8] = "1234567";

	(void)state;
	tell_copy(to, "ab", sizeof(to));
	assert_memory_equal(to, "ab\0\0\0\0\0\0", sizeof(to));
	tell_copy(to, "longer than it", sizeof(to));
	assert_string_equal(to, "longer ");
}

static void files(void **state)
{
	char text[8];

	(void)state;
	assert_int_equal(tell_read_file("/dev/zero", text, sizeof(text)), 7);
	assert_int_equal(text[7], '\0');
	assert_int_equal(tell_read_file("/no/such/file", text, sizeof(text)), -ENOENT);
	assert_int_equal(tell_read_file("/proc/self/fd", text, sizeof(text)), -EISDIR);
}

struct reasons {
	int count;
	bool no_socket;
	bool prefixed;
};

static void take_reason(void *ctx, __u32 value, const char *name)
{
	struct reasons *reasons = ctx;

	reasons->count++;
	reasons->no_socket |= !strcmp(name, "NO_SOCKET") && value > 0;
	reasons->prefixed |= !strncmp(name, "SKB_DROP_REASON_", 16);
}

static void reasons_of_this_kernel(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct reasons reasons = { 0 };

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		print_message("this kernel shows no BTF\n");
		skip();
	}
	assert_int_equal(host_tell_names(&sink, take_reason, &reasons), 0);
	assert_int_equal(heard.drops, reasons.count);
	if (!reasons.count) {
		print_message("this kernel has no drop reasons (5.17)\n");
		skip();
	}
	assert_true(reasons.count > 20);
	assert_true(reasons.no_socket);
	assert_false(reasons.prefixed);
	heard.refuse = -ENOSPC;
	assert_int_equal(host_tell_names(&sink, NULL, NULL), -ENOSPC);
}

/* The address of a function's middle gives its name. */
static void symbols_of_this_kernel(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	const struct ev_name *name = body_of(&heard);
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long address = 0;
	char line[512];

	(void)state;
	while (file && !address && fgets(line, sizeof(line), file))
		if (strstr(line, " T tcp_v4_rcv\n"))
			sscanf(line, "%llx", &address);
	if (file)
		fclose(file);
	if (!address) {
		print_message("kernel addresses are hidden here\n");
		skip();
	}
	assert_int_equal(host_tell_symbol(&sink, address + 17), 0);
	assert_string_equal(name->text, "tcp_v4_rcv");
	assert_int_equal(name->value, address + 17);
	assert_int_equal(name->space, NAME_SYMBOL);
	assert_int_equal(host_tell_symbol(&sink, 1), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(the_clocks),
		cmocka_unit_test(the_start),
		cmocka_unit_test(copies_carry_no_old_bytes),
		cmocka_unit_test(files),
		cmocka_unit_test(reasons_of_this_kernel),
		cmocka_unit_test(symbols_of_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
