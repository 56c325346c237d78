// SPDX-License-Identifier: GPL-2.0-or-later
/* flows.c - the command flows: a table of the connections of captures and recordings */

#include <errno.h>
#include <langinfo.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/flows.h"
#include "agent/output.h"
#include "agent/read.h"
#include "util/log.h"
#include "util/text.h"

static bool flow_is_wanted(struct pipeline *pipeline, const struct stream *stream)
{
	struct event_tuple tuple = {
		.local_port = stream->port[stream->client],
		.remote_port = stream->port[!stream->client],
		.protocol = IPPROTO_TCP,
	};

	memcpy(tuple.local, stream->address[stream->client], sizeof(tuple.local));
	memcpy(tuple.remote, stream->address[!stream->client], sizeof(tuple.remote));
	return filter_tuple(pipeline->filter, &tuple);
}

static void flow_add(struct pipeline *pipeline, const struct stream *stream)
{
	if (flow_is_wanted(pipeline, stream))
		flows_add(pipeline->flows, pipeline->join, stream);
}

int flows_take(struct pipeline *pipeline)
{
	const struct stream *gone;
	struct attempt *attempt;

	/* nobody asks for them, but they must not fill the tables */
	while ((attempt = join_due(pipeline->join)))
		join_told(pipeline->join, attempt, NULL);
	if (!join_look(pipeline->join)->stream)
		return 0;
	gone = stream_gone(join_streams(pipeline->join));
	if (gone)
		flow_add(pipeline, gone);
	return gone && ferror(pipeline->flows_file) ? -ECANCELED : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct stream *const *left = a, *const *right = b;

	return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

int flows_tell(struct pipeline *pipeline)
{
	const struct streams *streams = join_streams(pipeline->join);
	const struct stream **order;
	size_t count = 0;

	while (stream_at(streams, count))
		count++;
	order = calloc(count + 1, sizeof(struct stream *));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		order[i] = stream_at(streams, i);
	qsort(order, count, sizeof(struct stream *), compare_numbers);
	for (size_t i = 0; i < count; i++)
		flow_add(pipeline, order[i]);
	free(order);
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

int command_flows(const struct options *options)
{
	struct flows_options wanted = {
		.format = options->json ? FLOWS_JSON :
			  options->csv	? FLOWS_CSV :
					  FLOWS_TEXT,
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.utc = options->utc,
		.sort = options->sort,
		.room = options->connections_max,
		.rows_most = options->findings_max,
	};
	struct output output;
	int status = EXIT_FAILED, err;

	if (!options->rest_count && !options->file) {
		log_error("flows: no file given");
		log_hint("sockwhy flows FILE, or - for standard input");
		return EXIT_USAGE;
	}
	if (output_open(&output, options, false)) {
		output_close(&output);
		return EXIT_FAILED;
	}
	wanted.file = output.file;
	err = flows_new(&output.flows, &wanted);
	if (err == -EINVAL)
		status = refuse_sort(options->sort);
	else if (err)
		log_error_r(err, "the table of connections");
	else
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
