// SPDX-License-Identifier: GPL-2.0-or-later
/* leftover_test.c - packet hooks come and go, and what a crash leaves is found and removed (root) */
#include "lab.h"

#include <signal.h>

#include <bpf/bpf.h>

#include "attach/features.h"
#include "attach/tc.h"

static const char *const WITHOUT_TCX[] = { "tcx", NULL };
#define CLSACT_OPTIONS                                                \
	{                                                             \
		.ring_bytes = LAB_RING_BYTES, .left_out = WITHOUT_TCX \
	}

struct found {
	size_t count;
	size_t removed;
	struct attach_leftover last;
};

static void take_found(void *ctx, const struct attach_leftover *leftover)
{
	struct found *found = ctx;

	found->count++;
	found->removed += leftover->removed;
	found->last = *leftover;
}

static void count_filters(void *ctx, const struct tc_filter *filter)
{
	(void)filter;
	++*(size_t *)ctx;
}

static void count_clsacts(void *ctx, __u32 ifindex)
{
	(void)ifindex;
	++*(size_t *)ctx;
}

static size_t filters_at_lo(void)
{
	struct nl_sock *socket = tc_open();
	size_t count = 0;

	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS; d++)
		assert_int_equal(tc_filter_list(socket, 1, d, count_filters, &count), 0);
	tc_close(socket);
	return count;
}

static size_t clsacts(void)
{
	struct nl_sock *socket = tc_open();
	size_t count = 0;

	assert_int_equal(tc_clsact_list(socket, count_clsacts, &count), 0);
	tc_close(socket);
	return count;
}

/* An agent that attached to lo by filters. */
static struct attach *start_agent(__u32 netns, __u32 *flags)
{
	struct attach_options options = CLSACT_OPTIONS;
	struct attach *attach;

	must(attach_open(&attach, &options) == 0, "attach_open()");
	must(attach_start(attach) == 0, "attach_start()");
	must(attach_interface(attach, netns, 1, "lo", flags) == 0, "attach_interface()");
	return attach;
}

static void crash(void)
{
	__u32 flags = 0;

	start_agent(1, &flags);
	/* no attach_close(): the filter stays */
}

/* A filter of somebody else. */
static void add_foreign_filter(const char *name)
{
	struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", pass, ARRAY_SIZE(pass),
			       NULL);
	struct nl_sock *socket = tc_open();
	bool chained;

	assert_true(fd >= 0);
	assert_int_equal(tc_filter_attach(socket, fd, 1, TC_OUT, name, &chained), 0);
	tc_close(socket);
	close(fd);
}

static void test_links_go_with_the_agent(void **state)
{
	struct lab *lab = lab_enter();
	__u32 flags = 0;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	assert_int_equal(attach_interface(lab->attach, lab->netns, 1, "lo", &flags), -EALREADY);
	attach_forget_interface(lab->attach, lab->netns, 1);
	assert_int_equal(attach_interface(lab->attach, lab->netns, 1, "lo", &flags), 0);
	assert_int_equal(flags, INTERFACE_F_TC_OUT);
	assert_int_equal(attach_interface(lab->attach, lab->netns, 77, "gone", &flags), -ENODEV);
	assert_int_equal(clsacts(), features_kernel_version() < KERNEL(6, 6) ? 1 : 0);
	lab_leave(lab);
}

static void test_filters_go_with_the_agent(void **state)
{
	struct lab *lab = lab_enter();
	struct attach *attach;
	__u32 flags = 0;

	(void)state;
	attach = start_agent(lab->netns, &flags);
	assert_int_equal(flags, INTERFACE_F_TC_OUT);
	assert_int_equal(filters_at_lo(), 1);
	attach_close(attach);
	assert_int_equal(clsacts(), 0);
	free(lab);
}

static void test_filters_tell_packets_too(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ .left_out = WITHOUT_TCX });
	lab_run(connect_refused);
	lab_drain(lab);
	assert_int_equal(lab_count(lab, EVENT_PACKET), 2);
	lab_leave(lab);
}

static void test_a_filter_in_front_is_told_of(void **state)
{
	struct lab *lab = lab_enter();
	struct attach *attach;
	__u32 flags = 0;

	(void)state;
	add_foreign_filter("foreign");
	attach = start_agent(lab->netns, &flags);
	assert_int_equal(flags, INTERFACE_F_TC_OUT | INTERFACE_F_CHAINED);
	attach_close(attach);
	/* the other one's filter and clsact stay */
	assert_int_equal(filters_at_lo(), 1);
	assert_int_equal(clsacts(), 1);
	free(lab);
}

static void test_leftovers_are_found_and_removed(void **state)
{
	struct lab *lab = lab_enter();
	struct found found = { 0 };

	(void)state;
	lab_run(crash);
	assert_int_equal(filters_at_lo(), 1);
	assert_int_equal(attach_clean(true, take_found, &found), 1);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.removed, 0);
	assert_string_equal(found.last.interface, "lo");
	assert_non_null(strstr(found.last.what, "tc egress filter prio"));
	assert_int_equal(filters_at_lo(), 1);

	found = (struct found){ 0 };
	assert_int_equal(attach_clean(false, take_found, &found), 2);
	assert_int_equal(found.removed, 2);
	assert_string_equal(found.last.what, "clsact");
	assert_int_equal(clsacts(), 0);
	assert_int_equal(attach_clean(false, take_found, &found), 0);
	free(lab);
}

static void test_the_next_start_cleans(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_run(crash);
	assert_int_equal(filters_at_lo(), 1);
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE });
	assert_int_equal(clsacts(), 0);
	lab_leave(lab);
}

static void test_foreign_filters_are_left_alone(void **state)
{
	struct lab *lab = lab_enter();
	struct found found = { 0 };

	(void)state;
	lab_run(crash);
	add_foreign_filter("foreign");
	add_foreign_filter("sockwhy:not-ours");
	assert_int_equal(attach_clean(false, take_found, &found), 1);
	assert_int_equal(found.removed, 1);
	assert_int_equal(filters_at_lo(), 2);
	assert_int_equal(clsacts(), 1);
	free(lab);
}

/* Another process has our number now: its start time differs. */
static void test_a_reused_pid_is_no_owner(void **state)
{
	struct lab *lab = lab_enter();
	char name[TC_FILTER_NAME_SIZE], other[TC_FILTER_NAME_SIZE];

	(void)state;
	assert_int_equal(tc_filter_own_name(name), 0);
	assert_false(tc_filter_is_orphan(name));
	snprintf(other, sizeof(other), "sockwhy:%d:1", getpid());
	assert_true(tc_filter_is_orphan(other));
	assert_false(tc_filter_is_orphan("sockwhy:1"));
	assert_false(tc_filter_is_orphan("sockwhy:99999999:1 "));
	assert_false(tc_filter_is_orphan("other:99999999:1"));
	add_foreign_filter(name);
	assert_int_equal(attach_clean(false, NULL, NULL), 0);
	assert_int_equal(filters_at_lo(), 1);
	free(lab);
}

/* A filter is removed only if the kernel still tells the same of it. */
static void remember_filter(void *ctx, const struct tc_filter *filter)
{
	*(struct tc_filter *)ctx = *filter;
}

static void test_a_replaced_filter_is_left_alone(void **state)
{
	struct lab *lab = lab_enter();
	struct nl_sock *socket;
	struct tc_filter filter;

	(void)state;
	lab_run(crash);
	socket = tc_open();
	assert_int_equal(tc_filter_list(socket, 1, TC_OUT, remember_filter, &filter), 0);
	filter.program_id++;
	assert_int_equal(tc_filter_remove(socket, &filter), -ESTALE);
	filter.program_id--;
	filter.tag[0]++;
	assert_int_equal(tc_filter_remove(socket, &filter), -ESTALE);
	assert_int_equal(filters_at_lo(), 1);
	filter.tag[0]--;
	assert_int_equal(tc_filter_remove(socket, &filter), 0);
	assert_int_equal(filters_at_lo(), 0);
	tc_close(socket);
	free(lab);
}

static void run_until_continued(void)
{
	__u32 flags = 0;
	struct attach *attach = start_agent(1, &flags);

	raise(SIGSTOP);
	attach_close(attach);
}

/* Two agents on one interface: the first to end leaves the other's filter, the last the host clean. */
static void test_two_agents_share_a_clsact(void **state)
{
	struct lab *lab = lab_enter();
	struct attach *attach;
	__u32 flags = 0;
	int status;
	pid_t pid;

	(void)state;
	pid = lab_spawn(run_until_continued);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	attach = start_agent(lab->netns, &flags);
	assert_int_equal(filters_at_lo(), 2);
	assert_int_equal(attach_clean(false, NULL, NULL), 0);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(filters_at_lo(), 1);
	attach_close(attach);
	assert_int_equal(clsacts(), 0);
	free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_go_with_the_agent),
		cmocka_unit_test(test_filters_go_with_the_agent),
		cmocka_unit_test(test_filters_tell_packets_too),
		cmocka_unit_test(test_a_filter_in_front_is_told_of),
		cmocka_unit_test(test_leftovers_are_found_and_removed),
		cmocka_unit_test(test_the_next_start_cleans),
		cmocka_unit_test(test_foreign_filters_are_left_alone),
		cmocka_unit_test(test_a_reused_pid_is_no_owner),
		cmocka_unit_test(test_a_replaced_filter_is_left_alone),
		cmocka_unit_test(test_two_agents_share_a_clsact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
