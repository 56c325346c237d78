/* SPDX-License-Identifier: GPL-2.0-or-later */
/* said.h - words on connections of this host that tell what their end means; private to join */
#pragma once

#include "join/conn/conn.h"
#include "join/core.h"

/*
 * Theory of operation
 *
 * Live the kernel side tells of few segments with words: those that begin as a server's refusal does, as a client's
 * request to turn to TLS, or as HTTP/2 in clear. That such bytes stand where they mean
 * that (a refusal is a server's first word or answers a request) is known here, by their sequence
 * numbers. What they mean is known when the socket has told its end, and how much it received and
 * sent.
 *
 * So little is said so that a small ring of places is enough: who needs one takes the oldest.
 */

enum { SAID_MAX = 1024 };

struct said {
	__u64 cookie; /* of the client's socket; 0: the place is free */
	struct first refusal; /* the server's first word, where it turns the client away */
	struct first plain; /* the client's first word, where that is HTTP/2 in clear */
	__u8 asked; /* enum upgrade_kind: the client's last request */
	bool refused; /* .. and the answer said no */
	struct upgrade_refusal upgrade;
	__u16 asked_bytes; /* it had so many */
	__u32 asked_seq; /* behind the request */
	__u32 asked_ack; /* what the client had heard then */
};

int saids_new(struct saids **out); /* 0 or -ENOMEM */
void saids_free(struct saids *saids);

/* A packet with payload, in either direction. */
void said_packet(struct join *join, const struct event *event);

/* What was said on the connection of a client's socket; NULL: nothing that was told. */
const struct said *said_of(const struct join *join, const struct conn *conn);
