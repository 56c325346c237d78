/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer.h - answers that say an error, though the connection works; of join.h */
#pragma once

#include "decode/decode.h"
#include "event.h"

struct join;

/* What a server answered a followed process that says an error: HTTP 404, a wrong password. */
struct answer {
	struct first first;
	struct event_owner owner; /* whom it was for; .tgid 0 unknown */
	__u8 address[EVENT_ADDRESS_SIZE]; /* whose it is */
	__u16 port;
	__u64 count; /* times that the same one said it */
};

/* The last of them, the oldest first; NULL: there is none further. */
const struct answer *join_answer(const struct join *join, size_t index);
