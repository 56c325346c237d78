/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_grid.h - a screen of characters that knows no terminal: what is put outside of it is cut */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A character may be two columns wide: it stands in the first of two cells, the other has .follows. What
 * stands above the one before it (an accent) is kept in its cell, one of them. Widths are wcwidth(3)'s,
 * by the locale.
 */

enum top_style {
	TOP_PLAIN,
	TOP_BAR, /* a heading over the whole width */
	TOP_BAR_SORTED, /* .. the column that rows are sorted by */
	TOP_CHOSEN, /* the row under the cursor */
	TOP_BOLD,
	TOP_DIM,
	TOP_ERROR,
	TOP_WARNING,
	TOP_INFO,
	TOP_STYLE_COUNT
};

struct top_cell {
	char letter[9]; /* UTF-8, with one accent; "": a blank */
	unsigned char style; /* enum top_style */
	bool follows; /* the second column of the letter before it */
};

struct top_grid {
	size_t width, height;
	bool ascii; /* what is not, is a question mark */
	struct top_cell *cells; /* row by row */
	size_t room;
};

/* Blank, of that size; at least one cell each way. Returns 0 or -ENOMEM, as it was. */
int top_grid_resize(struct top_grid *grid, size_t width, size_t height);
void top_grid_clear(struct top_grid *grid);
void top_grid_free(struct top_grid *grid);

const struct top_cell *top_grid_at(const struct top_grid *grid, size_t row, size_t column);

/*
 * Puts @text (UTF-8) at a place, in at most @columns columns. Returns how many it took. What cannot be
 * shown is a question mark.
 */
size_t top_grid_put(struct top_grid *grid, size_t row, size_t column, size_t columns,
		    enum top_style style, const char *text);

/* The same of text that ends before @end. */
void top_grid_put_right(struct top_grid *grid, size_t row, size_t end, size_t columns,
			enum top_style style, const char *text);

/* Gives a whole row a style. */
void top_grid_paint(struct top_grid *grid, size_t row, enum top_style style);

size_t top_grid_columns(const char *text); /* that @text takes */

/* A row as text, without blanks at its end: for tests. Returns @buffer. */
const char *top_grid_text(const struct top_grid *grid, size_t row, char *buffer, size_t size);
