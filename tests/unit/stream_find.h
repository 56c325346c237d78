/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_find.h - streams as the tests and fuzzers ask for them: through the table of connections */
#pragma once

#include "join/conn/conn.h"

/* The one that had to make room for the last packet; NULL none. */
static inline const struct stream *stream_that_left(const struct conns *conns)
{
	const struct conn *gone = conns_gone(conns);

	return gone ? gone->stream : NULL;
}

/* The one between these ends; NULL none. */
static inline const struct stream *stream_between(const struct conns *conns, __u32 netns,
						  const __u8 *a, __u16 a_port, const __u8 *b,
						  __u16 b_port)
{
	struct ends ends = ends_of(a, a_port, b, b_port);
	const struct conn *conn = conns_find(conns, &ends, netns);

	return conn ? conn->stream : NULL;
}
