// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_process.c - a process's state, capabilities and open files */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"
#include "util/tcp.h"

/* proc(5), /proc/PID/stat */
static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "waiting for a device";
	case 'T':
		return "stopped";
	case 't':
		return "stopped by a tracer";
	case 'Z':
		return "zombie";
	case 'X':
	case 'x':
		return "dead";
	case 'I':
		return "idle";
	default:
		return NULL;
	}
}

/* " in futex_do_wait": where in the kernel it waits, "0" for nowhere or where nobody may know. */
static void add_wait(int dir, char state, char *text, size_t size)
{
	size_t length = strnlen(text, size);
	char place[64];

	if ((state != 'S' && state != 'D') ||
	    tell_read_at(dir, "wchan", place, sizeof(place)) <= 0 || place[0] == '0')
		return;
	snprintf(text + length, size - length, " in %s", place);
}

void fact_fetch_task_state(struct fetch *fetch)
{
	_cleanup_close_ int dir = process_open(fetch->request->pid);
	struct ev_fact fact = fact_make(FACT_TASK_STATE);
	struct process_stat stat;
	int err = dir < 0 ? -ESRCH : process_read_stat(dir, &stat);

	if (err || !state_name(stat.state)) {
		fact_tell_absent(fetch, FACT_TASK_STATE, NULL, err);
		return;
	}
	fact.pid = fetch->request->pid;
	memcpy(fact.name, stat.comm, sizeof(stat.comm));
	tell_copy(fact.text, state_name(stat.state), sizeof(fact.text));
	add_wait(dir, stat.state, fact.text, sizeof(fact.text));
	fact_tell(fetch, &fact);
}

/* ---- capability ---- */

/* Those that a refused socket call is about. */
static const struct {
	const char *name;
	int bit;
} capabilities[] = {
	{ "CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE },
	{ "CAP_NET_RAW", CAP_NET_RAW },
	{ "CAP_NET_ADMIN", CAP_NET_ADMIN },
	{ "CAP_NET_BROADCAST", CAP_NET_BROADCAST },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN },
	{ "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE },
};

static int find_capability(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (!strcmp(capabilities[i].name, name))
			return capabilities[i].bit;
	return -1;
}

void fact_fetch_capability(struct fetch *fetch)
{
	const char *name = fetch->request->capability ?: "";
	_cleanup_close_ int dir = process_open(fetch->request->pid);
	struct ev_fact fact = fact_make(FACT_CAPABILITY);
	int bit = find_capability(name);
	unsigned long long effective;
	char text[4096];
	const char *line;
	int err = bit < 0 ? -EINVAL : dir < 0 ? -ESRCH : 0;

	if (!err)
		err = tell_read_at(dir, "status", text, sizeof(text));
	line = err < 0 ? NULL : strstr(text, "\nCapEff:");
	if (!line || sscanf(line, "\nCapEff: %llx", &effective) != 1) {
		fact_tell_absent(fetch, FACT_CAPABILITY, name, err < 0 ? err : -EBADMSG);
		return;
	}
	fact.pid = fetch->request->pid;
	fact.number = effective >> bit & 1;
	tell_copy(fact.name, name, sizeof(fact.name));
	fact_tell(fetch, &fact);
}

/* ---- open files ---- */

/* Descriptors a process has open, or -errno. A million of them are counted in 0.3 s. */
static long long count_descriptors(int process)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd); /* the descriptor is the stream's then */
	long long count = 0;
	struct dirent *entry;

	if (!dir) {
		err = -errno;
		own_close(&fd);
		return err;
	}
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* proc(5), /proc/PID/limits: the soft one is what the calls fail at. */
static long long read_limit(int process)
{
	char text[4096];
	const char *line;
	long long limit;
	int length = tell_read_at(process, "limits", text, sizeof(text));

	line = length < 0 ? NULL : strstr(text, "Max open files");
	if (!line || sscanf(line, "Max open files %lld", &limit) != 1)
		return length < 0 ? length : -EBADMSG;
	return limit;
}

struct closing {
	__u32 pid;
	long long count;
};

static int take_closing(void *ctx, const void *record, size_t size)
{
	struct closing *closing = ctx;
	const size_t plain = offsetof(struct ev_snapshot, flow);
	struct ev_snapshot body;
	struct event_header head;

	if (size < sizeof(head) + plain)
		return 0;
	memcpy(&head, record, sizeof(head));
	if (head.kind != EVENT_SOCKET || !(head.known & EVENT_K_OWNER))
		return 0;
	memcpy(&body, (const __u8 *)record + sizeof(head), plain);
	closing->count += body.state == TCP_STATE_CLOSE_WAIT && body.owner.tgid == closing->pid;
	return 0;
}

static void tell_closing(struct fetch *fetch)
{
	struct closing closing = { .pid = fetch->request->pid };
	const struct record_sink sink = { take_closing, &closing };
	struct ev_fact fact = fact_make(FACT_OPEN_FILES);
	_cleanup_close_ int fd = fetch->iterate ? fetch->iterate(fetch->ctx, true) : -ENOTSUP;
	int err = fd < 0 ? fd : snapshot_read(fd, &sink);

	if (err < 0) {
		fact_tell_absent(fetch, FACT_OPEN_FILES, "CLOSE_WAIT", err);
		return;
	}
	fact.pid = closing.pid;
	fact.number = closing.count;
	tell_copy(fact.name, "CLOSE_WAIT", sizeof(fact.name));
	fact_tell(fetch, &fact);
}

void fact_fetch_open_files(struct fetch *fetch)
{
	_cleanup_close_ int dir = process_open(fetch->request->pid);
	struct ev_fact fact = fact_make(FACT_OPEN_FILES);
	long long count = dir < 0 ? -ESRCH : count_descriptors(dir);
	long long limit = count < 0 ? count : read_limit(dir);

	if (limit < 0) {
		fact_tell_absent(fetch, FACT_OPEN_FILES, "total", (int)limit);
		return;
	}
	fact.pid = fetch->request->pid;
	fact.number = count;
	fact.limit = limit;
	tell_copy(fact.name, "total", sizeof(fact.name));
	fact_tell(fetch, &fact);
	tell_closing(fetch);
}
