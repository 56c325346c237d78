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

	hash_remove(&packets->by, (__u32)(held - packets->held));
	for (size_t i = 0; i < 2; i++) {
		text = text_of_number(packets, held->texts[i]);
		if (text)
			texts[count++] = text;
	}
	if (held->kind == EVENT_NONE)
		return count ? packets_write_entry(packets, join, held->mark.ts_ns, held->severity,
						   texts[0]) :
			       0;
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

struct held *packets_hold_slot(struct packets *packets, const struct join *join, const __u8 *bytes,
			       size_t captured, int *err)
{
	__u64 at = packets->bytes_end, over;
	struct held *held;
	int written;

	if (packets->held_first == packets->held_end)
		at = 0; /* memory that was used before */
	over = at % packets->bytes_size + captured;
	if (over > packets->bytes_size)
		at += packets->bytes_size - at % packets->bytes_size;
	while (!has_slots(packets) || !has_bytes(packets, at + captured)) {
		/* had its time come, a tick would have written it */
		packets->counts.early++;
		written = packets_write_oldest(packets, join);
		*err = *err ? *err : written;
	}
	held = packets_held_at(packets, packets->held_end++);
	held->texts[0] = held->texts[1] = NONE;
	held->at = at;
	held->captured = (__u32)captured;
	if (captured)
		memcpy(packets->bytes + at % packets->bytes_size, bytes, captured);
	packets->bytes_end = at + captured;
	return held;
}
