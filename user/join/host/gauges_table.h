/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gauges_table.h - the gauges of all namespaces; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int gauges_new(struct gauges **out);
void gauges_free(struct gauges *gauges);

/*
 * Takes a reading. Returns the gauge when it is bad enough to be judged, and not told of since it
 * was not; else NULL.
 */
const struct gauge *gauges_event(struct join *join, const struct event *event);
/* Was told, and is not to be told of until it has been well again. */
void gauges_told(const struct gauge *gauge);
