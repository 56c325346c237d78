/* SPDX-License-Identifier: GPL-2.0-only */
/* question.h - a UDP socket that asks again and again, and to which nothing comes */
#pragma once

#include "datagram.h"
#include "load.h"

/*
 * The note of its connect(), or of its first send, counts what a socket sends after a pause: who streams or
 * sends bursts asks nothing. From the third on it is told, ever more rarely, while nothing came.
 * Whether anybody waits for an answer this does not know: who only tells (syslog, statsd) looks the same.
 */

#define QUESTION_PAUSE_NS (200 * NS_PER_MS)
#define QUESTIONS_FIRST 3
#define QUESTIONS_OVER 0xffffffffu /* something came, or several were asked: never told */

/* Numbers only, as 5.10 wants it. @ports: of the UDP header, in network byte order. */
__noinline int question_emit(struct __sk_buff *skb, __u32 start, __u32 is_ipv6, __u32 ports_be)
{
	struct emit_cpu *cpu = emit_cpu();
	struct open_record *record;
	struct datagram_note *note;
	struct event_tuple *tuple;
	const struct sock *sk = NULL;
	__u32 words[10] = {}, place, tgid;
	__u64 cookie = bpf_get_socket_cookie(skb);
	int i;

	bpf_core_read(&sk, sizeof(sk), &((struct sk_buff *)skb)->sk);
	place = datagram_place(cookie);
	note = bpf_map_lookup_elem(&datagram_notes, &place);
	if (!cpu || !sk || !note || packet_load(skb, start, words, is_ipv6 ? 40 : 20))
		return 0;
	if (datagram_is_heard(sk) || !datagram_is_plain(sk)) {
		note->questions = QUESTIONS_OVER;
		return 0;
	}
	tgid = note->owner.tgid;
	if (knobs.follow && !bpf_map_lookup_elem(&followed_processes, &tgid))
		return 0;
	record = (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return 0;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	record->body.owner = note->owner;
	record->body.how = OPEN_UNANSWERED;
	record->body.questions = note->questions;
	record->body.questions_ms = (note->sent_ns - note->first_ns) / NS_PER_MS;
	record->body.mark = BPF_CORE_READ(sk, sk_mark);
	record->body.bound_ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	record->head.cookie = cookie;
	record->head.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	record->head.flags = knobs.follow ? EVENT_F_FOLLOWED : 0;
	record->head.known = EVENT_K_TUPLE | EVENT_K_QUESTIONS | note->known;
	tuple = &record->body.tuple;
	tuple->family = is_ipv6 ? AF_INET6 : AF_INET;
	tuple->protocol = IPPROTO_UDP;
	tuple->local_port = bpf_ntohs(ports_be & 0xffff);
	tuple->remote_port = bpf_ntohs(ports_be >> 16);
	if (is_ipv6) {
#pragma unroll
		for (i = 0; i < 4; i++) {
			((__u32 *)tuple->local)[i] = words[2 + i];
			((__u32 *)tuple->remote)[i] = words[6 + i];
		}
	} else {
		fill_ipv4(tuple->local, words[3]);
		fill_ipv4(tuple->remote, words[4]);
	}
	emit_submit(cpu, &record->head);
	return 0;
}

static __always_inline bool question_is_told(__u32 questions)
{
	return questions == QUESTIONS_FIRST ||
	       (questions > QUESTIONS_FIRST && !(questions & (questions - 1)));
}

/* A datagram on its way out. @asked: whom, folded into a number. Is it to be told? */
static __always_inline bool question_count(__u64 cookie, __u32 asked)
{
	__u32 place = datagram_place(cookie);
	struct datagram_note *note = bpf_map_lookup_elem(&datagram_notes, &place);
	__u64 now_ns, last_ns;

	if (!note || !cookie || note->cookie != cookie || note->questions == QUESTIONS_OVER)
		return false;
	now_ns = bpf_ktime_get_ns();
	last_ns = note->sent_ns;
	note->sent_ns = now_ns;
	if (!note->questions) {
		note->questions = 1;
		note->first_ns = now_ns;
		note->asked = asked;
		return false;
	}
	if (note->asked != asked) {
		note->questions = QUESTIONS_OVER;
		return false;
	}
	if (now_ns - last_ns < QUESTION_PAUSE_NS)
		return false;
	note->questions++;
	return question_is_told(note->questions);
}
