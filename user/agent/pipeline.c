// SPDX-License-Identifier: GPL-2.0-or-later
/* pipeline.c - a record's whole life: tee, decode, join, judge, fetch, tell */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flows.h"
#include "agent/flows_judged.h"
#include "agent/options/limits.h"
#include "agent/output/mask_told.h"
#include "agent/pipeline.h"
#include "join/timeline/timeline.h"
#include "util/array.h"
#include "util/hot.h"
#include "util/log.h"
#include "util/time.h"

/* Groups remembered, of one program and one destination each: more at a time have one cause. */
#define GROUPS_MAX 4096

/*
 * Facts cost some system calls each. Under a storm of failures the verdicts of the rest are told
 * without them. Counted by the records' clock, so that a replay draws the line at the same place.
 */
#define DECIDE_PER_SECOND 30
#define TELL_PER_SECOND 30

/* Early words of a group are throttled like its finals, but beside them. */
#define GROUP_PENDING 0x50454e44494e4721ull
#define GROUP_CLEARED 0x434c454152454421ull

int pipeline_open(struct pipeline *pipeline, const struct options *options)
{
	struct join_limits limits = join_limits_default;
	int err;

	*pipeline = (struct pipeline){ .options = options, .thresholds = thresholds_default };
	err = limits_read(&options->thresholds, &pipeline->thresholds, &limits);
	if (err)
		return err;
	limits.slow_lookup_ns = pipeline->thresholds.value[THRESHOLD_DNS_SLOW] * NS_PER_MS;
	limits.kept_ns = pipeline->thresholds.value[THRESHOLD_CLOSED_HALF] * NS_PER_S;
	limits.connections = (__u32)options->connections_max;
	/* of connections of the whole host few packets are seen */
	if (options->command != COMMAND_WATCH && (options->command != COMMAND_TOP || options->file))
		limits.segments = true;
	limits.established = options->command == COMMAND_READ ||
			     options->command == COMMAND_FLOWS || options->command == COMMAND_RUN;
	limits.parties = options->write;
	if (options_count_flows(options))
		limits.flows = (__u32)options->connections_max;
	err = filter_new(&pipeline->filter, options);
	if (err)
		return err;
	pipeline->finding = calloc(1, sizeof(*pipeline->finding));
	err = pipeline->finding ? join_new(&pipeline->join, &limits) : -ENOMEM;
	if (!err)
		err = groups_new(&pipeline->groups, GROUPS_MAX);
	if (!err && options->command == COMMAND_FLOWS)
		err = flows_judged_new(&pipeline->judged, limits.flows);
	if (!err)
		err = pieces_new(&pipeline->pieces);
	if (err) {
		log_error_r(err, "connection tables");
		log_hint("--max-connections N makes them smaller");
		pipeline_close(pipeline);
	}
	return err;
}

void pipeline_close(struct pipeline *pipeline)
{
	if (pipeline->join)
		join_free(pipeline->join);
	if (pipeline->groups)
		groups_free(pipeline->groups);
	for (size_t i = 0; i < pipeline->pending_count; i++)
		free(pipeline->pending[i]);
	pieces_free(pipeline->pieces);
	flows_judged_free(pipeline->judged);
	filter_free(pipeline->filter);
	free(pipeline->finding);
	*pipeline = (struct pipeline){ 0 };
}

/* ---- output ---- */

/* Is nothing more wanted? */
static bool is_over(const struct pipeline *pipeline)
{
	return pipeline->stop || pipeline->outlets.closed;
}

static void keep_record(struct pipeline *pipeline, const void *record, size_t size)
{
	int err = 0;

	if (!pipeline->writer || pipeline->record_error)
		return;
	/* the writer has said what is wrong; a record it refuses is refused by decode, too */
	err = record_writer_take(pipeline->writer, record, size);
	if (!err || err == -EBADMSG)
		return;
	pipeline->record_error = err;
	log_hint("the recording ends early; sockwhy goes on without it");
}

/* Names, clocks and what was there at the start are the machinery: shown at -vv. */
static bool event_is_shown(const struct pipeline *pipeline, const struct event *event)
{
	switch (event->head.kind) {
	case EVENT_LOST:
	case EVENT_SUPPRESSED:
		return true; /* the sink tells what was lost, asked or not */
	case EVENT_TICK:
	case EVENT_PIECE: /* payload is for -w alone */
	case EVENT_CLAIM:
	case EVENT_GAUGE: /* what comes of these two is told */
		return false;
	case EVENT_NAME:
	case EVENT_CLOCK:
	case EVENT_PROCESS:
	case EVENT_SOCKET:
	case EVENT_FACT:
	case EVENT_END:
		return pipeline->options->verbose > 1;
	case EVENT_START: /* a command line may hold any name */
		return pipeline->options->verbose > 1 && !pipeline->mask;
	case EVENT_FRAME: /* what nobody can read is worth a line, every packet is for tcpdump */
		return pipeline->options->verbose > !event->frame.unread;
	case EVENT_HOOK:
	case EVENT_NETNS:
	case EVENT_INTERFACE:
		return pipeline->options->verbose > !pipeline->ticked;
	default:
		return pipeline->options->verbose > 0;
	}
}

/* ---- facts ---- */

static bool budget_take(struct pipeline *pipeline, __u32 *spent, __u32 limit)
{
	__u64 second = pipeline->last_ns / NS_PER_S;

	if (second != pipeline->budget_second) {
		pipeline->budget_second = second;
		pipeline->budget_decide = 0;
		pipeline->budget_tell = 0;
	}
	if (*spent >= limit)
		return false;
	(*spent)++;
	return true;
}

/* Returns true if facts may have arrived, so that the verdict is to be made again. */
static bool fetch_facts(struct pipeline *pipeline, const struct attempt *attempt,
			const struct verdict *verdict)
{
	struct fact_request wanted = { 0 }, path;
	bool asks, asks_path;

	if (!pipeline->facts.fetch)
		return false;
	asks = rules_want(pipeline->join, &pipeline->thresholds, attempt, verdict, &wanted);
	wanted.attempt = attempt->id;
	asks_path = facts_want_path(pipeline->join, attempt, verdict, &wanted, &path);
	if (!asks && !asks_path)
		return false;
	pipeline->depth++;
	pipeline->facts.fetch(pipeline->facts.ctx, asks ? &wanted : NULL, asks_path ? &path : NULL);
	pipeline->depth--;
	return true;
}

/* ---- telling ---- */

static void tell(struct pipeline *pipeline, struct finding *finding)
{
	if (pipeline->progress)
		progress_clear(pipeline->progress);
	if (pipeline->mask)
		mask_told_finding(pipeline->mask, finding);
	outlets_finding(&pipeline->outlets, pipeline->join, finding);
}

static void tell_finding(struct pipeline *pipeline, const struct attempt *attempt,
			 struct verdict *verdict, bool fetched, const struct group_counts *counts)
{
	struct finding *finding = pipeline->finding;

	if (!fetched && budget_take(pipeline, &pipeline->budget_tell, TELL_PER_SECOND) &&
	    fetch_facts(pipeline, attempt, verdict)) {
		struct verdict again;

		rules_judge(pipeline->join, &pipeline->thresholds, attempt, &again);
		if (again.rule)
			*verdict = again;
	}
	rules_tell(pipeline->join, &pipeline->thresholds, attempt, verdict, finding);
	finding->count = counts->count;
	finding->total = counts->total;
	finding->first_ns = counts->first_ns;
	tell(pipeline, finding);
	if (finding->state != FINDING_FINAL)
		return;
	pipeline->told++;
	pipeline->stop |= pipeline->options->findings_max &&
			  pipeline->told >= pipeline->options->findings_max;
	groups_keep(pipeline->groups, finding);
}

/* The attempt has another verdict now, or its end. */
static void drop_pending(struct pipeline *pipeline, __u64 attempt)
{
	for (size_t i = 0; i < pipeline->pending_count; i++) {
		if (pipeline->pending[i]->attempt != attempt)
			continue;
		free(pipeline->pending[i]);
		pipeline->pending[i] = pipeline->pending[--pipeline->pending_count];
		return;
	}
}

static void keep_pending(struct pipeline *pipeline, const struct attempt *attempt,
			 const struct verdict *verdict)
{
	struct finding *finding;

	if (pipeline->pending_count == PIPELINE_PENDING_MAX)
		return;
	finding = malloc(sizeof(*finding));
	if (!finding)
		return;
	rules_tell(pipeline->join, &pipeline->thresholds, attempt, verdict, finding);
	finding->count = finding->total = 1;
	pipeline->pending[pipeline->pending_count++] = finding;
}

static void tell_pending(struct pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->pending_count; i++) {
		tell(pipeline, pipeline->pending[i]);
		free(pipeline->pending[i]);
	}
	pipeline->pending_count = 0;
}

/* Counts a verdict in its group and tells it if it is its turn. */
static void count_verdict(struct pipeline *pipeline, const struct attempt *attempt,
			  struct verdict *verdict, bool fetched)
{
	__u64 group = rules_group(pipeline->join, attempt, verdict);
	const struct group_seen seen = {
		.attempt = attempt->id,
		.time_ns = attempt->due_ns,
		.started_ns = attempt->started_ns,
		.owner_known = attempt->owner_known,
		.owner = *attempt->owner,
	};
	struct group_counts counts;
	bool told;

	if (verdict->state == FINDING_FINAL)
		pipeline->found[verdict->severity]++;
	else
		group ^= verdict->state == FINDING_PENDING ? GROUP_PENDING : GROUP_CLEARED;
	if (pipeline->hold_pending) {
		if (!attempt->unknown) /* else it still hangs at the end of our time */
			drop_pending(pipeline, attempt->id);
		if (verdict->state == FINDING_PENDING)
			keep_pending(pipeline, attempt, verdict);
		if (verdict->state != FINDING_FINAL) {
			outlets_verdict(&pipeline->outlets, pipeline->join, attempt, verdict, NULL);
			return;
		}
	}
	told = groups_note(pipeline->groups, group, &seen, &counts);
	if (told)
		tell_finding(pipeline, attempt, verdict, fetched, &counts);
	outlets_verdict(&pipeline->outlets, pipeline->join, attempt, verdict,
			told ? pipeline->finding : NULL);
}

/* For the summary, as join counts those of everybody. */
static void count_chosen(struct pipeline *pipeline, const struct attempt *attempt)
{
	if (attempt->subject->uncounted ||
	    !filter_attempt(pipeline->filter, pipeline->join, attempt))
		return;
	pipeline->chosen.attempts++;
	pipeline->chosen.failures += !attempt->worked && !attempt->unknown;
	pipeline->chosen.openings += attempt_openings(attempt);
}

static void judge_attempt(struct pipeline *pipeline, struct attempt *attempt)
{
	struct verdict verdict = { 0 };
	const struct rule *asks;
	bool pending, fetched = false;

	rules_judge(pipeline->join, &pipeline->thresholds, attempt, &verdict);
	asks = verdict.asks;
	if (rules_facts_decide(&verdict) &&
	    filter_attempt(pipeline->filter, pipeline->join, attempt) &&
	    budget_take(pipeline, &pipeline->budget_decide, DECIDE_PER_SECOND)) {
		fetched = fetch_facts(pipeline, attempt, &verdict);
		if (fetched)
			rules_judge(pipeline->join, &pipeline->thresholds, attempt, &verdict);
		fetched &= !asks || verdict.rule == asks; /* another one's are not its own */
	}
	pending = verdict.rule && verdict.state == FINDING_PENDING;
	if (filter_chooses(pipeline->filter) && attempt->state == ATTEMPT_FINAL)
		count_chosen(pipeline, attempt);
	if (pipeline->outlets.want_attempts && attempt->state == ATTEMPT_FINAL &&
	    filter_attempt(pipeline->filter, pipeline->join, attempt))
		outlets_attempt(&pipeline->outlets, pipeline->join, attempt);
	/* what still hangs at the end of our time is told so */
	if (pipeline->flows && verdict.rule &&
	    !(verdict.state == FINDING_CLEARED && attempt->unknown))
		flows_judged_note(pipeline->judged, pipeline->join, attempt, &verdict);
	if (!pipeline->flows && verdict.rule && !is_over(pipeline) &&
	    filter_verdict(pipeline->filter, pipeline->join, attempt, &verdict))
		count_verdict(pipeline, attempt, &verdict, fetched);
	else if (!verdict.rule && attempt->worked && pipeline->hold_pending)
		drop_pending(pipeline, attempt->id);
	join_told(pipeline->join, attempt,
		  pending || attempt->state == ATTEMPT_FINAL ? verdict.rule : NULL);
}

static void judge_due(struct pipeline *pipeline)
{
	struct attempt *attempt;

	while ((attempt = join_due(pipeline->join)))
		judge_attempt(pipeline, attempt);
}

/* Groups that fell idle with repeats nobody was told of. */
static void tell_idle(struct pipeline *pipeline, bool all)
{
	struct finding *finding;

	while (!is_over(pipeline) &&
	       (finding = groups_idle(pipeline->groups, join_now_ns(pipeline->join), all))) {
		const struct ev_process *process = NULL;

		if (finding->owner_known)
			process = join_process(pipeline->join, finding->owner.tgid,
					       finding->owner.start_ns);
		finding->process = process ? *process : (struct ev_process){ 0 };
		tell(pipeline, finding);
	}
}

/* ---- a record's whole life ---- */

static void tell_record(struct pipeline *pipeline, const struct event *event)
{
	bool spoken = event->bytes_captured || (event->head.known & EVENT_K_TIMELINE);
	bool wanted = spoken && filter_event(pipeline->filter, event);

	if (pipeline->timelines)
		timelines_take(pipeline->timelines, event, wanted);
	outlets_record(&pipeline->outlets, pipeline->join, event, wanted);
}

/* What is shown of events beside findings. */
APART void tell_event(struct pipeline *pipeline, const struct event *event)
{
	const struct join *join = pipeline->join;
	struct event masked;

	if (pipeline->mask) {
		masked = *event;
		mask_told_event(pipeline->mask, &masked);
		event = &masked;
	}
	if (event_is_shown(pipeline, event) && filter_event(pipeline->filter, event))
		outlets_event(&pipeline->outlets, join, event);
	if (!pipeline->options->verbose)
		return;
	if ((join_look(join)->flags || join_tls_alert(join)) &&
	    filter_event(pipeline->filter, event))
		outlets_look(&pipeline->outlets, join, event);
	if (event->packet.what > PACKET_TCP && filter_event(pipeline->filter, event))
		outlets_message(&pipeline->outlets, join, event);
}

/* The second time: what the first one ended with may be damage, which was told. */
static int pick_event(struct pipeline *pipeline, const struct event *event)
{
	bool wanted = event->bytes_captured && filter_event(pipeline->filter, event);

	join_event_again(pipeline->join, event);
	outlets_again(&pipeline->outlets, pipeline->join, event, wanted);
	return ++pipeline->taken >= pipeline->taken_last ? -ECANCELED : 0;
}

/* Verdicts are words of rows. */
static int take_flows(struct pipeline *pipeline, const struct event *event)
{
	judge_due(pipeline);
	if (flows_take(pipeline, event))
		pipeline->stop = true;
	if (event->head.kind == EVENT_TICK)
		outlets_flush(&pipeline->outlets);
	if (pipeline->facts.complete)
		pipeline->facts.complete(pipeline->facts.ctx, event);
	return is_over(pipeline) ? -ECANCELED : 0;
}

/* What only records bring that are no frames, who have no owner and make nothing end. */
static void learn(struct pipeline *pipeline, const struct event *event)
{
	pipeline->opened |= (event->head.flags & EVENT_F_FOLLOWED) &&
			    (event->head.kind == EVENT_OPEN || event->head.kind == EVENT_SYSCALL);
	filter_learn(pipeline->filter, event);
}

static void end_record(struct pipeline *pipeline, const struct event *event)
{
	if (event->head.kind == EVENT_TICK) {
		pipeline->ticked = true;
		tell_idle(pipeline, false);
		outlets_flush(&pipeline->outlets);
	}
	/* last, because what completes it are records of their own, which stand behind this one */
	if (pipeline->facts.complete)
		pipeline->facts.complete(pipeline->facts.ctx, event);
}

/* What every event passes, after it was kept. */
static int take_event(struct pipeline *pipeline, const struct event *event)
{
	bool frame = event->head.kind == EVENT_FRAME; /* nearly every event of a capture */

	if (pipeline->picking)
		return pick_event(pipeline, event);
	pipeline->taken++;
	if (frame || event->head.kind == EVENT_PIECE || event->bytes_captured)
		pipeline->taken_last = pipeline->taken;
	join_event(pipeline->join, event);
	if (event->head.ts_ns > pipeline->last_ns)
		pipeline->last_ns = event->head.ts_ns;
	if (!pipeline->first_ns)
		pipeline->first_ns = event->head.ts_ns;
	if (!frame)
		learn(pipeline, event);
	if (pipeline->beside && !frame)
		pipeline->beside(pipeline->beside_ctx, event);
	if (pipeline->mask) /* before anything is said of it */
		mask_learn_event(pipeline->mask, event);
	if (pipeline->flows)
		return pipeline->depth ? 0 : take_flows(pipeline, event);
	if (pipeline->outlets.want_records || pipeline->timelines)
		tell_record(pipeline, event);
	if (!frame || pipeline->options->verbose)
		tell_event(pipeline, event);
	if (pipeline->depth)
		return 0;
	judge_due(pipeline);
	if (!frame)
		end_record(pipeline, event);
	return is_over(pipeline) ? -ECANCELED : 0;
}

/* Of a stream of records; of a capture nothing else comes than what is made here. */
static int take_record(struct pipeline *pipeline, struct event *event)
{
	if (event->head.kind == EVENT_END)
		return 0; /* of the file, not of what it tells */
	if (event->head.kind == EVENT_NETNS && pipeline->mask && !pipeline->picking)
		mask_told_namespace(pipeline->mask, &event->netns);
	return take_event(pipeline, event);
}

static void count_bad(struct pipeline *pipeline)
{
	if (!pipeline->picking)
		join_count_bad(pipeline->join);
}

/* What had to wait for the rest of a packet, as far as it need not any more. */
static int take_waiting(struct pipeline *pipeline)
{
	struct event event;
	int got, err = 0;

	if (pipeline->waiting_taken)
		return 0; /* a record that the event being taken made: its turn comes */
	pipeline->waiting_taken = true;
	while (!err && (got = pieces_next(pipeline->pieces, &event))) {
		if (got < 0)
			count_bad(pipeline);
		else
			err = take_record(pipeline, &event);
	}
	pipeline->waiting_taken = false;
	return err;
}

int pipeline_take(void *ctx, const void *record, size_t size)
{
	struct pipeline *pipeline = ctx;
	struct event event;

	if (!pipeline->picking)
		keep_record(pipeline, record, size);
	/* a fact answers at once, whatever waits */
	if (!pipeline->depth && pieces_hold(pipeline->pieces, record, size))
		return take_waiting(pipeline);
	if (decode_event(record, size, &event)) {
		count_bad(pipeline);
		return 0;
	}
	return take_record(pipeline, &event);
}

/* No record is left: packets are told as far as they came. */
static void take_rest(struct pipeline *pipeline)
{
	if (is_over(pipeline))
		pieces_forget(pipeline->pieces);
	else
		pieces_end(pipeline->pieces);
	take_waiting(pipeline);
}

int pipeline_event(struct pipeline *pipeline, const struct event *event)
{
	if (!pipeline->picking)
		keep_record(pipeline, event, event->head.size);
	return take_event(pipeline, event);
}

void pipeline_finish(struct pipeline *pipeline, bool early)
{
	struct summary summary = { .early_end = early };

	/* a replay has no record left that could answer, so nobody asks here */
	pipeline->facts.fetch = NULL;
	take_rest(pipeline);
	join_finish(pipeline->join);
	judge_due(pipeline);
	if (pipeline->flows) {
		outlets_note(&pipeline->outlets, flows_tell(pipeline));
		outlets_flush(&pipeline->outlets);
		return;
	}
	tell_idle(pipeline, true);
	tell_pending(pipeline);
	memcpy(summary.findings, pipeline->found, sizeof(summary.findings));
	summary.counted = pipeline_counted(pipeline);
	summary.duration_ns = pipeline->last_ns - pipeline->first_ns;
	summary.counters = join_counters(pipeline->join);
	summary.capture = pipeline->capture;
	outlets_end(&pipeline->outlets, pipeline->join, &summary);
}

struct counted pipeline_counted(const struct pipeline *pipeline)
{
	const struct join_counters *counters = join_counters(pipeline->join);

	if (filter_chooses(pipeline->filter))
		return pipeline->chosen;
	return (struct counted){ .attempts = counters->attempts,
				 .failures = counters->failures,
				 .openings = counters->openings };
}

void pipeline_pick_again(struct pipeline *pipeline)
{
	pipeline->picking = true;
	pipeline->taken = 0;
	pieces_forget(pipeline->pieces);
}

void pipeline_picked(struct pipeline *pipeline)
{
	if (pipeline->taken < pipeline->taken_last)
		take_rest(pipeline);
	outlets_again_end(&pipeline->outlets, pipeline->join);
}

int pipeline_status(const struct pipeline *pipeline)
{
	int least = pipeline->options->fail_on;

	if (pipeline->record_error || pipeline->again_failed || outlets_failed(&pipeline->outlets))
		return EXIT_FAILED;
	for (int severity = least; least >= 0 && severity < SEVERITY_COUNT; severity++)
		if (pipeline->found[severity])
			return EXIT_FOUND;
	return EXIT_DONE;
}
