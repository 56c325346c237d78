/* SPDX-License-Identifier: GPL-2.0-only */
/* refused.h - who may have refused a call: programs of the cgroup, a seccomp filter */
#pragma once

#include "compat.h"

/* Programs that the kernel asks one after the other; ours are passed over. */
#define REFUSED_PROGRAMS 4

/* Until 5.14 programs stand in the cgroup by the numbers of user space. */
#define REFUSED_PLACE(name)                                                        \
	(bpf_core_enum_value_exists(enum cgroup_bpf_attach_type, CGROUP_##name) ?  \
		 bpf_core_enum_value(enum cgroup_bpf_attach_type, CGROUP_##name) : \
		 BPF_CGROUP_##name)

/* clang calls memcmp() for more than a few bytes, and no such function is there. */
static __always_inline bool refused_begins(const char *name, const char *with, int length)
{
	for (int i = 0; i < length; i++)
		if (name[i] != with[i])
			return false;
	return true;
}

/* lookup.bpf.c has those of a cgroup (lookup_connect4 …); they refuse nothing, whichever agent's they are. */
static __always_inline bool refused_is_ours(const char *name)
{
	return refused_begins(name, "lookup_co", 9) || refused_begins(name, "lookup_se", 9);
}

/* The number of the first program of others at @place, 0: there is none. */
static __always_inline __u32 refused_by_program(struct cgroup *group, int place)
{
	struct bpf_prog_array **effective, *programs = NULL;
	struct bpf_prog_array_item *items;

	effective = (void *)group + bpf_core_field_offset(group->bpf.effective);
	if (bpf_probe_read_kernel(&programs, sizeof(programs), effective + place) || !programs)
		return 0;
	items = (void *)programs + bpf_core_field_offset(programs->items);
	for (int i = 0; i < REFUSED_PROGRAMS; i++) {
		struct bpf_prog_array_item *item =
			(void *)items + i * bpf_core_type_size(struct bpf_prog_array_item);
		struct bpf_prog *program = BPF_CORE_READ(item, prog);
		char name[16] = {};

		if (!program)
			return 0;
		BPF_CORE_READ_INTO(&name, program, aux, name);
		if (!refused_is_ours(name))
			return BPF_CORE_READ(program, aux, id);
	}
	return 0;
}

/* Where the kernel asks about a call; some are asked twice, and first where the more is said. */
static __always_inline __u32 refused_program(struct cgroup *group, enum event_syscall call,
					     bool ipv6)
{
	__u32 program;

	if (call == SYSCALL_SOCKET)
		return refused_by_program(group, REFUSED_PLACE(INET_SOCK_CREATE));
	if (call == SYSCALL_CONNECT)
		return refused_by_program(group, ipv6 ? REFUSED_PLACE(INET6_CONNECT) :
							REFUSED_PLACE(INET4_CONNECT));
	if (call == SYSCALL_SEND)
		return refused_by_program(group, ipv6 ? REFUSED_PLACE(UDP6_SENDMSG) :
							REFUSED_PLACE(UDP4_SENDMSG));
	if (call != SYSCALL_BIND)
		return 0;
	program = refused_by_program(group,
				     ipv6 ? REFUSED_PLACE(INET6_BIND) : REFUSED_PLACE(INET4_BIND));
	return program ? program :
			 refused_by_program(group, ipv6 ? REFUSED_PLACE(INET6_POST_BIND) :
							  REFUSED_PLACE(INET4_POST_BIND));
}

/* The current task has a seccomp filter (SECCOMP_MODE_FILTER). */
static __always_inline bool refused_is_filtered(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return bpf_core_field_exists(task->seccomp.mode) && BPF_CORE_READ(task, seccomp.mode) == 2;
}
