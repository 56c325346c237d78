// SPDX-License-Identifier: GPL-2.0-only
/* syscall.bpf.c - socket calls that return an error, and, when asked for, those that work */
#include "resolver.h"
#include "syscall.h"
#include "unix.h"

#define SYSCALL_PORT_END 4 /* bytes of an internet address up to and with its port */

/* bind() or accept() worked: the socket's owner. */
static __always_inline int syscall_emit_open(const struct syscall_call *call,
					     enum event_open_how how)
{
	struct emit_cpu *cpu = emit_cpu();
	struct open_record *record;
	const struct sock *sk = call->sk;
	struct ev_open *open;
	__u8 one = 1;

	if (!cpu)
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(*record), VANTAGE_SYSCALL);
	if (!record)
		return 0;
	open = &record->body;
	__builtin_memset(open, 0, sizeof(*open));
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	record->head.known = EVENT_K_TUPLE | fill_current(&open->owner);
	record->head.cookie = syscall_fill_socket(&record->head, &open->tuple, call);
	open->owner.cgroup_id = compat_read_socket_cgroup(sk);
	open->mark = BPF_CORE_READ(sk, sk_mark);
	open->bound_ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	open->how = how;
	open->socket_flags = syscall_socket_options(call);
	if (call->address && fill_asked(open->asked, &open->asked_port, call->address))
		record->head.known |= EVENT_K_ASKED;
	if (knobs.all_packets && record->head.cookie) {
		__u64 cookie = record->head.cookie;

		bpf_map_update_elem(&followed_cookies, &cookie, &one, BPF_ANY);
	}
	emit_submit(cpu, &record->head);
	return 0;
}

/* socket() failed: there is only what it was asked for. */
static __always_inline bool syscall_wants_socket(struct syscall_call *call, struct pt_regs *regs)
{
	call->family = PT_REGS_PARM1_CORE_SYSCALL(regs);
	call->type = PT_REGS_PARM2_CORE_SYSCALL(regs) & 0xf; /* SOCK_TYPE_MASK */
	return syscall_is_internet(call->family) && call->type == SOCK_STREAM;
}

/* Any other call: its socket, and of connect() and bind() the address. */
static __always_inline bool syscall_has_socket(struct syscall_call *call, struct pt_regs *regs,
					       long ret)
{
	int fd = PT_REGS_PARM1_CORE_SYSCALL(regs);
	struct sockaddr_in begin = {};
	bool datagrams = call->call == SYSCALL_BIND;

	if (call->call == SYSCALL_CONNECT || call->call == SYSCALL_BIND)
		call->address = (const void *)PT_REGS_PARM2_CORE_SYSCALL(regs);
	/* most failing connect()s of a host are of Unix sockets: told by the address alone */
	if (call->call == SYSCALL_CONNECT &&
	    (bpf_probe_read_user(&begin, SYSCALL_PORT_END, call->address) ||
	     !syscall_is_internet(begin.sin_family)))
		return false;
	/* where a name server is, is no route question: who asks it goes no other way */
	if (call->call == SYSCALL_CONNECT)
		datagrams = begin.sin_port == bpf_htons(EVENT_PORT_DNS);
	if (call->call == SYSCALL_ACCEPT && ret >= 0)
		fd = ret;
	return syscall_socket(fd, call) && syscall_is_ours(call, datagrams);
}

/* A call returned @ret: an error, or what is told as an opening if it is @told. */
static __always_inline int syscall_return(enum event_syscall which, long ret, bool outside,
					  bool told)
{
	struct syscall_call call = { .call = which, .error = -ret, .is_seen_outside = outside };
	struct pt_regs *regs;

	if (ret >= 0 ? !told : syscall_is_silent(which, -ret))
		return 0;
	if (!syscall_is_wanted())
		return 0;
	regs = compat_task_registers();
	if (which == SYSCALL_SOCKET ? !syscall_wants_socket(&call, regs) :
				      !syscall_has_socket(&call, regs, ret))
		return 0;
	if (ret < 0)
		return syscall_emit_error(&call);
	return syscall_emit_open(&call, which == SYSCALL_BIND ? OPEN_BIND : OPEN_ACCEPT);
}

/*
 * Each call twice, of which user space loads one (attach/exits.h): where its function returns, which nobody
 * else passes, or at its trace event, for which every system call of the host goes a longer way.
 */
#define SYSCALL_EXIT(name, function)                                    \
	SEC("tracepoint/syscalls/sys_exit_" #name)                      \
	int on_##name(struct trace_event_raw_sys_exit *ctx)             \
	{                                                               \
		return function(ctx->ret, true);                        \
	}                                                               \
                                                                        \
	SEC("fexit/" SYSCALL_FUNCTION #name)                            \
	int BPF_PROG(exit_##name, const struct pt_regs *regs, long ret) \
	{                                                               \
		return function(ret, false);                            \
	}

static __always_inline int syscall_return_connect(long ret, bool outside)
{
	struct pt_regs *regs;

	if (ret && unix_is_asked(-ret))
		return unix_connect_failed(-ret);
	if (ret)
		return syscall_return(SYSCALL_CONNECT, ret, outside, false);
	if (!syscall_is_wanted())
		return 0;
	regs = compat_task_registers();
	return resolver_connected((const void *)PT_REGS_PARM2_CORE_SYSCALL(regs));
}

static __always_inline int syscall_return_bind(long ret, bool outside)
{
	return syscall_return(SYSCALL_BIND, ret, outside, knobs.follow);
}

static __always_inline int syscall_return_listen(long ret, bool outside)
{
	return syscall_return(SYSCALL_LISTEN, ret, outside, false);
}

static __always_inline int syscall_return_socket(long ret, bool outside)
{
	return syscall_return(SYSCALL_SOCKET, ret, outside, false);
}

static __always_inline int syscall_return_accept(long ret, bool outside)
{
	return syscall_return(SYSCALL_ACCEPT, ret, outside, knobs.accepts);
}

SYSCALL_EXIT(connect, syscall_return_connect)
SYSCALL_EXIT(bind, syscall_return_bind)
SYSCALL_EXIT(listen, syscall_return_listen)
SYSCALL_EXIT(socket, syscall_return_socket)
SYSCALL_EXIT(accept, syscall_return_accept)
SYSCALL_EXIT(accept4, syscall_return_accept)

/* ---- what could not be sent ---- */

/* Errors that tell of this host or of the path; the others are the program's own, or none. */
static __always_inline bool syscall_send_is_told(long error)
{
	switch (error) {
	case EPERM:
	case EACCES:
	case EINVAL:
	case EMSGSIZE:
	case EADDRNOTAVAIL:
	case ENETDOWN:
	case ENETUNREACH:
	case ENOBUFS:
	case ECONNREFUSED:
	case EHOSTUNREACH:
		return true;
	}
	return false;
}

/* The first message of sendmsg() or sendmmsg(): where it was to go, how long it is. */
static __always_inline void syscall_look_at_message(struct syscall_call *call, const void *user)
{
	struct user_msghdr message = {};
	struct iovec part = {};

	if (bpf_probe_read_user(&message, sizeof(message), user))
		return;
	call->address = message.msg_name;
	if (message.msg_iovlen == 1 &&
	    !bpf_probe_read_user(&part, sizeof(part), (const void *)message.msg_iov))
		call->bytes = part.iov_len;
}

/* The arguments, where the current system call is one that is known; of a connected socket by write(), say, none. */
static __always_inline void syscall_look_at_send(struct syscall_call *call)
{
	struct pt_regs *regs = compat_task_registers();
	long number = SYSCALL_NUMBER_READ(regs);

	if (number == SYSCALL_NUMBER_SENDTO) {
		call->bytes = PT_REGS_PARM3_CORE_SYSCALL(regs);
		call->address = (const void *)PT_REGS_PARM5_CORE_SYSCALL(regs);
	} else if (number == SYSCALL_NUMBER_SENDMSG) {
		syscall_look_at_message(call, (const void *)PT_REGS_PARM2_CORE_SYSCALL(regs));
	} else if (number == SYSCALL_NUMBER_SENDMMSG && PT_REGS_PARM3_CORE_SYSCALL(regs) == 1) {
		syscall_look_at_message(call, (const void *)PT_REGS_PARM2_CORE_SYSCALL(regs));
	}
}

/* @call: its socket is known. An application may go on in vain as fast as it can: shed with packets. */
static __always_inline int syscall_emit_send(struct syscall_call *call)
{
	struct emit_cpu *cpu = emit_cpu();

	if (!cpu || fill_task_flags() & PF_KTHREAD || !syscall_is_wanted() ||
	    emit_is_shed(cpu, EVENT_SYSCALL))
		return 0;
	syscall_look_at_send(call);
	return syscall_emit_error(call);
}

#define SIGPIPE_BIT (1 << 12)
#define SIGPIPE_INDEX 12 /* SIGPIPE is 13, and signals begin with 1 */
#define MSG_NOSIGNAL 0x4000

/* Nobody asked to be spared the signal, has a handler for it, or ignores or blocks it. */
static __always_inline bool syscall_pipe_kills(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pt_regs *regs = compat_task_registers();
	long number = SYSCALL_NUMBER_READ(regs), flags;

	if (number == SYSCALL_NUMBER_SENDTO)
		flags = PT_REGS_PARM4_CORE_SYSCALL(regs);
	else if (number == SYSCALL_NUMBER_SENDMSG)
		flags = PT_REGS_PARM3_CORE_SYSCALL(regs);
	else if (number == SYSCALL_NUMBER_WRITE || number == SYSCALL_NUMBER_WRITEV)
		flags = 0;
	else
		return false;
	return !(flags & MSG_NOSIGNAL) && !(BPF_CORE_READ(task, blocked.sig[0]) & SIGPIPE_BIT) &&
	       !BPF_CORE_READ(task, sighand, action[SIGPIPE_INDEX].sa.sa_handler);
}

/*
 * Of TCP, EPIPE on a socket that the peer has reset: the end was told before anybody knew that the
 * process would go on writing. Else the program itself had shut it down.
 */
static __always_inline bool syscall_is_broken_pipe(const struct sock *sk, int ret)
{
	return sk->sk_protocol == IPPROTO_TCP && ret == -EPIPE &&
	       sk->__sk_common.skc_state == BPF_TCP_CLOSE && sk->__sk_common.skc_dport;
}

/* Every send of every socket of the host: whether it failed comes first. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, const struct sock *sk, int ret)
{
	struct syscall_call call = { .call = SYSCALL_SEND, .error = -ret };
	const struct sock *read = NULL;

	if (ret >= 0)
		return 0;
	if (syscall_is_broken_pipe(sk, ret))
		call.kills = syscall_pipe_kills();
	else if (sk->sk_protocol != IPPROTO_UDP || !syscall_send_is_told(-ret))
		return 0;
	compat_socket_cookie(sk); /* makes one, which is then read */
	bpf_probe_read_kernel(&read, sizeof(read), &sk);
	call.sk = read;
	call.family = sk->__sk_common.skc_family;
	call.type = sk->sk_type;
	call.protocol = sk->sk_protocol;
	return syscall_emit_send(&call);
}

/* The same before 6.3, by the system calls that can name a destination. */
static __always_inline int syscall_return_send(long ret, bool outside)
{
	struct syscall_call call = { .call = SYSCALL_SEND,
				     .error = -ret,
				     .is_seen_outside = outside };

	if (ret >= 0 || !syscall_send_is_told(-ret))
		return 0;
	if (!syscall_socket(PT_REGS_PARM1_CORE_SYSCALL(compat_task_registers()), &call) ||
	    call.type != SOCK_DGRAM || call.protocol != IPPROTO_UDP)
		return 0;
	return syscall_emit_send(&call);
}

SYSCALL_EXIT(sendto, syscall_return_send)
SYSCALL_EXIT(sendmsg, syscall_return_send)
SYSCALL_EXIT(sendmmsg, syscall_return_send)
