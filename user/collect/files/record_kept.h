/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_kept.h - the last records, in memory: they can be had as a recording when something has happened */
#pragma once

#include "collect/collect.h"

struct record_kept;

/* @bytes: of records; what is said once has room beside them. Returns 0 or -ENOMEM. */
int record_kept_new(struct record_kept **out, size_t bytes);
void record_kept_free(struct record_kept *kept); /* NULL is fine */

/* The oldest give way. One that is damaged, or larger than the room, is passed over. */
void record_kept_add(struct record_kept *kept, const void *record, size_t size);

/* What was said once, then all that are kept, in order. Returns 0 or what @sink returned. */
int record_kept_tell(const struct record_kept *kept, const struct record_sink *sink);
