/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight.h - --flight: the last records in memory, and a bundle of them when something has failed */
#pragma once

#include "agent/options/options.h"
#include "agent/output/bundler.h"
#include "collect/files/record_kept.h"

/*
 * Theory of operation
 *
 * Every record is kept in memory, the last --flight bytes of them; nothing is written. When a group of
 * findings of severity error begins, or SIGUSR1 asks, they become a recording in the folder of
 * --flight-to, and the bundler (bundler.h) makes a bundle of it: a folder with the recording and what
 * read and doctor say. What is not asked for is rare: one in 10 minutes, 32 in all.
 */

struct flight {
	struct record_kept *kept; /* NULL: none is wanted */
	const char *folder;
	struct beside bundler;
	__u64 begun; /* groups of errors, as last looked at */
	__u64 next_ns; /* before that an error makes no other */
	__u64 asked_ns; /* the last that was asked for */
	unsigned int number; /* of them, asked for or not */
	unsigned int unasked;
	bool asked;
};

/* Before anything is open: it forks. Logs what is wrong. Returns 0 or a negative errno. */
int flight_open(struct flight *flight, const struct options *options);

void flight_keep(struct flight *flight, const void *record, size_t size);
void flight_ask(struct flight *flight); /* a bundle at the next look */

/* @begun: groups of errors so far; @now_ns: CLOCK_MONOTONIC */
void flight_poll(struct flight *flight, __u64 begun, __u64 now_ns);

void flight_close(
	struct flight *flight); /* waits for a bundle that is being made, for some seconds */
