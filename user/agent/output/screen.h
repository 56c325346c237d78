/* SPDX-License-Identifier: GPL-2.0-or-later */
/* screen.h - the terminal as a whole: a grid is put on it, keys come from it */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sinks/top/top.h"

/*
 * From screen_open() to screen_close() the terminal is ours, and it is as it was afterwards, also when
 * the process dies of a fault: the signal's handler gives it back first. What is said on standard error
 * meanwhile, where that is the same terminal, is kept: its last line is had by screen_said(), and
 * screen_close() writes all of it.
 */

struct screen;

/* Returns 0 or a negative errno, logged. Standard input and output are terminals. */
int screen_open(struct screen **out, bool color);
void screen_close(struct screen *screen); /* NULL is fine */

/* The next key, or TOP_KEY_NONE; follows the size of the terminal. */
unsigned int screen_key(struct screen *screen);
void screen_measure(const struct screen *screen, size_t *width, size_t *height);
void screen_put(struct screen *screen, const struct top_grid *grid);

/* The last line that was said since the last call; NULL none. Valid until the next one. */
const char *screen_said(struct screen *screen);
