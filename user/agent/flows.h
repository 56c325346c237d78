/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows.h - a pipeline whose records become rows of a table instead of findings */
#pragma once

#include "agent/pipeline.h"

/* After every record: tells the connections that ended, or had to make room. 0 or -ECANCELED. */
int flows_take(struct pipeline *pipeline, const struct event *event);

/* At the end: all that are left. Returns 0 or -ENOMEM. */
int flows_tell(struct pipeline *pipeline);

/* The table as the options want it; logs what is wrong with them. Returns an exit status. */
int flows_open(struct flows **out, const struct options *options, FILE *file);

/* flows_live.c: the connections of this host. Returns an exit status. */
int flows_live(const struct options *options);
