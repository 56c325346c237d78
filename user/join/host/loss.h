/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loss.h - records that never came; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int loss_new(struct loss **out);
void loss_free(struct loss *loss);

/* A gap in a CPU's records has a position: between this record and the one before it. */
void loss_note(struct join *join, const struct event_header *head);
void loss_event(struct join *join, const struct event *event); /* EVENT_LOST, EVENT_SUPPRESSED */

/* Was a loss noticed at @from_ns or later? */
bool loss_since(const struct join *join, __u64 from_ns);
