// SPDX-License-Identifier: GPL-2.0-or-later
/* named.c - findings as people name them: an id, or a pattern of the shell */

#include <errno.h>
#include <fnmatch.h>

#include "agent/options/named.h"
#include "util/log.h"

static const char *rule_id_at(void *ctx, size_t index)
{
	const struct rule *rule = rules_row(index);

	(void)ctx;
	return rule ? rule_id(rule) : NULL;
}

bool named_is(const struct rule *rule, const char *pattern)
{
	return !fnmatch(pattern, rule_id(rule), 0);
}

bool named_in(const struct rule *rule, const struct words *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (named_is(rule, patterns->at[i]))
			return true;
	return false;
}

static bool names_any(const char *pattern)
{
	const struct rule *rule;

	for (size_t i = 0; (rule = rules_row(i)); i++)
		if (named_is(rule, pattern))
			return true;
	return false;
}

int named_check(const struct words *patterns, const char *option)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *near;

		if (names_any(patterns->at[i]))
			continue;
		near = options_nearest(patterns->at[i], rule_id_at, NULL);
		log_error("%s %s: no such finding", option, patterns->at[i]);
		if (near)
			log_hint("did you mean %s?", near);
		else
			log_hint("sockwhy explain lists the findings");
		return -EINVAL;
	}
	return 0;
}
