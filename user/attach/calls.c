// SPDX-License-Identifier: GPL-2.0-or-later
/* calls.c - which system calls act on sockets, by this machine's numbers */
#include "attach/calls.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "util/array.h"

#define CALL(name, call, how)                   \
	{                                       \
		SYS_##name, SYSCALL_##call, how \
	}

/* What waits for many descriptors tells how many; those that only one kind of machine has are in #ifdef. */
static const struct {
	unsigned short number;
	__u8 call;
	__u8 how; /* KNOBS_CALL_* */
} calls[] = {
	CALL(socket, SOCKET, 0),
	CALL(bind, BIND, 0),
	CALL(listen, LISTEN, KNOBS_CALL_COUNT),
	CALL(connect, CONNECT, 0),
	CALL(accept, ACCEPT, 0),
	CALL(accept4, ACCEPT, 0),
	CALL(sendto, SEND, KNOBS_CALL_BYTES),
	CALL(sendmsg, SEND, 0),
	CALL(write, SEND, KNOBS_CALL_BYTES),
	CALL(writev, SEND, 0),
	CALL(recvfrom, RECEIVE, KNOBS_CALL_BYTES),
	CALL(recvmsg, RECEIVE, 0),
	CALL(read, RECEIVE, KNOBS_CALL_BYTES),
	CALL(readv, RECEIVE, 0),
	CALL(sendfile, SEND, 0),
	CALL(ppoll, POLL, KNOBS_CALL_COUNT),
	CALL(pselect6, SELECT, KNOBS_CALL_FIRST),
	CALL(epoll_pwait, EPOLL_WAIT, 0),
	CALL(shutdown, SHUTDOWN, KNOBS_CALL_COUNT),
	CALL(close, CLOSE, 0),
#ifdef SYS_poll
	CALL(poll, POLL, KNOBS_CALL_COUNT),
#endif
#ifdef SYS_select
	CALL(select, SELECT, KNOBS_CALL_FIRST),
#endif
#ifdef SYS_epoll_wait
	CALL(epoll_wait, EPOLL_WAIT, 0),
#endif
#ifdef SYS_epoll_pwait2
	CALL(epoll_pwait2, EPOLL_WAIT, 0),
#endif
};

void calls_number(__u8 numbers[KNOBS_CALLS])
{
	_Static_assert(SYSCALL_COUNT <= KNOBS_CALL_MASK,
		       "a call and one has room beside KNOBS_CALL_*");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number < KNOBS_CALLS)
			numbers[calls[i].number] = (__u8)(calls[i].call + 1) | calls[i].how;
}
