/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_flow.h - what a TCP socket has counted: a part of records, included by event.h */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum {
	FLOW_F_ROLE = 1 << 0, /* FLOW_F_CLIENT is known */
	FLOW_F_CLIENT = 1 << 1, /* this side opened the connection */
	FLOW_F_PEER_FIN = 1 << 2, /* the peer's FIN came, with all that stands before it */
	FLOW_F_SACK = 1 << 3, /* both offered it */
	FLOW_F_TIMESTAMPS = 1 << 4,
	FLOW_F_WSCALE = 1 << 5,
	FLOW_F_END_UNREAD = 1 << 6, /* the peer's FIN, or data before it, waits to be read */
	FLOW_F_SACKED = 1 << 7, /* the peer has got something behind what it has not */
};
/* Of the last answer of HTTP/1 that the socket of a client got. */
enum {
	ANSWER_F_CUT = 1 << 0, /* it did not come to its end */
	ANSWER_F_CHUNKED = 1 << 1, /* how long it is, its end tells (RFC 9112 7.1) */
	ANSWER_F_FIRST = 1 << 2, /* nothing came before it */
	ANSWER_F_WANTS_TLS = 1 << 3, /* 400: and its text says that plain HTTP met a port of TLS */
	ANSWER_F_HEAD = 1 << 4, /* it has no body, whatever it says */
	ANSWER_F_TUNNEL = 1 << 5, /* nor has this one: it answers CONNECT */
	/* of the kernel side alone: */
	ANSWER_F_LENGTH = 1 << 6, /* it says how long it is */
	ANSWER_F_OVER = 1 << 7, /* what was seen of the chunks may be all */
};

/* The statuses with which a server or proxy says that it cannot serve anybody now: the kernel side tells of them, and rules judge. */
#define ANSWER_SAYS_UNAVAILABLE(status) \
	((status) == 408 || (status) == 429 || ((status) >= 502 && (status) <= 504))

/* What a look at the sockets that processes hold finds: nothing happens there, for some time. */
enum {
	SNAPSHOT_LOOK_CLOSED =
		1 << 0, /* one side has closed, the other has not: CLOSE_WAIT, FIN_WAIT2 */
	SNAPSHOT_LOOK_READER = 1 << 1, /* the receive window is closed, and what came is unread */
	SNAPSHOT_LOOK_PEER = 1 << 2, /* the peer's window is closed, and there is more to send */
	/* of UDP: a call waits for a datagram, of this socket and at most one other */
	SNAPSHOT_LOOK_AWAITED = 1 << 3,
	SNAPSHOT_LOOK_HEARD = 1 << 4, /* .. something has come to it, ever */
};

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/*
 * What a TCP socket has counted since its begin, the one set of counters: bpf/flow.h fills it, for
 * whatever record. The SYN and the FIN are no bytes here. Every record of a socket has the first
 * part, EVENT_K_COUNTERS; its body ends with it where nobody asked for the rest, EVENT_K_FLOW.
 */
struct event_flow {
	__u64 bytes_delivered; /* payload that the peer acknowledged */
	__u64 bytes_received; /* payload, each byte once */
	__u32 unacked_bytes; /* written and not yet acknowledged */
	__u32 unread_bytes; /* received and not yet read */
	__u32 flight_packets; /* sent and not yet acknowledged */
	__u32 retransmits; /* in all */
	__u32 srtt_us; /* RFC 6298; 0: none was measured */
	__u32 snd_wnd; /* that the peer offers */
	__u8 again_in_row; /* how often the timer sent again what is unacknowledged now */
	__u8 probes; /* in a row that were not answered: keep-alive, closed window */
	__u16 again_bytes; /* retransmit: payload of the segment, EVENT_K_SEGMENT */
	/* the rest */
	__u32 packets_out;
	__u64 bytes_sent; /* payload, what was sent again too */
	__u64 bytes_again;
	__u64 active_ns; /* when a packet came or went last, or the application read (CLOCK_MONOTONIC) */
	__u32 packets_in;
	__u32 segments_out; /* packets with payload */
	__u32 segments_in;
	__u32 timeouts; /* EVENT_K_TIMEOUTS */
	__u32 dsacks; /* the peer told that it had got something twice (RFC 2883) */
	__u32 out_of_order; /* packets that came before one that stands before them */
	__u32 reorderings; /* times the peer's ACKs showed that packets overtook each other */
	__u32 rttvar_us;
	__u32 rtt_least_us; /* of the last minutes, 0: none */
	__u32 rcv_wnd;
	__u32 cwnd; /* packets */
	__u16 mss; /* of what is sent now */
	__u16 mss_local; /* that was offered to the peer */
	__u16 mss_remote; /* 0: no SYN of the peer came */
	__u8 wscale_local; /* FLOW_F_WSCALE */
	__u8 wscale_remote;
	__u8 how; /* FLOW_F_* */
	__u8 answer_how; /* EVENT_K_ANSWER: ANSWER_F_*, */
	__u16 answer_status; /* and its three digits */
	/* EVENT_K_TIMES: CLOCK_MONOTONIC, to a tick of the kernel; 0: never */
	__u64 sent_ns; /* payload went last, also what was sent again */
	__u64 received_ns; /* payload came last */
	__u64 heard_ns; /* the peer acknowledged something last */
	__u32 answer_bytes; /* of its body, as its header says; 0: in chunks, or it does not say */
	__u32 answer_came; /* of the body, with what chunks have around them */
};

#pragma GCC diagnostic pop

#define EVENT_FLOW_COUNTERS 44 /* bytes of its first part */

_Static_assert(sizeof(struct event_flow) == 160, "struct event_flow is in recordings");
_Static_assert(__builtin_offsetof(struct event_flow, packets_out) == EVENT_FLOW_COUNTERS,
	       "the rest begins behind the first part");
