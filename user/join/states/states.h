/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states.h - the TCP sockets of this host at one moment, by state and owner */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/decode.h"
#include "util/tcp.h"

/*
 * Theory of operation
 *
 * A look walks the sockets that processes hold (with their owners), then the tables of network
 * namespaces, which have the same once more and those that nobody holds any longer: TIME_WAIT,
 * handshakes under way, ends that wait for an acknowledgment. So a socket is counted the first time
 * it is met, known by its cookie, and has the owner that held it then.
 *
 * Sockets are not kept but counted in groups: of one state, owner, namespace and mark (what the
 * caller thinks of it); a listener is a group of its own, and handshakes under way are grouped by
 * the port of their listener. Each group keeps the socket that is quiet for longest.
 */

/* A socket as a look met it. */
struct states_socket {
	struct event_tuple tuple;
	struct event_owner owner; /* .owned */
	__u64 cookie; /* 0 unknown */
	__u32 netns;
	__u8 state; /* enum tcp_state; never TCP_STATE_NEW_SYN_RECV: that is SYN_RECV, too */
	__u8 mark; /* the caller's; 0 none */
	bool owned; /* a process holds it */
	bool queued; /* .backlog, .backlog_max: of a listener */
	bool counted; /* .unread_bytes to .again_in_row */
	bool timed; /* .quiet_ns */
	__u32 backlog; /* connections that wait to be accepted */
	__u32 backlog_max;
	__u32 unread_bytes; /* that the process has not read */
	__u32 unsent_bytes; /* that the peer has not acknowledged */
	__u32 snd_wnd; /* the peer's window */
	__u32 again_in_row; /* the same sent again in vain; of a handshake under way its SYN/ACK */
	__u32 probes; /* unanswered, of a closed window or a keep-alive */
	__u64 quiet_ns; /* since payload went or came, or an acknowledgment came */
};

struct states_group {
	struct states_socket quietest; /* else the first */
	__u64 sockets;
	__u64 unread_bytes, unsent_bytes; /* of all */
};

struct states;

/* At most so many groups; of further ones only the sockets are counted. 0 or -ENOMEM. */
int states_new(struct states **out, size_t groups_most);
void states_free(struct states *states); /* NULL is fine */

void states_begin(struct states *states); /* a new look: nothing is known */

/* Reads a record. False: it is no TCP socket, or one that this look has met already. */
bool states_meet(struct states *states, const struct event *event, struct states_socket *socket);

/* Counts a socket that was met. */
void states_count(struct states *states, const struct states_socket *socket);

/* Puts the groups in order: with a mark first, then by state, then the largest. */
void states_sort(struct states *states);
const struct states_group *states_at(const struct states *states,
				     size_t index); /* NULL at the end */

__u8 states_state(size_t index); /* all of them, as a connection lives; 0 at the end */
__u64 states_total(const struct states *states, __u8 state); /* sockets in that state */
__u64 states_sockets(const struct states *states); /* in any */
__u64 states_ungrouped(const struct states *states); /* for which there was no group */
