/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept.h - connections that one side has closed and a process of this host keeps open */
#pragma once

#include <stdbool.h>

#include "event.h"

/*
 * Theory of operation
 *
 * A look at the sockets tells every connection that is half closed and on which nothing was heard for
 * a while. They are counted by process, state and port: of a server its own, of a client the one it
 * asks. What grows from look to look is leaked: a pool has an end, and so has an answer that takes
 * long. There are few such processes; those that find no place are not judged.
 */
struct kept {
	const struct event_owner *owner;
	struct event_tuple tuple; /* of the oldest one, seen from this host */
	__u64 cookie;
	__u64 oldest_ns; /* when something was heard on it last */
	__u64 since_ns; /* the first look that found any of them */
	__u64 seen_ns; /* the last look */
	__u32 netns;
	__u32 count; /* at the last look */
	__u32 unread; /* of them, where the peer's end waits to be read */
	__u32 grew; /* at so many looks there were more of them than ever before */
	__u8 state; /* CLOSE_WAIT, FIN_WAIT2 */
	bool served; /* they came in to a port of this host */
};
