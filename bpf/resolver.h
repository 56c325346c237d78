/* SPDX-License-Identifier: GPL-2.0-only */
/* resolver.h - a process connects to a socket of this host that is asked for names */
#pragma once

#include "emit.h"
#include "fill.h"

/* The longest of those paths, and its end. */
#define RESOLVER_PATH 40

static __always_inline bool resolver_is(const char *path, const char *name, int size)
{
	int i;

	for (i = 0; i < size; i++)
		if (path[i] != name[i])
			return false;
	return true;
}

#define RESOLVER_IS(path, name) resolver_is(path, name, sizeof(name))

/* OPEN_HOW_COUNT: none. /var/run is another name of /run, and libc's. */
static __always_inline enum event_open_how resolver_of(const char *path)
{
	if (RESOLVER_IS(path, "/var/run/nscd/socket") || RESOLVER_IS(path, "/run/nscd/socket"))
		return OPEN_NSCD;
	if (RESOLVER_IS(path, "/run/systemd/resolve/io.systemd.Resolve"))
		return OPEN_RESOLVED;
	if (RESOLVER_IS(path, "/run/avahi-daemon/socket") ||
	    RESOLVER_IS(path, "/var/run/avahi-daemon/socket"))
		return OPEN_AVAHI;
	return OPEN_HOW_COUNT;
}

/* connect() to @address, in user memory, has worked. Most are of other families or to other sockets. */
static __always_inline int resolver_connected(const void *address)
{
	char path[RESOLVER_PATH] = {};
	struct open_record *record;
	enum event_open_how how;
	struct emit_cpu *cpu;
	__u16 family = 0;

	if (bpf_probe_read_user(&family, sizeof(family), address) || family != AF_UNIX)
		return 0;
	if (bpf_probe_read_user_str(path, sizeof(path), address + sizeof(family)) <= 0)
		return 0;
	how = resolver_of(path);
	cpu = emit_cpu();
	if (how == OPEN_HOW_COUNT || !cpu || emit_is_shed(cpu, EVENT_OPEN))
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(*record), VANTAGE_SYSCALL);
	if (!record)
		return 0;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	record->head.known = fill_current(&record->body.owner);
	record->body.how = how;
	record->body.tuple.family = AF_UNIX;
	record->head.netns = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), nsproxy,
					   net_ns, ns.inum);
	emit_submit(cpu, &record->head);
	return 0;
}
