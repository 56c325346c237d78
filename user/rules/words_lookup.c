// SPDX-License-Identifier: GPL-2.0-or-later
/* words_lookup.c - what several findings say of name servers */

#include <netinet/in.h>
#include <string.h>

#include "rules/words.h"
#include "util/address.h"
#include "util/port.h"

bool words_upstream(struct text *text, const struct lookup *lookup, struct finding *finding)
{
	const struct lookup_upstream *upstream = &lookup->upstream;
	const struct event_owner *owner = upstream->owner;
	const char *rcode = dns_rcode_name(upstream->rcode);
	struct party *party;

	if (!upstream->how)
		return false;
	if (owner)
		words_owner(text, owner);
	else
		text_add(text, "a forwarder");
	text_add(text, " asked ");
	address_print(text, upstream->server);
	text_add(text, " for it and got ");
	if (upstream->how == LOOKUP_UPSTREAM_UNREACHABLE)
		text_add(text, "ICMP destination unreachable");
	else if (upstream->how == LOOKUP_UPSTREAM_ASKED)
		text_add(text, "no answer");
	else
		text_add(text, "the answer %s", rcode ? rcode : "with an error");
	party = words_party(finding, "resolver");
	if (party) {
		party->owner_known = owner;
		if (owner)
			party->owner = *owner;
		party->netns = lookup->netns;
		memcpy(party->tuple.remote, upstream->server, sizeof(party->tuple.remote));
		party->tuple.remote_port = PORT_DNS;
		party->tuple.family = address_is_ipv4(upstream->server) ? FAMILY_IPV4 : FAMILY_IPV6;
		party->tuple.protocol = IPPROTO_UDP;
	}
	return true;
}

void words_place_of_server(const struct view *view, struct text *text)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *fact;
	size_t i;

	for (i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_RESOLVER, i)); i++) {
		if ((fact->flags & FACT_F_ABSENT) || !address_equal(fact->address, lookup->server))
			continue;
		text_add(text, "; it is name server %lld of %lld in that process's resolv.conf",
			 (long long)fact->number, (long long)fact->limit);
		return;
	}
	fact = i ? attempt_fact(view->join, view->attempt, FACT_RESOLVER, 0) : NULL;
	if (!fact || (fact->flags & FACT_F_ABSENT))
		return;
	text_add(text, "; that process's resolv.conf does not name it, but ");
	address_print(text, fact->address);
}
