// SPDX-License-Identifier: GPL-2.0-or-later
/* top_grid.c - a screen of characters that knows no terminal */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "sinks/top/top_grid.h"
#include "util/text.h"

#define UNSHOWN "?"
#define LETTER_MOST 4 /* bytes */

int top_grid_resize(struct top_grid *grid, size_t width, size_t height)
{
	size_t needed;
	struct top_cell *cells;

	width += !width;
	height += !height;
	needed = width * height;
	if (needed > grid->room) {
		cells = realloc(grid->cells, needed * sizeof(*cells));
		if (!cells)
			return -ENOMEM;
		grid->cells = cells;
		grid->room = needed;
	}
	grid->width = width;
	grid->height = height;
	top_grid_clear(grid);
	return 0;
}

void top_grid_clear(struct top_grid *grid)
{
	memset(grid->cells, 0, grid->width * grid->height * sizeof(*grid->cells));
}

void top_grid_free(struct top_grid *grid)
{
	free(grid->cells);
	*grid = (struct top_grid){ 0 };
}

static struct top_cell *cell_at(const struct top_grid *grid, size_t row, size_t column)
{
	return &grid->cells[row * grid->width + column];
}

const struct top_cell *top_grid_at(const struct top_grid *grid, size_t row, size_t column)
{
	return row < grid->height && column < grid->width ? cell_at(grid, row, column) : NULL;
}

/* One character of a text, and the columns that it takes. */
struct letter {
	const char *bytes;
	size_t length;
	size_t width;
	size_t taken; /* of the text */
};

/* What cannot be shown is a byte of no meaning. */
static struct letter next(const struct top_grid *grid, const char *text, size_t left)
{
	struct letter letter = { UNSHOWN, 1, 1, 1 };
	size_t length = text_utf8_length(text, left);
	unsigned int code;
	int width;

	if (!length || !text_utf8_decode(text, left, &code))
		return letter;
	letter.taken = length;
	width = wcwidth((wint_t)code);
	if (width < 0 || (grid && grid->ascii && width && code > 0x7e))
		return letter;
	letter.bytes = text;
	letter.length = length;
	letter.width = (size_t)width;
	return letter;
}

/* Half of a wide character is none. */
static void cut_neighbors(struct top_grid *grid, size_t row, size_t column, size_t width)
{
	if (column && cell_at(grid, row, column)->follows)
		cell_at(grid, row, column - 1)->letter[0] = '\0';
	if (column + width < grid->width)
		cell_at(grid, row, column + width)->follows = false;
}

static void put_letter(struct top_grid *grid, size_t row, size_t column, enum top_style style,
		       const struct letter *letter)
{
	cut_neighbors(grid, row, column, letter->width);
	for (size_t i = 0; i < letter->width; i++)
		*cell_at(grid, row, column + i) =
			(struct top_cell){ .style = style, .follows = i != 0 };
	if (letter->bytes[0] != ' ')
		memcpy(cell_at(grid, row, column)->letter, letter->bytes, letter->length);
}

/* @from: where its text begins: it stands above nothing else. */
static void put_accent(struct top_grid *grid, size_t row, size_t from, size_t column,
		       const struct letter *accent)
{
	struct top_cell *cell;
	size_t length;

	if (column == from || grid->ascii)
		return;
	cell = cell_at(grid, row, column - 1);
	if (cell->follows)
		cell--;
	length = strlen(cell->letter);
	if (length && length <= LETTER_MOST)
		memcpy(cell->letter + length, accent->bytes, accent->length);
}

size_t top_grid_put(struct top_grid *grid, size_t row, size_t column, size_t columns,
		    enum top_style style, const char *text)
{
	size_t left = strlen(text), at = column, end;

	if (row >= grid->height || column >= grid->width)
		return 0;
	end = columns < grid->width - column ? column + columns : grid->width;
	while (left) {
		struct letter letter = next(grid, text, left);

		if (at + letter.width > end)
			break;
		if (letter.width)
			put_letter(grid, row, at, style, &letter);
		else
			put_accent(grid, row, column, at, &letter);
		at += letter.width;
		text += letter.taken;
		left -= letter.taken;
	}
	return at - column;
}

size_t top_grid_columns(const char *text)
{
	size_t left = strlen(text), columns = 0;

	while (left) {
		struct letter letter = next(NULL, text, left);

		columns += letter.width;
		text += letter.taken;
		left -= letter.taken;
	}
	return columns;
}

void top_grid_put_right(struct top_grid *grid, size_t row, size_t end, size_t columns,
			enum top_style style, const char *text)
{
	size_t wanted = top_grid_columns(text);

	if (wanted > columns)
		wanted = columns;
	if (wanted <= end)
		top_grid_put(grid, row, end - wanted, wanted, style, text);
}

void top_grid_paint(struct top_grid *grid, size_t row, enum top_style style)
{
	for (size_t i = 0; row < grid->height && i < grid->width; i++)
		cell_at(grid, row, i)->style = style;
}

const char *top_grid_text(const struct top_grid *grid, size_t row, char *buffer, size_t size)
{
	struct text text = text_in(buffer, size);
	size_t end = 0;

	for (size_t i = 0; row < grid->height && i < grid->width; i++) {
		const struct top_cell *cell = cell_at(grid, row, i);

		if (cell->follows)
			continue;
		text_add(&text, "%s", cell->letter[0] ? cell->letter : " ");
		if (cell->letter[0])
			end = text.length;
	}
	buffer[end] = '\0';
	return buffer;
}
