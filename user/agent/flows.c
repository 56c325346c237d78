// SPDX-License-Identifier: GPL-2.0-or-later
/* flows.c - the command flows: a table of connections, of this host or of files */

#include <errno.h>
#include <langinfo.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/flows.h"
#include "agent/flows_judged.h"
#include "agent/output/output.h"
#include "agent/read.h"
#include "util/log.h"
#include "util/privilege.h"
#include "util/text.h"

static void add(struct pipeline *pipeline, const struct figures *figures,
		const struct event_owner *owner, const struct flow_verdict *verdict)
{
	const struct flow_source source = { pipeline->join, figures, owner, verdict };
	const struct figures_side *side = figures->side;
	struct event_tuple tuple = {
		.local_port = side[0].port,
		.remote_port = side[1].port,
		.protocol = IPPROTO_TCP,
	};

	memcpy(tuple.local, side[0].address, sizeof(tuple.local));
	memcpy(tuple.remote, side[1].address, sizeof(tuple.remote));
	if (filter_connection(pipeline->filter, pipeline->join, owner, &tuple))
		flows_add(pipeline->flows, &source);
}

static void add_stream(struct pipeline *pipeline, const struct stream *stream)
{
	struct figures figures;

	figures_take_stream(&figures, stream);
	add(pipeline, &figures, NULL, flows_judged_stream(pipeline->judged, stream->number));
}

static void add_flows(struct pipeline *pipeline, bool all)
{
	const struct flow *flow;
	struct figures figures;

	while ((flow = join_flow_due(pipeline->join, all))) {
		if (flows_full(pipeline->flows))
			continue;
		figures_take_flow(&figures, flow, join_now_ns(pipeline->join));
		add(pipeline, &figures, flow->owner,
		    flows_judged_socket(pipeline->judged, flow->cookie, flow->opened_ns,
					flow->ended_ns));
	}
}

int flows_take(struct pipeline *pipeline, const struct event *event)
{
	const struct conn *gone;

	if (event->head.kind == EVENT_START)
		flows_begin(pipeline->flows, join_flow_counters(pipeline->join));
	add_flows(pipeline, false);
	gone = conns_gone(join_conns(pipeline->join));
	if (gone && gone->stream) {
		add_stream(pipeline, gone->stream);
		if (ferror(pipeline->flows_file))
			return -ECANCELED;
	}
	/* captures are read to their end: what they hold is counted */
	return flows_full(pipeline->flows) && join_flow_counters(pipeline->join) ? -ECANCELED : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct stream *const *left = a, *const *right = b;

	return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

int flows_tell(struct pipeline *pipeline)
{
	const struct conns *conns = join_conns(pipeline->join);
	const struct stream **order;
	const struct conn *conn;
	size_t count = 0;
	__u32 slots = 0;

	while (conns_at(conns, slots))
		slots++;
	order = calloc(slots + 1, sizeof(struct stream *));
	if (!order)
		return -ENOMEM;
	for (__u32 i = 0; (conn = conns_at(conns, i)); i++)
		if (conn->queue && conn->stream)
			order[count++] = conn->stream;
	qsort(order, count, sizeof(struct stream *), compare_numbers);
	flows_begin(pipeline->flows, join_flow_counters(pipeline->join));
	for (size_t i = 0; i < count; i++)
		add_stream(pipeline, order[i]);
	free(order);
	add_flows(pipeline, true);
	flows_finish(pipeline->flows, pipeline->join);
	return 0;
}

static int refuse_sort(const char *field)
{
	char hint[400];
	struct text text = text_of(hint);
	const char *name;

	for (size_t i = 0; (name = flows_sort_name(i)); i++)
		text_add(&text, "%s%s", i ? ", " : "", name);
	log_error("--sort %s: no such number in the table", field);
	log_hint("%s; with client_ or server_ in front those of one side, as --csv names them",
		 hint);
	return EXIT_USAGE;
}

int flows_open(struct flows **out, const struct options *options, FILE *file)
{
	const struct flows_options wanted = {
		.format = options->json ? FLOWS_JSON :
			  options->csv	? FLOWS_CSV :
					  FLOWS_TEXT,
		.file = file,
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.utc = options->utc,
		.sort = options->sort,
		.room = options->connections_max,
		.rows_most = options->findings_max,
	};
	int err = flows_new(out, &wanted);

	if (err == -EINVAL)
		return refuse_sort(options->sort);
	if (err)
		log_error_r(err, "the table of connections");
	return err ? EXIT_FAILED : EXIT_DONE;
}

/* What says how to watch means nothing to a file. */
static int refuse_live_options(const struct options *options)
{
	const char *option = options->record	    ? "--record" :
			     options->duration_ns   ? "--duration" :
			     options->netns.count   ? "--netns" :
			     options->without.count ? "--without" :
						      NULL;

	if (!option)
		return 0;
	log_error("%s: of live connections, not of a file", option);
	log_hint("sockwhy flows without a file watches this host");
	return -EINVAL;
}

int command_flows(const struct options *options)
{
	struct output output;
	int status, err;

	if (!options->rest_count || filter_is_words(options))
		return flows_live(options);
	if (refuse_live_options(options))
		return EXIT_USAGE;
	privilege_drop();
	if (output_open(&output, options, false)) {
		output_close(&output);
		return EXIT_FAILED;
	}
	status = flows_open(&output.flows, options, output.file);
	if (status == EXIT_DONE)
		status = read_all(options, &output);
	flows_free(output.flows);
	output.flows = NULL;
	err = output_close(&output);
	if (err && err != -EPIPE) {
		log_error_r(err, "output: writing");
		status = EXIT_FAILED;
	}
	return status;
}
