/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states.h - what is not as it should be with a socket, by its state alone */
#pragma once

#include "join/states/states.h"
#include "rules/rules.h"
#include "util/text.h"

/*
 * Theory of operation
 *
 * One look at a socket knows no history: it tells what stands now and for how long nothing has
 * moved. So a mark is no finding. It says where to look, and what it cannot mean; why it came so far
 * `watch` tells, which sees it happen.
 */

#define STATES_MARKS(X)                                                                  \
	X(QUEUE_FULL, "accept-queue-full",                                               \
	  "its accept queue is full: new connections wait or fail")                      \
	X(UNANSWERED, "syn-unanswered", "nothing has answered its SYN")                  \
	X(HALF_OPEN, "handshake-unfinished", "the client does not finish the handshake") \
	X(NOT_CLOSED, "not-closed", "the peer has closed, this process has not")         \
	X(NOT_READ, "not-read", "the process does not read what has come")               \
	X(WINDOW_CLOSED, "peer-window-closed", "the peer does not read what was sent")   \
	X(UNHEARD, "unacknowledged", "the peer acknowledges nothing any more")           \
	X(END_UNHEARD, "end-unacknowledged", "the peer has not acknowledged the end")    \
	X(PEER_NOT_CLOSED, "peer-not-closed", "this side has closed, the peer has not")

enum states_mark {
	STATES_FINE,
#define X(id, name, what) STATES_##id,
	STATES_MARKS(X)
#undef X
		STATES_MARK_COUNT
};

/* @socket: as it was met. Thresholds: closed-half, window-stalled, stuck. */
enum states_mark states_judge(const struct states_socket *socket,
			      const struct thresholds *thresholds);

const char *states_mark_name(unsigned int mark); /* "not-closed"; NULL of STATES_FINE */
const char *states_mark_what(unsigned int mark); /* NULL of STATES_FINE */

/* What to check: commands that only read, of the group's quietest socket. */
void states_say_check(struct text *text, const struct states_group *group);
