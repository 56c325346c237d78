/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare.h - two captures of the same traffic: which packets of one are those of the other */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"

/*
 * Theory of operation
 *
 * Two captures, called side 0 and side 1, were taken at two places of one path. compare_packet()
 * takes the packets of both in the order of their times. Each side has its table of connections
 * (stream.h finds them); a connection of one side is *paired* with one of the other by what
 * survives address translation: the initial sequence numbers, the timestamps of RFC 7323, the
 * first payload; where the sequence numbers are rewritten, by pairs of timestamps, which are 64
 * bits that both hosts chose. Every packet then waits, in a pool of bounded size, for itself on
 * the other side: same direction, flags, payload length and sequence number, and the same
 * timestamp or IP identification where both have one, so that a segment that was sent again is
 * never taken for its first sending. Segments that were cut or merged on the way (offload) are
 * recognised by the bytes they cover. What a translator let pass as it was stands, on the side where it
 * is a stranger, with the addresses of the other side, and is counted with its connection.
 *
 * What is still waiting at the end was seen on one side only. That is evidence only where the
 * other side could have seen it: enum compare_unsure says why it could not.
 *
 * The clocks of the two sides are related by bounds, never by averages: a packet cannot arrive
 * before it was sent, so each matched packet from side 0 to side 1 bounds the offset from above
 * and each one back bounds it from below. In every window of time the tightest bound of each kind
 * is kept: loss and jitter loosen bounds and never spoil them. A constant that satisfies all of
 * them is the offset; else a line, whose slope is the drift; else a clock was set meanwhile, and
 * nothing is said about time. Half the distance of the bounds is the uncertainty.
 *
 * Which side is nearer to the client is told by the TTL of matched packets, else by the times of a
 * handshake; of connections that one side alone has, by the others.
 *
 * Members are facts and counters; what they mean is for rules/compare/compare.c.
 */

enum { COMPARE_SIDES = 2, COMPARE_WAYS = 2 }; /* ways: 0 from the client, 1 from the server */

enum compare_kind {
	COMPARE_SYN,
	COMPARE_SYN_ACK,
	COMPARE_ACK, /* nothing but an acknowledgment */
	COMPARE_DATA,
	COMPARE_FIN,
	COMPARE_RESET,
	COMPARE_KIND_COUNT
};

const char *compare_kind_name(unsigned int kind); /* "SYN/ACK" */

/* Why a side could not have seen a packet, or may have missed it. */
enum compare_unsure {
	UNSURE_BEGAN_LATER, /* its capture begins after the packet */
	UNSURE_ENDED_EARLIER,
	UNSURE_EMPTY, /* it holds nothing that the other side has, too */
	UNSURE_ONE_WAY, /* it holds nothing else of that direction */
	UNSURE_FILTER, /* it holds nothing else of that server: a filter would look the same */
	UNSURE_CLOCK, /* the offset of the clocks is not known */
	UNSURE_DROPS, /* its capturing program lost packets */
	UNSURE_DAMAGED, /* its file is damaged or ends in the middle */
	UNSURE_GAPS, /* it lacks packets of this connection that were acknowledged */
	UNSURE_ORDER, /* which side is nearer to the client is not known */
	UNSURE_ROOM, /* packets were let go before they could be compared (--max-connections) */
	UNSURE_CUT, /* headers were captured in part only */
	UNSURE_SOME, /* its file says that it holds some packets only */
	COMPARE_UNSURE_COUNT
};

const char *compare_unsure_name(unsigned int blind); /* "began-later" */

/* Bits of compare_way.changed; what from and to stands beside it. */
enum compare_change {
	CHANGED_SOURCE, /* address */
	CHANGED_SOURCE_PORT,
	CHANGED_DESTINATION,
	CHANGED_DESTINATION_PORT,
	CHANGED_TTL, /* routers between */
	CHANGED_MSS,
	CHANGED_WSCALE,
	CHANGED_SACK, /* option stripped, or added */
	CHANGED_TIMESTAMPS,
	CHANGED_TIMESTAMP_VALUES,
	CHANGED_SEQUENCE,
	CHANGED_IP_ID,
	CHANGED_WINDOW,
	CHANGED_PAYLOAD,
	CHANGED_SEGMENTS, /* cut or merged */
	COMPARE_CHANGE_COUNT
};

const char *compare_change_name(unsigned int change); /* "source-port" */

/* Times of side 1 minus those of side 0; .at: when, by the clock of side 0. */
struct compare_times {
	__u32 samples;
	__u64 begin_ns; /* of the first; the sums count from here, and from .first */
	__s64 first;
	__s64 least, most;
	__u64 least_at, most_at;
	__s64 sum; /* of the differences to .first */
	__u64 sum_at; /* of the times since .begin_ns, us */
};

/* What one side saw alone of one kind. */
struct compare_only {
	__u32 count;
	__u32 unsure; /* of further ones it could not be told: enum compare_unsure in .blind */
	__u32 blind; /* BIT(enum compare_unsure) */
	__u32 least_bytes; /* of payload, the shortest that had any; 0: none had */
	__u64 first_frame;
	__u64 first_ns;
	__u64 last_ns;
};

/* What of a SYN can change on the way, as one side saw it. */
struct compare_syn {
	bool seen;
	bool cut; /* its options were not captured whole */
	__u8 wscale;
	__u16 mss;
	__u16 options; /* PACKET_F_MSS, _WSCALE, _SACK, _TIMESTAMPS */
};

/* One direction of a connection on both sides. */
struct compare_way {
	__u32 seen[COMPARE_SIDES][COMPARE_KIND_COUNT];
	__u32 matched[COMPARE_KIND_COUNT];
	struct compare_only only[COMPARE_SIDES][COMPARE_KIND_COUNT];
	__u64 only_bytes[COMPARE_SIDES]; /* payload that one side alone saw */
	__u64 matched_bytes;
	__u32 matched_most_bytes; /* of payload, the longest segment; of one cut or merged its pieces */
	__u64 matched_last_ns[COMPARE_SIDES];
	__u64 matched_data_ns[COMPARE_SIDES]; /* the last with payload */
	__u32 after_last[COMPARE_SIDES]; /* of .only: later than the last that was matched */
	__u32 resegmented; /* packets that went through, cut or merged */
	__u32 copies[COMPARE_SIDES]; /* captured twice: not compared */
	__u32 unjudged[COMPARE_SIDES]; /* let go before they could be compared */
	__u32 untranslated[COMPARE_SIDES]; /* passed that side with the other one's addresses */
	__u64 fin_ns[COMPARE_SIDES]; /* the first FIN, 0 none */
	struct compare_times times;
	struct compare_syn syn[COMPARE_SIDES];
	__u8 ttl[COMPARE_SIDES]; /* of a matched packet, else of any; 0 none */
	bool ttl_matched;
	__u16 changed; /* BIT(enum compare_change) */
	__u32 sequence_added; /* from side 0 to side 1, modulo 2^32 */
	__u64 reset_ns[COMPARE_SIDES]; /* the first reset, 0 none */
	__u8 reset_ttl[COMPARE_SIDES];
};

struct compare_icmp {
	__u32 count;
	__u8 type, code;
	bool ipv6;
	__u8 sender[EVENT_ADDRESS_SIZE];
};

/* A connection as one side saw it; ends: 0 the client. */
struct compare_end {
	bool seen;
	bool client_known; /* a SYN told; else the higher port is taken for the client's */
	__u8 address[2][EVENT_ADDRESS_SIZE];
	__u16 port[2];
	__u64 first_ns, last_ns, first_frame;
	struct compare_icmp icmp; /* errors about it */
};

/* What tells which side is nearer to the client. */
enum compare_order {
	ORDER_UNKNOWN,
	ORDER_TTL, /* of its packets */
	ORDER_TIMES, /* of its packets */
	ORDER_OTHERS, /* other connections, all of which agree */
	ORDER_GIVEN, /* the command line: side 0 is the client's */
};

/* How a pair was found; bits. */
enum compare_found {
	FOUND_ENDS = 1 << 0, /* same addresses and ports */
	FOUND_SEQUENCE = 1 << 1, /* initial sequence numbers */
	FOUND_TIMESTAMPS = 1 << 2,
	FOUND_PAYLOAD = 1 << 3,
};

/* One connection, with all that the two captures tell. */
struct compare_result {
	struct compare_end end[COMPARE_SIDES];
	struct compare_way way[COMPARE_WAYS];
	__u8 near; /* side nearer to the client */
	__u8 order_by; /* enum compare_order */
	__u8 found; /* enum compare_found; 0: one side alone has it */
	__u32 blind[COMPARE_SIDES]; /* BIT(enum compare_unsure): what that side may have missed */
	bool server_known[COMPARE_SIDES]; /* other connections of that server were matched */
	bool sees[COMPARE_SIDES][COMPARE_WAYS]; /* its capture holds packets of that direction */
	__u64 side_last_ns[COMPARE_SIDES]; /* of its capture */
};

/* offset: what to add to a time of side 0 for that of side 1 */
struct compare_clock {
	bool known;
	bool stepped; /* no line satisfies the bounds: a clock was set, or is too uneven */
	bool drifts; /* .drift is not zero for sure */
	__u64 reference_ns; /* .offset is of then, by side 0 */
	__s64 offset_ns;
	__u64 uncertainty_ns;
	double drift; /* ns of side 1 in a ns of side 0, minus 1 */
	double drift_uncertainty;
	__u32 samples[COMPARE_WAYS]; /* packets from side 0 to side 1, and back */
};

struct compare_counters {
	__u64 frames;
	__u64 tcp;
	__u64 udp; /* not compared */
	__u64 icmp; /* errors about a connection are counted there, too */
	__u64 other;
	__u64 unread; /* of them nothing is known */
	__u64 cut; /* too little of the TCP header was captured */
	__u64 copies;
	__u64 connections;
	__u64 evicted;
	__u64 unjudged; /* packets let go before they could be compared */
	__u64 first_ns, last_ns; /* of all its frames; 0 none */
};

struct compare;

/* @connections: held at once, of each side. Returns 0 or -ENOMEM. */
int compare_new(struct compare **out, __u32 connections);
void compare_free(struct compare *compare);

/* A frame of @side. @bytes: its packet from the IP header on, as far as captured; NULL not known. */
void compare_packet(struct compare *compare, unsigned int side, const struct packet *packet,
		    const __u8 *bytes, size_t captured, __u64 ts_ns, __u64 frame);

/* @side's file says that it lacks what is no SYN, FIN or reset; @all: anything. For good. */
void compare_note_lack(struct compare *compare, unsigned int side, bool all);

/* What only the files know: the capturing program dropped packets; the file is damaged. */
void compare_note_file(struct compare *compare, unsigned int side, __u64 dropped, bool damaged);

/* The connection that had to make room for the last packet; NULL none. Until the next packet. */
const struct compare_result *compare_gone(struct compare *compare);

/* All packets were given: pairs what can only be paired now. Then compare_clock() is final. */
void compare_finish(struct compare *compare);

/* After compare_finish(): every connection once, in the order of their times; NULL at the end. */
const struct compare_result *compare_next(struct compare *compare);

const struct compare_clock *compare_clock(const struct compare *compare);
const struct compare_counters *compare_counters(const struct compare *compare, unsigned int side);

/* Side 1's time when side 0's clock shows @ns, as far as known; and back. */
__u64 compare_map_time(const struct compare_clock *clock, unsigned int from_side, __u64 ns);

/*
 * How long packets took from one side to the other, with the offset taken off. @way: by .near it
 * is from side 0 to side 1 or back. Returns false if the offset is not known.
 */
struct compare_delay {
	__s64 least_ns, mean_ns, most_ns;
};
bool compare_delay(const struct compare_clock *clock, const struct compare_result *result,
		   unsigned int way, struct compare_delay *delay);
