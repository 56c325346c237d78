/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bypass.h - segments that came to this host and to no socket of it, and were reset */
#pragma once

#include "event.h"

/*
 * Theory of operation
 *
 * What comes back of a connection that NAT of this host translates has other ends than its socket. Where
 * conntrack does not take such a segment for one of the connection, it passes as it is, and the host's own TCP
 * resets it. Whose it was nobody knows then: its ends are those that conntrack keeps, and a rule asks for them
 * when the connection has failed. Until then the last of these segments are kept, each once.
 *
 * A SYN to a port that nobody has is a knock (attempt/knock.h), and no such segment.
 */
struct evidence;
struct join;

struct bypass {
	struct event_tuple tuple; /* seen from this host */
	__u32 netns; /* where it came to */
	__u32 count; /* so many with these ends; 0: the place is free */
	__u64 last_ns;
	const struct evidence *evidence; /* of the last one */
};

enum bypass_ends { BYPASS_BOTH_ENDS, BYPASS_ONE_END };

/*
 * The last segment with both of these ends, or with one of them and another other end, that was reset at @from_ns or
 * later; NULL none that is kept.
 */
const struct bypass *join_bypass(const struct join *join, const struct event_tuple *tuple,
				 __u64 from_ns, enum bypass_ends ends);
