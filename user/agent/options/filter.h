/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter.h - which attempts, findings and events the user asked for */
#pragma once

#include <stdbool.h>

#include "agent/options/options.h"
#include "join/join.h"
#include "rules/rules.h"

/*
 * Theory of operation
 *
 * A filter only decides what is told and counted. It never changes what is known: every record goes
 * to join/ all the same, so that what is told does not depend on what is hidden. It is applied to
 * verdicts, before facts are fetched for them, and to events under -v.
 */

struct filter;

/* Returns 0; -EINVAL after logging what is wrong with the options; -ENOMEM. */
int filter_new(struct filter **out, const struct options *options);
void filter_free(struct filter *filter);

/* A process whose connections are wanted (-p): it and what it starts from now on. */
void filter_follow(struct filter *filter, __u32 pid);

/* Learns from a record who is a descendant of whom, and whether it begins a recording of run. */
void filter_learn(struct filter *filter, const struct event *event);

/* The words of the command line are a filter: those of watch, of flows where no file has that name. */
bool filter_is_words(const struct options *options);

/* Does it leave some attempts out, whatever became of them? */
bool filter_chooses(const struct filter *filter);

bool filter_attempt(struct filter *filter, const struct join *join, const struct attempt *attempt);
bool filter_verdict(struct filter *filter, const struct join *join, const struct attempt *attempt,
		    const struct verdict *verdict);
bool filter_tuple(struct filter *filter, const struct event_tuple *tuple);
/* @owner: of the socket, NULL unknown. */
bool filter_connection(struct filter *filter, const struct join *join,
		       const struct event_owner *owner, const struct event_tuple *tuple);
bool filter_event(struct filter *filter, const struct event *event);
