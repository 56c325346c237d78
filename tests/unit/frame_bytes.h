/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame_bytes.h - frames put together from bytes, and what decode makes of them */
#pragma once

#include "packet_bytes.h"

/* LINKTYPE_* of tcpdump's registry */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_TOKEN_RING = 6,
	LINK_PPP = 9,
	LINK_FDDI = 10,
	LINK_PPP_HDLC = 50,
	LINK_PPP_ETHER = 51,
	LINK_ATM_RFC1483 = 100,
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_IEEE802_11 = 105,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_PPP_PPPD = 166,
	LINK_PPP_WITH_DIR = 204,
	LINK_MPLS = 219,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_PKTAP = 258,
	LINK_SLL2 = 276,
};

#define MACS 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define TYPE(type) (type) >> 8, (type)&0xff
#define ETHERNET(type) MACS, TYPE(type)
#define SYN4 V4(6, 40), TCP(5, 2) /* 40 bytes, 10.0.0.1:45678 to 10.0.0.2:8080 */
#define SYN6 V6(6, 20), TCP(5, 2) /* 60 bytes, fe80::1 to fe80::2 */

/* A decoded frame, and the copy of its bytes that the event points into. */
struct framed {
	struct event event;
	size_t body_size;
	__u8 *exact; /* of exactly this size: the sanitizer sees a byte read too far */
};

static inline void framed_free(struct framed *framed)
{
	free(framed->exact);
	free(framed);
}

static inline struct framed *frame_cut(struct fragments *fragments, __u16 link, const __u8 *bytes,
				       size_t captured, size_t wire)
{
	struct framed *framed = malloc(sizeof(*framed));
	struct frame_bytes frame = { .captured = captured, .wire = wire, .link = link };

	assert_non_null(framed);
	memset(framed, 0xa5, sizeof(*framed));
	framed->exact = malloc(captured ? captured : 1);
	assert_non_null(framed->exact);
	memcpy(framed->exact, bytes, captured);
	frame.bytes = framed->exact;
	framed->event.head = (struct event_header){ .kind = EVENT_FRAME,
						    .ts_ns = 1000000000ull,
						    .vantage = VANTAGE_FILE };
	framed->body_size = decode_frame(fragments, &frame, &framed->event);
	return framed;
}

/* What became of the whole frame: UNREAD_NONE, and the event at @framed unless it is NULL. */
static inline enum event_unread frame_of(__u16 link, const __u8 *bytes, size_t size,
					 struct event *event)
{
	struct framed *framed = frame_cut(NULL, link, bytes, size, size);
	enum event_unread unread = framed->event.frame.unread;

	if (event) {
		*event = framed->event;
		event->bytes = NULL;
	}
	assert_int_equal(unread == UNREAD_NONE, framed->event.packet.what != PACKET_NONE);
	assert_int_equal(unread == UNREAD_NONE, framed->event.head.known == EVENT_K_PACKET);
	framed_free(framed);
	return unread;
}

#define FRAME_OF(link, bytes, event) frame_of(link, bytes, sizeof(bytes), event)
