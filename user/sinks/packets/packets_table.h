/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packets_table.h - what packets.c and its helpers share, private to them */
#pragma once

#include "sinks/packets/packets.h"

#define OWNERS_MAX 16384 /* sockets whose process is remembered; a power of two */
#define BUCKETS 16384 /* a power of two */
#define TEXT_SIZE 640
#define NONE 0xffffffffu

struct party_name {
	__u32 pid; /* 0: unknown */
	char comm[EVENT_COMM_SIZE];
};

struct socket_owner {
	__u64 cookie;
	struct party_name name;
};

/* One direction of a connection as packets show it in a namespace: @local is the owner's side. */
struct flow_key {
	__u8 local[EVENT_ADDRESS_SIZE];
	__u8 remote[EVENT_ADDRESS_SIZE];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns;
};

struct flow_owner {
	struct flow_key key;
	struct party_name name;
};

/* What of a packet decides whose it is; of an ICMP error, what it quotes. */
struct packet_of {
	__u64 ts_ns;
	__u64 cookie;
	__u32 netns;
	__u32 seq;
	__u32 ack;
	__u16 source_port;
	__u16 destination_port;
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	bool tcp; /* .seq and .ack are known */
	bool quoted;
};

/* A packet, or an entry without one, that waits to be written. Its bytes stand in a ring of bytes. */
struct held {
	struct packet_of of;
	struct party_name sender;
	struct party_name receiver;
	__u64 location; /* drop */
	__u32 reason; /* drop */
	__u32 ifindex;
	__u32 wire;
	__u32 previous; /* in the bucket: its number, NONE the first */
	__u32 texts[2]; /* numbers of texts, NONE */
	__u64 at; /* where its bytes begin, as the ring of bytes counts */
	__u32 captured; /* how many they are */
	__u8 kind; /* enum event_kind, EVENT_NONE: an entry */
	__u8 direction; /* enum pcapng_direction */
	__u8 severity; /* of an entry */
	bool reason_known;
};

/* An opening that a finding speaks of. */
struct chosen {
	struct event_tuple tuple;
	__u64 cookie;
	__u64 from_ns;
	__u64 until_ns;
	__u32 netns;
	__u32 isn;
	__u32 text; /* index */
	__u32 next; /* in the bucket, NONE the last */
	bool isn_known;
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
	__s64 clock_offset_ns; /* realtime less the stream's time */
	bool clock_known;
	__u64 now_ns;

	struct socket_owner *owners;
	struct flow_owner *flows;
	__u32 *buckets; /* number of the newest that is held or chosen of each, plus one; 0 none */

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
	char masked[2][2 * PCAPNG_COMMENT_MAX];
};

/* packets_owner.c */
void packets_learn(struct packets *packets, const struct event *event);
void packets_name_parties(const struct packets *packets, const struct join *join,
			  const struct event *event, struct party_name *sender,
			  struct party_name *receiver);

/* packets_hold.c */
int packets_hold_allocate(struct packets *packets);
struct held *packets_held_at(const struct packets *packets, __u32 number);
bool packets_is_held(const struct packets *packets, __u32 number);
/* A slot at the end, with so many bytes; what is in the way goes out early. @err: of its write. */
struct held *packets_hold_slot(struct packets *packets, const struct join *join, const __u8 *bytes,
			       size_t captured, int *err);
int packets_write_oldest(struct packets *packets, const struct join *join);

/* packets_match.c */
bool packets_of(const struct event *event, struct packet_of *of);
__u32 packets_bucket(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port);
bool packets_match(const struct packet_of *of, const struct chosen *chosen);
/* The opening, as what packets are compared with. */
struct chosen packets_chosen_opening(const struct attempt *attempt, const struct opening *opening);
bool packets_chosen_overflow(const struct attempt *attempt, struct chosen *chosen);
void packets_say_verdict(char *buffer, size_t size, const struct verdict *verdict,
			 const struct finding *finding);

/* packets_write.c */
int packets_write(struct packets *packets, const struct join *join, const struct held *held,
		  const __u8 *bytes, size_t captured, const char *const *texts, size_t count);
int packets_write_entry(struct packets *packets, __u64 ts_ns, enum severity severity,
			const char *text);
/* How many of its bytes are to be written; that some are missing is counted. */
size_t packets_keep(struct packets *packets, const struct event *event);
