/* SPDX-License-Identifier: GPL-2.0-or-later */
/* followed.h - connections of a command that is followed: every packet of them comes; private to join */
#pragma once

#include "join/core.h"
#include "join/talk/talk.h"

/*
 * Theory of operation
 *
 * What a socket counts tells that a connection ended badly, and how; who waited for whom, and what was lost on the
 * way, its packets tell. Where every one of them comes they feed a talk (talk.h), as those of a capture do, and
 * when that is over it is handed to the attempt about the connection (subject_standing.c), which then has both: one
 * verdict, of the socket where that says something, else of the packets. Of a connection that ended in order, of
 * which the socket tells nothing, the packets alone make the attempt.
 */

/* A packet of a followed connection. Returns the conn that it counts for, NULL none. */
struct conn *followed_packet(struct join *join, const struct event *event);

/* What it says on that connection, which may be over with it. */
void followed_listen(struct join *join, struct conn *conn, const struct event *event);

struct outcome;
/* What became of it by its packets; false: not all of them came. */
bool followed_outcome(const struct join *join, const struct attempt *attempt,
		      struct outcome *outcome);

/* It is over, at @now_ns: the attempt about it gets @talk, or @talk is given back. */
void followed_over(struct join *join, struct conn *conn, const struct talk *talk, __u64 now_ns);
