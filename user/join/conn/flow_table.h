/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_table.h - connections by what their sockets count, under flows; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int flow_table_new(struct flow_table **out, struct owners *owners, __u32 room);
void flow_table_free(struct flow_table *table);
void flow_event(struct join *join, const struct event *event);
