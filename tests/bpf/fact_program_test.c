// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_program_test.c - programs in a connection's way are found, our own are not among them */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/bpf.h>

#include "child.h"
#include "netns.h"
#include "util/address.h"
#include "util/array.h"

#define TCX_EGRESS 47

static struct heard heard;
static const struct record_sink sink = { netns_hear, &heard };
static struct host *host;

static int begin(void **state)
{
	const struct host_options options = { .sink = &sink };

	(void)state;
	netns_enter_fresh();
	netns_run("ip link add swA type veth peer name swB");
	netns_run("ip link set swA up; ip link set swB up; ip addr add 10.77.0.1/24 dev swA");
	return host_open(&host, &options);
}

static int end(void **state)
{
	(void)state;
	host_close(host);
	return 0;
}

static void fetch(__u32 pid)
{
	struct fact_request request = {
		.attempt = 1,
		.wanted = BIT(FACT_BPF_PROGRAM),
		.netns = netns_inode("/proc/self/ns/net"),
		.pid = pid,
	};

	address_from_ipv4(request.tuple.remote, (__u8[]){ 10, 77, 0, 2 });
	heard.count = 0;
	assert_int_equal(host_fetch(host, &request, NULL, NULL), 0);
}

static const struct ev_fact *find(const char *name)
{
	for (size_t i = 0; i < heard.count; i++)
		if (heard.at[i].head.kind == EVENT_FACT && !strcmp(heard.at[i].fact.name, name))
			return &heard.at[i].fact;
	return NULL;
}

/* A program that lets everything pass; @salt makes its tag another. */
static int load(enum bpf_prog_type type, const char *name, int verdict, int salt)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = salt },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(type, name, "GPL", code, ARRAY_SIZE(code), NULL);

	assert_true(fd >= 0);
	return fd;
}

/* Runs with the program loaded and attached by a process of its own, as another's would be. */
static pid_t by_another(int (*attach)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = child_fork();
	if (!pid) {
		if (attach() < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int attach_tcx(void)
{
	return bpf_link_create(load(BPF_PROG_TYPE_SCHED_CLS, "others_tcx", -1, 1),
			       if_nametoindex("swA"), TCX_EGRESS, NULL);
}

/* No test of what the kernel does not have: TC links came with 6.6. */
static void need_tc_links(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	if (major > 6 || (major == 6 && minor >= 6))
		return;
	print_message("Linux %s has no TC links\n", name.release);
	skip();
}

static void at_the_interface(void **state)
{
	pid_t pid;

	(void)state;
	need_tc_links();
	pid = by_another(attach_tcx);
	fetch(getpid());
	assert_non_null(find("others_tcx"));
	assert_string_equal(find("others_tcx")->text, "dev swA, tc egress");
	assert_true(find("others_tcx")->number > 0);
	stop(pid);
}

static int attach_xdp(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = 1 << 1 /* XDP_FLAGS_SKB_MODE */);

	return bpf_link_create(load(BPF_PROG_TYPE_XDP, "others_xdp", 2, 1), if_nametoindex("swA"),
			       BPF_XDP, &options);
}

static void before_the_stack(void **state)
{
	pid_t pid = by_another(attach_xdp);

	(void)state;
	fetch(getpid());
	assert_non_null(find("others_xdp"));
	assert_string_equal(find("others_xdp")->text, "dev swA, xdp");
	stop(pid);
}

/* Held by this process, or with the same instructions as what it holds: another agent's. */
static int attach_twin(void)
{
	return bpf_link_create(load(BPF_PROG_TYPE_SCHED_CLS, "twin", -1, 2), if_nametoindex("swA"),
			       TCX_EGRESS, NULL);
}

static void our_own_are_left_out(void **state)
{
	int program, link;
	pid_t pid;

	(void)state;
	need_tc_links();
	program = load(BPF_PROG_TYPE_SCHED_CLS, "ours", -1, 2);
	link = bpf_link_create(program, if_nametoindex("swA"), TCX_EGRESS, NULL);
	assert_true(link >= 0);
	pid = by_another(attach_twin);
	fetch(getpid());
	assert_null(find("ours"));
	assert_null(find("twin"));
	close(link);
	close(program);
	fetch(getpid());
	assert_non_null(find("twin"));
	stop(pid);
}

/* ---- cgroups ---- */

static char cgroup[256];

static bool find_cgroup_root(char *root)
{
	FILE *file = fopen("/proc/self/mountinfo", "r");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, " - cgroup2 ") &&
			sscanf(line, "%*u %*u %*s %*s %200s", root) == 1;
	if (file)
		fclose(file);
	return found;
}

static int attach_cgroup(void)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY);

	return bpf_link_create(load(BPF_PROG_TYPE_CGROUP_SKB, "others_egress", 1, 1), fd,
			       BPF_CGROUP_INET_EGRESS, NULL);
}

static void along_the_cgroup_path(void **state)
{
	char root[256], procs[300];
	pid_t holder, child;
	FILE *file;

	(void)state;
	if (!find_cgroup_root(root)) {
		print_message("no cgroup v2 is mounted here\n");
		skip();
	}
	snprintf(cgroup, sizeof(cgroup), "%.200s/swcol%d", root, getpid());
	assert_int_equal(mkdir(cgroup, 0755), 0);
	child = child_fork();
	if (!child) {
		pause();
		_exit(0);
	}
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	file = fopen(procs, "w");
	assert_non_null(file);
	fprintf(file, "%d\n", child);
	assert_int_equal(fclose(file), 0);
	holder = by_another(attach_cgroup);
	fetch(child);
	assert_non_null(find("others_egress"));
	assert_non_null(strstr(find("others_egress")->text, "cgroup /"));
	assert_non_null(strstr(find("others_egress")->text, ", egress"));
	fetch(getpid()); /* is not in that cgroup */
	assert_null(find("others_egress"));
	stop(holder);
	stop(child);
	assert_int_equal(rmdir(cgroup), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_the_interface, begin, end),
		cmocka_unit_test_setup_teardown(before_the_stack, begin, end),
		cmocka_unit_test_setup_teardown(our_own_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(along_the_cgroup_path, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
