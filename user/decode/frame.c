// SPDX-License-Identifier: GPL-2.0-or-later
/* frame.c - one frame of a capture file: from the link layer to a parsed packet */

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "decode/decode.h"
#include "decode/fragment.h"
#include "decode/link.h"
#include "decode/tunnel.h"
#include "util/hot.h"

#define IPV4_HEADER 20 /* without options */

/* Nothing of the packet is known but that it was there. */
static size_t decode_unread(struct event *event, enum event_unread unread)
{
	event->frame.unread = (__u8)unread;
	memset(&event->frame.raw, 0, offsetof(struct ev_raw, bytes));
	event->packet.what = PACKET_NONE;
	event->bytes = NULL;
	event->bytes_captured = 0;
	return offsetof(struct ev_frame, raw);
}

/* @at: the fixed part of an IPv4 header. TCP or ICMP, in one piece. */
static bool is_plain_ipv4(const __u8 *at)
{
	return (at[9] == IPPROTO_TCP || at[9] == IPPROTO_ICMP) && !(at[6] & 0x3f) && !at[7];
}

/* At least the fixed part of the header is there. */
static bool is_plain(const struct link *link)
{
	const __u8 *at = link->at;

	if (at[0] >> 4 == 4)
		return is_plain_ipv4(at);
	return at[6] == IPPROTO_TCP || at[6] == IPPROTO_ICMPV6;
}

/* Nearly every frame: such a packet right behind an Ethernet header. */
static bool is_plain_frame(const struct frame_bytes *frame)
{
	const __u8 *at = frame->bytes;

	return frame->link == LINK_ETHERNET && frame->captured >= ETH_HLEN + IPV4_HEADER &&
	       at[12] == ETH_P_IP >> 8 && at[13] == (ETH_P_IP & 0xff) && at[ETH_HLEN] >> 4 == 4 &&
	       is_plain_ipv4(at + ETH_HLEN);
}

/* Takes tunnels off and puts fragments together, in whatever order they stand in each other. */
static enum event_unread find_innermost(struct fragments *fragments, struct link *link,
					__u64 now_ns, __u8 *how)
{
	for (int depth = 0;; depth++) {
		switch (fragment_take(fragments, link, now_ns)) {
		case FRAGMENT_HELD:
			return UNREAD_FRAGMENT;
		case FRAGMENT_BAD:
			return UNREAD_MALFORMED;
		case FRAGMENT_WHOLE:
			*how |= FRAME_F_WHOLE;
			break;
		case FRAGMENT_NONE:
			break;
		}
		if (depth == TUNNELS_MAX) {
			*how |= FRAME_F_OPAQUE;
			return UNREAD_NONE;
		}
		switch (tunnel_unwrap(link)) {
		case TUNNEL_NONE:
			return UNREAD_NONE;
		case TUNNEL_OPAQUE:
			*how |= FRAME_F_OPAQUE;
			return UNREAD_NONE;
		case TUNNEL_UNWRAPPED:
			*how |= FRAME_F_TUNNEL;
		}
	}
}

/* Parses the packet of @link, and keeps of its bytes what a record would hold. Returns as decode_frame(). */
INLINED size_t take_packet(struct event *event, const struct link *link)
{
	struct ev_raw *raw = &event->frame.raw;
	size_t kept = link->captured < EVENT_PACKET_MAX ? link->captured : EVENT_PACKET_MAX;

	packet_parse(link->at, link->captured, link->wire, &event->packet);
	if (event->packet.what == PACKET_UNPARSED)
		return decode_unread(event, UNREAD_MALFORMED);
	event->head.known = EVENT_K_PACKET;
	event->head.flags |= link->wire > kept ? EVENT_F_TRUNCATED : 0;
	event->head.flags |= link->at[0] >> 4 == 6 ? EVENT_F_IPV6 : 0;
	event->bytes = link->at;
	event->bytes_captured = link->captured;
	raw->wire_bytes = (__u32)link->wire;
	raw->captured_bytes = (__u16)kept;
	raw->gso_bytes = 0;
	/* they never overlap, but gcc makes a "rep movs" of a memcpy() with this bound: 10 ns */
	memmove(raw->bytes, link->at, kept);
	return offsetof(struct ev_frame, raw) + offsetof(struct ev_raw, bytes) + kept;
}

static struct link link_of(const struct frame_bytes *frame)
{
	return (struct link){
		.at = frame->bytes,
		.captured = frame->captured,
		.wire = frame->wire > frame->captured ? frame->wire : frame->captured,
	};
}

/* What stands before the packet is taken off first. */
APART size_t decode_wrapped(struct fragments *fragments, const struct frame_bytes *frame,
			    struct event *event)
{
	struct link link = link_of(frame);
	enum event_unread unread = link_unwrap(&link, frame->link);
	struct ev_frame *body = &event->frame;

	if (unread == UNREAD_NOT_IP && link.arp)
		claim_parse_arp(link.at, link.captured, &event->claim);
	if (link.direction_known) {
		event->head.flags = link.out ? EVENT_F_OUT : 0;
		body->how = FRAME_F_DIRECTION;
	}
	if (!unread && !is_plain(&link))
		unread = find_innermost(fragments, &link, event->head.ts_ns, &body->how);
	body->vlan = link.vlan;
	return unread ? decode_unread(event, unread) : take_packet(event, &link);
}

size_t decode_frame(struct fragments *fragments, const struct frame_bytes *frame,
		    struct event *event)
{
	struct link link = link_of(frame);
	struct ev_frame *body = &event->frame;

	event->claim.how = CLAIM_NONE;
	event->head.known = 0;
	event->head.flags = 0;
	body->link = frame->link;
	body->unread = UNREAD_NONE;
	body->how = 0;
	if (!is_plain_frame(frame))
		return decode_wrapped(fragments, frame, event);
	body->vlan = 0;
	link.at += ETH_HLEN;
	link.captured -= ETH_HLEN;
	link.wire -= ETH_HLEN;
	return take_packet(event, &link);
}
