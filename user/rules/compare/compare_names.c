// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_names.c - the names of verdicts, and why one is not sure, in words */

#include <string.h>

#include "rules/compare/compare.h"
#include "util/array.h"

static const char *const names[] = {
#define X(id, name, what) [VERDICT_##id] = name,
	VERDICTS(X)
#undef X
};

const char *comparison_name(unsigned int id)
{
	return id < ARRAY_SIZE(names) ? names[id] : NULL;
}

static const char *const unsure_words[] = {
	[UNSURE_BEGAN_LATER] = "capture %c begins later",
	[UNSURE_ENDED_EARLIER] = "capture %c ends before it could have seen it",
	[UNSURE_EMPTY] =
		"no connection is in both captures, so that nothing tells what %c would see",
	[UNSURE_ONE_WAY] = "capture %c holds no packet of that direction at all",
	[UNSURE_FILTER] =
		"capture %c holds no other connection of that server: a filter or another "
		"path would look the same",
	[UNSURE_CLOCK] = "the offset of %c's clock is not known",
	[UNSURE_DROPS] = "the capturing program of %c lost packets",
	[UNSURE_DAMAGED] = "file %c is damaged or ends in the middle",
	[UNSURE_GAPS] = "capture %c lacks packets that were acknowledged",
	[UNSURE_ORDER] = "which side is nearer to the client is taken from the command line",
	[UNSURE_ROOM] = "packets were let go before they could be compared with %c "
			"(--max-connections)",
	[UNSURE_CUT] = "capture %c holds headers in part only",
	[UNSURE_SOME] = "file %c says that it holds some packets only",
};
_Static_assert(ARRAY_SIZE(unsure_words) == COMPARE_UNSURE_COUNT, "words for every bit");

void comparison_print_unsure(struct text *text, unsigned int unsure, unsigned int side)
{
	const char *words = unsure < ARRAY_SIZE(unsure_words) ? unsure_words[unsure] : "";
	const char *letter = strstr(words, "%c");

	if (!letter) {
		text_add(text, "%s", words);
		return;
	}
	text_add(text, "%.*s%c%s", (int)(letter - words), words, side ? 'B' : 'A', letter + 2);
}
