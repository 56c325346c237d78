/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packets_table.h - what packets.c and its helpers share, private to them */
#pragma once

#include "sinks/packets/packets.h"
#include "util/hash.h"

#define TEXT_SIZE 640
#define NONE 0xffffffffu

struct party_name {
	__u32 pid; /* 0: unknown */
	__u32 tid;
	char comm[EVENT_COMM_SIZE];
};

/* A packet, or an entry without one, that waits to be written. Its bytes stand in a ring of bytes. */
struct held {
	struct packet_mark mark;
	struct party_name sender;
	struct party_name receiver;
	__u64 location; /* drop */
	__u32 reason; /* drop */
	__u32 ifindex;
	__u32 wire;
	__u32 texts[2]; /* numbers of texts, NONE */
	__u64 at; /* where its bytes begin, as the ring of bytes counts */
	__u32 captured; /* how many they are */
	__u8 kind; /* enum event_kind, EVENT_NONE: an entry */
	__u8 direction; /* enum pcapng_direction */
	__u8 severity; /* of an entry */
	__u8 how; /* FRAME_F_* of a frame */
	bool offload;
	__u64 lost; /* before it */
	bool reason_known;
};

/* Packets that a finding speaks of. */
struct chosen {
	struct packet_span span;
	__u32 text; /* index */
};

struct chosen_text {
	__u64 time_ns; /* of the verdict */
	__u8 severity;
	bool final;
	bool used; /* a packet has it */
	char text[TEXT_SIZE];
};

struct packets {
	struct packets_options options;
	struct pcapng *pcapng;
	struct packets_counts counts;
	__u64 now_ns;

	struct hash by; /* what a finding and its packets share: slots of .held, or of .chosen */

	/* live: what waits */
	struct held *held; /* ring; its number modulo PACKETS_HELD_MAX */
	__u32 held_first, held_end; /* numbers, which grow */
	__u8 *bytes; /* ring */
	__u64 bytes_size;
	__u64 bytes_end; /* grows; modulo .bytes_size */
	char (*texts)[TEXT_SIZE]; /* ring */
	__u32 texts_end;
	__u32 text_alike; /* number of the last one that only counts, NONE */
	__u64 ticks;

	/* files */
	struct chosen *chosen;
	__u32 chosen_count;
	struct chosen_text *chosen_texts;
	__u32 chosen_texts_count;
	__u32 chosen_told; /* texts before this one have a packet, or their entry */

	__u8 *scratch; /* of PCAPNG_PACKET_MAX bytes, for the mask */
	__u64 lost_before; /* as the last packet knew it */
	char masked[2][2 * PCAPNG_COMMENT_MAX];
};

/* packets_hold.c */
int packets_hold_allocate(struct packets *packets);
struct held *packets_held_at(const struct packets *packets, __u32 number);
/* A slot at the end, with so many bytes; what is in the way goes out early. @err: of its write. */
struct held *packets_hold_slot(struct packets *packets, const struct join *join, const __u8 *bytes,
			       size_t captured, int *err);
int packets_write_oldest(struct packets *packets, const struct join *join);

/* packets_write.c */
int packets_write(struct packets *packets, const struct join *join, const struct held *held,
		  const __u8 *bytes, size_t captured, const char *const *texts, size_t count);
int packets_write_entry(struct packets *packets, const struct join *join, __u64 ts_ns,
			enum severity severity, const char *text);
/* How many of its bytes are to be written; that some are missing is counted. */
size_t packets_keep(struct packets *packets, const struct event *event);
