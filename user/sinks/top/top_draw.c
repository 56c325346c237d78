// SPDX-License-Identifier: GPL-2.0-or-later
/* top_draw.c - the view as a screen: the first page, and what stands around every page */

#include <string.h>

#include "sinks/top/top_view.h"
#include "util/array.h"

#define FINDINGS_LEAST 4 /* lines, with their heading */
#define ID_WIDTH 28 /* of a finding, on a wide screen */
#define WIDE 110
#define HEADLINE_AT 17 /* behind "10:31:07 warning " */

enum top_style top_draw_style(__u8 severity)
{
	static const enum top_style styles[] = {
		[SEVERITY_INFO] = TOP_INFO,
		[SEVERITY_WARNING] = TOP_WARNING,
		[SEVERITY_ERROR] = TOP_ERROR,
	};

	_Static_assert(ARRAY_SIZE(styles) == SEVERITY_COUNT, "a style for every severity");
	return styles[severity];
}

/* ---- around every page ---- */

static void draw_title(const struct top_view *view, struct top_grid *grid)
{
	const struct top_told *told = &view->told;
	char buffer[240];
	struct text text = text_of(buffer);
	size_t column = top_grid_put(grid, 0, 0, grid->width, TOP_BOLD, "sockwhy top") + 2, room;

	if (told->file) {
		const char *slash = strrchr(told->file, '/');

		text_add_foreign(&text, slash ? slash + 1 : told->file, strlen(told->file));
		text_add(&text, "  ");
	}
	text_add(&text, "%s%s%s%s", told->time, told->time[0] ? "  " : "", told->place,
		 told->place[0] ? "  " : "");
	text_add(&text, "%llu attempt%s, %llu failed, %llu record%s lost", told->attempts,
		 told->attempts == 1 ? "" : "s", told->failed, told->lost,
		 told->lost == 1 ? "" : "s");
	room = view->paused ? 8 : 0;
	if (column + room < grid->width)
		top_grid_put(grid, 0, column, grid->width - column - room, TOP_PLAIN, buffer);
	if (view->paused)
		top_grid_put_right(grid, 0, grid->width, 8, TOP_CHOSEN, " PAUSED ");
}

/* What can be pressed here; the first that do not fit are those that the help says as well. */
static const char *keys_of(const struct top_view *view)
{
	switch (view->page) {
	case TOP_PAGE_ROW:
		return "Enter text  Esc back  Up/Down move  Space pause  ? help  q back";
	case TOP_PAGE_TEXT:
	case TOP_PAGE_HELP:
		return "Esc back  Up/Down scroll  q back";
	case TOP_PAGE_MAIN:
	case TOP_PAGE_COUNT:
		break;
	}
	return view->replay ? "Enter more  Tab list  s sort  Space pause  <- -> 10 s  + - speed  "
			      "? help  q quit" :
			      "Enter more  Tab list  s sort  / search  f filter  Space pause  "
			      "? help  q quit";
}

static void draw_bottom(const struct top_view *view, struct top_grid *grid)
{
	size_t row = grid->height - 1, column;

	if (view->prompt) {
		column = top_grid_put(grid, row, 0, grid->width, TOP_BOLD,
				      view->prompt == '/' ? "search: " : "filter: ");
		column += top_grid_put(grid, row, column, grid->width - column, TOP_PLAIN,
				       view->word);
		top_grid_put(grid, row, column, 1, TOP_CHOSEN, "_");
		return;
	}
	if (view->said[0]) {
		top_grid_put(grid, row, 0, grid->width, TOP_BOLD, view->said);
	} else if (view->filter[0] && view->page == TOP_PAGE_MAIN) {
		column = top_grid_put(grid, row, 0, grid->width, TOP_BOLD, "only what has ");
		column += top_grid_put(grid, row, column, grid->width - column, TOP_BOLD,
				       view->filter);
		top_grid_put(grid, row, column, grid->width - column, TOP_DIM,
			     "  f changes that, Esc ends it");
	} else {
		top_grid_put(grid, row, 0, grid->width, TOP_DIM, keys_of(view));
	}
}

/* ---- tables ---- */

static void draw_head(const struct top_view *view, struct top_grid *grid, size_t row)
{
	enum top_column sort = view->sort[view->table];
	const char *mark = view->options.ascii ? (view->turned[view->table] ? "^" : "v") :
						 (view->turned[view->table] ? "▲" : "▼");
	size_t name_width, column;
	unsigned int shown = top_cells_fit(grid->width, &name_width);
	char buffer[120];
	struct text text = text_of(buffer);

	top_grid_paint(grid, row, TOP_BAR);
	text_add(&text, "%s%s%s", view->table == TOP_PROCESSES ? "PROCESSES" : "DESTINATIONS",
		 sort == TOP_COLUMN_NAME ? " " : "", sort == TOP_COLUMN_NAME ? mark : "");
	if (view->filter[0])
		text_add(&text, " %zu of %zu", view->rows_count, view->rows_all);
	else
		text_add(&text, " %zu", view->rows_all);
	top_grid_put(grid, row, 0, name_width, sort == TOP_COLUMN_NAME ? TOP_BAR_SORTED : TOP_BAR,
		     buffer);
	column = name_width;
	for (size_t i = 1; i < TOP_COLUMN_COUNT; i++) {
		if (!(shown & BIT(i)))
			continue;
		column += top_columns[i].width;
		text = text_of(buffer);
		text_add(&text, "%s%s", sort == i ? mark : "", top_columns[i].title);
		top_grid_put_right(grid, row, column, top_columns[i].width,
				   sort == i ? TOP_BAR_SORTED : TOP_BAR, buffer);
	}
	if (column + 2 < grid->width)
		top_grid_put(grid, row, column + 2, grid->width - column - 2, TOP_BAR,
			     "NEWEST FINDING");
}

static void draw_row(struct top_grid *grid, size_t line, const struct top_row *row, bool chosen)
{
	size_t name_width, column;
	unsigned int shown = top_cells_fit(grid->width, &name_width);
	enum top_style plain = chosen ? TOP_CHOSEN : TOP_PLAIN;

	top_grid_paint(grid, line, plain);
	top_grid_put(grid, line, 0, name_width, plain, row->name);
	column = name_width;
	for (size_t i = 1; i < TOP_COLUMN_COUNT; i++) {
		char buffer[40];
		struct text text = text_of(buffer);
		bool failed = i == TOP_COLUMN_FAILED && row->failed;

		if (!(shown & BIT(i)))
			continue;
		column += top_columns[i].width;
		top_cells_say(&text, row, i);
		top_grid_put_right(grid, line, column, top_columns[i].width - 1,
				   failed && !chosen ? TOP_ERROR : plain,
				   text.length ? buffer : "-");
	}
	if (row->rule && column + 2 < grid->width)
		top_grid_put(grid, line, column + 2, grid->width - column - 2,
			     chosen ? TOP_CHOSEN : top_draw_style(row->severity),
			     rule_id(row->rule));
}

static void draw_rows(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	struct top_cursor *cursor = &view->of_rows[view->table];

	if (!lines)
		return;
	draw_head(view, grid, first);
	top_view_scroll(cursor, view->rows_count, lines - 1);
	if (!view->in_findings)
		view->page_lines = lines - 1;
	for (size_t i = 0; i + 1 < lines && cursor->first + i < view->rows_count; i++)
		draw_row(grid, first + 1 + i, view->order[cursor->first + i],
			 !view->in_findings && cursor->first + i == cursor->at);
	if (!view->rows_count && lines > 1)
		top_grid_put(grid, first + 1, 0, grid->width, TOP_DIM,
			     view->rows_all ?
				     "the filter leaves nothing; f changes it, Esc ends it" :
				     "nothing was tried yet");
}

/* ---- findings ---- */

void top_draw_finding(struct top_grid *grid, size_t row, const struct top_finding *finding,
		      bool chosen)
{
	enum top_style plain = chosen ? TOP_CHOSEN : TOP_PLAIN;
	size_t end = grid->width >= WIDE ? grid->width - ID_WIDTH : grid->width;
	char buffer[TOP_HEADLINE_SIZE + 60];
	struct text text = text_of(buffer);

	top_grid_paint(grid, row, plain);
	top_grid_put(grid, row, 0, 8, plain, finding->time);
	top_grid_put(grid, row, 9, 7, chosen ? TOP_CHOSEN : top_draw_style(finding->severity),
		     severity_name(finding->severity));
	if (finding->total > 1)
		text_add(&text, "%llu times: ", finding->total);
	text_add(&text, "%s", finding->headline);
	if (finding->state != FINDING_FINAL)
		text_add(&text, " (%s)", finding_state_name(finding->state));
	if (end > HEADLINE_AT)
		top_grid_put(grid, row, HEADLINE_AT, end - HEADLINE_AT, plain, buffer);
	if (end < grid->width)
		top_grid_put(grid, row, end + 1, ID_WIDTH - 1, chosen ? TOP_CHOSEN : TOP_DIM,
			     rule_id(finding->rule));
}

static void draw_findings(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	struct top_cursor *cursor = &view->of_findings;
	char buffer[80];
	struct text text = text_of(buffer);

	if (!lines)
		return;
	top_grid_paint(grid, first, TOP_BAR);
	text_add(&text, "FINDINGS, the newest first: %zu", view->findings_count);
	top_grid_put(grid, first, 0, grid->width, TOP_BAR, buffer);
	top_view_scroll(cursor, view->findings_count, lines - 1);
	if (view->in_findings)
		view->page_lines = lines - 1;
	for (size_t i = 0; i + 1 < lines && cursor->first + i < view->findings_count; i++)
		top_draw_finding(grid, first + 1 + i, &view->findings[cursor->first + i],
				 view->in_findings && cursor->first + i == cursor->at);
	if (!view->findings_count && lines > 1)
		top_grid_put(grid, first + 1, 0, grid->width, TOP_DIM, "none yet");
}

/* Both lists where there is room, else the one with the cursor. */
static void draw_main(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	size_t findings = view->in_findings ? lines * 2 / 3 : lines * 2 / 5;

	if (findings < FINDINGS_LEAST || lines - findings < FINDINGS_LEAST)
		findings = view->in_findings ? lines : 0;
	draw_rows(view, grid, first, lines - findings);
	draw_findings(view, grid, first + lines - findings, findings);
}

void top_view_draw(struct top_view *view, struct top_grid *grid)
{
	size_t lines = grid->height > 2 ? grid->height - 2 : 0;

	top_grid_clear(grid);
	draw_title(view, grid);
	switch (view->page) {
	case TOP_PAGE_MAIN:
		draw_main(view, grid, 1, lines);
		break;
	case TOP_PAGE_ROW:
		top_pages_draw_row(view, grid, 1, lines);
		break;
	case TOP_PAGE_TEXT:
		top_pages_draw_text(view, grid, 1, lines);
		break;
	case TOP_PAGE_HELP:
	case TOP_PAGE_COUNT:
		top_pages_draw_help(view, grid, 1, lines);
		break;
	}
	if (grid->height > 1)
		draw_bottom(view, grid);
}
