// SPDX-License-Identifier: GPL-2.0-or-later
/* pieces.c - packets put together from their record and the pieces that follow it */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/pieces.h"

#define OPEN_CPUS 1024 /* a power of two */
#define ALIGN 32 /* of entries; what is left at the end of the ring has room for one */

/* One record that waits. Its bytes follow, and of a packet in pieces all that are to come. */
struct entry {
	__u64 ts_ns; /* of a packet */
	__u32 length; /* with all that follows */
	__u32 kept; /* bytes of the record */
	__u32 room; /* of a packet in pieces: how many bytes are wanted */
	__u32 captured; /* and how many are there */
	__u16 cpu;
	bool open; /* more of it is to come */
	bool put; /* a piece whose bytes are where they belong: what stands before them is kept */
	bool gap; /* no record: the ring goes round here */
};

struct pieces {
	__u8 *bytes; /* ring */
	__u64 first, end; /* grow; modulo PIECES_BYTES */
	__u64 given; /* so many bytes of it are of the event that was given last */
	__u64 open_by_cpu[OPEN_CPUS]; /* where its last packet in pieces stands, plus one; 0 none */
	__u64 now_ns; /* of the ticks */
	bool ended;
};

_Static_assert(sizeof(struct entry) == ALIGN, "an entry fits where the ring goes round");
_Static_assert(PIECES_BYTES % ALIGN == 0, "the ring is made of entries");

#define PIECE_FIXED (sizeof(struct event_header) + offsetof(struct ev_piece, bytes))
#define ROUND_UP(size) (((__u32)(size) + ALIGN - 1) / ALIGN * ALIGN)
/* The longest entry, and as much again that is lost where the ring goes round. */
#define ROOM_MOST (2 * (ALIGN + ROUND_UP(EVENT_SIZE_MAX) + ROUND_UP(EVENT_SNAP_MAX)))

int pieces_new(struct pieces **out)
{
	struct pieces *pieces = calloc(1, sizeof(*pieces));

	if (!pieces)
		return -ENOMEM;
	pieces->bytes = malloc(PIECES_BYTES);
	if (!pieces->bytes) {
		free(pieces);
		return -ENOMEM;
	}
	*out = pieces;
	return 0;
}

void pieces_free(struct pieces *pieces)
{
	if (!pieces)
		return;
	free(pieces->bytes);
	free(pieces);
}

void pieces_forget(struct pieces *pieces)
{
	__u8 *bytes = pieces->bytes;

	memset(pieces, 0, sizeof(*pieces));
	pieces->bytes = bytes;
}

void pieces_end(struct pieces *pieces)
{
	pieces->ended = true;
}

static struct entry *entry_at(const struct pieces *pieces, __u64 at)
{
	return (struct entry *)(pieces->bytes + at % PIECES_BYTES);
}

static __u8 *record_of(struct entry *entry)
{
	return (__u8 *)(entry + 1);
}

static __u8 *packet_of(struct entry *entry)
{
	return record_of(entry) + ROUND_UP(entry->kept);
}

static size_t room_left(const struct pieces *pieces)
{
	return PIECES_BYTES - (size_t)(pieces->end - pieces->first);
}

/* NULL: there is no room. Of a record that is too long only its begin is looked at. */
static struct entry *add(struct pieces *pieces, const void *record, size_t size, size_t room)
{
	size_t kept = size < EVENT_SIZE_MAX ? size : EVENT_SIZE_MAX;
	__u32 length = ALIGN + ROUND_UP(kept) + ROUND_UP(room);
	size_t rest = PIECES_BYTES - pieces->end % PIECES_BYTES;
	struct entry *entry = entry_at(pieces, pieces->end);

	if (room_left(pieces) < length + (rest < length ? rest : 0))
		return NULL;
	if (rest < length) {
		*entry = (struct entry){ .length = (__u32)rest, .gap = true };
		pieces->end += rest;
		entry = entry_at(pieces, pieces->end);
	}
	*entry = (struct entry){ .length = length, .kept = (__u32)kept, .room = (__u32)room };
	memcpy(record_of(entry), record, kept);
	pieces->end += length;
	return entry;
}

/* Does the packet of this CPU still wait for more of it? */
static struct entry *open_of(const struct pieces *pieces, __u16 cpu)
{
	__u64 at = pieces->open_by_cpu[cpu & (OPEN_CPUS - 1)] - 1;
	struct entry *entry;

	if (at == ~0ull || at < pieces->first)
		return NULL;
	entry = entry_at(pieces, at);
	return entry->open ? entry : NULL;
}

static bool hold_packet(struct pieces *pieces, const void *record, size_t size,
			const struct event *event)
{
	struct entry *entry, *before = open_of(pieces, event->head.cpu);
	__u32 room = event->packet_raw.raw.wire_bytes;

	if (before)
		before->open = false;
	if (room > EVENT_SNAP_MAX)
		room = EVENT_SNAP_MAX;
	entry = add(pieces, record, size, room);
	if (!entry)
		return false;
	entry->ts_ns = event->head.ts_ns;
	entry->cpu = event->head.cpu;
	entry->captured = (__u32)event->bytes_captured;
	entry->open = entry->captured < room;
	memcpy(packet_of(entry), event->bytes, entry->captured);
	pieces->open_by_cpu[entry->cpu & (OPEN_CPUS - 1)] = pieces->end - entry->length + 1;
	return true;
}

/* Puts it to its packet. False: that does not wait, or what stands between is missing. */
static bool put_piece(struct pieces *pieces, const struct event *event)
{
	const struct ev_piece *piece = &event->piece;
	struct entry *entry = open_of(pieces, event->head.cpu);
	__u32 size;

	if (!entry || entry->cpu != event->head.cpu || entry->ts_ns != piece->packet_ns ||
	    entry->captured != piece->offset)
		return false;
	size = entry->room - entry->captured;
	if (size > piece->size)
		size = piece->size;
	memcpy(packet_of(entry) + entry->captured, piece->bytes, size);
	entry->captured += size;
	entry->open = !piece->last && entry->captured < entry->room;
	return true;
}

static bool hold_piece(struct pieces *pieces, const void *record, size_t size,
		       const struct event *event)
{
	bool put = put_piece(pieces, event);
	struct entry *entry = add(pieces, record, put ? PIECE_FIXED : size, 0);

	if (entry)
		entry->put = put;
	return entry;
}

bool pieces_hold(struct pieces *pieces, const void *record, size_t size)
{
	bool waits = pieces->first != pieces->end, begins;
	struct event_header head = { 0 };
	struct event event;

	memcpy(&head, record, size < sizeof(head) ? size : sizeof(head));
	begins = head.kind == EVENT_PACKET && (head.known & EVENT_K_PIECES);
	if (!waits && !begins)
		return false;
	if (head.kind == EVENT_TICK && head.ts_ns > pieces->now_ns)
		pieces->now_ns = head.ts_ns;
	/* what decode refuses is refused in its place */
	if ((begins || head.kind == EVENT_PIECE) && !decode_event(record, size, &event))
		return begins ? hold_packet(pieces, record, size, &event) :
				hold_piece(pieces, record, size, &event);
	return waits && add(pieces, record, size, 0);
}

static bool must_wait(const struct pieces *pieces, const struct entry *entry)
{
	return entry->open && !pieces->ended && entry->ts_ns + PIECES_COME_NS > pieces->now_ns &&
	       room_left(pieces) >= ROOM_MOST;
}

/* A piece that was put to its packet says nothing more than that it came. */
static int give_piece(struct entry *entry, struct event *event)
{
	memcpy(&event->head, record_of(entry), sizeof(event->head));
	memcpy(&event->piece, record_of(entry) + sizeof(event->head),
	       offsetof(struct ev_piece, bytes));
	event->packet.what = PACKET_NONE;
	event->claim.how = CLAIM_NONE;
	event->bytes = NULL;
	event->bytes_captured = 0;
	return 1;
}

int pieces_next(struct pieces *pieces, struct event *event)
{
	struct entry *entry;
	int err;

	pieces->first += pieces->given;
	pieces->given = 0;
	if (pieces->first != pieces->end && entry_at(pieces, pieces->first)->gap)
		pieces->first += entry_at(pieces, pieces->first)->length;
	if (pieces->first == pieces->end)
		return 0;
	entry = entry_at(pieces, pieces->first);
	if (must_wait(pieces, entry))
		return 0;
	entry->open = false;
	pieces->given = entry->length;
	if (entry->put)
		return give_piece(entry, event);
	err = decode_event(record_of(entry), entry->kept, event);
	if (err)
		return err;
	if (entry->room) {
		event->bytes = packet_of(entry);
		event->bytes_captured = entry->captured;
	}
	return 1;
}
