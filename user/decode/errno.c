// SPDX-License-Identifier: GPL-2.0-or-later
/* errno.c - names of error numbers, and what each means when a socket call gives it */

#include <errno.h>

#include "decode/decode.h"
#include "util/array.h"

#define N(number) [number] = #number

/* Linux has one numbering for x86, arm64 and riscv (asm-generic/errno.h); 41 and 58 are unused. */
static const char *const names[] = {
	N(EPERM),
	N(ENOENT),
	N(ESRCH),
	N(EINTR),
	N(EIO),
	N(ENXIO),
	N(E2BIG),
	N(ENOEXEC),
	N(EBADF),
	N(ECHILD),
	N(EAGAIN),
	N(ENOMEM),
	N(EACCES),
	N(EFAULT),
	N(ENOTBLK),
	N(EBUSY),
	N(EEXIST),
	N(EXDEV),
	N(ENODEV),
	N(ENOTDIR),
	N(EISDIR),
	N(EINVAL),
	N(ENFILE),
	N(EMFILE),
	N(ENOTTY),
	N(ETXTBSY),
	N(EFBIG),
	N(ENOSPC),
	N(ESPIPE),
	N(EROFS),
	N(EMLINK),
	N(EPIPE),
	N(EDOM),
	N(ERANGE),
	N(EDEADLK),
	N(ENAMETOOLONG),
	N(ENOLCK),
	N(ENOSYS),
	N(ENOTEMPTY),
	N(ELOOP),
	N(ENOMSG),
	N(EIDRM),
	N(ECHRNG),
	N(EL2NSYNC),
	N(EL3HLT),
	N(EL3RST),
	N(ELNRNG),
	N(EUNATCH),
	N(ENOCSI),
	N(EL2HLT),
	N(EBADE),
	N(EBADR),
	N(EXFULL),
	N(ENOANO),
	N(EBADRQC),
	N(EBADSLT),
	N(EBFONT),
	N(ENOSTR),
	N(ENODATA),
	N(ETIME),
	N(ENOSR),
	N(ENONET),
	N(ENOPKG),
	N(EREMOTE),
	N(ENOLINK),
	N(EADV),
	N(ESRMNT),
	N(ECOMM),
	N(EPROTO),
	N(EMULTIHOP),
	N(EDOTDOT),
	N(EBADMSG),
	N(EOVERFLOW),
	N(ENOTUNIQ),
	N(EBADFD),
	N(EREMCHG),
	N(ELIBACC),
	N(ELIBBAD),
	N(ELIBSCN),
	N(ELIBMAX),
	N(ELIBEXEC),
	N(EILSEQ),
	N(ERESTART),
	N(ESTRPIPE),
	N(EUSERS),
	N(ENOTSOCK),
	N(EDESTADDRREQ),
	N(EMSGSIZE),
	N(EPROTOTYPE),
	N(ENOPROTOOPT),
	N(EPROTONOSUPPORT),
	N(ESOCKTNOSUPPORT),
	N(EOPNOTSUPP),
	N(EPFNOSUPPORT),
	N(EAFNOSUPPORT),
	N(EADDRINUSE),
	N(EADDRNOTAVAIL),
	N(ENETDOWN),
	N(ENETUNREACH),
	N(ENETRESET),
	N(ECONNABORTED),
	N(ECONNRESET),
	N(ENOBUFS),
	N(EISCONN),
	N(ENOTCONN),
	N(ESHUTDOWN),
	N(ETOOMANYREFS),
	N(ETIMEDOUT),
	N(ECONNREFUSED),
	N(EHOSTDOWN),
	N(EHOSTUNREACH),
	N(EALREADY),
	N(EINPROGRESS),
	N(ESTALE),
	N(EUCLEAN),
	N(ENOTNAM),
	N(ENAVAIL),
	N(EISNAM),
	N(EREMOTEIO),
	N(EDQUOT),
	N(ENOMEDIUM),
	N(EMEDIUMTYPE),
	N(ECANCELED),
	N(ENOKEY),
	N(EKEYEXPIRED),
	N(EKEYREVOKED),
	N(EKEYREJECTED),
	N(EOWNERDEAD),
	N(ENOTRECOVERABLE),
	N(ERFKILL),
	N(EHWPOISON),
};
#undef N

_Static_assert(ARRAY_SIZE(names) == EHWPOISON + 1 && EHWPOISON == 133, "names up to EHWPOISON");

/* The kernel's own numbers that never reach an application but do reach a tracepoint. */
#define KERNEL_ERESTARTSYS 512
#define KERNEL_ERESTARTNOINTR 513
#define KERNEL_ERESTARTNOHAND 514
#define KERNEL_ERESTART_RESTARTBLOCK 516

const char *decode_errno_name(int error)
{
	switch (error) {
	case KERNEL_ERESTARTSYS:
		return "ERESTARTSYS";
	case KERNEL_ERESTARTNOINTR:
		return "ERESTARTNOINTR";
	case KERNEL_ERESTARTNOHAND:
		return "ERESTARTNOHAND";
	case KERNEL_ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK";
	}
	return error > 0 && (size_t)error < ARRAY_SIZE(names) ? names[error] : NULL;
}

/* Every errno that socket, bind, listen, connect, accept, send or receive can give. */
static const struct {
	int error;
	const char *meaning;
} meanings[] = {
	{ EPERM, "a rule of this host forbids it: packet filter, cgroup or security policy" },
	{ ENOENT, "no socket file has that path" },
	{ EINTR, "a signal interrupted the call before it was done" },
	{ EBADF, "the file descriptor is not open" },
	{ EAGAIN, "nothing to do now, try again; of connect: no local port or no room is free" },
	{ ENOMEM, "the kernel had no memory for it" },
	{ EACCES,
	  "not permitted: a low port without privilege, a prohibiting route, a broadcast address or a socket file's mode" },
	{ EFAULT, "the address argument does not point into the program's memory" },
	{ EBUSY, "the queue of the interface or of the neighbour is full" },
	{ ENODEV, "there is no such interface" },
	{ ENOTDIR, "a part of the socket file's path is not a directory" },
	{ EINVAL,
	  "an argument makes no sense here: the socket is bound already, the address is malformed, or a blackhole route" },
	{ ENFILE, "the whole system has no file descriptor left" },
	{ EMFILE, "the process has no file descriptor left" },
	{ EROFS, "the socket file would stand on a read-only file system" },
	{ EPIPE, "this side writes to a connection that the other side or itself has closed" },
	{ ENAMETOOLONG, "the path of the socket file is too long" },
	{ ELOOP, "too many symbolic links in the socket file's path" },
	{ EPROTO, "the protocol failed before the connection could be taken" },
	{ ENOTSOCK, "the file descriptor is not a socket" },
	{ EDESTADDRREQ, "the socket has no peer and none was given" },
	{ EMSGSIZE, "the message is larger than the path or the socket takes in one piece" },
	{ EPROTOTYPE, "the protocol does not fit the socket's type" },
	{ ENOPROTOOPT, "the socket option is unknown at that level" },
	{ EPROTONOSUPPORT, "the kernel does not have this protocol" },
	{ ESOCKTNOSUPPORT, "the kernel does not have this type of socket for the family" },
	{ EOPNOTSUPP, "this type of socket cannot do that" },
	{ EPFNOSUPPORT, "the kernel does not have this protocol family" },
	{ EAFNOSUPPORT, "the address family is not available or does not fit the socket" },
	{ EADDRINUSE, "another socket has this address and port" },
	{ EADDRNOTAVAIL, "the address is not one of this host, or no ephemeral port is free" },
	{ ENETDOWN, "the interface is down" },
	{ ENETUNREACH, "there is no route to the network, or a router said so" },
	{ ENETRESET, "keepalive found the connection broken" },
	{ ECONNABORTED,
	  "the connection was ended on this host before the application took or used it" },
	{ ECONNRESET, "the other side, or something on the way, reset the connection" },
	{ ENOBUFS, "the kernel had no buffer for it" },
	{ EISCONN, "the socket is connected already" },
	{ ENOTCONN, "the socket is not connected" },
	{ ESHUTDOWN, "this side has shut the connection down" },
	{ ETIMEDOUT, "no answer came for as long as the kernel tried" },
	{ ECONNREFUSED,
	  "the attempt was answered with a refusal: a reset, or ICMP port unreachable" },
	{ EHOSTDOWN, "the host is known to be down" },
	{ EHOSTUNREACH,
	  "the host cannot be reached: the next hop did not answer, a route says so, or a router did" },
	{ EALREADY, "an earlier connect on this socket still goes on" },
	{ EINPROGRESS, "the connect goes on in the background" },
	{ ECANCELED, "the operation was canceled" },
	{ ENOSYS, "the kernel does not have this call" },
	{ EIO, "the kernel met an error in input or output" },
	{ ENXIO, "nothing is behind that device or address" },
	{ ENOSPC, "a table or file system has no room left" },
	{ EEXIST, "such an entry exists already" },
	{ ESRCH, "no such process or entry" },
	{ ENODATA, "there is nothing to read" },
};

_Static_assert(ARRAY_SIZE(meanings) == 54, "count them in the test too");

const char *decode_errno_meaning(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (meanings[i].error == error)
			return meanings[i].meaning;
	return NULL;
}

/* icmp_err_convert[] of net/ipv4/icmp.c, tab_unreach[] of net/ipv6/icmp.c */
int decode_icmp_errno(bool ipv6, unsigned int type, unsigned int code)
{
	static const int ipv4_unreachable[] = {
		[0] = ENETUNREACH,   [1] = EHOSTUNREACH,  [2] = ENOPROTOOPT,   [3] = ECONNREFUSED,
		[5] = EOPNOTSUPP,    [6] = ENETUNREACH,	  [7] = EHOSTDOWN,     [8] = ENONET,
		[9] = ENETUNREACH,   [10] = EHOSTUNREACH, [11] = ENETUNREACH,  [12] = EHOSTUNREACH,
		[13] = EHOSTUNREACH, [14] = EHOSTUNREACH, [15] = EHOSTUNREACH,
	};
	static const int ipv6_unreachable[] = {
		ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES,
	};

	if (ipv6)
		return type == 1 && code < ARRAY_SIZE(ipv6_unreachable) ? ipv6_unreachable[code] :
									  0;
	return type == 3 && code < ARRAY_SIZE(ipv4_unreachable) ? ipv4_unreachable[code] : 0;
}
