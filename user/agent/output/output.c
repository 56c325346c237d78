// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - where findings go, in which form */

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/options/form.h"
#include "agent/output/output.h"
#include "join/timeline/timeline.h"
#include "util/array.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

bool output_wants_color(const struct options *options, bool hold)
{
	const char *no_color = getenv("NO_COLOR");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	if (no_color && no_color[0])
		return false;
	return !options->output && isatty(hold ? STDERR_FILENO : STDOUT_FILENO);
}

/* Columns at which text is broken; 0: it goes elsewhere than to a terminal. */
static size_t columns(const struct options *options, bool hold)
{
	int fd = hold ? STDERR_FILENO : STDOUT_FILENO;
	struct winsize size;

	if (options->output || !isatty(fd) || ioctl(fd, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

/* Everything between the sink and the place where its words end up. */
static int open_file(struct output *output, const struct options *options, bool hold)
{
	const struct outfile_limits limits = write_limits(options);
	bool standard = options->output && !strcmp(options->output, "-");
	FILE *to = stdout;
	int err = 0;

	if (options->mask)
		err = mask_new(&output->mask);
	if (!err && options->output && !standard) {
		to = NULL;
		err = outfile_open(&output->outfile, options->output, &limits);
		if (err)
			return err; /* told */
	} else if (!err && hold && !standard) {
		to = output->hold = open_memstream(&output->held, &output->held_size);
		err = to ? 0 : -ENOMEM;
	}
	if (!err && (output->outfile || output->mask))
		err = lines_open(&output->lines, output->mask, form_is_json(options), to,
				 output->outfile);
	output->file = output->lines ? lines_file(output->lines) : to;
	return err ? log_error_r(err, "output") : 0;
}

int output_open(struct output *output, const struct options *options, bool hold)
{
	struct sink_options sink = {
		.ops = form_of_output(options),
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.utc = options->utc,
		.width = columns(options, hold),
		.details = options->verbose > 0,
		/* text has timelines of them under run -v */
		.events = options->verbose > (options->command == COMMAND_RUN && !options->json),
		.unhurried = options->command == COMMAND_READ,
		.timeline = options->command == COMMAND_RUN,
	};
	int err;

	*output = (struct output){ .options = options };
	err = open_file(output, options, hold);
	if (!err && sink.ops == &sink_text_ops && sink.timeline && sink.details &&
	    timelines_new(&output->timelines))
		err = log_error_r(-ENOMEM, "output");
	err = err ? err : write_open(&output->write, options, output->mask);
	err = err ? err : to_journal_open(&output->journal, options);
	err = err ? err : to_syslog_open(&output->syslog, options);
	if (err)
		return err;
	sink.file = output->file;
	sink.mask = output->mask;
	sink.timelines = output->timelines;
	sink.take_error = output->lines ? lines_take_error : NULL;
	sink.ctx = output->lines;
	sink.color = output_wants_color(options, hold);
	output->color = sink.color;
	err = sink_open(&output->sink, &sink);
	if (err)
		log_error_r(err, "output");
	return err;
}

void output_attach(struct output *output, struct pipeline *pipeline)
{
	const struct options *options = output->options;
	bool alone = to_journal_alone(options);
	const struct outlet outlets[] = {
		{ .sink = output->write.sink, .path = options->write },
		{ .sink = output->report.sink, .path = options->report, .whole = true },
		{ .sink = output->journal.sink, .path = "journal", .main = alone },
		{ .sink = output->syslog.sink, .path = options->syslog, .main = alone },
		{ .sink = alone ? NULL : output->sink,
		  .path = output->outfile ? options->output : NULL,
		  .main = true },
	};

	_Static_assert(ARRAY_SIZE(outlets) <= OUTLETS_MAX, "there is room for them");
	pipeline->outlets = (struct outlets){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(outlets); i++)
		outlets_add(&pipeline->outlets, outlets[i]);
	pipeline->mask = output->mask;
	pipeline->timelines = output->timelines;
	pipeline->flows = output->flows;
	pipeline->flows_file = output->file;
}

void output_reopen(struct output *output)
{
	lines_reopen(output->lines);
	if (output->write.packets)
		packets_reopen(output->write.packets);
}

int output_show_held(struct output *output)
{
	if (!output->hold)
		return 0;
	if (fflush(output->hold))
		return -errno;
	fwrite(output->held + output->held_shown, 1, output->held_size - output->held_shown,
	       stderr);
	output->held_shown = output->held_size;
	return fflush(stderr) ? -errno : 0;
}

int output_close(struct output *output)
{
	int err = output->sink ? sink_close(output->sink) : 0, closed;

	closed = lines_close(output->lines);
	err = err ? err : closed;
	closed = outfile_close(output->outfile);
	err = err ? err : closed;
	closed = output_show_held(output);
	err = err ? err : closed;
	if (output->hold && fclose(output->hold) && !err)
		err = errno ? -errno : -EIO;
	free(output->held);
	closed = write_close(&output->write, output->options);
	err = err ? err : closed;
	to_journal_close(&output->journal);
	to_syslog_close(&output->syslog);
	mask_free(output->mask);
	timelines_free(output->timelines);
	*output = (struct output){ 0 };
	return err;
}

static void add_count(struct text *text, __u64 count, const char *what, const char *separator)
{
	if (count)
		text_add(text, "%s%llu %s%s", separator, count, what, count == 1 ? "" : "s");
}

/* "547 packets, 503 of them not IP; ": what a capture held, and what nobody could read in it. */
static void add_frames(struct text *text, const struct join_counters *counters,
		       const struct capture_summary *capture)
{
	__u64 frames = counters->frames + capture->outside;

	add_count(text, frames, "packet", "");
	text_add(text, "%s", frames ? "" : "no packet");
	if (capture->files > 1)
		text_add(text, " in %u files", capture->files);
	if (capture->outside)
		text_add(text, ", %llu left out by --since, --until or -i", capture->outside);
	for (unsigned int i = UNREAD_NONE + 1; i < UNREAD_COUNT; i++)
		if (counters->unread[i])
			text_add(text, ", %llu %s", counters->unread[i], decode_unread_meaning(i));
	if (counters->opaque)
		text_add(text, ", %llu with another inside that is not read", counters->opaque);
	if (counters->cut)
		text_add(text, ", %llu cut short in a header", counters->cut);
	if (capture->partial)
		text_add(text, ", %llu without some fragment", capture->partial);
	if (capture->findings)
		text_add(text, ", of findings alone");
	if (capture->handshakes)
		text_add(text, ", without what connections carried");
	text_add(text, "; ");
}

/* "60.0 s: 214 connections, 31 of them open before, 12 not shown; no record lost" */
static void log_live_flows(const struct pipeline *pipeline, const struct flow_counters *flows)
{
	const struct join_counters *counters = join_counters(pipeline->join);
	__u64 ms = (pipeline->last_ns - pipeline->first_ns) / NS_PER_MS;
	__u64 untold = flows_untold(pipeline->flows);
	char buffer[400];
	struct text text = text_of(buffer);

	text_add(&text, "%llu.%llu s: %llu connection%s", ms / 1000, ms % 1000 / 100, flows->seen,
		 flows->seen == 1 ? "" : "s");
	if (flows->before)
		text_add(&text, ", %llu of them open before", flows->before);
	if (untold)
		text_add(&text, ", %llu not shown", untold);
	if (counters->lost || counters->suppressed)
		text_add(&text, "; %llu records lost, %llu shed: connections may be missing",
			 counters->lost, counters->suppressed);
	else
		text_add(&text, "; no record lost");
	if (flows->unkept)
		text_add(&text, "; %llu began without room for them (--max-connections)",
			 flows->unkept);
	if (flows->crowded)
		text_add(&text, "; more were open than there is room for (--max-connections)");
	add_count(&text, counters->bad, "damaged record", "; ");
	log_info("%s", buffer);
}

/* "12 connections, 3 of them not shown; 2 made room before their end (--max-connections)" */
static void log_flows(const struct pipeline *pipeline)
{
	const struct conns *conns = join_conns(pipeline->join);
	const struct flow_counters *flows = join_flow_counters(pipeline->join);
	const struct join_counters *counters = join_counters(pipeline->join);
	__u64 seen = conns_streams_seen(conns), untold = flows_untold(pipeline->flows);
	char buffer[600];
	struct text text = text_of(buffer);

	if (flows) {
		log_live_flows(pipeline, flows);
		return;
	}

	if (capture_summary_counts(&pipeline->capture, counters))
		add_frames(&text, counters, &pipeline->capture);
	text_add(&text, "%llu connection%s", seen, seen == 1 ? "" : "s");
	if (untold)
		text_add(&text, ", %llu not shown", untold);
	if (conns_streams_evicted(conns))
		text_add(&text, "; %llu made room for later ones (--max-connections)",
			 conns_streams_evicted(conns));
	log_info("%s", buffer);
}

static void add_attempts(struct text *text, const struct pipeline *pipeline)
{
	const struct counted counted = pipeline_counted(pipeline);

	text_add(text, "%llu attempt%s to connect or listen%s, %llu failed", counted.attempts,
		 counted.attempts == 1 ? "" : "s",
		 filter_chooses(pipeline->filter) ? " of those asked for" : "", counted.failures);
}

const char *output_say_state(const struct pipeline *pipeline, struct text *text)
{
	const struct join_counters *counters = join_counters(pipeline->join);

	add_attempts(text, pipeline);
	return text_add(text, ", %llu records lost", counters->lost + counters->suppressed);
}

void output_log_summary(const struct pipeline *pipeline, bool early)
{
	const struct join_counters *counters = join_counters(pipeline->join);
	__u64 ms = (pipeline->last_ns - pipeline->first_ns) / NS_PER_MS;
	bool capture = capture_summary_counts(&pipeline->capture, counters);
	char buffer[600];
	struct text text = text_of(buffer);
	size_t before;

	if (pipeline->flows) {
		log_flows(pipeline);
		return;
	}
	text_add(&text, "%llu.%llu s: ", ms / 1000, ms % 1000 / 100);
	if (capture)
		add_frames(&text, counters, &pipeline->capture);
	add_attempts(&text, pipeline);
	text_add(&text, "; found ");
	before = text.length;
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--)
		add_count(&text, pipeline->found[severity], severity_name(severity),
			  text.length > before ? ", " : "");
	text_add(&text, "%s", text.length > before ? "" : "nothing");
	if (counters->lost || counters->suppressed)
		text_add(&text, "; %llu records lost, %llu shed", counters->lost,
			 counters->suppressed);
	else if (!capture)
		text_add(&text, "; no record lost");
	if (counters->evicted)
		text_add(&text, "; %llu connections let go unjudged (--max-connections)",
			 counters->evicted);
	add_count(&text, counters->bad, "damaged record", "; ");
	add_count(&text, pipeline->outlets.failed, "write", "; ");
	if (pipeline->outlets.failed)
		text_add(&text, " failed");
	if (early)
		text_add(&text, "; the %s ends early", capture ? "capture" : "recording");
	log_info("%s", buffer);
}
