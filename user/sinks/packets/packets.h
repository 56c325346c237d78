/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packets.h - packets of findings in a pcapng file, each with its process and its finding */
#pragma once

#include "decode/decode.h"
#include "join/join.h"
#include "rules/rules.h"
#include "sinks/packets/pcapng.h"
#include "sinks/sinks.h"
#include "util/mask.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * A verdict comes after its packets: a final waits a settle time, an early word for the second SYN.
 *
 * Live, a packet is therefore held back for PACKETS_HOLD_NS and written in its place in the order
 * of packets; a verdict that comes meanwhile becomes a comment of every packet of its connection
 * that is still held. Of a verdict that comes later (a connect that hung for minutes), or that has
 * no packet at all (no route), an entry of its own stands at the time of the verdict. When more
 * packets are held than there is room for, the oldest go out early, and are counted.
 *
 * What is read from files is read twice: first it is judged, and packets_verdict() keeps which
 * packets the findings speak of, as their subjects say; then packets_pick() writes those with every
 * comment. What is no IP packet (ARP) cannot be written: such a finding has its entry.
 *
 * Without a snap length only headers are written, of files also DNS messages and TLS handshakes and
 * alerts: no payload beyond what a diagnosis needs.
 */

#define PACKETS_HOLD_NS (2 * NS_PER_S)
#define PACKETS_HELD_MAX 16384
#define PACKETS_BYTES_SHORT (PACKETS_HELD_MAX * (size_t)EVENT_PACKET_MAX) /* of those held */
#define PACKETS_BYTES_LONG ((size_t)64 << 20) /* and with a snap length beyond a record's */
#define PACKETS_TEXTS_MAX 2048 /* verdicts that live comments can speak of at a time */
#define PACKETS_TOLD_MAX 65536 /* findings in a file that is read, counted ones too */
#define PACKETS_CHOSEN_MAX 262144 /* what they speak of: ends, or single frames */

struct packets;

/* The file as a sink; its options' .state is the struct packets, which stays the caller's. */
extern const struct sink_ops sink_packets_ops;

struct packets_options {
	const char *path;
	struct outfile_limits limits;
	struct pcapng_about about;
	__u64 snap_bytes; /* 0: headers */
	const char *secrets; /* TLS key log, NULL none; the caller's for as long as this lives */
	size_t secrets_size;
	struct mask *mask; /* NULL: as it is */
	bool choose; /* files: packets_pick() writes; else packets_event() does */
	bool all; /* files: every packet, not only those of findings */
	bool whole; /* live: every packet of connections is told; else a few */
};

struct packets_counts {
	__u64 written;
	__u64 not_written; /* no room on the disk */
	__u64 early; /* live: written before their verdict could be known */
	__u64 cut; /* of which pieces are missing */
	__u64 comments_lost; /* the verdict's text was gone, or there was no room to keep it */
};

/* Creates the file. Logs what is wrong with it. Returns 0 or a negative errno. */
int packets_open(struct packets **out, const struct packets_options *options);

/*
 * Every event, so that owners are known; @wanted: its packet is to be written, if it has one.
 * Returns 0 or the error of a write.
 */
int packets_event(struct packets *packets, const struct join *join, const struct event *event,
		  bool wanted);

/* A verdict; @finding: as it was told, NULL: it was only counted in its group. */
void packets_verdict(struct packets *packets, const struct join *join,
		     const struct attempt *attempt, const struct verdict *verdict,
		     const struct finding *finding);

/* Files, the second time: writes the packet if a chosen verdict speaks of it. */
int packets_pick(struct packets *packets, const struct join *join, const struct event *event,
		 bool wanted);

/* Forgets what was chosen: the next file's times are others. Tells what had no packet. */
int packets_picked(struct packets *packets, const struct join *join);

/* The key log has grown: as pcapng_secrets(). */
void packets_secrets(struct packets *packets, const char *secrets, size_t secrets_size);

/* The stream ended: writes what is held. Live only. */
int packets_finish(struct packets *packets, const struct join *join);

bool packets_chooses(const struct packets *packets); /* by options.choose */
struct packets_counts packets_counts(const struct packets *packets);
/* Where the file was moved away, goes on in a new one of its name. 0 or negative errno. */
int packets_reopen(struct packets *packets);
int packets_close(struct packets *packets); /* NULL is fine */
