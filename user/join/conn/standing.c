// SPDX-License-Identifier: GPL-2.0-or-later
/* standing.c - whose an established connection is, where no opening tells it */

#include "join/conn/opening.h"
#include "util/tcp.h"

bool standing_is(__u8 state)
{
	switch (state) {
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_CLOSING:
		return true;
	}
	return false;
}

struct conn *standing_conn(struct join *join, __u64 cookie, __u32 netns)
{
	struct conn *conn = conns_by_cookie(join->conns, cookie);

	if (conn || !cookie)
		return conn;
	conn = conns_add(join->conns);
	if (!conn)
		return NULL;
	conn->sources = SOURCE_SOCKET;
	conn->netns = netns;
	conns_set_cookie(join->conns, conn, cookie);
	return conn;
}

void standing_accepted(struct join *join, const struct event *event)
{
	struct conn *conn = standing_conn(join, event->head.cookie, event->head.netns);

	if (!conn || !(event->head.known & EVENT_K_OWNER))
		return;
	conn->accepted = true;
	conns_set_owner(join->conns, conn, &event->open.owner);
	conn->owner_by_file = false;
}

void standing_snapshot(struct join *join, const struct event *event)
{
	bool known = event->snapshot.look || conns_by_cookie(join->conns, event->head.cookie);
	const struct event_owner *had;
	struct conn *conn;

	if (!standing_is(event->snapshot.state) || !(event->head.known & EVENT_K_OWNER))
		return;
	conn = standing_conn(join, event->head.cookie, event->head.netns);
	if (!conn || conn->opening)
		return;
	conn->before |= !known;
	had = conns_owner(join->conns, conn);
	conn->owner_by_file |= !had || had->tgid != event->snapshot.owner.tgid;
	conns_set_owner(join->conns, conn, &event->snapshot.owner);
}
