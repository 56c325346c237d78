/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_fixture.h - a model of top with its view, and what it is fed */
#pragma once

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join_fixture.h"
#include "rules/rules.h"
#include "sinks/top/top.h"
#include "util/tcp.h"
#include "util/time.h"

struct shown {
	struct join *join;
	struct top *top;
	struct top_view *view;
	struct sink *sink;
	struct top_grid grid;
};

static int set_up_shown(void **state)
{
	const struct top_options options = { .utc = true };
	struct shown *shown = calloc(1, sizeof(*shown));
	struct sink_options sink = { .ops = &sink_top_ops };

	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_int_equal(set_up((void **)&shown->join), 0);
	assert_int_equal(top_new(&shown->top, &options), 0);
	assert_int_equal(top_view_new(&shown->view, &options, false), 0);
	sink.state = shown->top;
	assert_int_equal(sink_open(&shown->sink, &sink), 0);
	*state = shown;
	return 0;
}

static int tear_down_shown(void **state)
{
	struct shown *shown = *state;

	sink_close(shown->sink);
	top_view_free(shown->view);
	top_free(shown->top);
	top_grid_free(&shown->grid);
	tear_down((void **)&shown->join);
	free(shown);
	return 0;
}

/* ---- what is fed ---- */

static const struct event_owner curl = { .tgid = 7, .start_ns = 1, .leader = "curl" };
static const struct event_owner other_curl = { .tgid = 8, .start_ns = 2, .leader = "curl" };

static struct flow flow_of(const struct event_owner *owner, __u32 to, __u64 bytes, __u32 again)
{
	struct flow flow = { .cookie = to,
			     .owner = owner,
			     .opened_ns = NS_PER_S,
			     .role_known = true,
			     .client = true,
			     .state = TCP_STATE_ESTABLISHED,
			     .netns = NETNS,
			     .known = EVENT_K_FLOW };

	set_tuple(&flow.tuple, 40000, to, 80);
	flow.counts.bytes_delivered = bytes;
	flow.counts.retransmits = again;
	flow.counts.srtt_us = 300;
	return flow;
}

static void look(struct shown *shown, __u64 seconds, const struct flow *flow)
{
	top_look_begin(shown->top);
	if (flow)
		top_look_take(shown->top, shown->join, flow);
	top_look_end(shown->top, seconds * NS_PER_S);
}

static const struct top_row *row_named(const struct shown *shown, enum top_table table,
				       const char *name)
{
	const struct top_row *row;
	size_t at = 0;

	while ((row = top_row_next(shown->top, table, &at)))
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

static void finding_of(struct shown *shown, __u64 attempt, __u64 group,
		       enum finding_state finding_state, const char *cause)
{
	static const struct evidence seen = { .kind = EVENT_STATE,
					      .new_state = TCP_STATE_SYN_SENT };
	struct finding *finding = calloc(1, sizeof(*finding));

	finding->rule = rules_find("connect-refused");
	finding->attempt = attempt;
	finding->group = group;
	finding->state = (__u8)finding_state;
	finding->severity = SEVERITY_ERROR;
	finding->time_ns = attempt * NS_PER_S;
	finding->count = finding->total = 1;
	finding->did = "could not connect to";
	finding->role = "client";
	finding->owner_known = true;
	finding->owner = curl;
	finding->netns = NETNS;
	set_tuple(&finding->tuple, 40000, (__u32)group, 80);
	snprintf(finding->cause, sizeof(finding->cause), "%s", cause);
	finding->evidence_count = 1;
	finding->evidence[0] = seen;
	sink_finding(shown->sink, shown->join, finding);
	free(finding);
}

static size_t findings_kept(const struct shown *shown)
{
	size_t at = 0, count = 0;

	while (top_finding_next(shown->top, &at))
		count++;
	return count;
}

static const struct top_finding *finding_of_group(const struct shown *shown, __u64 group)
{
	const struct top_finding *finding;
	size_t at = 0;

	while ((finding = top_finding_next(shown->top, &at)))
		if (finding->group == group)
			return finding;
	return NULL;
}
