// SPDX-License-Identifier: GPL-2.0-or-later
/* options.c - the command line */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/options/config.h"
#include "agent/options/options.h"
#include "agent/options/behind.h"
#include "agent/options/form.h"
#include "agent/options/options_table.h"
#include "rules/rules.h"
#include "util/array.h"
#include "util/log.h"
#include "util/text.h"

static const char *const group_titles[] = {
	[GROUP_WHICH] = "Which connections", [GROUP_FINDINGS] = "Which findings",
	[GROUP_OUTPUT] = "Output",	     [GROUP_HOW] = "How long and how",
	[GROUP_DOCTOR] = "doctor",
};

void *option_place(const struct option_row *row, struct options *options)
{
	return (char *)options + row->offset;
}

static bool row_takes_value(const struct option_row *row)
{
	return row->type != OPTION_FLAG && row->type != OPTION_COUNT;
}

/* "--finding" or "-f", as errors call it */
static const char *row_print(const struct option_row *row, char *buffer, size_t size)
{
	struct text text = text_in(buffer, size);

	return row->letter ? text_add(&text, "-%c", row->letter) :
			     text_add(&text, "--%s", row->name);
}

/* ---- values ---- */

static const char *row_name_at(void *ctx, size_t index)
{
	(void)ctx;
	if (index >= option_rows_count)
		return NULL;
	return option_rows[index].name ? option_rows[index].name : "";
}

const char *option_nearest(const char *name)
{
	return options_nearest(name, row_name_at, NULL);
}

const struct option_row *option_find(const char *name, size_t length)
{
	for (size_t i = 0; i < option_rows_count; i++)
		if (option_rows[i].name && strlen(option_rows[i].name) == length &&
		    !strncmp(option_rows[i].name, name, length))
			return &option_rows[i];
	return NULL;
}

bool option_is_given(const struct options *options, const struct option_row *row)
{
	for (size_t i = 0; i < option_rows_count; i++)
		if (options->given[i] &&
		    (&option_rows[i] == row || (row->form && option_rows[i].form)))
			return true;
	return false;
}

static int choice_parse(const struct option_row *row, const char *value, int *choice)
{
	int found = -1;

	/* what begins one alone is that one: "warn" */
	for (int i = 0; row->names[i]; i++) {
		if (!strcmp(row->names[i], value)) {
			*choice = i;
			return 0;
		}
		if (value[0] && !strncmp(row->names[i], value, strlen(value)))
			found = found == -1 ? i : -2;
	}
	if (found < 0)
		return -EINVAL;
	*choice = found;
	return 0;
}

static int words_add(struct words *words, const char *word)
{
	if (words->count >= WORDS_MAX)
		return -E2BIG;
	words->at[words->count++] = word;
	words->at[words->count] = NULL;
	return 0;
}

static int list_add(struct options *options, struct words *words, const char *value)
{
	char *copy, *word, *save = NULL;
	int err = 0;

	if (options->owned_count >= ARRAY_SIZE(options->owned))
		return -E2BIG;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	options->owned[options->owned_count++] = copy;
	for (word = strtok_r(copy, ",", &save); word && !err; word = strtok_r(NULL, ",", &save))
		err = words_add(words, word);
	return err;
}

static int row_error(const struct option_row *row, const char *value)
{
	char name[32], hint[160] = "";
	struct text text = text_of(hint);

	row_print(row, name, sizeof(name));
	switch ((enum option_type)row->type) {
	case OPTION_CHOICE:
		for (size_t i = 0; row->names[i]; i++)
			text_add(&text, "%s%s", i ? ", " : "one of ", row->names[i]);
		break;
	case OPTION_TIME:
		text_add(&text, "a number and ms, s, m, h or d: %s 30s", name);
		break;
	case OPTION_WHEN:
		text_add(&text, "2026-11-20T10:31:07Z, or 90s: so long after the first packet");
		break;
	case OPTION_NUMBER:
		text_add(&text, "a number from %llu to %llu", row->least, row->most);
		break;
	case OPTION_BYTES:
		text_add(&text, "a number of bytes from %llu to %llu, k and M are known",
			 row->least, row->most);
		break;
	default:
		text_add(&text, "%s %s", name, row->value);
	}
	log_error("%s: bad value '%s'", name, value);
	log_hint("%s", hint);
	return -EINVAL;
}

int option_set(const struct option_row *row, struct options *options, const char *value)
{
	void *into = option_place(row, options);
	const char *end = "";
	__u64 number;
	int err = 0;

	switch ((enum option_type)row->type) {
	case OPTION_FLAG:
		*(bool *)into = true;
		break;
	case OPTION_COUNT:
		(*(unsigned int *)into)++;
		break;
	case OPTION_TEXT:
		*(const char **)into = value;
		break;
	case OPTION_WORDS:
		err = words_add(into, value);
		break;
	case OPTION_LIST:
		err = list_add(options, into, value);
		break;
	case OPTION_TIME:
		err = options_time(value, into);
		break;
	case OPTION_WHEN:
		err = options_when(value, into);
		break;
	case OPTION_CHOICE:
		err = choice_parse(row, value, into);
		break;
	case OPTION_NUMBER:
	case OPTION_BYTES:
		err = row->type == OPTION_BYTES ? options_bytes(value, &number) :
						  options_number(value, &number, &end);
		if (!err && row->type == OPTION_NUMBER && *end)
			err = -EINVAL;
		if (!err && (number < row->least || number > row->most))
			err = -EINVAL;
		if (!err)
			*(__u64 *)into = number;
		break;
	}
	if (err == -E2BIG) {
		log_error("%s: given more than %d times", value, WORDS_MAX);
		return -EINVAL;
	}
	return err ? row_error(row, value) : 0;
}

/* ---- parsing ---- */

struct parser {
	struct options *options;
	const struct command_row *commands;
	char **argv;
	int argc;
	int at;
	const struct option_row *given[OPTIONS_MAX]; /* for the check against commands */
	size_t given_count;
};

static void parser_note(struct parser *parser, const struct option_row *row)
{
	for (size_t i = 0; i < parser->given_count; i++)
		if (parser->given[i] == row)
			return;
	parser->given[parser->given_count++] = row;
	parser->options->given[row - option_rows] = true;
}

static int parse_long(struct parser *parser, const char *word)
{
	size_t length = strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : NULL, *near;
	const struct option_row *row;
	char name[40];

	row = option_find(word, length);
	if (!row) {
		snprintf(name, sizeof(name), "%.*s", (int)length, word);
		near = option_nearest(name);
		log_error("--%s: unknown option", name);
		if (near)
			log_hint("did you mean --%s?", near);
		else
			log_hint("sockwhy --help lists the options");
		return -EINVAL;
	}
	if (!row_takes_value(row) && value) {
		log_error("--%s: takes no value", row->name);
		log_hint("sockwhy --help lists the options");
		return -EINVAL;
	}
	if (row_takes_value(row) && !value && row->lone && parser->at >= parser->argc) {
		value = "";
	} else if (row_takes_value(row) && !value) {
		if (parser->at >= parser->argc) {
			log_error("--%s: its value is missing", row->name);
			log_hint("--%s %s", row->name, row->value);
			return -EINVAL;
		}
		value = parser->argv[parser->at++];
	}
	parser_note(parser, row);
	return option_set(row, parser->options, value);
}

/* "-v", "-vq", "-c5", "-c 5" */
static int parse_letters(struct parser *parser, const char *word)
{
	for (const char *letter = word; *letter; letter++) {
		const struct option_row *row = NULL;
		const char *value = NULL;
		int err;

		for (size_t i = 0; i < option_rows_count && !row; i++)
			if (option_rows[i].letter && option_rows[i].letter == *letter)
				row = &option_rows[i];
		if (!row) {
			log_error("-%c: unknown option", *letter);
			log_hint("sockwhy --help lists the options");
			return -EINVAL;
		}
		if (row_takes_value(row)) {
			value = letter[1] ? letter + 1 : NULL;
			if (!value && parser->at < parser->argc)
				value = parser->argv[parser->at++];
			if (!value) {
				log_error("-%c: its value is missing", *letter);
				log_hint("-%c %s", *letter, row->value);
				return -EINVAL;
			}
		}
		parser_note(parser, row);
		err = option_set(row, parser->options, value);
		if (err || value)
			return err;
	}
	return 0;
}

/* The first word names the command, or begins a filter. */
static bool parse_command(struct parser *parser, const char *word)
{
	for (int i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(parser->commands[i].name, word)) {
			parser->options->command = i;
			parser->options->command_given = true;
			return true;
		}
	return false;
}

static int parse_words(struct parser *parser)
{
	struct options *options = parser->options;
	bool first = true, ended = false;
	int err = 0;

	while (parser->at < parser->argc && !err) {
		char *word = parser->argv[parser->at++];

		if (!ended && !strcmp(word, "--")) {
			ended = true;
			first = false;
		} else if (!ended && word[0] == '-' && word[1]) {
			err = word[1] == '-' ? parse_long(parser, word + 2) :
					       parse_letters(parser, word + 1);
		} else if (first && !strcmp(word, "help")) {
			options->help = true; /* "help read", too */
		} else if (first && parse_command(parser, word)) {
			first = false;
		} else {
			first = false;
			options->rest[options->rest_count++] = word;
			/* what follows the command of run is the command's own */
			ended |= options->command_given && options->command == COMMAND_RUN;
		}
	}
	return err;
}

size_t options_forms(const struct options *options)
{
	size_t asked = 0;

	for (size_t i = 0; i < option_rows_count; i++)
		asked += option_rows[i].form &&
			 *(const bool *)((const char *)options + option_rows[i].offset);
	return asked;
}

int options_check_form(const struct options *options)
{
	char buffer[80];
	struct text names = text_of(buffer);

	if (options->mask && (options->journal || options->syslog)) {
		log_error("--mask, --%s: only one of them",
			  options->journal ? "journal" : "syslog");
		log_hint("what is masked is to be shared: -o FILE");
		return -EINVAL;
	}
	if (options_forms(options) <= 1)
		return 0;
	for (size_t i = 0; i < option_rows_count; i++)
		if (option_rows[i].form)
			text_add(&names, "%s--%s", names.length ? ", " : "", option_rows[i].name);
	log_error("%s: only one of them", names.at);
	log_hint("-o FILE keeps one of them in a file");
	return -EINVAL;
}

static int parser_check(const struct parser *parser)
{
	const struct options *options = parser->options;
	const struct command_row *command = &parser->commands[options->command];
	char name[32];

	for (size_t i = 0; i < parser->given_count; i++) {
		const struct option_row *row = parser->given[i];

		if (row->commands & BIT(options->command))
			continue;
		row_print(row, name, sizeof(name));
		log_error("%s: not an option of %s", name, command->name);
		log_hint("sockwhy %s --help lists them", command->name);
		return -EINVAL;
	}
	if (options->report && !form_of_report(options->report)) {
		log_error("--report %s: neither .html nor .md", options->report);
		log_hint("the name's end says which form the report has");
		return -EINVAL;
	}
	if (options_check_form(options) || behind_check(options))
		return -EINVAL;
	if (options->since.given && options->until.given &&
	    options->since.relative == options->until.relative &&
	    options->since.ns > options->until.ns) {
		log_error("--since, --until: nothing lies between them");
		log_hint("--since is the earlier one");
		return -EINVAL;
	}
	return 0;
}

int options_parse(struct options *options, const struct command_row *commands, int argc,
		  char **argv)
{
	struct parser parser = { options, commands, argv, argc, 1, .given_count = 0 };
	struct text text;
	int err;

	*options = (struct options){ .command = COMMAND_WATCH, .commands = commands };
	text = text_of(options->arguments);
	for (int i = 1; i < argc; i++)
		text_add(&text, "%s%s", i > 1 ? " " : "", argv[i]);
	for (size_t i = 0; i < option_rows_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->type == OPTION_CHOICE)
			*(int *)option_place(row, options) = (int)row->preset;
		else if (row->type == OPTION_NUMBER || row->type == OPTION_BYTES)
			*(__u64 *)option_place(row, options) = row->preset;
	}
	options->rest = calloc(argc + 1, sizeof(*options->rest));
	if (!options->rest)
		return log_error_r(-ENOMEM, "command line");
	err = parse_words(&parser);
	if (!err && options->file && !options->command_given)
		options->command = COMMAND_READ;
	return err ? err : options->help || options->version ? 0 : parser_check(&parser);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->owned_count; i++)
		free(options->owned[i]);
	free(options->rest);
	config_free(options->read);
	*options = (struct options){ 0 };
}

/* ---- help ---- */

static void help_row(FILE *file, const struct option_row *row)
{
	char left[48];
	struct text text = text_of(left);

	if (row->letter)
		text_add(&text, "-%c", row->letter);
	if (row->name)
		text_add(&text, "%s--%s", row->letter ? ", " : "", row->name);
	if (row->value)
		text_add(&text, " %s", row->value);
	if (text.length > 26)
		fprintf(file, "  %s\n  %-26s  %s\n", left, "", row->what);
	else
		fprintf(file, "  %-26s  %s\n", left, row->what);
}

bool options_count_flows(const struct options *options)
{
	return options->command == COMMAND_FLOWS || options->command == COMMAND_TOP;
}

void options_help(FILE *file, const struct command_row *commands, enum command command)
{
	__u16 wanted = command == COMMAND_COUNT ? 0xffff : BIT(command);

	fputs("sockwhy tells why a connection failed.\n\n", file);
	for (int i = 0; i < COMMAND_COUNT; i++) {
		char usage[80];

		if (!(wanted & BIT(i)))
			continue;
		snprintf(usage, sizeof(usage), "sockwhy %s %s", commands[i].name,
			 commands[i].arguments);
		fprintf(file, "  %-46s  %s\n", usage, commands[i].what);
	}
	if (option_find("filter", strlen("filter"))->commands & wanted)
		fputs("\nFILTER is a pcap-filter expression: host 10.0.0.2 and port 443\n", file);
	for (int group = 0; group < GROUP_COUNT; group++) {
		bool any = false;

		for (size_t i = 0; i < option_rows_count; i++) {
			if (option_rows[i].group != group || !(option_rows[i].commands & wanted))
				continue;
			if (!any)
				fprintf(file, "\n%s:\n", group_titles[group]);
			any = true;
			help_row(file, &option_rows[i]);
		}
	}
	fputs("\nExit status: 0 done, 1 could not do it, 2 usage, 3 --fail-on; run: the command's "
	      "own.\n",
	      file);
}
