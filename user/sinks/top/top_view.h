/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_view.h - what the files of the view share; private to this folder */
#pragma once

#include "sinks/top/top.h"

/* Columns of a table, in their order on the screen. */
enum top_column {
	TOP_COLUMN_NAME,
	TOP_COLUMN_FAILED,
	TOP_COLUMN_TRIES,
	TOP_COLUMN_AGAIN,
	TOP_COLUMN_RESETS,
	TOP_COLUMN_ROUND_TRIP,
	TOP_COLUMN_RATE,
	TOP_COLUMN_OPEN,
	TOP_COLUMN_COUNT
};

enum top_page { TOP_PAGE_MAIN, TOP_PAGE_ROW, TOP_PAGE_TEXT, TOP_PAGE_HELP, TOP_PAGE_COUNT };

/* A place in a list. It stays with what it stands on, but in the first line, which it keeps. */
struct top_cursor {
	size_t at;
	size_t first; /* line that is drawn first */
	__u64 key; /* of what it stands on; 0: the first line */
};

/* A line of the page of a row. */
struct top_line {
	bool is_finding;
	size_t index; /* of it, or of the connection */
};

struct top_view {
	struct top_options options;
	bool replay;
	bool paused;

	enum top_page page;
	enum top_page before[TOP_PAGE_COUNT]; /* whence a page was opened */
	enum top_table table;
	bool in_findings; /* the cursor is: else in the table */
	enum top_column sort[TOP_TABLE_COUNT];
	bool turned[TOP_TABLE_COUNT]; /* the least first */

	struct top_cursor of_rows[TOP_TABLE_COUNT];
	struct top_cursor of_findings;
	struct top_cursor of_lines; /* of the page of a row */
	size_t text_first; /* of a text and of the help, the line that is drawn first */
	size_t text_lines; /* as they were drawn last */
	size_t page_lines; /* of the list with the cursor */

	unsigned int prompt; /* '/' or 'f': what is typed is a word; 0 none */
	char word[TOP_WORD_SIZE];
	char search[TOP_WORD_SIZE];
	char filter[TOP_WORD_SIZE];
	char said[160];

	/* the copy */
	struct top_told told;
	struct top_row *rows; /* of .table: TOP_ROWS_MOST */
	const struct top_row **order; /* sorted: those that the filter leaves */
	size_t rows_count;
	size_t rows_all; /* before the filter */
	__u64 gone;
	struct top_finding findings[TOP_FINDINGS_MOST]; /* the newest first; no .text */
	size_t findings_count;

	/* the row that is looked into */
	enum top_table row_table;
	__u64 row_key;
	struct top_row row;
	struct top_connection connections[TOP_CONNECTIONS_MOST];
	size_t connections_count;
	__u64 connections_seen;
	struct top_line lines[TOP_CONNECTIONS_MOST + TOP_FINDINGS_MOST];
	size_t lines_count;

	char *text; /* of the page of a text */
};

/* ---- top_view.c ---- */

/* Keeps @cursor within @count lines, @shown of which are drawn. */
void top_view_scroll(struct top_cursor *cursor, size_t count, size_t shown);

/* ---- top_cells.c: figures as cells of a table ---- */

struct top_column_row {
	const char *title;
	size_t width; /* with the blank before it */
	bool last_to_go; /* on a narrow screen */
};

extern const struct top_column_row top_columns[TOP_COLUMN_COUNT];

/* Those that fit, as bits; what is left for the name in *@name_width. */
unsigned int top_cells_fit(size_t width, size_t *name_width);
/* @text stays empty where it is not known. */
void top_cells_say(struct text *text, const struct top_row *row, enum top_column column);
void top_cells_say_bytes(struct text *text, __u64 bytes); /* "1.2 MB" */
/* Which stands in front: negative @one. */
int top_cells_compare(const struct top_row *one, const struct top_row *other,
		      enum top_column column);

/* ---- top_pages.c: what is no list of the first page ---- */

void top_pages_draw_row(struct top_view *view, struct top_grid *grid, size_t first, size_t lines);
void top_pages_draw_text(struct top_view *view, struct top_grid *grid, size_t first, size_t lines);
void top_pages_draw_help(struct top_view *view, struct top_grid *grid, size_t first, size_t lines);
/* The figures of one connection, as a text. NULL no memory. */
char *top_pages_tell_connection(const struct top_connection *connection);

/* ---- top_draw.c ---- */

void top_draw_finding(struct top_grid *grid, size_t row, const struct top_finding *finding,
		      bool chosen);
enum top_style top_draw_style(__u8 severity);
