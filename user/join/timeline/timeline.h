/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeline.h - what every socket of a command went through, in order: calls, states, packets */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "join/join.h"
#include "util/hash.h"

/*
 * Theory of operation
 *
 * Under run -v every call, state and packet of the command's sockets is told. A *timeline* keeps those
 * of one socket as *moments*, the first ones and the last, until the command has ended. A socket is
 * found by its number, which the kernel side gives it while it lives, by its cookie, which it has from its first
 * connect() on, and by its ends; what came before the two were known to be one is put together then. A
 * packet over lo is a moment of both its ends. Who waits for several descriptors waits for none of
 * them: such waits are a thread's, and stand in the timelines of what that thread called.
 */

enum {
	TIMELINES_MAX = 512, /* of later sockets it is only counted how many there were */
	TIMELINE_HEAD = 64, /* moments of one that are kept from its begin on */
	TIMELINE_TAIL = 192, /* and up to its end */
	TIMELINE_WAITS = 1024, /* waits for several, the last ones */
};

struct call_made {
	__u64 took_ns; /* from its begin to its return; of close() 0 */
	__u8 asked[EVENT_ADDRESS_SIZE]; /* valid with .asked_known */
	__u16 asked_port;
	bool asked_known;
	__u8 call; /* enum event_syscall */
	__s32 error; /* positive errno, 0 none */
	__u32 result;
	__u32 bytes; /* that were wanted, 0 unknown */
	__u32 count;
	__u32 type; /* of the socket: SOCK_STREAM … */
};

struct moment {
	__u64 at_ns; /* of a call its begin */
	__u32 tid; /* of a call */
	bool is_call;
	union {
		struct evidence seen;
		struct call_made call;
	};
};

struct timeline {
	__u64 cookie; /* 0 not yet known */
	__u64 socket; /* 0 it was closed */
	struct event_tuple tuple; /* what was last known of it */
	struct event_owner owner; /* of its first call */
	bool wanted; /* a filter leaves something of it */
	bool accepted;
	bool merged; /* it is told as part of another one */
	__u64 count; /* moments, kept or not */
	struct moment *moments; /* TIMELINE_HEAD and a ring of TIMELINE_TAIL */
};

struct timelines;

int timelines_new(struct timelines **out); /* 0 or -ENOMEM */
void timelines_free(struct timelines *timelines);

/* One record, of any kind. @wanted: no filter leaves it out. */
void timelines_take(struct timelines *timelines, const struct event *event, bool wanted);

/* Walks those that are to be told, in order of their begin; @at from 0, moved on. NULL at the end. */
const struct timeline *timelines_next(const struct timelines *timelines, size_t *at);
__u64 timelines_untold(const struct timelines *timelines); /* sockets for which there was no room */

/*
 * The moments of one in order of time, with the waits of its threads. Returns how many, 0 also
 * without memory; @moments is the caller's to free. @omitted: so many are not kept; they stood behind the first
 * TIMELINE_HEAD.
 */
size_t timeline_moments(const struct timelines *timelines, const struct timeline *timeline,
			struct moment **moments, __u64 *omitted);
