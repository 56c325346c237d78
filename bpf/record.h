/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h - header and body of a record as they stand in the ring, one struct each */
#pragma once

#include "vmlinux.h"

#include "event.h"

#define RECORD(name, of)                  \
	struct name##_record {            \
		struct event_header head; \
		struct of body;           \
	}

RECORD(open, ev_open);
RECORD(socket, ev_socket); /* state, error, retransmit, reset-received */
RECORD(listener, ev_listener); /* synack-retransmit, listen-full */
RECORD(reset, ev_reset);
RECORD(drop, ev_drop);
RECORD(syscall, ev_syscall);
RECORD(packet, ev_packet);
RECORD(icmp, ev_icmp);
RECORD(neighbor, ev_neighbor);
RECORD(task, ev_task);
RECORD(piece, ev_piece);
RECORD(claim, ev_claim);
RECORD(snapshot, ev_snapshot);

/* Up to and with the first part of its figures. */
#define SOCKET_RECORD_SIZE \
	(__builtin_offsetof(struct socket_record, body.flow) + EVENT_FLOW_COUNTERS)
