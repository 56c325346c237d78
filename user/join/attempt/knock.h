/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knock.h - clients that this host does not let in, of other machines or at a full queue */
#pragma once

#include <stdbool.h>

#include "event.h"
#include "join/conn/standing.h"

struct listener;

/* What other machines ask of one listener. */
struct listener_load {
	__u64 flooded_ns; /* its queue of handshakes was last seen at its maximum; 0 never */
	__u64 minute_ns; /* when the counts of [0] began; [1] has those of the minute before */
	__u32 heard[2]; /* SYNs */
	__u32 unfinished[2]; /* handshakes that came to nothing */
};

/* How a host does not take what clients of other machines ask it for. */
enum knock_what {
	KNOCK_REFUSED, /* its TCP answered a SYN with a reset: no socket takes it */
	KNOCK_DROPPED, /* it dropped a SYN for a port that is served */
	KNOCK_UNFINISHED, /* it answered, and the client never acknowledges that */
	KNOCK_FLOODED, /* as many handshakes as the listener may have wait for that */
};

/* An episode of clients of other machines that were not let in, told from this host's side. */
struct knock {
	const struct listener *listener; /* who would have taken it; NULL: nobody, or not known */
	struct event_tuple tuple; /* what was asked for, with the last client as its remote side */
	__u32 netns;
	__u8 what; /* enum knock_what */
	__u32 syns;
	__u32 clients; /* addresses told apart, the others among .syns */
	__u32 ports; /* refused, of one client and nobody listens on any of them: at least so many */
	bool scanned; /* a client that tries one port after another was among them */
	bool unseen; /* records were lost meanwhile: it may be a client of this machine */
	struct drop_seen drop; /* dropped */
	__u32 pending; /* flooded: the most handshakes that waited at once */
	__u32 pending_max;
};

/* An episode of a listener whose accept queue is full, and who suffered. */
struct overflow {
	const struct listener *listener; /* as it was last seen; NULL: never seen to listen */
	struct event_tuple tuple; /* the listener's, with the last client as its remote side */
	__u64 cookie;
	__u32 count; /* met by clients that are no openings of this machine */
	__u32 backlog;
	__u32 backlog_max;
	bool at_ack; /* at the handshake's last ACK */
};
