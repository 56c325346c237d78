// SPDX-License-Identifier: GPL-2.0-or-later
/* connect_answer.c - no answer came, it came and was dropped here, or nobody waited for it */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* This machine's kernel did something to our SYNs: another rule's. */
static bool held_here(const struct opening *opening)
{
	return opening->drop_out.count || opening->full.seen || opening->neighbor_failed;
}

/* Two sightings of one SYN lie closer together, two SYNs never do (TCP_RTO_MIN: 200 ms). */
#define REPEATED_NS (100 * NS_PER_MS)

/* "3 SYNs in 3.1 s" */
static void add_syns(struct text *text, const struct opening *opening)
{
	words_syns(text, opening);
	if (opening->seen_whole && opening->syn_sent > 1 &&
	    opening->syn_last_ns > opening->syn_first_ns + REPEATED_NS) {
		text_add(text, " in ");
		words_duration(text, opening->syn_last_ns - opening->syn_first_ns);
	}
}

static void add_way_out(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;

	if (!opening->syn_ifindex || opening_is_captured(opening))
		return;
	text_add(text, ", handed to ");
	words_interface(text, view->join, opening->syn_netns, opening->syn_ifindex);
	words_in_netns(text, view->join, opening->syn_netns);
}

/* ---- connect-no-answer ---- */

/*
 * Of a capture: join calls an opening failed only if it was watched for so long that a SYN is sent
 * again. One SYN alone may be a scanner's: the silence is a fact, its weight is less.
 */
static bool match_silence(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (opening->end != WAIT_UNSEEN)
		return false;
	guess->absence = true;
	guess->confidence = opening->syn_sent > 1 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	return true;
}

static bool match_no_answer(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (!look_unanswered(view) || !look_nothing_back(opening) || held_here(opening))
		return false;
	if (opening_is_captured(opening))
		return match_silence(view, guess);
	if (opening->syn_sent < 2 && opening->error != ETIMEDOUT)
		return false;
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (opening->syn_left)
		return true;
	if (look_remote_is_own(view))
		return false; /* it never had to leave: what became of it is not known */
	if (!opening->blind_wire && !opening->syn_handed && !opening->syn_elsewhere)
		return false; /* nor did it get as far as an interface; that alone proves nothing */
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	return true;
}

/* The way out was not watched to this machine's end: facts may tell that it goes no further. */
static bool decide_no_answer(const struct verdict *verdict)
{
	return verdict->opening && !verdict->opening->syn_left && verdict->opening->syn_elsewhere;
}

static void want_no_answer(const struct view *view, struct fact_request *wanted)
{
	if (view->opening->syn_left || !view->opening->syn_elsewhere)
		return;
	wanted->netns = view->opening->syn_netns;
	wanted->pid = 0;
	wanted->wanted = BIT(FACT_ADDRESS) | BIT(FACT_SYSCTL) | BIT(FACT_RULESET);
}

static void tell_no_answer(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct opening far = look_far(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_syns(&what, opening);
	add_way_out(&what, view);
	text_add(&what, "%s got no answer",
		 opening->syn_ifindex && !opening_is_captured(opening) ? "," : "");
	if (opening_is_captured(opening) && opening->blind_wire)
		text_add(&what, ", and the capture shows no packet to ");
	if (opening_is_captured(opening) && opening->blind_wire)
		address_print(&what, opening->tuple.local);
	else if (opening->blind_wire)
		text_add(&what, " that the socket saw");
	words_end(&what, view);
	if (opening_is_captured(opening)) {
		text_add(&why, "the SYN or its answer is lost or dropped on the way, or ");
		address_print(&why, opening->tuple.remote);
		text_add(&why,
			 " is off or does not answer on port %u; how far the SYN came, one "
			 "capture does not tell",
			 opening->tuple.remote_port);
	} else if (!opening->syn_left && opening->syn_elsewhere) {
		text_add(&why, "the SYNs went into ");
		words_netns(&why, view->join, opening->syn_netns);
		text_add(&why, " and were not seen to leave this machine");
	} else {
		text_add(&why, "the SYN or its answer is lost or dropped on the way, or ");
		words_host(&why, view, &far);
		text_add(&why, " is off or does not answer on port %u", far.tuple.remote_port);
	}
	words_check_route(view, finding, "whether this is the right way out");
	check = words_check_remote(finding);
	text_add(&check.run, "tcpdump -ni any 'tcp port %u", far.tuple.remote_port);
	if (opening->translated || !opening->syn_netns || opening->syn_netns == opening->netns) {
		text_add(&check.run, " and host "); /* else NAT may have changed it */
		address_print(&check.run, opening->translated ? opening->translated_from :
								opening->tuple.local);
	}
	text_add(&check.run, "'");
	words_check_end(&check, "whether the SYN arrives there, and whether an answer is sent");
}

const struct rule rule_connect_no_answer = {
	.id = "connect-no-answer",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_no_answer,
	.tell = tell_no_answer,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.decide = decide_no_answer,
	.want = want_no_answer,
	.sysctls = { "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding" },
	.means = "SYNs left this host and nothing came back",
	.evidence =
		"two SYNs or more were handed to an interface that leaves this machine, nothing of theirs at ingress, nothing dropped here; how it ended (ETIMEDOUT, given up, killed) is told beside. Where the way out could not be watched: possible",
	.gate = "pending from the second SYN on; a hang that ends well is connect-slow",
	.general_check = "the route, the far host's packet filter, and a capture there",
	.kernels = "SYN on the wire: TC on all; count of SYNs: all",
};

/* ---- connect-reply-dropped ---- */

static bool match_reply_dropped(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (opening_is_captured(opening) || !look_unanswered(view) || held_here(opening))
		return false;
	if (look_reply_dropped(opening))
		return true;
	/* the answer was on the wire, yet the socket waited on: what dropped it gave no record */
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (!look_answer_in_time(opening))
		return false;
	return view->wake == WAKE_PENDING || opening->error == ETIMEDOUT || opening->synack_in > 1;
}

static void add_dropper(struct text *text, const struct view *view, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(view->join, drop);
	const char *place = look_drop_place(view->join, drop);

	if (reason)
		text_add(text, " (%s", reason);
	if (place)
		text_add(text, "%s in %s", reason ? "" : " (", place);
	if (reason || place)
		text_add(text, ")");
	words_in_netns(text, view->join, drop->netns);
}

static bool dropped_for(const struct view *view, const char *with)
{
	const char *reason = look_drop_reason(view->join, &view->opening->drop_in);

	return reason && !strncmp(reason, with, strlen(with));
}

static void check_checksum(const struct view *view, struct finding *finding, __u32 netns,
			   const struct interface *dev)
{
	struct words_check check = words_check(view, finding, netns);

	text_add(&check.run, "nstat -az TcpInCsumErrors IpExtInCsumErrors");
	words_check_end(&check, "which of these grows with each try");
	if (!dev)
		return;
	check = words_check(view, finding, netns);
	text_add(&check.run, "ethtool -k ");
	words_argument(&check.run, dev->name, sizeof(dev->name));
	words_check_end(&check, "checksum offloads: rx-checksumming here, tx-checksumming there");
}

static void check_filter(const struct view *view, struct finding *finding, __u32 netns,
			 const struct interface *dev)
{
	struct words_check check = words_check(view, finding, netns);

	if (dropped_for(view, "SOCKET_FILTER")) {
		text_add(&check.run, "bpftool cgroup tree");
		words_check_end(&check, "ingress programs of the process's cgroup");
	} else if (dev && (dropped_for(view, "TC_") || dropped_for(view, "XDP"))) {
		text_add(&check.run, "bpftool net show dev ");
		words_argument(&check.run, dev->name, sizeof(dev->name));
		words_check_end(&check, "programs at the interface; tc filter show: other filters");
	} else {
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check,
				"rules on the input and prerouting hooks that match the answer");
	}
}

/* What to look at depends on who dropped it. */
static void check_dropper(const struct view *view, struct finding *finding)
{
	const struct drop_seen *drop = &view->opening->drop_in;
	__u32 netns = drop->netns ? drop->netns : view->opening->netns;
	const struct interface *dev = join_interface(view->join, netns, drop->ifindex);
	struct words_check check;

	if (words_is_of_source(view, drop))
		return; /* said with the cause */
	if (dropped_for(view, "TCP_CSUM") || dropped_for(view, "IP_CSUM") ||
	    dropped_for(view, "SKB_CSUM")) {
		check_checksum(view, finding, netns, dev);
		return;
	}
	if (look_drop_is_filter(view->join, drop) || !look_reply_dropped(view->opening))
		check_filter(view, finding, netns, dev);
	if (look_drop_is_filter(view->join, drop))
		return;
	check = words_check(view, finding, netns);
	text_add(&check.run, "nstat -az IpExtInNoRoutes TcpExtIPReversePathFilter TcpInCsumErrors");
	words_check_end(&check, "which of these grows with each try");
}

static void tell_reply_dropped(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct drop_seen *drop = &opening->drop_in;
	bool seen = look_reply_dropped(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "%s from ",
		 opening->synack_in || drop->syn_ack ? "the SYN/ACK" : "the reset");
	words_remote(&what, view, opening);
	text_add(&what, " reached this host");
	if (seen) {
		text_add(&what, ", which dropped it");
		if (drop->count > 1)
			text_add(&what, " %u times", drop->count);
		add_dropper(&what, view, drop);
	} else {
		text_add(&what, ", but not the socket");
	}
	words_end(&what, view);
	if (look_drop_is_filter(view->join, drop)) {
		text_add(&why, "a rule or policy of this host's packet filter drops the answer");
		words_ruleset(&why, view, WORDS_HOOKS_IN);
	} else if (seen && words_is_of_source(view, drop)) {
		words_refused_source(&why, view, finding, drop, opening->tuple.remote);
	} else if (seen) {
		text_add(&why, "this host's network stack refuses the answer for the reason given");
	} else {
		text_add(&why, "something on this host takes the answer away without a word");
	}
	check_dropper(view, finding);
}

static void want_reply_dropped(const struct view *view, struct fact_request *wanted)
{
	const struct drop_seen *drop = &view->opening->drop_in;

	if (!look_drop_is_hook(view->join, drop))
		wanted->wanted &= ~BIT(FACT_COUNTER); /* conntrack has no part in it */
	if (view->opening->drop_in.netns && view->opening->drop_in.netns != view->opening->netns) {
		wanted->netns = view->opening->drop_in.netns;
		wanted->pid = 0;
		wanted->wanted &= ~(BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR));
	}
	if (words_is_of_source(view, drop))
		words_want_source(view, drop, wanted, view->opening->tuple.remote);
	else
		wanted->sysctls[0] = NULL;
}

/* Where hooks dropped it, conntrack may be full. */
static bool decide_reply_dropped(const struct verdict *verdict)
{
	return verdict->opening->drop_in.count;
}

const struct rule rule_connect_reply_dropped = {
	.id = "connect-reply-dropped",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_reply_dropped,
	.tell = tell_reply_dropped,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR) | BIT(FACT_RULESET) | BIT(FACT_SYSCTL) |
		 BIT(FACT_COUNTER),
	.counters = { FACT_CONNTRACK_ENTRIES },
	.decide = decide_reply_dropped,
	.want = want_reply_dropped,
	.sysctls = { WORDS_RP_FILTER },
	.means = "the answer reached this host and was dropped here",
	.evidence =
		"a SYN/ACK or reset that acknowledges our SYN at ingress, and its drop with the kernel's reason (packet filter, rp_filter, checksum); without the drop's record: likely",
	.gate = "an answer that comes after the application gave up is not one",
	.general_check = "nft list ruleset; the input and prerouting hooks, rp_filter, checksums",
	.kernels =
		"answer on the wire: TC on all; drop with reason: 5.17 on, before: the function that dropped it",
};

/* ---- connect-canceled ---- */

static bool match_canceled(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (opening_is_captured(opening) || opening->end == WAIT_ERRNO ||
	    opening->end == WAIT_NONE || opening->established_ns || opening->syn_sent != 1 ||
	    !look_nothing_back(opening) || held_here(opening))
		return false;
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_canceled(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_syns(&what, opening);
	add_way_out(&what, view);
	text_add(&what, ", no answer yet");
	words_end(&what, view);
	if (opening->answer_ns > opening->ended_ns) {
		text_add(&why, "the answer came ");
		words_duration(&why, opening->answer_ns - opening->ended_ns);
		text_add(&why, " too late: ");
	}
	if (opening->end == WAIT_CANCELED)
		text_add(
			&why,
			"the application's time-out for connecting is shorter than one retransmission of the SYN (1 s, RFC 6298)");
	else
		text_add(&why,
			 "it ended before the SYN could be sent a second time (1 s, RFC 6298)");
	words_check_route(view, finding, "which way the SYN took");
}

const struct rule rule_connect_canceled = {
	.id = "connect-canceled",
	.stage = STAGE_CONNECT,
	.did = "did not wait for",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED,
	.match = match_canceled,
	.tell = tell_canceled,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means =
		"the application gave up before even one SYN retransmission, and nothing had come back",
	.evidence = "close, exit or signal in SYN_SENT after one SYN",
	.gate = "losers of a race between addresses are no attempts of their own; after the second SYN it is connect-no-answer",
	.general_check =
		"the application's time-out for connecting; why the far end is slow or silent",
	.kernels = "all",
};

/* ---- connect-stale-peer ---- */

static bool match_stale_peer(const struct view *view, struct guess *guess)
{
	const struct opening *opening = view->opening;

	if (!look_challenges(view) || opening->synack_in || opening->established_ns ||
	    !look_unanswered(view) || look_refused(opening) || held_here(opening))
		return false;
	if (view->wake == WAKE_PENDING && look_challenges(view) < 2)
		return false; /* the second SYN has not been challenged yet */
	guess->confidence = CONFIDENCE_LIKELY; /* what another machine sent may be forged */
	return true;
}

static void tell_stale_peer(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct opening far = look_far(opening);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_remote(&what, view, &far);
	text_add(&what, " answered ");
	add_syns(&what, opening);
	text_add(&what, " with ");
	words_count(&what, look_challenges(view), "plain ACK", "plain ACKs");
	text_add(&what, " of other sequence numbers");
	if (opening_is_captured(opening) && opening->reset_out) {
		text_add(&what, "; ");
		words_count(&what, opening->reset_out, "reset", "resets");
		text_add(&what, " of the client changed nothing");
	} else if (opening_is_captured(opening)) {
		text_add(&what, "; no reset of the client is to be seen");
	}
	words_end(&what, view);
	text_add(&why,
		 "the far end still has an old connection with these two ports, and challenges "
		 "the SYN; ");
	if (opening_is_captured(opening) && !opening->reset_out)
		text_add(&why, "the challenge does not reach the client, whose reset would end it");
	else
		text_add(&why, "the reset that would end it does not arrive, or is not believed");
	check = words_check_remote(finding);
	text_add(&check.run, "ss -tnop 'dport = :%u'", opening->tuple.local_port);
	words_check_end(&check, "the old connection, its state and timer");
	words_check_route(view, finding, "whether answers and resets take one way");
}

const struct rule rule_connect_stale_peer = {
	.id = "connect-stale-peer",
	.stage = STAGE_CONNECT,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_PENDING,
	.match = match_stale_peer,
	.tell = tell_stale_peer,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR),
	.means =
		"the peer answered the SYN with a plain ACK: it still holds an old connection on these ports",
	.evidence =
		"instead of a SYN/ACK an ACK that acknowledges nothing of this try: a challenge (RFC 9293 3.10.7.4, RFC 5961 4), to the end without SYN/ACK or reset",
	.gate = "a challenge that the client's reset ends, so that a later SYN works, is connect-slow; an ACK of the SYN itself, whose SYN/ACK was not captured, is none",
	.general_check =
		"on the far host: ss -tno for the old connection; filters that drop resets or out-of-state packets between",
	.kernels =
		"captures, and run, which records every packet of the command; else the socket's refusal, which has its reason (TCP_INVALID_ACK_SEQUENCE) from 6.12 on",
};
