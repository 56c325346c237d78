// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_hold.c - where packets wait: a ring of slots, and one of their bytes */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/packets/packets_table.h"

int packets_hold_allocate(struct packets *packets)
{
	packets->bytes_size = packets->options.snap_bytes > EVENT_PACKET_MAX ? PACKETS_BYTES_LONG :
									       PACKETS_BYTES_SHORT;
	packets->held = calloc(PACKETS_HELD_MAX, sizeof(*packets->held));
	packets->bytes = malloc(packets->bytes_size);
	return packets->held && packets->bytes ? 0 : -ENOMEM;
}

struct held *packets_held_at(const struct packets *packets, __u32 number)
{
	return &packets->held[number % PACKETS_HELD_MAX];
}

/* Is the packet of this number still here? */
bool packets_is_held(const struct packets *packets, __u32 number)
{
	return number != NONE &&
	       number - packets->held_first < packets->held_end - packets->held_first;
}

static const char *text_of_number(struct packets *packets, __u32 number)
{
	if (number == NONE)
		return NULL;
	if (packets->texts_end - number > PACKETS_TEXTS_MAX) {
		packets->counts.comments_lost++;
		return NULL;
	}
	return packets->texts[number % PACKETS_TEXTS_MAX];
}

int packets_write_oldest(struct packets *packets, const struct join *join)
{
	struct held *held = packets_held_at(packets, packets->held_first++);
	const char *texts[2], *text;
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		text = packets->options.choose ? held->words[i] :
						 text_of_number(packets, held->texts[i]);
		if (text)
			texts[count++] = text;
	}
	if (held->kind == EVENT_NONE)
		return count ? packets_write_entry(packets, held->of.ts_ns, held->severity,
						   texts[0]) :
			       0;
	packets->counts.cut += held->pieces && held->captured < held->room;
	return packets_write(packets, join, held, packets->bytes + held->at % packets->bytes_size,
			     held->captured, texts, count);
}

static bool has_slots(const struct packets *packets)
{
	return packets->held_end - packets->held_first < PACKETS_HELD_MAX;
}

/* Would the bytes up to @end stand on those of the oldest? */
static bool has_bytes(const struct packets *packets, __u64 end)
{
	return packets->held_first == packets->held_end ||
	       end - packets_held_at(packets, packets->held_first)->at <= packets->bytes_size;
}

struct held *packets_hold_slot(struct packets *packets, const struct join *join, size_t room,
			       int *err)
{
	__u64 at = packets->bytes_end, over;
	struct held *held;
	int written;

	if (packets->held_first == packets->held_end)
		at = 0; /* memory that was used before */
	over = at % packets->bytes_size + room;
	if (over > packets->bytes_size)
		at += packets->bytes_size - at % packets->bytes_size;
	while (!has_slots(packets) || !has_bytes(packets, at + room)) {
		/* had its time come, a tick would have written it */
		packets->counts.early += !packets->options.choose;
		written = packets_write_oldest(packets, join);
		*err = *err ? *err : written;
	}
	held = packets_held_at(packets, packets->held_end++);
	held->previous = NONE;
	held->texts[0] = held->texts[1] = NONE;
	held->at = at;
	held->room = (__u32)room;
	packets->bytes_end = at + room;
	return held;
}

void packets_hold_bytes(struct packets *packets, struct held *held, const struct event *event,
			size_t captured)
{
	held->captured = (__u32)(captured < held->room ? captured : held->room);
	memcpy(packets->bytes + held->at % packets->bytes_size, event->bytes, held->captured);
	held->cpu = event->head.cpu;
	held->pieces = event->head.kind == EVENT_PACKET && (event->head.known & EVENT_K_PIECES);
	held->open = held->pieces && held->captured < held->room;
	if (held->open) /* its slot is the last one */
		packets->open_by_cpu[held->cpu & (OPEN_CPUS - 1)] = packets->held_end;
}

/* A CPU tells of a packet, then of its pieces in order, then of the next. */
void packets_hold_piece(struct packets *packets, const struct event *event)
{
	const struct ev_piece *piece = &event->piece;
	__u32 number = packets->open_by_cpu[event->head.cpu & (OPEN_CPUS - 1)] - 1, size;
	struct held *held;

	if (!packets_is_held(packets, number))
		return;
	held = packets_held_at(packets, number);
	if (!held->open || held->cpu != event->head.cpu || held->of.ts_ns != piece->packet_ns ||
	    held->captured != piece->offset)
		return;
	size = held->room - held->captured;
	if (size > piece->size)
		size = piece->size;
	memcpy(packets->bytes + held->at % packets->bytes_size + held->captured, piece->bytes,
	       size);
	held->captured += size;
	held->open = !piece->last && held->captured < held->room;
}
