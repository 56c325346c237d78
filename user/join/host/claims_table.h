/* SPDX-License-Identifier: GPL-2.0-or-later */
/* claims_table.h - addresses of a link and who says that they are his; private to join */
#pragma once

#include "join/core.h"

/* Returns 0 or -ENOMEM. */
int claims_new(struct claims **out);
void claims_free(struct claims *claims);

void claims_event(struct join *join, const struct event *event); /* a claim, or a frame of ARP */
void claims_packet(struct join *join, const struct event *event); /* a frame of what is not TCP */

/*
 * An address of which two machines say that it is theirs, for long enough at @now_ns, and of which
 * that was not told yet; NULL none. Stays the next one until claims_told().
 */
const struct address_claims *claims_next(struct join *join, __u64 now_ns);
void claims_told(struct join *join, const struct address_claims *claims);
