// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_text.c - a connection as a line of a table for people */

#include "sinks/flows/flow_columns.h"
#include "sinks/sink.h"
#include "util/address.h"
#include "util/time.h"

enum cell {
	STARTED,
	DURATION,
	PACKETS,
	BYTES,
	RTT,
	SPREAD,
	AGAIN,
	LOST,
	IDLE,
	ENDED,
	PROCESS,
	ENDS,
	CELLS,
};

/* One of two tables: of packets, or of sockets. */
struct layout {
	__u8 cell; /* enum cell */
	__s8 gap; /* in front of it */
	__s8 width; /* negative: it stands at the left */
	const char *head; /* NULL: that of the ends */
};

/* clang-format off */
static const struct layout of_packets[] = {
	{ STARTED, 0, -24, "started" },
	{ DURATION, 1, 9, "duration" },
	{ PACKETS, 1, 13, "packets" },
	{ BYTES, 1, 21, "bytes" },
	{ RTT, 1, 9, "rtt" },
	{ AGAIN, 1, 7, "again" },
	{ LOST, 1, 5, "lost" },
	{ ENDED, 2, -21, "ended" },
	{ ENDS, 1, 0, NULL },
	{ .cell = CELLS },
};

static const struct layout of_sockets[] = {
	{ STARTED, 0, -24, "started" },
	{ DURATION, 1, 9, "duration" },
	{ PACKETS, 1, 13, "packets" },
	{ BYTES, 1, 21, "bytes" },
	{ RTT, 1, 9, "rtt" },
	{ SPREAD, 1, 9, "spread" },
	{ AGAIN, 1, 5, "again" },
	{ IDLE, 1, 9, "idle" },
	{ ENDED, 2, -18, "ended" },
	{ PROCESS, 2, -24, "process" },
	{ ENDS, 2, 0, NULL },
	{ .cell = CELLS },
};
/* clang-format on */

static const struct layout *layout_of(bool sockets)
{
	return sockets ? of_sockets : of_packets;
}

/* The client's stands first; of what only one side is known of, that alone. */
static void say_sides(struct text *text, const struct figures *figures, __u32 known, __u64 first,
		      __u64 second)
{
	bool first_known = figures->side[0].known & known;
	bool second_known = figures->side[1].known & known;

	if (first_known && second_known)
		text_add(text, "%llu/%llu", figures->client ? second : first,
			 figures->client ? first : second);
	else if (first_known || second_known)
		text_add(text, "%llu", first_known ? first : second);
}

/* "closed by client", "refused"; while it is open the socket's state, which says more than "open" */
static void print_end(struct text *text, const struct figures *figures)
{
	enum conn_end end = figures->end;
	int first = end == CONN_RESET ? figures->reset_by : figures->closed_first;
	const char *state = flow_state_name(figures);

	text_add(text, "%s", state ?: conn_end_name(end) ?: "-");
	if (first != FIGURES_NEITHER &&
	    (end == CONN_CLOSED || end == CONN_HALF_CLOSED || end == CONN_RESET))
		text_add(text, " by %s", flow_side_name(figures, first));
}

/* "client curl[4121]": which end this is, and whose */
static void print_process(struct text *text, const struct flow_source *source)
{
	const char *role = flow_role(source->figures);

	if (role)
		text_add(text, "%s", role);
	if (!source->owner)
		return;
	text_add(text, "%s", role ? " " : "");
	say_process(text, source->owner);
}

/* Behind the ends, whose length nobody knows: most have none. */
static void print_verdict(struct text *text, const struct flow_verdict *verdict)
{
	text_add(text, "  %s%s", rule_id(verdict->rule),
		 verdict->state == FINDING_PENDING ? " pending" : "");
}

static void print_ends(struct text *text, const struct figures *figures, bool ascii, bool sockets)
{
	const struct figures_side *client = &figures->side[figures->client];
	const struct figures_side *server = &figures->side[!figures->client];

	address_print_port(text, client->address, client->port);
	text_add(text, ascii ? " -> " : " → ");
	address_print_port(text, server->address, server->port);
	if (!figures->client_known && !sockets) /* else the process is said to be no client */
		text_add(text, " (begin not seen)");
}

static void print_times(struct text *text, const struct flow_source *source, bool utc)
{
	const struct figures *figures = source->figures;

	if (figures->known & FIGURES_BEGIN) {
		say_time(&text[STARTED], source->join, figures->started_ns, utc);
		say_duration(&text[DURATION],
			     ns_between(figures->started_ns, figures->last_ns) / NS_PER_US);
	} else {
		text_add(&text[STARTED], "before");
	}
	if (figures->known & FIGURES_IDLE_NOW)
		say_duration(&text[IDLE], figures->idle_now_ns / NS_PER_US);
}

static void print_counts(struct text *text, const struct figures *figures)
{
	const struct figures_side *side = figures->side;
	const struct figures_side *measured = &side[!(side[0].known & FIGURES_SRTT)];

	say_sides(&text[PACKETS], figures, FIGURES_COUNTS, side[0].packets, side[1].packets);
	say_sides(&text[BYTES], figures, FIGURES_COUNTS, side[0].bytes, side[1].bytes);
	say_sides(&text[AGAIN], figures, FIGURES_AGAIN, side[0].again, side[1].again);
	say_sides(&text[LOST], figures, FIGURES_SEGMENTS, side[0].flagged[STREAM_LOST_SEGMENT],
		  side[1].flagged[STREAM_LOST_SEGMENT]);
	if (figures->known & FIGURES_ROUND_TRIP)
		say_duration(&text[RTT], figures->rtt_us);
	if (measured->known & FIGURES_SRTT)
		say_duration(&text[SPREAD], measured->rttvar_us);
}

void flow_text_head(const struct flows_options *options, bool sockets)
{
	const char *ends =
		options->ascii ? "client -> server  finding" : "client → server  finding";

	for (const struct layout *row = layout_of(sockets); row->cell < CELLS; row++)
		fprintf(options->file, "%*s%*s", row->gap, "", row->width, row->head ?: ends);
	fputc('\n', options->file);
}

void flow_text_row(const struct flows_options *options, const struct flow_source *source,
		   bool sockets)
{
	char cells[CELLS][180];
	struct text text[CELLS];

	for (size_t i = 0; i < CELLS; i++)
		text[i] = text_of(cells[i]);
	print_times(text, source, options->utc);
	print_counts(text, source->figures);
	print_end(&text[ENDED], source->figures);
	print_process(&text[PROCESS], source);
	print_ends(&text[ENDS], source->figures, options->ascii, sockets);
	if (source->verdict)
		print_verdict(&text[ENDS], source->verdict);
	for (size_t i = 0; i < CELLS; i++)
		if (!text[i].length)
			text_add(&text[i], "-");
	for (const struct layout *row = layout_of(sockets); row->cell < CELLS; row++)
		fprintf(options->file, "%*s%*s", row->gap, "", row->width, cells[row->cell]);
	fputc('\n', options->file);
}
