// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * escape.c - LD_PRELOAD: at the program's first read() of what it judges, or at its first wait for records,
 * it tries what somebody would who has broken in, and prints a line each: what, and 0 or an errno.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void told(const char *what, long result)
{
	dprintf(STDERR_FILENO, "escape %s %d\n", what, result < 0 ? errno : 0);
}

static void try_files(void)
{
	const char *made = getenv("ESCAPE_MADE"), *victim = getenv("ESCAPE_VICTIM");

	told("read-file", open("/etc/passwd", O_RDONLY));
	told("make-file", open(made ? made : "", O_WRONLY | O_CREAT, 0666));
	told("remove-file", unlink(victim ? victim : ""));
}

static void try_calls(void)
{
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	long child;

	told("socket", socket(AF_INET, SOCK_STREAM, 0));
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child)
		syscall(SYS_exit_group, 0);
	told("fork", child);
	told("exec", execl("/nowhere", "nowhere", NULL));
	told("trace", ptrace(PTRACE_ATTACH, 0, 0, 0));
	told("code", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
				     MAP_FAILED ?
			     -1 :
			     0);
	told("terminal", ioctl(STDIN_FILENO, TIOCSTI, "x"));
	told("root", setresuid(0, 0, 0));
	told("program", syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)));
}

static void escape(void)
{
	static int done;

	if (done++)
		return;
	dprintf(STDERR_FILENO, "escape uid %d\n", (int)getuid());
	try_files();
	try_calls();
}

ssize_t read(int fd, void *to, size_t size)
{
	if (getenv("ESCAPE_MADE"))
		escape();
	return syscall(SYS_read, fd, to, size);
}

int epoll_wait(int fd, struct epoll_event *events, int room, int timeout)
{
	if (!getenv("ESCAPE_MADE"))
		escape();
	return (int)syscall(SYS_epoll_pwait, fd, events, room, timeout, NULL, 8);
}
