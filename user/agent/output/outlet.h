/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outlet.h - every place where findings go, and what becomes of what cannot be written there */
#pragma once

#include "sinks/sinks.h"

#define OUTLETS_MAX 8

struct outlet {
	struct sink *sink;
	const char *path; /* for messages; NULL standard output */
	bool main; /* -o or standard output: what cannot be written is counted */
	bool whole; /* it is to be whole, though nobody reads the main one any more */
	int error; /* of the last write that failed, 0 none did */
};

struct outlets {
	struct outlet at[OUTLETS_MAX]; /* none: nothing is told */
	size_t count;
	__u64 failed; /* writes to the main one */
	bool closed; /* its pipe is: nothing more need be told */
	bool want_records; /* one of them does: outlets_record() */
	bool want_attempts; /* likewise: outlets_attempt() */
};

/* @outlet.sink may be NULL: there is no such file. */
void outlets_add(struct outlets *outlets, struct outlet outlet);

/* What a sink is told, told to all of them: sinks.h. An error is said once, and kept. */
void outlets_record(struct outlets *outlets, const struct join *join, const struct event *event,
		    bool wanted);
void outlets_event(struct outlets *outlets, const struct join *join, const struct event *event);
void outlets_look(struct outlets *outlets, const struct join *join, const struct event *event);
void outlets_message(struct outlets *outlets, const struct join *join, const struct event *event);
void outlets_finding(struct outlets *outlets, const struct join *join,
		     const struct finding *finding);
void outlets_attempt(struct outlets *outlets, const struct join *join,
		     const struct attempt *attempt);
void outlets_verdict(struct outlets *outlets, const struct join *join,
		     const struct attempt *attempt, const struct verdict *verdict,
		     const struct finding *finding);
void outlets_heartbeat(struct outlets *outlets, const struct join *join,
		       const struct heartbeat *heartbeat);
void outlets_end(struct outlets *outlets, const struct join *join, const struct summary *summary);
bool outlets_want_again(const struct outlets *outlets);
void outlets_again(struct outlets *outlets, const struct join *join, const struct event *event,
		   bool wanted);
void outlets_again_end(struct outlets *outlets, const struct join *join);
void outlets_flush(struct outlets *outlets);

/* Something else could not be written to the main one. */
void outlets_note(struct outlets *outlets, int err);

bool outlets_unread(const struct outlets *outlets); /* the main one's pipe is closed */
bool outlets_failed(const struct outlets *outlets); /* otherwise than by that */
