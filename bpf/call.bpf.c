// SPDX-License-Identifier: GPL-2.0-only
/* call.bpf.c - every call of followed processes at a socket, for the timeline of run -v */
#include "syscall.h"

/*
 * A call is noted as it begins, and told with how long it took as it returns; close() as it begins,
 * because behind it there is no socket left to ask. Of calls for one of many descriptors it is told
 * which socket only where that is the one waited for, and nothing where nobody had to wait.
 */
#define CALL_WAIT_LEAST_NS NS_PER_MS

static __always_inline __u32 call_code(long number)
{
	if ((unsigned long)number >= KNOBS_CALLS)
		return 0;
	return knobs.calls[number];
}

static __always_inline enum event_syscall call_of(__u32 code)
{
	return (code & KNOBS_CALL_MASK) - 1;
}

static __always_inline bool call_is_wait(__u32 code)
{
	enum event_syscall call = call_of(code);

	return call == SYSCALL_POLL || call == SYSCALL_SELECT || call == SYSCALL_EPOLL_WAIT;
}

/* The socket by which it may be found before it has a cookie, and is none of the kernel's addresses. */
static __always_inline __u64 call_socket_number(const struct sock *sk)
{
	return compat_hide((__u64)sk) | 1;
}

static __always_inline bool call_is_ours(const struct syscall_call *call)
{
	if (call->type == SOCK_STREAM)
		return call->protocol == IPPROTO_TCP || call->protocol == IPPROTO_MPTCP;
	return call->type == SOCK_DGRAM && call->protocol == IPPROTO_UDP;
}

static __always_inline int call_emit(const struct syscall_call *call, const struct call_note *note,
				     long ret)
{
	struct emit_cpu *cpu = emit_cpu();
	const struct sock *sk = call->sk;
	struct syscall_record *record;
	struct ev_syscall *body;

	if (!cpu || emit_is_shed(cpu, EVENT_SYSCALL))
		return 0;
	record = syscall_reserve(cpu, call);
	if (!record)
		return 0;
	body = &record->body;
	record->head.known |= EVENT_K_TIMELINE;
	/* what the kernel's own ones come to the application has yet to be decided: it was interrupted */
	body->error = ret >= 0 ? 0 : -ret >= ERESTART_FIRST && -ret <= ERESTART_LAST ? EINTR : -ret;
	body->result = ret >= 0 ? ret : 0;
	body->began_ns = note->began_ns;
	if (note->code & KNOBS_CALL_BYTES)
		body->bytes = note->arguments[2];
	if (note->code & KNOBS_CALL_COUNT)
		body->count = note->arguments[1];
	else if (note->code & KNOBS_CALL_FIRST)
		body->count = note->arguments[0];
	if (sk) {
		record->head.cookie = syscall_fill_socket(&record->head, &body->tuple, call);
		record->head.known |= EVENT_K_TUPLE | EVENT_K_STATE;
		body->state = BPF_CORE_READ(sk, __sk_common.skc_state);
		body->type = call->type;
		body->socket = call_socket_number(sk);
	} else {
		record->head.netns = syscall_netns();
	}
	emit_submit(cpu, &record->head);
	return 0;
}

/* poll() for one descriptor: that one. */
static __always_inline int call_polled(const struct call_note *note)
{
	struct pollfd one = { .fd = -1 };

	if (note->arguments[1] != 1 ||
	    bpf_probe_read_user(&one, sizeof(one), (const void *)note->arguments[0]))
		return -1;
	return one.fd;
}

static __always_inline bool call_look(struct syscall_call *call, int fd)
{
	return syscall_socket(fd, call) && call_is_ours(call);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_call_begun, struct pt_regs *regs, long number)
{
	struct call_note note = { .code = call_code(number) };
	struct syscall_call call = { .call = call_of(note.code) };
	__u64 thread = bpf_get_current_pid_tgid();

	if (!note.code || !syscall_is_wanted() || compat_is_narrow_call())
		return 0;
	note.arguments[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	note.arguments[1] = PT_REGS_PARM2_CORE_SYSCALL(regs);
	note.arguments[2] = PT_REGS_PARM3_CORE_SYSCALL(regs);
	note.began_ns = bpf_ktime_get_ns();
	if (call.call == SYSCALL_POLL) {
		if (note.arguments[1] == 1 && !call_look(&call, call_polled(&note)))
			return 0;
	} else if (!call_is_wait(note.code) && call.call != SYSCALL_SOCKET &&
		   !call_look(&call, note.arguments[0])) {
		return 0;
	}
	if (call.call == SYSCALL_CLOSE)
		return call_emit(&call, &note, 0);
	note.sk = call.sk;
	bpf_map_update_elem(&call_notes, &thread, &note, BPF_ANY);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_returned, struct pt_regs *regs, long ret)
{
	__u64 thread = bpf_get_current_pid_tgid();
	const struct call_note *noted = bpf_map_lookup_elem(&call_notes, &thread);
	struct syscall_call call = {};
	struct call_note note;

	if (!noted)
		return 0;
	note = *noted;
	bpf_map_delete_elem(&call_notes, &thread);
	call.call = call_of(note.code);
	if (call_is_wait(note.code) && bpf_ktime_get_ns() - note.began_ns < CALL_WAIT_LEAST_NS)
		return 0;
	if ((call.call == SYSCALL_SOCKET || call.call == SYSCALL_ACCEPT) && ret >= 0) {
		if (!call_look(&call, ret))
			return 0;
	} else if (note.sk) {
		syscall_take_socket(&call, note.sk);
	} else if (call.call == SYSCALL_SOCKET) {
		call.family = note.arguments[0];
		if (!syscall_is_internet(call.family))
			return 0;
	}
	if (call.call == SYSCALL_CONNECT || call.call == SYSCALL_BIND)
		call.address = (const void *)note.arguments[1];
	return call_emit(&call, &note, ret);
}
