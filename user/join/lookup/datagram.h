/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagram.h - what UDP tells beside lookups, and the ICMP errors about it; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int datagrams_new(struct datagrams **out);
void datagrams_free(struct datagrams *datagrams);

void datagram_event(struct join *join, const struct event *event);
void datagram_quoted(struct join *join, const struct event *event);
void datagram_run_timers(struct join *join, __u64 now_ns);
void datagram_finish(struct join *join);
