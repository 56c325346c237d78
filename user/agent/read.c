// SPDX-License-Identifier: GPL-2.0-or-later
/* read.c - judges what was recorded or captured: the same records, the same findings */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options/behind.h"
#include "agent/facts.h"
#include "agent/output/output.h"
#include "agent/pipeline.h"
#include "agent/read.h"
#include "agent/input/spool.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/privilege.h"

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
	if (descriptors_or_memory(err)) {
		log_error_r(err, "%s: reading", path);
	} else if (err && err != -EPIPE) {
		log_error("%s: damaged: %s", path, why);
		log_hint("what stands before the damage was judged");
	}
	return err;
}

/* The second time, for -w: what the findings speak of is known now. */
static int pick_recording(struct pipeline *pipeline, const struct opened *file)
{
	const struct record_sink sink = { pipeline_take, pipeline };
	struct record_reader *reader;
	struct input *input;
	const char *why;
	const void *record;
	size_t size;
	int err = opened_input(file, &input);

	err = err ? err : record_reader_new(&reader, input);
	if (err)
		return err;
	pipeline_pick_again(pipeline);
	/* it ends where it ended the first time */
	while (!err && record_reader_next(reader, &record, &size, &why) == 1)
		err = sink.take(sink.ctx, record, size);
	record_reader_close(reader);
	pipeline_picked(pipeline);
	return 0;
}

/* @input is the reader's from now on. */
static int read_recording(const struct options *options, struct output *output,
			  const struct opened *file, struct input *input)
{
	struct pipeline pipeline;
	const struct record_sink sink = { pipeline_take, &pipeline };
	struct facts_replay replay = { .sink = &sink };
	struct record_reader *reader;
	int err, status;

	if (options->since.given || options->until.given) {
		log_error("%s: a recording: --since and --until are for captures", file->name);
		log_hint("what a recording tells of a time hangs on what it told before");
		input_close(input);
		return EXIT_USAGE;
	}
	if (record_reader_new(&reader, input))
		return EXIT_FAILED;
	err = pipeline_open(&pipeline, options);
	if (err) {
		record_reader_close(reader);
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	replay.reader = reader;
	output_attach(output, &pipeline);
	pipeline.facts = (struct facts){ .fetch = facts_replay_fetch, .ctx = &replay };

	err = read_records(reader, &sink, file->name);
	pipeline_finish(&pipeline, err == -EPIPE);
	if (outlets_want_again(&pipeline.outlets) && pick_recording(&pipeline, file))
		pipeline.again_failed = true;
	status = err && err != -ECANCELED ? EXIT_FAILED : pipeline_status(&pipeline);
	if (!outlets_unread(&pipeline.outlets))
		output_log_summary(&pipeline, err == -EPIPE);
	record_reader_close(reader);
	pipeline_close(&pipeline);
	return status;
}

static int refuse_input(struct input *input, const char *path, const char *why)
{
	log_error("%s: %s", path, why);
	log_hint(
		"read takes pcap and pcapng, also packed with gzip or zstd, and what --record made");
	input_close(input);
	return EXIT_FAILED;
}

/* Judges a recording at once; captures wait until all are there, because they are merged. */
static int read_file(const struct options *options, struct output *output,
		     struct captures *captures, const struct opened *file)
{
	const char *name = file->name;
	struct input *input;

	if (output->write.packets && write_check_input(name, file->fd))
		return EXIT_FAILED;
	if (opened_input(file, &input))
		return EXIT_FAILED;
	switch (input_kind(input)) {
	case INPUT_EMPTY:
		return refuse_input(input, name, "empty");
	case INPUT_OTHER:
		return refuse_input(input, name, "neither a capture nor a recording");
	case INPUT_RECORDING:
		return read_recording(options, output, file, input);
	case INPUT_PCAP:
	case INPUT_PCAPNG:
		break;
	}
	return captures_add(captures, input) ? EXIT_FAILED : EXIT_DONE;
}

/* What could not be read weighs more than what was found in the rest, a bad command line more. */
static int worse_status(int one, int other)
{
	if (one == EXIT_USAGE || other == EXIT_USAGE)
		return EXIT_USAGE;
	if (one == EXIT_FAILED || other == EXIT_FAILED)
		return EXIT_FAILED;
	return one == EXIT_DONE ? other : one;
}

/* All capture files once more, in the same order. */
static struct captures *open_again(const struct opened_files *files)
{
	struct captures *captures;
	struct input *input;

	if (captures_new(&captures))
		return NULL;
	for (size_t i = 0; i < files->count; i++) {
		/* what cannot be opened was told the first time */
		if (files->at[i].fd < 0 || opened_input(&files->at[i], &input))
			continue;
		if (input_kind(input) == INPUT_PCAP || input_kind(input) == INPUT_PCAPNG)
			captures_add(captures, input);
		else
			input_close(input);
	}
	return captures;
}

static int read_files(const struct options *options, struct output *output,
		      struct captures *captures, const struct opened_files *files)
{
	int worst = EXIT_DONE;

	for (size_t i = 0; i < files->count && worst != EXIT_USAGE; i++)
		worst = worse_status(worst, read_file(options, output, captures, &files->at[i]));
	if (captures_count(captures) && worst != EXIT_USAGE)
		worst = worse_status(worst,
				     read_captures(options, output, captures, files, open_again));
	return worst;
}

int read_all(const struct options *options, struct output *output)
{
	struct opened_files files = { 0 };
	struct captures *captures = NULL;
	int status = EXIT_FAILED;

	if (opened_files(&files, options) || behind_fences(options, false))
		goto out;
	if (captures_new(&captures))
		log_error_r(-ENOMEM, "captures");
	else
		status = read_files(options, output, captures, &files);
out:
	captures_free(captures);
	opened_free(&files);
	return status;
}

/* What -w reads twice: standard input is kept for that. @kept: options that name it there. */
static int keep_standard_input(const struct options *options, struct options *kept,
			       char path[SPOOL_PATH_SIZE])
{
	int err = 0;

	*kept = *options;
	path[0] = '\0';
	if (!options->write)
		return 0;
	if (options->file && !strcmp(options->file, "-")) {
		err = spool_standard_input(path);
		kept->file = path;
	}
	/* once: the second time there is nothing in it */
	for (size_t i = 0; options->command_given && i < options->rest_count && !path[0]; i++) {
		if (strcmp(options->rest[i], "-"))
			continue;
		err = spool_standard_input(path);
		options->rest[i] = path;
	}
	return err;
}

int command_read(const struct options *options)
{
	char spool[SPOOL_PATH_SIZE];
	struct options kept;
	struct output output;
	int worst, err;

	if (!options->rest_count && !options->file) {
		log_error("read: no file given");
		log_hint("sockwhy read FILE, or - for standard input");
		return EXIT_USAGE;
	}
	if (write_check(options))
		return EXIT_USAGE;
	privilege_drop();
	descriptors_raise();
	if (output_open(&output, options, false) ||
	    report_open(&output.report, options, output.mask)) {
		report_close(&output.report, options);
		output_close(&output);
		return EXIT_FAILED;
	}
	if (keep_standard_input(options, &kept, spool))
		worst = EXIT_FAILED;
	else
		worst = read_all(&kept, &output);
	worst = worse_status(worst, report_close(&output.report, options));
	err = output_close(&output);
	if (err && err != -EPIPE) {
		log_error_r(err, "output: writing");
		worst = EXIT_FAILED;
	}
	return worst;
}
