/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sight.h - which directions a capture shows at all; private to join */
#pragma once

#include "join/core.h"

/*
 * What is absent from a capture is missing only where it would have been seen: it may hold one
 * direction of everything, or nothing but UDP.
 */

/* Returns 0 or -ENOMEM. */
int sight_new(struct sight **out);
void sight_free(struct sight *sight);

void sight_note(struct join *join, const struct packet *packet);

/* Are packets to this address seen? One address in 2^32 is taken for another that is. */
bool sight_has(const struct join *join, const __u8 *address);
bool sight_has_tcp(const struct join *join);
