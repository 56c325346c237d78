/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bypass_table.h - segments that were reset for want of a socket; private to join */
#pragma once

#include "join/conn/bypass.h"
#include "join/core.h"

int bypasses_new(struct bypasses **out); /* 0 or -ENOMEM */
void bypasses_free(struct bypasses *bypasses);

/* A reset that this host sent, or a drop; what is no such segment is left out. */
void bypass_note(struct join *join, const struct event *event);
