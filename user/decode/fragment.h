/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fragment.h - datagrams put together from fragments; for frame.c */
#pragma once

#include "decode/decode.h"
#include "decode/link.h"

/*
 * Theory of operation
 *
 * What arrives in fragments is told when its last one was captured, whatever the order: only then
 * is its length known, and only then did its receiver have it. The frames before it say nothing but
 * that they are fragments. Of a datagram the first FRAGMENT_KEPT bytes are kept, enough for every
 * header and for a DNS answer, and which parts of the rest have come; so a datagram takes 6 KiB,
 * and as many as FRAGMENTS_MAX may wait at once. Time is that of the records.
 *
 * A capture of both sides of a switch holds every fragment twice. What comes again after a datagram
 * was whole is no new one, unless it is a first fragment.
 */

#define FRAGMENTS_MAX 128
#define FRAGMENT_KEPT 4096

enum fragment_result {
	FRAGMENT_NONE, /* the packet is whole: @link is as it was */
	FRAGMENT_HELD, /* kept until the others come */
	FRAGMENT_WHOLE, /* @link is at the datagram, put together; valid until the next call */
	FRAGMENT_BAD, /* contradicts itself, or ends before it says what it is a fragment of */
};

/* @link: at an IP header. @fragments NULL: nothing is kept, always FRAGMENT_NONE. */
enum fragment_result fragment_take(struct fragments *fragments, struct link *link, __u64 now_ns);
