// SPDX-License-Identifier: GPL-2.0-or-later
/* fact.c - facts of the host, of one attempt at a time */

#include "join/attempt/attempt.h"

void attempt_take_fact(struct join *join, const struct event *event)
{
	const struct ev_fact *fact = &event->fact;
	struct attempt_facts *facts = &join->attempts->facts;
	struct proxies_kept *proxies = &join->attempts->proxies;

	if (fact->what == FACT_PROXY) {
		proxies->fact[proxies->next++ % PROXIES_KEPT] = *fact;
		return;
	}
	if (facts->request != fact->request || facts->whole) {
		/* asked again: what was true at the pending finding may not be so any more */
		facts->request = fact->request;
		facts->count = 0;
	}
	facts->whole = fact->what == FACT_DONE;
	if (fact->what == FACT_DONE || facts->count == JOIN_FACTS_MAX)
		return;
	facts->netns[facts->count] = event->head.netns;
	facts->fact[facts->count++] = *fact;
}

const struct ev_fact *attempt_proxy(const struct join *join, const struct attempt *attempt)
{
	const struct proxies_kept *proxies = &join->attempts->proxies;

	for (size_t i = 0; i < PROXIES_KEPT; i++)
		if (proxies->fact[i].request == attempt->id)
			return &proxies->fact[i];
	return NULL;
}

const struct ev_fact *attempt_fact(const struct join *join, const struct attempt *attempt,
				   enum event_fact what, size_t index)
{
	const struct attempt_facts *facts = &join->attempts->facts;

	if (facts->request != attempt->id)
		return NULL;
	for (size_t i = 0; i < facts->count; i++)
		if (facts->fact[i].what == what && !index--)
			return &facts->fact[i];
	return NULL;
}

__u32 attempt_fact_netns(const struct join *join, const struct ev_fact *fact)
{
	const struct attempt_facts *facts = &join->attempts->facts;

	return facts->netns[fact - facts->fact];
}
