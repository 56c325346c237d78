// SPDX-License-Identifier: GPL-2.0-or-later
/* pcapng.c - the blocks of a pcapng file (draft-ietf-opsawg-pcapng) */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/packets/pcapng.h"
#include "util/log.h"
#include "util/own.h"
#include "util/text.h"
#include "util/time.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a, /* 4.1 */
	BLOCK_INTERFACE = 1, /* 4.2 */
	BLOCK_STATISTICS = 5, /* 4.5 */
	BLOCK_PACKET = 6, /* 4.3 */
	BLOCK_JOURNAL = 9, /* 4.6 */
	BLOCK_SECRETS = 10, /* 4.7 */
};
enum { OPT_END = 0, OPT_COMMENT = 1 };
enum { SHB_HARDWARE = 2, SHB_OS = 3, SHB_APPLICATION = 4 };
enum { IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9 };
enum { EPB_FLAGS = 2, EPB_DROPCOUNT = 4, EPB_PROCESS_THREAD = 8 };
enum { FLAG_CHECKSUM_NOT_READY = 1 << 9, FLAG_OFFLOAD = 1 << 11 };
enum { ISB_IFDROP = 5, ISB_OSDROP = 7 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define SECRETS_TLS_KEY_LOG 0x544c534b
#define LINKTYPE_RAW 101 /* IPv4 or IPv6, the first four bits tell */
#define NANOSECONDS 9

/* The largest packet with all of its comments, and as much again, so that few writes do. */
#define BLOCK_MAX (PCAPNG_PACKET_MAX + PCAPNG_COMMENTS_MAX * (PCAPNG_COMMENT_MAX + 8) + 256)
#define BUFFER_BYTES (2 * BLOCK_MAX)
#define STATISTICS_BYTES 64

struct description {
	__u32 netns;
	__u32 ifindex;
	__u32 id; /* in this section, valid with .declared */
	bool declared;
	char name[80];
	char text[120];
	char holds[80];
};

struct pcapng {
	struct outfile *file;
	struct pcapng_counts counts;
	const char *secrets;
	size_t secrets_size;
	size_t secrets_written; /* in this section */
	char hardware[64];
	char os[96];
	bool begun; /* this file has packets: it may end */
	bool broken; /* a rotation failed: there is no file */
	__u64 lost, lost_told; /* in all, and at the end of the section before */
	__u64 refused_told; /* of .counts.not_written the same */
	__u64 latest_ns; /* of packets */
	__u32 declared; /* interfaces of this section */
	__u32 declared_written; /* of those, in the file */
	__u64 waiting; /* packets and entries in the buffer */
	__u64 waiting_packets;
	__u32 interfaces_count;
	struct description interfaces[PCAPNG_INTERFACES_MAX];
	size_t length;
	size_t block; /* where the block that is being made begins */
	__u8 buffer[BUFFER_BYTES];
};

/* ---- bytes; the callers have made room ---- */

static void put(struct pcapng *pcapng, const void *bytes, size_t size)
{
	if (size)
		memcpy(pcapng->buffer + pcapng->length, bytes, size);
	pcapng->length += size;
}

static void put_u16(struct pcapng *pcapng, __u16 value)
{
	put(pcapng, &value, sizeof(value));
}

static void put_u32(struct pcapng *pcapng, __u32 value)
{
	put(pcapng, &value, sizeof(value));
}

/* Blocks and options end at multiples of four bytes. */
static void put_padded(struct pcapng *pcapng, const void *bytes, size_t size)
{
	put(pcapng, bytes, size);
	while (pcapng->length & 3)
		pcapng->buffer[pcapng->length++] = 0;
}

static void put_option(struct pcapng *pcapng, __u16 code, const void *value, size_t size)
{
	put_u16(pcapng, code);
	put_u16(pcapng, (__u16)size);
	put_padded(pcapng, value, size);
}

static void put_text(struct pcapng *pcapng, __u16 code, const char *text)
{
	if (text[0])
		put_option(pcapng, code, text, strlen(text));
}

static void block_begin(struct pcapng *pcapng, __u32 type)
{
	pcapng->block = pcapng->length;
	put_u32(pcapng, type);
	put_u32(pcapng, 0);
}

/* The length of a block stands in front and behind. */
static void block_end(struct pcapng *pcapng)
{
	__u32 size = (__u32)(pcapng->length - pcapng->block + sizeof(size));

	memcpy(pcapng->buffer + pcapng->block + sizeof(size), &size, sizeof(size));
	put_u32(pcapng, size);
}

/* ---- the file ---- */

/* What could not be written is as if it had never been: also the interfaces it made known. */
static void take_back(struct pcapng *pcapng)
{
	for (__u32 i = 0; i < pcapng->interfaces_count; i++)
		if (pcapng->interfaces[i].id >= pcapng->declared_written)
			pcapng->interfaces[i].declared = false;
	pcapng->declared = pcapng->declared_written;
	pcapng->counts.not_written += pcapng->waiting;
}

int pcapng_flush(struct pcapng *pcapng)
{
	int err = 0;

	if (pcapng->length)
		err = pcapng->broken ? -EBADF :
				       outfile_write(pcapng->file, pcapng->buffer, pcapng->length);
	if (err)
		take_back(pcapng);
	else
		pcapng->counts.packets += pcapng->waiting_packets;
	pcapng->declared_written = pcapng->declared;
	pcapng->waiting = pcapng->waiting_packets = 0;
	pcapng->length = 0;
	return err;
}

/*
 * What of the key log is not in this section yet, behind what waits. One write, so that no half of
 * a block is left where the disk is full.
 */
static int write_secrets(struct pcapng *pcapng)
{
	__u32 length = (__u32)(pcapng->secrets_size - pcapng->secrets_written);
	__u32 size = (20 + length + 3) & ~3u;
	__u32 head[] = { BLOCK_SECRETS, size, SECRETS_TLS_KEY_LOG, length };
	_cleanup_free_ __u8 *block = NULL;
	int err = pcapng_flush(pcapng);

	if (err)
		return err;
	block = calloc(1, size);
	if (!block)
		return -ENOMEM;
	memcpy(block, head, sizeof(head));
	memcpy(block + sizeof(head), pcapng->secrets + pcapng->secrets_written, length);
	memcpy(block + size - sizeof(size), &size, sizeof(size));
	err = pcapng->broken ? -EBADF : outfile_write(pcapng->file, block, size);
	if (!err)
		pcapng->secrets_written = pcapng->secrets_size;
	return err;
}

void pcapng_secrets(struct pcapng *pcapng, const char *secrets, size_t secrets_size)
{
	pcapng->secrets = secrets;
	pcapng->secrets_size = secrets_size;
}

/* Secrets stand before the packets that they open: readers that go through once need them there. */
static int begin_section(struct pcapng *pcapng)
{
	const __s64 length_unknown = -1;
	int err;

	for (__u32 i = 0; i < pcapng->interfaces_count; i++)
		pcapng->interfaces[i].declared = false;
	pcapng->declared = pcapng->declared_written = 0;
	pcapng->secrets_written = 0;
	pcapng->begun = false;
	block_begin(pcapng, BLOCK_SECTION);
	put_u32(pcapng, BYTE_ORDER_MAGIC);
	put_u16(pcapng, 1);
	put_u16(pcapng, 0);
	put(pcapng, &length_unknown, sizeof(length_unknown));
	put_text(pcapng, SHB_HARDWARE, pcapng->hardware);
	put_text(pcapng, SHB_OS, pcapng->os);
	put_text(pcapng, SHB_APPLICATION, "sockwhy " SOCKWHY_VERSION);
	put_option(pcapng, OPT_END, NULL, 0);
	block_end(pcapng);
	err = pcapng_flush(pcapng);
	return err || !pcapng->secrets_size ? err : write_secrets(pcapng);
}

int pcapng_open(struct pcapng **out, const char *path, const struct outfile_limits *limits,
		const struct pcapng_about *about, const char *secrets, size_t secrets_size)
{
	struct pcapng *pcapng = calloc(1, sizeof(*pcapng));
	int err;

	if (!pcapng)
		return log_error_r(-ENOMEM, "%s", path);
	pcapng->secrets = secrets;
	pcapng->secrets_size = secrets_size;
	snprintf(pcapng->hardware, sizeof(pcapng->hardware), "%s", about->hardware ?: "");
	snprintf(pcapng->os, sizeof(pcapng->os), "%s", about->os ?: "");
	err = outfile_open(&pcapng->file, path, limits);
	if (!err) {
		err = begin_section(pcapng);
		if (err && !outfile_is_at_reserve(pcapng->file))
			log_error_r(err, "%s: writing", path);
	}
	if (err) {
		outfile_close(pcapng->file);
		free(pcapng);
		return err;
	}
	*out = pcapng;
	return 0;
}

/*
 * What is missing from this section, at its first interface: of the others nothing is known. Counts are
 * since its begin.
 */
static void put_statistics(struct pcapng *pcapng)
{
	__u64 lost = pcapng->lost - pcapng->lost_told;
	__u64 refused = pcapng->counts.not_written - pcapng->refused_told;

	if ((!lost && !refused) || !pcapng->declared || pcapng->broken)
		return;
	block_begin(pcapng, BLOCK_STATISTICS);
	put_u32(pcapng, 0);
	put_u32(pcapng, pcapng->latest_ns >> 32);
	put_u32(pcapng, (__u32)pcapng->latest_ns);
	if (refused)
		put_option(pcapng, ISB_IFDROP, &refused, sizeof(refused));
	if (lost)
		put_option(pcapng, ISB_OSDROP, &lost, sizeof(lost));
	put_option(pcapng, OPT_END, NULL, 0);
	block_end(pcapng);
}

static void end_section(struct pcapng *pcapng)
{
	pcapng_flush(pcapng); /* what it lost is counted */
	put_statistics(pcapng);
	if (pcapng->length)
		pcapng_flush(pcapng);
	pcapng->lost_told = pcapng->lost;
	pcapng->refused_told = pcapng->counts.not_written;
}

void pcapng_lost(struct pcapng *pcapng, __u64 lost)
{
	pcapng->lost = lost;
}

int pcapng_reopen(struct pcapng *pcapng)
{
	int err;

	if (pcapng->broken)
		return -EBADF;
	pcapng_flush(pcapng); /* what it lost is counted */
	if (outfile_prepare(pcapng->file) <= 0)
		return 0;
	err = outfile_turn(pcapng->file);
	pcapng->broken = err;
	err = err ? err : begin_section(pcapng);
	return err ? err : pcapng_flush(pcapng);
}

/* Makes room in the buffer, or a new file. @size: of the block, at least. */
static int make_room(struct pcapng *pcapng, size_t size)
{
	int err = 0;

	if (pcapng->broken)
		return -EBADF;
	if (pcapng->begun &&
	    outfile_is_full(pcapng->file, pcapng->length + size + STATISTICS_BYTES)) {
		end_section(pcapng);
		err = outfile_turn(pcapng->file);
		pcapng->broken = err;
		return err ? err : begin_section(pcapng);
	}
	if (pcapng->length + size > sizeof(pcapng->buffer))
		err = pcapng_flush(pcapng);
	return err;
}

/* ---- interfaces ---- */

bool pcapng_knows_interface(const struct pcapng *pcapng, __u32 netns, __u32 ifindex,
			    __u32 *interface)
{
	for (__u32 i = 0; i < pcapng->interfaces_count; i++) {
		if (pcapng->interfaces[i].netns != netns ||
		    pcapng->interfaces[i].ifindex != ifindex)
			continue;
		*interface = i;
		return true;
	}
	return false;
}

__u32 pcapng_interface(struct pcapng *pcapng, __u32 netns, __u32 ifindex, const char *name,
		       const char *description, const char *holds)
{
	struct description *made;
	__u32 known;

	if (pcapng_knows_interface(pcapng, netns, ifindex, &known))
		return known;
	if (pcapng->interfaces_count == PCAPNG_INTERFACES_MAX)
		return PCAPNG_INTERFACES_MAX - 1;
	known = pcapng->interfaces_count++;
	made = &pcapng->interfaces[known];
	made->netns = netns;
	made->ifindex = ifindex;
	if (known == PCAPNG_INTERFACES_MAX - 1) {
		name = "";
		description = "further interfaces";
	}
	snprintf(made->name, sizeof(made->name), "%s", name);
	snprintf(made->text, sizeof(made->text), "%s", description);
	snprintf(made->holds, sizeof(made->holds), "%s", holds);
	return known;
}

static void put_interface(struct pcapng *pcapng, struct description *made)
{
	const __u8 resolution = NANOSECONDS;

	made->declared = true;
	made->id = pcapng->declared++;
	block_begin(pcapng, BLOCK_INTERFACE);
	put_u16(pcapng, LINKTYPE_RAW);
	put_u16(pcapng, 0);
	put_u32(pcapng, PCAPNG_PACKET_MAX);
	put_text(pcapng, OPT_COMMENT, made->holds);
	put_text(pcapng, IF_NAME, made->name);
	put_text(pcapng, IF_DESCRIPTION, made->text);
	put_option(pcapng, IF_TSRESOL, &resolution, sizeof(resolution));
	put_option(pcapng, OPT_END, NULL, 0);
	block_end(pcapng);
}

/* ---- packets and entries ---- */

static size_t comment_size(const char *comment)
{
	size_t size = strnlen(comment, PCAPNG_COMMENT_MAX + 1);

	if (size <= PCAPNG_COMMENT_MAX)
		return size;
	/* not in the middle of a character (RFC 3629: continuation bytes begin with 10) */
	for (size = PCAPNG_COMMENT_MAX; size && (comment[size] & 0xc0) == 0x80; size--)
		;
	return size;
}

static void put_packet_options(struct pcapng *pcapng, const struct pcapng_packet *packet,
			       size_t comments)
{
	size_t begin = pcapng->length;
	const __u32 who[] = { packet->pid, packet->tid };
	__u32 flags = packet->direction;

	if (packet->offload)
		flags |= FLAG_CHECKSUM_NOT_READY | FLAG_OFFLOAD;
	for (size_t i = 0; i < comments; i++)
		put_option(pcapng, OPT_COMMENT, packet->comments[i],
			   comment_size(packet->comments[i]));
	if (flags)
		put_option(pcapng, EPB_FLAGS, &flags, sizeof(flags));
	if (packet->lost)
		put_option(pcapng, EPB_DROPCOUNT, &packet->lost, sizeof(packet->lost));
	if (packet->pid)
		put_option(pcapng, EPB_PROCESS_THREAD, who, sizeof(who));
	if (pcapng->length != begin)
		put_option(pcapng, OPT_END, NULL, 0);
}

int pcapng_packet(struct pcapng *pcapng, const struct pcapng_packet *packet)
{
	size_t captured = packet->captured, comments = packet->comments_count, size;
	struct description *interface;
	int err;

	if (captured > PCAPNG_PACKET_MAX)
		captured = PCAPNG_PACKET_MAX;
	if (comments > PCAPNG_COMMENTS_MAX)
		comments = PCAPNG_COMMENTS_MAX;
	size = captured + 2 * sizeof(struct description) + 128;
	for (size_t i = 0; i < comments; i++)
		size += comment_size(packet->comments[i]) + 8;
	err = make_room(pcapng, size);
	if (!err && pcapng->secrets_written < pcapng->secrets_size)
		err = write_secrets(pcapng);
	if (err) {
		pcapng->counts.not_written++;
		return err;
	}
	interface = &pcapng->interfaces[packet->interface];
	if (!interface->declared)
		put_interface(pcapng, interface);
	block_begin(pcapng, BLOCK_PACKET);
	put_u32(pcapng, interface->id);
	put_u32(pcapng, packet->time_ns >> 32);
	put_u32(pcapng, (__u32)packet->time_ns);
	put_u32(pcapng, (__u32)captured);
	put_u32(pcapng, (__u32)packet->wire);
	put_padded(pcapng, packet->bytes, captured);
	put_packet_options(pcapng, packet, comments);
	block_end(pcapng);
	if (packet->time_ns > pcapng->latest_ns)
		pcapng->latest_ns = packet->time_ns;
	pcapng->begun = true;
	pcapng->waiting++;
	pcapng->waiting_packets++;
	return 0;
}

int pcapng_entry(struct pcapng *pcapng, __u64 time_ns, int priority, const char *comment)
{
	char buffer[PCAPNG_COMMENT_MAX + 160];
	struct text text = text_of(buffer);
	int err = make_room(pcapng, sizeof(buffer) + 32);

	if (err) {
		pcapng->counts.not_written++;
		return err;
	}
	text_add(&text,
		 "__REALTIME_TIMESTAMP=%llu\nPRIORITY=%d\nSYSLOG_IDENTIFIER=sockwhy\nMESSAGE=",
		 time_ns / NS_PER_US, priority);
	text_add(&text, "%.*s", (int)comment_size(comment), comment);
	/* an entry of the format is a line a field: a newline would begin another */
	for (char *at = strstr(buffer, "MESSAGE="); *at; at++)
		if (*at == '\n')
			*at = ' ';
	block_begin(pcapng, BLOCK_JOURNAL);
	put(pcapng, buffer, text.length);
	put_padded(pcapng, "\n", 1);
	block_end(pcapng);
	pcapng->begun = true;
	pcapng->waiting++;
	return 0;
}

/* ---- end ---- */

const struct pcapng_counts *pcapng_counts(const struct pcapng *pcapng)
{
	return &pcapng->counts;
}

int pcapng_close(struct pcapng *pcapng)
{
	int err, closed;

	if (!pcapng)
		return 0;
	err = pcapng_flush(pcapng);
	end_section(pcapng);
	closed = outfile_close(pcapng->file);
	free(pcapng);
	return err ? err : closed;
}
