/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sinks.h - tells findings and events: text, brief, JSON lines, a report */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "decode/decode.h"
#include "join/join.h"
#include "rules/rules.h"
#include "util/mask.h"

/*
 * Theory of operation
 *
 * A sink is a table of functions and a state of its own; it is handed whole findings and decoded
 * events and writes them. It does not know how a rule decided or how an event arrived: events are
 * printed by walking their kind's field table, evidence by rules/'s words. It joins nothing: whose a
 * packet is it asks join.
 *
 * A report (HTML, Markdown) is a sink that keeps what it is told, within bounds, and writes all of
 * it when it is closed; it wants to see every packet of the connections, to draw them. The file of
 * -w (packets/) is a sink of packets, which has verdicts beside them.
 *
 * Two are no sinks, because what they tell are no findings and events: a table of connections
 * (flows/) is handed rows, the comparison of two captures (comparison/) connections with a verdict.
 *
 * Before the sinks stands the group table: repeats of a group are printed at once, then after
 * 1, 2, 4 … 60 s; in between they are counted. A group that falls idle is told once more with its
 * count, and so is every group at the end.
 */

struct sink_ops;
struct timelines;

extern const struct sink_ops sink_text_ops;
extern const struct sink_ops sink_brief_ops;
extern const struct sink_ops sink_json_ops;
extern const struct sink_ops sink_otlp_ops; /* JSON of OTLP */
extern const struct sink_ops sink_ecs_ops; /* JSON of the Elastic Common Schema */
extern const struct sink_ops sink_html_ops; /* a report */
extern const struct sink_ops sink_markdown_ops; /* likewise */

struct sink_options {
	const struct sink_ops *ops; /* the form: agent/form.c has them all */
	void *state; /* of a form that its own function opened; else NULL */
	FILE *file; /* NULL: of a form that writes elsewhere */
	/* Takes the error of what stands behind .file, or in its place, and has none of its own; NULL: nothing does. */
	int (*take_error)(void *ctx);
	void *ctx;
	bool color;
	bool ascii; /* no arrows */
	size_t width; /* columns of the terminal, at which text is broken; 0: it is not */
	bool details; /* -v: sequence numbers, windows, options */
	bool utc;
	bool events; /* -v */
	bool unhurried; /* read: what was found is written at the next tick, not at once */
	bool timeline; /* run: every packet and state of a failed connection */
	const struct timelines
		*timelines; /* run -v, of a text: what every socket went through; else NULL */
	/*
	 * What .file masks by itself are addresses and names in text; with this also numbers that
	 * were made of addresses become others. NULL: nothing is masked.
	 */
	struct mask *mask;
	const char *subject; /* of a report: what was looked at; outlives the sink */
};

/* What only the reading of captures knows; no file: it was no capture. */
struct capture_summary {
	__u32 files;
	__u32 damaged; /* of them: they end early, or hold what cannot be */
	__u64 outside; /* frames that --since, --until or -i leave out */
	__u64 partial; /* packets of which a fragment is missing */
	/* a file says that it lacks the rest: it was written with so much */
	bool handshakes; /* what opens and ends connections */
	bool findings; /* what findings spoke of */
};

/* Attempts to connect or listen, of those whom the filter leaves, and the tries that they made. */
struct counted {
	__u64 attempts;
	__u64 failures;
	__u64 openings;
};

struct summary {
	__u64 findings[SEVERITY_COUNT]; /* finals */
	__u64 duration_ns;
	bool early_end; /* the recording ended without its end record */
	struct counted counted;
	const struct join_counters *counters; /* of everybody: what was heard, and what was lost */
	struct capture_summary capture;
};

/* Did packets of files come, or were to: are there figures of them, though there be none? */
static inline bool capture_summary_counts(const struct capture_summary *capture,
					  const struct join_counters *counters)
{
	return capture->files || counters->frames;
}

/* That the agent lives, and what it took and told since it began. */
struct heartbeat {
	__u64 time_ns;
	__u64 duration_ns; /* since the begin */
	__u64 every_ns;
	__u64 findings[SEVERITY_COUNT]; /* finals */
	__u64 failed_writes;
	__u64 memory_bytes; /* resident; 0 unknown */
	__u64 cpu_ns; /* of the process alone: not what the kernel side takes where others run */
	struct counted counted;
	const struct join_counters *counters;
};

struct sink;

int sink_open(struct sink **out, const struct sink_options *options);
/* All return 0 or the error of this write (negative errno): -EPIPE a closed pipe. */
int sink_event(struct sink *sink, const struct join *join, const struct event *event);
/* Does it want every record, shown or not? */
bool sink_wants_records(const struct sink *sink);
/* One, which join has taken. @wanted: it has a packet, and no filter leaves it out. */
int sink_record(struct sink *sink, const struct join *join, const struct event *event, bool wanted);
/* What the packet of @event was in its TCP connection, by join_look(): one line a flag (-v). */
int sink_look(struct sink *sink, const struct join *join, const struct event *event);
/* A frame that holds a DNS message (UDP, port 53) or an ICMP error: one line (-v); nothing of others. */
int sink_message(struct sink *sink, const struct join *join, const struct event *event);
int sink_finding(struct sink *sink, const struct join *join, const struct finding *finding);
/* An attempt that is over, before its verdict, whatever that is; no filter leaves it out. */
int sink_attempt(struct sink *sink, const struct join *join, const struct attempt *attempt);
bool sink_wants_attempts(const struct sink *sink);
/* Behind the finding: the verdict that it told; @finding NULL: it was only counted in its group. */
int sink_verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict, const struct finding *finding);
int sink_heartbeat(struct sink *sink, const struct join *join, const struct heartbeat *heartbeat);
int sink_end(struct sink *sink,
	     const struct join *join); /* no record is left: before the summary */
int sink_summary(struct sink *sink, const struct join *join, const struct summary *summary);

/*
 * Does it want to see the records once more, when all verdicts are known? Then it gets them by
 * sink_again(), as by sink_record() but judged by nobody, and sink_again_end() behind the last.
 */
bool sink_wants_again(const struct sink *sink);
int sink_again(struct sink *sink, const struct join *join, const struct event *event, bool wanted);
int sink_again_end(struct sink *sink, const struct join *join);

int sink_flush(struct sink *sink); /* at a tick */
int sink_close(struct sink *sink); /* writes a report, frees; the file stays the caller's */

/* ---- a table of connections ---- */

enum flows_format { FLOWS_TEXT, FLOWS_JSON, FLOWS_CSV };

/* What was judged of a connection. */
struct flow_verdict {
	const struct rule *rule;
	__u64 attempt;
	__u8 state; /* FINDING_FINAL, or FINDING_PENDING while it hangs */
	__u8 severity;
	__u8 confidence;
};

/* What a row is of. */
struct flow_source {
	const struct join *join;
	const struct figures *figures;
	const struct event_owner *owner; /* of its socket; NULL unknown */
	const struct flow_verdict *verdict; /* NULL: nothing is wrong with it, as far as is known */
};

struct flows_options {
	enum flows_format format;
	FILE *file;
	bool ascii;
	bool utc;
	const char *sort; /* a column of numbers, the greatest first; NULL: as they come */
	size_t room; /* rows kept for sorting: of more the first ones */
	__u64 rows_most; /* written; 0 without end */
};

struct flows;

/* Returns 0, -ENOMEM, or -EINVAL for a .sort that is no column of numbers. Writes nothing. */
int flows_new(struct flows **out, const struct flows_options *options);
void flows_free(struct flows *flows);
/* The first line, once. @sockets: the table for people is of this host's sockets, not of packets. */
void flows_begin(struct flows *flows, bool sockets);
void flows_add(struct flows *flows, const struct flow_source *source);
void flows_finish(struct flows *flows, const struct join *join); /* writes what was kept */
__u64 flows_untold(const struct flows *flows); /* rows added and not written */
bool flows_full(const struct flows *flows); /* no further row will be written */
const char *flows_sort_name(size_t index); /* of the connection's columns; NULL at the end */

/* ---- groups ---- */

struct groups;

int groups_new(struct groups **out, size_t room);
void groups_free(struct groups *groups);

/* What is kept of the last repeat of a group, so that an idle group is told with its last facts. */
struct group_seen {
	__u64 attempt;
	__u64 time_ns;
	__u64 started_ns;
	bool owner_known;
	struct event_owner owner;
};

/* What a finding says of its group. */
struct group_counts {
	__u64 count; /* since its last line */
	__u64 total;
	__u64 first_ns; /* of all */
};

/*
 * Counts one finding of a group. Returns true when it is to be printed now, with the counts it must
 * carry. Time is @seen's.
 */
bool groups_note(struct groups *groups, __u64 group, const struct group_seen *seen,
		 struct group_counts *counts);

/* Keeps the printed finding (by its .group), so that the group can be told when it falls idle. */
void groups_keep(struct groups *groups, const struct finding *finding);

/* How many groups of severity error have begun: of each the first was told. */
__u64 groups_errors_begun(const struct groups *groups);

/*
 * A group with untold repeats that fell idle (@all: any group with untold repeats); NULL none.
 * The finding speaks of the last repeat; what is known only of an earlier one is taken out of it.
 * Valid until the next call; the caller may write to it.
 */
struct finding *groups_idle(struct groups *groups, __u64 now_ns, bool all);
