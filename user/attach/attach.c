// SPDX-License-Identifier: GPL-2.0-or-later
/* attach.c - loads the kernel side, attaches it, hands out what others need of it */
#include "attach/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attach/features.h"
#include "attach/hooks.h"
#include "attach/interfaces.h"
#include "attach/load.h"
#include "attach/probe.h"
#include "attach/tracefs.h"
#include "knobs.h"
#include "sockwhy.skel.h"
#include "util/array.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/own.h"

static int print_debug(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	size_t length;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	length = strcspn(line, "\n");
	line[length] = '\0';
	log_debug("%s", line);
	return 0;
}

/* Until 5.10 maps count as locked memory, and the usual limit is smaller than the ring. */
static void raise_memory_lock(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (features_counts_locked_memory() && setrlimit(RLIMIT_MEMLOCK, &limit))
		log_debug("memory lock limit: cannot be raised: %s", strerror(errno));
}

#define DESCRIPTORS 256 /* that programs, maps and hooks take, about */

static void explain_load_error(const struct attach *attach, int err)
{
	struct rlimit limit = { 0 };

	if (err == -EPERM && features_counts_locked_memory() &&
	    !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur < attach->options.ring_bytes * 2ull) {
		log_error("memory lock limit: %llu KiB, too small for the ring of %u KiB",
			  (unsigned long long)limit.rlim_cur / 1024,
			  attach->options.ring_bytes / 1024);
		log_hint("ulimit -l unlimited, LimitMEMLOCK=infinity, or CAP_SYS_RESOURCE");
		return;
	}
	/* libbpf may go on with a descriptor that it did not get */
	if (err == -EBADF && !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < DESCRIPTORS)
		err = -EMFILE;
	log_error_r(err, "kernel side: cannot be loaded");
	if (err == -EMFILE)
		log_hint(
			"it takes some hundred descriptors: ulimit -n, or LimitNOFILE= of the service");
	if (err == -EPERM)
		log_hint("sockwhy doctor names what is missing; -vv shows libbpf's messages");
}

static int check_names(const struct attach_options *options)
{
	for (size_t i = 0; options->left_out && options->left_out[i]; i++) {
		if (hooks_find(options->left_out[i]) >= 0)
			continue;
		log_error("hook '%s': there is none of this name", options->left_out[i]);
		log_hint("sockwhy doctor lists them");
		return -EINVAL;
	}
	return 0;
}

int attach_open(struct attach **out, const struct attach_options *options)
{
	struct attach *attach;
	int err = check_names(options);

	if (err)
		return err;
	libbpf_set_print(print_debug);
	err = probe_require_capabilities();
	if (err)
		return err;
	attach = calloc(1, sizeof(*attach));
	if (!attach)
		return -ENOMEM;
	attach->options = *options;
	attach->cpus = libbpf_num_possible_cpus();
	raise_memory_lock();
	err = load_programs(attach);
	if (err) {
		if (err != -ENOTSUP)
			explain_load_error(attach, err);
		attach_close(attach);
		return err;
	}
	*out = attach;
	return 0;
}

/* ---- attaching ---- */

static int attach_syscall(struct bpf_program *program, int tracefs_fd, struct bpf_link **link)
{
	const char *event = strchr(bpf_program__section_name(program), '/') + 1;
	int fd = tracefs_fd < 0 ? tracefs_fd : tracefs_open_event(tracefs_fd, event);

	if (fd < 0)
		return fd;
	*link = bpf_program__attach_perf_event(program, fd); /* owns the descriptor */
	if (*link)
		return 0;
	close(fd);
	return -errno;
}

/* @kind: HOOK_BTF of a system call whose function it is attached to, too. */
static int attach_hook(struct hook *hook, enum hook_kind kind, int tracefs_fd, int cgroup_fd)
{
	int err = 0;

	for (size_t p = 0; p < HOOK_PROGRAMS_MAX && hook->programs[p] && !err; p++) {
		switch (kind) {
		case HOOK_BTF:
			hook->links[p] = bpf_program__attach_trace(hook->programs[p]);
			err = hook->links[p] ? 0 : -errno;
			break;
		case HOOK_SYSCALL:
			err = attach_syscall(hook->programs[p], tracefs_fd, &hook->links[p]);
			break;
		case HOOK_CGROUP:
			if (cgroup_fd < 0)
				return cgroup_fd;
			hook->links[p] = bpf_program__attach_cgroup(hook->programs[p], cgroup_fd);
			err = hook->links[p] ? 0 : -errno;
			break;
		case HOOK_PACKET:
		case HOOK_ITERATOR:
			break;
		}
	}
	return err;
}

static void detach_hook(struct hook *hook)
{
	for (size_t p = 0; p < HOOK_PROGRAMS_MAX; p++) {
		bpf_link__destroy(hook->links[p]);
		hook->links[p] = NULL;
	}
}

static const char *explain_attach_error(enum hook_kind kind, int tracefs_fd, int cgroup_fd)
{
	if (kind == HOOK_SYSCALL && tracefs_fd < 0)
		return "no tracefs: neither CAP_SYS_ADMIN nor a mounted one";
	if (kind == HOOK_CGROUP && cgroup_fd < 0)
		return "no cgroup v2 tree";
	return "the kernel refused to attach it";
}

int attach_start(struct attach *attach)
{
	_cleanup_close_ int tracefs_fd = tracefs_open();
	_cleanup_close_ int cgroup_fd = probe_open_cgroup_root();
	int attached = 0, first_error = 0;
	bool dry_run = false;

	/* what a crashed agent left behind in this namespace */
	attach_clean(dry_run, NULL, NULL);
	for (size_t i = 0; i < HOOKS_COUNT; i++) {
		const struct hook_row *row = &HOOKS[i];
		enum hook_kind kind = row->kind;
		int err;

		if (!load_is_usable(&attach->list[i]))
			continue;
		if (kind == HOOK_SYSCALL && attach->at_functions)
			kind = HOOK_BTF;
		err = attach_hook(&attach->hooks[i], kind, tracefs_fd, cgroup_fd);
		if (!err) {
			load_set_state(attach, i, HOOK_ATTACHED, 0, NULL);
			attached++;
			continue;
		}
		detach_hook(&attach->hooks[i]);
		load_set_state(attach, i, HOOK_MISSING, -err,
			       explain_attach_error(kind, tracefs_fd, cgroup_fd));
		log_debug("hook %s: %s: %s", row->name, attach->list[i].why, strerror(-err));
		if (!first_error)
			first_error = err;
	}
	if (!attached) {
		log_error("no hook could be attached");
		log_hint("sockwhy doctor says what each needs");
		return first_error ? first_error : -ENOTSUP;
	}
	return 0;
}

void attach_close(struct attach *attach)
{
	if (!attach)
		return;
	interfaces_close(attach->interfaces);
	for (size_t i = 0; i < HOOKS_COUNT; i++)
		detach_hook(&attach->hooks[i]);
	sockwhy__destroy(attach->skeleton);
	free(attach);
}

/* ---- what others need ---- */

const struct attach_hook *attach_hooks(const struct attach *attach, size_t *count)
{
	*count = HOOKS_COUNT;
	return attach->list;
}

int attach_ring_fd(const struct attach *attach)
{
	return bpf_map__fd(attach->skeleton->maps.ring);
}

int attach_read_lost(const struct attach *attach, struct ev_lost *lost, struct ev_lost *suppressed)
{
	size_t size = (bpf_map__value_size(attach->skeleton->maps.emit_cpus) + 7) / 8 * 8;
	_cleanup_free_ char *values = calloc(attach->cpus, size);
	__u32 zero = 0;

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(attach->skeleton->maps.emit_cpus), &zero, values))
		return -errno;
	memset(lost, 0, sizeof(*lost));
	memset(suppressed, 0, sizeof(*suppressed));
	for (int cpu = 0; cpu < attach->cpus; cpu++) {
		const struct cpu_counts *counts = (const void *)(values + cpu * size);

		for (size_t kind = 0; kind < EVENT_KERNEL_KIND_COUNT; kind++) {
			lost->by_kind[kind] += counts->lost[kind];
			suppressed->by_kind[kind] += counts->suppressed[kind];
		}
	}
	return 0;
}

int attach_want_drop_reason(struct attach *attach, __u32 reason)
{
	__u32 subsystem = reason >> 16, index = reason & 0xffff;

	if (subsystem >= DROP_SUBSYSTEMS || index >= DROP_REASONS_PER_SUBSYSTEM)
		return -ERANGE;
	attach->skeleton->bss->drop_wanted[subsystem * DROP_REASONS_PER_SUBSYSTEM + index] = 1;
	return 0;
}

int attach_follow(struct attach *attach, __u32 pid)
{
	__u8 one = 1;

	return bpf_map_update_elem(bpf_map__fd(attach->skeleton->maps.followed_processes), &pid,
				   &one, BPF_ANY) ?
		       -errno :
		       0;
}

int attach_iterate(const struct attach *attach, enum attach_iterator which)
{
	static const char *const names[] = { "snapshot", "snapshot-owners", "look",
					     "datagram-owners" };
	_Static_assert(ARRAY_SIZE(names) == ITERATOR_COUNT, "a hook for every iterator");
	int i = hooks_find(names[which]);
	struct bpf_link *link;
	int fd;

	if (attach->list[i].state != HOOK_ATTACHED && attach->list[i].state != HOOK_DETACHED)
		return -ENOTSUP;
	link = bpf_program__attach_iter(attach->hooks[i].programs[0], NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		fd = -errno;
	bpf_link__destroy(link); /* the iterator holds what it needs */
	return fd;
}

/* ---- interfaces ---- */

static int open_interfaces(struct attach *attach)
{
	int tcx = hooks_find("tcx"), clsact = hooks_find("clsact");
	const struct hook *hook = &attach->hooks[tcx];

	if (attach->interfaces)
		return 0;
	if (attach->list[tcx].state == HOOK_ATTACHED)
		return interfaces_open(&attach->interfaces, INTERFACES_TCX,
				       bpf_program__fd(hook->programs[0]),
				       bpf_program__fd(hook->programs[1]));
	if (attach->list[clsact].state == HOOK_ATTACHED)
		return interfaces_open(&attach->interfaces, INTERFACES_CLSACT,
				       bpf_program__fd(hook->programs[0]),
				       bpf_program__fd(hook->programs[1]));
	return -ENOTSUP;
}

int attach_interface(struct attach *attach, __u32 netns, __u32 ifindex, const char *name,
		     __u32 *flags)
{
	int err = open_interfaces(attach);

	return err ? err : interfaces_attach(attach->interfaces, netns, ifindex, name, flags);
}

void attach_forget_interface(struct attach *attach, __u32 netns, __u32 ifindex)
{
	if (attach->interfaces)
		interfaces_forget(attach->interfaces, netns, ifindex);
}
