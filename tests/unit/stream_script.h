/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_script.h - connections as rows: who sends what when, and what it must be */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stream_find.h"
#include "join/segment/figures.h"
#include "util/array.h"

#define CLIENT_ISN 1000u
#define SERVER_ISN 5000u
#define S TCP_F_SYN
#define A TCP_F_ACK
#define F TCP_F_FIN
#define R TCP_F_RST

/* One segment; numbers relative to the ISN of who sends it and of the other side. */
struct row {
	char from; /* 'c' or 's' */
	__u8 flags;
	__u32 seq;
	__u32 ack;
	__u32 length;
	__u16 window;
	__u32 us; /* since the row before */
	__u32 expected; /* BIT(STREAM_*) */
	__u16 ip_id; /* 0: counts */
	__u16 more; /* PACKET_F_* */
	__u8 wscale;
	__u16 mss;
	__s64 back_us; /* the clock steps back before this row */
	__u32 data_ack; /* with PACKET_F_DATA_ACK */
};

struct script {
	struct conns *streams;
	struct stream_look look;
	struct packet packet;
	__u64 ns;
	__u32 frame;
	__u16 port;
	__u32 client_isn, server_isn;
};

static inline void script_init(struct script *script, __u32 connections)
{
	*script = (struct script){ .ns = 1000000000ull,
				   .port = 40000,
				   .client_isn = CLIENT_ISN,
				   .server_isn = SERVER_ISN };
	assert_int_equal(conns_new(&script->streams, connections, CONNS_STREAMS, NULL), 0);
}

static inline void script_free(struct script *script)
{
	conns_free(script->streams);
}

static inline void script_packet(struct script *script, const struct row *row)
{
	static const __u8 client[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const __u8 server[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
	bool out = row->from == 'c';

	script->frame++;
	script->packet = (struct packet){
		.what = PACKET_TCP,
		.protocol = 6,
		.source_port = out ? script->port : 80,
		.destination_port = out ? 80 : script->port,
		.tcp_flags = row->flags,
		.seq = (out ? script->client_isn : script->server_isn) + row->seq,
		.payload_bytes = row->length,
		.window = row->window,
		.ip_id = row->ip_id ? row->ip_id : (__u16)(script->frame % 60000 + 1),
		.flags = row->more,
		.wscale = row->wscale,
		.mss = row->mss,
		.data_ack = row->data_ack,
	};
	if (row->flags & A)
		script->packet.ack = (out ? script->server_isn : script->client_isn) + row->ack;
	memcpy(script->packet.source, out ? client : server, 16);
	memcpy(script->packet.destination, out ? server : client, 16);
}

static inline const struct stream *script_step(struct script *script, const struct row *row)
{
	script_packet(script, row);
	script->ns += row->us * 1000ull;
	script->ns -= row->back_us * 1000ull;
	script->look = conns_packet(script->streams, &script->packet, script->ns, script->frame, 0);
	return script->look.stream;
}

static inline void print_flags(const char *what, __u32 flags)
{
	print_error("%s:", what);
	for (unsigned int i = 0; i < STREAM_FLAG_COUNT; i++)
		if (flags & BIT(i))
			print_error(" %s", stream_flag_name(i));
	print_error("\n");
}

static inline void script_run(struct script *script, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		script_step(script, &rows[i]);
		if (script->look.flags == rows[i].expected)
			continue;
		print_error("row %zu of %zu:\n", i, count);
		print_flags("is", script->look.flags);
		print_flags("should be", rows[i].expected);
		fail();
	}
}

/* The handshake, 20 ms; window 1000, scale 0. */
#define HANDSHAKE                                                                               \
	{ 'c', S, .window = 1000, .more = PACKET_F_WSCALE },                                    \
		{ 's', S | A, .ack = 1, .window = 1000, .us = 10000, .more = PACKET_F_WSCALE }, \
	{                                                                                       \
		'c', A, 1, 1, .window = 1000, .us = 10000                                       \
	}

#define RUN(script, ...)                                      \
	do {                                                  \
		const struct row rows_[] = { __VA_ARGS__ };   \
		script_run(script, rows_, ARRAY_SIZE(rows_)); \
	} while (0)

/* A connection of its own. */
#define PLAY(...)                           \
	do {                                \
		struct script script_;      \
                                            \
		script_init(&script_, 16);  \
		RUN(&script_, __VA_ARGS__); \
		script_free(&script_);      \
	} while (0)
