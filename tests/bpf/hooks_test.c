// SPDX-License-Identifier: GPL-2.0-or-later
/* hooks_test.c - every program loads and attaches on this kernel; what is missing is said (root) */
#include "lab.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "attach/exits.h"
#include "attach/features.h"

static void check_hooks(const struct attach *attach, const char *const *left_out)
{
	size_t count, attached = 0;
	const struct attach_hook *hooks = attach_hooks(attach, &count);

	for (size_t i = 0; i < count; i++) {
		enum event_hook_state wanted = HOOK_ATTACHED;

		/* the hooks that a kernel of today may lack, and what stands in for one of them */
		if (strcmp(hooks[i].name, "tcx") == 0 && features_kernel_version() < KERNEL(6, 6))
			wanted = HOOK_MISSING;
		if (strcmp(hooks[i].name, "send") == 0 && features_kernel_version() < KERNEL(6, 3))
			wanted = HOOK_MISSING;
		if (strcmp(hooks[i].name, "syscall-send") == 0 &&
		    features_kernel_version() >= KERNEL(6, 3))
			wanted = HOOK_LEFT_OUT;

		for (size_t n = 0; left_out[n]; n++)
			if (strcmp(left_out[n], hooks[i].name) == 0)
				wanted = HOOK_LEFT_OUT;
		if (hooks[i].state != wanted)
			print_error("hook %s: state %u, error %d: %s\n", hooks[i].name,
				    hooks[i].state, hooks[i].error,
				    hooks[i].why ? hooks[i].why : "");
		assert_int_equal(hooks[i].state, wanted);
		assert_non_null(hooks[i].lost);
		assert_true(wanted == HOOK_ATTACHED || hooks[i].why);
		attached += wanted == HOOK_ATTACHED;
	}
	print_message("%zu of %zu hooks attached\n", attached, count);
}

static void test_every_hook_attaches(void **state)
{
	static const char *const without_tcx[] = { "cgroup", "tcx", NULL };
	static const char *const without_tc[] = { "tcx", "clsact", "process", "calls", NULL };
	const char *without_cgroup[] = { "cgroup", "clsact", NULL };
	struct lab *lab;

	if (features_kernel_version() < KERNEL(6, 6))
		without_cgroup[1] = NULL; /* it stands in for tcx */

	(void)state;
	lab = lab_enter();
	lab_start(lab, (struct attach_options){ .follow = true, .timeline = true });
	check_hooks(lab->attach, without_cgroup);
	lab_leave(lab);

	lab = lab_enter();
	lab_start(lab, (struct attach_options){ .follow = true,
						.timeline = true,
						.left_out = (const char *const[]){ "tcx", NULL } });
	check_hooks(lab->attach, without_tcx);
	lab_leave(lab);

	lab = lab_enter();
	lab_start(lab, (struct attach_options){ .packets = PACKETS_CGROUP });
	check_hooks(lab->attach, without_tc);
	lab_leave(lab);
}

static void test_each_hook_can_be_left_out(void **state)
{
	struct lab *lab = lab_enter();
	struct attach_options options = { .ring_bytes = LAB_RING_BYTES };
	const char *names[64];
	size_t count;

	(void)state;
	lab_start(lab, options);
	for (size_t i = 0; i < 64; i++)
		names[i] = NULL;
	attach_hooks(lab->attach, &count);
	for (size_t i = 0; i < count; i++)
		names[i] = attach_hooks(lab->attach, &count)[i].name;
	/* all but one */
	names[0] = names[count - 1];
	names[count - 1] = NULL;
	lab_leave(lab);

	lab = lab_enter();
	options.left_out = names;
	assert_int_equal(attach_open(&lab->attach, &options), 0);
	assert_int_equal(attach_start(lab->attach), 0);
	assert_int_equal(attach_hooks(lab->attach, &count)[0].state, HOOK_ATTACHED);
	for (size_t i = 1; i < count; i++)
		assert_int_equal(attach_hooks(lab->attach, &count)[i].state, HOOK_LEFT_OUT);
	assert_int_equal(attach_iterate(lab->attach, ITERATOR_TCP), -ENOTSUP);
	lab_leave(lab);
}

static bool holds_program(const char *name)
{
	for (int fd = 0; fd < 1024; fd++) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);
		char path[32], is[32] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, is, sizeof(is) - 1) > 0 &&
		    strcmp(is, "anon_inode:bpf-prog") == 0 &&
		    !bpf_obj_get_info_by_fd(fd, &info, &size) && strcmp(info.name, name) == 0)
			return true;
	}
	return false;
}

/* Where their functions return, or at their trace events, as the kernel can: never both. */
static void test_system_calls_are_told_one_way(void **state)
{
	struct lab *lab = lab_enter();
	struct features features;
	bool at_functions;

	(void)state;
	assert_int_equal(features_open(&features), 0);
	at_functions = exits_attach(&features);
	features_close(&features);
	print_message("system calls are told at their %s\n",
		      at_functions ? "functions" : "trace events");
	lab_start(lab, (struct attach_options){ .ring_bytes = LAB_RING_BYTES });
	assert_int_equal(holds_program("exit_connect"), at_functions);
	assert_int_equal(holds_program("exit_accept4"), at_functions);
	assert_int_equal(holds_program("on_connect"), !at_functions);
	assert_int_equal(holds_program("on_accept4"), !at_functions);
	lab_leave(lab);
}

static void test_unknown_hook_is_refused(void **state)
{
	static const char *const names[] = { "state", "no-such-hook", NULL };
	struct attach_options options = { .ring_bytes = LAB_RING_BYTES, .left_out = names };
	struct attach *attach;

	(void)state;
	assert_int_equal(attach_open(&attach, &options), -EINVAL);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct attach_options options = { .ring_bytes = LAB_RING_BYTES };
	struct attach *attach;

	must(syscall(SYS_capset, &header, data) == 0, "capset");
	must(attach_open(&attach, &options) == -EPERM, "attach_open() without capabilities");
}

static void test_missing_capabilities_are_refused(void **state)
{
	(void)state;
	lab_run(drop_capabilities);
}

static void test_probe_finds_everything_here(void **state)
{
	struct attach_check checks[32];
	size_t count = attach_probe(checks, ARRAY_SIZE(checks));

	(void)state;
	assert_in_range(count, 8, ARRAY_SIZE(checks) - 1);
	for (size_t i = 0; i < count; i++) {
		if (!checks[i].ok)
			print_message("%s: %s\n", checks[i].name, checks[i].detail);
		assert_true(checks[i].ok || !checks[i].needed);
		assert_true(checks[i].ok || features_kernel_version() < KERNEL(6, 10) ||
			    strcmp(checks[i].name, "function exits") == 0);
		assert_true(checks[i].detail[0] != '\0');
		assert_true(!checks[i].hint == checks[i].ok);
	}
	assert_int_equal(attach_probe(checks, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_hook_attaches),
		cmocka_unit_test(test_each_hook_can_be_left_out),
		cmocka_unit_test(test_system_calls_are_told_one_way),
		cmocka_unit_test(test_unknown_hook_is_refused),
		cmocka_unit_test(test_missing_capabilities_are_refused),
		cmocka_unit_test(test_probe_finds_everything_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
