// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - the file of --report */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/options/form.h"
#include "agent/output/report.h"
#include "util/file.h"
#include "util/log.h"
#include "util/own.h"

/* Files named in the title. */
#define SUBJECT_FILES_MOST 8

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/*
 * "sockwhy read client.pcap, server.pcap", "sockwhy run curl": a report is made to be handed on, and neither
 * where the files were nor what the command was told concerns who reads it.
 */
static void say_subject(FILE *file, const struct options *options)
{
	size_t count = options->command == COMMAND_READ && options->command_given ?
			       options->rest_count :
			       0;

	if (options->command == COMMAND_RUN) {
		fprintf(file, "sockwhy run %s",
			options->rest_count ? last_part(options->rest[0]) : "");
		return;
	}
	fputs(options->command == COMMAND_READ ? "sockwhy read" : "sockwhy watch", file);
	if (options->file)
		fprintf(file, " %s%s", last_part(options->file), count ? "," : "");
	for (size_t i = 0; i < count && i < SUBJECT_FILES_MOST; i++)
		fprintf(file, " %s%s", last_part(options->rest[i]), i + 1 < count ? "," : "");
	if (count > SUBJECT_FILES_MOST)
		fprintf(file, " and %zu more", count - SUBJECT_FILES_MOST);
}

static FILE *create(const char *path, bool force)
{
	_cleanup_close_ int fd = file_create(path, force);
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fdopen(fd, "w");
	if (!file) {
		log_error_r(-errno, "%s", path);
		return NULL;
	}
	take_fd(&fd);
	return file;
}

int report_open(struct report *report, const struct options *options, struct mask *mask)
{
	struct sink_options sink = { .utc = options->utc, .mask = mask };
	size_t size;
	FILE *subject;
	int err = 0;

	if (!options->report)
		return 0;
	sink.ops = form_of_report(options->report);
	subject = open_memstream(&report->subject, &size);
	if (!subject)
		return log_error_r(-ENOMEM, "--report");
	say_subject(subject, options);
	if (fclose(subject))
		return log_error_r(-ENOMEM, "--report");
	report->file = create(options->report, options->force);
	if (!report->file)
		return -EIO;
	if (mask)
		err = lines_open(&report->lines, mask, false, report->file, NULL);
	sink.subject = report->subject;
	sink.file = report->lines ? lines_file(report->lines) : report->file;
	err = err ? err : sink_open(&report->sink, &sink);
	return err ? log_error_r(err, "--report") : 0;
}

int report_close(struct report *report, const struct options *options)
{
	int err = report->sink ? sink_close(report->sink) : 0, closed;

	closed = lines_close(report->lines);
	err = err ? err : closed;
	if (report->file && fclose(report->file) && !err)
		err = errno ? -errno : -EIO;
	free(report->subject);
	*report = (struct report){ 0 };
	if (!err)
		return EXIT_DONE;
	log_error_r(err, "%s: writing", options->report);
	log_hint("the report is not whole");
	return EXIT_FAILED;
}
