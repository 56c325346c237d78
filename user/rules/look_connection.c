// SPDX-License-Identifier: GPL-2.0-or-later
/* look_connection.c - questions about an established connection that several rules ask */

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/array.h"

const struct connection_side *look_side(const struct view *view, int side)
{
	return &view->connection->side[side];
}

__u8 look_client(const struct view *view)
{
	return view->connection->stream->ends->client;
}

bool look_connection(const struct view *view, struct guess *guess)
{
	const struct connection *connection = view->connection;
	const struct stream *stream = connection->stream;
	__u32 unseen = stream->side[0].flagged[STREAM_ACK_LOST_SEGMENT] +
		       stream->side[1].flagged[STREAM_ACK_LOST_SEGMENT];

	if (unseen || join_counters(view->join)->lost)
		guess->blind |= BLIND_LOST_RECORDS;
	if (!stream->ends->client_known)
		guess->blind |= BLIND_STARTED_LATE;
	return connection_two_sided(connection);
}

/* Hop limits that hosts begin with; 128 and 255 are of other systems and of routers. */
static bool is_initial(__u8 ttl)
{
	return ttl == 64 || ttl == 128 || ttl == 255;
}

static __u8 ttl_of(const struct connection_side *side, const struct connection_mark *syn)
{
	return syn->ts_ns ? syn->ttl : side->first.ttl;
}

enum vantage_point look_vantage_point(const struct view *view)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	__u8 near_ttl = ttl_of(&connection->side[client], &connection->syn);
	__u8 far_ttl = ttl_of(&connection->side[!client], &connection->syn_ack);

	if (!near_ttl || !far_ttl || is_initial(near_ttl) == is_initial(far_ttl))
		return VANTAGE_POINT_UNKNOWN;
	return is_initial(near_ttl) ? VANTAGE_POINT_CLIENT : VANTAGE_POINT_SERVER;
}

bool look_owes_answer(__u8 first_kind)
{
	return first_kind == FIRST_HTTP_REQUEST || first_kind == FIRST_REDIS_REQUEST;
}

void words_side(struct text *text, const struct view *view, int side)
{
	const struct stream *stream = view->connection->stream;

	address_print_port(text, stream->ends->address[side], stream->ends->port[side]);
}

void words_check_server(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -tnpi 'sport = :%u'",
		 view->connection->stream->ends->port[!look_client(view)]);
	words_check_end(&check, "%s", why);
}
