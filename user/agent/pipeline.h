/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pipeline.h - a record's whole life: from bytes to findings told */
#pragma once

#include "agent/facts.h"
#include "agent/options/filter.h"
#include "agent/options/options.h"
#include "agent/output/outlet.h"
#include "agent/output/progress.h"
#include "collect/collect.h"
#include "decode/pieces.h"
#include "join/join.h"
#include "rules/rules.h"
#include "sinks/sinks.h"

/* Findings of attempts that still hang; more of them are only counted. */
#define PIPELINE_PENDING_MAX 32

struct pipeline {
	const struct options *options;
	struct thresholds thresholds;
	struct join *join;
	struct filter *filter;
	struct groups *groups;
	struct pieces *pieces;
	struct outlets outlets; /* where all of that is told */
	/* top: hears of what is no frame, behind the join that judges; NULL nobody does */
	void (*beside)(void *ctx, const struct event *event);
	void *beside_ctx;
	struct flows *flows; /* not NULL: rows of it are all that is told */
	struct flows_judged *judged; /* .. and what was judged of their connections; NULL of others */
	FILE *flows_file;
	struct record_writer *writer; /* NULL: no recording */
	struct mask *mask; /* learns the host's name; NULL none */
	struct timelines *timelines; /* of whom everything is kept until the end; NULL none */
	bool picking; /* the stream comes a second time, for its packets alone */
	bool again_failed; /* it could not: told */
	struct facts facts; /* .fetch NULL: none to be had */
	struct finding *finding; /* the one being told */

	struct finding *pending[PIPELINE_PENDING_MAX]; /* .hold_pending: NULL-ended */
	size_t pending_count;

	int depth; /* facts being fetched: records go to join alone */
	bool waiting_taken; /* what waited for pieces is being taken */
	__u64 taken; /* records, or frames, that came */
	__u64 taken_last; /* which of them was the last with a packet */
	int record_error; /* of the recording: the first, kept */
	bool opened; /* a followed process opened a socket, or tried to */
	bool ticked; /* what comes now is no part of the start */
	bool hold_pending; /* run: what is pending is told at the end, if it still is */
	struct progress *progress; /* what stands on the terminal while it reads; NULL nothing */
	struct counted chosen; /* those that a filter leaves */
	bool stop; /* -c: enough findings */

	struct capture_summary capture; /* read: of capture files */
	__u64 told; /* finals printed */
	__u64 found[SEVERITY_COUNT]; /* finals, printed or counted in a group */
	__u64 first_ns, last_ns; /* of the records */

	__u64 budget_second; /* of the records' clock, for the two below */
	__u32 budget_decide; /* facts fetched in it, because a verdict hung on them */
	__u32 budget_tell; /* and for telling */
};

/*
 * Makes join, filter and groups by the options. Returns 0; -EINVAL bad options, logged; -ENOMEM.
 * The sink, the recording and the facts are the caller's to set and to close.
 */
int pipeline_open(struct pipeline *pipeline, const struct options *options);
void pipeline_close(struct pipeline *pipeline);

/* struct record_sink's take(): one record. Returns 0, or -ECANCELED when nothing more is wanted. */
int pipeline_take(void *pipeline, const void *record, size_t size);

/* The same for an event that was decoded already, and that begins with the bytes of its record. */
int pipeline_event(struct pipeline *pipeline, const struct event *event);

/* The stream ended: tells what is still to be told, and the summary. @early: without its end record */
void pipeline_finish(struct pipeline *pipeline, bool early);

/*
 * After pipeline_finish(): what comes now came already, and only its packets are written. Ends by
 * itself (-ECANCELED) where the stream ended the first time.
 */
void pipeline_pick_again(struct pipeline *pipeline);
void pipeline_picked(struct pipeline *pipeline); /* it ended again */

/* How many attempts there were: of those asked for, else of everybody. */
struct counted pipeline_counted(const struct pipeline *pipeline);

/* EXIT_DONE, EXIT_FAILED after a write error, EXIT_FOUND for --fail-on. */
int pipeline_status(const struct pipeline *pipeline);
