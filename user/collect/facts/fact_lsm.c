// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_lsm.c - security modules that may refuse a call, and what they say of the process */

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"

#define PROGRAMS_LOOKED_AT_MAX 4096 /* 2 us each */

static void tell_text(struct fetch *fetch, const char *name, __u32 pid, bool number, char *text)
{
	struct ev_fact fact = fact_make(FACT_LSM);

	text[strcspn(text, "\n")] = '\0';
	if (!text[0])
		return;
	fact.pid = pid;
	fact.number = number;
	tell_copy(fact.name, name, sizeof(fact.name));
	tell_copy(fact.text, text, sizeof(fact.text));
	fact_tell(fetch, &fact);
}

/* AppArmor's mode stands in the label; of SELinux it is one for all. */
static bool is_enforced(const char *label)
{
	char text[8];

	if (strstr(label, "(enforce)") || strstr(label, "(kill)"))
		return true;
	return tell_read_file("/sys/fs/selinux/enforce", text, sizeof(text)) > 0 &&
	       text[0] == '1' && !strstr(label, ":unconfined_t");
}

/* Documentation/admin-guide/LSM/index.rst: the files of the one that shows its label there. */
static void tell_label(struct fetch *fetch)
{
	static const char *const files[] = { "attr/apparmor/current", "attr/current" };
	_cleanup_close_ int dir = process_open(fetch->request->pid);
	char text[sizeof(((struct ev_fact *)NULL)->text)];

	for (size_t i = 0; i < ARRAY_SIZE(files) && dir >= 0; i++)
		if (tell_read_at(dir, files[i], text, sizeof(text)) > 0) {
			tell_text(fetch, "label", fetch->request->pid, is_enforced(text), text);
			return;
		}
}

/* Where BPF programs may refuse a call of a socket (lsm_hooks). */
static const char *const socket_hooks[] = { "bpf_lsm_socket_create", "bpf_lsm_socket_bind",
					    "bpf_lsm_socket_listen", "bpf_lsm_socket_connect",
					    "bpf_lsm_socket_sendmsg" };

struct modules {
	struct btf *kernel; /* read when it is first asked for: most hosts have no such program */
	long long count;
	char first[BPF_OBJ_NAME_LEN];
};

static bool is_at_socket(struct modules *modules, const struct bpf_prog_info *info)
{
	if (!modules->kernel)
		modules->kernel = btf__load_vmlinux_btf();
	for (size_t i = 0; i < ARRAY_SIZE(socket_hooks) && modules->kernel; i++)
		if (btf__find_by_name_kind(modules->kernel, socket_hooks[i], BTF_KIND_FUNC) ==
		    (int)info->attach_btf_id)
			return true;
	return false;
}

static void take_program(struct modules *modules, __u32 id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || info.type != BPF_PROG_TYPE_LSM ||
	    !is_at_socket(modules, &info))
		return;
	if (!modules->count++)
		tell_copy(modules->first, info.name, sizeof(modules->first));
}

/* "bpf" stands among the modules of most hosts, and mostly has no program, or one about files. */
static void tell_programs(struct fetch *fetch)
{
	struct ev_fact fact = fact_make(FACT_LSM);
	struct modules modules = { 0 };
	__u32 id = 0;
	int err = 0;

	for (int i = 0; i < PROGRAMS_LOOKED_AT_MAX && !err; i++) {
		err = bpf_prog_get_next_id(id, &id);
		if (!err)
			take_program(&modules, id);
	}
	btf__free(modules.kernel);
	if (err && err != -ENOENT) {
		fact_tell_absent(fetch, FACT_LSM, "programs", err);
		return;
	}
	tell_copy(fact.name, "programs", sizeof(fact.name));
	tell_copy(fact.text, modules.first, sizeof(fact.text));
	fact.number = modules.count;
	fact_tell(fetch, &fact);
}

void fact_fetch_lsm(struct fetch *fetch)
{
	char text[sizeof(((struct ev_fact *)NULL)->text)];
	int length = tell_read_file("/sys/kernel/security/lsm", text, sizeof(text));

	if (length < 0)
		fact_tell_absent(fetch, FACT_LSM, "modules", length);
	else
		tell_text(fetch, "modules", 0, false, text);
	tell_label(fetch);
	tell_programs(fetch);
}
