// SPDX-License-Identifier: GPL-2.0-or-later
/* capture_pcapng.c - the format of Wireshark: blocks, sections, interfaces of their own link types */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "collect/files/capture.h"
#include "util/time.h"

/* draft-ietf-opsawg-pcapng */
enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete, still found */
	BLOCK_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
	BLOCK_ENHANCED = 6,
};

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
	OPTION_IF_TSOFFSET = 14,
	OPTION_ISB_IFDROP = 5, /* no room in the interface, or in the capturing program's buffer */
	OPTION_ISB_OSDROP = 7,
	OPTION_FLAGS = 2, /* of an enhanced packet block */
	OPTION_DROPCOUNT = 4,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define BLOCK_OVERHEAD 12 /* type, and the length at both ends */
#define SECTION_BODY 16
#define INTERFACE_BODY 8
#define ENHANCED_BODY 20
#define SIMPLE_BODY 4
#define STATISTICS_BODY 12
/* An option is at most 64 KiB; of a longer block only what stands in front is looked at. */
#define BLOCK_LOOK ((size_t)CAPTURE_FRAME_MAX + 262144)
#define INTERFACES_MAX 65536

_Static_assert(BLOCK_LOOK <= INPUT_NEED_MAX, "a block must fit");

static int damaged(struct capture *capture, const char *why)
{
	capture->why = why;
	return -EBADMSG;
}

static __u32 padded(__u32 length)
{
	return (length + 3) & ~3u;
}

/* Calls @take for each option in @size bytes. A malformed rest is left alone: comments do no harm. */
static void walk_options(struct capture *capture, const __u8 *at, size_t size,
			 void (*take)(struct capture *, void *into, __u16 code, const __u8 *value,
				      __u16 length),
			 void *into)
{
	while (size >= 4) {
		__u16 code = capture_u16(capture, at), length = capture_u16(capture, at + 2);
		size_t whole = 4 + padded(length);

		if (code == OPTION_END || 4 + (size_t)length > size)
			return;
		take(capture, into, code, at + 4, length);
		if (whole > size)
			return;
		at += whole;
		size -= whole;
	}
}

/* sinks/packets/pcapng.h: what this program wrote says what it holds. An unknown word lacks something. */
static __u8 holds_of(const __u8 *comment, __u16 length)
{
	static const char begin[] = "sockwhy holds=";
	const size_t front = sizeof(begin) - 1;
	size_t size;
	__u8 holds = 0;

	if (length < front || memcmp(comment, begin, front))
		return 0;
	comment += front;
	for (length -= front; length; comment += size, length -= size) {
		for (size = 0; size < length && comment[size] != ',' && comment[size] != ' ';
		     size++)
			;
		if (size == 10 && !memcmp(comment, "handshakes", size))
			holds |= CAPTURE_HOLDS_HANDSHAKES;
		else if (size != 3 || memcmp(comment, "all", size))
			holds |= CAPTURE_HOLDS_FINDINGS;
		if (size == length || comment[size] == ' ')
			break;
		size++;
	}
	return holds;
}

static void take_interface_option(struct capture *capture, void *into, __u16 code,
				  const __u8 *value, __u16 length)
{
	struct capture_interface *interface = into;

	if (code == OPTION_COMMENT) {
		interface->holds |= holds_of(value, length);
	} else if (code == OPTION_IF_NAME) {
		size_t kept =
			length < sizeof(interface->name) ? length : sizeof(interface->name) - 1;

		memcpy(interface->name, value, kept);
		interface->name[kept] = '\0';
	} else if (code == OPTION_IF_TSRESOL && length == 1) {
		unsigned int power = value[0] & 0x7f;

		interface->units = 0; /* that cannot be told */
		if (value[0] & 0x80 && power < 64) {
			interface->units = 1ull << power;
		} else if (!(value[0] & 0x80) && power < 20) {
			interface->units = 1;
			while (power--)
				interface->units *= 10;
		}
	} else if (code == OPTION_IF_TSOFFSET && length == 8) {
		interface->offset = (__s64)capture_u64(capture, value);
	}
}

static int take_interface(struct capture *capture, const __u8 *body, size_t size)
{
	struct capture_interface *interface;

	if (size < INTERFACE_BODY)
		return damaged(capture, "an interface description is too short");
	if (capture->interface_base + capture->interfaces >= INTERFACES_MAX)
		return damaged(capture, "it describes more than 65536 interfaces");
	interface = capture_add_interface(capture);
	if (!interface)
		return -ENOMEM;
	interface->link = capture_u16(capture, body);
	interface->snaplen = capture_u32(capture, body + 4);
	interface->units = 1000000;
	walk_options(capture, body + INTERFACE_BODY, size - INTERFACE_BODY, take_interface_option,
		     interface);
	if (!interface->units)
		return damaged(capture, "an interface has time stamps of an impossible resolution");
	interface->factor = NS_PER_S % interface->units ? 0 : NS_PER_S / interface->units;
	return 0;
}

/* Saturates: what lies before 1970 or after 2262 is damage that is no reason to stop. */
static __u64 time_of(const struct capture_interface *interface, __u64 stamp)
{
	__int128 ns = (__int128)(stamp / interface->units) * NS_PER_S +
		      (__int128)(stamp % interface->units) * NS_PER_S / interface->units +
		      (__int128)interface->offset * NS_PER_S;

	if (ns < 0)
		return 0;
	return ns > INT64_MAX ? INT64_MAX : (__u64)ns;
}

/* @at: the two halves of the stamp. */
static __u64 read_time(const struct capture *capture, const struct capture_interface *interface,
		       const __u8 *at)
{
	__u64 stamp = (__u64)capture_u32(capture, at) << 32 | capture_u32(capture, at + 4);

	/* nearly every file: no division; a stamp this small cannot overflow */
	if (interface->factor && !interface->offset && stamp < INT64_MAX / NS_PER_S)
		return stamp * interface->factor;
	return time_of(interface, stamp);
}

/* Only of what nearly always follows: another enhanced packet. */
static bool peek_pcapng(struct capture *capture, __u64 *ts_ns)
{
	const __u8 *at = input_at(capture->input) + capture->pending;
	__u32 interface;

	if (input_has(capture->input) < capture->pending + 8 + ENHANCED_BODY ||
	    capture_u32(capture, at) != BLOCK_ENHANCED)
		return false;
	interface = capture_u32(capture, at + 8);
	if (interface >= capture->interfaces)
		return false;
	*ts_ns = read_time(capture, &capture->interface[interface], at + 12);
	return true;
}

/* Lost in front of this packet. At the end the interface's statistics tell the same once more. */
static void note_between(struct capture *capture, __u64 lost)
{
	struct capture_interface *interface = &capture->interface[capture->on];

	interface->between += lost;
	if (interface->between <= interface->dropped)
		return;
	capture->dropped += interface->between - interface->dropped;
	interface->dropped = interface->between;
}

static void take_packet_option(struct capture *capture, void *into, __u16 code, const __u8 *value,
			       __u16 length)
{
	struct capture_frame *frame = into;
	__u32 direction;

	if (code == OPTION_DROPCOUNT && length == 8)
		note_between(capture, capture_u64(capture, value));
	if (code != OPTION_FLAGS || length != 4)
		return;
	direction = capture_u32(capture, value) & 3; /* 1 inbound, 2 outbound */
	frame->direction_known = direction == 1 || direction == 2;
	frame->out = direction == 2;
}

/* The frame's interface, and whether its bytes are in the block. */
static int begin_frame(struct capture *capture, __u32 interface, size_t room)
{
	if (interface >= capture->interfaces)
		return damaged(capture, "the next packet is of an interface that is not described");
	if (capture->frame.captured > CAPTURE_FRAME_MAX)
		return damaged(capture, "the next packet is longer than a packet can be");
	if (capture->frame.captured > room)
		return damaged(capture, "the next packet is longer than its block");
	capture->on = interface;
	capture->frame.direction_known = false;
	capture->frame.out = false;
	return 1;
}

/* Enhanced and, @old, obsolete packet blocks: only the interface stands differently. */
static int take_enhanced(struct capture *capture, const __u8 *body, size_t size, bool old)
{
	struct capture_frame *frame = &capture->frame;
	__u32 interface;
	size_t used;
	int err;

	if (size < ENHANCED_BODY)
		return damaged(capture, "a packet block is too short");
	interface = old ? capture_u16(capture, body) : capture_u32(capture, body);
	frame->captured = capture_u32(capture, body + 12);
	frame->wire = capture_u32(capture, body + 16);
	err = begin_frame(capture, interface, size - ENHANCED_BODY);
	if (err != 1)
		return err;
	frame->bytes = body + ENHANCED_BODY;
	frame->ts_ns = read_time(capture, &capture->interface[interface], body + 4);
	used = ENHANCED_BODY + padded(frame->captured);
	if (used < size)
		walk_options(capture, body + used, size - used, take_packet_option, frame);
	return 1;
}

/* Of interface 0, without a time: the frame before has the nearest. */
static int take_simple(struct capture *capture, const __u8 *body, size_t size)
{
	struct capture_frame *frame = &capture->frame;
	__u32 room, snaplen;

	if (size < SIMPLE_BODY)
		return damaged(capture, "a packet block is too short");
	room = (__u32)(size - SIMPLE_BODY);
	if (!capture->interfaces)
		return begin_frame(capture, 0, 0);
	frame->wire = capture_u32(capture, body);
	frame->captured = frame->wire < room ? frame->wire : room;
	snaplen = capture->interface[0].snaplen;
	if (snaplen && frame->captured > snaplen)
		frame->captured = snaplen;
	frame->bytes = body + SIMPLE_BODY;
	frame->time_known = false;
	return begin_frame(capture, 0, room);
}

static void take_statistics_option(struct capture *capture, void *into, __u16 code,
				   const __u8 *value, __u16 length)
{
	__u64 *dropped = into;

	if ((code == OPTION_ISB_IFDROP || code == OPTION_ISB_OSDROP) && length == 8)
		*dropped += capture_u64(capture, value);
}

/* Counts since the interface was opened: the last block of an interface has them all. */
static int take_statistics(struct capture *capture, const __u8 *body, size_t size)
{
	__u32 interface = size < STATISTICS_BODY ? UINT32_MAX : capture_u32(capture, body);
	__u64 dropped = 0;

	if (interface >= capture->interfaces)
		return 0; /* it tells nothing of packets that are here */
	walk_options(capture, body + STATISTICS_BODY, size - STATISTICS_BODY,
		     take_statistics_option, &dropped);
	if (dropped > capture->interface[interface].dropped) {
		capture->dropped += dropped - capture->interface[interface].dropped;
		capture->interface[interface].dropped = dropped;
	}
	return 0;
}

/* @at: the block, of which 12 bytes are there. Decides the byte order of what follows. */
static int begin_section(struct capture *capture, const __u8 *at)
{
	capture->swapped = false;
	if (capture_u32(capture, at + 8) != BYTE_ORDER_MAGIC) {
		capture->swapped = true;
		if (capture_u32(capture, at + 8) != BYTE_ORDER_MAGIC)
			return damaged(capture, "a section has no byte order");
	}
	capture->interface_base += capture->interfaces;
	capture->interfaces = 0;
	return 0;
}

static int take_section(struct capture *capture, const __u8 *body, size_t size)
{
	if (size < SECTION_BODY)
		return damaged(capture, "a section header is too short");
	if (capture_u16(capture, body + 4) != 1)
		return damaged(capture, "a section is of an unknown version of the format");
	return 0;
}

/* Returns 1 a frame; 0 something else; negative as .next. */
static int take_block(struct capture *capture, __u32 type, const __u8 *body, size_t size)
{
	switch (type) {
	case BLOCK_SECTION:
		return take_section(capture, body, size);
	case BLOCK_INTERFACE:
		return take_interface(capture, body, size);
	case BLOCK_PACKET:
	case BLOCK_ENHANCED:
		return take_enhanced(capture, body, size, type == BLOCK_PACKET);
	case BLOCK_SIMPLE:
		return take_simple(capture, body, size);
	case BLOCK_STATISTICS:
		return take_statistics(capture, body, size);
	}
	return 0; /* names, statistics, secrets, whatever else: no packets */
}

/* Length of the block at the front, of which the first 12 bytes are there; 0: impossible. */
static __u32 block_length(struct capture *capture, __u32 *type)
{
	const __u8 *at = input_at(capture->input);
	__u32 length;

	*type = capture_u32(capture, at);
	if (*type == BLOCK_SECTION && begin_section(capture, at))
		return 0;
	length = capture_u32(capture, at + 4);
	if (length >= BLOCK_OVERHEAD && !(length & 3))
		return length;
	damaged(capture, "a block has an impossible length");
	return 0;
}

static int next_block(struct capture *capture)
{
	struct input *input = capture->input;
	__u32 type, length;
	size_t look;
	int have;

	have = input_skip(input, capture->pending);
	capture->pending = 0;
	if (have != 1)
		return capture_end(capture, have);
	have = input_need(input, BLOCK_OVERHEAD);
	if (have != 1)
		return have || input_has(input) ? capture_end(capture, have) : -ENODATA;
	length = block_length(capture, &type);
	if (!length)
		return -EBADMSG;
	look = length < BLOCK_LOOK ? length : BLOCK_LOOK;
	have = input_need(input, look);
	if (have != 1)
		return capture_end(capture, have);
	if (look == length && capture_u32(capture, input_at(input) + length - 4) != length)
		return damaged(capture, "a block's two lengths differ");
	have = take_block(capture, type, input_at(input) + 8, look - BLOCK_OVERHEAD);
	capture->pending = length;
	return have;
}

static int next_pcapng(struct capture *capture)
{
	int result;

	do
		result = next_block(capture);
	while (!result);
	return result == -ENODATA ? 0 : result;
}

int capture_open_pcapng(struct capture *capture)
{
	if (input_need(capture->input, BLOCK_OVERHEAD) != 1)
		return -EPIPE;
	capture->next = next_pcapng;
	capture->peek = peek_pcapng;
	return 0;
}
