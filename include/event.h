/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.h - what the kernel side and user space tell each other: the record */
#pragma once

/*
 * Theory of operation
 *
 * Everything the program knows arrives as a record: a struct event_header followed by the body of
 * its kind. Kernel programs write records into the ring; user space writes the kinds that only it
 * can know (facts of the host, names, ticks). A recording is the same bytes in the same order.
 *
 * Adding a kind: a body struct with its size assert, and a row in EVENT_KINDS (at the end of its
 * half: recordings know kinds by name). decode/ gets a field table, the kernel side a hook.
 *
 * Bodies grow at the end only: a shorter body from an older recording is zero-extended. A field
 * that may be unknown has a bit in header.known; a clear bit means unknown, never zero.
 *
 * Compiled by gcc, clang and clang -target bpf. BPF sources include vmlinux.h first.
 */

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "event_fact.h"
#include "event_flow.h"
#include "event_gauge.h"

#define EVENT_ADDRESS_SIZE 16 /* IPv4 is mapped: ::ffff:a.b.c.d */
#define EVENT_COMM_SIZE 16
#define EVENT_PATH_SIZE 112 /* of a Unix socket's path, which has at most 108 */
#define EVENT_PORT_DNS 53 /* who turns to it is told, and what passes from and to it */
#define EVENT_PACKET_MAX 256 /* most bytes of one packet a record carries, from the IP header on */
#define EVENT_SIZE_MAX 1024 /* most bytes of one record; a longer one is hostile */
#define EVENT_PIECE_MAX 928 /* most bytes of a packet in a piece record */
#define EVENT_SNAP_MAX 262144 /* most bytes of one packet in its record and its pieces */

/* Every name here is also its text: kind name in lower case, body struct, what it is. */
#define EVENT_KINDS(X)                                                                            \
	/* made by the kernel side */                                                             \
	X(OPEN, "open", ev_open, "a process began to connect, listen, bind or took a connection") \
	X(STATE, "state", ev_socket, "the TCP state of a socket changed")                         \
	X(ERROR, "error", ev_socket,                                                              \
	  "the kernel reported an error to a socket, or nobody took it")                          \
	X(RETRANSMIT, "retransmit", ev_socket, "a segment was sent again")                        \
	X(SYNACK_RETRANSMIT, "synack-retransmit", ev_listener, "a SYN/ACK was sent again")        \
	X(RESET_SENT, "reset-sent", ev_reset, "this host sent a reset")                           \
	X(RESET_RECEIVED, "reset-received", ev_socket, "a reset reached a socket")                \
	X(DROP, "drop", ev_drop, "the kernel dropped a packet")                                   \
	X(SYSCALL, "syscall", ev_syscall, "a socket call returned an error; run -v: any")         \
	X(LISTEN_FULL, "listen-full", ev_listener, "a SYN met a full accept queue")               \
	X(PACKET, "packet", ev_packet, "a packet passed an interface")                            \
	X(ICMP_SENT, "icmp-sent", ev_icmp, "this host sent an ICMP error")                        \
	X(NEIGHBOR, "neighbor", ev_neighbor, "a next hop did not answer")                         \
	X(TASK, "task", ev_task, "a followed process forked, executed or ended")                  \
	X(PIECE, "piece", ev_piece, "more bytes of a packet that passed an interface")            \
	X(CLAIM, "claim", ev_claim, "somebody asked for or claimed an address of the link")       \
	/* made by user space */                                                                  \
	X(START, "start", ev_start, "the agent started")                                          \
	X(HOOK, "hook", ev_hook, "a hook is attached, or why not")                                \
	X(CLOCK, "clock", ev_clock, "the clocks, read together")                                  \
	X(TICK, "tick", ev_tick, "every record reserved before this time was delivered")          \
	X(INTERFACE, "interface", ev_interface, "a network interface, or its end")                \
	X(NETNS, "netns", ev_netns, "a network namespace")                                        \
	X(NAME, "name", ev_name, "the name of a number of the running kernel")                    \
	X(PROCESS, "process", ev_process, "what /proc said of a process")                         \
	X(SOCKET, "socket", ev_snapshot, "a socket that was open before, or that a look found")   \
	X(FACT, "fact", ev_fact, "a fact of this host, fetched for a finding")                    \
	X(CHANGE, "change", ev_change, "a route, address, link or ruleset changed")               \
	X(LOST, "lost", ev_lost, "records that did not fit, by kind")                             \
	X(SUPPRESSED, "suppressed", ev_lost, "records the kernel side shed under load, by kind")  \
	X(END, "end", ev_end, "the recording ends here")                                          \
	X(FRAME, "frame", ev_frame, "a packet of a capture file")                                 \
	X(GAUGE, "gauge", ev_gauge, "how full something of this host is, or how often it was")

enum event_kind {
	EVENT_NONE, /* no record has it: a zeroed buffer is not a record */
#define X(id, text, body, what) EVENT_##id,
	EVENT_KINDS(X)
#undef X
		EVENT_KIND_COUNT,
	EVENT_KERNEL_KIND_COUNT = EVENT_START, /* kinds below are made by the kernel side */
};

/*
 * Places of counts by kind in records. When they are all taken the number grows: a body may end
 * sooner in older recordings (those of 31 kinds had 32 places), and what it lacks was never counted.
 */
#define EVENT_KINDS_MAX 64

/* Where a record was taken. */
enum event_vantage {
	VANTAGE_USER,
	VANTAGE_SOCKET,
	VANTAGE_SYSCALL,
	VANTAGE_TC_IN,
	VANTAGE_TC_OUT,
	VANTAGE_CGROUP_IN,
	VANTAGE_CGROUP_OUT,
	VANTAGE_ITERATOR,
	VANTAGE_FILE, /* frames, and the start, clock and ticks of what is read from captures */
	VANTAGE_COUNT,
};

/* header.flags */
enum {
	EVENT_F_OUT = 1 << 0, /* packet: leaves this namespace; else it enters */
	EVENT_F_LOOPBACK = 1 << 1, /* taken at a loopback interface: seen once, at egress */
	EVENT_F_SOFTIRQ = 1 << 2, /* not in the context of a process */
	EVENT_F_TASK = 1 << 3, /* the current task is the one that acts on this socket */
	EVENT_F_TRUNCATED = 1 << 4, /* the packet was longer than the record */
	EVENT_F_UNPARSED = 1 << 5, /* the hook could not find the network header */
	EVENT_F_IPV6 = 1 << 6, /* raw packet bytes begin with an IPv6 header */
	/* belongs to a followed process or connection; start: only what has it is told (run) */
	EVENT_F_FOLLOWED = 1 << 7,
};

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

struct event_header {
	__u64 ts_ns; /* CLOCK_MONOTONIC, taken right after the reserve */
	__u64 cookie; /* socket cookie, 0 unknown; of a packet always the sender's */
	__u32 netns; /* inode of the hook's network namespace (socket kinds: the socket's) */
	__u32 ifindex; /* interface in that namespace, 0 none */
	__u32 lost; /* records that this CPU failed to tell so far: no room, or shed */
	__u32 known; /* EVENT_K_*: which optional fields are known */
	__u16 kind; /* enum event_kind */
	__u16 size; /* of header and body */
	__u16 cpu;
	__u8 vantage; /* enum event_vantage */
	__u8 flags; /* EVENT_F_* */
};

/* Oriented: local is the socket's own side. Ports and family in host byte order. */
struct event_tuple {
	__u8 local[EVENT_ADDRESS_SIZE];
	__u8 remote[EVENT_ADDRESS_SIZE];
	__u16 local_port; /* 0: not chosen yet */
	__u16 remote_port;
	__u16 family; /* AF_INET, AF_INET6: of the socket, not of the addresses */
	__u16 protocol; /* IPPROTO_TCP, IPPROTO_UDP, … */
};

struct event_owner {
	__u64 start_ns; /* start of the process since boot (CLOCK_BOOTTIME): pids are reused */
	__u64 cgroup_id; /* of the socket, else of the task; 0 unknown */
	__u32 tgid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	char comm[EVENT_COMM_SIZE]; /* of the thread */
	char leader[EVENT_COMM_SIZE]; /* of the process */
	char exe[32]; /* last part of the executable's path, known by EVENT_K_EXE */
};

/* header.known, one meaning for every kind that has the field */
enum {
	EVENT_K_OWNER = 1 << 0,
	EVENT_K_TUPLE = 1 << 1,
	EVENT_K_ASKED = 1 << 2, /* ev_open.asked: the address given to connect() */
	EVENT_K_ISN = 1 << 3, /* ev_socket.isn */
	EVENT_K_COUNTERS = 1 << 4, /* event_flow's first part */
	EVENT_K_REASON = 1 << 5, /* reset or drop reason */
	EVENT_K_PACKET = 1 << 6, /* raw packet bytes follow */
	EVENT_K_RX_SOCKET = 1 << 7, /* ev_drop.rx_cookie: the receiving socket */
	EVENT_K_BACKLOG = 1 << 8,
	EVENT_K_EXE = 1 << 9,
	EVENT_K_ERROR = 1 << 10, /* retransmit: ev_socket.error is the send's result */
	EVENT_K_RESET_SEEN = 1 << 11, /* ev_socket: F_RESET in .how would be set (hook attached) */
	EVENT_K_STATE = 1 << 12, /* the socket's state is known */
	EVENT_K_PIECES = 1 << 13, /* packet: more bytes of it follow in piece records */
	/*
	 * All of struct event_flow, of old recordings less what only EVENT_K_COUNTERS knows
	 * (.flight_packets, .again_in_row, .probes); start: sockets are told with it (flows)
	 */
	EVENT_K_FLOW = 1 << 14,
	EVENT_K_TIMEOUTS = 1 << 15, /* event_flow.timeouts: since 6.7 */
	EVENT_K_TIMES = 1 << 16, /* event_flow.sent_ns, .received_ns, .heard_ns */
	EVENT_K_ANSWER = 1 << 17, /* event_flow.answer_* */
	EVENT_K_REFUSED = 1 << 18, /* EPERM, EACCES, EAFNOSUPPORT: ev_syscall.seccomp, .program */
	EVENT_K_SEGMENT = 1 << 20, /* event_flow.again_bytes */
	EVENT_K_QUESTIONS = 1 << 21, /* ev_open.questions, .questions_ms */
	/* told to be shown alone, nothing is judged by it; run -v: a state, or any call, failed or not, */
	/* with ev_syscall.socket and what follows it; top: a socket, for its figures */
	EVENT_K_TIMELINE = 1 << 22,
	EVENT_K_PENDING = 1 << 23, /* ev_listener.pending */
	EVENT_K_PARENTS = 1 << 24, /* ev_process.parents */
	EVENT_K_PATH = 1 << 25, /* ev_syscall.mntns, .path */
	EVENT_K_PREFIX = 1 << 26, /* ev_change.address, .prefix_bits, .family */
};

enum event_open_how {
	OPEN_CONNECT, /* CLOSE to SYN_SENT; current is the application */
	OPEN_LISTEN, /* CLOSE to LISTEN */
	OPEN_BIND, /* bind() worked (only while processes are followed) */
	OPEN_ACCEPT, /* accept() gave this socket to the owner (only while processes are followed) */
	OPEN_LOOKUP, /* a datagram socket turned to port 53: connect(), or each send without it */
	OPEN_DATAGRAM, /* whose any other datagram socket is, told as it meets trouble */
	OPEN_UNANSWERED, /* a datagram socket asked again, and nothing ever came to it */
	/* connect() to a socket of this host that is asked for names: no tuple, no cookie */
	OPEN_NSCD,
	OPEN_RESOLVED, /* systemd-resolved's, by varlink */
	OPEN_AVAHI,
	OPEN_HOW_COUNT,
};

struct ev_open {
	struct event_tuple tuple;
	struct event_owner owner;
	__u8 asked[EVENT_ADDRESS_SIZE]; /* EVENT_K_ASKED: what the application asked for */
	__u32 mark;
	__u32 bound_ifindex;
	__u32 backlog_max; /* listen */
	__u16 asked_port;
	__u8 how; /* enum event_open_how */
	__u8 socket_flags; /* SOCKET_F_* */
	__u32 questions; /* unanswered: so many, each after a pause */
	__u32 questions_ms; /* .. from the first to this one */
};

/* ev_open.socket_flags, ev_socket.how, ev_snapshot.flags */
enum {
	SOCKET_F_EXITING = 1 << 0, /* the task that closes it is exiting */
	SOCKET_F_SIGPIPE = 1 << 0, /* send: EPIPE comes with a signal that ends the process */
	SOCKET_F_RESET = 1 << 1, /* a reset was received in this very step (RFC 9293 3.10.7) */
	SOCKET_F_AWAITED = 1 << 1, /* error, of UDP: somebody waits at the socket */
	SOCKET_F_MPTCP = 1 << 2,
	SOCKET_F_KERNEL =
		1 << 3, /* the kernel's own: no process asked for it, the owner is a thread of it */
	SOCKET_F_V6ONLY = 1 << 4,
	SOCKET_F_OOM = 1 << 4, /* ev_socket: the kernel kills the exiting task for want of memory */
	SOCKET_F_REUSEADDR = 1 << 5,
	SOCKET_F_UNACCEPTED =
		1 << 5, /* ev_socket, of an end: no accept() ever handed it to a process */
	SOCKET_F_REUSEPORT = 1 << 6,
	SOCKET_F_BOUND_PORT = 1 << 7, /* the application chose the source port */
};

/* state, error, retransmit, reset-received */
struct ev_socket {
	struct event_tuple tuple;
	__s32 error; /* sk_err, positive errno; retransmit: result of the send, 0 or -errno */
	__s32 soft_error; /* sk_err_soft, positive errno */
	__u32 isn; /* first sequence number of this side */
	__u8 signal; /* state: that ended the exiting task, 0 none */
	__u8 old_state; /* enum tcp_state of the kernel: 1 ESTABLISHED … 12 NEW_SYN_RECV */
	__u8 new_state; /* other kinds than state: the same as old_state, error: CLOSE where the socket goes */
	__u8 how; /* SOCKET_F_* */
	struct event_flow flow; /* the body may end with its first part */
};

/* synack-retransmit, listen-full: the listener and, as remote, the client */
struct ev_listener {
	struct event_tuple tuple;
	__u32 backlog; /* connections that wait to be accepted */
	__u32 backlog_max;
	__u32 isn; /* of the client's SYN */
	__u32 retransmits; /* of this SYN/ACK; listen-full: 0, none was sent */
	__u32 pending; /* EVENT_K_PENDING: handshakes that wait for the client's ACK */
	__u32 pad;
};

/* Raw bytes of a packet, from the IP header on, stand at the end of these bodies. */
struct ev_raw {
	__u32 wire_bytes; /* length on the wire from the IP header on */
	__u16 captured_bytes; /* how many stand in bytes[] */
	__u16 gso_bytes; /* segment size, 0: one packet */
	__u8 bytes[EVENT_PACKET_MAX]; /* the record ends there, or a little later */
};

struct ev_reset {
	struct event_tuple tuple; /* EVENT_K_TUPLE: of the socket that sent it, if any */
	__u32 reason; /* enum sk_rst_reason of the running kernel */
	__u8 state; /* of the socket, 0 no socket */
	__u8 how; /* SOCKET_F_* */
	__u8 pad[2];
	struct ev_raw raw; /* EVENT_K_PACKET: the segment that provoked it */
};

struct ev_drop {
	struct event_tuple tuple; /* EVENT_K_TUPLE: of the socket the packet belongs to */
	__u64 rx_cookie; /* the receiving socket; header.cookie is the sender's */
	__u64 location; /* address in the kernel's text; NAME_SYMBOL gives its name */
	__u32 reason; /* enum skb_drop_reason of the running kernel */
	/* EVENT_K_BACKLOG, of the receiving socket: a listener's connections, UDP: bytes of its queue */
	__u32 backlog;
	__u32 backlog_max;
	__u8 state; /* of the socket in tuple */
	__u8 rx_state; /* of the receiving socket */
	/* UDP, its queue was full: so many more since it was last told, those before on this CPU */
	__u16 more;
	struct ev_raw raw;
};

enum event_syscall {
	SYSCALL_SOCKET,
	SYSCALL_BIND,
	SYSCALL_LISTEN,
	SYSCALL_CONNECT,
	SYSCALL_ACCEPT,
	SYSCALL_SEND, /* of a datagram, or of TCP with EPIPE: send() and its kin, write() */
	/* with EVENT_K_TIMELINE alone */
	SYSCALL_RECEIVE, /* recv() and its kin, read() */
	SYSCALL_POLL,
	SYSCALL_SELECT,
	SYSCALL_EPOLL_WAIT,
	SYSCALL_SHUTDOWN,
	SYSCALL_CLOSE, /* told as it begins */
	SYSCALL_COUNT,
};

struct ev_syscall {
	struct event_tuple tuple; /* what the socket holds now */
	struct event_owner owner;
	__u8 asked[EVENT_ADDRESS_SIZE]; /* EVENT_K_ASKED: the address argument */
	__s32 error; /* positive errno */
	__u32 mark;
	__u32 bound_ifindex;
	__u32 backlog; /* accept: of the listener */
	__u32 backlog_max;
	__u32 type; /* SOCK_STREAM, … */
	__u16 asked_port;
	__u8 call; /* enum event_syscall */
	__u8 state; /* of the socket after the call */
	__u8 socket_flags; /* SOCKET_F_* */
	__u8 seccomp; /* EVENT_K_REFUSED: 1: a filter of the process may have answered, and not the kernel */
	__u8 pad[2];
	__u32 bytes; /* send: that were to go, receive: that there was room for; 0 unknown */
	__u32 program; /* EVENT_K_REFUSED: a BPF program of the cgroup was asked about this call, 0: none */
	/* EVENT_K_TIMELINE, when the call returned: */
	__u64 socket; /* which one, while it lives, with a cookie or without; 0: a wait for several */
	__u64 began_ns;
	__s32 result; /* 0 where it failed */
	__u32 count; /* poll, select, epoll_wait: descriptors or places; shutdown: which way */
	/* EVENT_K_PATH, connect() to a Unix socket; the body of other calls may end here: */
	__u32 mntns; /* inode of the caller's mount namespace */
	__u32 pad3;
	char path[EVENT_PATH_SIZE]; /* "@name": an abstract one */
};

struct ev_packet {
	struct ev_raw raw;
};

/* IPv4 only: no kernel has a tracepoint for ICMPv6 */
struct ev_icmp {
	__u8 type;
	__u8 code;
	__u8 pad[2];
	struct ev_raw raw; /* the packet that provoked it */
};

struct ev_neighbor {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u32 probes;
	__u16 state; /* NUD_* */
	__u8 pad[2];
};

enum event_task_how { TASK_FORK, TASK_EXEC, TASK_EXIT, TASK_HOW_COUNT };

struct ev_task {
	struct event_owner owner; /* fork: the child */
	__s32 exit_code; /* as wait() gives it */
	__u8 how; /* enum event_task_how */
	__u8 pad[3];
	char path[128]; /* exec: the file */
};

/*
 * What did not fit into the packet record that this CPU told of last, when whole packets are asked
 * for: so whole segments of 64 KiB and more pass a ring whose records are small. Pieces come in order and
 * without a gap; where one found no room, the rest is not told either. The record ends with the
 * bytes, or a little later.
 */
struct ev_piece {
	__u64 packet_ns; /* ts_ns of the packet's record */
	__u32 offset; /* of bytes[0] in the packet, from the IP header on */
	__u16 size; /* how many stand in bytes[] */
	__u8 last; /* 1: no more of this packet follow */
	__u8 pad;
	__u8 bytes[EVENT_PIECE_MAX];
};

#define EVENT_CLAIM_MAX 72 /* an advertisement with its target's link address; ARP has 28 */

/* ARP, or with EVENT_F_IPV6 a neighbour advertisement; with EVENT_F_OUT this host made it */
struct ev_claim {
	__u32 vlan; /* VLAN of the tag that the device took off, 0 none */
	__u16 captured_bytes; /* how many stand in bytes[] */
	__u8 pad[2];
	__u8 bytes[EVENT_CLAIM_MAX]; /* from the ARP or IP header on */
};

/* ---- made by user space ---- */

struct ev_start {
	__u8 boot_id[16];
	__u32 pid;
	__u32 kernel_version; /* major << 16 | minor << 8 | patch */
	char version[16]; /* of the program */
	char release[64]; /* of the kernel */
	char machine[16];
	char host[64];
	char arguments[256];
};

enum event_hook_state {
	HOOK_ATTACHED,
	HOOK_MISSING,
	HOOK_LEFT_OUT,
	HOOK_DETACHED,
	HOOK_STATE_COUNT
};

struct ev_hook {
	__s32 error; /* positive errno of the try to attach it */
	__u8 state; /* enum event_hook_state */
	__u8 pad[3];
	char name[32]; /* as `doctor` lists it */
	char why[88]; /* what is lost without, or why it is missing */
};

struct ev_clock {
	__u64 monotonic_ns;
	__u64 realtime_ns;
	__u64 boottime_ns;
};

struct ev_tick {
	__u32 sequence;
	__u32 pending_bytes; /* that the ring still held, 0 when drained */
	__u64 looks; /* at all sockets, so many were told whole */
};

enum {
	INTERFACE_F_UP = 1 << 0,
	INTERFACE_F_CARRIER = 1 << 1,
	INTERFACE_F_LOOPBACK = 1 << 2,
	INTERFACE_F_TC_IN = 1 << 3, /* our hook is attached */
	INTERFACE_F_TC_OUT = 1 << 4,
	INTERFACE_F_GONE = 1 << 5,
	INTERFACE_F_PEER_ELSEWHERE = 1 << 6, /* veth whose other end is in another namespace */
	INTERFACE_F_CHAINED = 1 << 7, /* a program in front of ours may end the chain */
};

struct ev_interface { /* header: netns, ifindex */
	__u32 flags;
	__u32 mtu;
	__u32 peer_ifindex;
	__u32 peer_netns; /* 0 unknown */
	char name[16];
	char type[16]; /* veth, bridge, tun, …; empty for a device without a kind */
};

struct ev_netns { /* header: netns */
	__u32 is_own; /* the agent's */
	char name[60]; /* under /run/netns, else empty */
};

enum event_name_space { NAME_DROP_REASON, NAME_RESET_REASON, NAME_SYMBOL, NAME_SPACE_COUNT };

struct ev_name {
	__u64 value;
	__u32 space; /* enum event_name_space */
	char text[60];
};

#define EVENT_PARENTS_MAX 4

struct event_parent {
	__u32 tgid; /* 0: the line ends before it */
	char comm[EVENT_COMM_SIZE];
};

struct ev_process {
	__u64 start_ns;
	__u32 tgid;
	__u32 uid;
	char exe[128];
	char unit[64];
	char container[64]; /* id; of LXC and systemd-nspawn the name */
	char cgroup[128];
	char command[128]; /* line, words after a blank; what follows a secret's name is left out */
	/* by the files of the engine that runs it; the body may end before them */
	char container_name[64];
	char pod[96];
	char pod_namespace[64];
	char pod_uid[40];
	/* who started it, and who started that: the nearest first */
	struct event_parent parents[EVENT_PARENTS_MAX];
};

struct ev_snapshot { /* header: cookie, netns */
	struct event_tuple tuple;
	struct event_owner owner; /* EVENT_K_OWNER */
	__u32 backlog;
	__u32 backlog_max;
	__u8 state;
	__u8 flags; /* SOCKET_F_* */
	__u8 look; /* SNAPSHOT_LOOK_*: why a look at all sockets tells of it; 0: none did */
	__u8 pad[5];
	struct event_flow flow; /* the body may end before it */
};

/* A fact: event_fact.h says what each of them fills. */
struct ev_fact { /* header: netns */
	__u64 request; /* the attempt it was fetched for */
	__s64 number;
	__s64 limit;
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 address2[EVENT_ADDRESS_SIZE];
	__u32 pid;
	__u32 flags; /* FACT_F_* | SOCKET_F_* << 8 */
	__s32 error;
	__u16 what; /* enum event_fact */
	__u16 port;
	char name[48];
	char text[160];
};

enum event_change {
	CHANGE_ROUTE,
	CHANGE_ADDRESS,
	CHANGE_LINK,
	CHANGE_RULESET,
	CHANGE_LISTENER,
	CHANGE_COUNT
};

struct ev_change { /* header: netns; ifindex of a link, an address or a route that has one */
	__u16 what; /* enum event_change */
	__u16 removed; /* 0 added or altered, 1 removed */
	__u32 pid; /* who did it, if known */
	char text[112];
	/* EVENT_K_PREFIX: where a route or a rule leads, or an address with its own; the body may end before them */
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 prefix_bits; /* of IPv4 at most 32 */
	__u8 family; /* AF_INET, AF_INET6 */
	__u8 pad[6];
};

struct ev_lost {
	__u64 by_kind[EVENT_KINDS_MAX]; /* since the start, indexed by kind */
};

struct ev_end {
	__u64 records; /* written before this one */
	__u32 why; /* 0 asked to stop, else errno */
	__u32 pad;
};

/* Why nothing is known of what a frame carries. Every name is also its text in summaries. */
#define EVENT_UNREADS(X)                                \
	X(LINK, "link", "of an unknown link type")      \
	X(NOT_IP, "not-ip", "not IP")                   \
	X(CUT, "cut", "cut short before the IP header") \
	X(MALFORMED, "malformed", "malformed")          \
	X(FRAGMENT, "fragment", "fragments of others")

enum event_unread {
	UNREAD_NONE, /* it was read */
#define X(id, text, what) UNREAD_##id,
	EVENT_UNREADS(X)
#undef X
		UNREAD_COUNT,
};

/* ev_frame.how */
enum {
	FRAME_F_DIRECTION = 1 << 0, /* EVENT_F_OUT is known: the capture tells who sent it */
	FRAME_F_TUNNEL = 1 << 1, /* raw is the innermost packet of a tunnel */
	FRAME_F_WHOLE = 1 << 2, /* raw is put together from fragments, of which this was the last */
	FRAME_F_NO_TIME = 1 << 3, /* the file has none for it, or a wrong one: of the one before */
	FRAME_F_SOME =
		1 << 5, /* the file holds what opens and ends connections, and not the rest */
	FRAME_F_CHOSEN = 1 << 6, /* the file holds what findings spoke of, and nothing else */
	FRAME_F_OPAQUE = 1 << 4, /* raw is a tunnel's, and carries what is not read */
};

/*
 * header: ts_ns is nanoseconds since the epoch, ifindex numbers the interfaces of all files that
 * are read together, from 1. EVENT_K_PACKET is clear in a frame that could not be read.
 */
struct ev_frame {
	__u64 frame; /* which of its file, from 1 */
	__u32 file; /* which of those that are read together, from 0 */
	__u32 interface; /* which of its file, from 0, counted over all sections */
	__u32 vlan; /* outermost VLAN tag, 0 none */
	__u16 link; /* LINKTYPE_* */
	__u8 unread; /* enum event_unread */
	__u8 how; /* FRAME_F_* */
	struct ev_raw raw; /* the innermost packet from the IP header on, EVENT_K_PACKET */
};

#pragma GCC diagnostic pop

#include "event_size.h"
