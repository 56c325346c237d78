// SPDX-License-Identifier: GPL-2.0-or-later
/* top_pages.c - pages behind the first: a row's findings and connections, a text, the help */

#include <stdlib.h>
#include <string.h>

#include "sinks/top/top_view.h"
#include "sinks/wrap.h"
#include "util/array.h"
#include "util/time.h"

/* Of a finding's text, as text.c makes it. */
#define INDENT_FIRST 8
#define INDENT_REST 14
#define INDENT_SEEN 18

static const char *const help[] = {
	"What processes of this host try, and what becomes of it. Above: processes (all",
	"of one name and unit are a row) or destinations. Below: the newest findings.",
	"",
	"  Tab, p, d    the next list; processes; destinations",
	"  Enter        into a row: its findings, its open connections; then their text",
	"  Esc, q       back; q on the first page ends",
	"  Up, Down, PgUp, PgDn, g, G   move",
	"  s, S, r      sort by the next column, by the one before, the other way round",
	"  / and n      look for a name, and for the next one",
	"  f            only what has this word; Esc ends it",
	"  Space        pause: the screen stays as it is, sockwhy goes on",
	"",
	"Of a recording (top -r FILE): Left and Right 10 s, + and - its speed, Home its",
	"begin, End its end, Space stops its clock.",
	"",
	"  FAILED   attempts that failed, and connections that ended by an error",
	"  TRIES    attempts that are over: connect, lookup, bind ...",
	"  AGAIN    segments that were sent again while sockwhy watched",
	"  RESETS   connections that were reset, by whomever",
	"  RTT      round trip of open connections, as the kernel smooths it: the mean",
	"  RATE     payload both ways between the last two looks, 2 s apart",
	"  OPEN     connections at the last look",
	"",
	"\"at\" stands before an end of this host: who connects to it is counted there.",
	"\"-\": not known, or nothing yet. A finding's text has all that was seen of it.",
};

void top_pages_draw_help(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	view->text_lines = ARRAY_SIZE(help);
	view->page_lines = lines;
	if (view->text_first + lines > view->text_lines)
		view->text_first = view->text_lines > lines ? view->text_lines - lines : 0;
	for (size_t i = 0; i < lines && view->text_first + i < ARRAY_SIZE(help); i++)
		top_grid_put(grid, first + i, 0, grid->width, TOP_PLAIN,
			     help[view->text_first + i]);
}

/* ---- a text ---- */

static size_t indent_of(const char *line, bool is_first)
{
	if (is_first)
		return INDENT_FIRST;
	return strncmp(line, "              +", 15) && strncmp(line, "      seen", 10) ?
		       INDENT_REST :
		       INDENT_SEEN;
}

/* Broken at the width of the screen. NULL: no memory. */
static char *wrapped(char *text, size_t width)
{
	char *made = NULL, *line, *rest = text;
	size_t size;
	FILE *file = open_memstream(&made, &size);
	bool is_first = true;

	if (!file)
		return NULL;
	while ((line = strsep(&rest, "\n"))) {
		if (!rest && !line[0])
			break;
		wrap_line(file, line, width, indent_of(line, is_first), 0);
		is_first = false;
	}
	if (fclose(file)) {
		free(made);
		return NULL;
	}
	return made;
}

static void draw_lines(struct top_view *view, struct top_grid *grid, size_t first, size_t lines,
		       char *text)
{
	char *line;
	size_t at = 0, count = 0;

	for (const char *c = text; *c; c++)
		count += *c == '\n';
	view->text_lines = count;
	view->page_lines = lines;
	if (view->text_first + lines > count)
		view->text_first = count > lines ? count - lines : 0;
	while ((line = strsep(&text, "\n")) && text) {
		enum top_style style = at ? TOP_PLAIN : TOP_BOLD;

		if (at >= view->text_first && at - view->text_first < lines)
			top_grid_put(grid, first + at - view->text_first, 0, grid->width, style,
				     line);
		at++;
	}
}

void top_pages_draw_text(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	char *copy = view->text ? strdup(view->text) : NULL;
	char *text = copy ? wrapped(copy, grid->width) : NULL;

	if (text)
		draw_lines(view, grid, first, lines, text);
	free(text);
	free(copy);
}

static void add_bytes(struct text *text, const char *label, __u64 bytes, const char *what)
{
	text_add(text, "      %-7s %llu bytes (", label, bytes);
	top_cells_say_bytes(text, bytes);
	text_add(text, ") %s\n", what);
}

char *top_pages_tell_connection(const struct top_connection *connection)
{
	char buffer[1000];
	struct text text = text_of(buffer);

	text_add(&text, "%s %s\n", connection->name, decode_state_name(connection->state) ?: "");
	text_add(&text, "      opened  %s\n",
		 connection->opened_ns ? "while sockwhy watched" : "before sockwhy began");
	add_bytes(&text, "sent", connection->sent_bytes, "that the peer acknowledged");
	add_bytes(&text, "", connection->unacked_bytes, "written and not acknowledged");
	add_bytes(&text, "came", connection->received_bytes, "");
	add_bytes(&text, "", connection->unread_bytes, "received and not read");
	text_add(&text, "      again   %u segment%s\n", connection->again,
		 connection->again == 1 ? "" : "s");
	if (connection->rtt_us) {
		text_add(&text, "      rtt     ");
		say_duration(&text, connection->rtt_us);
		text_add(&text, ", smoothed by the kernel\n");
	}
	return strdup(buffer);
}

/* ---- a row ---- */

static void draw_figures(const struct top_row *row, struct top_grid *grid, size_t line)
{
	char buffer[300], cell[40];
	struct text text = text_of(buffer);

	for (enum top_column column = 1; column < TOP_COLUMN_COUNT; column++) {
		struct text part = text_of(cell);

		top_cells_say(&part, row, column);
		text_add(&text, "%s%s %s", column > 1 ? "  " : "", top_columns[column].title,
			 part.length ? cell : "-");
	}
	top_grid_put(grid, line, 0, grid->width, TOP_PLAIN, buffer);
}

static void draw_connection(struct top_grid *grid, size_t line,
			    const struct top_connection *connection, bool chosen)
{
	enum top_style style = chosen ? TOP_CHOSEN : TOP_PLAIN;
	char buffer[120];
	struct text text = text_of(buffer);
	size_t left = grid->width > 60 ? grid->width - 40 : grid->width;

	top_grid_paint(grid, line, style);
	top_grid_put(grid, line, 0, left, style, connection->name);
	if (left == grid->width)
		return;
	text_add(&text, "%-11s", decode_state_name(connection->state) ?: "-");
	text_add(&text, " again %u  ", connection->again);
	top_cells_say_bytes(&text, connection->sent_bytes);
	text_add(&text, "/");
	top_cells_say_bytes(&text, connection->received_bytes);
	top_grid_put(grid, line, left + 1, grid->width - left - 1, style, buffer);
}

static void draw_line(const struct top_view *view, struct top_grid *grid, size_t at, size_t line)
{
	const struct top_line *shown = &view->lines[at];
	bool chosen = view->of_lines.at == at;

	if (shown->is_finding)
		top_draw_finding(grid, line, &view->findings[shown->index], chosen);
	else
		draw_connection(grid, line, &view->connections[shown->index], chosen);
}

void top_pages_draw_row(struct top_view *view, struct top_grid *grid, size_t first, size_t lines)
{
	char buffer[120];
	struct text text = text_of(buffer);
	size_t shown = lines > 3 ? lines - 3 : 0;

	if (lines)
		top_grid_put(grid, first, 0, grid->width, TOP_BOLD, view->row.name);
	if (lines > 1)
		draw_figures(&view->row, grid, first + 1);
	if (lines < 3)
		return;
	top_grid_paint(grid, first + 2, TOP_BAR);
	text_add(&text, "FINDINGS: %zu, OPEN CONNECTIONS: %llu",
		 view->lines_count - view->connections_count, view->connections_seen);
	if (view->connections_seen > view->connections_count)
		text_add(&text, ", the first %zu", view->connections_count);
	top_grid_put(grid, first + 2, 0, grid->width, TOP_BAR, buffer);
	top_view_scroll(&view->of_lines, view->lines_count, shown);
	view->page_lines = shown;
	for (size_t i = 0; i < shown && view->of_lines.first + i < view->lines_count; i++)
		draw_line(view, grid, view->of_lines.first + i, first + 3 + i);
}
