/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bundler.h - who makes a bundle of a recording */
#pragma once

#include "agent/output/beside.h"

/*
 * Theory of operation
 *
 * A report, the packets and what doctor says are made by commands that there are: read and doctor. Who
 * watches starts no program and has no time, so a process beside it (beside.h) hears the name of a
 * recording NAME.rec in the one folder it knows, runs this very program on it (read puts up fences of its
 * own), and names the folder NAME when everything is in it. A name has letters, digits and hyphens.
 */

#define BUNDLE_NAME_SIZE 64

/* Logs what is wrong. Returns 0 or a negative errno. */
int bundler_open(struct beside *bundler, const char *folder);

/* Of NAME.rec, which is whole and closed. It says when it is done, and where that is. */
void bundler_make(const struct beside *bundler, const char *name);
