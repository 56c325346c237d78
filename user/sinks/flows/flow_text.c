// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_text.c - a connection as a line of a table for people */

#include "sinks/flows/flow_columns.h"
#include "util/address.h"

static void say_pair(struct text *text, __u64 client, __u64 server)
{
	text_add(text, "%llu/%llu", client, server);
}

/* "closed by client", "reset by server", "refused", "open" */
static void print_end(struct text *text, const struct stream *stream)
{
	enum stream_end end = stream_end(stream);
	int first = end == STREAM_RESET ? stream->reset_by : stream_closed_first(stream);

	text_add(text, "%s", stream_end_name(end));
	if (end == STREAM_CLOSED || end == STREAM_HALF_CLOSED || end == STREAM_RESET)
		text_add(text, " by %s", first == stream->client ? "client" : "server");
}

/* The round trip between this vantage and the server, else the client. */
static void say_rtt(struct text *text, const struct stream *stream)
{
	const struct stream_rtt *rtt = &stream->side[stream->client].rtt;

	if (!rtt->samples)
		rtt = &stream->side[!stream->client].rtt;
	if (rtt->samples)
		say_duration(text, stream_rtt_mean_us(rtt));
	else
		text_add(text, "-");
}

static void print_stream(const struct flows_options *options, const struct flow_source *source)
{
	const struct stream *stream = source->stream;
	const struct stream_side *client = &stream->side[stream->client];
	const struct stream_side *server = &stream->side[!stream->client];
	char cells[8][60], ends[120];
	struct text text[8], connection = text_of(ends);

	for (int i = 0; i < 8; i++)
		text[i] = text_of(cells[i]);
	say_time(&text[0], source->join, stream->first_ns, options->utc);
	say_duration(&text[1], stream->last_ns > stream->first_ns ?
				       (stream->last_ns - stream->first_ns) / 1000 :
				       0);
	say_pair(&text[2], client->packets, server->packets);
	say_pair(&text[3], client->bytes, server->bytes);
	say_rtt(&text[4], stream);
	say_pair(&text[5], stream_side_retransmissions(client),
		 stream_side_retransmissions(server));
	say_pair(&text[6], client->flagged[STREAM_LOST_SEGMENT],
		 server->flagged[STREAM_LOST_SEGMENT]);
	print_end(&text[7], stream);
	address_print_port(&connection, stream->address[stream->client],
			   stream->port[stream->client]);
	text_add(&connection, options->ascii ? " -> " : " → ");
	address_print_port(&connection, stream->address[!stream->client],
			   stream->port[!stream->client]);
	fprintf(options->file, "%-24s %9s %13s %21s %9s %7s %5s  %-21s %s%s\n", cells[0], cells[1],
		cells[2], cells[3], cells[4], cells[5], cells[6], cells[7], ends,
		stream->client_known ? "" : " (begin not seen)");
}

/* ---- of sockets ---- */

/* "closed by client", "refused"; while it is open its state, which says more than "open" */
static void print_flow_end(struct text *text, const struct flow *flow)
{
	enum flow_end end = flow_end(flow);
	enum flow_side first = end == FLOW_RESET ? flow_reset_by(flow) : flow_closed_first(flow);
	const char *state = flow->known & EVENT_K_STATE ? decode_state_name(flow->state) : NULL;

	if (!flow->ended_ns && state)
		text_add(text, "%s", state);
	else
		text_add(text, "%s", flow_end_name(end) ?: "-");
	if (first != FLOW_NEITHER &&
	    (end == FLOW_CLOSED || end == FLOW_HALF_CLOSED || end == FLOW_RESET))
		text_add(text, " by %s", first == flow_client(flow) ? "client" : "server");
}

/* "client curl[4121]": which end this is, and whose */
static void print_process(struct text *text, const struct flow *flow)
{
	bool is_client = flow_client(flow) == FLOW_LOCAL;

	if (flow->role_known)
		text_add(text, "%s", is_client ? "client" : "server");
	if (flow->owner_known) {
		text_add(text, "%s", flow->role_known ? " " : "");
		text_add_foreign(text, flow->owner.leader, sizeof(flow->owner.leader));
		text_add(text, "[%u]", flow->owner.tgid);
	}
	if (!text->length)
		text_add(text, "-");
}

static void print_ends(struct text *text, const struct flow *flow, bool ascii)
{
	const struct event_tuple *tuple = &flow->tuple;
	bool is_client = flow_client(flow) == FLOW_LOCAL;

	if (is_client)
		address_print_port(text, tuple->local, tuple->local_port);
	else
		address_print_port(text, tuple->remote, tuple->remote_port);
	text_add(text, ascii ? " -> " : " → ");
	if (is_client)
		address_print_port(text, tuple->remote, tuple->remote_port);
	else
		address_print_port(text, tuple->local, tuple->local_port);
}

/* Whose figures stand first: the client's. */
static void say_sides(struct text *text, const struct flow *flow, __u64 local, __u64 remote)
{
	bool is_client = flow_client(flow) == FLOW_LOCAL;

	say_pair(text, is_client ? local : remote, is_client ? remote : local);
}

enum cell { STARTED, DURATION, PACKETS, BYTES, RTT, SPREAD, AGAIN, IDLE, ENDED, PROCESS, CELLS };

static void print_counts(struct text *text, const struct join *join, const struct flow *flow)
{
	const struct event_flow *counts = &flow->counts;
	__u64 now_ns = join_now_ns(join);

	say_sides(&text[PACKETS], flow, counts->packets_out, counts->packets_in);
	say_sides(&text[BYTES], flow, counts->bytes_sent, counts->bytes_received);
	text_add(&text[AGAIN], "%u", counts->retransmits);
	if (counts->srtt_us) {
		say_duration(&text[RTT], counts->srtt_us);
		say_duration(&text[SPREAD], counts->rttvar_us);
	}
	if (!flow->ended_ns && counts->active_ns)
		say_duration(&text[IDLE],
			     now_ns > counts->active_ns ? (now_ns - counts->active_ns) / 1000 : 0);
}

static void print_flow(const struct flows_options *options, const struct flow_source *source)
{
	const struct flow *flow = source->flow;
	char cells[CELLS][80], ends[120];
	struct text text[CELLS], connection = text_of(ends);
	__u64 until_ns = flow->ended_ns ? flow->ended_ns : join_now_ns(source->join);

	for (size_t i = 0; i < CELLS; i++)
		text[i] = text_of(cells[i]);
	if (flow->opened_ns) {
		say_time(&text[STARTED], source->join, flow->opened_ns, options->utc);
		say_duration(&text[DURATION],
			     until_ns > flow->opened_ns ? (until_ns - flow->opened_ns) / 1000 : 0);
	} else {
		text_add(&text[STARTED], "before");
	}
	if (flow->known & EVENT_K_FLOW)
		print_counts(text, source->join, flow);
	print_flow_end(&text[ENDED], flow);
	print_process(&text[PROCESS], flow);
	print_ends(&connection, flow, options->ascii);
	for (size_t i = 0; i < CELLS; i++)
		if (!text[i].length)
			text_add(&text[i], "-");
	fprintf(options->file, "%-24s %9s %13s %21s %9s %9s %5s %9s  %-18s  %-24s  %s\n",
		cells[STARTED], cells[DURATION], cells[PACKETS], cells[BYTES], cells[RTT],
		cells[SPREAD], cells[AGAIN], cells[IDLE], cells[ENDED], cells[PROCESS], ends);
}

void flow_text_head(const struct flows_options *options, bool sockets)
{
	const char *ends = options->ascii ? "client -> server" : "client → server";

	if (sockets)
		fprintf(options->file, "%-24s %9s %13s %21s %9s %9s %5s %9s  %-18s  %-24s  %s\n",
			"started", "duration", "packets", "bytes", "rtt", "spread", "again", "idle",
			"ended", "process", ends);
	else
		fprintf(options->file, "%-24s %9s %13s %21s %9s %7s %5s  %-21s %s\n", "started",
			"duration", "packets", "bytes", "rtt", "again", "lost", "ended", ends);
}

void flow_text_row(const struct flows_options *options, const struct flow_source *source)
{
	if (source->flow)
		print_flow(options, source);
	else
		print_stream(options, source);
}
