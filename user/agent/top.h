/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top.h - what the command top has of this host and of a recording alike */
#pragma once

#include "agent/output/screen.h"
#include "agent/pipeline.h"

struct top_run {
	const struct options *options;
	struct pipeline *pipeline;
	struct top *top;
	struct top_view *view;
	struct top_grid grid;
	struct screen *screen;
	struct sink *sink; /* tells the model */
	bool sockets_told; /* since the last tick: that one ends a look */
};

/* All but the screen. Returns 0 or a negative errno, logged. */
int top_run_open(struct top_run *run, const struct options *options);
void top_run_close(struct top_run *run);

/* What @pipeline tells goes into the model, from now on. Again after the model was emptied. */
int top_run_attach(struct top_run *run, struct pipeline *pipeline);
/* Empty, as at the begin. Returns 0 or -ENOMEM. */
int top_run_empty(struct top_run *run);

/* All keys that came. What the last one asks for that concerns the view alone was done. */
enum top_act top_run_keys(struct top_run *run);
/* @told: .file and .place are the caller's. */
void top_run_draw(struct top_run *run, struct top_told *told);

/* A recording: top_play.c. Returns an exit status. */
int top_play(const struct options *options);
