/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_listen.h - --listen: counters for who comes and asks by HTTP */
#pragma once

#include "agent/options/options.h"
#include "agent/output/beside.h"
#include "agent/output/counting.h"

/*
 * Theory of operation
 *
 * The agent opens the socket and hands it to a process beside it (metrics_serve.h), before its own fences
 * go up; it never sees what a client sends. It answers that process alone, when that asks: the text goes into a
 * file in memory that both have.
 */

struct metrics_listen {
	struct beside beside;
	const char *where; /* as the user wrote it; NULL: not asked for */
	const char *path; /* of a Unix socket, removed at the end; NULL another */
	FILE *text;
};

/* Before anything is open: it forks. Logs what is wrong. Returns 0 or a negative errno. */
int metrics_listen_open(struct metrics_listen *listen, const struct options *options);

int metrics_listen_fd(const struct metrics_listen *listen); /* readable: answer; -1 none */

/* Returns 0; a negative errno, logged: the process is gone, and with it the descriptor. */
int metrics_listen_answer(struct metrics_listen *listen, const struct counting *counting,
			  const struct pipeline *pipeline);
void metrics_listen_close(struct metrics_listen *listen);
