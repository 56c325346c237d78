/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp.h - the states of a TCP socket, as records carry them */
#pragma once

/*
 * The kernel's numbers and names (include/net/tcp_states.h): part of its interface since ss(8) reads
 * them. NEW_SYN_RECV is from Linux 4.4 on a SYN_RECV that has no socket yet. The prefix is another
 * one, because <netinet/tcp.h> has the kernel's, too.
 */
#define TCP_STATES(X)     \
	X(ESTABLISHED, 1) \
	X(SYN_SENT, 2)    \
	X(SYN_RECV, 3)    \
	X(FIN_WAIT1, 4)   \
	X(FIN_WAIT2, 5)   \
	X(TIME_WAIT, 6)   \
	X(CLOSE, 7)       \
	X(CLOSE_WAIT, 8)  \
	X(LAST_ACK, 9)    \
	X(LISTEN, 10)     \
	X(CLOSING, 11)    \
	X(NEW_SYN_RECV, 12)

enum tcp_state {
#define X(name, number) TCP_STATE_##name = (number),
	TCP_STATES(X)
#undef X
		TCP_STATE_COUNT,
};
