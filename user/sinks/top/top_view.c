// SPDX-License-Identifier: GPL-2.0-or-later
/* top_view.c - what somebody looks at: a copy, sorted and filtered; keys move in it */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/top/top_view.h"
#include "util/array.h"

int top_view_new(struct top_view **out, const struct top_options *options, bool replay)
{
	struct top_view *view = calloc(1, sizeof(*view));

	if (!view)
		return -ENOMEM;
	view->options = *options;
	view->replay = replay;
	view->rows = calloc(TOP_ROWS_MOST, sizeof(*view->rows));
	view->order = calloc(TOP_ROWS_MOST, sizeof(struct top_row *));
	for (int i = 0; i < TOP_TABLE_COUNT; i++)
		view->sort[i] = TOP_COLUMN_FAILED;
	if (!view->rows || !view->order) {
		top_view_free(view);
		return -ENOMEM;
	}
	*out = view;
	return 0;
}

void top_view_free(struct top_view *view)
{
	if (!view)
		return;
	free(view->rows);
	free(view->order);
	free(view->text);
	free(view);
}

bool top_view_paused(const struct top_view *view)
{
	return view->paused;
}

void top_view_say(struct top_view *view, const char *words)
{
	struct text text = text_of(view->said);

	text_add(&text, "%s", words);
}

/* ---- the copy ---- */

struct order {
	enum top_column column;
	bool turned;
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct top_row *const *one = a, *const *other = b;
	const struct order *order = ctx;
	int way = top_cells_compare(*one, *other, order->column);

	return order->turned ? -way : way;
}

static void sort_rows(struct top_view *view)
{
	struct order order = { view->sort[view->table], view->turned[view->table] };
	struct top_cursor *cursor = &view->of_rows[view->table];

	view->rows_count = 0;
	for (size_t i = 0; i < view->rows_all; i++)
		if (strcasestr(view->rows[i].name, view->filter))
			view->order[view->rows_count++] = &view->rows[i];
	qsort_r(view->order, view->rows_count, sizeof(struct top_row *), compare_rows, &order);
	for (size_t i = 0; cursor->key && i < view->rows_count; i++)
		if (view->order[i]->key == cursor->key)
			cursor->at = i;
}

static void copy_rows(struct top_view *view, const struct top *top)
{
	const struct top_row *row;
	size_t at = 0;

	view->rows_all = 0;
	while ((row = top_row_next(top, view->table, &at)))
		view->rows[view->rows_all++] = *row;
	view->gone = top_gone(top);
	sort_rows(view);
}

static int compare_findings(const void *a, const void *b)
{
	const struct top_finding *one = a, *other = b;

	return (other->number > one->number) - (other->number < one->number);
}

static void copy_findings(struct top_view *view, const struct top *top)
{
	const struct top_finding *finding;
	struct top_cursor *cursor = &view->of_findings;
	size_t at = 0;

	view->findings_count = 0;
	while ((finding = top_finding_next(top, &at))) {
		if (!strcasestr(finding->headline, view->filter) &&
		    !strcasestr(rule_id(finding->rule), view->filter))
			continue;
		view->findings[view->findings_count] = *finding;
		view->findings[view->findings_count++].text = NULL;
	}
	qsort(view->findings, view->findings_count, sizeof(*view->findings), compare_findings);
	for (size_t i = 0; cursor->key && i < view->findings_count; i++)
		if (view->findings[i].id == cursor->key)
			cursor->at = i;
}

/* Its findings first: they say what is wrong. */
static void copy_row(struct top_view *view, const struct top *top)
{
	const struct top_connection *connection;
	const struct top_row *row;
	struct top_line *line;
	size_t at = 0;

	while ((row = top_row_next(top, view->row_table, &at)))
		if (row->key == view->row_key)
			view->row = *row;
	view->lines_count = 0;
	for (size_t i = 0; i < view->findings_count; i++)
		if (view->findings[i].key[view->row_table] == view->row_key)
			view->lines[view->lines_count++] = (struct top_line){ true, i };
	view->connections_count = 0;
	view->connections_seen = top_connections_seen(top);
	while ((connection = top_connection_at(top, view->connections_count))) {
		view->connections[view->connections_count] = *connection;
		line = &view->lines[view->lines_count++];
		*line = (struct top_line){ false, view->connections_count++ };
	}
}

void top_view_refresh(struct top_view *view, const struct top *top, const struct top_told *told)
{
	view->told = *told;
	/* a recording that is stopped may still be wound */
	if (view->paused && !view->replay)
		return;
	copy_rows(view, top);
	copy_findings(view, top);
	if (view->page == TOP_PAGE_ROW)
		copy_row(view, top);
}

void top_view_forget(struct top_view *view)
{
	view->rows_all = view->rows_count = view->findings_count = 0;
	view->lines_count = view->connections_count = 0;
}

/* ---- cursors ---- */

void top_view_scroll(struct top_cursor *cursor, size_t count, size_t shown)
{
	if (cursor->at >= count)
		cursor->at = count ? count - 1 : 0;
	if (cursor->first > cursor->at)
		cursor->first = cursor->at;
	if (shown && cursor->at - cursor->first >= shown)
		cursor->first = cursor->at - shown + 1;
	if (cursor->first + shown > count)
		cursor->first = count > shown ? count - shown : 0;
}

static size_t moved(size_t at, size_t count, size_t page, unsigned int key)
{
	page += !page;
	switch (key) {
	case TOP_KEY_UP:
		return at ? at - 1 : 0;
	case TOP_KEY_PAGE_UP:
		return at > page ? at - page : 0;
	case TOP_KEY_DOWN:
		at++;
		break;
	case TOP_KEY_PAGE_DOWN:
		at += page;
		break;
	case TOP_KEY_HOME:
	case 'g':
		return 0;
	case TOP_KEY_END:
	case 'G':
		at = count;
		break;
	}
	return at < count ? at : count ? count - 1 : 0;
}

static bool is_move(const struct top_view *view, unsigned int key)
{
	/* of a recording its begin and end are asked for, but where there is something to read */
	if (key == TOP_KEY_HOME || key == TOP_KEY_END)
		return !view->replay || view->page != TOP_PAGE_MAIN;
	return key == TOP_KEY_UP || key == TOP_KEY_DOWN || key == TOP_KEY_PAGE_UP ||
	       key == TOP_KEY_PAGE_DOWN || key == 'g' || key == 'G';
}

/* What the cursor stands on, in the list that has it. */
static __u64 key_of(const struct top_view *view, size_t at)
{
	if (view->page == TOP_PAGE_ROW || !at)
		return 0;
	if (view->in_findings)
		return at < view->findings_count ? view->findings[at].id : 0;
	return at < view->rows_count ? view->order[at]->key : 0;
}

static struct top_cursor *cursor_of(struct top_view *view, size_t *count)
{
	if (view->page == TOP_PAGE_ROW) {
		*count = view->lines_count;
		return &view->of_lines;
	}
	*count = view->in_findings ? view->findings_count : view->rows_count;
	return view->in_findings ? &view->of_findings : &view->of_rows[view->table];
}

static void place(struct top_view *view, size_t at)
{
	size_t count;
	struct top_cursor *cursor = cursor_of(view, &count);

	cursor->at = at;
	cursor->key = key_of(view, at);
}

static void move(struct top_view *view, unsigned int key)
{
	size_t count, at;

	if (view->page == TOP_PAGE_TEXT || view->page == TOP_PAGE_HELP) {
		size_t most = view->text_lines > view->page_lines ?
				      view->text_lines - view->page_lines + 1 :
				      1;

		view->text_first = moved(view->text_first, most, view->page_lines, key);
		return;
	}
	at = cursor_of(view, &count)->at;
	place(view, moved(at, count, view->page_lines, key));
}

/* ---- pages ---- */

static void open_page(struct top_view *view, enum top_page page)
{
	if (view->page == page)
		return;
	view->before[page] = view->page;
	view->page = page;
	view->text_first = 0;
}

static void open_text(struct top_view *view, char *text)
{
	if (!text) {
		top_view_say(view, "its text is not kept any more");
		return;
	}
	free(view->text);
	view->text = text;
	open_page(view, TOP_PAGE_TEXT);
}

static void open_finding(struct top_view *view, const struct top *top,
			 const struct top_finding *shown)
{
	const struct top_finding *finding = top_finding_by_id(top, shown->id);

	open_text(view, finding && finding->text ? strdup(finding->text) : NULL);
}

static enum top_act open_row(struct top_view *view, struct top *top, const struct top_row *row)
{
	view->row_table = view->table;
	view->row_key = row->key;
	view->row = *row;
	view->of_lines = (struct top_cursor){ 0 };
	top_follow(top, view->row_table, row->key);
	open_page(view, TOP_PAGE_ROW);
	copy_row(view, top);
	return TOP_ACT_LOOK;
}

static enum top_act enter(struct top_view *view, struct top *top)
{
	const struct top_line *line;
	size_t count;
	size_t at = cursor_of(view, &count)->at;

	if (at >= count)
		return TOP_ACT_NONE;
	if (view->page == TOP_PAGE_MAIN && !view->in_findings)
		return open_row(view, top, view->order[at]);
	if (view->page == TOP_PAGE_MAIN) {
		open_finding(view, top, &view->findings[at]);
	} else if (view->page == TOP_PAGE_ROW) {
		line = &view->lines[at];
		if (line->is_finding)
			open_finding(view, top, &view->findings[line->index]);
		else
			open_text(view, top_pages_tell_connection(&view->connections[line->index]));
	}
	return TOP_ACT_NONE;
}

static enum top_act leave(struct top_view *view, struct top *top, unsigned int key)
{
	if (view->page == TOP_PAGE_MAIN) {
		if (key == 'q')
			return TOP_ACT_QUIT;
		view->filter[0] = '\0';
		top_view_refresh(view, top, &view->told);
		return TOP_ACT_NONE;
	}
	if (view->page == TOP_PAGE_ROW)
		top_follow(top, view->row_table, 0);
	view->page = view->before[view->page];
	return TOP_ACT_NONE;
}

/* ---- words that are typed ---- */

static void find(struct top_view *view, size_t from)
{
	size_t count;

	if (view->page != TOP_PAGE_MAIN || !view->search[0])
		return;
	cursor_of(view, &count);
	for (size_t i = 0; i < count; i++) {
		size_t at = (from + i) % count;
		const char *text =
			view->in_findings ? view->findings[at].headline : view->order[at]->name;

		if (strcasestr(text, view->search)) {
			place(view, at);
			return;
		}
	}
	top_view_say(view, "nothing here has that in its name; n looks again");
}

static void take_letter(struct top_view *view, unsigned int key)
{
	size_t length = strlen(view->word);

	if (key == TOP_KEY_BACKSPACE) {
		if (length)
			view->word[length - 1] = '\0';
	} else if (key >= ' ' && key < 0x7f && length + 1 < sizeof(view->word)) {
		view->word[length] = (char)key;
		view->word[length + 1] = '\0';
	}
}

static void prompt_key(struct top_view *view, const struct top *top, unsigned int key)
{
	bool filter = view->prompt == 'f';
	char *into = filter ? view->filter : view->search;
	size_t count, from = cursor_of(view, &count)->at;

	if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER)
		view->prompt = 0;
	else
		take_letter(view, key);
	if (key == TOP_KEY_ESCAPE)
		view->word[0] = '\0';
	memcpy(into, view->word, TOP_WORD_SIZE);
	if (!filter) {
		find(view, from);
		return;
	}
	sort_rows(view);
	copy_findings(view, top);
}

/* ---- keys ---- */

static void change_table(struct top_view *view, const struct top *top, enum top_table table)
{
	view->in_findings = false;
	if (view->table == table)
		return;
	view->table = table;
	copy_rows(view, top);
}

/* Processes, destinations, findings, and round again. */
static void change_list(struct top_view *view, const struct top *top, bool back)
{
	int list = view->in_findings ? TOP_TABLE_COUNT : (int)view->table;

	list = (list + (back ? TOP_TABLE_COUNT : 1)) % (TOP_TABLE_COUNT + 1);
	if (list == TOP_TABLE_COUNT)
		view->in_findings = true;
	else
		change_table(view, top, (enum top_table)list);
}

static void change_sort(struct top_view *view, unsigned int key)
{
	enum top_column *sort = &view->sort[view->table];
	unsigned int step = key == 's' ? 1 : TOP_COLUMN_COUNT - 1;

	if (key == 'r')
		view->turned[view->table] = !view->turned[view->table];
	else
		*sort = (*sort + step) % TOP_COLUMN_COUNT;
	sort_rows(view);
}

static enum top_act play_key(unsigned int key)
{
	switch (key) {
	case TOP_KEY_LEFT:
		return TOP_ACT_BACK;
	case TOP_KEY_RIGHT:
		return TOP_ACT_ON;
	case TOP_KEY_HOME:
		return TOP_ACT_BEGIN;
	case TOP_KEY_END:
		return TOP_ACT_END;
	case '+':
	case '=':
		return TOP_ACT_FASTER;
	case '-':
		return TOP_ACT_SLOWER;
	}
	return TOP_ACT_NONE;
}

static void main_key(struct top_view *view, const struct top *top, unsigned int key)
{
	switch (key) {
	case TOP_KEY_TAB:
	case TOP_KEY_BACK_TAB:
		change_list(view, top, key == TOP_KEY_BACK_TAB);
		return;
	case 'p':
	case 'd':
		change_table(view, top, key == 'p' ? TOP_PROCESSES : TOP_DESTINATIONS);
		return;
	case 's':
	case 'S':
	case 'r':
		change_sort(view, key);
		return;
	case '/':
	case 'f':
		view->prompt = key;
		memcpy(view->word, key == 'f' ? view->filter : "", key == 'f' ? TOP_WORD_SIZE : 1);
		return;
	case 'n':
		find(view, cursor_of(view, &(size_t){ 0 })->at + 1);
		return;
	}
}

enum top_act top_view_key(struct top_view *view, struct top *top, unsigned int key)
{
	view->said[0] = '\0';
	if (view->prompt) {
		prompt_key(view, top, key);
		return TOP_ACT_NONE;
	}
	if (is_move(view, key)) {
		move(view, key);
		return TOP_ACT_NONE;
	}
	switch (key) {
	case 'q':
	case TOP_KEY_ESCAPE:
	case TOP_KEY_BACKSPACE:
		return leave(view, top, key);
	case TOP_KEY_ENTER:
		return enter(view, top);
	case ' ':
		view->paused = !view->paused;
		return TOP_ACT_PAUSE;
	case '?':
	case 'h':
		open_page(view, TOP_PAGE_HELP);
		return TOP_ACT_NONE;
	}
	if (view->page == TOP_PAGE_MAIN)
		main_key(view, top, key);
	return view->replay ? play_key(key) : TOP_ACT_NONE;
}
