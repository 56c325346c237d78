/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_size.h - how long the bodies of records are: recordings are read by it. Behind the bodies, in event.h */
#pragma once

#define EVENT_ASSERT_SIZE(body, bytes)           \
	enum { EVENT_SIZE_OF_##body = (bytes) }; \
	_Static_assert(sizeof(struct body) == (bytes), "struct " #body " is in recordings")

EVENT_ASSERT_SIZE(event_header, 40);
EVENT_ASSERT_SIZE(event_tuple, 40);
EVENT_ASSERT_SIZE(event_owner, 96);
EVENT_ASSERT_SIZE(ev_open, 176);
EVENT_ASSERT_SIZE(ev_socket, 216);
EVENT_ASSERT_SIZE(ev_listener, 64);
EVENT_ASSERT_SIZE(ev_raw, 264);
EVENT_ASSERT_SIZE(ev_reset, 312);
EVENT_ASSERT_SIZE(ev_drop, 336);
EVENT_ASSERT_SIZE(ev_syscall, 336);
EVENT_ASSERT_SIZE(ev_packet, 264);
EVENT_ASSERT_SIZE(ev_icmp, 268);
EVENT_ASSERT_SIZE(ev_neighbor, 24);
EVENT_ASSERT_SIZE(ev_task, 232);
EVENT_ASSERT_SIZE(ev_piece, 944);
EVENT_ASSERT_SIZE(ev_claim, 80);
EVENT_ASSERT_SIZE(ev_start, 440);
EVENT_ASSERT_SIZE(ev_hook, 128);
EVENT_ASSERT_SIZE(ev_clock, 24);
EVENT_ASSERT_SIZE(ev_tick, 16);
EVENT_ASSERT_SIZE(ev_interface, 48);
EVENT_ASSERT_SIZE(ev_netns, 64);
EVENT_ASSERT_SIZE(ev_name, 72);
EVENT_ASSERT_SIZE(ev_process, 872);
EVENT_ASSERT_SIZE(ev_snapshot, 312);
EVENT_ASSERT_SIZE(ev_fact, 280);
EVENT_ASSERT_SIZE(ev_change, 144);
EVENT_ASSERT_SIZE(ev_lost, 512);
EVENT_ASSERT_SIZE(ev_end, 16);
EVENT_ASSERT_SIZE(ev_frame, 288);
EVENT_ASSERT_SIZE(ev_gauge, 24);
#define X(id, text, body, what) _Static_assert(EVENT_SIZE_OF_##body, "its size stands above");
EVENT_KINDS(X)
#undef X
_Static_assert(EVENT_KIND_COUNT <= EVENT_KINDS_MAX, "counts by kind have a place for every kind");
