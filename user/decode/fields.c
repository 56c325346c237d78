// SPDX-License-Identifier: GPL-2.0-or-later
/* fields.c - the fields of every kind: what prints a record, and what assembles one from text */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "decode/names.h"
#include "util/address.h"
#include "util/array.h"

#define ROW(body, member, kind, bit, fn)                                                          \
	{                                                                                         \
#member, offsetof(struct body, member), sizeof(((struct body *)0)->member), kind, \
			bit, fn                                                                   \
	}

#define TUPLE(body)                                                                     \
	ROW(body, tuple.local, FIELD_ADDRESS, EVENT_K_TUPLE, NULL),                     \
		ROW(body, tuple.remote, FIELD_ADDRESS, EVENT_K_TUPLE, NULL),            \
		ROW(body, tuple.local_port, FIELD_U16, EVENT_K_TUPLE, NULL),            \
		ROW(body, tuple.remote_port, FIELD_U16, EVENT_K_TUPLE, NULL),           \
		ROW(body, tuple.family, FIELD_NAME, EVENT_K_TUPLE, decode_family_name), \
		ROW(body, tuple.protocol, FIELD_NAME, EVENT_K_TUPLE, decode_protocol_name)

#define OWNER(body)                                                         \
	ROW(body, owner.start_ns, FIELD_U64, EVENT_K_OWNER, NULL),          \
		ROW(body, owner.cgroup_id, FIELD_U64, EVENT_K_OWNER, NULL), \
		ROW(body, owner.tgid, FIELD_U32, EVENT_K_OWNER, NULL),      \
		ROW(body, owner.tid, FIELD_U32, EVENT_K_OWNER, NULL),       \
		ROW(body, owner.ppid, FIELD_U32, EVENT_K_OWNER, NULL),      \
		ROW(body, owner.uid, FIELD_U32, EVENT_K_OWNER, NULL),       \
		ROW(body, owner.comm, FIELD_TEXT, EVENT_K_OWNER, NULL),     \
		ROW(body, owner.leader, FIELD_TEXT, EVENT_K_OWNER, NULL),   \
		ROW(body, owner.exe, FIELD_TEXT, EVENT_K_EXE, NULL)

#define PARENT(nth)                                                                      \
	{ "parent" #nth ".tgid",                                                         \
	  offsetof(struct ev_process, parents[nth].tgid),                                \
	  sizeof(((struct ev_process *)0)->parents[nth].tgid),                           \
	  FIELD_U32,                                                                     \
	  EVENT_K_PARENTS,                                                               \
	  NULL },                                                                        \
	{                                                                                \
		"parent" #nth ".comm", offsetof(struct ev_process, parents[nth].comm),   \
			sizeof(((struct ev_process *)0)->parents[nth].comm), FIELD_TEXT, \
			EVENT_K_PARENTS, NULL                                            \
	}

static const struct field header_fields[] = {
	ROW(event_header, ts_ns, FIELD_U64, 0, NULL),
	ROW(event_header, cookie, FIELD_U64, 0, NULL),
	ROW(event_header, netns, FIELD_U32, 0, NULL),
	ROW(event_header, ifindex, FIELD_U32, 0, NULL),
	ROW(event_header, lost, FIELD_U32, 0, NULL),
	ROW(event_header, known, FIELD_FLAGS, 0, NULL),
	ROW(event_header, kind, FIELD_NAME, 0, decode_kind_name),
	ROW(event_header, size, FIELD_U16, 0, NULL),
	ROW(event_header, cpu, FIELD_U16, 0, NULL),
	ROW(event_header, vantage, FIELD_NAME, 0, decode_vantage_name),
	ROW(event_header, flags, FIELD_FLAGS, 0, NULL),
	{ 0 },
};

static const struct field open_fields[] = {
	TUPLE(ev_open),
	OWNER(ev_open),
	ROW(ev_open, asked, FIELD_ADDRESS, EVENT_K_ASKED, NULL),
	ROW(ev_open, mark, FIELD_U32, 0, NULL),
	ROW(ev_open, bound_ifindex, FIELD_U32, 0, NULL),
	ROW(ev_open, backlog_max, FIELD_U32, 0, NULL),
	ROW(ev_open, asked_port, FIELD_U16, EVENT_K_ASKED, NULL),
	ROW(ev_open, how, FIELD_NAME, 0, decode_open_name),
	ROW(ev_open, socket_flags, FIELD_FLAGS, 0, NULL),
	ROW(ev_open, questions, FIELD_U32, EVENT_K_QUESTIONS, NULL),
	ROW(ev_open, questions_ms, FIELD_U32, EVENT_K_QUESTIONS, NULL),
	{ 0 },
};

/* The same under another name than the member's. */
#define NAMED(text, body, member, kind, bit)                                                   \
	{                                                                                      \
		text, offsetof(struct body, member), sizeof(((struct body *)0)->member), kind, \
			bit, NULL                                                              \
	}

/* What stands behind the first part of struct event_flow. */
#define FLOW_REST(body)                                                         \
	ROW(body, flow.bytes_sent, FIELD_U64, EVENT_K_FLOW, NULL),              \
		ROW(body, flow.bytes_again, FIELD_U64, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.active_ns, FIELD_U64, EVENT_K_FLOW, NULL),       \
		ROW(body, flow.packets_out, FIELD_U32, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.packets_in, FIELD_U32, EVENT_K_FLOW, NULL),      \
		ROW(body, flow.segments_out, FIELD_U32, EVENT_K_FLOW, NULL),    \
		ROW(body, flow.segments_in, FIELD_U32, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.timeouts, FIELD_U32, EVENT_K_TIMEOUTS, NULL),    \
		ROW(body, flow.dsacks, FIELD_U32, EVENT_K_FLOW, NULL),          \
		ROW(body, flow.out_of_order, FIELD_U32, EVENT_K_FLOW, NULL),    \
		ROW(body, flow.reorderings, FIELD_U32, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.rttvar_us, FIELD_U32, EVENT_K_FLOW, NULL),       \
		ROW(body, flow.rtt_least_us, FIELD_U32, EVENT_K_FLOW, NULL),    \
		ROW(body, flow.rcv_wnd, FIELD_U32, EVENT_K_FLOW, NULL),         \
		ROW(body, flow.cwnd, FIELD_U32, EVENT_K_FLOW, NULL),            \
		ROW(body, flow.mss, FIELD_U16, EVENT_K_FLOW, NULL),             \
		ROW(body, flow.mss_local, FIELD_U16, EVENT_K_FLOW, NULL),       \
		ROW(body, flow.mss_remote, FIELD_U16, EVENT_K_FLOW, NULL),      \
		ROW(body, flow.wscale_local, FIELD_U8, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.wscale_remote, FIELD_U8, EVENT_K_FLOW, NULL),    \
		ROW(body, flow.how, FIELD_FLAGS, EVENT_K_FLOW, NULL),           \
		ROW(body, flow.sent_ns, FIELD_U64, EVENT_K_TIMES, NULL),        \
		ROW(body, flow.received_ns, FIELD_U64, EVENT_K_TIMES, NULL),    \
		ROW(body, flow.heard_ns, FIELD_U64, EVENT_K_TIMES, NULL),       \
		ROW(body, flow.answer_status, FIELD_U16, EVENT_K_ANSWER, NULL), \
		ROW(body, flow.answer_how, FIELD_FLAGS, EVENT_K_ANSWER, NULL),  \
		ROW(body, flow.answer_bytes, FIELD_U32, EVENT_K_ANSWER, NULL),  \
		ROW(body, flow.answer_came, FIELD_U32, EVENT_K_ANSWER, NULL)

/* All of it, of a snapshot. */
#define FLOW(body)                                                                 \
	ROW(body, flow.bytes_delivered, FIELD_U64, EVENT_K_FLOW, NULL),            \
		ROW(body, flow.bytes_received, FIELD_U64, EVENT_K_FLOW, NULL),     \
		ROW(body, flow.unacked_bytes, FIELD_U32, EVENT_K_FLOW, NULL),      \
		ROW(body, flow.unread_bytes, FIELD_U32, EVENT_K_FLOW, NULL),       \
		ROW(body, flow.flight_packets, FIELD_U32, EVENT_K_COUNTERS, NULL), \
		ROW(body, flow.retransmits, FIELD_U32, EVENT_K_FLOW, NULL),        \
		ROW(body, flow.srtt_us, FIELD_U32, EVENT_K_FLOW, NULL),            \
		ROW(body, flow.snd_wnd, FIELD_U32, EVENT_K_FLOW, NULL),            \
		ROW(body, flow.again_in_row, FIELD_U8, EVENT_K_COUNTERS, NULL),    \
		ROW(body, flow.probes, FIELD_U8, EVENT_K_COUNTERS, NULL), FLOW_REST(body)

/*
 * Of a state, an error, a retransmit, a reset: names and order are those that `-v` and the JSON have
 * always had, whatever the members are called and wherever they stand.
 * @error_known: of a retransmit only some kernels tell the error
 */
#define SOCKET(error_known)                                                                        \
	TUPLE(ev_socket), ROW(ev_socket, error, FIELD_ERRNO, error_known, NULL),                   \
		ROW(ev_socket, soft_error, FIELD_ERRNO, 0, NULL),                                  \
		ROW(ev_socket, isn, FIELD_U32, EVENT_K_ISN, NULL),                                 \
		ROW(ev_socket, signal, FIELD_NAME, 0, decode_signal_name),                         \
		NAMED("bytes_sent", ev_socket, flow.bytes_delivered, FIELD_U64, EVENT_K_COUNTERS), \
		NAMED("bytes_received", ev_socket, flow.bytes_received, FIELD_U64,                 \
		      EVENT_K_COUNTERS),                                                           \
		NAMED("packets_out", ev_socket, flow.flight_packets, FIELD_U32, EVENT_K_COUNTERS), \
		NAMED("unread_bytes", ev_socket, flow.unread_bytes, FIELD_U32, EVENT_K_COUNTERS),  \
		NAMED("unsent_bytes", ev_socket, flow.unacked_bytes, FIELD_U32, EVENT_K_COUNTERS), \
		NAMED("srtt_us", ev_socket, flow.srtt_us, FIELD_U32, EVENT_K_COUNTERS),            \
		NAMED("snd_wnd", ev_socket, flow.snd_wnd, FIELD_U32, EVENT_K_COUNTERS),            \
		NAMED("total_retransmits", ev_socket, flow.retransmits, FIELD_U32,                 \
		      EVENT_K_COUNTERS),                                                           \
		ROW(ev_socket, old_state, FIELD_STATE, EVENT_K_STATE, NULL),                       \
		ROW(ev_socket, new_state, FIELD_STATE, EVENT_K_STATE, NULL),                       \
		NAMED("retransmits", ev_socket, flow.again_in_row, FIELD_U8, EVENT_K_COUNTERS),    \
		NAMED("again_bytes", ev_socket, flow.again_bytes, FIELD_U16, EVENT_K_SEGMENT),     \
		NAMED("probes", ev_socket, flow.probes, FIELD_U8, EVENT_K_COUNTERS),               \
		ROW(ev_socket, how, FIELD_FLAGS, 0, NULL), FLOW_REST(ev_socket)

static const struct field socket_fields[] = { SOCKET(0), { 0 } };
static const struct field retransmit_fields[] = { SOCKET(EVENT_K_ERROR), { 0 } };

#define LISTENER                                                                         \
	TUPLE(ev_listener), ROW(ev_listener, backlog, FIELD_U32, EVENT_K_BACKLOG, NULL), \
		ROW(ev_listener, backlog_max, FIELD_U32, EVENT_K_BACKLOG, NULL),         \
		ROW(ev_listener, isn, FIELD_U32, EVENT_K_ISN, NULL),                     \
		ROW(ev_listener, pending, FIELD_U32, EVENT_K_PENDING, NULL)

static const struct field listen_full_fields[] = { LISTENER, { 0 } };
static const struct field synack_retransmit_fields[] = {
	LISTENER,
	ROW(ev_listener, retransmits, FIELD_U32, 0, NULL),
	{ 0 },
};

static const struct field reset_fields[] = {
	TUPLE(ev_reset),
	ROW(ev_reset, reason, FIELD_U32, EVENT_K_REASON, NULL),
	ROW(ev_reset, state, FIELD_STATE, EVENT_K_STATE, NULL),
	ROW(ev_reset, how, FIELD_FLAGS, 0, NULL),
	{ "packet", offsetof(struct ev_reset, raw), sizeof(struct ev_raw), FIELD_RAW,
	  EVENT_K_PACKET, NULL },
	{ 0 },
};

static const struct field drop_fields[] = {
	TUPLE(ev_drop),
	ROW(ev_drop, rx_cookie, FIELD_U64, EVENT_K_RX_SOCKET, NULL),
	ROW(ev_drop, location, FIELD_FLAGS, 0, NULL),
	ROW(ev_drop, reason, FIELD_U32, EVENT_K_REASON, NULL),
	ROW(ev_drop, backlog, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_drop, backlog_max, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_drop, state, FIELD_STATE, EVENT_K_STATE, NULL),
	ROW(ev_drop, rx_state, FIELD_STATE, EVENT_K_RX_SOCKET, NULL),
	ROW(ev_drop, more, FIELD_U16, 0, NULL),
	{ "packet", offsetof(struct ev_drop, raw), sizeof(struct ev_raw), FIELD_RAW, EVENT_K_PACKET,
	  NULL },
	{ 0 },
};

static const struct field syscall_fields[] = {
	TUPLE(ev_syscall),
	OWNER(ev_syscall),
	ROW(ev_syscall, asked, FIELD_ADDRESS, EVENT_K_ASKED, NULL),
	ROW(ev_syscall, error, FIELD_ERRNO, 0, NULL),
	ROW(ev_syscall, mark, FIELD_U32, 0, NULL),
	ROW(ev_syscall, bound_ifindex, FIELD_U32, 0, NULL),
	ROW(ev_syscall, backlog, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_syscall, backlog_max, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_syscall, type, FIELD_NAME, 0, decode_socket_type_name),
	ROW(ev_syscall, asked_port, FIELD_U16, EVENT_K_ASKED, NULL),
	ROW(ev_syscall, call, FIELD_NAME, 0, decode_syscall_name),
	ROW(ev_syscall, state, FIELD_STATE, EVENT_K_STATE, NULL),
	ROW(ev_syscall, socket_flags, FIELD_FLAGS, 0, NULL),
	ROW(ev_syscall, seccomp, FIELD_U8, EVENT_K_REFUSED, NULL),
	ROW(ev_syscall, bytes, FIELD_U32, 0, NULL),
	ROW(ev_syscall, program, FIELD_U32, EVENT_K_REFUSED, NULL),
	ROW(ev_syscall, socket, FIELD_U64, EVENT_K_TIMELINE, NULL),
	ROW(ev_syscall, began_ns, FIELD_U64, EVENT_K_TIMELINE, NULL),
	ROW(ev_syscall, result, FIELD_S32, EVENT_K_TIMELINE, NULL),
	ROW(ev_syscall, count, FIELD_U32, EVENT_K_TIMELINE, NULL),
	ROW(ev_syscall, mntns, FIELD_U32, EVENT_K_PATH, NULL),
	ROW(ev_syscall, path, FIELD_TEXT, EVENT_K_PATH, NULL),
	{ 0 },
};

static const struct field packet_fields[] = {
	{ "packet", offsetof(struct ev_packet, raw), sizeof(struct ev_raw), FIELD_RAW,
	  EVENT_K_PACKET, NULL },
	{ 0 },
};

static const struct field icmp_fields[] = {
	ROW(ev_icmp, type, FIELD_U8, 0, NULL),
	ROW(ev_icmp, code, FIELD_U8, 0, NULL),
	{ "packet", offsetof(struct ev_icmp, raw), sizeof(struct ev_raw), FIELD_RAW, EVENT_K_PACKET,
	  NULL },
	{ 0 },
};

static const struct field neighbor_fields[] = {
	ROW(ev_neighbor, address, FIELD_ADDRESS, 0, NULL),
	ROW(ev_neighbor, probes, FIELD_U32, 0, NULL),
	ROW(ev_neighbor, state, FIELD_NAME, 0, decode_neighbor_name),
	{ 0 },
};

static const struct field task_fields[] = {
	OWNER(ev_task),
	ROW(ev_task, exit_code, FIELD_S32, 0, NULL),
	ROW(ev_task, how, FIELD_NAME, 0, decode_task_name),
	ROW(ev_task, path, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field piece_fields[] = {
	ROW(ev_piece, packet_ns, FIELD_U64, 0, NULL), ROW(ev_piece, offset, FIELD_U32, 0, NULL),
	ROW(ev_piece, size, FIELD_U16, 0, NULL),      ROW(ev_piece, last, FIELD_U8, 0, NULL),
	ROW(ev_piece, bytes, FIELD_BYTES, 0, NULL),   { 0 },
};

static const struct field claim_fields[] = {
	ROW(ev_claim, vlan, FIELD_U32, 0, NULL),
	ROW(ev_claim, captured_bytes, FIELD_U16, 0, NULL),
	ROW(ev_claim, bytes, FIELD_BYTES, 0, NULL),
	{ 0 },
};

static const struct field start_fields[] = {
	ROW(ev_start, boot_id, FIELD_BYTES, 0, NULL),
	ROW(ev_start, pid, FIELD_U32, 0, NULL),
	ROW(ev_start, kernel_version, FIELD_FLAGS, 0, NULL),
	ROW(ev_start, version, FIELD_TEXT, 0, NULL),
	ROW(ev_start, release, FIELD_TEXT, 0, NULL),
	ROW(ev_start, machine, FIELD_TEXT, 0, NULL),
	ROW(ev_start, host, FIELD_TEXT, 0, NULL),
	ROW(ev_start, arguments, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field hook_fields[] = {
	ROW(ev_hook, error, FIELD_ERRNO, 0, NULL),
	ROW(ev_hook, state, FIELD_NAME, 0, decode_hook_state_name),
	ROW(ev_hook, name, FIELD_TEXT, 0, NULL),
	ROW(ev_hook, why, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field clock_fields[] = {
	ROW(ev_clock, monotonic_ns, FIELD_U64, 0, NULL),
	ROW(ev_clock, realtime_ns, FIELD_U64, 0, NULL),
	ROW(ev_clock, boottime_ns, FIELD_U64, 0, NULL),
	{ 0 },
};

static const struct field tick_fields[] = {
	ROW(ev_tick, sequence, FIELD_U32, 0, NULL),
	ROW(ev_tick, pending_bytes, FIELD_U32, 0, NULL),
	ROW(ev_tick, looks, FIELD_U64, 0, NULL),
	{ 0 },
};

static const struct field interface_fields[] = {
	ROW(ev_interface, flags, FIELD_FLAGS, 0, NULL),
	ROW(ev_interface, mtu, FIELD_U32, 0, NULL),
	ROW(ev_interface, peer_ifindex, FIELD_U32, 0, NULL),
	ROW(ev_interface, peer_netns, FIELD_U32, 0, NULL),
	ROW(ev_interface, name, FIELD_TEXT, 0, NULL),
	ROW(ev_interface, type, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field netns_fields[] = {
	ROW(ev_netns, is_own, FIELD_U32, 0, NULL),
	ROW(ev_netns, name, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field name_fields[] = {
	ROW(ev_name, value, FIELD_U64, 0, NULL),
	ROW(ev_name, space, FIELD_NAME, 0, decode_name_space_name),
	ROW(ev_name, text, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field process_fields[] = {
	ROW(ev_process, start_ns, FIELD_U64, 0, NULL),
	ROW(ev_process, tgid, FIELD_U32, 0, NULL),
	ROW(ev_process, uid, FIELD_U32, 0, NULL),
	ROW(ev_process, exe, FIELD_TEXT, EVENT_K_EXE, NULL),
	ROW(ev_process, unit, FIELD_TEXT, 0, NULL),
	ROW(ev_process, container, FIELD_TEXT, 0, NULL),
	ROW(ev_process, cgroup, FIELD_TEXT, 0, NULL),
	ROW(ev_process, command, FIELD_TEXT, 0, NULL),
	ROW(ev_process, container_name, FIELD_TEXT, 0, NULL),
	ROW(ev_process, pod, FIELD_TEXT, 0, NULL),
	ROW(ev_process, pod_namespace, FIELD_TEXT, 0, NULL),
	ROW(ev_process, pod_uid, FIELD_TEXT, 0, NULL),
	PARENT(0),
	PARENT(1),
	PARENT(2),
	PARENT(3),
	{ 0 },
};

static const struct field snapshot_fields[] = {
	TUPLE(ev_snapshot),
	OWNER(ev_snapshot),
	ROW(ev_snapshot, backlog, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_snapshot, backlog_max, FIELD_U32, EVENT_K_BACKLOG, NULL),
	ROW(ev_snapshot, state, FIELD_STATE, EVENT_K_STATE, NULL),
	ROW(ev_snapshot, flags, FIELD_FLAGS, 0, NULL),
	ROW(ev_snapshot, look, FIELD_FLAGS, 0, NULL),
	FLOW(ev_snapshot),
	{ 0 },
};

static const struct field fact_fields[] = {
	ROW(ev_fact, request, FIELD_U64, 0, NULL),
	ROW(ev_fact, number, FIELD_S64, 0, NULL),
	ROW(ev_fact, limit, FIELD_S64, 0, NULL),
	ROW(ev_fact, address, FIELD_ADDRESS, 0, NULL),
	ROW(ev_fact, address2, FIELD_ADDRESS, 0, NULL),
	ROW(ev_fact, pid, FIELD_U32, 0, NULL),
	ROW(ev_fact, flags, FIELD_FLAGS, 0, NULL),
	ROW(ev_fact, error, FIELD_ERRNO, 0, NULL),
	ROW(ev_fact, what, FIELD_NAME, 0, decode_fact_name),
	ROW(ev_fact, port, FIELD_U16, 0, NULL),
	ROW(ev_fact, name, FIELD_TEXT, 0, NULL),
	ROW(ev_fact, text, FIELD_TEXT, 0, NULL),
	{ 0 },
};

static const struct field change_fields[] = {
	ROW(ev_change, what, FIELD_NAME, 0, decode_change_name),
	ROW(ev_change, removed, FIELD_U16, 0, NULL),
	ROW(ev_change, pid, FIELD_U32, 0, NULL),
	ROW(ev_change, text, FIELD_TEXT, 0, NULL),
	ROW(ev_change, address, FIELD_ADDRESS, EVENT_K_PREFIX, NULL),
	ROW(ev_change, prefix_bits, FIELD_U8, EVENT_K_PREFIX, NULL),
	ROW(ev_change, family, FIELD_U8, EVENT_K_PREFIX, NULL),
	{ 0 },
};

static const struct field gauge_fields[] = {
	ROW(ev_gauge, number, FIELD_U64, 0, NULL),
	ROW(ev_gauge, most, FIELD_U64, 0, NULL),
	ROW(ev_gauge, what, FIELD_NAME, 0, decode_gauge_name),
	{ 0 },
};

/* One field a kind, named as the kind is. */
static const struct field lost_fields[] = {
#define X(id, text, body, what)                                           \
	{ text,                                                           \
	  offsetof(struct ev_lost, by_kind) + sizeof(__u64) * EVENT_##id, \
	  sizeof(__u64),                                                  \
	  FIELD_U64,                                                      \
	  0,                                                              \
	  NULL },
	EVENT_KINDS(X)
#undef X
		{ 0 },
};

static const struct field end_fields[] = {
	ROW(ev_end, records, FIELD_U64, 0, NULL),
	ROW(ev_end, why, FIELD_ERRNO, 0, NULL),
	{ 0 },
};

static const struct field frame_fields[] = {
	ROW(ev_frame, frame, FIELD_U64, 0, NULL),
	ROW(ev_frame, file, FIELD_U32, 0, NULL),
	ROW(ev_frame, interface, FIELD_U32, 0, NULL),
	ROW(ev_frame, vlan, FIELD_U32, 0, NULL),
	ROW(ev_frame, link, FIELD_U16, 0, NULL),
	ROW(ev_frame, unread, FIELD_NAME, 0, decode_unread_name),
	ROW(ev_frame, how, FIELD_FLAGS, 0, NULL),
	{ "packet", offsetof(struct ev_frame, raw), sizeof(struct ev_raw), FIELD_RAW,
	  EVENT_K_PACKET, NULL },
	{ 0 },
};

static const struct field *const fields_of_kind[] = {
	[EVENT_OPEN] = open_fields,
	[EVENT_STATE] = socket_fields,
	[EVENT_ERROR] = socket_fields,
	[EVENT_RETRANSMIT] = retransmit_fields,
	[EVENT_SYNACK_RETRANSMIT] = synack_retransmit_fields,
	[EVENT_RESET_SENT] = reset_fields,
	[EVENT_RESET_RECEIVED] = socket_fields,
	[EVENT_DROP] = drop_fields,
	[EVENT_SYSCALL] = syscall_fields,
	[EVENT_LISTEN_FULL] = listen_full_fields,
	[EVENT_PACKET] = packet_fields,
	[EVENT_ICMP_SENT] = icmp_fields,
	[EVENT_NEIGHBOR] = neighbor_fields,
	[EVENT_TASK] = task_fields,
	[EVENT_PIECE] = piece_fields,
	[EVENT_CLAIM] = claim_fields,
	[EVENT_START] = start_fields,
	[EVENT_HOOK] = hook_fields,
	[EVENT_CLOCK] = clock_fields,
	[EVENT_TICK] = tick_fields,
	[EVENT_INTERFACE] = interface_fields,
	[EVENT_NETNS] = netns_fields,
	[EVENT_NAME] = name_fields,
	[EVENT_PROCESS] = process_fields,
	[EVENT_SOCKET] = snapshot_fields,
	[EVENT_FACT] = fact_fields,
	[EVENT_CHANGE] = change_fields,
	[EVENT_LOST] = lost_fields,
	[EVENT_SUPPRESSED] = lost_fields,
	[EVENT_END] = end_fields,
	[EVENT_FRAME] = frame_fields,
	[EVENT_GAUGE] = gauge_fields,
};

_Static_assert(ARRAY_SIZE(fields_of_kind) == EVENT_KIND_COUNT, "fields for every kind");

const struct field *decode_fields(unsigned int kind)
{
	return kind < ARRAY_SIZE(fields_of_kind) ? fields_of_kind[kind] : NULL;
}

const struct field *decode_header_fields(void)
{
	return header_fields;
}

/* The unsigned number in 1, 2, 4 or 8 bytes; bodies in a record need not be aligned. */
static __u64 number_at(const void *at, size_t size)
{
	__u16 two;
	__u32 four;
	__u64 eight;

	switch (size) {
	case 1:
		return *(const __u8 *)at;
	case 2:
		memcpy(&two, at, sizeof(two));
		return two;
	case 4:
		memcpy(&four, at, sizeof(four));
		return four;
	default:
		memcpy(&eight, at, sizeof(eight));
		return eight;
	}
}

static void print_bytes(struct text *text, const __u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text_add(text, "%02x", bytes[i]);
}

static void print_name(struct text *text, const char *name, __s64 number)
{
	if (name)
		text_add(text, "%s", name);
	else
		text_add(text, "%lld", (long long)number);
}

/* 0 is no error; a negative one (the result of a send) keeps its sign. */
static void print_errno(struct text *text, __s32 error)
{
	const char *name = decode_errno_name(error == INT_MIN ? 0 : abs(error));

	if (name)
		text_add(text, "%s%s", error < 0 ? "-" : "", name);
	else
		text_add(text, "%d", error);
}

static void print_raw(struct text *text, const void *at)
{
	struct packet packet;
	struct ev_raw raw;

	memcpy(&raw, at, offsetof(struct ev_raw, bytes));
	if (!raw.captured_bytes || raw.captured_bytes > EVENT_PACKET_MAX)
		return;
	memcpy(raw.bytes, (const __u8 *)at + offsetof(struct ev_raw, bytes), raw.captured_bytes);
	packet_parse(raw.bytes, raw.captured_bytes,
		     raw.wire_bytes < raw.captured_bytes ? raw.captured_bytes : raw.wire_bytes,
		     &packet);
	packet_print(text, &packet);
}

void field_print(struct text *text, const struct field *field, const void *body)
{
	const void *at = (const __u8 *)body + field->offset;
	__u64 number;

	switch ((enum field_type)field->type) {
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
		text_add(text, "%llu", (unsigned long long)number_at(at, field->size));
		break;
	case FIELD_S32:
		text_add(text, "%d", (__s32)number_at(at, field->size));
		break;
	case FIELD_S64:
		text_add(text, "%lld", (long long)number_at(at, field->size));
		break;
	case FIELD_ADDRESS:
		address_print(text, at);
		break;
	case FIELD_TEXT:
		text_add_foreign(text, at, field->size);
		break;
	case FIELD_BYTES:
		print_bytes(text, at, field->size);
		break;
	case FIELD_RAW:
		print_raw(text, at);
		break;
	case FIELD_STATE:
		number = number_at(at, field->size);
		print_name(text, decode_state_name((unsigned int)number), (__s64)number);
		break;
	case FIELD_ERRNO:
		print_errno(text, (__s32)number_at(at, field->size));
		break;
	case FIELD_FLAGS:
		text_add(text, "0x%llx", (unsigned long long)number_at(at, field->size));
		break;
	case FIELD_NAME:
		number = number_at(at, field->size);
		print_name(text, field->names((unsigned int)number), (__s64)number);
		break;
	case FIELD_TYPE_COUNT:
		break;
	}
}
