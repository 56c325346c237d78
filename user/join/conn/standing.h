/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing.h - what the host tells of an established connection that meets trouble */
#pragma once

#include <stdbool.h>

#include "join/conn/conn.h"
#include "join/conn/flow.h"

/*
 * Theory of operation
 *
 * A connection that stands costs nothing until its socket tells something notable: that it ended with
 * an error, without a FIN, with data that nobody got; that the same is sent again and again; that this
 * host drops its packets; or its packets, that its TLS handshake ends in an alert or gets no answer.
 * Then it is kept as a flow, with what the flow does not count, and an attempt is about it
 * (subject_standing.c). Its conn says whose it is: of whom connected, of whom accepted it, of whom
 * held it when the agent started, or of the listener.
 */

/* One place where packets were dropped or refused by this machine's own kernel. */
struct drop_seen {
	__u32 count;
	__u32 reason; /* NAME_DROP_REASON, valid with .reason_known */
	__u32 netns; /* where */
	__u32 ifindex;
	__u64 location;
	__u64 first_ns;
	bool reason_known;
	bool tcp_reset; /* what was dropped was a RST (else SYN, SYN/ACK …: see syn_ack) */
	bool syn_ack;
};

struct talk;

struct standing {
	struct flow flow; /* first */
	__u8 how; /* SOCKET_F_* of its end */
	bool unaccepted; /* no process ever had it, and it ended with its listener */
	bool closed_here; /* it has not ended yet: its process closes, as .how says */
	__u16 again_bytes; /* payload of the segment that was sent again last; 0: not told */
	__u32 signal; /* that ended the process which closed it, 0 none */
	bool before; /* it was open when the agent started */
	bool unheard; /* its process closed, or ended, and no call of it had taken the reset's error */
	bool reset_reason_known;
	__u32 reset_reason; /* NAME_RESET_REASON, of the reset that this side sent */
	struct handshake_ref handshake;
	__u64 pipe_ns; /* its process wrote to it after its end, and got EPIPE; 0: not that was seen */
	__u32 pipe_bytes; /* .. so many, 0 unknown */
	bool pipe_kills; /* .. which came with a signal that ends the process */
	__u64 refused_ns; /* it ended in an alert; 0: not that was seen */
	__u64 stuck_ns; /* the first record of what hangs */
	__u8 looked; /* SNAPSHOT_LOOK_*, at the last look */
	bool moves; /* .. which does not find it any more */
	struct drop_seen drop_out; /* its own packets, by this host */
	struct drop_seen drop_in; /* those that came for it */
	__u32 drop_seq; /* of the last of them */
	__u32 drop_again; /* so often in a row the same */
	const struct talk *talk; /* what was said on it, all of which came; NULL: not that is known */
};
