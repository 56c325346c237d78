/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lines.h - lines on their way to a file: masked, rotated, kept from filling the disk */
#pragma once

#include <stdio.h>

#include "util/mask.h"
#include "util/outfile.h"

struct lines;

/*
 * A FILE whose lines (@json: of JSON) pass through @mask (NULL: as they are) to @to, or, when that is NULL, to
 * @outfile, which changes files only where a line begins that is not indented: no finding is torn
 * apart. Both stay the caller's. lines_file()'s FILE belongs to these lines.
 */
int lines_open(struct lines **out, struct mask *mask, bool json, FILE *to, struct outfile *outfile);
FILE *lines_file(struct lines *lines);

/*
 * The error since the last call, 0 none. The FILE has no error of its own: stdio would keep some of
 * what failed and tear the next line.
 */
int lines_take_error(void *lines);

/* Where the outfile was moved away, what comes goes into a new one of its name. NULL is fine. */
void lines_reopen(struct lines *lines);
int lines_close(struct lines *lines); /* 0 or the error of the last write; NULL is fine */
