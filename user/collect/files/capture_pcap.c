// SPDX-License-Identifier: GPL-2.0-or-later
/* capture_pcap.c - the classic format of tcpdump, in both byte orders and both units of time */

#include <errno.h>
#include <stdint.h>

#include "collect/files/capture.h"
#include "util/time.h"

#define FILE_HEADER 24
#define RECORD_HEADER 16
#define MAGIC_MICROSECONDS 0xa1b2c3d4
#define MAGIC_NANOSECONDS 0xa1b23c4d

static __u64 time_of(const struct capture *capture, const __u8 *record)
{
	return capture_u32(capture, record) * NS_PER_S +
	       capture_u32(capture, record + 4) * capture->interface->factor;
}

static bool peek_pcap(struct capture *capture, __u64 *ts_ns)
{
	if (input_has(capture->input) < capture->pending + RECORD_HEADER)
		return false;
	*ts_ns = time_of(capture, input_at(capture->input) + capture->pending);
	return true;
}

static int next_pcap(struct capture *capture)
{
	struct capture_frame *frame = &capture->frame;
	const __u8 *at;
	int have;

	input_take(capture->input, capture->pending);
	capture->pending = 0;
	have = input_need(capture->input, RECORD_HEADER);
	if (have != 1)
		return have || input_has(capture->input) ? capture_end(capture, have) : 0;
	at = input_at(capture->input);
	frame->captured = capture_u32(capture, at + 8);
	frame->wire = capture_u32(capture, at + 12);
	if (capture->lengths_changed ||
	    (capture->lengths_unsure && frame->captured > frame->wire)) {
		frame->captured = frame->wire;
		frame->wire = capture_u32(capture, at + 8);
	}
	if (frame->captured > CAPTURE_FRAME_MAX) {
		capture->why = "the next packet is longer than a packet can be";
		return -EBADMSG;
	}
	have = input_need(capture->input, RECORD_HEADER + frame->captured);
	if (have != 1)
		return capture_end(capture, have);
	at = input_at(capture->input); /* it may have moved */
	capture->pending = RECORD_HEADER + frame->captured;
	frame->bytes = at + RECORD_HEADER;
	frame->ts_ns = time_of(capture, at);
	return 1;
}

int capture_open_pcap(struct capture *capture)
{
	struct capture_interface *interface = capture_add_interface(capture);
	__u16 major, minor;
	const __u8 *at;
	__u32 magic;

	if (!interface)
		return -ENOMEM;
	if (input_need(capture->input, FILE_HEADER) != 1)
		return -EPIPE;
	at = input_at(capture->input);
	magic = capture_u32(capture, at);
	capture->swapped = magic != MAGIC_MICROSECONDS && magic != MAGIC_NANOSECONDS;
	interface->factor = capture_u32(capture, at) == MAGIC_NANOSECONDS ? 1 : 1000;
	/*
	 * Until 2.2 the two lengths stood the other way round, those who wrote 2.3 did not agree, nor
	 * did Digital UNIX, whose version is 543.0 (libpcap, sf-pcap.c).
	 */
	major = capture_u16(capture, at + 4);
	minor = capture_u16(capture, at + 6);
	capture->lengths_changed = major == 2 && minor < 3;
	capture->lengths_unsure = (major == 2 && minor == 3) || (major == 543 && !minor);
	/* above the link type stand the length of a frame check sequence, and what IETF reserved */
	interface->link = (__u16)capture_u32(capture, at + 20);
	capture->pending = FILE_HEADER;
	capture->next = next_pcap;
	capture->peek = peek_pcap;
	return 0;
}
