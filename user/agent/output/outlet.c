// SPDX-License-Identifier: GPL-2.0-or-later
/* outlet.c - every place where findings go, and what becomes of what cannot be written there */

#include <errno.h>

#include "agent/output/outlet.h"
#include "util/log.h"

#define for_each_outlet(outlet, outlets)               \
	for (struct outlet * (outlet) = (outlets)->at; \
	     (outlet) != (outlets)->at + (outlets)->count; (outlet)++)

void outlets_add(struct outlets *outlets, struct outlet outlet)
{
	if (!outlet.sink || outlets->count == OUTLETS_MAX)
		return;
	outlets->at[outlets->count++] = outlet;
	outlets->want_records |= sink_wants_records(outlet.sink);
	outlets->want_attempts |= sink_wants_attempts(outlet.sink);
}

/* ---- errors ---- */

static bool any_whole(const struct outlets *outlets)
{
	bool whole = false;

	for (size_t i = 0; i < outlets->count; i++)
		whole |= outlets->at[i].whole;
	return whole;
}

/* A closed pipe ends quietly, a full disk is told once and counted. */
static void note_main(struct outlets *outlets, const struct outlet *outlet, int err)
{
	outlets->failed++;
	if (!outlet->error && err != -EPIPE) {
		log_error_r(err, "%s: writing", outlet->path ? outlet->path : "output");
		log_hint("sockwhy goes on; what could not be written is counted");
	}
	outlets->closed |= err == -EPIPE && !any_whole(outlets);
}

static void note(struct outlets *outlets, struct outlet *outlet, int err)
{
	if (!err)
		return;
	if (outlet->main)
		note_main(outlets, outlet, err);
	else if (!outlet->error &&
		 err != -ENOSPC) /* that was said, and what is missing is counted */
		log_error_r(err, "%s: writing", outlet->path);
	outlet->error = err;
}

void outlets_note(struct outlets *outlets, int err)
{
	for_each_outlet(outlet, outlets) if (outlet->main) note(outlets, outlet, err);
}

bool outlets_unread(const struct outlets *outlets)
{
	bool unread = false;

	for (size_t i = 0; i < outlets->count; i++)
		unread |= outlets->at[i].main && outlets->at[i].error == -EPIPE;
	return unread;
}

bool outlets_failed(const struct outlets *outlets)
{
	bool failed = false;

	for (size_t i = 0; i < outlets->count; i++)
		failed |= outlets->at[i].error &&
			  !(outlets->at[i].main && outlets->at[i].error == -EPIPE);
	return failed;
}

/* ---- telling ---- */

void outlets_record(struct outlets *outlets, const struct join *join, const struct event *event,
		    bool wanted)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_record(outlet->sink, join, event, wanted));
}

void outlets_event(struct outlets *outlets, const struct join *join, const struct event *event)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_event(outlet->sink, join, event));
}

void outlets_look(struct outlets *outlets, const struct join *join, const struct event *event)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_look(outlet->sink, join, event));
}

void outlets_message(struct outlets *outlets, const struct join *join, const struct event *event)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_message(outlet->sink, join, event));
}

void outlets_finding(struct outlets *outlets, const struct join *join,
		     const struct finding *finding)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_finding(outlet->sink, join, finding));
}

void outlets_heartbeat(struct outlets *outlets, const struct join *join,
		       const struct heartbeat *heartbeat)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_heartbeat(outlet->sink, join, heartbeat));
}

void outlets_attempt(struct outlets *outlets, const struct join *join,
		     const struct attempt *attempt)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_attempt(outlet->sink, join, attempt));
}

void outlets_verdict(struct outlets *outlets, const struct join *join,
		     const struct attempt *attempt, const struct verdict *verdict,
		     const struct finding *finding)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_verdict(outlet->sink, join, attempt, verdict, finding));
}

void outlets_end(struct outlets *outlets, const struct join *join, const struct summary *summary)
{
	for_each_outlet(outlet, outlets) note(outlets, outlet, sink_end(outlet->sink, join));
	for_each_outlet(outlet, outlets) if (outlet->error != -EPIPE)
		note(outlets, outlet, sink_summary(outlet->sink, join, summary));
}

bool outlets_want_again(const struct outlets *outlets)
{
	bool want = false;

	for (size_t i = 0; i < outlets->count; i++)
		want |= sink_wants_again(outlets->at[i].sink);
	return want;
}

void outlets_again(struct outlets *outlets, const struct join *join, const struct event *event,
		   bool wanted)
{
	for_each_outlet(outlet, outlets)
		note(outlets, outlet, sink_again(outlet->sink, join, event, wanted));
}

void outlets_again_end(struct outlets *outlets, const struct join *join)
{
	for_each_outlet(outlet, outlets) note(outlets, outlet, sink_again_end(outlet->sink, join));
}

void outlets_flush(struct outlets *outlets)
{
	for_each_outlet(outlet, outlets) note(outlets, outlet, sink_flush(outlet->sink));
}
