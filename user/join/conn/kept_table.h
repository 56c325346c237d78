/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept_table.h - what processes keep of half-closed connections; private to join */
#pragma once

#include "join/conn/kept.h"
#include "join/core.h"

int kept_new(struct kept_table **out, struct owners *owners); /* 0 or -ENOMEM */
void kept_free(struct kept_table *table);

/* One that a look found; each socket once a look. */
void kept_add(struct kept_table *table, const struct event *event, bool served);

/* The look is over: what was not found any more is forgotten. */
void kept_look_over(struct kept_table *table);

/*
 * One that grew at three looks or more and for @least_ns, and is not told yet or has become twice as
 * many since; NULL none. Each is given once a look.
 */
const struct kept *kept_next(struct kept_table *table, __u64 least_ns);
