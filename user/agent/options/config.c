// SPDX-License-Identifier: GPL-2.0-or-later
/* config.c - the configuration file: which files, and what their lines say */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/options/behind.h"
#include "agent/options/config.h"
#include "agent/options/config_file.h"
#include "agent/options/filter.h"
#include "agent/options/limits.h"
#include "agent/options/named.h"
#include "agent/options/options_table.h"
#include "util/array.h"
#include "util/log.h"

#define MUTES_MAX 64
#define ERRORS_MAX 10 /* lines told of a file that is wrong throughout */

struct config {
	struct config_files files;
	size_t lines;
	struct mute mutes[MUTES_MAX];
	size_t mutes_count;
	struct words
		thresholds; /* come before those of the command line, which so has the last word */
};

struct config *config_new(void)
{
	return calloc(1, sizeof(struct config));
}

void config_free(struct config *config)
{
	if (config)
		config_files_free(&config->files);
	free(config);
}

/* ---- a line ---- */

static char *trimmed(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

static int complain(const char *what, const char *value, const char *hint)
{
	log_error("%s%s%s%s", what, value ? ": '" : "", value ? value : "", value ? "'" : "");
	log_hint("%s", hint);
	return -EINVAL;
}

/* "connect-slow,conn-* until 2027-01-31 because the old balancer is slow" */
static int read_mute(struct config *config, char *value)
{
	char *ids = trimmed(value), *rest = ids + strcspn(ids, " \t"), *save = NULL;
	struct mute mute = { 0 };
	struct words words = { 0 };

	if (*rest)
		*rest++ = '\0';
	rest = trimmed(rest);
	if (!strncmp(rest, "until ", 6)) {
		char *date = trimmed(rest + 6);

		rest = date + strcspn(date, " \t");
		if (*rest)
			*rest++ = '\0';
		rest = trimmed(rest);
		if (options_day(date, &mute.until_ns))
			return complain("--mute: no such day", date, "until 2027-01-31");
		snprintf(mute.until, sizeof(mute.until), "%s", date);
	}
	if (!strncmp(rest, "because ", 8))
		snprintf(mute.reason, sizeof(mute.reason), "%s", trimmed(rest + 8));
	else if (*rest)
		return complain("--mute: neither a day nor a reason", rest,
				"mute = ID until 2027-01-31 because REASON");
	for (char *id = strtok_r(ids, ",", &save); id; id = strtok_r(NULL, ",", &save)) {
		words = (struct words){ .at = { id }, .count = 1 };
		if (named_check(&words, "--mute"))
			return -EINVAL;
		if (strlen(id) >= sizeof(mute.pattern))
			return complain("--mute: too long", id, "conn-* names many");
		if (config->mutes_count == MUTES_MAX)
			return complain("--mute: more than 64 of them", NULL, "conn-* names many");
		strcpy(mute.pattern, id);
		config->mutes[config->mutes_count++] = mute;
	}
	return words.count ? 0 : complain("--mute: its value is missing", NULL, "mute = ID");
}

/* Of a flag: yes or nothing, or no. -EINVAL: another word. */
static int read_yes(const char *value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	if (!value)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(value, words[i]))
			return i % 2;
	return -EINVAL;
}

/* Asks those who will use the value what they think of it. */
static int check_value(const struct option_row *row, const char *value)
{
	struct options probe = { .command = COMMAND_WATCH, .severity = -1 };
	struct join_limits limits = join_limits_default;
	struct thresholds thresholds = thresholds_default;
	struct filter *filter = NULL;
	int err;

	err = option_set(row, &probe, value);
	err = err ? err : limits_read(&probe.thresholds, &thresholds, &limits);
	err = err ? err : filter_new(&filter, &probe);
	filter_free(filter);
	options_free(&probe);
	return err;
}

static int set_flag(const struct option_row *row, struct options *options, const char *value,
		    bool wanted)
{
	int yes = read_yes(value);

	if (row->type == OPTION_COUNT && value && !strcmp(value, "2"))
		yes = 2;
	if (yes < 0)
		return complain("neither yes nor no", value, "a flag alone is yes");
	if (wanted && row->type == OPTION_FLAG)
		*(bool *)option_place(row, options) = yes;
	else if (wanted)
		*(unsigned int *)option_place(row, options) = (unsigned int)yes;
	return 0;
}

static int read_option(struct config *config, struct options *options, const char *name,
		       char *value)
{
	const struct option_row *row = option_find(name, strlen(name));
	bool is_set, wanted;
	int err;

	if (!row || row->line_only || !(row->commands & BIT(COMMAND_WATCH))) {
		const char *near = row ? NULL : option_nearest(name);

		log_error("'%s' is no option of a configuration file", name);
		if (near)
			log_hint("did you mean %s?", near);
		else
			log_hint("long options of watch, without their dashes: NAME = VALUE");
		return -EINVAL;
	}
	if (option_place(row, options) == (void *)&options->mutes) {
		return value ? read_mute(config, value) :
			       complain("--mute: its value is missing", NULL, "mute = ID");
	}
	wanted = (row->commands & BIT(options->command)) && !option_is_given(options, row);
	if (row->type == OPTION_FLAG || row->type == OPTION_COUNT)
		return set_flag(row, options, value, wanted);
	if (!value || !*value) {
		log_error("%s: its value is missing", name);
		log_hint("%s = %s", name, row->value);
		return -EINVAL;
	}
	err = check_value(row, value);
	is_set = option_place(row, options) == (void *)&options->thresholds;
	if (err || (!wanted && !is_set))
		return err;
	if (!is_set)
		return option_set(row, options, value);
	if (config->thresholds.count == WORDS_MAX)
		return complain("--set: given too often", NULL, "each threshold once");
	config->thresholds.at[config->thresholds.count++] = value;
	return 0;
}

static int read_line(struct config *config, struct options *options, char *line, size_t size)
{
	char *name, *value;

	/* of an editor that ends its lines in two characters */
	if (size && line[size - 1] == '\r')
		line[--size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return complain("a control character", NULL, "the file is plain text");
	name = trimmed(line);
	if (!*name || *name == '#' || *name == ';')
		return 0;
	config->lines++;
	value = strchr(name, '=');
	if (value)
		*value++ = '\0';
	return read_option(config, options, trimmed(name), value ? trimmed(value) : NULL);
}

int config_parse(struct config *config, struct options *options, const char *path, char *text,
		 size_t size)
{
	int errors = 0;
	unsigned int number = 0;
	char place[300];

	/* @text has room for one byte more */
	text[size] = '\0';
	for (char *at = text, *end; at < text + size; at = end + 1) {
		end = memchr(at, '\n', (size_t)(text + size - at));
		end = end ? end : text + size;
		*end = '\0';
		snprintf(place, sizeof(place), "%s:%u: ", path, ++number);
		log_set_place(place);
		errors += read_line(config, options, at, (size_t)(end - at)) != 0;
		log_set_place(NULL);
		if (errors == ERRORS_MAX)
			break;
	}
	return errors ? -EINVAL : 0;
}

/* ---- all files ---- */

static int read_files(struct config *config, struct options *options)
{
	int err, wrong = 0;

	err = !options->config || !options->config[0] ?
		      config_files_usual(&config->files) :
		      config_files_read(&config->files, options->config);
	if (err)
		return err;
	for (size_t i = 0; i < config->files.count; i++) {
		struct config_text *file = &config->files.at[i];

		err = config_parse(config, options, file->path, file->bytes, file->size);
		wrong = wrong ? wrong : err;
	}
	return wrong;
}

/* What the command line says of a threshold comes last, and so holds. */
static int put_thresholds(const struct config *config, struct options *options)
{
	struct words words = config->thresholds;

	for (size_t i = 0; i < options->thresholds.count; i++) {
		if (words.count == WORDS_MAX)
			return complain("--set: given too often", NULL, "each threshold once");
		words.at[words.count++] = options->thresholds.at[i];
	}
	options->thresholds = words;
	return 0;
}

int config_load(struct options *options)
{
	struct options watch = { .command = COMMAND_WATCH, .config = options->config };
	/* doctor asks what the lines are to watch, and lives by none of them */
	struct options *into = options->command == COMMAND_DOCTOR ? &watch : options;
	struct config *config;
	int err;

	if ((!options->config && options->command != COMMAND_WATCH) ||
	    (options->config && !strcmp(options->config, "none")))
		return 0;
	config = options->read = config_new();
	if (!config)
		return log_error_r(-ENOMEM, "configuration");
	err = read_files(config, into);
	err = err ? err : put_thresholds(config, into);
	err = err ? err : options_check_form(into);
	err = err ? err : behind_check(into);
	options_free(&watch);
	return err;
}

void config_say(const struct options *options)
{
	const struct config *config = options->read;

	if (!config || !config->files.count || options->command == COMMAND_DOCTOR)
		return;
	log_info("%s%s: %zu line%s, %zu mute%s", config->files.at[0].path,
		 config->files.count > 1 ? " and others" : "", config->lines,
		 config->lines == 1 ? "" : "s", config->mutes_count,
		 config->mutes_count == 1 ? "" : "s");
}

int config_reload(const struct options *options)
{
	struct options scratch = { .command = options->command, .config = options->config };
	struct config *fresh, *config = options->read;
	int err;

	if (!config)
		return 0;
	fresh = config_new();
	if (!fresh)
		return log_error_r(-ENOMEM, "configuration");
	err = read_files(fresh, &scratch);
	if (err) {
		log_hint("its mutes stay as they were");
	} else {
		memcpy(config->mutes, fresh->mutes, sizeof(config->mutes));
		config->mutes_count = fresh->mutes_count;
		log_info("configuration read again: %zu mute%s", config->mutes_count,
			 config->mutes_count == 1 ? "" : "s");
	}
	options_free(&scratch);
	config_free(fresh);
	return err;
}

/* ---- what it says ---- */

bool config_mutes(const struct config *config, const struct rule *rule, __u64 realtime_ns)
{
	for (size_t i = 0; config && i < config->mutes_count; i++)
		if (named_is(rule, config->mutes[i].pattern) &&
		    (!config->mutes[i].until_ns || realtime_ns < config->mutes[i].until_ns))
			return true;
	return false;
}

size_t config_files(const struct config *config)
{
	return config ? config->files.count : 0;
}

const char *config_path(const struct config *config, size_t index)
{
	return config->files.at[index].path;
}

const struct mute *config_mute(const struct config *config, size_t index)
{
	return config && index < config->mutes_count ? &config->mutes[index] : NULL;
}
