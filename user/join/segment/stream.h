/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h - TCP connections followed segment by segment: what each segment is, and the figures */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"
#include "join/segment/copy.h"
#include "join/segment/ends.h"
#include "util/seq.h"

/*
 * Theory of operation
 *
 * A stream is one TCP connection as its packets show it: two sides, each with the sequence numbers,
 * the window and the times that decide what the next segment is. stream_take() takes the packets
 * in the order of the capture, says what is notable of each (a set of enum stream_flag) and keeps
 * the figures of the connection. It needs every packet of a connection: fed with a selection it
 * would call the rest lost.
 *
 * Where an answer is a convention rather than a fact (what is a duplicate ACK, how late is out of
 * order), it is the one of Wireshark 4.0, so that the two can be compared frame by frame;
 * docs/agreement.md lists where and why this program differs.
 *
 * A vantage sees what passes it, not what arrives: a segment may be lost behind it, and "lost"
 * here means that this capture does not hold it.
 *
 * A side has a fixed size: no list of segments is kept. The round trip is timed with one segment
 * at a time, as RFC 6298 3 allows, and never with one that was sent twice (Karn). A sequence
 * number or an acknowledgment of 0 stands for "none yet": one segment of 2^32 is taken wrongly.
 *
 * A packet that was captured twice (a mirror port, "any") has the flags that its numbers give it, as
 * in Wireshark, but is known as a copy and counted as nothing else.
 *
 * Which connection a packet is of, the table of connections knows (join/conn/conn.h).
 */

enum stream_flag {
	STREAM_RETRANSMISSION, /* sent before, and none of the next two */
	STREAM_FAST_RETRANSMISSION, /* after two duplicate ACKs for it (RFC 5681 3.2) */
	STREAM_SPURIOUS_RETRANSMISSION, /* of what was acknowledged already */
	STREAM_OUT_OF_ORDER,
	STREAM_LOST_SEGMENT, /* what stands before this one is not in the capture */
	STREAM_ACK_LOST_SEGMENT, /* acknowledges what is not in the capture */
	STREAM_DUPLICATE_ACK,
	STREAM_ZERO_WINDOW,
	STREAM_WINDOW_FULL, /* the last byte that the peer's window allows */
	STREAM_WINDOW_UPDATE,
	STREAM_KEEP_ALIVE, /* RFC 9293 3.8.4 */
	STREAM_KEEP_ALIVE_ACK,
	STREAM_ZERO_WINDOW_PROBE, /* RFC 9293 3.8.6.1 */
	STREAM_ZERO_WINDOW_PROBE_ACK,
	STREAM_REUSED_PORTS, /* another connection with the same two ends */
	STREAM_FLAG_COUNT
};

const char *stream_flag_name(unsigned int flag); /* "out-of-order"; NULL unknown */

enum {
	STREAM_WSCALE_UNKNOWN = 0xff, /* no SYN was seen */
	STREAM_WSCALE_UNUSED = 0xfe,
	STREAM_WINDOW_UNKNOWN = 0xffffffff,
	/*
	 * The other side acknowledged what the capture does not hold, which was told: duplicate
	 * ACKs may be missing from it, too.
	 */
	STREAM_REPEATS_UNSEEN = 0xffffffff,
};

enum stream_side_state {
	SIDE_BEGUN = 1 << 0, /* .isn is set */
	SIDE_SYN = 1 << 1, /* sent a SYN */
	SIDE_SYN_ACK = 1 << 2, /* and it acknowledged the other's */
	SIDE_UNSCALED = 1 << 3, /* .window is of a SYN, which is never scaled (RFC 7323 2.2) */
	SIDE_FIN = 1 << 4,
	SIDE_FIN_ACKED = 1 << 5, /* .. and acknowledged */
	SIDE_RESET = 1 << 6, /* sent a reset that ends the connection */
	SIDE_MSS = 1 << 7,
	SIDE_SACK = 1 << 8, /* offered selective acknowledgment (RFC 2018 2) */
	SIDE_TIMESTAMPS = 1 << 9,
	SIDE_SHOT = 1 << 10, /* sent a reset that refuses nothing */
	SIDE_ACKED = 1 << 11,
	SIDE_STRAY = 1 << 12, /* sent what the other side's window never allowed */
};

struct stream_rtt {
	__u32 samples;
	__u32 least_us;
	__u32 most_us;
	__u64 sum_us;
	__u64 sum_squares; /* of us; saturates */
};

/* One direction: what this side sent. What every packet touches comes first. */
struct stream_side {
	__u32 next_seq; /* behind the highest byte seen */
	__u32 whole_seq; /* behind the last byte before the first hole */
	__u32 ack; /* of the last segment, as in the header */
	__u32 window; /* of the last segment, as in the header */
	__u64 last_ns; /* of the last segment */
	__u64 zero_since_ns; /* its window is closed since, 0: it is not */
	__u64 timed_ns; /* an acknowledgment of .timed_end ends it; 0: no segment is timed */
	__u32 timed_end;
	__u32 isn; /* of the SYN; else one before the first byte seen */
	__u32 repeats; /* duplicate ACKs since .ack changed, or STREAM_REPEATS_UNSEEN */
	__u32 data_ack; /* of the last segment that had one (MPTCP) */
	__u32 stray_seq; /* a segment far out of the window, from here .. */
	__u32 stray_end; /* .. to here; valid with SIDE_STRAY */
	__u32 acked; /* the highest that this side acknowledged; valid with SIDE_ACKED */
	__u16 last_flags; /* BIT(enum stream_flag) of the last segment */
	__u16 state; /* enum stream_side_state */

	__u64 acked_ns; /* when .acked grew last */
	__u64 next_ns; /* when .next_seq grew last */
	__u64 sent_ns; /* the last segment with payload, SYN or FIN */
	__u64 packets;
	__u64 segments; /* of them with payload */
	__u64 bytes; /* of payload, retransmitted ones too */
	__u32 longest; /* payload of one packet; over the MSS: offload */
	__u32 window_most; /* bytes, scaled */
	__u8 wscale;
	__u16 mss;
	__u32 fin_end; /* behind the FIN */
	struct copy_segments last_segments;

	__u64 bytes_again; /* of payload, in retransmissions */
	__u32 flagged[STREAM_FLAG_COUNT];
	__u32 timeouts; /* of STREAM_RETRANSMISSION: after a silence that only a timer ends */
	__u64 waits_ns; /* spent in time-outs of payload that was acknowledged since */
	__u64 waiting_ns; /* and that was not yet */
	__u32 dsacks; /* this side told that it had got something twice (RFC 2883) */
	__u32 again_soon; /* of STREAM_OUT_OF_ORDER: sent before, and that is in the capture */
	__u32 copies; /* the same packet captured again */
	__u32 syns;
	__u32 resets;
	__u64 zero_ns; /* how long its window was closed, in all */
	__u64 fin_ns; /* the first FIN */
	struct stream_rtt rtt; /* from this side's segment to the other's acknowledgment */
};

/* Everything up to @seq of the other side has arrived at the host of @side: it is acknowledged. */
static inline bool stream_has_acked(const struct stream_side *side, __u32 seq)
{
	return (side->state & SIDE_ACKED) && !seq_before(side->acked, seq);
}

struct stream {
	const struct conn_ends *ends;
	__u64 last_frame;
	__u64 last_ns; /* the latest time seen */

	__u64 syn_ns; /* the last SYN without ACK */
	__u64 handshake_ns; /* from .syn_ns to the first ACK; 0 unknown */
	struct stream_side side[2];

	bool crossed; /* the second FIN was sent before the first had arrived */
	__u8 reset_by; /* index of the side that sent the reset of .reset_ns */
	bool narrowed[2]; /* a router said that a segment of that side is too big for the way on */
	__u64 reset_ns; /* the first reset that ends it */
	__u64 number; /* from 0, in the order of first packets */
	__u64 first_frame;
	__u64 first_ns;
	__u64 syn_first_ns;
	__u64 synack_ns; /* the first SYN with ACK */
	__u64 idle_most_ns; /* the longest pause between two packets */
	__u64 idle_at_ns; /* its begin */
	__u64 idle_ns; /* sum of pauses of a second and more */
};

struct conn;

/* What one packet was. */
struct stream_look {
	__u32 flags; /* BIT(enum stream_flag) */
	const struct stream *stream; /* NULL: no TCP segment, or too little of it was captured */
	__u8 from; /* index of the sending side */
	bool copy; /* captured before, at another place: in .copies, and in no other figure */
	bool alike; /* .. or says nothing new of a handshake */
	bool stray; /* far out of the window: nothing of the connection, until the other side says that it is */
	bool sent; /* sent before in another packet of the capture, whatever .flags say of its numbers */
	struct conn *replaced; /* the connection whose ports are used again; NULL none */
};

/* A whole TCP header: what else is captured of a segment may be cut. */
static inline bool stream_is_segment(const struct packet *packet)
{
	return packet->what == PACKET_TCP &&
	       !(packet->flags & (PACKET_F_FRAGMENT | PACKET_F_SHORT));
}

/* Makes @stream new, of the connection with @ends. @number: from 0, in the order of first packets. */
void stream_begin(struct stream *stream, const struct conn_ends *ends, __u64 number, __u64 ts_ns,
		  __u64 frame);

/*
 * A SYN for ends that are known already: another connection if its number is another one (RFC 9293
 * 3.4.1); with the same number it is sent again. @from: index of the sending side.
 */
bool stream_begins_another(const struct stream *stream, const struct packet *packet, __u8 from);

/*
 * Takes one segment, in the order of the capture. @ends: those of @stream; a SYN tells who opened.
 * @look: .from is set, .flags holds what is known already; the rest is filled in.
 */
void stream_take(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
		 __u64 ts_ns, __u64 frame, struct stream_look *look);

/* ---- figures ---- */

/* Segments sent again, of every kind. */
__u32 stream_side_retransmissions(const struct stream_side *side);

__u32 stream_rtt_mean_us(const struct stream_rtt *rtt); /* 0 without samples */
__u32 stream_rtt_deviation_us(const struct stream_rtt *rtt); /* standard deviation; 0 under two */
