// SPDX-License-Identifier: GPL-2.0-or-later
/* stream.c - one TCP connection followed segment by segment: its begin */

#include "join/segment/stream_judge.h"

static void side_init(struct stream_side *side)
{
	side->window = STREAM_WINDOW_UNKNOWN;
	side->wscale = STREAM_WSCALE_UNKNOWN;
}

void stream_begin(struct stream *stream, const struct conn_ends *ends, __u64 number, __u64 ts_ns,
		  __u64 frame)
{
	*stream = (struct stream){
		.ends = ends,
		.number = number,
		.first_frame = frame,
		.first_ns = ts_ns,
		.last_ns = ts_ns,
	};
	side_init(&stream->side[0]);
	side_init(&stream->side[1]);
}

bool stream_begins_another(const struct stream *stream, const struct packet *packet, __u8 from)
{
	const struct stream_side *side = &stream->side[from];

	return (packet->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN &&
	       (side->state & SIDE_BEGUN) && packet->seq != side->isn;
}
