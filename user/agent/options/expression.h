/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expression.h - pcap-filter expressions over a connection's addresses and ports */
#pragma once

#include <stdbool.h>

#include "event.h"

/*
 * Theory of operation
 *
 * libpcap compiles the expression for packets that begin with an IP header. A connection is
 * matched by making the header that its packets would carry, once for each direction. So every
 * primitive about addresses, ports and protocols works as in tcpdump; those about the link layer,
 * bytes of the packet or its length have no meaning here and are refused.
 */

struct expression;

/*
 * Compiles @text. Returns 0, or -EINVAL after logging libpcap's own message and a hint. No name is
 * resolved: a host name is refused by libpcap's "unknown host". @hint: instead of the general one.
 */
int expression_new(struct expression **out, const char *text, const char *hint);
void expression_free(struct expression *expression);

/* Does a packet of @tuple match in either direction? A NULL expression matches everything. */
bool expression_match(const struct expression *expression, const struct event_tuple *tuple);
