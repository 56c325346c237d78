// SPDX-License-Identifier: GPL-2.0-or-later
/* names.c - what a number is called; errno names and meanings are in errno.c */

#include <linux/neighbour.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "decode/decode.h"
#include "decode/names.h"
#include "util/array.h"
#include "util/tcp.h"

#define LOOK_UP(table, index) ((index) < ARRAY_SIZE(table) ? (table)[index] : NULL)

const char *decode_kind_name(unsigned int kind)
{
	static const char *const names[] = {
#define X(id, text, body, what) [EVENT_##id] = text,
		EVENT_KINDS(X)
#undef X
	};
	_Static_assert(ARRAY_SIZE(names) == EVENT_KIND_COUNT, "a name for every kind");

	return LOOK_UP(names, kind);
}

const char *decode_state_name(unsigned int state)
{
	static const char *const names[] = {
#define X(name, number) [number] = #name,
		TCP_STATES(X)
#undef X
	};

	return LOOK_UP(names, state);
}

const char *decode_syscall_name(unsigned int call)
{
	static const char *const names[] = {
		[SYSCALL_SOCKET] = "socket",	 [SYSCALL_BIND] = "bind",
		[SYSCALL_LISTEN] = "listen",	 [SYSCALL_CONNECT] = "connect",
		[SYSCALL_ACCEPT] = "accept",	 [SYSCALL_SEND] = "send",
		[SYSCALL_RECEIVE] = "receive",	 [SYSCALL_POLL] = "poll",
		[SYSCALL_SELECT] = "select",	 [SYSCALL_EPOLL_WAIT] = "epoll_wait",
		[SYSCALL_SHUTDOWN] = "shutdown", [SYSCALL_CLOSE] = "close",
	};
	_Static_assert(ARRAY_SIZE(names) == SYSCALL_COUNT, "a name for every call");

	return LOOK_UP(names, call);
}

const char *decode_vantage_name(unsigned int vantage)
{
	static const char *const names[] = {
		[VANTAGE_USER] = "user",
		[VANTAGE_SOCKET] = "socket",
		[VANTAGE_SYSCALL] = "syscall",
		[VANTAGE_TC_IN] = "tc-in",
		[VANTAGE_TC_OUT] = "tc-out",
		[VANTAGE_CGROUP_IN] = "cgroup-in",
		[VANTAGE_CGROUP_OUT] = "cgroup-out",
		[VANTAGE_ITERATOR] = "iterator",
		[VANTAGE_FILE] = "file",
	};
	_Static_assert(ARRAY_SIZE(names) == VANTAGE_COUNT, "a name for every vantage");

	return LOOK_UP(names, vantage);
}

const char *decode_fact_name(unsigned int what)
{
	static const char *const names[] = {
#define X(id, text) [FACT_##id] = text,
		EVENT_FACTS(X)
#undef X
	};
	_Static_assert(ARRAY_SIZE(names) == FACT_COUNT, "a name for every fact");

	return LOOK_UP(names, what);
}

const char *decode_unread_name(unsigned int unread)
{
	static const char *const names[] = { [UNREAD_NONE] = "",
#define X(id, text, what) [UNREAD_##id] = text,
					     EVENT_UNREADS(X)
#undef X
	};
	_Static_assert(ARRAY_SIZE(names) == UNREAD_COUNT, "a name for every reason");

	return LOOK_UP(names, unread);
}

const char *decode_unread_meaning(unsigned int unread)
{
	static const char *const meanings[] = {
#define X(id, text, what) [UNREAD_##id] = what,
		EVENT_UNREADS(X)
#undef X
	};
	_Static_assert(ARRAY_SIZE(meanings) == UNREAD_COUNT, "a meaning for every reason");

	return LOOK_UP(meanings, unread);
}

const char *decode_family_name(unsigned int family)
{
	switch (family) {
	case AF_UNIX:
		return "unix";
	case AF_INET:
		return "ipv4";
	case AF_INET6:
		return "ipv6";
	}
	return NULL;
}

const char *decode_protocol_name(unsigned int protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_DCCP:
		return "dccp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_RAW:
		return "raw";
	case 262: /* IPPROTO_MPTCP, only in newer headers */
		return "mptcp";
	}
	return NULL;
}

const char *decode_socket_type_name(unsigned int type)
{
	switch (type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_RAW:
		return "raw";
	case SOCK_SEQPACKET:
		return "seqpacket";
	}
	return NULL;
}

const char *decode_open_name(unsigned int how)
{
	static const char *const names[] = {
		[OPEN_CONNECT] = "connect",
		[OPEN_LISTEN] = "listen",
		[OPEN_BIND] = "bind",
		[OPEN_ACCEPT] = "accept",
		[OPEN_LOOKUP] = "lookup",
		[OPEN_DATAGRAM] = "datagram",
		[OPEN_UNANSWERED] = "unanswered",
		[OPEN_NSCD] = "nscd",
		[OPEN_RESOLVED] = "resolved",
		[OPEN_AVAHI] = "avahi",
	};
	_Static_assert(ARRAY_SIZE(names) == OPEN_HOW_COUNT, "a name for every way");

	return LOOK_UP(names, how);
}

const char *decode_task_name(unsigned int how)
{
	static const char *const names[] = {
		[TASK_FORK] = "fork",
		[TASK_EXEC] = "exec",
		[TASK_EXIT] = "exit",
	};
	_Static_assert(ARRAY_SIZE(names) == TASK_HOW_COUNT, "a name for every step");

	return LOOK_UP(names, how);
}

const char *decode_hook_state_name(unsigned int state)
{
	static const char *const names[] = {
		[HOOK_ATTACHED] = "attached",
		[HOOK_MISSING] = "missing",
		[HOOK_LEFT_OUT] = "left-out",
		[HOOK_DETACHED] = "detached",
	};
	_Static_assert(ARRAY_SIZE(names) == HOOK_STATE_COUNT, "a name for every state");

	return LOOK_UP(names, state);
}

const char *decode_name_space_name(unsigned int space)
{
	static const char *const names[] = {
		[NAME_DROP_REASON] = "drop-reason",
		[NAME_RESET_REASON] = "reset-reason",
		[NAME_SYMBOL] = "symbol",
	};
	_Static_assert(ARRAY_SIZE(names) == NAME_SPACE_COUNT, "a name for every space");

	return LOOK_UP(names, space);
}

const char *decode_gauge_name(unsigned int what)
{
	static const char *const names[] = {
#define X(id, text) [GAUGE_##id] = (text),
		EVENT_GAUGES(X)
#undef X
	};

	return LOOK_UP(names, what);
}

const char *decode_change_name(unsigned int what)
{
	static const char *const names[] = {
		[CHANGE_ROUTE] = "route",	[CHANGE_ADDRESS] = "address",
		[CHANGE_LINK] = "link",		[CHANGE_RULESET] = "ruleset",
		[CHANGE_LISTENER] = "listener",
	};
	_Static_assert(ARRAY_SIZE(names) == CHANGE_COUNT, "a name for every change");

	return LOOK_UP(names, what);
}

/* A neighbour is in one state at a time, told by one bit. */
const char *decode_neighbor_name(unsigned int state)
{
	switch (state) {
	case NUD_NONE:
		return "NONE";
	case NUD_INCOMPLETE:
		return "INCOMPLETE";
	case NUD_REACHABLE:
		return "REACHABLE";
	case NUD_STALE:
		return "STALE";
	case NUD_DELAY:
		return "DELAY";
	case NUD_PROBE:
		return "PROBE";
	case NUD_FAILED:
		return "FAILED";
	case NUD_NOARP:
		return "NOARP";
	case NUD_PERMANENT:
		return "PERMANENT";
	}
	return NULL;
}

/* Standard signals; real-time ones have no fixed names. */
const char *decode_signal_name(unsigned int signal)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",	 [SIGINT] = "SIGINT",	    [SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",	 [SIGTRAP] = "SIGTRAP",	    [SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS",	 [SIGFPE] = "SIGFPE",	    [SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1",	 [SIGSEGV] = "SIGSEGV",	    [SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE",	 [SIGALRM] = "SIGALRM",	    [SIGTERM] = "SIGTERM",
		[16] = "SIGSTKFLT",	 [SIGCHLD] = "SIGCHLD",	    [SIGCONT] = "SIGCONT",
		[SIGSTOP] = "SIGSTOP",	 [SIGTSTP] = "SIGTSTP",	    [SIGTTIN] = "SIGTTIN",
		[SIGTTOU] = "SIGTTOU",	 [SIGURG] = "SIGURG",	    [SIGXCPU] = "SIGXCPU",
		[SIGXFSZ] = "SIGXFSZ",	 [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
		[SIGWINCH] = "SIGWINCH", [SIGIO] = "SIGIO",	    [SIGPWR] = "SIGPWR",
		[SIGSYS] = "SIGSYS",
	};
	_Static_assert(ARRAY_SIZE(names) == 32, "31 standard signals");

	return LOOK_UP(names, signal);
}

/* RFC 792, 1122 3.2.2.1, 1812 5.2.7.1; the codes of type 3 stand in numeric order. */
static const char *icmp4_name(unsigned int type, unsigned int code)
{
	static const char *const unreachable[] = {
		"network unreachable",
		"host unreachable",
		"protocol unreachable",
		"port unreachable",
		"fragmentation needed",
		"source route failed",
		"network unknown",
		"host unknown",
		"source host isolated",
		"network prohibited",
		"host prohibited",
		"network unreachable for this type of service",
		"host unreachable for this type of service",
		"administratively prohibited",
		"host precedence violation",
		"precedence cutoff",
	};
	static const char *const redirect[] = {
		"redirect for the network",
		"redirect for the host",
		"redirect for the type of service and network",
		"redirect for the type of service and host",
	};
	_Static_assert(ARRAY_SIZE(unreachable) == 16, "codes 0 to 15");
	_Static_assert(ARRAY_SIZE(redirect) == 4, "codes 0 to 3");

	switch (type) {
	case 0:
		return "echo reply";
	case 3:
		return code < ARRAY_SIZE(unreachable) ? unreachable[code] : "unreachable";
	case 4:
		return "source quench";
	case 5:
		return code < ARRAY_SIZE(redirect) ? redirect[code] : "redirect";
	case 8:
		return "echo request";
	case 9:
		return "router advertisement";
	case 10:
		return "router solicitation";
	case 11:
		return code == 1 ? "reassembly time exceeded" : "time to live exceeded";
	case 12:
		return "parameter problem";
	case 13:
		return "timestamp request";
	case 14:
		return "timestamp reply";
	}
	return NULL;
}

/* RFC 4443 3, RFC 4861 4, RFC 2710, RFC 3810, RFC 8883 for the codes of type 1 and 4. */
static const char *icmp6_name(unsigned int type, unsigned int code)
{
	static const char *const unreachable[] = {
		"no route",
		"administratively prohibited",
		"beyond the scope of the source address",
		"address unreachable",
		"port unreachable",
		"source address failed policy",
		"route rejects",
		"error in source routing header",
		"headers too long",
	};
	static const char *const problem[] = {
		"erroneous header field",
		"unrecognized next header",
		"unrecognized option",
		"incomplete header chain in first fragment",
	};
	_Static_assert(ARRAY_SIZE(unreachable) == 9, "codes 0 to 8");
	_Static_assert(ARRAY_SIZE(problem) == 4, "codes 0 to 3");

	switch (type) {
	case 1:
		return code < ARRAY_SIZE(unreachable) ? unreachable[code] : "unreachable";
	case 2:
		return "packet too big";
	case 3:
		return code == 1 ? "reassembly time exceeded" : "hop limit exceeded";
	case 4:
		return code < ARRAY_SIZE(problem) ? problem[code] : "parameter problem";
	case 128:
		return "echo request";
	case 129:
		return "echo reply";
	case 130:
		return "multicast listener query";
	case 131:
		return "multicast listener report";
	case 132:
		return "multicast listener done";
	case 133:
		return "router solicitation";
	case 134:
		return "router advertisement";
	case 135:
		return "neighbor solicitation";
	case 136:
		return "neighbor advertisement";
	case 137:
		return "redirect";
	case 143:
		return "multicast listener report, version 2";
	}
	return NULL;
}

const char *decode_icmp_name(bool ipv6, unsigned int type, unsigned int code)
{
	return ipv6 ? icmp6_name(type, code) : icmp4_name(type, code);
}
