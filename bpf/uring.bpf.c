// SPDX-License-Identifier: GPL-2.0-only
/* uring.bpf.c - socket calls that fail though no system call was made for them: requests of io_uring */
#include "syscall.h"

/*
 * A completion is told in the task whose ring it is, or in its thread in the kernel, while the request
 * still has its file. Nearly all of them work, and that comes first.
 */

/* 0: nothing that is told. Operations are numbered for ever, as system calls are. */
static __always_inline enum event_syscall uring_call_of(__u8 operation)
{
	switch (operation) {
	case IORING_OP_CONNECT:
		return SYSCALL_CONNECT;
	case IORING_OP_ACCEPT:
		return SYSCALL_ACCEPT;
	case IORING_OP_SOCKET:
		return SYSCALL_SOCKET;
	case IORING_OP_BIND:
		return SYSCALL_BIND;
	case IORING_OP_LISTEN:
		return SYSCALL_LISTEN;
	}
	return 0;
}

/*
 * bind()'s address as the kernel copied it: by itself (seen with 6.18), or in what is kept of a message (6.11).
 * That begins with a pointer, and none ends like a number of these families.
 */
static __always_inline const void *uring_copied_address(const struct io_kiocb *request)
{
	struct io_async_msghdr *copy = BPF_CORE_READ(request, async_data);
	__u16 family = 0;

	if (!copy || bpf_probe_read_kernel(&family, sizeof(family), copy))
		return NULL;
	return syscall_is_internet(family) ? (const void *)copy : &copy->addr;
}

/*
 * Where it was to go. Of connect(), the application's own memory, which it must leave alone only until the
 * request is taken: one that waited has its address from its socket.
 */
static __always_inline void uring_take_address(struct syscall_call *call,
					       const struct io_kiocb *request)
{
	const struct io_connect *connect = (const void *)request;

	if (call->call == SYSCALL_CONNECT && !BPF_CORE_READ(connect, in_progress))
		call->address = BPF_CORE_READ(connect, addr);
	if (call->call == SYSCALL_BIND) {
		call->address = uring_copied_address(request);
		call->is_copied = true;
	}
}

/* socket() failed: there is only what it was asked for. */
static __always_inline bool uring_wants_socket(struct syscall_call *call,
					       const struct io_kiocb *request)
{
	const struct io_socket *asked = (const void *)request;

	call->family = BPF_CORE_READ(asked, domain);
	call->type = BPF_CORE_READ(asked, type) & 0xf; /* SOCK_TYPE_MASK */
	return syscall_is_internet(call->family) && call->type == SOCK_STREAM;
}

static __always_inline bool uring_has_socket(struct syscall_call *call,
					     const struct io_kiocb *request)
{
	struct file *file = BPF_CORE_READ(request, file);

	return file && syscall_file_socket(file, call) &&
	       syscall_is_ours(call, call->call == SYSCALL_BIND);
}

static __always_inline int uring_failed(const struct io_kiocb *request, int error)
{
	struct syscall_call call = { .error = error };
	__u8 operation = 0;

	/* a request that goes on (accept() again and again) tells of each success without itself */
	if (!request || bpf_core_read(&operation, sizeof(operation), &request->opcode))
		return 0;
	call.call = uring_call_of(operation);
	if (!call.call || syscall_is_silent(call.call, error) || !syscall_is_wanted())
		return 0;
	if (call.call == SYSCALL_SOCKET ? !uring_wants_socket(&call, request) :
					  !uring_has_socket(&call, request))
		return 0;
	uring_take_address(&call, request);
	return syscall_emit_error(&call);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, const void *ring, const struct io_kiocb *request)
{
	const struct io_uring_cqe *entry;
	int result = 0;

	if (compat_tells_uring_entry()) {
		entry = (const struct io_uring_cqe *)ctx[2];
		result = entry->res;
	} else if (compat_tells_uring_result()) {
		result = (int)ctx[3];
	}
	/* the ring's own word: given up by the application, or by its link */
	if (result >= 0 || result == -ECANCELED)
		return 0;
	return uring_failed(request, -result);
}
