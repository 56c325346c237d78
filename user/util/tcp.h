/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tcp.h - the states of a TCP socket, as records carry them */
#pragma once

/*
 * The kernel's numbers (include/net/tcp_states.h): part of its interface since ss(8) reads them. Not
 * its names, which <netinet/tcp.h> has, too.
 */
enum tcp_state {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_RECV,
	TCP_STATE_FIN_WAIT1,
	TCP_STATE_FIN_WAIT2,
	TCP_STATE_TIME_WAIT,
	TCP_STATE_CLOSE,
	TCP_STATE_CLOSE_WAIT,
	TCP_STATE_LAST_ACK,
	TCP_STATE_LISTEN,
	TCP_STATE_CLOSING,
	TCP_STATE_NEW_SYN_RECV, /* Linux 4.4: a SYN_RECV that has no socket yet */
	TCP_STATE_COUNT,
};
