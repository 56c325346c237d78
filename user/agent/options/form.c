// SPDX-License-Identifier: GPL-2.0-or-later
/* form.c - every form in which findings are told, a row each */

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/options/form.h"
#include "util/array.h"

#define ENDS_MAX 3

/* A further form is a folder (or a file) of sinks/ and a row here; and an option, if it has one. */
static const struct form {
	const struct sink_ops *ops;
	bool by_option; /* .option, of struct options, asks for it */
	size_t option;
	bool json; /* lines of it */
	const char *ends[ENDS_MAX]; /* of a report's name */
} forms[] = {
	{ &sink_json_ops, true, offsetof(struct options, json), .json = true },
	{ &sink_ecs_ops, true, offsetof(struct options, ecs), .json = true },
	{ &sink_otlp_ops, true, offsetof(struct options, otlp_json), .json = true },
	{ &sink_brief_ops, true, offsetof(struct options, brief) },
	{ &sink_html_ops, .ends = { ".html", ".htm" } },
	{ &sink_markdown_ops, .ends = { ".md" } },
};

/* NULL: text, which is what comes without an option, too */
static const struct form *asked(const struct options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].by_option && *(const bool *)((const char *)options + forms[i].option))
			return &forms[i];
	return NULL;
}

const struct sink_ops *form_of_output(const struct options *options)
{
	const struct form *form = asked(options);

	return form ? form->ops : &sink_text_ops;
}

bool form_is_json(const struct options *options)
{
	const struct form *form = asked(options);

	return form && form->json;
}

static bool ends_in(const char *path, const char *end)
{
	size_t length = strlen(path), of_end = strlen(end);

	return length > of_end && !strcasecmp(path + length - of_end, end);
}

const struct sink_ops *form_of_report(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		for (size_t end = 0; end < ENDS_MAX && forms[i].ends[end]; end++)
			if (ends_in(path, forms[i].ends[end]))
				return forms[i].ops;
	return NULL;
}
