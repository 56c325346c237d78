/* SPDX-License-Identifier: GPL-2.0-or-later */
/* join_fixture.h - a join with small limits, and records to feed it */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "join/join.h"
#include "util/address.h"

#define MS 1000000ull
#define NETNS 4026531840u
#define OTHER_NETNS 4026532001u

/* Small limits, so that the bounds are reached. */
static inline int set_up(void **state)
{
	struct join_limits limits = join_limits_default;

	limits.connections = 64;
	limits.strays = 16;
	return join_new((struct join **)state, &limits);
}

static inline int tear_down(void **state)
{
	join_free(*state);
	return 0;
}

static inline void set_address(__u8 *address, __u32 last)
{
	__u8 four[4] = { 10, 0, 0, last };

	address_from_ipv4(address, four);
}

static inline void set_tuple(struct event_tuple *tuple, __u16 local_port, __u32 to, __u16 to_port)
{
	memset(tuple, 0, sizeof(*tuple));
	set_address(tuple->local, 1);
	set_address(tuple->remote, to);
	tuple->local_port = local_port;
	tuple->remote_port = to_port;
	tuple->family = AF_INET;
	tuple->protocol = IPPROTO_TCP;
}

static inline struct event event(enum event_kind kind, __u64 ms, __u64 cookie)
{
	struct event event;

	memset(&event, 0, sizeof(event));
	event.head.kind = kind;
	event.head.ts_ns = ms * MS;
	event.head.cookie = cookie;
	event.head.netns = NETNS;
	return event;
}

static inline struct event opens(__u64 ms, __u64 cookie, __u32 tid, __u32 to, __u16 to_port)
{
	struct event e = event(EVENT_OPEN, ms, cookie);

	set_tuple(&e.open.tuple, 0, to, to_port);
	e.open.owner.tgid = 100;
	e.open.owner.tid = tid;
	e.open.owner.start_ns = 5;
	e.head.known = EVENT_K_OWNER | EVENT_K_TUPLE;
	return e;
}

static inline struct event state_to(__u64 ms, __u64 cookie, __u8 state, int error)
{
	struct event e = event(EVENT_STATE, ms, cookie);

	set_tuple(&e.socket.tuple, 40000 + cookie, 2, 80);
	e.socket.old_state = 2;
	e.socket.new_state = state;
	e.socket.error = error;
	return e;
}

static inline struct event tcp_packet(__u64 ms, __u64 cookie, bool in, __u16 port, __u8 flags,
				      __u32 seq, __u32 ack)
{
	struct event e = event(EVENT_PACKET, ms, cookie);
	struct packet *packet = &e.packet;

	packet->what = PACKET_TCP;
	packet->tcp_flags = flags;
	packet->seq = seq;
	packet->ack = ack;
	set_address(packet->source, in ? 2 : 1);
	set_address(packet->destination, in ? 1 : 2);
	packet->source_port = in ? 80 : port;
	packet->destination_port = in ? port : 80;
	e.head.vantage = in ? VANTAGE_TC_IN : VANTAGE_TC_OUT;
	return e;
}

static inline void feed(struct join *join, struct event e)
{
	join_event(join, &e);
}

static inline void tick(struct join *join, __u64 ms)
{
	feed(join, event(EVENT_TICK, ms, 0));
}

static inline struct attempt *only_due(struct join *join)
{
	struct attempt *attempt = join_due(join);

	assert_non_null(attempt);
	return attempt;
}

static inline struct event retransmit(__u64 ms, __u64 cookie)
{
	struct event e = state_to(ms, cookie, 2, 0);

	e.head.kind = EVENT_RETRANSMIT;
	return e;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
