// SPDX-License-Identifier: GPL-2.0-or-later
/* deny.c - refuse: by a cgroup program as systemd makes one, or by seccomp or Landlock around a command */

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fault.h"

static const char usage[] =
	"usage: deny egress|connect4|connect6|bind4|bind6|post_bind4|post_bind6|socket CGROUP-DIRECTORY\n"
	"       deny errno NUMBER CALL[,CALL...] COMMAND [ARGUMENT...]\n"
	"       deny landlock COMMAND [ARGUMENT...]\n";

static const struct point {
	const char *name;
	int program;
	int attach;
} points[] = {
	{ "egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS },
	{ "connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT },
	{ "connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT },
	{ "bind4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND },
	{ "bind6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND },
	{ "post_bind4", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND },
	{ "post_bind6", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND },
	{ "socket", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE },
};

static const struct call {
	const char *name;
	int number;
	int command; /* first argument, -1 any */
} calls[] = {
	{ "connect", SYS_connect, -1 },
	{ "bind", SYS_bind, -1 },
	{ "socket", SYS_socket, -1 },
	{ "socket4", SYS_socket, AF_INET },
	{ "socket6", SYS_socket, AF_INET6 },
	{ "fsopen", SYS_fsopen, -1 },
	{ "map-create", SYS_bpf, BPF_MAP_CREATE },
};

/* From now on the call answers with @err, as a sandbox makes it. */
static void deny_by_seccomp(const struct call *call, int err)
{
	/* the first argument's lower half: commands are small */
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->command, 1, call->command < 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
	};
	struct sock_fprog prog = { .len = sizeof(insns) / sizeof(insns[0]), .filter = insns };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp");
}

/* @names: "connect,bind" */
static void deny_calls(char *names, int err)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		size_t i = 0;

		while (i < sizeof(calls) / sizeof(calls[0]) && strcmp(calls[i].name, name))
			i++;
		if (i == sizeof(calls) / sizeof(calls[0])) {
			errno = ENOSYS;
			die(name);
		}
		deny_by_seccomp(&calls[i], err);
	}
}

/* The program is gone with this process, which ends with its standard input. */
static void deny_in_cgroup(const char *what, const char *directory)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
				    { .code = BPF_JMP | BPF_EXIT } };
	const struct point *point = points;
	union bpf_attr load = {}, link = {};

	while (strcmp(point->name, what) != 0)
		if (++point == points + sizeof(points) / sizeof(points[0])) {
			errno = EINVAL;
			die(what);
		}
	load.prog_type = point->program;
	load.expected_attach_type = point->attach;
	memcpy(load.prog_name, "deny", sizeof("deny"));
	load.insns = (unsigned long)insns;
	load.insn_cnt = 2;
	load.license = (unsigned long)"GPL";
	link.link_create.prog_fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	link.link_create.target_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	link.link_create.attach_type = load.expected_attach_type;
	if ((int)link.link_create.prog_fd < 0 || (int)link.link_create.target_fd < 0 ||
	    syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link)) < 0)
		die("cgroup program");
	print_head("denying");
	print_tail();
	hold_until_told();
}

/* Landlock lets the process connect and bind nowhere by TCP (4: 6.7). */
static void deny_by_landlock(void)
{
	const struct {
		__u64 files, net;
	} all = { .net = 3 };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0))
		die("landlock");
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "landlock")) {
		deny_by_landlock();
		execv(argv[2], argv + 2);
		die(argv[2]);
	}
	if (argc > 4 && !strcmp(argv[1], "errno")) {
		deny_calls(argv[3], atoi(argv[2]));
		execv(argv[4], argv + 4);
		die(argv[4]);
	}
	if (argc != 3) {
		fputs(usage, stderr);
		return 2;
	}
	deny_in_cgroup(argv[1], argv[2]);
	return 0;
}
