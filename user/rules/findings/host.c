// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - what is wrong with an address, whoever asks for it */

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/time.h"

/* ---- host-duplicate-address ---- */

static bool match_duplicate(const struct view *view, struct guess *guess)
{
	if (view->attempt->claims->mixed)
		guess->confidence = CONFIDENCE_POSSIBLE; /* perhaps of two networks */
	return true;
}

/* "02:00:00:00:00:01 (5 times)" */
static void add_claimant(struct text *text, const struct claimant *by)
{
	words_mac(text, by->mac);
	text_add(text, by->own ? " of this host (" : " (");
	words_count(text, by->count, "time", "times");
	text_add(text, ")");
}

static void tell_duplicate(const struct view *view, struct finding *finding)
{
	const struct address_claims *claims = view->attempt->claims;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print(&what, claims->address);
	text_add(&what, " was claimed by ");
	add_claimant(&what, &claims->by[0]);
	text_add(&what, " and ");
	add_claimant(&what, &claims->by[1]);
	text_add(&what, " in turn within ");
	words_duration(&what, ns_between(claims->first_ns, claims->last_ns));
	if (claims->netns) {
		text_add(&what, " at ");
		words_interface(&what, view->join, claims->netns, claims->ifindex);
		words_in_netns(&what, view->join, claims->netns);
	}
	if (claims->vlan)
		text_add(&what, " in VLAN %u", claims->vlan);
	if (claims->both_answered)
		text_add(&what, "; both answered one question");
	text_add(&why,
		 "two machines have the same address, and packets to it reach now one, now the "
		 "other; or one machine answers at two interfaces of one network%s",
		 claims->mixed ? "; or the interfaces captured are of two networks" : "");
	check = words_check(view, finding, claims->netns);
	text_add(&check.run, "ip neigh show ");
	address_print(&check.run, claims->address);
	words_check_end(&check, "which of them is known there now");
	if (!address_is_ipv4(claims->address))
		return;
	check = claims->netns ? words_check_remote(finding) : words_check(view, finding, 0);
	text_add(&check.run, "arping -D -c 3 -I DEV ");
	address_print(&check.run, claims->address);
	words_check_end(&check, "who answers, on a machine of that network without the address");
}

const struct rule rule_host_duplicate_address = {
	.id = "host-duplicate-address",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CLAIMS,
	.match = match_duplicate,
	.tell = tell_duplicate,
	.means = "two machines claim one address",
	.evidence =
		"two link addresses answer one question of one asker within 1 s, or claim the address in turn (A, B, A, B within 60 s), by ARP answers and announcements or neighbour advertisements; possible of a capture of all interfaces, where networks mix",
	.gate = "a change and its end are a failover, a new network card or a lease that moved; none of the link addresses of VRRP, CARP, HSRP and GLBP, of who claims four addresses or more (proxy ARP), of what different askers were answered (bonds that balance), of probes, and of advertisements without the override flag (anycast, proxies)",
	.general_check =
		"ip neigh show ADDRESS again and again; arping -D -c 3 -I DEV ADDRESS on a machine without the address; the switch's table tells the ports of both link addresses",
	.kernels = "all",
};
