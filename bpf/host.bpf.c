// SPDX-License-Identifier: GPL-2.0-only
/* host.bpf.c - what this host answers by ICMP, and next hops that do not answer */
#include "skb.h"

#define NUD_FAILED 0x20
#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11

#define ICMP_RECORD_SIZE (__builtin_offsetof(struct icmp_record, body.raw.bytes) + SKB_CAPTURE)

/* Provoked by TCP only: what concerns other transports has its place here. */
SEC("tp_btf/icmp_send")
int BPF_PROG(on_icmp_sent, const struct sk_buff *skb, int type, int code)
{
	struct icmp_record *record;
	struct skb_view view = {};
	const struct sock *sk;
	struct emit_cpu *cpu;

	if (type != ICMP_DEST_UNREACH && type != ICMP_TIME_EXCEEDED)
		return 0;
	skb_look(&view, skb);
	if (view.protocol != IPPROTO_TCP)
		return 0;
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_ICMP_SENT, ICMP_RECORD_SIZE, VANTAGE_SOCKET);
	if (!record)
		return 0;
	record->body.type = type;
	record->body.code = code;
	record->body.pad[0] = 0;
	record->body.pad[1] = 0;
	record->head.flags = EVENT_F_OUT | skb_fill_raw(&record->body.raw, skb, &view);
	record->head.known = record->body.raw.captured_bytes ? EVENT_K_PACKET : 0;
	sk = skb_socket(skb);
	if (sk && skb_is_tcp_socket(sk) && skb_is_sender(sk, skb, &view))
		record->head.cookie = compat_read_socket_cookie(sk);
	if (!skb_fill_place(cpu, &record->head, skb) && sk)
		record->head.netns = skb_socket_netns(sk);
	emit_submit(cpu, &record->head);
	return 0;
}

static __always_inline int host_emit_neighbor(const struct neighbour *neighbor)
{
	struct emit_cpu *cpu = emit_cpu();
	struct neighbor_record *record;
	int family = BPF_CORE_READ(neighbor, tbl, family);
	const void *key;
	__u32 ipv4 = 0;

	if (!cpu || (family != AF_INET && family != AF_INET6))
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_NEIGHBOR, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return 0;
	key = (const void *)neighbor + bpf_core_field_offset(struct neighbour, primary_key);
	__builtin_memset(&record->body, 0, sizeof(record->body));
	if (family == AF_INET6) {
		bpf_probe_read_kernel(record->body.address, EVENT_ADDRESS_SIZE, key);
		record->head.flags = EVENT_F_IPV6;
	} else {
		bpf_probe_read_kernel(&ipv4, sizeof(ipv4), key);
		fill_ipv4(record->body.address, ipv4);
	}
	record->body.probes = neighbor->probes.counter;
	record->body.state = NUD_FAILED;
	record->head.netns = BPF_CORE_READ(neighbor, dev, nd_net.net, ns.inum);
	record->head.ifindex = BPF_CORE_READ(neighbor, dev, ifindex);
	emit_submit(cpu, &record->head);
	return 0;
}

/* Probes were not answered. */
SEC("tp_btf/neigh_timer_handler")
int BPF_PROG(on_neighbor_timer, struct neighbour *neighbor)
{
	return neighbor->nud_state & NUD_FAILED ? host_emit_neighbor(neighbor) : 0;
}

/* Declared so by somebody else: ip neighbor, a driver. */
SEC("tp_btf/neigh_update")
int BPF_PROG(on_neighbor_update, struct neighbour *neighbor, const __u8 *link_address, __u8 nud)
{
	return nud & NUD_FAILED ? host_emit_neighbor(neighbor) : 0;
}
