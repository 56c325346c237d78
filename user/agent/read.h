/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read.h - what read does with capture files */
#pragma once

#include "agent/input/opened.h"
#include "agent/options/options.h"
#include "agent/output/output.h"
#include "collect/collect.h"

/* Reads every file of the command line into @output. Returns an exit status. */
int read_all(const struct options *options, struct output *output);

/*
 * Judges all capture files as one stream, merged by time. Returns an exit status.
 * @again: gives @files once more, for -w; what goes wrong then is told, NULL: nothing can be read.
 */
int read_captures(const struct options *options, struct output *output, struct captures *captures,
		  const struct opened_files *files,
		  struct captures *(*again)(const struct opened_files *files));
