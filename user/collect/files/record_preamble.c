// SPDX-License-Identifier: GPL-2.0-or-later
/* record_preamble.c - what is said once and holds from then on */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/files/record_preamble.h"

#define ROOM_BYTES (1u << 20)

struct record_preamble {
	size_t size;
	__u8 bytes[ROOM_BYTES];
};

int record_preamble_new(struct record_preamble **out)
{
	*out = malloc(sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->size = 0;
	return 0;
}

void record_preamble_free(struct record_preamble *preamble)
{
	free(preamble);
}

/* A record of the preamble that @head replaces; NULL: none does. */
static __u8 *find_replaced(struct record_preamble *preamble, const struct event_header *head)
{
	struct event_header old;

	for (size_t at = 0; at < preamble->size; at += old.size) {
		memcpy(&old, preamble->bytes + at, sizeof(old));
		if (old.kind == head->kind && old.size == head->size &&
		    (old.kind == EVENT_CLOCK ||
		     (old.netns == head->netns && old.ifindex == head->ifindex)))
			return preamble->bytes + at;
	}
	return NULL;
}

enum record_said record_preamble_note(struct record_preamble *preamble, const void *record,
				      const struct event_header *head)
{
	enum record_said said = RECORD_ONCE;
	__u8 *to = NULL;

	switch (head->kind) {
	case EVENT_CLOCK:
	case EVENT_NETNS:
	case EVENT_INTERFACE:
		said = RECORD_AGAIN;
		to = find_replaced(preamble, head);
		break;
	case EVENT_START:
	case EVENT_HOOK:
	case EVENT_NAME:
		break;
	default:
		return RECORD_PASSES;
	}
	if (!to && preamble->size + head->size > ROOM_BYTES)
		return RECORD_NO_ROOM;
	if (!to) {
		to = preamble->bytes + preamble->size;
		preamble->size += head->size;
	}
	memcpy(to, record, head->size);
	return said;
}

const __u8 *record_preamble_bytes(const struct record_preamble *preamble, size_t *size)
{
	*size = preamble->size;
	return preamble->bytes;
}
