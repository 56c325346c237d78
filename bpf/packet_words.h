/* SPDX-License-Identifier: GPL-2.0-only */
/* packet_words.h - a packet as its hook has read it, and what its first words make of it */
#pragma once

#include "answer.h"
#include "hello.h"
#include "hello_note.h"

struct packet_view {
	union {
		__u8 bytes[56]; /* IP header and what it holds, as far as it was read */
		__u32 words[14];
	};
	__u8 transport[16]; /* first bytes of the TCP or ICMP header */
	__u32 start; /* of the IP header, from the network header */
	__u32 wire_bytes;
	__u32 keep_bytes; /* how many of them a record is to hold */
	__u8 protocol;
	bool is_ipv6;
	bool is_message; /* of DNS: a datagram, or a segment that holds data; of TLS: see hello.h */
};

/* The context of these programs is the kernel's struct sk_buff itself. */
static __always_inline __u32 packet_netns(struct emit_cpu *cpu, struct __sk_buff *skb, __u64 now_ns)
{
	struct net_device *dev = NULL;

	bpf_core_read(&dev, sizeof(dev), &((struct sk_buff *)skb)->dev);
	return fill_device_netns(cpu, dev, now_ns);
}

static __always_inline __u32 packet_mark(const struct packet_view *view)
{
	__u16 source_port_be, destination_port_be;
	__u32 fold = view->words[3] ^ view->words[4];

	if (view->is_ipv6)
		fold = hello_fold_ipv6(view->words + 2, view->words + 6);
	__builtin_memcpy(&source_port_be, view->transport, 2);
	__builtin_memcpy(&destination_port_be, view->transport + 2, 2);
	return hello_mark(fold, source_port_be, destination_port_be);
}

/* Of a socket of this host, this one with it; of lo and veth the sender's is known on both sides. */
static __always_inline __u32 packet_segments_sent(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tp;

	if (!sk)
		return 0;
	tp = (struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
	return tp ? tp->data_segs_out : 0;
}

/* A segment's payload, in three numbers: packet_say() is passed no more, as 5.10 wants it. */
struct packet_payload {
	__u16 start; /* of the IP header */
	__u16 headers; /* from there to the payload */
	__u32 size;
	__u32 mark; /* of both ends of its connection */
	__u16 source_port_be, destination_port_be;
	__u32 seq, ack;
};

#define PACKET_PLACE(payload) \
	((__u64)(payload)->start << 48 | (__u64)(payload)->headers << 32 | (payload)->size)
#define PACKET_ENDS(payload)                                                                    \
	((__u64)(payload)->source_port_be << 48 | (__u64)(payload)->destination_port_be << 32 | \
	 (payload)->mark)
#define PACKET_NUMBERS(payload) ((__u64)(payload)->seq << 32 | (payload)->ack)

/* Of HTTP/1 nothing is told: what it comes to is noted. */
static __always_inline void packet_note_answer(struct __sk_buff *skb,
					       const struct packet_payload *payload,
					       enum hello_what what)
{
	__u32 at = payload->start + payload->headers;
	__u32 answer = answer_mark(payload->mark, payload->source_port_be);

	if (what == HELLO_ANSWER)
		answer_see(skb, at, payload->size, payload->seq, answer);
	else if (what == HELLO_NOTHING)
		answer_go_on(skb, at, payload->size, payload->seq, answer);
	else
		answer_ask(answer_mark(payload->mark, payload->destination_port_be), payload->ack,
			   what == HELLO_HEAD ? ANSWER_F_HEAD : ANSWER_F_TUNNEL);
}

static __always_inline void
packet_note_hello(struct __sk_buff *skb, const struct packet_payload *payload, enum hello_what what)
{
	__u32 segments;

	if (what == HELLO_OF_CLIENT)
		hello_note(payload->mark, packet_segments_sent(skb));
	else if (what == HELLO_REQUEST)
		hello_note_asked(payload->mark, packet_segments_sent(skb), payload->source_port_be,
				 payload->destination_port_be);
	else if (what == HELLO_REFUSAL && !hello_is_noted(payload->mark, &segments))
		hello_note(payload->mark, 0);
}

/*
 * What a segment says in clear. A global function: the verifier goes through its words once, not for every way that leads to
 * it (packet_out took it 80 ms). Returns how many bytes of the packet are to be told, 0: none.
 */
__noinline int packet_say(struct __sk_buff *skb, __u64 place, __u64 ends, __u64 numbers)
{
	struct packet_payload payload = {
		.start = place >> 48,
		.headers = place >> 32,
		.size = place,
		.mark = ends,
		.source_port_be = ends >> 48,
		.destination_port_be = ends >> 32,
		.seq = numbers >> 32,
		.ack = numbers,
	};
	enum hello_what what;
	__u64 word;

	what = hello_look(skb, payload.start + payload.headers, payload.size, &word);
	if (what == HELLO_NOTHING &&
	    hello_take_answer(payload.mark, payload.source_port_be, payload.destination_port_be) &&
	    !hello_agrees(word))
		what = HELLO_REFUSAL;
	if (what == HELLO_NOTHING || (what >= HELLO_ANSWER && what <= HELLO_TUNNEL)) {
		packet_note_answer(skb, &payload, what);
		return 0;
	}
	packet_note_hello(skb, &payload, what);
	return what == HELLO_OF_CLIENT ? HELLO_KEEP_MAX :
	       what == HELLO_OTHER     ? EVENT_PACKET_MAX :
	       what == HELLO_PLAIN     ? payload.headers + HELLO_PLAIN_BYTES :
					 HELLO_KEEP_WORDS;
}

static __always_inline __u32 packet_be32(const __u8 *bytes)
{
	__u32 number_be;

	__builtin_memcpy(&number_be, bytes, sizeof(number_be));
	return bpf_ntohl(number_be);
}

#define PACKET_ERROR_BYTES 10 /* of the payload that tells one */
#define PACKET_ERROR_KEEP_BYTES 24 /* the status of HTTP, the word or number of an error */

/* HTTP 4xx and 5xx; an error of Redis or POP3; one of MySQL, wherever in a conversation it stands. */
static __always_inline bool packet_is_error(const __u8 *bytes)
{
	if (bytes[0] == 'H')
		return bytes[1] == 'T' && bytes[2] == 'T' && bytes[3] == 'P' && bytes[4] == '/' &&
		       bytes[5] == '1' && bytes[8] == ' ' && (bytes[9] == '4' || bytes[9] == '5');
	if (bytes[0] == '-')
		return bytes[1] >= 'A' && bytes[1] <= 'Z' && bytes[2] >= 'A' && bytes[2] <= 'Z';
	return bytes[4] == 0xff && !bytes[1] && !bytes[2];
}

/* Of a connection that is followed: an answer that says an error, though the connection works. */
static __always_inline void packet_see_error(struct __sk_buff *skb, struct packet_view *view)
{
	__u32 headers = view->keep_bytes;
	__u8 bytes[PACKET_ERROR_BYTES] = {};

	if (view->protocol != IPPROTO_TCP || view->is_message ||
	    view->wire_bytes < headers + PACKET_ERROR_BYTES)
		return;
	if (!packet_load(skb, view->start + headers, bytes, PACKET_ERROR_BYTES) &&
	    packet_is_error(bytes))
		view->keep_bytes = headers + PACKET_ERROR_KEEP_BYTES;
}

/* A segment longer than its IP header can say (BIG TCP) is no hello. */
static __always_inline void packet_see_hello(struct __sk_buff *skb, struct packet_view *view)
{
	struct packet_payload payload = {
		.start = view->start,
		.headers = view->keep_bytes,
		.size = view->wire_bytes - view->keep_bytes,
	};
	int keep_bytes;

	if (view->protocol != IPPROTO_TCP || view->is_message ||
	    view->wire_bytes <= view->keep_bytes)
		return;
	payload.mark = packet_mark(view);
	__builtin_memcpy(&payload.source_port_be, view->transport, 2);
	__builtin_memcpy(&payload.destination_port_be, view->transport + 2, 2);
	payload.seq = packet_be32(view->transport + 4);
	payload.ack = packet_be32(view->transport + 8);
	keep_bytes = packet_say(skb, PACKET_PLACE(&payload), PACKET_ENDS(&payload),
				PACKET_NUMBERS(&payload));
	if (keep_bytes <= 0)
		return;
	view->is_message = true;
	view->keep_bytes = keep_bytes;
}
