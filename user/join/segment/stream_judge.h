/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_judge.h - what one segment is; private to this folder */
#pragma once

#include "join/segment/stream.h"

/* Adds to @look what the segment is, then takes it over into @stream. */
void stream_judge(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
		  __u64 ts_ns, struct stream_look *look);

/* stream_count.c: the figures. @end: behind the segment's last sequence number. */
void stream_count(struct stream *stream, struct conn_ends *ends, const struct packet *packet,
		  __u64 ts_ns, const struct stream_look *look, __u32 end);
