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
/* Does anybody listen on that port, on whatever address and in whatever namespace? */
bool listener_has_port(const struct join *join, __u16 port);
/* A SYN of another machine came for whoever listens at @tuple's remote side. */
void listener_note_syn(struct join *join, __u32 netns, const struct event_tuple *tuple,
		       __u64 now_ns);
void listener_note_unfinished(struct join *join, __u64 cookie, __u64 now_ns);
void listener_note_flooded(struct join *join, __u64 cookie, __u64 now_ns);
/* A copy that outlives it, with owners of its own; give them back with NULL. */
void listener_copy(struct join *join, struct listener *copy, const struct listener *listener);
