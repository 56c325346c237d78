// SPDX-License-Identifier: GPL-2.0-or-later
/* write.c - what the command line says of the files that are written, and -w itself */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "agent/output/keylog.h"
#include "agent/output/write.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/text.h"

static int refuse(const char *what, const char *hint)
{
	log_error("%s", what);
	log_hint("%s", hint);
	return -EINVAL;
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, other;

	return a && b && !stat(a, &one) && !stat(b, &other) && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino && S_ISREG(one.st_mode);
}

/* Without --force nothing is ever overwritten. */
static bool overwrites_input(const struct options *options)
{
	const char *written[] = { options->output, options->write };

	if (!options->force || (options->command != COMMAND_READ && !options->keylog))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
		if (same_file(options->file, written[i]) || same_file(options->keylog, written[i]))
			return true;
		for (size_t k = 0; options->command == COMMAND_READ && k < options->rest_count; k++)
			if (same_file(options->rest[k], written[i]))
				return true;
	}
	return false;
}

static int check_keylog(const struct options *options)
{
	if (!options->keylog)
		return 0;
	if (options->command == COMMAND_RUN && options->write && !options->snap_bytes)
		return refuse("--keylog: without --snaplen no payload is kept that it could open",
			      "--snaplen 262144");
	if (!options->write)
		return refuse("--keylog: there is no file to embed it in", "-w FILE makes one");
	if (options->mask)
		return refuse("--keylog: not with --mask: who has the secrets can read everything",
			      "one file to be decrypted, another one to be shared");
	return 0;
}

int write_check(const struct options *options)
{
	if (options->rotate_bytes && !options->output && !options->write && !options->record)
		return refuse("--rotate: there is no file to rotate",
			      "it is for -o FILE, -w FILE and --record FILE");
	if (options->files_max && !options->rotate_bytes)
		return refuse("--files: without --rotate there is one file",
			      "--rotate 100M --files 10");
	if (options->snap_bytes && !options->write)
		return refuse("--snaplen: there is no file of packets", "-w FILE makes one");
	if (options->flight_to && !options->flight_bytes)
		return refuse("--flight-to: nothing is kept for a bundle", "--flight 16M");
	if (options->mask && options->flight_bytes)
		return refuse("--mask: not with --flight: records are kept as they are",
			      "sockwhy read --mask masks what is told of a bundle's recording");
	if (options->mask && options->exec)
		return refuse("--mask: not with --exec: its program is told what is so",
			      "--json --mask -o FILE has lines that are masked");
	if (options->mask && options->record)
		return refuse("--mask: not with --record: records are kept as they are",
			      "sockwhy read --mask masks what is told of a recording");
	if (overwrites_input(options))
		return refuse("--force: would overwrite what is to be read",
			      "give the file that is written another name");
	if (same(options->output, options->write) || same(options->output, options->record) ||
	    same(options->write, options->record) || same(options->write, options->keylog))
		return refuse("-o, -w, --record, --keylog: the same file twice",
			      "give each a name of its own");
	return check_keylog(options);
}

int write_check_input(const char *name, int fd)
{
	struct stat status;

	if (fstat(fd, &status) || S_ISREG(status.st_mode))
		return 0; /* what cannot be opened is told by who reads it */
	log_error("%s: -w reads twice: first to judge, then to write", name);
	log_hint(
		"keep it in a file and read that, or give it as standard input: sockwhy read -w FILE - < %s",
		name);
	return -ESPIPE;
}

struct outfile_limits write_limits(const struct options *options)
{
	return (struct outfile_limits){
		.force = options->force,
		.rotate_bytes = options->rotate_bytes,
		.files = options->files_max,
	};
}

static const char *plural(__u64 count)
{
	return count == 1 ? "" : "s";
}

/* A key log that is there is embedded at once, one of a command that runs while it grows. */
static int open_secrets(struct write *write, const struct options *options,
			struct packets_options *packets, size_t *lines)
{
	int err;

	if (!options->keylog)
		return 0;
	if (options->command == COMMAND_RUN)
		return keylog_follow(&write->keylog, options->keylog);
	err = keylog_read(options->keylog, &write->secrets, &packets->secrets_size, lines);
	packets->secrets = write->secrets;
	return err;
}

static void warn_of_secrets(const struct write *write, const struct options *options, size_t lines)
{
	if (write->keylog)
		log_error(
			"%s will hold the TLS secrets that come to %s: whoever has it can read what was said",
			options->write, options->keylog);
	else if (options->keylog)
		log_error("%s holds %zu TLS secret%s: whoever has it can read what was said",
			  options->write, lines, plural(lines));
}

int write_open(struct write *write, const struct options *options, struct mask *mask)
{
	struct packets_options packets = {
		.path = options->write,
		.limits = write_limits(options),
		.snap_bytes = options->snap_bytes,
		.mask = mask,
		.choose = options->command == COMMAND_READ,
		.all = options->verbose > 0,
		.whole = options->command == COMMAND_RUN,
	};
	struct sink_options sink = { .ops = &sink_packets_ops };
	char os[160] = "";
	struct text text = text_of(os);
	struct utsname name;
	size_t lines = 0;
	int err;

	*write = (struct write){ 0 };
	if (!options->write)
		return 0;
	if (options->command != COMMAND_READ && !uname(&name)) {
		text_add(&text, "%s %s", name.sysname, name.release);
		packets.about.os = os;
		packets.about.hardware = name.machine;
	}
	err = open_secrets(write, options, &packets, &lines);
	err = err ? err : packets_open(&write->packets, &packets);
	if (err)
		return err; /* told */
	sink.state = write->packets;
	err = sink_open(&write->sink, &sink);
	if (err)
		return log_error_r(err, "%s", options->write);
	warn_of_secrets(write, options, lines);
	return 0;
}

void write_poll(struct write *write)
{
	size_t size = 0;
	const char *secrets;

	if (!write->keylog || !write->packets)
		return;
	secrets = keylog_poll(write->keylog, &size);
	packets_secrets(write->packets, secrets, size);
}

static void say_secrets(struct text *text, const struct write *write)
{
	struct keylog_counts counts;

	if (!write->keylog)
		return;
	counts = keylog_counts(write->keylog);
	text_add(text, "; %llu TLS secret%s", counts.lines, plural(counts.lines));
	if (counts.refused)
		text_add(text, ", %llu line%s left out", counts.refused, plural(counts.refused));
}

static void say_written(const struct write *write, const struct options *options)
{
	struct packets_counts counts = packets_counts(write->packets);
	char buffer[400];
	struct text text = text_of(buffer);

	text_add(&text, "%s: %llu packet%s", options->write, counts.written,
		 plural(counts.written));
	if (counts.early)
		text_add(&text, ", %llu of them before their verdict was known", counts.early);
	if (counts.cut)
		text_add(&text, ", %llu cut short because it came too fast", counts.cut);
	if (counts.comments_lost)
		text_add(&text, ", %llu comments lost", counts.comments_lost);
	if (counts.not_written)
		text_add(&text, "; %llu NOT written", counts.not_written);
	say_secrets(&text, write);
	log_info("%s", buffer);
	if (write->keylog && !keylog_counts(write->keylog).lines)
		log_hint("SSLKEYLOGFILE=%s before sockwhy run makes many programs write it",
			 options->keylog);
}

int write_close(struct write *write, const struct options *options)
{
	int err = 0;

	sink_close(take_ptr(write->sink));
	if (write->packets) {
		say_written(write, options);
		err = packets_close(take_ptr(write->packets));
	}
	keylog_free(take_ptr(write->keylog));
	free(take_ptr(write->secrets));
	if (err == -ENOSPC)
		return 0; /* told and counted: the pipeline's status knows */
	return err ? log_error_r(err, "%s: closing", options->write) : 0;
}
