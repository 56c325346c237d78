// SPDX-License-Identifier: GPL-2.0-or-later
/* fence_syscalls.c - which system calls may still be made: seccomp */

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fence/fence.h"
#include "util/array.h"

/*
 * The lists are what strace (6.1) saw over the tests of commands, and of the live agent from its first
 * wait on, with what other versions of the C library call in their place. A name that an architecture does
 * not have is passed over.
 */

/* Memory, files that are open, time, the end. */
static const char *const common[] = {
	"brk",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"close",
	"dup",
	"exit",
	"exit_group",
	"fadvise64",
	"fcntl",
	"fdatasync",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futex",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getrandom",
	"gettid",
	"gettimeofday",
	"getuid",
	"lseek",
	"madvise",
	"mremap",
	"munmap",
	"nanosleep",
	"newfstatat",
	"poll",
	"ppoll",
	"pread64",
	"pwrite64",
	"read",
	"readv",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"set_robust_list",
	"sigaltstack",
	"statx",
	"tgkill",
	"write",
	"writev",
};

/* Files that are made, renamed and removed later: --rotate, a reload, the file of --metrics. */
static const char *const makes[] = {
	"access", "faccessat", "faccessat2", "fchmod",	  "fchmodat", "open",
	"openat", "rename",    "renameat",   "renameat2", "unlink",   "unlinkat",
};

/* The ring and the host: /proc of others, their namespaces, netlink; the journal, the service manager. */
static const char *const live[] = {
	"bind",
	"capget", /* privilege_open() */
	"capset",
	"connect",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"getdents64",
	"getsockname",
	"getsockopt",
	"inotify_add_watch",
	"inotify_rm_watch",
	"lstat",
	"openat2",
	"prlimit64",
	"readlink",
	"readlinkat",
	"recvfrom",
	"recvmsg",
	"sendmsg",
	"sendto",
	"setns",
	"setsockopt",
	"stat",
	"statfs",
	"timerfd_settime",
	"uname",
	"wait4",
	"waitid",
};

/* Clients at a socket that listens already. */
static const char *const serves[] = { "accept4", "recvfrom", "sendto", "shutdown" };

/* It loads no further program and makes no map. */
static const int bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,	BPF_MAP_UPDATE_ELEM,  BPF_MAP_DELETE_ELEM,  BPF_MAP_GET_NEXT_KEY,
	BPF_PROG_ATTACH,	BPF_PROG_DETACH,      BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID,
	BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY,	      BPF_LINK_CREATE,	    BPF_LINK_DETACH,
	BPF_LINK_GET_FD_BY_ID,	BPF_LINK_GET_NEXT_ID, BPF_ITER_CREATE,
};

/* Not among them: what puts letters into a terminal's input (TIOCSTI, TIOCLINUX). */
static const unsigned long ioctls[] = {
	TCGETS,	      TIOCGWINSZ, FIONREAD,	 SIOCGIFNAME,
	SIOCGIFINDEX, SIOCGIFMTU, NS_GET_NSTYPE, PERF_EVENT_IOC_DISABLE,
};

/* How a terminal takes keys and shows letters: set at a stop, after it, and given back at the end. */
static const unsigned long terminal_ioctls[] = {
	TCSETS, TCSETSW, TCSETSF, TCFLSH, TCSBRK, TIOCGPGRP
};

bool fence_syscalls_known(void)
{
	/* -EFAULT: it looked for the filter at NULL (seccomp(2)) */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) && errno == EFAULT;
}

static int allow(scmp_filter_ctx filter, const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number == __NR_SCMP_ERROR || number < 0 ?
		       0 :
		       seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

static int allow_all(scmp_filter_ctx filter, const char *const *names, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = allow(filter, names[i]);
	return err;
}

/* The call whose argument @at has the bits of @mask as @value says. */
static int allow_if(scmp_filter_ctx filter, int number, unsigned int at, __u64 mask, __u64 value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
				SCMP_CMP64(at, SCMP_CMP_MASKED_EQ, mask, value));
}

static int allow_memory(scmp_filter_ctx filter)
{
	int err = allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);

	return err ? err : allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
}

static int allow_ioctls(scmp_filter_ctx filter, const struct fence_plan *plan)
{
	size_t of_terminal = plan->terminal ? ARRAY_SIZE(terminal_ioctls) : 0;
	int err = 0;

	/* the kernel looks at 32 bits of it */
	for (size_t i = 0; i < ARRAY_SIZE(ioctls) && !err; i++)
		err = allow_if(filter, SCMP_SYS(ioctl), 1, 0xffffffff, ioctls[i]);
	for (size_t i = 0; i < of_terminal && !err; i++)
		err = allow_if(filter, SCMP_SYS(ioctl), 1, 0xffffffff, terminal_ioctls[i]);
	/* Ctrl-Z: it gives its terminal back, and stops itself */
	if (!err && plan->terminal)
		err = allow(filter, "getpgrp");
	if (!err && plan->terminal && !plan->signals)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return err;
}

/* Netlink, and datagrams to a path of this host: none that leaves it. */
static int allow_sockets(scmp_filter_ctx filter)
{
	int err = allow_if(filter, SCMP_SYS(socket), 0, 0xffffffff, AF_NETLINK);

	return err ? err : allow_if(filter, SCMP_SYS(socket), 0, 0xffffffff, AF_UNIX);
}

static int allow_live(scmp_filter_ctx filter, const struct fence_plan *plan)
{
	int err = allow_all(filter, live, ARRAY_SIZE(live));

	err = err ? err : allow_all(filter, makes, ARRAY_SIZE(makes));
	err = err ? err : allow_sockets(filter);
	for (size_t i = 0; i < ARRAY_SIZE(bpf_commands) && !err; i++)
		err = allow_if(filter, SCMP_SYS(bpf), 0, 0xffffffff, (__u64)bpf_commands[i]);
	return err || !plan->signals ? err : allow(filter, "kill");
}

static int allow_reading(scmp_filter_ctx filter, const struct fence_plan *plan)
{
	int err = 0;

	/* its own limits are read, and not set */
	err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
			       SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
	if (!err && plan->folders[0])
		return allow_all(filter, makes, ARRAY_SIZE(makes));
	if (!err && plan->reads[0])
		err = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC,
			       O_RDONLY);
	return err;
}

int fence_syscalls_up(const struct fence_plan *plan)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? allow_all(filter, common, ARRAY_SIZE(common)) : -ENOMEM;

	err = err ? err : allow_memory(filter);
	err = err ? err : allow_ioctls(filter, plan);
	err = err ? err : plan->live ? allow_live(filter, plan) : allow_reading(filter, plan);
	err = err || !plan->serves ? err : allow_all(filter, serves, ARRAY_SIZE(serves));
	err = err ? err : seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return err;
}
