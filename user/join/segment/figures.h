/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures.h - what is known of a TCP connection in numbers, whoever has counted */
#pragma once

#include <stdbool.h>

#include "join/segment/stream.h"

/*
 * Theory of operation
 *
 * A connection is counted by its packets (stream.h) or by the socket of this host (flow.h). Either
 * fills this one struct; who reads it, flows and rules (outcome.h), asks which figures are known and
 * never where they come from. A figure is valid with the bit of its group: of the connection in
 * .known, of a side in its own. What is not known is zero.
 *
 * The sides of a stream are in the order of its ends; of a socket, [0] is the socket itself.
 */

enum figures_known {
	/* of the connection */
	FIGURES_BEGIN = 1 << 0, /* .started_ns */
	FIGURES_END = 1 << 1, /* .end, .closed_first, .reset_by: its last state was seen */
	FIGURES_AT_ONCE = 1 << 2, /* .at_once */
	FIGURES_HANDSHAKE = 1 << 3, /* .handshake_us */
	FIGURES_ROUND_TRIP = 1 << 4, /* .rtt_us */
	FIGURES_PAUSES = 1 << 5, /* .idle_* but for the next */
	FIGURES_IDLE_NOW = 1 << 6, /* .idle_now_ns */
	FIGURES_STATE = 1 << 7, /* .state */
	FIGURES_ROLE = 1 << 8, /* [0] is a socket of this host, and .client no guess */
	/* of a side */
	FIGURES_COUNTS = 1 << 9, /* .packets, .segments, .bytes */
	FIGURES_AGAIN = 1 << 10, /* .again, .bytes_again */
	FIGURES_TIMEOUTS = 1 << 11,
	FIGURES_DSACKS = 1 << 12,
	FIGURES_SEGMENTS = 1 << 13, /* every packet was looked at: .flagged and what follows it */
	FIGURES_FIN = 1 << 14, /* .fin_ns */
	FIGURES_MSS = 1 << 15,
	FIGURES_WSCALE = 1 << 16,
	FIGURES_SACK = 1 << 17,
	FIGURES_TIMESTAMPS = 1 << 18,
	FIGURES_RTT_LEAST = 1 << 19, /* .rtt.least_us */
	FIGURES_DELIVERED = 1 << 20,
	FIGURES_UNACKED = 1 << 21,
	FIGURES_WINDOW = 1 << 22, /* .window */
	FIGURES_SRTT = 1 << 23, /* .srtt_us, .rttvar_us */
	FIGURES_SOCKET = 1 << 24, /* .unread_bytes and what follows it */
	FIGURES_IN_ROW = 1 << 25, /* .again_in_row, .probes_in_row */
};

/* How a connection ended, as far as that is known. */
enum conn_end {
	CONN_END_UNKNOWN,
	CONN_OPEN, /* it did not */
	CONN_CONNECTING,
	CONN_UNANSWERED, /* SYN, and nothing came back */
	CONN_REFUSED, /* the SYN was answered with a reset that acknowledges it */
	CONN_CANCELED, /* the application gave up connecting */
	CONN_FAILED, /* another error: .error */
	CONN_CLOSED, /* in order. Of a socket the peer's FIN may still have been awaited (TIME_WAIT's part) */
	CONN_HALF_CLOSED, /* one FIN; of a socket: ours was never acknowledged */
	CONN_RESET,
	CONN_TIMED_OUT, /* the peer did not answer any more */
	CONN_END_COUNT
};

const char *conn_end_name(enum conn_end end); /* "half-closed"; NULL unknown */

enum figures_handshake {
	HANDSHAKE_UNSEEN,
	HANDSHAKE_PART, /* the begin or the end of it was seen */
	HANDSHAKE_WHOLE,
};

enum { FIGURES_NEITHER = -1, FIGURES_LOCAL, FIGURES_REMOTE }; /* a side; the last two of a socket */

/* One direction: what this side sent, and how the other answered it. */
struct figures_side {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u16 port;
	__u32 known; /* FIGURES_* */
	__u64 packets;
	__u64 segments; /* of them with payload */
	__u64 bytes; /* of payload, retransmitted ones too */
	__u64 bytes_again; /* of payload, in retransmissions */
	__u64 delivered_bytes; /* of payload, acknowledged by the other side */
	__u32 unacked_bytes; /* and not; of a socket all that was written */
	__u32 again; /* segments sent again */
	__u32 timeouts; /* of them after a silence that only a timer ends */
	__u64 waits_ns; /* spent in those of payload that was acknowledged later: FIGURES_SEGMENTS */
	__u32 dsacks; /* this side told that it had got something twice (RFC 2883) */
	__u64 last_ns; /* the last packet seen; 0 unknown */
	__u64 fin_ns; /* the first FIN */

	__u32 flagged[STREAM_FLAG_COUNT]; /* by enum stream_flag */
	__u32 again_soon; /* of STREAM_OUT_OF_ORDER: sent before, and that is in the capture */
	__u32 copies; /* the same packet captured again */
	__u32 syns;
	__u32 resets;
	__u32 longest; /* payload of one packet; over the MSS: offload */
	__u32 window_most; /* bytes, scaled */
	__u64 zero_ns; /* how long its window was closed, in all */
	__u64 zero_since_ns; /* it is closed since, 0: it is not. Not in .zero_ns yet */
	struct stream_rtt rtt; /* from this side's segment to the other's acknowledgment */

	__u16 mss; /* that it offered */
	__u8 wscale;
	bool sack;
	bool timestamps;
	bool narrowed; /* a router said that a segment of it is too big for the way on */

	__u32 window; /* that it offers now */
	__u32 srtt_us; /* RFC 6298, by the kernel */
	__u32 rttvar_us;

	__u32 unread_bytes; /* received and not yet read */
	__u32 received_out_of_order;
	__u32 reorderings;
	__u32 cwnd; /* packets */
	__u32 mss_now; /* of what is sent now */

	__u32 again_in_row; /* how often a timer sent again what is unacknowledged now */
	__u32 probes_in_row; /* that were not answered */
};

struct figures {
	__u32 known; /* FIGURES_* */
	__u8 client; /* index of the side that opened, or is taken for it */
	bool client_known; /* the begin was seen */
	__u8 handshake; /* enum figures_handshake */
	__u8 end; /* enum conn_end */
	__s8 closed_first; /* index of who sent the first FIN, or the reset that ended it */
	__s8 reset_by; /* .. or FIGURES_NEITHER */
	bool at_once; /* both sent a FIN before they saw the other's (RFC 9293 3.6, figure 13) */
	bool ended;
	__u8 state; /* the kernel's, of one that is open */
	__s32 error; /* it ended with, positive errno, 0 none or unknown */
	__u32 handshake_us; /* from SYN to the ACK that ends it */
	__u32 rtt_us; /* to the server as this vantage sees it, else to the client */
	__u32 netns; /* of the socket, 0 unknown: a packet knows its hook's alone */
	__u64 cookie; /* 0 none */
	__u64 number; /* from 0, in the order in which they were noticed */
	__u64 first_frame; /* 0 unknown */
	__u64 last_frame;
	__u64 started_ns;
	__u64 established_ns; /* the handshake was answered; 0 not seen */
	__u64 reset_ns; /* the reset of .reset_by */
	__u64 last_ns; /* the latest time known of it */
	__u64 idle_most_ns; /* the longest pause between two packets */
	__u64 idle_at_ns; /* its begin */
	__u64 idle_ns; /* sum of pauses of a second and more */
	__u64 idle_now_ns;
	struct figures_side side[2];
};

/* What the packets tell. */
void figures_take_stream(struct figures *figures, const struct stream *stream);
