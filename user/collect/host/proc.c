// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.c - what /proc says of a process, told once */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int tell_process(struct proc *proc, const struct event_owner *owner, int dir)
{
	struct ev_process body = {
		.start_ns = owner->start_ns,
		.tgid = owner->tgid,
		.uid = owner->uid,
	};
	struct tell_where where = { 0 };
	char text[4096], path[1024], part[128];

	process_read_exe(dir, body.exe, sizeof(body.exe));
	if (body.exe[0])
		where.known |= EVENT_K_EXE;
	process_read_command(dir, body.command, sizeof(body.command));
	if (tell_read_at(dir, "cgroup", text, sizeof(text)) > 0) {
		cgroup_find_path(text, path, sizeof(path));
		tell_copy(body.cgroup, path, sizeof(body.cgroup));
		cgroup_find_unit(path, part, sizeof(part));
		tell_copy(body.unit, part, sizeof(body.unit));
		cgroup_find_container(path, part, sizeof(part));
		memcpy(body.container, part, strnlen(part, sizeof(body.container)));
		cgroup_find_pod(path, body.pod_uid, sizeof(body.pod_uid));
		if (part[0])
			name_container(proc->containers, part, &body);
	}
	return tell(proc->sink, EVENT_PROCESS, &where, &body, sizeof(body));
}

int proc_look(struct proc *proc, const struct event_owner *owner)
{
	struct told *told = find_told(proc, owner);
	_cleanup_close_ int dir = -1;
	struct process_stat stat;

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
	if (dir < 0 || process_read_stat(dir, &stat) || !process_is(&stat, owner->start_ns))
		return -ESRCH;
	*told = (struct told){ owner->start_ns, owner->tgid, ++proc->clock, "" };
	memcpy(told->leader, owner->leader, sizeof(told->leader));
	return tell_process(proc, owner, dir);
}
