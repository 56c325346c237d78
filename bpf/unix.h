/* SPDX-License-Identifier: GPL-2.0-only */
/* unix.h - connect() to a Unix socket of this host failed */
#pragma once

#include "resolver.h"
#include "syscall.h"

#define UNIX_PATH_MAX 108 /* sun_path (unix(7)) */
#define UNIX_READ_MASK 127 /* above that, and its end */

/* Errors that say why; the others say that it goes on, that it was interrupted, or that it stands. */
static __always_inline bool unix_error_is_told(long error)
{
	switch (error) {
	case EPERM:
	case ENOENT:
	case EAGAIN:
	case ENOMEM:
	case EACCES:
	case ENOTDIR:
	case ELOOP:
	case EPROTOTYPE:
	case ECONNREFUSED:
		return true;
	}
	return false;
}

/* Is that what the current connect(), which failed with @error, was asked for? */
static __always_inline bool unix_is_asked(long error)
{
	__u16 family = 0;

	return unix_error_is_told(error) &&
	       !bpf_probe_read_user(
		       &family, sizeof(family),
		       (const void *)PT_REGS_PARM2_CORE_SYSCALL(compat_task_registers())) &&
	       family == AF_UNIX;
}

/* @name: sun_path in user memory, @length: of it as the address says; false: it has none. */
static __always_inline bool unix_read_path(char *path, const char *name, __u32 length)
{
	char first = 0;

	if (!length || length > UNIX_PATH_MAX || bpf_probe_read_user(&first, 1, name))
		return false;
	if (!first) {
		path[0] = '@';
		path++;
		name++;
		length--;
	}
	/* it may fill its place, without an end; the verifier is told the bound that it lost */
	length++;
	asm volatile("" : "+r"(length));
	length &= UNIX_READ_MASK;
	return length > 1 && bpf_probe_read_user_str(path, length, name) > 0;
}

static __always_inline int unix_connect_failed(long error)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct syscall_call call = { .call = SYSCALL_CONNECT, .error = error };
	struct pt_regs *regs = compat_task_registers();
	const char *name = (const char *)PT_REGS_PARM2_CORE_SYSCALL(regs) + sizeof(__u16);
	__u32 length = (__u32)PT_REGS_PARM3_CORE_SYSCALL(regs) - sizeof(__u16);
	char path[UNIX_READ_MASK + 2] = {}; /* as much as the verifier thinks of */
	struct syscall_record *record;
	struct emit_cpu *cpu;

	if (!syscall_is_wanted() || !unix_read_path(path, name, length))
		return 0;
	/* libraries of every process look for who is asked for names, and most hosts have none */
	if (resolver_of(path) != OPEN_HOW_COUNT)
		return 0;
	/* a datagram's is one of many that programs make, as for a log that may be there */
	syscall_socket(PT_REGS_PARM1_CORE_SYSCALL(regs), &call);
	if (call.family != AF_UNIX || call.type == SOCK_DGRAM)
		return 0;
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	record = syscall_reserve_of(cpu, &call, sizeof(*record));
	if (!record)
		return 0;
	record->body.error = error;
	record->body.type = call.type;
	record->body.mntns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	__builtin_memcpy(record->body.path, path, sizeof(record->body.path));
	record->head.netns = syscall_netns();
	record->head.known |= EVENT_K_PATH;
	emit_submit(cpu, &record->head);
	return 0;
}
