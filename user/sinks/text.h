/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h - what the text of findings and that of events share; private to both */
#pragma once

#include "sinks/sink.h"
#include "sinks/storm.h"

#define TEXT_PLAIN "\033[0m"

/* @code where colours are wanted, else "". */
const char *text_color(const struct sink *sink, const char *code);

const char *text_severity_color(__u8 severity);

/*
 * "2026-11-20 10:31:07.412+01:00"; on a terminal "10:31:07.412+01:00", and where a day begins a line of
 * its own says which.
 */
void text_clock(struct sink *sink, struct text *text, const struct join *join, __u64 ns);

/* "curl[4121] could not connect to 10.0.0.2:8080: ECONNREFUSED after 0.33 ms" */
void text_headline(struct text *text, const struct join *join, const struct finding *finding);

/* All of a finding, whatever was told before of its group or its storm. */
void text_tell_block(struct sink *sink, const struct join *join, const struct finding *finding);

void text_event(struct sink *sink, const struct join *join, const struct event *event);
void text_look(struct sink *sink, const struct join *join, const struct event *event,
	       unsigned int flag);
void text_message(struct sink *sink, const struct join *join, const struct event *event,
		  const struct dns *dns);
void text_lost(struct sink *sink, const struct join *join, const struct event *event, __u64 total);
void text_heartbeat(struct sink *sink, const struct join *join, const struct heartbeat *heartbeat);

/* ---- what every socket of the command went through (run -v) ---- */

void text_tell_timelines(struct sink *sink, const struct join *join); /* at the end, a block each */

/* "+0.331 ms ", from the begin of what is told */
void text_add_offset(struct text *text, __u64 ts_ns, __u64 started_ns);
/* "      seen    " */
void text_add_label(const struct sink *sink, struct text *text, const char *label);

#define TEXT_LABEL_REST "              "
#define TEXT_INDENT_SEEN 18

/* ---- storms: .state of a text ---- */

int text_open_storms(struct sink *sink);
int text_close_storms(struct sink *sink);

/* "curl could not connect to 2503 destinations (10.0.0.1:80, …): 14597 in all since 10:29:51" */
void text_add_storm(const struct sink *sink, struct text *text, const struct join *join,
		    const struct storm *storm);

typedef void text_storm_fn(struct sink *sink, const struct join *join, const struct storm *storm);

/* A failure, told or counted; @tell is called if its storm is to be told now. */
void text_count_storm(struct sink *sink, const struct join *join, const struct attempt *attempt,
		      const struct verdict *verdict, text_storm_fn *tell);

/* At the end: @tell is called for each with failures that nobody was told of. */
void text_tell_storms(struct sink *sink, const struct join *join, text_storm_fn *tell);
