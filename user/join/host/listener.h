/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listener.h - who listens where, now; private to join */
#pragma once

#include "join/core.h"

/* At most @room at once. Returns 0 or -ENOMEM. */
int listeners_new(struct listeners **out, size_t room);
void listeners_free(struct listeners *listeners);

void listener_open(struct join *join, const struct event *event);
void listener_snapshot(struct join *join, const struct event *event);
void listener_close(struct join *join, const struct event *event);
void listener_accept_failed(struct join *join, const struct event *event);

/* Valid until the next record. NULL: none known. */
const struct listener *listener_by_cookie(const struct join *join, __u64 cookie);
