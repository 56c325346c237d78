// SPDX-License-Identifier: GPL-2.0-or-later
/* flows.c - a table of connections: text, JSON lines, CSV; sorted in bounded memory */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/flows/flow_columns.h"
#include "sinks/json_parts.h"
#include "util/address.h"

static const char *const side_prefixes[] = { "client", "server" };

struct flow_row {
	struct figures figures;
	struct event_owner owner;
	bool owner_known;
	struct flow_verdict verdict; /* .rule NULL: none */
	__u64 key; /* what it is sorted by: the greatest first */
	__u64 order; /* of equal keys the first that came */
};

struct flows {
	struct flows_options options;
	const struct flow_column *sort; /* NULL: rows are written as they come */
	__u8 sort_side; /* 0 client, 1 server, 2 the connection */
	struct flow_row *rows; /* a heap: the row that leaves first on top */
	size_t count;
	__u64 added;
	__u64 written;
	bool begun; /* the first line was written */
	bool sockets;
};

/* ---- names ---- */

static const struct flow_column *column_by_name(const struct flow_column *columns, const char *name)
{
	for (; columns->name; columns++)
		if (!strcmp(columns->name, name))
			return columns->type == FLOW_NUMBER || columns->type == FLOW_TIME ?
				       columns :
				       NULL;
	return NULL;
}

/* "bytes" of the connection, "client_bytes" of a side */
static const struct flow_column *sort_column(const char *name, __u8 *side)
{
	for (*side = 0; *side < 2; ++*side) {
		size_t length = strlen(side_prefixes[*side]);

		if (!strncmp(name, side_prefixes[*side], length) && name[length] == '_')
			return column_by_name(flow_side_columns, name + length + 1);
	}
	return column_by_name(flow_columns, name);
}

const char *flows_sort_name(size_t index)
{
	for (const struct flow_column *column = flow_columns; column->name; column++)
		if ((column->type == FLOW_NUMBER || column->type == FLOW_TIME) && !index--)
			return column->name;
	return NULL;
}

/* ---- JSON ---- */

static void put_value(struct json *json, const struct join *join, const struct flow_column *column,
		      const struct flow_value *value)
{
	if (!value->known)
		return;
	switch ((enum flow_type)column->type) {
	case FLOW_NUMBER:
		json_pair_unsigned(json, column->name, value->number);
		return;
	case FLOW_ID:
		json_put_hex(json, column->name, value->number);
		return;
	case FLOW_TIME:
		json_put_time(json, column->name, join, value->number);
		return;
	case FLOW_WORD:
		json_pair(json, column->name, value->word);
		return;
	case FLOW_TEXT:
		json_pair_of(json, column->name, value->word, value->size);
		return;
	case FLOW_ADDRESS:
		json_put_address(json, column->name, value->address);
		return;
	case FLOW_TRUTH:
		json_key(json, column->name);
		json_bool(json, value->number);
		return;
	}
}

static void write_json(const struct flows *flows, const struct flow_source *source)
{
	char line[LINE_MOST];
	struct json json = json_in(line, sizeof(line));
	const struct join *join = source->join;
	__u8 client = source->figures->client;

	json_put_begin(&json, join, "flow", source->figures->started_ns);
	for (const struct flow_column *column = flow_columns; column->name; column++) {
		struct flow_value value = flow_get(column, source, 0);

		if (column->type != FLOW_TIME) /* it is the line's own time */
			put_value(&json, join, column, &value);
	}
	for (int i = 0; i < 2; i++) {
		__u8 side = i ? !client : client;

		json_key(&json, side_prefixes[i]);
		json_open(&json, '{');
		for (const struct flow_column *column = flow_side_columns; column->name; column++) {
			struct flow_value value = flow_get(column, source, side);

			put_value(&json, join, column, &value);
		}
		json_close(&json, '}');
	}
	json_close(&json, '}');
	fprintf(flows->options.file, "%s\n", line);
}

/*
 * ---- CSV (RFC 4180): foreign text alone needs quotes, unknown is empty. A spreadsheet takes what
 * begins with one of these for a formula: an apostrophe in front makes it text. ----
 */
#define FORMULA_BEGINS "=+-@|%"

static void print_quoted(struct text *text, const char *foreign, size_t size)
{
	char buffer[160];
	struct text escaped = text_of(buffer);

	text_add_foreign(&escaped, foreign, size);
	text_add(text, buffer[0] && strchr(FORMULA_BEGINS, buffer[0]) ? "\"'" : "\"");
	for (const char *c = buffer; *c; c++)
		text_add(text, *c == '"' ? "\"\"" : "%c", *c);
	text_add(text, "\"");
}

static void print_value(struct text *text, const struct join *join,
			const struct flow_column *column, const struct flow_value *value)
{
	if (!value->known)
		return;
	switch ((enum flow_type)column->type) {
	case FLOW_NUMBER:
		text_add(text, "%llu", value->number);
		return;
	case FLOW_ID:
		text_add(text, "%016llx", value->number);
		return;
	case FLOW_TIME:
		say_rfc3339(text, join_realtime_ns(join, value->number));
		return;
	case FLOW_WORD:
		text_add(text, "%s", value->word);
		return;
	case FLOW_TEXT:
		print_quoted(text, value->word, value->size);
		return;
	case FLOW_ADDRESS:
		address_print(text, value->address);
		return;
	case FLOW_TRUTH:
		text_add(text, "%s", value->number ? "true" : "false");
		return;
	}
}

static void write_csv_head(const struct flows *flows)
{
	FILE *file = flows->options.file;

	for (const struct flow_column *column = flow_columns; column->name; column++)
		fprintf(file, "%s%s", column == flow_columns ? "" : ",", column->name);
	for (int i = 0; i < 2; i++)
		for (const struct flow_column *column = flow_side_columns; column->name; column++)
			fprintf(file, ",%s_%s", side_prefixes[i], column->name);
	fputc('\n', file);
}

static void write_csv(const struct flows *flows, const struct flow_source *source)
{
	char buffer[200];
	FILE *file = flows->options.file;
	const struct join *join = source->join;
	__u8 client = source->figures->client;

	for (const struct flow_column *column = flow_columns; column->name; column++) {
		struct flow_value value = flow_get(column, source, 0);
		struct text text = text_of(buffer);

		print_value(&text, join, column, &value);
		fprintf(file, "%s%s", column == flow_columns ? "" : ",", buffer);
	}
	for (int i = 0; i < 2; i++) {
		__u8 side = i ? !client : client;

		for (const struct flow_column *column = flow_side_columns; column->name; column++) {
			struct flow_value value = flow_get(column, source, side);
			struct text text = text_of(buffer);

			print_value(&text, join, column, &value);
			fprintf(file, ",%s", buffer);
		}
	}
	fputc('\n', file);
}

/* ---- rows ---- */

static void write_row(struct flows *flows, const struct flow_source *source)
{
	if (flows->options.rows_most && flows->written >= flows->options.rows_most)
		return;
	flows->written++;
	switch (flows->options.format) {
	case FLOWS_TEXT:
		flow_text_row(&flows->options, source, flows->sockets);
		return;
	case FLOWS_JSON:
		write_json(flows, source);
		return;
	case FLOWS_CSV:
		write_csv(flows, source);
		return;
	}
}

/* Does @a stand behind @b in the sorted table? */
static bool row_behind(const struct flow_row *a, const struct flow_row *b)
{
	return a->key < b->key || (a->key == b->key && a->order > b->order);
}

static void row_swap(struct flow_row *a, struct flow_row *b)
{
	struct flow_row kept = *a;

	*a = *b;
	*b = kept;
}

static void heap_sink(struct flow_row *rows, size_t count, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count && row_behind(&rows[child + 1], &rows[child]))
			child++;
		if (!row_behind(&rows[child], &rows[at]))
			return;
		row_swap(&rows[child], &rows[at]);
		at = child;
	}
}

static void heap_add(struct flows *flows, const struct flow_row *row)
{
	struct flow_row *rows = flows->rows;
	size_t at = flows->count;

	if (at == flows->options.room) {
		rows[0] = *row;
		heap_sink(rows, at, 0);
		return;
	}
	rows[at] = *row;
	flows->count++;
	while (at && row_behind(&rows[at], &rows[(at - 1) / 2])) {
		row_swap(&rows[at], &rows[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

int flows_new(struct flows **out, const struct flows_options *options)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	flows->options = *options;
	if (options->sort) {
		flows->sort = sort_column(options->sort, &flows->sort_side);
		flows->rows = calloc(options->room, sizeof(*flows->rows));
		if (!flows->sort || !flows->rows) {
			int err = flows->sort ? -ENOMEM : -EINVAL;

			flows_free(flows);
			return err;
		}
	}
	*out = flows;
	return 0;
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	free(flows->rows);
	free(flows);
}

void flows_begin(struct flows *flows, bool sockets)
{
	if (flows->begun)
		return;
	flows->begun = true;
	flows->sockets = sockets;
	if (flows->options.format == FLOWS_CSV)
		write_csv_head(flows);
	if (flows->options.format == FLOWS_TEXT)
		flow_text_head(&flows->options, sockets);
}

void flows_add(struct flows *flows, const struct flow_source *source)
{
	struct flow_row row;
	struct flow_value value;
	__u8 client = source->figures->client;

	flows->added++;
	if (!flows->sort) {
		write_row(flows, source);
		return;
	}
	value = flow_get(flows->sort, source, flows->sort_side ? !client : client);
	row.order = flows->added;
	row.key = flows->sort->ascending ? ~value.number : value.number;
	if (!value.known)
		row.key = 0;
	if (flows->count == flows->options.room && row_behind(&row, &flows->rows[0]))
		return; /* the most, of a capture that holds more than there is room for */
	row.figures = *source->figures;
	row.verdict = source->verdict ? *source->verdict : (struct flow_verdict){ 0 };
	row.owner_known = source->owner;
	if (source->owner)
		row.owner = *source->owner;
	heap_add(flows, &row);
}

void flows_finish(struct flows *flows, const struct join *join)
{
	/* the last one is taken off again and again, so that the rows stand in order */
	for (size_t left = flows->count; left > 1; left--) {
		row_swap(&flows->rows[0], &flows->rows[left - 1]);
		heap_sink(flows->rows, left - 1, 0);
	}
	for (size_t i = 0; i < flows->count; i++) {
		const struct flow_row *row = &flows->rows[i];
		const struct flow_source source = { join, &row->figures,
						    row->owner_known ? &row->owner : NULL,
						    row->verdict.rule ? &row->verdict : NULL };

		write_row(flows, &source);
	}
	flows->count = 0;
}

__u64 flows_untold(const struct flows *flows)
{
	return flows->added - flows->written;
}

bool flows_full(const struct flows *flows)
{
	return !flows->sort && flows->options.rows_most &&
	       flows->written >= flows->options.rows_most;
}
