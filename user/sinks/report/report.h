/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h - what a report holds before it is written, private to report*.c */
#pragma once

#include "sinks/sink.h"

/*
 * Theory of operation
 *
 * A report is written at the end, and what it tells must be in order of weight, so everything is
 * kept as text until then: an *entry* a finding, whose texts do not need join any more (several
 * recordings have one report, and a join each). Renderers see entries only; HTML and Markdown
 * differ in nothing but form.
 *
 * Packets come before anyone knows that their connection will have a finding. Each leaves a
 * *point* in one of two rings: notable ones (handshake, FIN, reset, retransmission, window) and
 * the first of a connection in one, all others in the other, so that a long transfer does not push
 * out the handshakes. When a finding comes, the points of its connection are copied to its entry.
 *
 * *Steps* are the rows of an entry's table and the arrows of its first picture: its packets, and
 * what the sockets and this host said between them; without packets the evidence alone.
 *
 * Everything is bounded; what a bound left out is counted and told. All text may be hostile: it
 * leaves through report_put_html() and report_put_markdown() only.
 */

enum {
	REPORT_ENTRIES_MAX = 100, /* findings told whole; of more the graver ones */
	REPORT_DRAWN_MAX = 25, /* of them drawn */
	REPORT_POINTS_MAX = 1000, /* packets kept of one connection */
	REPORT_STEPS_MAX = 40, /* rows of one table */
	REPORT_RING = 32768, /* points of a ring: 2.5 MB */
	REPORT_FIRST_NOTABLE = 10, /* so many first packets of a connection are notable */
	REPORT_SOURCES_MAX = 16, /* recordings, or a merge of captures */
};

struct report_point {
	__u64 order; /* of all packets, from 1; 0: no point */
	__u64 ts_ns;
	__u64 ends; /* hash of both ends and the namespace */
	__u64 stream;
	__u64 frame; /* 0 unknown */
	__u32 index; /* which packet of its connection, from 1 */
	__u32 seq; /* this and .ack from the first number of their side on */
	__u32 ack;
	__u32 length;
	__u32 window; /* bytes, or STREAM_WINDOW_UNKNOWN */
	__u16 flags; /* BIT(enum stream_flag) */
	__u8 tcp_flags;
	__u8 ttl; /* 0 unknown */
	bool ack_known;
	bool lower; /* sent by the end that sorts first; in an entry: by its left end */
	bool copy;
};

struct report_ring {
	struct report_point *at; /* REPORT_RING */
	__u64 added;
};

/* What a step is, for its form; never by colour alone. */
enum report_mark {
	MARK_PLAIN,
	MARK_AGAIN, /* sent before */
	MARK_RESET,
	MARK_STOPPED, /* dropped, or refused by something on the way */
	MARK_FAILED, /* the socket got an error */
	MARK_WINDOW, /* closed, full, or probed */
	MARK_ODD, /* out of order, missing, acknowledged twice */
	MARK_COUNT,
};

struct report_step {
	__u64 ts_ns;
	__u64 frame; /* 0 unknown */
	__u32 skipped; /* packets of the connection before it that are not shown */
	__u8 mark; /* enum report_mark */
	__u8 direction; /* DIRECTION_OUT: from left to right */
	bool packet;
	const char *layer;
	char offset[32]; /* "+0.331 ms" */
	char text[240];
	char note[120]; /* "retransmission, window full" */
};

struct report_entry {
	__u64 attempt;
	__u64 group;
	__u64 ts_ns;
	__u64 total; /* of its group, in all sources so far */
	__u64 total_before; /* .. of which before .source */
	size_t source;
	__u8 severity, confidence, state;
	const struct rule *rule;
	char time[48], last_time[48];
	bool ended; /* else .end is how long it took */
	char owner[160], connection[480], end[80];
	char summary[256], cause[512], instead[64], scope[200], path[320], blind[200];
	char related[4][272], changed[4][256], facts[12][320];
	size_t related_count, changed_count, facts_count;
	struct check checks[4];
	char remote[64]; /* where a check of the far end runs */
	size_t checks_count;
	char left[200], right[200]; /* who stands at the ends of the picture */
	struct report_step steps[REPORT_STEPS_MAX];
	size_t steps_count;
	__u64 omitted; /* evidence that was not kept */
	struct report_point *points; /* in the order of the capture */
	size_t points_count;
	__u32 packets; /* of the connection, kept or not */
};

/* One stream of records: live, a recording, or captures that were read together. */
struct report_source {
	bool capture, early_end;
	char host[80], release[80];
	char from[48], duration[32];
	__u64 frames, unread, outside, connections, attempts, failures, lost, evicted;
	__u32 files, damaged;
};

struct report {
	struct report_ring notable, ordinary;
	struct report_entry *entries[REPORT_ENTRIES_MAX];
	size_t count;
	__u64 dropped; /* entries that found no room */
	__u64 findings[SEVERITY_COUNT]; /* finals, repeats too */
	struct report_source sources[REPORT_SOURCES_MAX];
	size_t sources_count; /* may exceed what is kept */
	const char *subject;
	bool utc;
	char zone[32]; /* "UTC", "CET (+0100)" */
};

/* report_points.c */
int report_rings_new(struct report *report);
void report_rings_free(struct report *report);
void report_rings_clear(struct report *report); /* what comes now is of another source */
void report_note_packet(struct report *report, const struct join *join, const struct event *event);
/* Gives @entry the points of @finding's connection; none: there were none, or no memory. */
void report_take_points(const struct report *report, const struct finding *finding,
			struct report_entry *entry);

/* report_steps.c: fills .steps from .points and the evidence */
void report_take_steps(const struct join *join, const struct finding *finding,
		       struct report_entry *entry);

/* report_entry.c */
struct report_entry *report_entry_new(const struct report *report, const struct join *join,
				      const struct finding *finding);
void report_entry_free(struct report_entry *entry);
/* Which machine a check is for; NULL: the one that the report is of. */
const char *report_check_on(const struct report_entry *entry, const struct check *check);
void report_source_fill(struct report_source *source, const struct join *join,
			const struct summary *summary, bool utc);
/* "2 errors, 1 warning"; "no finding" */
void report_say_counts(struct text *text, const struct report *report);
/* "1 of 3 files damaged, 12 packets not read, ..."; "" nothing was missed that is known */
void report_say_gaps(struct text *text, const struct report_source *source);
/* "4 packets of a capture, 1 connection", "3 attempts, 1 failed" */
void report_say_seen(struct text *text, const struct report_source *source);
const char *report_mark_name(enum report_mark mark); /* "sent again"; of MARK_PLAIN "" */
const char *report_step_note(const struct report_step *step); /* its own, else its mark's name */
const char *report_step_arrow(const struct report_step *step); /* "→", "←"; "" no direction */

/* report_escape.c: text of any origin, so that it stays text */
void report_put_html(FILE *file, const char *text);
void report_put_markdown(FILE *file, const char *text);
void report_put_fenced(FILE *file, const char *text); /* a code block of its own */

/* report_html.c, report_markdown.c: entries are in the order in which they are told */
void report_write_html(const struct report *report, FILE *file);
void report_write_markdown(const struct report *report, FILE *file);

/* report_ladder.c, report_graph.c: pictures. @number makes their ids unique. */
void report_draw_ladder(FILE *file, const struct report_entry *entry, size_t number);
/* bytes over time, a panel for each direction that carried some; false: none did */
bool report_draw_graph(FILE *file, const struct report_entry *entry, size_t number);
