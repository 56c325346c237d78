// SPDX-License-Identifier: GPL-2.0-or-later
/* proc_test.c - processes are looked at once, and only while they are who they were */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collect.h"
#include "collect/host/process.h"

struct heard {
	int count;
	__u32 known;
	struct ev_process last;
};

static int hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;
	const struct event_header *head = record;

	assert_int_equal(size, sizeof(*head) + sizeof(heard->last));
	assert_int_equal(head->kind, EVENT_PROCESS);
	assert_int_equal(head->size, size);
	heard->count++;
	heard->known = head->known;
	memcpy(&heard->last, head + 1, sizeof(heard->last));
	return 0;
}

/* An owner as the kernel side tells it: nanoseconds, finer than the ticks of /proc. */
static struct event_owner owner_of(pid_t pid)
{
	struct event_owner owner = { .tgid = pid, .uid = 4711 };
	int dir = process_open(pid);
	struct process_stat stat;

	assert_true(dir >= 0);
	assert_int_equal(process_read_stat(dir, &stat), 0);
	close(dir);
	owner.start_ns = stat.start_ticks * (1000000000ull / sysconf(_SC_CLK_TCK)) + 1234567;
	return owner;
}

static void tells_of_a_process_once(void **state)
{
	struct event_owner owner = owner_of(getpid());
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	char exe[128] = "";
	struct proc *proc;

	(void)state;
	assert_int_equal(proc_open(&proc, &sink), 0);
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.last.tgid, getpid());
	assert_int_equal(heard.last.uid, 4711);
	assert_int_equal(heard.last.start_ns, owner.start_ns);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(heard.last.exe, exe);
	assert_true(heard.known & EVENT_K_EXE);
	assert_true(heard.known & EVENT_K_PARENTS);
	assert_int_equal(heard.last.parents[0].tgid, getppid());
	assert_true(heard.last.parents[0].comm[0]);
	proc_close(proc);
}

/* The words of a command, but what follows the name of a secret. */
static void the_command_without_secrets(void **state)
{
	static const char script[] = "read -r line";
	int pipe_fds[2], dir;
	char command[128], small[12];
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		dup2(pipe_fds[0], STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", script, "x", "--password=p1", "--token", "p2",
		      "http://u:p3@h/", "http://h:1/", (char *)NULL);
		_exit(1);
	}
	do { /* until it is the shell */
		dir = process_open(child);
		process_read_command(dir, command, sizeof(command));
		process_read_command(dir, small, sizeof(small));
		close(dir);
		sched_yield();
	} while (strncmp(command, "sh -c", 5) != 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_string_equal(command, "sh -c read -r line x --password=... --token ... "
				     "http://...@h/ http://h:1/");
	assert_string_equal(small, "sh -c read ");
}

static void another_name_is_another_program(void **state)
{
	struct event_owner owner = owner_of(getpid());
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct proc *proc;

	(void)state;
	strcpy(owner.leader, "sh");
	assert_int_equal(proc_open(&proc, &sink), 0);
	assert_int_equal(proc_look(proc, &owner), 0);
	strcpy(owner.leader, "curl");
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(heard.count, 2);
	proc_close(proc);
}

static void another_start_is_another_process(void **state)
{
	struct event_owner owner = owner_of(getpid());
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct proc *proc;

	(void)state;
	assert_int_equal(proc_open(&proc, &sink), 0);
	owner.start_ns -= 1000000000ull;
	assert_int_equal(proc_look(proc, &owner), -ESRCH);
	owner.start_ns = 0;
	assert_int_equal(proc_look(proc, &owner), -ESRCH);
	owner = (struct event_owner){ .start_ns = 1 };
	assert_int_equal(proc_look(proc, &owner), -ESRCH);
	assert_int_equal(heard.count, 0);
	proc_close(proc);
}

static void the_dead_are_gone(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct event_owner owner;
	struct proc *proc;
	pid_t child = fork();

	(void)state;
	if (!child) {
		pause();
		_exit(0);
	}
	owner = owner_of(child);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(proc_open(&proc, &sink), 0);
	assert_int_equal(proc_look(proc, &owner), -ESRCH);
	assert_int_equal(heard.count, 0);
	proc_close(proc);
}

/* This process's cgroup and its number; false: it is not to be seen here. */
static bool own_cgroup(char *path, size_t size, __u64 *id)
{
	char line[1024], folder[1100];
	FILE *file = fopen("/proc/self/cgroup", "r");
	struct stat stat_of;
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "0::", 3);
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, size, "%s", line + 3);
	snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s", path);
	if (found && stat(folder, &stat_of)) {
		snprintf(folder, sizeof(folder), "/sys/fs/cgroup/unified%s", path);
		found = !stat(folder, &stat_of);
	}
	*id = found ? stat_of.st_ino : 0;
	return found;
}

/* Who is gone has the parents it had, and their cgroup where it was in the same. */
static void the_dead_have_parents(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct event_owner self = owner_of(getpid()), owner = self;
	char path[1024];
	struct proc *proc;
	bool seen;

	(void)state;
	seen = own_cgroup(path, sizeof(path), &owner.cgroup_id);
	owner.tgid = 0x7ffffff0; /* more than any pid */
	owner.ppid = getpid();
	assert_int_equal(proc_open(&proc, &sink), 0);
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.known, EVENT_K_PARENTS);
	assert_int_equal(heard.last.parents[0].tgid, getpid());
	assert_int_equal(heard.last.parents[1].tgid, getppid());
	assert_string_equal(heard.last.exe, "");
	if (seen)
		assert_memory_equal(heard.last.cgroup, path,
				    strnlen(path, sizeof(heard.last.cgroup) - 1));
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(heard.count, 1);

	owner.start_ns += 1000000000ull; /* another child, that was in another cgroup */
	owner.cgroup_id++;
	assert_int_equal(proc_look(proc, &owner), 0);
	assert_int_equal(heard.count, 2);
	assert_string_equal(heard.last.cgroup, "");

	owner.start_ns = self.start_ns - 1000000000ull; /* its parent was another, with this pid */
	assert_int_equal(proc_look(proc, &owner), -ESRCH);
	assert_int_equal(heard.count, 2);
	proc_close(proc);
}

static void looks_are_bounded(void **state)
{
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct event_owner owner = { .tgid = 1 };
	int refused = 0;
	struct proc *proc;

	(void)state;
	assert_int_equal(proc_open(&proc, &sink), 0);
	for (int i = 0; i < 2000; i++) {
		owner.start_ns = 1 + i; /* never that of process 1 */
		refused += proc_look(proc, &owner) == -EAGAIN;
	}
	/* 500 a second; a slow machine may see a second or two go by. */
	assert_true(refused >= 500);
	proc_close(proc);
}

/* A name may hold what separates the fields of /proc/PID/stat. */
static void hostile_names(void **state)
{
	struct process_stat stat;
	int dir;
	char saved[17] = "";

	(void)state;
	prctl(PR_GET_NAME, saved);
	prctl(PR_SET_NAME, ") R 1 (x) 9 9\n");
	dir = process_open(getpid());
	assert_true(dir >= 0);
	assert_int_equal(process_read_stat(dir, &stat), 0);
	assert_string_equal(stat.comm, ") R 1 (x) 9 9\n");
	assert_int_equal(stat.ppid, getppid());
	assert_true(process_is(&stat, owner_of(getpid()).start_ns));
	prctl(PR_SET_NAME, saved);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_of_a_process_once),
		cmocka_unit_test(the_command_without_secrets),
		cmocka_unit_test(another_name_is_another_program),
		cmocka_unit_test(another_start_is_another_process),
		cmocka_unit_test(the_dead_are_gone),
		cmocka_unit_test(the_dead_have_parents),
		cmocka_unit_test(looks_are_bounded),
		cmocka_unit_test(hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
