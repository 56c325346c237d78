// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_gauge.c - something of the host is full or short, whoever suffers from it */

#include <netinet/in.h>
#include <stdint.h>

#include "join/attempt/attempt.h"
#include "join/host/gauges_table.h"

void attempt_gauge(struct join *join, const struct event *event)
{
	const struct gauge *gauge = gauges_event(join, event);
	struct attempt_slot *slot =
		gauge ? attempt_take_nobodys(join, &subject_host, gauge->netns, gauge->what,
					     gauge->readings[0].ts_ns) :
			NULL;

	if (!slot)
		return;
	slot->attempt.netns = gauge->netns;
	slot->attempt.gauge = gauge;
	slot->attempt.ended_ns = event->head.ts_ns;
	attempt_judge(join, slot, event->head.ts_ns);
}

static void gauge_about(const struct attempt *attempt, struct subject_about *about)
{
	(void)attempt;
	about->tuple.protocol = IPPROTO_RAW; /* of no connection: of all */
}

static void gauge_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		      struct subject_key *key)
{
	(void)opening;
	(void)severity;
	subject_key_add(key, &attempt->netns, sizeof(attempt->netns));
	subject_key_add(key, &attempt->gauge->what, sizeof(attempt->gauge->what));
}

static size_t gauge_evidence(const struct attempt *attempt, struct evidence *evidence, size_t room,
			     size_t *omitted)
{
	const struct gauge *gauge = attempt->gauge;
	size_t n = gauge->count < room ? gauge->count : room;

	*omitted = gauge->count - n;
	for (size_t i = 0; i < n; i++) {
		const struct gauge_reading *reading = &gauge->readings[gauge->count - n + i];

		evidence[i] = (struct evidence){
			.ts_ns = reading->ts_ns,
			.kind = EVENT_GAUGE,
			.vantage = VANTAGE_USER,
			.netns = gauge->netns,
			.reason = gauge->what,
			.count = reading->number < UINT32_MAX ? (__u32)reading->number : UINT32_MAX,
			.limit = reading->most < UINT32_MAX ? (__u32)reading->most : UINT32_MAX,
		};
	}
	return n;
}

static void gauge_release(struct join *join, const struct attempt *attempt)
{
	(void)join;
	if (attempt->told)
		gauges_told(attempt->gauge);
}

const struct subject subject_host = {
	.name = "host",
	.role = "host",
	.number = 20,
	.wakes = WAKE_GAUGE,
	.uncounted = true,
	.about = gauge_about,
	.key = gauge_key,
	.evidence = gauge_evidence,
	.release = gauge_release,
};
