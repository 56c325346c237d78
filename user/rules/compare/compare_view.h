/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare_view.h - one connection of two captures, as the rules look at it */
#pragma once

#include "rules/compare/compare.h"
#include "rules/rules.h"
#include "util/array.h"

static inline char side_letter(unsigned int side)
{
	return side ? 'B' : 'A';
}

/* ---- what was seen ---- */

struct view {
	const struct compare_result *result;
	const struct compare_clock *clock;
	struct comparison *verdict;
	unsigned int near, far;
	char n, f; /* their letters */
};

static inline bool saw(const struct view *view, unsigned int side, unsigned int way,
		       enum compare_kind kind)
{
	return view->result->way[way].seen[side][kind];
}

static inline bool matched(const struct view *view, unsigned int way, enum compare_kind kind)
{
	return view->result->way[way].matched[kind];
}

/* Seen by @side alone, where the other could have seen it. */
static inline __u32 only(const struct view *view, unsigned int side, unsigned int way,
			 enum compare_kind kind)
{
	return view->result->way[way].only[side][kind].count;
}

static inline struct text decide(const struct view *view, enum comparison_id id,
				 enum severity severity)
{
	struct comparison *verdict = view->verdict;

	verdict->id = (__u8)id;
	verdict->severity = (__u8)severity;
	verdict->confidence = CONFIDENCE_LIKELY;
	return text_of(verdict->what);
}

/* The verdict rests on what @side did not see. */
static inline void rest_on_absence(const struct view *view, unsigned int side)
{
	__u32 unsure = view->result->blind[side] & ~BIT(UNSURE_CUT);

	view->verdict->unsure = unsure;
	view->verdict->unsure_of = (__u8)side;
	if (unsure)
		view->verdict->confidence = CONFIDENCE_POSSIBLE;
}

static inline void why(const struct view *view, const char *format, char letter, char other)
{
	struct text text = text_of(view->verdict->why);

	text_add(&text, format, letter, other);
}

/* @side alone saw it, and it is no evidence that the other did not. */
static inline void decide_cannot_tell(const struct view *view, unsigned int side, unsigned int way,
				      enum compare_kind kind)
{
	struct text text = decide(view, VERDICT_CANNOT_TELL, SEVERITY_WARNING);
	const struct compare_only *o = &view->result->way[way].only[side][kind];

	text_add(&text, "%c has the %s's %s, %c does not", side_letter(side),
		 way ? "server" : "client", compare_kind_name(kind), side_letter(!side));
	view->verdict->confidence = CONFIDENCE_POSSIBLE;
	view->verdict->unsure = o->blind | view->result->blind[!side];
	view->verdict->unsure_of = !side;
}

/* ---- compare_established.c ---- */

/* Each side holds a reset, with numbers of its own: nothing tells whether one became the other. */
void compare_decide_two_resets(const struct view *view, unsigned int way);
/* A reset is what it came to; false: none that came before both had closed. */
bool compare_judge_reset(const struct view *view);
void compare_judge_established(const struct view *view);
