// SPDX-License-Identifier: GPL-2.0-only
/* process.bpf.c - followed processes: their children join, their ends are told */
#include "emit.h"
#include "fill.h"

static __always_inline bool process_is_followed(__u32 tgid)
{
	return bpf_map_lookup_elem(&followed_processes, &tgid);
}

/* @task: trusted. */
static __always_inline struct task_record *
process_reserve(struct emit_cpu *cpu, struct task_struct *task, enum event_task_how how)
{
	struct task_record *record;

	record = (void *)emit_reserve(cpu, EVENT_TASK, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return NULL;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	fill_owner(&record->body.owner, task);
	record->head.known = EVENT_K_OWNER | (record->body.owner.exe[0] ? EVENT_K_EXE : 0);
	record->head.flags = EVENT_F_TASK | EVENT_F_FOLLOWED;
	record->head.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	record->body.how = how;
	return record;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct emit_cpu *cpu;
	struct task_record *record;
	__u32 tgid = child->tgid;
	__u8 one = 1;

	/* a thread has its process's tgid, which is followed already */
	if (child->pid != child->tgid || !process_is_followed(parent->tgid))
		return 0;
	bpf_map_update_elem(&followed_processes, &tgid, &one, BPF_ANY);
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	record = process_reserve(cpu, child, TASK_FORK);
	if (record)
		emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	struct emit_cpu *cpu;
	struct task_record *record;

	if (!process_is_followed(task->tgid))
		return 0;
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	record = process_reserve(cpu, task, TASK_EXEC);
	if (!record)
		return 0;
	bpf_probe_read_kernel_str(record->body.path, sizeof(record->body.path), program->filename);
	emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct emit_cpu *cpu;
	struct task_record *record;
	__u32 tgid = task->tgid;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	int group_code;

	/* the last thread of the process */
	if (BPF_CORE_READ(signal, live.counter) || !process_is_followed(tgid))
		return 0;
	bpf_map_delete_elem(&followed_processes, &tgid);
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	record = process_reserve(cpu, task, TASK_EXIT);
	if (!record)
		return 0;
	group_code = BPF_CORE_READ(signal, group_exit_code);
	record->body.exit_code = group_code ? group_code : task->exit_code;
	emit_submit(cpu, &record->head);
	return 0;
}
