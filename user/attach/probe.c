// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - what this kernel and these privileges offer */
#include "attach/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attach/exits.h"
#include "attach/features.h"
#include "attach/tracefs.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/text.h"

/* Linux 5.8 took CAP_BPF and CAP_PERFMON out of CAP_SYS_ADMIN, which still includes them. */
struct need {
	unsigned int capability;
	const char *name;
	bool in_sys_admin;
	bool needed; /* else something is lost, but watch runs */
	const char *what; /* it is for */
};

static const struct need NEEDS[] = {
	{ CAP_BPF, "CAP_BPF", true, true, "loads the kernel side" },
	{ CAP_PERFMON, "CAP_PERFMON", true, true, "attaches to tracepoints" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", false, true, "attaches to interfaces and cgroups" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false, false,
	  "reaches tracefs and other network namespaces, iterates over sockets" },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false, false, "reads /proc of others' processes" },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false, false,
	  "reads tracefs, which belongs to root" },
	{ CAP_SYSLOG, "CAP_SYSLOG", false, false,
	  "reads the kernel's symbols: which function dropped a packet" },
};

/* With these capabilities a file can be run by its group alone: whoever runs it sees everybody's packets. */
#define GRANT_HINT                                                                        \
	"run it as root, or for one group: chgrp GROUP FILE && chmod 750 FILE && setcap " \
	"cap_bpf,cap_perfmon,cap_net_admin,cap_sys_admin,cap_sys_ptrace,cap_dac_read_search,cap_syslog+ep FILE"

static bool has_need(const struct need *need)
{
	return features_has_capability(need->capability) ||
	       (need->in_sys_admin && features_has_capability(CAP_SYS_ADMIN));
}

int probe_require_capabilities(void)
{
	char buffer[96];
	struct text missing = text_of(buffer);

	for (size_t i = 0; i < ARRAY_SIZE(NEEDS); i++)
		if (NEEDS[i].needed && !has_need(&NEEDS[i]))
			text_add(&missing, "%s%s", missing.length ? ", " : "", NEEDS[i].name);
	if (!missing.length)
		return 0;
	log_error("missing capabilities: %s", missing.at);
	log_hint(GRANT_HINT);
	return -EPERM;
}

/* Where cgroup v2 is mounted, by /proc/self/mountinfo: "… /sys/fs/cgroup rw,… - cgroup2 …". */
static int open_mounted_cgroup(void)
{
	_cleanup_file_ FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[1024], root[256], point[512];

	while (file && fgets(line, sizeof(line), file)) {
		const char *type = strstr(line, " - cgroup2 ");

		if (!type || sscanf(line, "%*s %*s %*s %255s %511s", root, point) != 2)
			continue;
		/* a container may see only a branch of the tree */
		if (strcmp(root, "/") != 0)
			continue;
		return open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return -1;
}

int probe_open_cgroup_root(void)
{
	_cleanup_close_ int fs = -1;
	int fd = open_mounted_cgroup();

	if (fd >= 0)
		return fd;
	fs = fsopen("cgroup2", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ---- doctor ---- */

struct report {
	struct attach_check *checks;
	size_t count, room;
	bool at_functions; /* see exits.h */
};

/* Takes a line of the report; @hint is shown only when it is needed. */
static struct attach_check *report_add(struct report *report, const char *name, bool ok,
				       bool needed, const char *hint)
{
	struct attach_check *check;

	if (report->count == report->room)
		return NULL;
	check = &report->checks[report->count++];
	*check = (struct attach_check){ .name = name, .ok = ok, .needed = needed };
	check->hint = ok ? NULL : hint;
	return check;
}

#define REPORT(report, name, ok, needed, hint, ...)                                       \
	do {                                                                              \
		struct attach_check *check_ = report_add(report, name, ok, needed, hint); \
		if (check_)                                                               \
			snprintf(check_->detail, sizeof(check_->detail), __VA_ARGS__);    \
	} while (0)

static void report_capabilities(struct report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(NEEDS); i++)
		REPORT(report, NEEDS[i].name, has_need(&NEEDS[i]), NEEDS[i].needed, GRANT_HINT,
		       "%s", NEEDS[i].what);
}

static void report_memory_lock(struct report *report)
{
	struct rlimit limit = { 0 };
	bool ok;

	if (!features_counts_locked_memory()) {
		REPORT(report, "memory lock", true, false, NULL, "not limited since Linux 5.11");
		return;
	}
	getrlimit(RLIMIT_MEMLOCK, &limit);
	ok = limit.rlim_cur == RLIM_INFINITY || features_has_capability(CAP_SYS_RESOURCE);
	if (limit.rlim_cur == RLIM_INFINITY)
		REPORT(report, "memory lock", ok, true, NULL, "unlimited");
	else
		REPORT(report, "memory lock", ok, true,
		       "ulimit -l unlimited, LimitMEMLOCK=infinity, or CAP_SYS_RESOURCE",
		       "limit %llu KiB", (unsigned long long)limit.rlim_cur / 1024);
}

static void report_tracefs(struct report *report)
{
	_cleanup_close_ int fd = tracefs_open();
	const char *hint = "the kernel needs CONFIG_FTRACE_SYSCALLS";
	const char *detail = "events of system calls";
	bool events = false;

	if (report->at_functions) {
		detail = "not needed: system calls are told where their functions return";
		events = true;
	} else if (fd < 0) {
		detail = "not reachable: errors of system calls go unseen";
		hint = "mount -t tracefs tracefs /sys/kernel/tracing, or CAP_SYS_ADMIN";
	} else if (!faccessat(fd, "events/syscalls/sys_exit_connect/id", R_OK, AT_EACCESS)) {
		events = true;
	} else if (errno == EACCES) {
		detail = "not readable: errors of system calls go unseen";
		hint = "CAP_DAC_READ_SEARCH";
	} else {
		detail = "the kernel has no events of system calls";
	}
	REPORT(report, "tracefs", events, false, hint, "%s", detail);
}

static void report_types(struct report *report)
{
	struct features features;
	int err = features_open(&features);
	bool tcx;

	REPORT(report, "BTF", !err, true, "the kernel needs CONFIG_DEBUG_INFO_BTF", "%s",
	       err ? "the kernel tells no types" : "the kernel tells its types");
	if (err)
		return;
	tcx = features_has_struct(&features, "tcx_link");
	REPORT(report, "TC links", tcx, false, "Linux 6.6; clsact filters stand in", "%s",
	       tcx ? "gone with the process" :
		     "none: filters outlive a crash until the next start");
	REPORT(report, "socket cookies",
	       features_has_function(&features, "bpf_get_socket_ptr_cookie"), false,
	       "Linux 5.12; sockets are told apart by other means", "in tracepoints");
	REPORT(report, "reset reasons",
	       features_has_typedef(&features, "btf_trace_tcp_send_reset") &&
		       features_has_enum(&features, "sk_rst_reason"),
	       false, "Linux 6.10; drops without a socket stand in", "%s",
	       "why this host sends a reset, also without a socket");
	report->at_functions = exits_attach(&features);
	REPORT(report, "function exits", report->at_functions, false,
	       "a kernel with BPF trampolines; trace events stand in, for which all system calls take longer",
	       "%s", "system calls of sockets are told without a cost to others");
	features_close(&features);
}

static void report_cgroup(struct report *report)
{
	_cleanup_close_ int fd = probe_open_cgroup_root();

	REPORT(report, "cgroup v2", fd >= 0, false,
	       "mount -t cgroup2 none /sys/fs/cgroup/unified, or CAP_SYS_ADMIN", "%s",
	       fd >= 0 ? "its root" : "no tree: SYNs that meet a full accept queue go unseen");
}

size_t attach_probe(struct attach_check *checks, size_t room)
{
	struct report report = { .checks = checks, .room = room };
	__u32 version = features_kernel_version();

	REPORT(&report, "kernel", version >= KERNEL(5, 8), true, "Linux 5.8 or later", "%u.%u.%u",
	       version >> 16, version >> 8 & 0xff, version & 0xff);
	report_types(&report);
	report_capabilities(&report);
	report_memory_lock(&report);
	report_tracefs(&report);
	report_cgroup(&report);
	return report.count;
}
