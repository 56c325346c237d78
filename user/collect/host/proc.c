// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.c - what /proc says of a process, told once */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collect/host/cgroup.h"
#include "collect/host/container.h"
#include "collect/collect.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/own.h"
#include "util/text.h"
#include "util/time.h"

/*
 * Whom it told of: 4 ways, the oldest of a set gives way. 4096 processes are more than a host keeps
 * busy; one forgotten too early is told of again, which is harmless.
 */
#define SETS 1024
#define WAYS 4
#define LOOKS_PER_SECOND 500 /* one costs some 30 µs: at most 1.5 % of a CPU */

struct told {
	__u64 start_ns;
	__u32 tgid;
	__u32 used; /* age: larger is later */
	char leader[EVENT_COMM_SIZE]; /* another name: it has become another program */
};

struct proc {
	const struct record_sink *sink;
	struct containers *containers;
	__u64 second; /* since which .looks counts */
	__u32 looks;
	__u32 clock;
	struct told told[SETS][WAYS];
};

int proc_open(struct proc **out, const struct record_sink *sink)
{
	struct proc *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return -ENOMEM;
	proc->sink = sink;
	proc->containers = containers_new("/");
	if (!proc->containers) {
		free(proc);
		return -ENOMEM;
	}
	*out = proc;
	return 0;
}

void proc_close(struct proc *proc)
{
	if (proc)
		containers_free(proc->containers);
	free(proc);
}

int process_open(__u32 pid)
{
	char path[32];
	int dir;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : dir;
}

int process_read_stat(int dir, struct process_stat *stat)
{
	char text[1024];
	const char *open_paren, *close_paren;
	unsigned long long start;
	size_t length;
	int err = tell_read_at(dir, "stat", text, sizeof(text));

	if (err < 0)
		return err;
	/* "PID (comm) S ppid …": comm may hold blanks and parentheses, so the last one ends it. */
	open_paren = strchr(text, '(');
	close_paren = strrchr(text, ')');
	if (!open_paren || !close_paren || close_paren < open_paren)
		return -EBADMSG;
	length = close_paren - open_paren - 1;
	if (length >= sizeof(stat->comm))
		length = sizeof(stat->comm) - 1;
	memset(stat, 0, sizeof(*stat));
	memcpy(stat->comm, open_paren + 1, length);
	/* proc(5): state is field 3, ppid 4, starttime 22 */
	if (sscanf(close_paren + 1,
		   " %c %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		   &stat->state, &stat->ppid, &start) != 3)
		return -EBADMSG;
	stat->start_ticks = start;
	return 0;
}

bool process_is(const struct process_stat *stat, __u64 start_ns)
{
	/* The kernel rounds down to ticks of USER_HZ when it prints (fs/proc/array.c). */
	return stat->start_ticks == start_ns / (NS_PER_S / sysconf(_SC_CLK_TCK));
}

void process_read_exe(int dir, char *exe, size_t size)
{
	static const char deleted[] = " (deleted)";
	char path[4096];
	ssize_t length = readlinkat(dir, "exe", path, sizeof(path) - 1);

	if (length < 0)
		length = 0; /* a kernel thread, or no right to look */
	path[length] = '\0';
	/* The kernel's own mark on a file that was replaced, by an upgrade say. */
	if ((size_t)length > strlen(deleted) && !strcmp(path + length - strlen(deleted), deleted))
		path[length - strlen(deleted)] = '\0';
	tell_copy(exe, path, size);
}

static bool names_secret(const char *word)
{
	static const char *const names[] = { "pass", "secret", "token", "key", "auth", "cred" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (word[0] == '-' && strcasestr(word, names[i]))
			return true;
	return false;
}

/* "https://jane:secret@host/" */
static const char *find_userinfo(const char *word)
{
	const char *begin = strstr(word, "://"), *at = begin ? strchr(begin, '@') : NULL;

	return at && memchr(begin + 3, ':', at - begin - 3) ? begin + 3 : NULL;
}

static void add_word(struct text *text, const char *word, bool hidden)
{
	const char *equals = names_secret(word) ? strchr(word, '=') : NULL;
	const char *userinfo = find_userinfo(word);
	const char *end = equals ? equals + 1 : userinfo ?: word + strlen(word);

	if (text->length)
		text_put(text, " ", 1);
	if (!hidden)
		text_put(text, word, end - word);
	if (hidden || equals || userinfo)
		text_put(text, "...", 3);
	if (!hidden && userinfo)
		text_add(text, "%s", strchr(userinfo, '@'));
}

void process_read_command(int dir, char *command, size_t size)
{
	char words[4096];
	int length = tell_read_at(dir, "cmdline", words, sizeof(words));
	struct text text = text_in(command, size);
	bool hidden = false;

	memset(command, 0, size);
	for (int at = 0; at < length; at += (int)strlen(words + at) + 1) {
		add_word(&text, words + at, hidden);
		hidden = names_secret(words + at) && !strchr(words + at, '=');
	}
}

/* The entry of that process, or the one that would give way to it. */
static struct told *find_told(struct proc *proc, const struct event_owner *owner)
{
	struct told *set = proc->told[hash_mix(owner->start_ns, owner->tgid) % SETS];
	struct told *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].tgid == owner->tgid && set[i].start_ns == owner->start_ns)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

static bool may_look(struct proc *proc)
{
	__u64 second = clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S;

	if (second != proc->second) {
		proc->second = second;
		proc->looks = 0;
	}
	return proc->looks++ < LOOKS_PER_SECOND;
}

static void name_container(struct containers *containers, const char *id, struct ev_process *body)
{
	const struct container_names *names = containers_find(containers, id);

	memcpy(body->container_name, names->name, sizeof(body->container_name));
	memcpy(body->pod, names->pod, sizeof(body->pod));
	memcpy(body->pod_namespace, names->pod_namespace, sizeof(body->pod_namespace));
	if (!body->pod_uid[0])
		memcpy(body->pod_uid, names->pod_uid, sizeof(body->pod_uid));
}

/* The path of its cgroup; false: there is none to be seen. */
static bool read_cgroup(int dir, char *path, size_t size)
{
	char text[4096];

	if (tell_read_at(dir, "cgroup", text, sizeof(text)) <= 0)
		return false;
	cgroup_find_path(text, path, size);
	return true;
}

static void tell_cgroup(struct proc *proc, const char *path, struct ev_process *body)
{
	char part[128];

	tell_copy(body->cgroup, path, sizeof(body->cgroup));
	cgroup_find_unit(path, part, sizeof(part));
	tell_copy(body->unit, part, sizeof(body->unit));
	cgroup_find_container(path, part, sizeof(part));
	memcpy(body->container, part, strnlen(part, sizeof(body->container)));
	cgroup_find_pod(path, body->pod_uid, sizeof(body->pod_uid));
	if (part[0])
		name_container(proc->containers, part, body);
}

/*
 * Who started it, up to who starts everything. A parent is older than its child: what is younger has
 * taken the pid of one that is gone.
 */
static __u32 read_parents(__u32 pid, __u64 child_ns, struct ev_process *body)
{
	const __u64 tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
	__u64 child_ticks = child_ns / tick_ns;
	size_t i;

	for (i = 0; i < EVENT_PARENTS_MAX && pid; i++) {
		_cleanup_close_ int dir = process_open(pid);
		struct process_stat stat;

		if (dir < 0 || process_read_stat(dir, &stat) || stat.start_ticks > child_ticks)
			break;
		body->parents[i].tgid = pid;
		memcpy(body->parents[i].comm, stat.comm, sizeof(stat.comm));
		child_ticks = stat.start_ticks;
		pid = stat.ppid;
	}
	return i ? EVENT_K_PARENTS : 0;
}

static int tell_process(struct proc *proc, const struct event_owner *owner, __u32 ppid, int dir)
{
	struct ev_process body = {
		.start_ns = owner->start_ns,
		.tgid = owner->tgid,
		.uid = owner->uid,
	};
	struct tell_where where = { 0 };
	char path[1024];

	process_read_exe(dir, body.exe, sizeof(body.exe));
	if (body.exe[0])
		where.known |= EVENT_K_EXE;
	process_read_command(dir, body.command, sizeof(body.command));
	if (read_cgroup(dir, path, sizeof(path)))
		tell_cgroup(proc, path, &body);
	where.known |= read_parents(ppid, owner->start_ns, &body);
	return tell(proc->sink, EVENT_PROCESS, &where, &body, sizeof(body));
}

/* Cgroup v2 alone, and beside the controllers of v1. The number of a cgroup is its folder's. */
static bool is_cgroup(const char *path, __u64 id)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char folder[1088];
	struct stat stat;

	for (size_t i = 0; i < ARRAY_SIZE(mounts) && id; i++) {
		_cleanup_close_ int fd = -1;

		snprintf(folder, sizeof(folder), "%s%s", mounts[i], path);
		fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !fstat(fd, &stat) && stat.st_ino == id)
			return true;
	}
	return false;
}

/*
 * It is gone: who called connect() and failed often is, before anybody can look. Its parent may live;
 * where the cgroup that it was in is its parent's, unit and container are as well.
 */
static int tell_gone(struct proc *proc, const struct event_owner *owner)
{
	struct ev_process body = {
		.start_ns = owner->start_ns,
		.tgid = owner->tgid,
		.uid = owner->uid,
	};
	struct tell_where where = { .known = read_parents(owner->ppid, owner->start_ns, &body) };
	_cleanup_close_ int dir = where.known ? process_open(owner->ppid) : -1;
	char path[1024];

	if (!where.known)
		return -ESRCH;
	if (dir >= 0 && read_cgroup(dir, path, sizeof(path)) && is_cgroup(path, owner->cgroup_id))
		tell_cgroup(proc, path, &body);
	return tell(proc->sink, EVENT_PROCESS, &where, &body, sizeof(body));
}

int proc_look(struct proc *proc, const struct event_owner *owner)
{
	struct told *told = find_told(proc, owner);
	_cleanup_close_ int dir = -1;
	struct process_stat stat;
	bool gone;

	if (!owner->tgid || !owner->start_ns)
		return -ESRCH;
	if (told->tgid == owner->tgid && told->start_ns == owner->start_ns &&
	    !memcmp(told->leader, owner->leader, sizeof(told->leader))) {
		told->used = ++proc->clock;
		return 0;
	}
	if (!may_look(proc))
		return -EAGAIN;
	/*
	 * The directory stands for this very process: once it is gone everything below says ESRCH,
	 * so that a reused pid cannot slip in after the check.
	 */
	dir = process_open(owner->tgid);
	gone = dir < 0 || process_read_stat(dir, &stat) || !process_is(&stat, owner->start_ns);
	if (gone && told->tgid == owner->tgid && told->start_ns == owner->start_ns)
		return -ESRCH; /* more was told while it lived */
	*told = (struct told){ owner->start_ns, owner->tgid, ++proc->clock, "" };
	memcpy(told->leader, owner->leader, sizeof(told->leader));
	return gone ? tell_gone(proc, owner) : tell_process(proc, owner, stat.ppid, dir);
}
