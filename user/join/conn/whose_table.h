/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whose_table.h - owners of packets by socket and by ends; private to join */
#pragma once

#include "join/core.h"

int whose_new(struct whose **out, struct owners *owners); /* 0 or -ENOMEM */
void whose_free(struct whose *whose); /* NULL is fine */
void whose_event(struct whose *whose, const struct event *event);
