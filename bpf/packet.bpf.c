// SPDX-License-Identifier: GPL-2.0-only
/* packet.bpf.c - packets at interfaces and at sockets: what is notable goes into a record */
#include "claim.h"
#include "emit.h"
#include "fill.h"
#include "packet_words.h"
#include "piece.h"
#include "question.h"

/*
 * Theory of operation
 *
 * The hook passes every packet unmodified and tells of the notable few: SYN, SYN/ACK,
 * RST, ICMP errors, ARP and neighbour advertisements, DNS messages, the hellos and alerts of TLS handshakes, and a few words that refuse
 * a client or ask for TLS (hello.h); with knobs, FIN and every packet of followed connections.
 *
 * Headers are read relative to the network header, which the stack sets before both TC hooks and
 * the cgroup hooks: so it matters neither whether the device has an Ethernet header nor where a
 * VLAN tag went. Of TCP only headers are kept, no payload, unless a knob asks for more; what does
 * not fit into a packet's record then follows it in pieces (piece.h). Of DNS, over UDP as over TCP, a
 * record's worth is kept: header, question and the first records of the answer; of TLS the hello.
 */

#define TC_ACT_UNSPEC (-1)
#define CGROUP_PASS 1
#define LOOPBACK_IFINDEX 1
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

#define TCP_FLAG_FIN_BIT 0x01
#define TCP_FLAG_SYN_BIT 0x02
#define TCP_FLAG_RST_BIT 0x04
#define TCP_FLAG_ACK_BIT 0x10

#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define TCP_FLAGS_END 14 /* bytes of a TCP header up to and with its flags */
#define EXTENSIONS_MAX 6

#define PACKET_KEEP_MAX 128 /* most bytes of a packet in a record */

#define UNPARSED_EVERY_NS (100 * NS_PER_MS) /* per CPU: they would come by the thousand */

/* A packet record that ends after @size bytes of the packet. */
#define PACKET_RECORD_SIZE(size) (__builtin_offsetof(struct packet_record, body.raw.bytes) + (size))

enum packet_parsed { PACKET_OTHER, PACKET_TRANSPORT, PACKET_ARP, PACKET_UNPARSED };

/* Transport protocols that can be notable: the others end the parse at their number. */
static __always_inline bool packet_is_transport(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
	       protocol == IPPROTO_ICMPV6;
}

/* Both protocols begin with their ports. */
static __always_inline bool packet_is_dns(const struct packet_view *view)
{
	return (!view->transport[0] && view->transport[1] == EVENT_PORT_DNS) ||
	       (!view->transport[2] && view->transport[3] == EVENT_PORT_DNS);
}

/* @header_bytes: in front of the transport header. */
static __always_inline void packet_set_keep(struct packet_view *view, __u32 header_bytes)
{
	view->keep_bytes = PACKET_KEEP_MAX;
	if (view->protocol == IPPROTO_TCP)
		view->keep_bytes = header_bytes + (view->transport[12] >> 4) * 4;
	if (view->protocol != IPPROTO_TCP && view->protocol != IPPROTO_UDP)
		return;
	view->is_message = packet_is_dns(view) && view->wire_bytes > view->keep_bytes;
	if (view->protocol == IPPROTO_UDP)
		view->is_message = packet_is_dns(view);
	if (view->is_message)
		view->keep_bytes = EVENT_PACKET_MAX;
}

#define PACKET_TOLD_FLAGS \
	(TCP_FLAG_SYN_BIT | TCP_FLAG_RST_BIT | (knobs.fins ? TCP_FLAG_FIN_BIT : 0))

/*
 * A segment of which nothing is told, without a word in it: nothing more is done for it. @tcp: its first
 * TCP_FLAGS_END bytes; @size: of all of it. False: look closer.
 */
static __always_inline bool packet_is_dull(const __u8 *tcp, __u32 size)
{
	if (knobs.all_packets || tcp[13] & PACKET_TOLD_FLAGS)
		return false;
	if ((!tcp[0] && tcp[1] == EVENT_PORT_DNS) || (!tcp[2] && tcp[3] == EVENT_PORT_DNS))
		return false;
	return size < (__u32)(tcp[12] >> 4) * 4 + HELLO_HEADER_BYTES;
}

static __always_inline enum packet_parsed packet_parse_ipv4(struct __sk_buff *skb,
							    struct packet_view *view)
{
	__u32 header_bytes;
	bool is_short;

	/* one load for most: no TCP segment is shorter than this */
	is_short = packet_load(skb, view->start, view->bytes, IPV4_BYTES + TCP_FLAGS_END);
	if (is_short && packet_load(skb, view->start, view->bytes, IPV4_BYTES))
		return PACKET_UNPARSED;
	header_bytes = (view->bytes[0] & 0xf) * 4;
	if (view->bytes[0] >> 4 != 4 || header_bytes < IPV4_BYTES)
		return PACKET_UNPARSED;
	view->protocol = view->bytes[9];
	if (!packet_is_transport(view->protocol) || (view->bytes[6] & 0x1f) || view->bytes[7])
		return PACKET_OTHER; /* a later fragment has no transport header */
	view->wire_bytes = view->bytes[2] << 8 | view->bytes[3];
	if (header_bytes == IPV4_BYTES && !is_short) {
		if (view->protocol == IPPROTO_TCP &&
		    packet_is_dull(view->bytes + IPV4_BYTES, view->wire_bytes - IPV4_BYTES))
			return PACKET_OTHER;
		__builtin_memcpy(view->transport, view->bytes + IPV4_BYTES, TCP_FLAGS_END);
	} else if (packet_load(skb, view->start + header_bytes, view->transport,
			       view->protocol == IPPROTO_TCP ? TCP_FLAGS_END : 4))
		return PACKET_UNPARSED;
	packet_set_keep(view, header_bytes);
	return PACKET_TRANSPORT;
}

static __always_inline enum packet_parsed packet_parse_ipv6(struct __sk_buff *skb,
							    struct packet_view *view)
{
	__u32 offset = IPV6_BYTES;
	__u8 extension[8];
	bool is_short;
	__u8 next;
	int i;

	is_short = packet_load(skb, view->start, view->bytes, IPV6_BYTES + TCP_FLAGS_END);
	if (is_short && packet_load(skb, view->start, view->bytes, IPV6_BYTES))
		return PACKET_UNPARSED;
	if (view->bytes[0] >> 4 != 6)
		return PACKET_UNPARSED;
	next = view->bytes[6];
	view->wire_bytes = view->bytes[4] << 8 | view->bytes[5];
	if (view->wire_bytes)
		view->wire_bytes += IPV6_BYTES;
	if ((next == IPPROTO_TCP || next == IPPROTO_UDP) && !is_short) {
		if (next == IPPROTO_TCP &&
		    packet_is_dull(view->bytes + IPV6_BYTES, view->wire_bytes - IPV6_BYTES))
			return PACKET_OTHER;
		view->protocol = next;
		__builtin_memcpy(view->transport, view->bytes + IPV6_BYTES, TCP_FLAGS_END);
		packet_set_keep(view, IPV6_BYTES);
		return PACKET_TRANSPORT;
	}
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (packet_is_transport(next))
			break;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			return PACKET_OTHER;
		if (packet_load(skb, view->start + offset, extension, sizeof(extension)))
			return PACKET_UNPARSED;
		if (next == IPPROTO_FRAGMENT) {
			if (extension[2] || extension[3] & 0xf8)
				return PACKET_OTHER;
			offset += 8;
		} else {
			offset += (extension[1] + 1) * 8;
		}
		next = extension[0];
	}
	if (!packet_is_transport(next))
		return PACKET_UNPARSED;
	view->protocol = next;
	if (packet_load(skb, view->start + offset, view->transport,
			next == IPPROTO_TCP ? TCP_FLAGS_END : 4))
		return PACKET_UNPARSED;
	packet_set_keep(view, offset);
	return PACKET_TRANSPORT;
}

static __always_inline bool packet_is_network_type(__u16 type)
{
	return type == ETH_P_IP || type == ETH_P_IPV6 || type == ETH_P_ARP || type == ETH_P_8021Q ||
	       type == ETH_P_8021AD;
}

/*
 * A tag that the device did not take out stands at the network header, but packet sockets may have
 * set that header behind the tags already. Returns the type of what stands at view->start.
 */
static __always_inline __u16 packet_skip_tags(struct __sk_buff *skb, struct packet_view *view,
					      __u16 type)
{
	__u8 tag[4];
	__u16 next;
	int i;

#pragma unroll
	for (i = 0; i < 2; i++) {
		if (type != ETH_P_8021Q && type != ETH_P_8021AD)
			break;
		if (packet_load(skb, view->start, tag, sizeof(tag)))
			return 0;
		next = tag[2] << 8 | tag[3];
		if (!packet_is_network_type(next))
			return tag[0] >> 4 == 4 ? ETH_P_IP : tag[0] >> 4 == 6 ? ETH_P_IPV6 : 0;
		type = next;
		view->start += sizeof(tag);
	}
	return type;
}

static __always_inline enum packet_parsed packet_parse(struct __sk_buff *skb,
						       struct packet_view *view)
{
	__u16 type = packet_skip_tags(skb, view, bpf_ntohs(skb->protocol));

	view->is_ipv6 = type == ETH_P_IPV6;
	if (type == ETH_P_IP)
		return packet_parse_ipv4(skb, view);
	if (type == ETH_P_IPV6)
		return packet_parse_ipv6(skb, view);
	return type == ETH_P_ARP ? PACKET_ARP : PACKET_OTHER;
}

static __always_inline bool packet_is_notable(const struct packet_view *view)
{
	__u8 type = view->transport[0];

	if (view->protocol == IPPROTO_TCP)
		return view->transport[13] & PACKET_TOLD_FLAGS || view->is_message;
	if (view->protocol == IPPROTO_UDP)
		return view->is_message;
	if (view->is_ipv6)
		return view->protocol == IPPROTO_ICMPV6 && type >= 1 && type <= 4;
	/* unreachable, time exceeded, parameter problem */
	return view->protocol == IPPROTO_ICMP && (type == 3 || type == 11 || type == 12);
}

static __always_inline __u64 packet_cookie(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	/* resets without a socket and ICMP leave through a raw socket of the kernel's own, never connected */
	if (sk->state == BPF_TCP_CLOSE) {
		sk = bpf_sk_fullsock(sk);
		if (sk && sk->type == SOCK_RAW)
			return 0;
	}
	return bpf_get_socket_cookie(skb);
}

/* Does the packet belong to a connection whose every packet is wanted? Learns both directions. */
static __always_inline bool packet_is_followed(struct __sk_buff *skb,
					       const struct packet_view *view)
{
	struct packet_flow flow = {}, reverse = {};
	__u64 cookie = packet_cookie(skb);
	__u8 one = 1;

	if (view->protocol != IPPROTO_TCP)
		return false;
	if (view->is_ipv6) {
		__builtin_memcpy(flow.source, view->bytes + 8, EVENT_ADDRESS_SIZE);
		__builtin_memcpy(flow.destination, view->bytes + 24, EVENT_ADDRESS_SIZE);
	} else {
		fill_ipv4(flow.source, view->words[3]);
		fill_ipv4(flow.destination, view->words[4]);
	}
	__builtin_memcpy(&flow.source_port_be, view->transport, 2);
	__builtin_memcpy(&flow.destination_port_be, view->transport + 2, 2);
	if (bpf_map_lookup_elem(&followed_flows, &flow))
		return true;
	if (!cookie || !bpf_map_lookup_elem(&followed_cookies, &cookie))
		return false;
	__builtin_memcpy(reverse.source, flow.destination, EVENT_ADDRESS_SIZE);
	__builtin_memcpy(reverse.destination, flow.source, EVENT_ADDRESS_SIZE);
	reverse.source_port_be = flow.destination_port_be;
	reverse.destination_port_be = flow.source_port_be;
	bpf_map_update_elem(&followed_flows, &flow, &one, BPF_ANY);
	bpf_map_update_elem(&followed_flows, &reverse, &one, BPF_ANY);
	return true;
}

/* What packet_emit() is told of a packet, in numbers: see there. */
struct packet_what {
	__u32 start;
	__u32 wire_bytes;
	__u32 keep_bytes;
	__u8 vantage;
	__u8 flags;
};

/*
 * Header and first bytes of a record that has room for @room bytes of the packet. Returns whether
 * more bytes are to follow it.
 */
static __always_inline bool packet_fill(struct emit_cpu *cpu, struct packet_record *record,
					struct __sk_buff *skb, const struct packet_what *what,
					__u32 room)
{
	struct ev_raw *raw = &record->body.raw;
	__s64 size = what->keep_bytes;
	__u8 flags = what->flags;
	bool loaded = false, pieces = size > (__s64)room;

	raw->wire_bytes = what->wire_bytes;
	raw->gso_bytes = skb->gso_size;
	if (size > (__s64)room)
		size = room;
	if (size < (__s64)raw->wire_bytes)
		flags |= EVENT_F_TRUNCATED;
	__builtin_memset(raw->bytes, 0, room);
	record->head.known = EVENT_K_PACKET | (pieces ? EVENT_K_PIECES : 0);
	/*
	 * The verifier wants both bounds of this very register, and clang to merge neither. They are
	 * signed, because "not 0" gives no lower bound before 6.4.
	 */
	asm volatile("" : "+r"(size));
	if (size <= (__s64)room) {
		asm volatile("" : "+r"(size));
		if (size > 0)
			loaded = !packet_load(skb, what->start, raw->bytes, size);
	}
	if (!loaded) {
		size = 0;
		record->head.known = 0;
		flags |= EVENT_F_UNPARSED;
		pieces = false;
	}
	raw->captured_bytes = size;
	record->head.flags = flags;
	record->head.cookie = packet_cookie(skb);
	record->head.ifindex = skb->ifindex;
	record->head.netns = packet_netns(cpu, skb, record->head.ts_ns);
	if (pieces)
		cpu->packet_ns = record->head.ts_ns;
	return pieces;
}

#define PACKET_TELL(room)                                                                  \
	do {                                                                               \
		record = (void *)emit_reserve(cpu, EVENT_PACKET, PACKET_RECORD_SIZE(room), \
					      what.vantage);                               \
		if (!record)                                                               \
			return 0;                                                          \
		pieces = packet_fill(cpu, record, skb, &what, room);                       \
		emit_submit(cpu, &record->head);                                           \
	} while (0)

/*
 * A SYN takes 60 bytes (IPv6 80), a reset 40, an ICMP error with what it quotes 56 and more, a query 60
 * to 90. A global
 * function: the verifier goes through it once, not for every way that leads to it. It is passed numbers
 * only, as 5.10 wants it. Returns how many bytes are to be told in all where the record has no room
 * for them, else 0.
 */
__noinline int packet_emit(struct __sk_buff *skb, __u32 start, __u32 wire_bytes, __u32 keep_bytes,
			   __u32 vantage_and_flags)
{
	struct packet_what what = {
		.start = start,
		.wire_bytes = wire_bytes,
		.keep_bytes = keep_bytes,
		.vantage = vantage_and_flags >> 8,
		.flags = vantage_and_flags,
	};
	struct emit_cpu *cpu = emit_cpu();
	struct packet_record *record;
	bool pieces;

	if (!cpu)
		return 0;
	/* longer than its header can say (RFC 2675, BIG TCP) */
	if (!what.wire_bytes)
		what.wire_bytes = skb->len - packet_network_offset(skb) - start;
	if (what.wire_bytes < what.keep_bytes)
		what.keep_bytes = what.wire_bytes;
	if (what.keep_bytes <= 64)
		PACKET_TELL(64);
	else if (what.keep_bytes <= 96)
		PACKET_TELL(96);
	else if (what.keep_bytes <= PACKET_KEEP_MAX)
		PACKET_TELL(PACKET_KEEP_MAX);
	else
		PACKET_TELL(EVENT_PACKET_MAX);
	return pieces ? what.keep_bytes : 0;
}

/* Says that a packet could not be read, so that its absence is no evidence. */
__noinline int packet_emit_unparsed(struct __sk_buff *skb, __u32 vantage, __u32 flags)
{
	struct emit_cpu *cpu = emit_cpu();
	struct packet_record *record;
	__u64 now_ns = bpf_ktime_get_ns();

	if (!cpu || now_ns - cpu->unparsed_ns < UNPARSED_EVERY_NS)
		return 0;
	cpu->unparsed_ns = now_ns;
	record = (void *)emit_reserve(cpu, EVENT_PACKET, PACKET_RECORD_SIZE(0), vantage);
	if (!record)
		return 0;
	record->head.flags = flags | EVENT_F_UNPARSED;
	record->head.ifindex = skb->ifindex;
	record->head.netns = packet_netns(cpu, skb, now_ns);
	record->body.raw.wire_bytes = skb->len;
	record->body.raw.captured_bytes = 0;
	record->body.raw.gso_bytes = skb->gso_size;
	emit_submit(cpu, &record->head);
	return 0;
}

/* A datagram that a socket of this host sends, and that is no query of a name. */
static __always_inline void packet_see_question(struct __sk_buff *skb,
						const struct packet_view *view)
{
	__u32 ports_be, asked = view->words[4];

	if (view->protocol != IPPROTO_UDP || view->is_message)
		return;
	__builtin_memcpy(&ports_be, view->transport, sizeof(ports_be));
	if (view->is_ipv6)
		asked = view->words[6] ^ view->words[7] ^ view->words[8] ^ view->words[9];
	if (question_count(packet_cookie(skb), asked ^ ports_be >> 16))
		question_emit(skb, view->start, view->is_ipv6, ports_be);
}

static __always_inline void packet_see(struct __sk_buff *skb, __u8 vantage, __u8 flags)
{
	struct packet_view view = { .start = 0 };
	enum packet_parsed parsed = packet_parse(skb, &view);
	int total;

	if (parsed == PACKET_OTHER)
		return;
	if (skb->ifindex == LOOPBACK_IFINDEX)
		flags |= EVENT_F_LOOPBACK;
	if (parsed == PACKET_ARP || (parsed == PACKET_TRANSPORT && claim_is_advertisement(&view))) {
		if (!knobs.follow && (vantage == VANTAGE_TC_IN || vantage == VANTAGE_TC_OUT))
			claim_emit(skb, view.start, vantage,
				   flags | (view.is_ipv6 ? EVENT_F_IPV6 : 0));
		return;
	}
	if (parsed == PACKET_UNPARSED) {
		packet_emit_unparsed(skb, vantage, flags);
		return;
	}
	packet_see_hello(skb, &view);
	if (flags & EVENT_F_OUT)
		packet_see_question(skb, &view);
	if (knobs.all_packets && packet_is_followed(skb, &view)) {
		flags |= EVENT_F_FOLLOWED;
		packet_see_error(skb, &view);
	} else if (!packet_is_notable(&view)) {
		return;
	}
	if (view.is_ipv6)
		flags |= EVENT_F_IPV6;
	if (knobs.snap_bytes && view.keep_bytes < knobs.snap_bytes &&
	    (!knobs.all_packets || (flags & EVENT_F_FOLLOWED)))
		view.keep_bytes = knobs.snap_bytes;
	total = packet_emit(skb, view.start, view.wire_bytes, view.keep_bytes,
			    vantage << 8 | flags);
	if (total > 0 && knobs.snap_bytes > EVENT_PACKET_MAX)
		piece_emit_all(skb, PIECE_PLACE(view.start, vantage, flags), total);
	else if (total > 0)
		piece_emit(skb, PIECE_PLACE(view.start, vantage, flags), EVENT_PACKET_MAX, total);
}

SEC("tc")
int packet_in(struct __sk_buff *skb)
{
	packet_see(skb, VANTAGE_TC_IN, 0);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int packet_out(struct __sk_buff *skb)
{
	packet_see(skb, VANTAGE_TC_OUT, EVENT_F_OUT);
	return TC_ACT_UNSPEC;
}

SEC("cgroup_skb/ingress")
int cgroup_in(struct __sk_buff *skb)
{
	packet_see(skb, VANTAGE_CGROUP_IN, 0);
	return CGROUP_PASS;
}

SEC("cgroup_skb/egress")
int cgroup_out(struct __sk_buff *skb)
{
	packet_see(skb, VANTAGE_CGROUP_OUT, EVENT_F_OUT);
	return CGROUP_PASS;
}

static __noinline void packet_emit_full(struct __sk_buff *skb, const struct packet_view *view,
					struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	struct listener_record *record;
	struct emit_cpu *cpu = emit_cpu();
	struct event_tuple *tuple;

	if (!cpu)
		return;
	record = (void *)emit_reserve(cpu, EVENT_LISTEN_FULL, sizeof(*record), VANTAGE_CGROUP_IN);
	if (!record)
		return;
	tuple = &record->body.tuple;
	if (view->is_ipv6) {
		__builtin_memcpy(tuple->remote, view->bytes + 8, EVENT_ADDRESS_SIZE);
		__builtin_memcpy(tuple->local, view->bytes + 24, EVENT_ADDRESS_SIZE);
	} else {
		fill_ipv4(tuple->remote, view->words[3]);
		fill_ipv4(tuple->local, view->words[4]);
	}
	tuple->remote_port = view->transport[0] << 8 | view->transport[1];
	tuple->local_port = view->transport[2] << 8 | view->transport[3];
	tuple->family = sk->__sk_common.skc_family;
	tuple->protocol = IPPROTO_TCP;
	record->body.isn = (__u32)view->transport[4] << 24 | view->transport[5] << 16 |
			   view->transport[6] << 8 | view->transport[7];
	record->body.backlog = sk->sk_ack_backlog;
	record->body.backlog_max = sk->sk_max_ack_backlog;
	record->body.retransmits = 0;
	record->body.pending = tp->inet_conn.icsk_accept_queue.qlen.counter;
	record->body.pad = 0;
	record->head.known = EVENT_K_TUPLE | EVENT_K_BACKLOG | EVENT_K_ISN | EVENT_K_PENDING;
	record->head.cookie = bpf_get_socket_cookie(skb); /* here the receiver's */
	record->head.ifindex = skb->ifindex;
	record->head.netns = sk->__sk_common.skc_net.net->ns.inum;
	record->head.flags = EVENT_F_SOFTIRQ;
	emit_submit(cpu, &record->head);
}

/*
 * A SYN that meets a full accept queue is thrown away without a trace; only here are packet and
 * listener seen together. Every packet of the host to a local socket passes: its state comes first.
 */
SEC("cgroup_skb/ingress")
int listen_full(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct packet_view view = { .start = 0 };
	struct tcp_sock *tp;
	__u8 flags;

	if (!sk || sk->state != BPF_TCP_LISTEN)
		return CGROUP_PASS;
	tp = (struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
	if (!tp || tp->inet_conn.icsk_inet.sk.sk_ack_backlog <=
			   tp->inet_conn.icsk_inet.sk.sk_max_ack_backlog)
		return CGROUP_PASS;
	if (packet_parse(skb, &view) != PACKET_TRANSPORT || view.protocol != IPPROTO_TCP)
		return CGROUP_PASS;
	flags = view.transport[13];
	if ((flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT)) == TCP_FLAG_SYN_BIT)
		packet_emit_full(skb, &view, tp);
	return CGROUP_PASS;
}
