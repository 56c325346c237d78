/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capture.h - one capture file being read; for capture*.c */
#pragma once

#include "collect/files/input.h"

#define CAPTURE_FRAME_MAX 262144 /* tcpdump's MAXIMUM_SNAPLEN: a longer frame is damage */
#define CAPTURE_NAME_SIZE 16

struct capture_interface {
	__u32 ifindex; /* 0: no frame yet */
	__u32 snaplen; /* 0 without limit */
	__u64 units; /* of time stamps in a second */
	__u64 factor; /* nanoseconds in a unit; 0: not a whole number of them */
	__s64 offset; /* seconds to add */
	__u64 dropped; /* while it was captured, as last told */
	__u64 between; /* of them, as its packets told: a merged file has only that */
	__u16 link;
	__u8 holds; /* CAPTURE_HOLDS_* */
	char name[CAPTURE_NAME_SIZE];
};

struct capture {
	struct input *input;
	struct capture_frame frame; /* at the front of the file */
	size_t pending; /* bytes of it to move on over before the next */
	bool swapped; /* the other byte order */
	bool lengths_changed; /* the length on the wire stands first */
	bool lengths_unsure; /* one of them does, whichever is the larger one */
	const char *why; /* of damage, in words */
	__u64 dropped; /* on all interfaces */
	__u32 interface_base; /* interfaces of the sections before */
	__u32 interfaces; /* of this section */
	__u32 on; /* the frame's, in this section */
	__u32 interfaces_room;
	struct capture_interface *interface;
	/* Gives the next frame: 1; 0 at the end; -EPIPE it ends early; -EBADMSG damaged. */
	int (*next)(struct capture *capture);
	/* The time of the frame behind that one, if its bytes are at hand: nothing is read for it. */
	bool (*peek)(struct capture *capture, __u64 *ts_ns);
};

static inline __u16 capture_u16(const struct capture *capture, const __u8 *at)
{
	__u16 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return capture->swapped ? __builtin_bswap16(value) : value;
}

static inline __u32 capture_u32(const struct capture *capture, const __u8 *at)
{
	__u32 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return capture->swapped ? __builtin_bswap32(value) : value;
}

static inline __u64 capture_u64(const struct capture *capture, const __u8 *at)
{
	__u64 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return capture->swapped ? __builtin_bswap64(value) : value;
}

/* Reads the file header. Returns 0; -EBADMSG, .why in words; -EPIPE too short; -ENOMEM. */
int capture_open_pcap(struct capture *capture);
int capture_open_pcapng(struct capture *capture);

/* A further interface, zeroed. Returns NULL: too many, or no memory. */
struct capture_interface *capture_add_interface(struct capture *capture);

/* What input_need() returned instead of 1, as .next returns it: inside of something. */
int capture_end(struct capture *capture, int result);
