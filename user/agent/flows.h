/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows.h - a pipeline whose records become rows of a table instead of findings */
#pragma once

#include "agent/pipeline.h"

/* After every record: tells the connection that had to make room. Returns 0 or -ECANCELED. */
int flows_take(struct pipeline *pipeline);

/* At the end: all that are left. Returns 0 or -ENOMEM. */
int flows_tell(struct pipeline *pipeline);
