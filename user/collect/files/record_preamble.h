/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_preamble.h - what is said once and holds from then on: start, hooks, names, places, the clock */
#pragma once

#include "event.h"

/*
 * Every part of a recording begins with it, whether it is a file of many or the last records in
 * memory, so that each can be judged by itself. Of what is told again the last word is kept.
 */

struct record_preamble;

enum record_said {
	RECORD_PASSES, /* it is no part of the preamble */
	RECORD_ONCE, /* kept: it is not told again */
	RECORD_AGAIN, /* kept: it may be told again, and then holds from there on */
	RECORD_NO_ROOM, /* it would be kept */
};

int record_preamble_new(struct record_preamble **out); /* 0 or -ENOMEM */
void record_preamble_free(struct record_preamble *preamble); /* NULL is fine */

/* @head: that of @record, whose size was checked. */
enum record_said record_preamble_note(struct record_preamble *preamble, const void *record,
				      const struct event_header *head);

/* Whole records, one behind the other. */
const __u8 *record_preamble_bytes(const struct record_preamble *preamble, size_t *size);
