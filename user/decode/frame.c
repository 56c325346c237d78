// SPDX-License-Identifier: GPL-2.0-or-later
/* frame.c - one frame of a capture file: from the link layer to a parsed packet */

#include <string.h>

#include "decode/decode.h"
#include "decode/link.h"

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

size_t decode_frame(struct fragments *fragments, const struct frame_bytes *frame,
		    struct event *event)
{
	struct link link = { .at = frame->bytes,
			     .captured = frame->captured,
			     .wire = frame->wire > frame->captured ? frame->wire :
								     frame->captured };
	enum event_unread unread = link_unwrap(&link, frame->link);
	struct ev_frame *body = &event->frame;
	size_t kept;

	(void)fragments;
	event->head.known = 0;
	event->head.flags = link.direction_known && link.out ? EVENT_F_OUT : 0;
	body->vlan = link.vlan;
	body->link = frame->link;
	body->unread = UNREAD_NONE;
	body->how = link.direction_known ? FRAME_F_DIRECTION : 0;
	if (unread)
		return decode_unread(event, unread);
	packet_parse(link.at, link.captured, link.wire, &event->packet);
	if (event->packet.what == PACKET_UNPARSED)
		return decode_unread(event, UNREAD_MALFORMED);

	kept = link.captured < EVENT_PACKET_MAX ? link.captured : EVENT_PACKET_MAX;
	event->head.known = EVENT_K_PACKET;
	event->head.flags |= link.wire > kept ? EVENT_F_TRUNCATED : 0;
	event->head.flags |= link.at[0] >> 4 == 6 ? EVENT_F_IPV6 : 0;
	event->bytes = link.at;
	event->bytes_captured = link.captured;
	body->raw.wire_bytes = (__u32)link.wire;
	body->raw.captured_bytes = (__u16)kept;
	body->raw.gso_bytes = 0;
	memcpy(body->raw.bytes, link.at, kept);
	return offsetof(struct ev_frame, raw) + offsetof(struct ev_raw, bytes) + kept;
}
