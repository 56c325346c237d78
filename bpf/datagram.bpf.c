// SPDX-License-Identifier: GPL-2.0-only
/* datagram.bpf.c - UDP sockets that meet trouble: an error, a queue that is full */
#include "skb.h"

#include <asm-generic/errno.h>

/* So often one queue is told to be full; between, drops are counted. */
#define FULL_EVERY_NS (100 * NS_PER_MS)
#define DROP_RECORD_SIZE __builtin_offsetof(struct drop_record, body.raw.bytes)
/* So often it is told whose a socket is that errors keep coming to. */
#define OWNER_HOLDS_NS NS_PER_S

/* Whose it is, as its connect() left a note. */
static __always_inline void datagram_tell_owner(struct emit_cpu *cpu, const struct sock *sk,
						__u64 cookie)
{
	__u32 place = datagram_place(cookie);
	struct datagram_note *note = bpf_map_lookup_elem(&datagram_notes, &place);
	__u64 now_ns = bpf_ktime_get_ns();
	struct open_record *record;
	__u32 tgid;

	if (!note || note->cookie != cookie)
		return;
	note->questions = 0; /* it is told why nothing came */
	if (note->told_ns && now_ns - note->told_ns < OWNER_HOLDS_NS)
		return;
	tgid = note->owner.tgid;
	if (knobs.follow && !bpf_map_lookup_elem(&followed_processes, &tgid))
		return;
	record = (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return;
	note->told_ns = now_ns;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	record->body.owner = note->owner;
	record->body.how = OPEN_DATAGRAM;
	record->body.mark = sk->sk_mark;
	record->body.bound_ifindex = sk->__sk_common.skc_bound_dev_if;
	record->head.cookie = cookie;
	record->head.netns = skb_socket_netns(sk);
	record->head.flags = knobs.follow ? EVENT_F_FOLLOWED : 0;
	record->head.known = EVENT_K_TUPLE | note->known;
	fill_tuple(&record->body.tuple, &sk->__sk_common, sk->__sk_common.skc_num, IPPROTO_UDP);
	emit_submit(cpu, &record->head);
}

/* recv(), poll() and epoll wait in one queue: does anybody? */
static __always_inline bool datagram_is_awaited(const struct sock *sk)
{
	const struct socket_wq *queue = BPF_CORE_READ(sk, sk_wq);
	const struct list_head *head = &queue->wait.head;

	return queue && BPF_CORE_READ(head, next) != head;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_datagram_error, const struct sock *sk)
{
	struct socket_record *record;
	struct emit_cpu *cpu;
	__u64 cookie;

	if (sk->sk_protocol != IPPROTO_UDP || !sk->sk_err)
		return 0;
	cpu = emit_cpu();
	if (!cpu || emit_is_shed(cpu, EVENT_ERROR))
		return 0;
	cookie = compat_socket_cookie(sk);
	datagram_tell_owner(cpu, sk, cookie);
	record = (void *)emit_reserve(cpu, EVENT_ERROR, SOCKET_RECORD_SIZE, VANTAGE_SOCKET);
	if (!record)
		return 0;
	__builtin_memset(&record->body, 0, SOCKET_RECORD_SIZE - sizeof(record->head));
	record->head.cookie = cookie;
	record->head.netns = skb_socket_netns(sk);
	record->head.flags = EVENT_F_SOFTIRQ;
	record->head.known = EVENT_K_TUPLE | EVENT_K_STATE;
	fill_tuple(&record->body.tuple, &sk->__sk_common, sk->__sk_common.skc_num, IPPROTO_UDP);
	record->body.error = sk->sk_err;
	record->body.how = datagram_is_awaited(sk) ? SOCKET_F_AWAITED : 0;
	record->body.old_state = record->body.new_state = sk->__sk_common.skc_state;
	emit_submit(cpu, &record->head);
	return 0;
}

/* From whom to whom, as the datagram says: a socket may be bound to any address, or to a group. */
static __always_inline void datagram_fill_ends(struct event_tuple *tuple, const struct sk_buff *skb)
{
	__u64 start = (__u64)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	__u8 ip[SKB_IPV6_BYTES];
	__u32 *word = (__u32 *)ip, *remote = (__u32 *)tuple->remote, *local = (__u32 *)tuple->local;
	int i;

	if (bpf_probe_read_kernel(ip, sizeof(ip), (void *)start))
		return;
	if (ip[0] >> 4 == 4) {
		fill_ipv4(tuple->remote, word[3]);
		fill_ipv4(tuple->local, word[4]);
	} else if (ip[0] >> 4 == 6) {
#pragma unroll
		for (i = 0; i < 4; i++) {
			remote[i] = word[2 + i];
			local[i] = word[6 + i];
		}
	}
}

/*
 * Is it told now? Of one socket's drops in a row on this CPU one each FULL_EVERY_NS, and the first, the
 * second, the fourth …: so that of a burst at least half is known. @more: those not told before it.
 */
static __always_inline bool datagram_is_full_told(struct emit_cpu *cpu, __u64 cookie, __u16 *more)
{
	__u64 now_ns = bpf_ktime_get_ns();
	__u32 drops, untold;

	if (cpu->full_socket != cookie) {
		cpu->full_socket = cookie;
		cpu->full_drops = 0;
		cpu->full_told = 0;
		cpu->full_ns = 0;
	}
	drops = ++cpu->full_drops;
	if ((drops & (drops - 1)) && now_ns - cpu->full_ns < FULL_EVERY_NS)
		return false;
	untold = drops - cpu->full_told - 1;
	*more = untold > 0xffff ? 0xffff : untold;
	cpu->full_told = drops;
	cpu->full_ns = now_ns;
	return true;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(on_receive_full, int rc, struct sock *sk)
{
	struct emit_cpu *cpu = emit_cpu();
	struct drop_record *record;
	__u16 more = 0;
	__u64 cookie;

	/* what else fails is the memory of all of UDP */
	if (rc != -ENOMEM || !cpu)
		return 0;
	/* no address: another socket may have it by now */
	cookie = compat_socket_cookie(sk);
	if (!datagram_is_full_told(cpu, cookie, &more))
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_DROP, DROP_RECORD_SIZE, VANTAGE_SOCKET);
	if (!record)
		return 0;
	__builtin_memset(&record->body, 0, DROP_RECORD_SIZE - sizeof(record->head));
	record->head.netns = skb_socket_netns(sk);
	record->head.flags = EVENT_F_SOFTIRQ;
	record->head.known = EVENT_K_TUPLE | EVENT_K_RX_SOCKET | EVENT_K_BACKLOG | EVENT_K_STATE;
	fill_tuple(&record->body.tuple, &sk->__sk_common, sk->__sk_common.skc_num, IPPROTO_UDP);
	if (compat_tells_datagram())
		datagram_fill_ends(&record->body.tuple,
				   (const struct sk_buff *)skb_argument(ctx, 2));
	record->body.rx_cookie = cookie;
	record->body.state = record->body.rx_state = sk->__sk_common.skc_state;
	record->body.reason = compat_drop_queue_full();
	if (record->body.reason)
		record->head.known |= EVENT_K_REASON;
	record->body.backlog = sk->sk_backlog.rmem_alloc.counter;
	record->body.backlog_max = sk->sk_rcvbuf;
	record->body.more = more;
	emit_submit(cpu, &record->head);
	return 0;
}
