// SPDX-License-Identifier: GPL-2.0-or-later
/* record_kept.c - the last records, in memory */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/files/record_kept.h"
#include "collect/files/record_preamble.h"

struct record_kept {
	struct record_preamble *preamble;
	size_t room;
	size_t first; /* where the oldest begins */
	size_t used; /* from there on, past the end from the begin */
	__u8 bytes[];
};

int record_kept_new(struct record_kept **out, size_t bytes)
{
	struct record_kept *kept = malloc(sizeof(*kept) + bytes);

	if (!kept)
		return -ENOMEM;
	*kept = (struct record_kept){ .room = bytes };
	if (record_preamble_new(&kept->preamble)) {
		free(kept);
		return -ENOMEM;
	}
	*out = kept;
	return 0;
}

void record_kept_free(struct record_kept *kept)
{
	if (kept)
		record_preamble_free(kept->preamble);
	free(kept);
}

static void copy_out(const struct record_kept *kept, size_t at, void *to, size_t size)
{
	size_t head = kept->room - at < size ? kept->room - at : size;

	memcpy(to, kept->bytes + at, head);
	memcpy((__u8 *)to + head, kept->bytes, size - head);
}

static void copy_in(struct record_kept *kept, size_t at, const void *from, size_t size)
{
	size_t head = kept->room - at < size ? kept->room - at : size;

	memcpy(kept->bytes + at, from, head);
	memcpy(kept->bytes, (const __u8 *)from + head, size - head);
}

void record_kept_add(struct record_kept *kept, const void *record, size_t size)
{
	struct event_header head, oldest;

	if (size < sizeof(head))
		return;
	memcpy(&head, record, sizeof(head));
	if (head.size < sizeof(head) || head.size > size || head.size > EVENT_SIZE_MAX ||
	    head.size > kept->room)
		return;
	if (record_preamble_note(kept->preamble, record, &head) == RECORD_ONCE)
		return;
	while (kept->room - kept->used < head.size) {
		copy_out(kept, kept->first, &oldest, sizeof(oldest));
		kept->first = (kept->first + oldest.size) % kept->room;
		kept->used -= oldest.size;
	}
	copy_in(kept, (kept->first + kept->used) % kept->room, record, head.size);
	kept->used += head.size;
}

int record_kept_tell(const struct record_kept *kept, const struct record_sink *sink)
{
	_Alignas(struct event_header) __u8 record[EVENT_SIZE_MAX];
	struct event_header head;
	size_t size;
	const __u8 *preamble = record_preamble_bytes(kept->preamble, &size);
	int err = 0;

	for (size_t at = 0; at < size && !err; at += head.size) {
		memcpy(&head, preamble + at, sizeof(head));
		err = sink->take(sink->ctx, preamble + at, head.size);
	}
	for (size_t at = 0; at < kept->used && !err; at += head.size) {
		size_t place = (kept->first + at) % kept->room;

		copy_out(kept, place, &head, sizeof(head));
		copy_out(kept, place, record, head.size);
		err = sink->take(sink->ctx, record, head.size);
	}
	return err;
}
