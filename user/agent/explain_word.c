// SPDX-License-Identifier: GPL-2.0-or-later
/* explain_word.c - what people have in hand: an error message, its number, a word of it */

#include <ctype.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/explain.h"
#include "decode/decode.h"
#include "rules/rules.h"
#include "util/array.h"

#define WORD_LEAST 3 /* letters; what is shorter stands in nearly everything */

static const struct explain_lookup lookups[] = {
	{ EAI_AGAIN,
	  "EAI_AGAIN",
	  "the name could not be looked up now: no server answered, or it could not say.",
	  { "dns-no-answer", "dns-server-down", "dns-servfail", "dns-truncated" },
	  "cat /etc/resolv.conf; dig @SERVER . SOA" },
	{ EAI_NONAME,
	  "EAI_NONAME",
	  "the name does not exist, or has no address of the family that was asked for.",
	  { "dns-nxdomain", "dns-no-data" },
	  "cat /etc/resolv.conf: the servers and the search list; getent ahosts NAME" },
	{ EAI_NODATA,
	  "EAI_NODATA",
	  "the name exists and has no address of the family that was asked for.",
	  { "dns-no-data", "dns-nxdomain" },
	  "dig NAME A; dig NAME AAAA" },
	{ EAI_FAIL,
	  "EAI_FAIL",
	  "the server refused the lookup or failed for good.",
	  { "dns-servfail" },
	  "cat /etc/resolv.conf; dig @SERVER . SOA" },
};

const struct explain_lookup *explain_lookup_row(size_t index)
{
	return index < ARRAY_SIZE(lookups) ? &lookups[index] : NULL;
}

const struct explain_lookup *explain_lookup_named(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++)
		if (!strcasecmp(word, lookups[i].name) ||
		    !strcasecmp(word, gai_strerror(lookups[i].error)))
			return &lookups[i];
	return NULL;
}

/* The C library's words are what people read in a log; they are compared with, never said. */
int explain_errno_of(const char *word)
{
	char *end;
	long number = strtol(word, &end, 10);

	if (isdigit((unsigned char)word[0]) && !*end)
		return number > 0 && number < 256 && decode_errno_name((int)number) ? (int)number :
										      0;
	for (int error = 1; error < 256; error++) {
		const char *name = decode_errno_name(error), *said = strerrordesc_np(error);

		if (name && (!strcasecmp(word, name) || (said && !strcasecmp(word, said))))
			return error;
	}
	return 0;
}

static bool holds(const char *text, const char *word)
{
	return text && strcasestr(text, word);
}

/* Is it a word of an errno that the finding ends with? */
static bool errno_holds(const struct rule *rule, const char *word)
{
	const struct explain_errno *row;

	for (size_t i = 0; (row = explain_errno_row(i)); i++) {
		if (!holds(decode_errno_name(row->error), word) &&
		    !holds(strerrordesc_np(row->error), word))
			continue;
		for (size_t k = 0; row->findings[k]; k++)
			if (!strcmp(row->findings[k], rule_id(rule)))
				return true;
	}
	return false;
}

bool explain_behind(const struct rule *rule, const char *word)
{
	/* as it is written in messages */
	static const char *const same[][2] = { { "timeout", "timed out" },
					       { "time-out", "timed out" },
					       { "unreach", "no route" },
					       { "certificate", "tls" },
					       { "ssl", "tls" } };

	if (strlen(word) < WORD_LEAST)
		return false;
	if (holds(rule_id(rule), word) || holds(rule_means(rule), word) || errno_holds(rule, word))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (!strcasecmp(word, same[i][0]) &&
		    (holds(rule_id(rule), same[i][1]) || holds(rule_means(rule), same[i][1]) ||
		     errno_holds(rule, same[i][1])))
			return true;
	return false;
}
