// SPDX-License-Identifier: GPL-2.0-or-later
/* read.c - judges recordings again: the same records, the same findings */

#include <errno.h>

#include "agent/agent.h"
#include "agent/facts.h"
#include "agent/output.h"
#include "agent/pipeline.h"
#include "util/log.h"

/* Feeds the pipeline to the end. Returns 0, -EPIPE for an early end, or what broke off. */
static int read_records(struct record_reader *reader, const struct record_sink *sink,
			const char *path)
{
	const char *why = "";
	const void *record;
	size_t size;
	int err;

	while ((err = record_reader_next(reader, &record, &size, &why)) == 1) {
		err = sink->take(sink->ctx, record, size);
		if (err)
			return err;
	}
	if (err && err != -EPIPE) {
		log_error("%s: damaged: %s", path, why);
		log_hint("what stands before the damage was judged");
	}
	return err;
}

static int read_file(const struct options *options, struct output *output, const char *path)
{
	struct pipeline pipeline;
	const struct record_sink sink = { pipeline_take, &pipeline };
	struct facts_replay replay = { .sink = &sink };
	struct record_reader *reader;
	int err, status;

	err = pipeline_open(&pipeline, options);
	if (err)
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	if (record_reader_open(&reader, path)) {
		pipeline_close(&pipeline);
		return EXIT_FAILED;
	}
	replay.reader = reader;
	pipeline.sink = output->sink;
	pipeline.facts = (struct facts){ .fetch = facts_replay_fetch, .ctx = &replay };

	err = read_records(reader, &sink, path);
	pipeline_finish(&pipeline, err == -EPIPE);
	status = err && err != -EPIPE && err != -ECANCELED ? EXIT_FAILED :
							     pipeline_status(&pipeline);
	if (pipeline.write_error != -EPIPE)
		output_log_summary(&pipeline, err == -EPIPE);
	record_reader_close(reader);
	pipeline_close(&pipeline);
	return status;
}

int command_read(const struct options *options)
{
	struct output output;
	int worst = EXIT_DONE, err;

	if (!options->rest_count && !options->file) {
		log_error("read: no file given");
		log_hint("sockwhy read FILE, or - for standard input");
		return EXIT_USAGE;
	}
	if (output_open(&output, options, false)) {
		output_close(&output);
		return EXIT_FAILED;
	}
	if (options->file)
		worst = read_file(options, &output, options->file);
	for (size_t i = 0; options->command_given && i < options->rest_count; i++) {
		int status = read_file(options, &output, options->rest[i]);

		/* what could not be read weighs more than what was found in the rest */
		if (worst == EXIT_DONE || status == EXIT_FAILED)
			worst = status;
		if (status == EXIT_USAGE)
			break;
	}
	err = output_close(&output);
	if (err && err != -EPIPE) {
		log_error_r(err, "output: writing");
		worst = EXIT_FAILED;
	}
	return worst;
}
