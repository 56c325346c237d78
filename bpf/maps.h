/* SPDX-License-Identifier: GPL-2.0-only */
/* maps.h - what all programs share; defined in maps.bpf.c */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "event.h"
#include "health.h"
#include "knobs.h"

extern const volatile struct knobs knobs;

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* user space sets it */
};

/* A CPU's own state. */
struct emit_cpu {
	struct cpu_counts counts; /* first: user space reads them */
	__u64 reset_socket; /* socket that tcp_reset() was called for on this CPU, 0 none */
	__u64 reset_jiffies; /* and when */
	__u64 pending; /* bytes in the ring at the last look */
	__u64 packet_ns; /* of the packet record told last, whose pieces follow */
	__u64 unparsed_ns; /* when a packet that could not be parsed was last told of */
	__u64 device; /* of the last packet, with its namespace, and when that was looked up */
	__u64 device_ns;
	__u32 device_netns;
	__u32 full_drops; /* at the queue of .full_socket, in a row */
	__u64 full_socket; /* cookie of the one that was told last to have a full queue */
	__u64 full_ns; /* and when */
	__u32 full_told; /* of .full_drops */
	__u32 pad;
	__u32 turn; /* records tried */
	__u32 lost_total; /* what header.lost says */
};

struct emit_cpus_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct emit_cpu);
};

/* What the agent says of itself: no program reads it, who asks for its name does. */
struct sockwhy_health_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct agent_health);
};

/* Processes that are followed, by tgid. */
struct followed_processes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FOLLOWED_PROCESSES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
};

/* Connections whose every packet is wanted, by the socket's cookie. */
struct followed_cookies_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FOLLOWED_CONNECTIONS_MAX);
	__type(key, __u64);
	__type(value, __u8);
};

/* A direction of such a connection as a packet shows it. */
struct packet_flow {
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u16 source_port_be;
	__u16 destination_port_be;
};

struct followed_flows_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FOLLOWED_CONNECTIONS_MAX);
	__type(key, struct packet_flow);
	__type(value, __u8);
};

/* Whose the datagram sockets are that were connected last; the place is chosen by the cookie. */
struct datagram_note {
	__u64 cookie; /* 0: none, or it is being written */
	__u64 told_ns; /* when it was last told, 0 not */
	struct event_owner owner;
	__u32 known; /* EVENT_K_* */
	__u32 questions; /* see question.h */
	__u64 first_ns; /* of them */
	__u64 sent_ns; /* the last datagram */
	__u32 asked; /* whom, folded */
	__u32 pad;
};

#define DATAGRAM_NOTES 1024 /* a power of two */

struct datagram_notes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DATAGRAM_NOTES);
	__type(key, __u32);
	__type(value, struct datagram_note);
};

/* Cookies count up on each CPU, in steps of its own. */
static __always_inline __u32 datagram_place(__u64 cookie)
{
	return (cookie ^ cookie >> 10) & (DATAGRAM_NOTES - 1);
}

/* What a thread of a followed process called, until that returns, by pid_tgid: see call.bpf.c. */
struct call_note {
	__u64 began_ns;
	const struct sock *sk; /* read; NULL none, or several */
	__u64 arguments[3];
	__u32 code; /* of knobs.calls */
	__u32 pad;
};

#define CALL_NOTES FOLLOWED_PROCESSES_MAX

struct call_notes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CALL_NOTES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct call_note);
};

/* Connections whose ClientHello was seen: see hello.h. */
#define HELLO_NOTES (1 << 14)
struct hello_notes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HELLO_NOTES);
	__type(key, __u32);
	__type(value, __u64);
};

/* How long an answer of HTTP/1 is going to be, and where it has come to: see answer.h. */
struct answer_note {
	__u32 mark; /* 0: none */
	__u32 begin; /* sequence numbers: of its first byte, */
	__u32 body; /* of its body's, */
	__u32 end; /* and behind its last. In chunks: behind the last segment that was seen */
	__u16 status;
	__u8 how; /* ANSWER_F_* */
	__u8 pad;
};

#define ANSWER_NOTES (1 << 13)
struct answer_notes_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ANSWER_NOTES);
	__type(key, __u32);
	__type(value, struct answer_note);
};

/* An answer's header while it is looked at. */
#define ANSWER_LOOK_BYTES 1024 /* a power of two */
struct answer_look {
	__u8 bytes[ANSWER_LOOK_BYTES + sizeof(__u64)];
	__u32 size; /* of them that are there */
	__u32 header; /* bytes up to and with the empty line; 0: its end is not there */
	__u32 length; /* of the body, as it says */
	__u16 status;
	__u8 how; /* ANSWER_F_* */
	__u8 pad;
};

struct answer_looks_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_look);
};

#ifndef MAPS_DEFINE
extern struct ring_map ring SEC(".maps");
extern struct emit_cpus_map emit_cpus SEC(".maps");
extern struct followed_processes_map followed_processes SEC(".maps");
extern struct followed_cookies_map followed_cookies SEC(".maps");
extern struct followed_flows_map followed_flows SEC(".maps");
extern struct datagram_notes_map datagram_notes SEC(".maps");
extern struct call_notes_map call_notes SEC(".maps");
extern struct hello_notes_map hello_notes SEC(".maps");
extern struct answer_notes_map answer_notes SEC(".maps");
extern struct answer_looks_map answer_looks SEC(".maps");
#endif
