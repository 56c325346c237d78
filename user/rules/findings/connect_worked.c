// SPDX-License-Identifier: GPL-2.0-or-later
/* connect_worked.c - it worked, but slowly or only at another address */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* ---- connect-slow ---- */

static bool match_slow(const struct view *view, struct guess *guess)
{
	guess->confidence = CONFIDENCE_LIKELY;
	return look_slow(view);
}

/*
 * The answer echoes the first SYN, and came after the second had to be sent. So does a SYN/ACK that
 * was lost and sent again: the two look the same until the next round trip.
 */
static bool long_path(const struct opening *opening)
{
	__u64 took_ns = ns_between(opening->started_ns, opening->established_ns);

	return opening->syn_sent > 1 &&
	       (opening->answers_first ||
		(opening->srtt_us && opening->srtt_us * NS_PER_US > took_ns - took_ns / 8));
}

/*
 * The first SYN waited on this host, and nothing was dropped: for the answer of the next hop, of which
 * newer kernels say so (EBUSY of what is sent again meanwhile: it still waits).
 */
static bool waited_for_neighbor(const struct opening *opening)
{
	return !opening_is_captured(opening) && !opening->blind_wire && opening->syn_handed &&
	       opening->syn_sent > opening->syn_handed && !opening->drop_out.count &&
	       ns_between(opening->started_ns, opening->syn_first_ns) > 500 * NS_PER_MS;
}

/* A live client takes that for the end. */
static bool refused_before(const struct opening *opening)
{
	return opening_is_captured(opening) && opening->reset_in && opening->syn_sent > 1;
}

static void add_why_slow(struct text *why, const struct view *view)
{
	const struct opening *opening = view->opening;

	if (opening->full.seen) {
		text_add(why, "the SYN met a full accept queue on this machine (%u of %u): ",
			 opening->full.backlog, opening->full.backlog_max);
		words_why_full(why, view, look_full_listener(view));
	} else if (look_drop_is_filter(view->join, &opening->drop_out))
		text_add(why, "this host dropped a SYN of it");
	else if (waited_for_neighbor(opening)) {
		text_add(why, "the first SYN reached no interface for ");
		words_duration(why, ns_between(opening->started_ns, opening->syn_first_ns));
		text_add(why, opening->retransmit_error == EBUSY ?
				      ": it waited on this host for the answer of the next hop "
				      "(ARP, neighbor discovery)" :
				      ": it waited on this host, for the next hop's answer (ARP, "
				      "neighbor discovery) or in a queue");
	} else if (look_challenges(view))
		text_add(why, "the far end still held an old connection with these two ports and "
			      "challenged the first SYN; the client's reset ended that, and the "
			      "SYN was sent again");
	else if (refused_before(opening))
		text_add(why, "the far end refused the first SYN, and accepted when the client "
			      "asked again: what listens there had just started, or one of "
			      "several behind a balancer does not");
	else if (opening_is_captured(opening) &&
		 (opening->reset_other_in || opening->ack_in || opening->icmp_in.count))
		text_add(why,
			 "what answered before did not end the wait, and the SYN was sent again");
	else if (long_path(opening))
		text_add(why, "the answer echoes the first SYN: a round trip takes longer than the "
			      "first time-out of a SYN (1 s), or the first SYN/ACK was lost");
	else if (opening->syn_sent > 1 && opening->synack_in > 1)
		text_add(why, "SYN/ACKs were lost or dropped, or this host did not take them");
	else if (opening->syn_sent > 1)
		text_add(
			why,
			"a SYN or its answer was lost on the way, or the far end ignored it (full queue)");
	else if (opening->synack_in > 1)
		text_add(why, "the SYN/ACK had to be sent again: the first one or the ACK that "
			      "answers it was lost or dropped, or one of the two hosts took its "
			      "time");
	else
		text_add(why, "the path or the far end is slow");
}

/* Whose queue it was, and how it is looked at. */
static void tell_full_queue(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct listener *listener = look_full_listener(view);
	struct words_check check;

	if (listener)
		words_party_listener(finding, listener, "listener");
	if (listener && look_accept_fails(view, listener))
		words_check_starved(view, finding, listener->accept_owner, listener->accept_error);
	check = words_check(view, finding, opening->full.netns);
	text_add(&check.run, "ss -ltnp 'sport = :%u'",
		 listener ? listener->tuple.local_port : opening->tuple.remote_port);
	words_check_end(&check, "Recv-Q is the queue now, Send-Q its maximum");
}

static void want_slow(const struct view *view, struct fact_request *wanted)
{
	if (view->opening->full.seen)
		words_want_starved(view, wanted);
	else
		wanted->wanted &= ~BIT(FACT_OPEN_FILES);
}

static void tell_slow(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	__u32 median_us = look_usual_handshake_us(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "the handshake with ");
	words_remote(&what, view, opening);
	text_add(&what, " took ");
	words_duration(&what, look_lasted_ns(view));
	text_add(&what, " and ");
	words_count(&what, opening->syn_sent, "SYN", "SYNs");
	if (opening->synack_in > 1)
		text_add(&what, ", %u SYN/ACKs came", opening->synack_in);
	if (median_us) {
		text_add(&what, "; to that address it usually takes ");
		words_duration(&what, median_us * NS_PER_US);
	}
	add_why_slow(&why, view);
	if (opening->full.seen) {
		tell_full_queue(view, finding);
		return;
	}
	words_check_route(view, finding, "whether this is the right way there");
	if (waited_for_neighbor(opening))
		return;
	check = words_check_remote(finding);
	if (refused_before(opening)) {
		text_add(&check.run, "ss -ltnp 'sport = :%u'", opening->tuple.remote_port);
		words_check_end(&check, "what listens there, and since when");
	} else if (look_challenges(view)) {
		text_add(&check.run, "ss -tano 'sport = :%u'", opening->tuple.remote_port);
		words_check_end(&check, "connections that it still holds, and in which state");
	} else {
		text_add(&check.run, "nstat -az TcpExtListenOverflows TcpExtListenDrops");
		words_check_end(&check, "whether the far end ignores SYNs");
	}
}

const struct rule rule_connect_slow = {
	.id = "connect-slow",
	.stage = STAGE_CONNECT,
	.did = "connected slowly to",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_WORKED,
	.match = match_slow,
	.tell = tell_slow,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR) | BIT(FACT_OPEN_FILES),
	.want = want_slow,
	.means = "established, but slowly",
	.evidence =
		"the SYN was repeated before the answer, and why as far as it shows (a full queue, a drop, a next hop that answered late, a challenge, the first SYN echoed by the answer); or the handshake took longer than slow-handshake and slow-factor times this destination's median",
	.gate = "a long path is silent until its own median says that this handshake was unusual",
	.general_check =
		"losses on the path; the far end's accept queue (nstat -az TcpExtListenOverflows)",
	.kernels = "all; whether SYN/ACKs were repeated: TC",
};

/* ---- connect-fallback ---- */

/*
 * Trying the other family is what every resolver's list leads to. Within one family, without the
 * lookup in sight, two wishes of a process look the same: never told as less than a warning.
 */
static bool one_family(const struct view *view, const struct opening *first)
{
	return first &&
	       address_is_ipv4(first->tuple.remote) == address_is_ipv4(view->opening->tuple.remote);
}

static bool match_fallback(const struct view *view, struct guess *guess)
{
	const struct opening *first = NULL;
	__u64 lost_ms = 0;

	if (!look_fallback(view, &first, &lost_ms))
		return false;
	if (one_family(view, first)) {
		guess->confidence = CONFIDENCE_LIKELY; /* that it was one wish is inferred */
		return true;
	}
	if (lost_ms < view->thresholds->value[THRESHOLD_FALLBACK_INFO]) {
		if (look_slow(view))
			return false; /* then that is what is worth a word */
		guess->severity = SEVERITY_INFO;
	}
	if (opening_is_captured(view->opening))
		guess->confidence =
			CONFIDENCE_LIKELY; /* of loopback: one host, but which process? */
	return true;
}

/* "10.0.0.2:80 (ETIMEDOUT after 3.1 s)" */
static void add_opening(struct text *text, const struct opening *opening)
{
	const char *name = decode_errno_name(opening->error);

	address_print_port(text, opening->tuple.remote, opening->tuple.remote_port);
	if (opening->end == WAIT_ANSWERED)
		text_add(text, " (refused");
	else
		text_add(text, " (%s", opening->end == WAIT_ERRNO && name ? name : "given up");
	if (opening->ended_ns > opening->started_ns) {
		text_add(text, " after ");
		words_duration(text, opening->ended_ns - opening->started_ns);
	}
	text_add(text, ")");
}

static void tell_fallback(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *first = NULL;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;
	__u64 lost_ms = 0;
	size_t told = 0;

	look_fallback(view, &first, &lost_ms);
	words_remote(&what, view, view->opening);
	if (lost_ms)
		text_add(&what, " worked, after %llu ms lost at ", lost_ms);
	else
		text_add(&what, " worked, after less than 1 ms lost at ");
	for (size_t i = 0; i < attempt_openings(attempt) && told < 3; i++) {
		if (attempt->openings[i] == view->opening ||
		    attempt->openings[i]->state != OPENING_FAILED)
			continue;
		text_add(&what, "%s", told++ ? ", " : "");
		add_opening(&what, attempt->openings[i]);
	}
	if (one_family(view, first))
		text_add(&why, "if both are addresses of one name, one of them does not work from "
			       "here; else the first was a wish of its own, which failed");
	else
		text_add(&why,
			 "the address tried before did not work%s; connections that try it first "
			 "lose time",
			 opening_is_captured(view->opening) ? "" : " from here");
	if (!first)
		return;
	check = words_check(view, finding, first->netns);
	text_add(&check.run, "ip %sroute get ", address_is_ipv4(first->tuple.remote) ? "" : "-6 ");
	address_print(&check.run, first->tuple.remote);
	words_check_end(&check, "the way to the address that failed");
	words_check_listener(view, finding, first, "whether the service listens on both addresses");
}

const struct rule rule_connect_fallback = {
	.id = "connect-fallback",
	.stage = STAGE_CONNECT,
	.did = "lost time at another address, then connected to",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_WORKED,
	.match = match_fallback,
	.tell = tell_fallback,
	.facts = BIT(FACT_ROUTE),
	.means = "the connection worked, but only at another address of the same attempt",
	.evidence =
		"an earlier try to another address failed by itself, or was given up before the one that worked was begun",
	.gate = "info below fallback-info when the families differ (::1 refused, then 127.0.0.1); losers of a race that were not needed are none",
	.general_check =
		"the name's addresses against what serves them; remove or mend the one that fails",
	.kernels = "all",
};
