/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pieces.h - packets put together from their record and the pieces that follow it */
#pragma once

#include "decode/decode.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * Of a packet that does not fit into its record (EVENT_K_PIECES) the rest follows in records of
 * kind `piece`, and between them stand records of other CPUs. Its event is to be the whole packet,
 * and order is the position in the stream: so what stands behind the packet waits with it until its
 * last piece has come, and then all of it is given in the order in which it came. A stream without
 * pieces is never kept waiting, nor copied.
 *
 * The kernel side tells of all pieces of a packet before it tells of the next one on that CPU; where
 * one found no room, the rest is not told. A packet is therefore given as far as it came when its
 * CPU tells of another one in pieces, PIECES_COME_NS later by the ticks, or when as much waits as
 * there is room for. Its event then has EVENT_K_PIECES and fewer bytes than were asked for.
 */

#define PIECES_COME_NS (100 * NS_PER_MS) /* after their packet: five ticks */
#define PIECES_BYTES ((size_t)8 << 20) /* that may wait; touched only when something does */

struct pieces;

int pieces_new(struct pieces **out); /* 0 or -ENOMEM */
void pieces_free(struct pieces *pieces); /* NULL is fine */

/*
 * Takes a record, which need not be a sound one. False: nothing stands before it, and it is to be
 * decoded at once. True: it waits; pieces_next() is to be called until it has nothing more. Where
 * that cannot be done yet, because an event is being taken, there is room for a few records more;
 * without room false, too.
 */
bool pieces_hold(struct pieces *pieces, const void *record, size_t size);

/*
 * The next event that need not wait any more: 1, as decode_event() makes it, .bytes the whole packet;
 * valid until the next call. 0: there is none. Negative: the record's error, as decode_event()'s.
 */
int pieces_next(struct pieces *pieces, struct event *event);

void pieces_end(struct pieces *pieces); /* the stream ends: nothing need wait any more */
void pieces_forget(struct pieces *pieces); /* and what waits is not wanted */
