// SPDX-License-Identifier: GPL-2.0-or-later
/* record_old.c - bodies of recordings of format 1: which member has become which */

#include <string.h>

#include "collect/files/record_old.h"
#include "util/array.h"

struct old_flow {
	__u64 bytes_sent, bytes_again, bytes_delivered, bytes_received, active_ns;
	__u32 packets_out, packets_in, segments_out, segments_in;
	__u32 retransmits, timeouts, dsacks, out_of_order, reorderings;
	__u32 srtt_us, rttvar_us, rtt_least_us, snd_wnd, rcv_wnd, cwnd;
	__u32 unacked_bytes, unread_bytes;
	__u16 mss, mss_local, mss_remote;
	__u8 wscale_local, wscale_remote, how;
	__u8 pad[3];
};

struct old_socket {
	struct event_tuple tuple;
	__s32 error, soft_error;
	__u32 isn, signal;
	__u64 bytes_sent, bytes_received;
	__u32 packets_out, unread_bytes, unsent_bytes, srtt_us, snd_wnd, total_retransmits;
	__u8 old_state, new_state, retransmits, probes, how;
	__u8 pad[3];
	struct old_flow flow;
};

struct old_snapshot {
	struct event_tuple tuple;
	struct event_owner owner;
	__u32 backlog, backlog_max, age_ms;
	__u8 state, flags;
	__u8 pad[2];
	struct old_flow flow;
};

_Static_assert(sizeof(struct old_socket) == 224, "in recordings");
_Static_assert(sizeof(struct old_snapshot) == 272, "in recordings");

struct move {
	__u16 from, to, size;
	__u32 known; /* the bit that says that it is there, 0: none does */
};

/* The lower bytes of a number stand first: both machines that make recordings are little-endian. */
#define MOVE(old, old_member, body, member, bit)                                 \
	{                                                                        \
		offsetof(struct old, old_member), offsetof(struct body, member), \
			sizeof(((struct body *)0)->member), bit                  \
	}
#define SAME(old, body, member, bit) MOVE(old, member, body, member, bit)

/* What the figures say of the first part goes over what the counters said. */
#define FLOW(old, body)                                                                            \
	SAME(old, body, flow.bytes_delivered, EVENT_K_FLOW),                                       \
		SAME(old, body, flow.bytes_received, EVENT_K_FLOW),                                \
		SAME(old, body, flow.unacked_bytes, EVENT_K_FLOW),                                 \
		SAME(old, body, flow.unread_bytes, EVENT_K_FLOW),                                  \
		SAME(old, body, flow.retransmits, EVENT_K_FLOW),                                   \
		SAME(old, body, flow.srtt_us, EVENT_K_FLOW),                                       \
		SAME(old, body, flow.snd_wnd, EVENT_K_FLOW),                                       \
		SAME(old, body, flow.packets_out, EVENT_K_FLOW),                                   \
		SAME(old, body, flow.bytes_sent, EVENT_K_FLOW),                                    \
		SAME(old, body, flow.bytes_again, EVENT_K_FLOW),                                   \
		SAME(old, body, flow.active_ns, EVENT_K_FLOW),                                     \
		SAME(old, body, flow.packets_in, EVENT_K_FLOW),                                    \
		SAME(old, body, flow.segments_out, EVENT_K_FLOW),                                  \
		SAME(old, body, flow.segments_in, EVENT_K_FLOW),                                   \
		SAME(old, body, flow.timeouts, EVENT_K_TIMEOUTS),                                  \
		SAME(old, body, flow.dsacks, EVENT_K_FLOW),                                        \
		SAME(old, body, flow.out_of_order, EVENT_K_FLOW),                                  \
		SAME(old, body, flow.reorderings, EVENT_K_FLOW),                                   \
		SAME(old, body, flow.rttvar_us, EVENT_K_FLOW),                                     \
		SAME(old, body, flow.rtt_least_us, EVENT_K_FLOW),                                  \
		SAME(old, body, flow.rcv_wnd, EVENT_K_FLOW),                                       \
		SAME(old, body, flow.cwnd, EVENT_K_FLOW), SAME(old, body, flow.mss, EVENT_K_FLOW), \
		SAME(old, body, flow.mss_local, EVENT_K_FLOW),                                     \
		SAME(old, body, flow.mss_remote, EVENT_K_FLOW),                                    \
		SAME(old, body, flow.wscale_local, EVENT_K_FLOW),                                  \
		SAME(old, body, flow.wscale_remote, EVENT_K_FLOW),                                 \
		SAME(old, body, flow.how, EVENT_K_FLOW)

static const struct move socket_moves[] = {
	SAME(old_socket, ev_socket, tuple, EVENT_K_TUPLE),
	SAME(old_socket, ev_socket, error, EVENT_K_ERROR),
	SAME(old_socket, ev_socket, soft_error, 0),
	SAME(old_socket, ev_socket, isn, EVENT_K_ISN),
	SAME(old_socket, ev_socket, signal, 0),
	MOVE(old_socket, bytes_sent, ev_socket, flow.bytes_delivered, EVENT_K_COUNTERS),
	MOVE(old_socket, bytes_received, ev_socket, flow.bytes_received, EVENT_K_COUNTERS),
	MOVE(old_socket, packets_out, ev_socket, flow.flight_packets, EVENT_K_COUNTERS),
	MOVE(old_socket, unread_bytes, ev_socket, flow.unread_bytes, EVENT_K_COUNTERS),
	MOVE(old_socket, unsent_bytes, ev_socket, flow.unacked_bytes, EVENT_K_COUNTERS),
	MOVE(old_socket, srtt_us, ev_socket, flow.srtt_us, EVENT_K_COUNTERS),
	MOVE(old_socket, snd_wnd, ev_socket, flow.snd_wnd, EVENT_K_COUNTERS),
	MOVE(old_socket, total_retransmits, ev_socket, flow.retransmits, EVENT_K_COUNTERS),
	SAME(old_socket, ev_socket, old_state, EVENT_K_STATE),
	SAME(old_socket, ev_socket, new_state, EVENT_K_STATE),
	MOVE(old_socket, retransmits, ev_socket, flow.again_in_row, EVENT_K_COUNTERS),
	MOVE(old_socket, probes, ev_socket, flow.probes, EVENT_K_COUNTERS),
	SAME(old_socket, ev_socket, how, 0),
	FLOW(old_socket, ev_socket),
};

static const struct move snapshot_moves[] = {
	SAME(old_snapshot, ev_snapshot, tuple, EVENT_K_TUPLE),
	SAME(old_snapshot, ev_snapshot, owner, EVENT_K_OWNER),
	SAME(old_snapshot, ev_snapshot, owner.exe, EVENT_K_EXE),
	SAME(old_snapshot, ev_snapshot, backlog, EVENT_K_BACKLOG),
	SAME(old_snapshot, ev_snapshot, backlog_max, EVENT_K_BACKLOG),
	SAME(old_snapshot, ev_snapshot, state, EVENT_K_STATE),
	SAME(old_snapshot, ev_snapshot, flags, 0),
	FLOW(old_snapshot, ev_snapshot),
};

static void move_all(const struct move *moves, size_t count, struct event_header *head,
		     const __u8 *from, size_t size, __u8 *to)
{
	const __u32 figures = EVENT_K_FLOW | EVENT_K_TIMEOUTS;

	for (size_t i = 0; i < count; i++)
		if ((size_t)moves[i].from + moves[i].size > size)
			head->known &= ~moves[i].known;
	for (size_t i = 0; i < count; i++)
		if ((size_t)moves[i].from + moves[i].size <= size &&
		    (!(moves[i].known & figures) || (moves[i].known & head->known)))
			memcpy(to + moves[i].to, from + moves[i].from, moves[i].size);
}

size_t record_old_body(struct event_header *head, const void *from, size_t size, void *to)
{
	switch (head->kind) {
	case EVENT_STATE:
	case EVENT_ERROR:
	case EVENT_RETRANSMIT:
	case EVENT_RESET_RECEIVED:
		memset(to, 0, sizeof(struct ev_socket));
		move_all(socket_moves, ARRAY_SIZE(socket_moves), head, from, size, to);
		return sizeof(struct ev_socket);
	case EVENT_SOCKET:
		memset(to, 0, sizeof(struct ev_snapshot));
		move_all(snapshot_moves, ARRAY_SIZE(snapshot_moves), head, from, size, to);
		return sizeof(struct ev_snapshot);
	}
	return 0;
}
