// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - the command compare: two captures of the same traffic, side by side */

#include <errno.h>
#include <langinfo.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/options/behind.h"
#include "agent/options/filter.h"
#include "agent/input/opened.h"
#include "agent/output/output.h"
#include "join/compare/compare.h"
#include "rules/compare/compare.h"
#include "sinks/compare/compare.h"
#include "util/array.h"
#include "util/log.h"
#include "util/privilege.h"

/*
 * Theory of operation
 *
 * Each file is read by a reader of its own, and the frame that is earlier by its own clock is
 * taken first: with clocks that are about right a packet waits as long for its counterpart as it
 * was on its way. Clocks that are far apart cost memory and nothing else.
 */

struct comparing {
	const struct options *options;
	struct compare *compare;
	struct filter *filter;
	struct opened_files files;
	struct comparison_options form;
	struct comparison_summary summary;
	struct capture_read {
		struct captures *captures;
		struct fragments *fragments;
		const struct capture_frame *frame; /* at the front; NULL: the file has ended */
	} read[COMPARE_SIDES];
	bool found; /* what --fail-on asks for */
	struct event event; /* the one being made */
};

/* ---- files ---- */

static int refuse_input(struct input *input, const char *path, const char *why)
{
	log_error("%s: %s", path, why);
	log_hint("compare takes two captures: pcap or pcapng, also packed with gzip or zstd");
	input_close(input);
	return -EINVAL;
}

static int open_side(struct comparing *comparing, unsigned int side)
{
	const struct opened *file = &comparing->files.at[side];
	struct capture_read *read = &comparing->read[side];
	const char *path = file->name;
	struct input *input;

	comparing->summary.path[side] = path;
	if (opened_input(file, &input))
		return -EIO;
	switch (input_kind(input)) {
	case INPUT_EMPTY:
		return refuse_input(input, path, "empty");
	case INPUT_OTHER:
		return refuse_input(input, path, "not a capture");
	case INPUT_RECORDING:
		return refuse_input(input, path, "a recording, not a capture");
	case INPUT_PCAP:
	case INPUT_PCAPNG:
		break;
	}
	if (captures_new(&read->captures) || fragments_new(&read->fragments)) {
		input_close(input);
		return log_error_r(-ENOMEM, "%s", path);
	}
	return captures_add(read->captures, input);
}

/* Moves on to the next frame of a side. Returns 0 or -ENOMEM. */
static int next_frame(struct capture_read *read)
{
	int err = captures_next(read->captures, &read->frame);

	if (err != 1)
		read->frame = NULL;
	return err < 0 ? err : 0;
}

/* ---- telling ---- */

static bool end_is_wanted(struct filter *filter, const struct compare_end *end)
{
	struct event_tuple tuple = {
		.local_port = end->port[0],
		.remote_port = end->port[1],
		.protocol = IPPROTO_TCP,
	};

	memcpy(tuple.local, end->address[0], sizeof(tuple.local));
	memcpy(tuple.remote, end->address[1], sizeof(tuple.remote));
	return end->seen && filter_tuple(filter, &tuple);
}

static bool is_shown(const struct options *options, const struct comparison *comparison)
{
	int least = options->severity >= 0 ? options->severity :
		    options->all	   ? SEVERITY_INFO :
					     SEVERITY_WARNING;

	return comparison->severity >= least;
}

/* Returns 0 or the error of writing. */
static int tell(struct comparing *comparing, const struct compare_result *result)
{
	const struct options *options = comparing->options;
	const struct compare_clock *clock = compare_clock(comparing->compare);
	struct comparison comparison;

	if (!end_is_wanted(comparing->filter, &result->end[0]) &&
	    !end_is_wanted(comparing->filter, &result->end[1]))
		return 0;
	comparison_of(result, clock, &comparison);
	comparing->summary.connections++;
	comparing->summary.pairs += result->found != 0;
	comparing->summary.verdicts[comparison.id]++;
	if (options->fail_on >= 0 && comparison.severity >= options->fail_on)
		comparing->found = true;
	if (!is_shown(options, &comparison)) {
		comparing->summary.untold++;
		return 0;
	}
	comparison_tell(&comparing->form, result, clock, &comparison);
	if (!ferror(comparing->form.file))
		return 0;
	return errno ? -errno : -EIO;
}

/* ---- reading ---- */

static int take_frame(struct comparing *comparing, unsigned int side)
{
	struct capture_read *read = &comparing->read[side];
	const struct capture_frame *frame = read->frame;
	const struct frame_bytes bytes = { frame->bytes, frame->captured, frame->wire,
					   frame->link };
	const struct compare_result *gone;
	struct event *event = &comparing->event;
	int err = 0;

	event->head = (struct event_header){
		.ts_ns = frame->ts_ns,
		.kind = EVENT_FRAME,
		.vantage = VANTAGE_FILE,
	};
	if (frame->holds)
		compare_note_lack(comparing->compare, side, frame->holds & CAPTURE_HOLDS_FINDINGS);
	decode_frame(read->fragments, &bytes, event);
	compare_packet(comparing->compare, side, &event->packet, event->bytes,
		       event->bytes_captured, frame->ts_ns, frame->number);
	gone = compare_gone(comparing->compare);
	if (gone)
		err = tell(comparing, gone);
	return err ? err : next_frame(read);
}

/* The side whose frame is the earlier one; COMPARE_SIDES when both files have ended. */
static unsigned int earlier_side(const struct comparing *comparing)
{
	const struct capture_frame *a = comparing->read[0].frame, *b = comparing->read[1].frame;

	if (!a || !b)
		return a ? 0 : b ? 1 : COMPARE_SIDES;
	return b->ts_ns < a->ts_ns;
}

static int read_both(struct comparing *comparing)
{
	unsigned int side;
	int err = 0;

	for (side = 0; side < COMPARE_SIDES && !err; side++)
		err = next_frame(&comparing->read[side]);
	while (!err && (side = earlier_side(comparing)) < COMPARE_SIDES)
		err = take_frame(comparing, side);
	return err;
}

static int tell_all(struct comparing *comparing)
{
	struct comparison_summary *summary = &comparing->summary;
	const struct compare_result *result;
	int err = 0;

	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		const struct captures *captures = comparing->read[side].captures;

		summary->dropped[side] = captures_dropped(captures);
		summary->damaged[side] = captures_damaged(captures) > 0;
		compare_note_file(comparing->compare, side, summary->dropped[side],
				  summary->damaged[side]);
	}
	compare_finish(comparing->compare);
	while (!err && (result = compare_next(comparing->compare)))
		err = tell(comparing, result);
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		summary->counters[side] = compare_counters(comparing->compare, side);
	summary->clock = compare_clock(comparing->compare);
	if (!err)
		comparison_tell_summary(&comparing->form, summary);
	return err;
}

/* Returns an exit status. */
static int compare_files(struct comparing *comparing)
{
	int err = filter_new(&comparing->filter, comparing->options);

	if (err)
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	if (opened_files(&comparing->files, comparing->options) ||
	    behind_fences(comparing->options, false))
		return EXIT_FAILED;
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		if (open_side(comparing, side))
			return EXIT_FAILED;
	err = compare_new(&comparing->compare, (__u32)comparing->options->connections_max);
	if (!err)
		err = read_both(comparing);
	if (!err)
		err = tell_all(comparing);
	if (err && err != -EPIPE)
		log_error_r(err, "compare");
	if (err || comparing->summary.damaged[0] || comparing->summary.damaged[1])
		return EXIT_FAILED;
	return comparing->found ? EXIT_FOUND : EXIT_DONE;
}

static int refuse_arguments(const struct options *options)
{
	if (options->rest_count == COMPARE_SIDES &&
	    (strcmp(options->rest[0], "-") || strcmp(options->rest[1], "-")))
		return 0;
	log_error(
		"compare: it takes two captures of the same traffic, standard input once at most");
	log_hint("sockwhy compare CLIENT.pcap SERVER.pcap");
	return -EINVAL;
}

int command_compare(const struct options *options)
{
	struct comparing comparing = { .options = options };
	struct output output;
	int status, err;

	if (refuse_arguments(options))
		return EXIT_USAGE;
	privilege_drop();
	if (output_open(&output, options, false)) {
		output_close(&output);
		return EXIT_FAILED;
	}
	comparing.form = (struct comparison_options){
		.format = options->json	 ? COMPARISON_JSON :
			  options->brief ? COMPARISON_BRIEF :
					   COMPARISON_TEXT,
		.file = output.file,
		.color = output.color,
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.utc = options->utc,
	};
	status = compare_files(&comparing);
	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		captures_free(comparing.read[side].captures);
		fragments_free(comparing.read[side].fragments);
	}
	opened_free(&comparing.files);
	compare_free(comparing.compare);
	filter_free(comparing.filter);
	err = output_close(&output);
	if (err && err != -EPIPE) {
		log_error_r(err, "output: writing");
		status = EXIT_FAILED;
	}
	return status;
}
