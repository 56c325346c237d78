/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_table.h - connections by what their sockets count, under flows; private to join */
#pragma once

#include "join/conn/conn.h"
#include "join/core.h"

int flow_table_new(struct flow_table **out, struct conns *conns, size_t room); /* 0 or -ENOMEM */
void flow_table_free(struct flow_table *table);
void flow_event(struct join *join, const struct event *event);
