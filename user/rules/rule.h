/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule.h - what a row of the table is made of; private to rules/ */
#pragma once

#include "rules/catalogue.h"
#include "rules/rules.h"
#include "util/array.h"

/*
 * A finding is one row: a const struct rule in the file of its family in findings/, and its name in
 * catalogue.h. match() and tell() are pure: they read the view and write the guess or the finding,
 * nothing else. The questions that several ask are in look.h, the words that several say in words.h.
 */

struct view {
	const struct join *join;
	const struct thresholds *thresholds;
	const struct attempt *attempt;
	const struct opening *opening; /* the one judged; NULL for bind, listen, overflow */
	const struct outcome *outcome; /* WAKE_CONNECTION, else NULL */
	enum wake wake;
	bool facts; /* facts of this attempt were fetched */
};

/* What match() fills in; it comes with the row's severity and the row's cap. */
struct guess {
	__u8 severity;
	__u8 confidence;
	bool absence; /* rests on something that was not seen */
	bool errno_alone; /* rests on the call's errno: no packet and no hook has a part in it */
	bool silent; /* is a cause, and no failure: nothing is told */
	bool asks; /* facts of this host alone can say whether it is the cause: without them it is none */
	bool by_packets; /* of a connection of this host: private to rules.c */
	__u32 blind; /* blind spots of this very judgement */
	const struct opening *opening; /* the one it speaks of; NULL: the view's */
};

struct rule {
	const char *id;
	const char *did; /* "did not wait for": where the subject's own words are wrong */
	__u8 stage; /* enum stage */
	__u8 severity;
	__u8 cap; /* the most confidence it may claim */
	bool heard; /* an info where the process closed without having heard of the reset (outcome.unheard) */
	__u32 wakes; /* WAKE_* */
	__u32 needs; /* OUTCOME_* without which it is not asked */
	bool (*match)(const struct view *view, struct guess *guess);
	void (*tell)(const struct view *view, struct finding *finding);
	/* The same of what a socket tells (look_standing()), without .needs; NULL: it cannot say that. */
	bool (*match_socket)(const struct view *view, struct guess *guess);
	void (*tell_socket)(const struct view *view, struct finding *finding);

	__u32 facts; /* BIT(FACT_*) it quotes */
	bool (*decide)(const struct verdict *verdict); /* facts may change the verdict; NULL never */
	/* Of those that are mostly only asked for (tell.c): does it quote this one? NULL: none of them */
	bool (*quotes)(const struct ev_fact *fact);
	/* Refines what is wanted: another namespace, another process; NULL: the attempt's own. */
	void (*want)(const struct view *view, struct fact_request *wanted);
	const char *sysctls[7]; /* NULL-ended */
	const char *counters[3];
	const char *capability;

	/* explain */
	const char *means;
	const char *evidence;
	const char *gate;
	const char *general_check;
	const char *kernels;
};

#define X(name) extern const struct rule rule_##name;
RULES(X)
#undef X

/* In order of precedence. A name that stands in the list twice does not compile. */
enum rule_number {
#define X(name) RULE_##name,
	RULES(X)
#undef X
		RULES_COUNT,
};
