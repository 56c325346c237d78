/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts.h - where the facts of a finding come from: the host, or the recording */
#pragma once

#include "collect/collect.h"
#include "decode/decode.h"
#include "rules/rules.h"

/*
 * Theory of operation
 *
 * The pipeline asks for facts at two points that only records decide: where a verdict hangs on
 * them, and before a finding is told. Live they are fetched from the host and come in through the
 * pipeline's own entry, so that a recording holds them right behind the record that led to the
 * question. A replay asks at the same point and finds them there, up to the DONE record.
 *
 * A replay with other filters may ask where the recording has none, or not ask where it has some:
 * then a finding is told without, or facts arrive that nobody waits for. Neither changes a verdict
 * of another attempt.
 */
struct facts {
	/*
	 * Delivers facts to the pipeline, one FACT_DONE last: those that a rule wants (NULL: none)
	 * and those of the connection's path (NULL: among the former). 0 or negative errno.
	 */
	int (*fetch)(void *ctx, const struct fact_request *wanted, const struct fact_request *path);
	/* Delivers what else is known of what the record names (process, symbol); NULL: nothing is. */
	void (*complete)(void *ctx, const struct event *event);
	void *ctx;
};

/* Facts of a recording: those that stand next in @reader are handed to @sink. */
struct facts_replay {
	struct record_reader *reader;
	const struct record_sink *sink;
};

int facts_replay_fetch(void *ctx, const struct fact_request *wanted,
		       const struct fact_request *path);

/*
 * The path of a connection is told whatever a rule quotes, and the proxy that led there: the route is asked for
 * in the socket's own namespace where the rule asks elsewhere, or for something else. Returns false if there is none.
 */
bool facts_want_path(const struct join *join, const struct attempt *attempt,
		     const struct verdict *verdict, const struct fact_request *asked,
		     struct fact_request *path);
