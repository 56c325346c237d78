/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_serve.h - the process that answers clients of --listen */
#pragma once

#include "fence/fence.h"

/*
 * Theory of operation
 *
 * It is nobody, has no capability and opens no file; what a client sends it can reach nothing but its own
 * answer. It holds SERVE_CALLERS_MOST clients, each for SERVE_CALLER_NS at most: of more the oldest goes. For a client
 * it asks the agent, with one byte, at most once in SERVE_FRESH_NS; the agent writes into the
 * text's file and says how long it is. Who asks meanwhile gets the same text. Each connection has one answer.
 */

#define SERVE_CALLERS_MOST 16
#define SERVE_REQUEST_MOST 4096
#define SERVE_CALLER_NS (5 * NS_PER_S)
#define SERVE_FRESH_NS NS_PER_S
#define SERVE_TEXT_MOST (1 << 20)

struct serve_plan {
	int listening; /* a socket that is not waited for */
	int text; /* the file */
	const struct fence_plan *fences; /* put up before the first client */
};

/* @ctx: struct serve_plan. As beside_fork() wants it. */
void metrics_serve(const void *ctx, int agent);
