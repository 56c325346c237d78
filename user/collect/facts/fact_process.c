// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_process.c - a process's state and capabilities */

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"

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
