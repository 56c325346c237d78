/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame_check.h - what decode.h promises of a frame; a broken promise aborts */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

static inline void check_event(const struct event *event, const struct event_header *before)
{
	const struct ev_frame *frame = &event->frame;
	const struct packet *packet = &event->packet;
	uint8_t sum = 0;

	if (event->claim.how > CLAIM_ANNOUNCED ||
	    (event->claim.how && frame->unread != UNREAD_NOT_IP))
		abort();

	if (event->head.ts_ns != before->ts_ns || event->head.kind != before->kind ||
	    frame->unread >= UNREAD_COUNT)
		abort();
	if (frame->unread) {
		if (packet->what != PACKET_NONE || event->head.known || event->bytes_captured)
			abort();
		return;
	}
	if (packet->what == PACKET_NONE || packet->what >= PACKET_UNPARSED ||
	    event->head.known != EVENT_K_PACKET || frame->raw.captured_bytes > EVENT_PACKET_MAX ||
	    frame->raw.captured_bytes > event->bytes_captured ||
	    event->bytes_captured > frame->raw.wire_bytes ||
	    memcmp(frame->raw.bytes, event->bytes, frame->raw.captured_bytes))
		abort();
	for (size_t i = 0; i < event->bytes_captured; i++)
		sum ^= event->bytes[i];
	__asm__ volatile("" ::"r"(sum)); /* every byte was read */
}

/* Decodes a copy of exactly these bytes, and the record that is made of it. */
static inline void check_frame(struct fragments *fragments, const struct frame_bytes *from,
			       uint64_t ts_ns)
{
	static struct event event, again;
	struct frame_bytes frame = *from;
	uint8_t *exact = malloc(frame.captured ? frame.captured : 1);
	struct event_header head = { .ts_ns = ts_ns, .kind = EVENT_FRAME, .vantage = VANTAGE_FILE };
	size_t size;

	if (!exact)
		abort();
	memcpy(exact, from->bytes, frame.captured);
	frame.bytes = exact;
	memset(&event, 0xa5, sizeof(event));
	event.head = head;
	size = decode_frame(fragments, &frame, &event);
	check_event(&event, &head);
	event.head.size = (uint16_t)(sizeof(event.head) + size);
	if (decode_event(&event, event.head.size, &again) ||
	    memcmp(&event, &again, event.head.size))
		abort();
	/* a record keeps the beginning of a packet only */
	if (event.bytes_captured <= EVENT_PACKET_MAX && again.packet.what != event.packet.what)
		abort();
	free(exact);
}
