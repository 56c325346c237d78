/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcapng.h - the blocks of a pcapng file (draft-ietf-opsawg-pcapng) */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "util/outfile.h"

/*
 * libpcap writes pcap only and pcapng without comments, directions and secrets, so that the format
 * is written here: section header, secrets, an interface description before its first packet,
 * enhanced packets, journal entries. Every file of a rotation is a whole section.
 *
 * All interfaces have one link type (raw IP) and one snap length: libpcap refuses files in which
 * they differ. Numbers stand in the byte order of this machine, which the section header shows.
 */

#define PCAPNG_PACKET_MAX 262144 /* what libpcap and Wireshark take: a longer packet is cut */
#define PCAPNG_COMMENTS_MAX 6
#define PCAPNG_COMMENT_MAX 1000 /* bytes of one comment that are kept */
#define PCAPNG_INTERFACES_MAX 512 /* of one file; packets of others stand at one without a name */
#define PCAPNG_SECRETS_MAX (8u << 20)

struct pcapng;

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_INBOUND, PCAPNG_OUTBOUND };

struct pcapng_about {
	const char *hardware; /* NULL or empty: unknown */
	const char *os;
};

struct pcapng_packet {
	__u64 time_ns; /* since the epoch */
	__u32 interface; /* as pcapng_interface() gave it */
	enum pcapng_direction direction;
	const __u8 *bytes; /* from the IP header on */
	size_t captured;
	size_t wire; /* at least .captured */
	__u32 pid, tid; /* of the process of this host that sent or gets it; 0 unknown */
	bool offload; /* sent: the hardware cuts it and makes its checksums */
	__u64 lost; /* so many were lost between the one before and this one */
	const char *comments[PCAPNG_COMMENTS_MAX];
	size_t comments_count;
};

struct pcapng_counts {
	__u64 packets; /* in files */
	__u64 not_written; /* packets and entries that found no room on the disk */
};

/*
 * What a file holds of what passed, as a comment of each interface, because those outlive merging:
 * "sockwhy holds=handshakes bytes=headers". Readers (capture_pcapng.c) look at the word behind holds=.
 */
#define PCAPNG_HOLDS "sockwhy holds="

/*
 * Begins a file. @secrets: a TLS key log (NSS format) that every section holds, NULL none; stays
 * the caller's for as long as the writer lives. Logs what is wrong with the file.
 */
int pcapng_open(struct pcapng **out, const char *path, const struct outfile_limits *limits,
		const struct pcapng_about *about, const char *secrets, size_t secrets_size);

/*
 * The key log has grown: @secrets again, of which what was given before is the begin. What is new
 * stands in front of the next packet.
 */
void pcapng_secrets(struct pcapng *pcapng, const char *secrets, size_t secrets_size);

/*
 * Number of an interface, made known when its first packet is written. @holds: its comment, see above.
 * Names are copied, cut.
 */
__u32 pcapng_interface(struct pcapng *pcapng, __u32 netns, __u32 ifindex, const char *name,
		       const char *description, const char *holds);
/* So many packets were lost so far, by who hands them over; every section ends with it. */
void pcapng_lost(struct pcapng *pcapng, __u64 lost);
bool pcapng_knows_interface(const struct pcapng *pcapng, __u32 netns, __u32 ifindex,
			    __u32 *interface);

/* Written later, at the latest by pcapng_flush(). 0 or negative errno; what is lost is counted. */
int pcapng_packet(struct pcapng *pcapng, const struct pcapng_packet *packet);

/*
 * An entry without a packet, which Wireshark lists by its text (systemd Journal Export Block).
 * @priority: as syslog(3).
 */
int pcapng_entry(struct pcapng *pcapng, __u64 time_ns, int priority, const char *text);

/* Where the file was moved away, goes on in a new one of its name. 0 or negative errno. */
int pcapng_reopen(struct pcapng *pcapng);

int pcapng_flush(struct pcapng *pcapng);
const struct pcapng_counts *pcapng_counts(const struct pcapng *pcapng);
int pcapng_close(struct pcapng *pcapng); /* NULL is fine */
