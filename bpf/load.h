/* SPDX-License-Identifier: GPL-2.0-only */
/* load.h - bytes of a packet that a TC or cgroup program is shown, wherever they lie */
#pragma once

#include "maps.h"

#include <bpf/bpf_core_read.h>

/* Eight letters as they stand in memory. */
#define LOAD_LETTERS(a, b, c, d, e, f, g, h)                                                     \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* Where the network header stands, from the packet's first byte on. */
static __noinline __u32 packet_network_offset(struct __sk_buff *skb)
{
	struct sk_buff *kernel_skb = (struct sk_buff *)skb;
	unsigned char *head = NULL, *data = NULL;
	__u16 network_header = 0;

	bpf_core_read(&head, sizeof(head), &kernel_skb->head);
	bpf_core_read(&data, sizeof(data), &kernel_skb->data);
	bpf_core_read(&network_header, sizeof(network_header), &kernel_skb->network_header);
	return (__u32)((__u64)head + network_header - (__u64)data);
}

/* Where the packet lies in fragments of pages: the slow way, by the offset from its first byte. */
static __noinline long packet_load_far(struct __sk_buff *skb, __u32 offset, void *to, __s64 size)
{
	return bpf_skb_load_bytes(skb, offset + packet_network_offset(skb), to, size);
}

static __always_inline long packet_load(struct __sk_buff *skb, __u32 offset, void *to, __s64 size)
{
	if (!bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET))
		return 0;
	return packet_load_far(skb, offset, to, size);
}
