/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_judge.h - what one segment is; private to this folder */
#pragma once

#include "join/segment/stream.h"

/* Behind the segment's last sequence number: SYN and FIN have one. */
static inline __u32 stream_segment_end(const struct packet *packet)
{
	return packet->seq + packet->payload_bytes +
	       ((packet->tcp_flags & (TCP_F_SYN | TCP_F_FIN)) != 0);
}

/* stream_count.c: the figures of both sides, before the segment is what the next is compared with. */
void stream_count(struct stream *stream, struct stream_side *from, struct stream_side *to,
		  const struct packet *packet, __u64 ts_ns, __u32 flags);
/* What SYN, FIN and RST say, and the acknowledgments of the first two. @index: of the sending side. */
void stream_count_marks(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
			__u64 ts_ns, __u8 index);
