// SPDX-License-Identifier: GPL-2.0-or-later
/* connect_icmp.c - a router, host or firewall answered with an ICMP error */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

enum refusal { REFUSAL_NONE, REFUSAL_REJECTED, REFUSAL_UNREACHABLE };

/* RFC 792, RFC 1812 4.3.3.4; RFC 4443 3.3: a router threw it away, for it had passed as many as it may */
static bool is_exceeded(const struct icmp_seen *icmp)
{
	return icmp->type == (icmp->ipv6 ? 3 : 11) && icmp->code == 0;
}

/* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; RFC 4443 3.1 */
static enum refusal refusal_of(const struct icmp_seen *icmp)
{
	static const __u8 ipv4[] = {
		[0] = REFUSAL_UNREACHABLE, [1] = REFUSAL_UNREACHABLE,  [2] = REFUSAL_REJECTED,
		[3] = REFUSAL_REJECTED,	   [5] = REFUSAL_UNREACHABLE,  [6] = REFUSAL_UNREACHABLE,
		[7] = REFUSAL_UNREACHABLE, [8] = REFUSAL_UNREACHABLE,  [9] = REFUSAL_REJECTED,
		[10] = REFUSAL_REJECTED,   [11] = REFUSAL_UNREACHABLE, [12] = REFUSAL_UNREACHABLE,
		[13] = REFUSAL_REJECTED,   [14] = REFUSAL_REJECTED,    [15] = REFUSAL_REJECTED,
	};
	static const __u8 ipv6[] = {
		[0] = REFUSAL_UNREACHABLE, [1] = REFUSAL_REJECTED, [3] = REFUSAL_UNREACHABLE,
		[4] = REFUSAL_REJECTED,	   [5] = REFUSAL_REJECTED, [6] = REFUSAL_REJECTED,
	};

	if (!icmp->count)
		return REFUSAL_NONE;
	if (is_exceeded(icmp))
		return REFUSAL_UNREACHABLE;
	if (icmp->ipv6)
		return icmp->type == 1 && icmp->code < ARRAY_SIZE(ipv6) ? ipv6[icmp->code] :
									  REFUSAL_NONE;
	return icmp->type == 3 && icmp->code < ARRAY_SIZE(ipv4) ? ipv4[icmp->code] : REFUSAL_NONE;
}

/* The ICMP error decided the opening: no reset did, and no handshake followed. */
static bool decided(const struct view *view, enum refusal refusal)
{
	const struct opening *opening = view->opening;

	if (opening->established_ns || opening_call_alone(opening) || look_refused(opening))
		return false;
	return look_in_time(opening, opening->icmp_in.first_ns) &&
	       refusal_of(&opening->icmp_in) == refusal;
}

/* "ICMP port unreachable (3/3) came from 10.0.0.254 after 1.2 ms" */
static void add_icmp(struct text *text, const struct opening *opening, const struct icmp_seen *icmp)
{
	const char *name = decode_icmp_name(icmp->ipv6, icmp->type, icmp->code);

	address_print(text, icmp->sender);
	text_add(text, " answered the SYN with %s %s (%u/%u)", icmp->ipv6 ? "ICMPv6" : "ICMP",
		 name ? name : "error", icmp->type, icmp->code);
	if (opening->seen_whole && icmp->first_ns > opening->started_ns) {
		text_add(text, " after ");
		words_duration(text, icmp->first_ns - opening->started_ns);
	}
}

/* ---- connect-rejected ---- */

static bool match_rejected(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	guess->confidence = CONFIDENCE_LIKELY;
	if (decided(view, REFUSAL_REJECTED))
		return true;
	/* ECONNREFUSED that no reset brought is a port unreachable whose packet was not seen */
	if (opening->error != ECONNREFUSED || opening_call_alone(opening) ||
	    opening->established_ns || !opening->reset_hook || opening->reset_seen ||
	    opening->reset_in || opening->icmp_in.count)
		return false;
	if (!opening->blind_wire && !opening->syn_handed && !opening->syn_elsewhere)
		return false;
	guess->absence = true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

static void tell_rejected(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (opening->icmp_in.count) {
		add_icmp(&what, opening, &opening->icmp_in);
		text_add(&why, "a packet filter at ");
		address_print(&why, opening->icmp_in.sender);
		text_add(&why, " rejects this connection");
	} else {
		text_add(&what, "the socket got ECONNREFUSED, and no reset had reached it");
		text_add(&why, "an ICMP port unreachable arrived, as packet filters send it");
	}
	check = opening->icmp_in.count ? words_check_at(finding, opening->icmp_in.sender) :
					 words_check_remote(finding);
	text_add(&check.run, "nft list ruleset");
	words_check_end(&check, "which rule rejects port %u", opening->tuple.remote_port);
	words_check_route(view, finding, "which way packets to it take");
}

const struct rule rule_connect_rejected = {
	.id = "connect-rejected",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_rejected,
	.tell = tell_rejected,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means = "a firewall answered with an ICMP error: port or protocol unreachable, prohibited",
	.evidence =
		"ICMP 3/2, 3/3, 3/9, 3/10, 3/13, 3/14, 3/15 or ICMPv6 1/1, 1/4, 1/5, 1/6 about our SYN; its sender is named. TCP itself never answers with these. ECONNREFUSED without a reset is the same, unseen: possible",
	.gate = "sent by this machine itself: local-firewall or local-forward-dropped",
	.general_check = "the packet filter of the machine that sent the ICMP error",
	.kernels = "ICMP on the wire: TC on all; reset at the socket: all",
};

/* ---- connect-unreachable ---- */

static bool match_unreachable(const struct view *view, struct guess *guess)
{
	guess->confidence = CONFIDENCE_LIKELY;
	return decided(view, REFUSAL_UNREACHABLE);
}

static void tell_unreachable(const struct view *view, struct finding *finding)
{
	const struct icmp_seen *icmp = &view->opening->icmp_in;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;
	bool host = icmp->ipv6 ? icmp->code == 3 : icmp->code == 1 || icmp->code == 7;

	add_icmp(&what, view->opening, icmp);
	if (is_exceeded(icmp)) {
		text_add(&why, "routers send packets for ");
		address_print(&why, view->opening->tuple.remote);
		text_add(&why, " in a circle, or this connection's TTL or hop limit is too small");
		check = words_check(view, finding, view->opening->netns);
		text_add(&check.run, "tracepath -n ");
		address_print(&check.run, view->opening->tuple.remote);
		words_check_end(&check, "which routers, and whether the same ones again and again");
		return;
	}
	address_print(&why, icmp->sender);
	if (host) {
		text_add(&why, " gets no answer from ");
		address_print(&why, view->opening->tuple.remote);
		text_add(&why, " on the last link (switched off, or not there)");
	} else {
		text_add(&why, " has no way to ");
		address_print(&why, view->opening->tuple.remote);
	}
	check = words_check_at(finding, icmp->sender);
	text_add(&check.run, "ip %sroute get ", icmp->ipv6 ? "-6 " : "");
	address_print(&check.run, view->opening->tuple.remote);
	words_check_end(&check, "which way that router knows, if any");
	words_check_route(view, finding, "whether that router is the right one");
}

const struct rule rule_connect_unreachable = {
	.id = "connect-unreachable",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_unreachable,
	.tell = tell_unreachable,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means = "a router says that there is no way there, or that the way is too long",
	.evidence =
		"ICMP 3/0, 3/1, 3/5, 3/6, 3/7, 3/8, 3/11, 3/12, 11/0 or ICMPv6 1/0, 1/3, 3/0 about our SYN; its sender is named",
	.gate = "host unreachable sent by this machine itself: local-neighbor-failed or local-forward-dropped",
	.general_check =
		"the routes of the router that sent the ICMP error; for host unreachable, whether the host is on its link",
	.kernels = "ICMP on the wire: TC on all",
};
