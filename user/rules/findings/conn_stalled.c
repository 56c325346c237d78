// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_stalled.c - an established connection that came to a halt, or moved with trouble */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/address.h"

static bool is_stuck(const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	return own->stuck && own->stuck >= view->thresholds->value[THRESHOLD_STUCK];
}

/* ---- conn-mtu-blackhole ---- */

/* What was lost is larger than anything that arrived, and the other host is there. */
static bool large_ones_vanish(const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	return is_stuck(view, side) && own->stuck_bytes > look_carried_bytes(view) &&
	       own->stuck_longest;
}

/* It asks again for what is stuck: something behind it has arrived. */
static bool later_ones_arrive(const struct view *view, int side)
{
	/* of a mirror that shows packets twice, an acknowledgment may be its own duplicate */
	return look_side(view, side)->stuck_asked_for && !look_figures(view, 0)->copies &&
	       !look_figures(view, 1)->copies;
}

/* The other host was there right up to the first of the large ones: one that died would be a chance. */
static bool silent_since_large(const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	return own->stuck_silent &&
	       ns_between(look_figures(view, !side)->last_ns, own->stuck_ns) < NS_PER_S;
}

/* A whole segment of the longest kind is missing, and none as long ever came. */
static bool has_large_hole(const struct view *view, int side)
{
	enum { OPTIONS_BYTES = 40 }; /* RFC 9293 3.1: at most */
	__u32 mss = look_figures(view, !side)->mss;
	__u32 carried = look_carried_bytes(view);
	__u32 least = mss > carried + OPTIONS_BYTES ? mss - OPTIONS_BYTES : carried + 1;

	return look_has_hole(view, side) && look_side(view, side)->hole_bytes >= least &&
	       look_figures(view, side)->longest < least;
}

static bool match_mtu(const struct view *view, struct guess *guess)
{
	int side = look_which(view, large_ones_vanish);

	guess->absence = true;
	if (side == FIGURES_NEITHER) {
		side = look_which(view, has_large_hole);
		if (side == FIGURES_NEITHER)
			return false;
		/* who is heard of later is there, and would have sent it again */
		if (ns_between(look_side(view, side)->hole_ns, look_figures(view, side)->last_ns) <
		    NS_PER_S)
			guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (!look_side(view, side)->stuck_silent || later_ones_arrive(view, side))
		return true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return silent_since_large(view, side);
}

static void add_hole(struct text *what, const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	text_add(what, "%u bytes of ", own->hole_bytes);
	words_side(what, view, side);
	text_add(what, " never arrived in ");
	words_duration(what, ns_between(own->hole_ns, view->outcome->ended_ns));
	text_add(what, ", though what stands behind them did, up to %u bytes at once; ",
		 look_figures(view, side)->longest);
	words_side(what, view, !side);
	text_add(what, " waits for them to the end");
}

static void add_mtu_check(struct words_check *check, const struct view *view, int side)
{
	text_add(&check->run, "tracepath -n ");
	address_print(&check->run, look_figures(view, !side)->address);
	words_check_end(check, "the MTU of the path, hop by hop");
}

static void tell_mtu_hole(const struct view *view, struct finding *finding, int side)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	add_hole(&what, view, side);
	if (look_figures(view, !side)->mss)
		text_add(&what, "; MSS %u", look_figures(view, !side)->mss);
	text_add(&why,
		 "a link on the way here carries only smaller packets (tunnel, VPN, PPPoE), and "
		 "the ICMP message that says so is lost or filtered");
	add_mtu_check(&check, view, side);
}

static void tell_mtu_stuck(const struct view *view, struct finding *finding, int side)
{
	const struct outcome_side *own = look_side(view, side);
	__u16 mss = look_figures(view, !side)->mss;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	words_side(&what, view, side);
	text_add(&what, " sent a segment of %u bytes again %u times and it never arrived",
		 own->stuck_bytes, own->stuck);
	if (later_ones_arrive(view, side)) {
		text_add(&what, ", while smaller ones behind it did");
	} else if (own->acked_bytes) {
		text_add(&what, ", while %u bytes in smaller ones did", own->acked_bytes);
	} else if (own->stuck_silent) {
		text_add(&what, "; it was the first large one, and ");
		words_side(&what, view, !side);
		text_add(&what, ", heard right before it, is silent since");
	} else {
		text_add(&what, ", while ");
		words_side(&what, view, !side);
		text_add(&what, " still sends");
	}
	if (mss)
		text_add(&what, "; MSS %u", mss);
	text_add(&why,
		 "a link on the way carries only smaller packets (tunnel, VPN, PPPoE), and the "
		 "ICMP message that says so is lost or filtered");
	if (own->stuck_silent && !later_ones_arrive(view, side))
		text_add(&why, "; or the host or the way to it failed at just that moment");
	add_mtu_check(&check, view, side);
	check = words_check_on(view, finding, side);
	text_add(&check.run, "sysctl net.ipv4.tcp_mtu_probing");
	words_check_end(&check, "1 lets the kernel find the size by itself");
}

static void tell_mtu(const struct view *view, struct finding *finding)
{
	int side = look_which(view, large_ones_vanish);

	if (side == FIGURES_NEITHER)
		tell_mtu_hole(view, finding, look_which(view, has_large_hole));
	else
		tell_mtu_stuck(view, finding, side);
}

const struct rule rule_conn_mtu_blackhole = {
	.id = "conn-mtu-blackhole",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.needs = OUTCOME_ESTABLISHED | OUTCOME_STUCK | OUTCOME_REPEATS | OUTCOME_ACKED |
		 OUTCOME_SEGMENTS,
	.match = match_mtu,
	.tell = tell_mtu,
	.match_socket = standing_match_mtu,
	.tell_socket = standing_tell_mtu,
	.means = "large segments vanish, small ones pass",
	.evidence =
		"the longest segment was sent again threshold stuck times, none of it was ever acknowledged, nothing as long ever arrived, and the other host still speaks or has asked for it by a duplicate ACK, or spoke within the second before the first repetition (then possible at most); or, at the receiver, a hole of a whole segment that is never filled, though smaller ones behind it came; live: a segment of more than 536 bytes, as long as the MSS, sent again threshold stuck times in a row, while the peer has acknowledged data behind it (SACK), or, at most possible, was heard within the second before the first transmission and no segment as long ever arrived",
	.gate = "a host that was silent before is conn-timed-out; segments of up to 536 bytes pass everywhere",
	.general_check = "tracepath -n HOST; ping -M do -s SIZE HOST",
	.kernels = "every kernel tells it",
};

/* ---- conn-peer-window-zero ---- */

/* A closed window matters to who has something to say. */
static bool does_not_read(const struct view *view, int side)
{
	return look_side(view, side)->closed_window_ns >=
		       view->thresholds->value[THRESHOLD_WINDOW_CLOSED] * NS_PER_MS &&
	       look_side(view, !side)->spoke;
}

static bool match_window(const struct view *view, struct guess *guess)
{
	(void)guess;
	return look_which(view, does_not_read) != FIGURES_NEITHER;
}

static void tell_window(const struct view *view, struct finding *finding)
{
	int side = look_which(view, does_not_read);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);
	__u32 probes = look_figures(view, !side)->flagged[STREAM_ZERO_WINDOW_PROBE];

	words_side(&what, view, side);
	text_add(&what, " had no room for data of ");
	words_side(&what, view, !side);
	text_add(&what, " for ");
	words_duration(&what, look_side(view, side)->closed_window_ns);
	text_add(&what, " in all (window 0)");
	if (probes) {
		text_add(&what, "; probed ");
		words_count(&what, probes, "time", "times");
	}
	text_add(&why, "the application there did not read what its host had received for it");
	text_add(&check.run, "ss -tnpm '%cport = :%u'", side == look_client(view) ? 'd' : 's',
		 look_figures(view, !look_client(view))->port);
	words_check_end(&check, "which process leaves data in Recv-Q, and its receive buffer");
}

const struct rule rule_conn_peer_window_zero = {
	.id = "conn-peer-window-zero",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.needs = OUTCOME_SEGMENTS | OUTCOME_SPOKE,
	.match = match_window,
	.tell = tell_window,
	.match_socket = standing_match_window,
	.tell_socket = standing_tell_window,
	.means = "one side's window was closed: it was not reading",
	.evidence =
		"windows of 0 and the time until the next larger one; live: bytes waiting, a window of 0 and probes, pending after threshold window-stalled, final when the connection ends so",
	.gate = "less than threshold window-closed in all is none; where the process that does not read is on this host its own end tells it",
	.general_check = "ss -tnpm on the side that does not read: Recv-Q",
	.kernels = "every kernel tells it",
};

/* ---- conn-loss, conn-reordered ---- */

/* Sent again though it had arrived: the acknowledgment was seen before, or the other side tells so (RFC 2883 4). */
static __u32 without_need(const struct view *view, int side)
{
	__u32 spurious = look_figures(view, side)->flagged[STREAM_SPURIOUS_RETRANSMISSION];
	__u32 told = look_figures(view, !side)->dsacks;

	return told > spurious ? told : spurious;
}

static __u32 sent_again(const struct view *view, int side)
{
	const struct figures_side *wire = look_figures(view, side);
	__u32 count = wire->flagged[STREAM_RETRANSMISSION] +
		      wire->flagged[STREAM_SPURIOUS_RETRANSMISSION];
	/* what was never answered to the end: the other side fell silent */
	__u32 last = look_side(view, side)->stuck_silent ? look_side(view, side)->stuck : 0;

	if (!look_mirrored(view))
		count += wire->flagged[STREAM_FAST_RETRANSMISSION] + wire->again_soon;
	last += without_need(view, side);
	if (look_figures(view, side)->narrowed)
		last += LOOK_FIRST_WINDOW;
	return count > last ? count - last : 0;
}

static bool is_notable(const struct view *view, int side, __u32 count)
{
	const struct thresholds *thresholds = view->thresholds;

	return look_figures(view, side)->segments > thresholds->value[THRESHOLD_LOSS_SEGMENTS] &&
	       (__u64)count * 100 > look_figures(view, side)->segments *
					    thresholds->value[THRESHOLD_LOSS_PERCENT];
}

static bool loses_many(const struct view *view, int side)
{
	return is_notable(view, side, sent_again(view, side));
}

static bool loses(const struct view *view, int side)
{
	return loses_many(view, side) || look_has_hole(view, side) ||
	       look_figures(view, side)->waits_ns >=
		       view->thresholds->value[THRESHOLD_LOSS_TIME] * NS_PER_MS;
}

static bool match_loss(const struct view *view, struct guess *guess)
{
	(void)guess;
	return look_which(view, loses) != FIGURES_NEITHER;
}

static void add_share(struct text *what, __u32 count, __u64 of)
{
	text_add(what, "%u of %llu segments (%llu.%llu %%)", count, of, count * 100ull / of,
		 count * 1000ull / of % 10);
}

static void tell_loss(const struct view *view, struct finding *finding)
{
	int side = look_which(view, loses);
	const struct figures_side *wire = look_figures(view, side);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	if (look_has_hole(view, side)) {
		add_hole(&what, view, side);
		text_add(&why, "packets are lost on the way to ");
		words_side(&why, view, !side);
		text_add(&check.run, "ip -s link");
		words_check_end(&check,
				"errors and drops of the interfaces; compare both ends with "
				"sockwhy compare");
		return;
	}
	if (loses_many(view, side)) {
		add_share(&what, sent_again(view, side), wire->segments);
		text_add(&what, " of ");
		words_side(&what, view, side);
		text_add(&what, " were sent again");
	} else {
		words_duration(&what, wire->waits_ns);
		text_add(&what, " went by in time-outs before ");
		words_side(&what, view, side);
		text_add(&what, " sent again what was not acknowledged: %u of its %llu segments",
			 sent_again(view, side), wire->segments);
	}
	text_add(&what, ", %u of them after a time-out, %u after duplicate ACKs", wire->timeouts,
		 wire->flagged[STREAM_FAST_RETRANSMISSION]);
	if (without_need(view, side))
		text_add(&what, "; %u more without need", without_need(view, side));
	if (side == look_client(view) && view->outcome->syn_acks_again) {
		words_not_taken(&why, view);
	} else {
		text_add(&why, "packets are lost on the way to ");
		words_side(&why, view, !side);
		text_add(&why, ", or its acknowledgments on the way back%s",
			 loses_many(view, side) ? "" : ", or that host said nothing meanwhile");
	}
	text_add(&check.run, "ip -s link");
	words_check_end(
		&check,
		"errors and drops of the interfaces; compare both ends with sockwhy compare");
}

const struct rule rule_conn_loss = {
	.id = "conn-loss",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_SEGMENTS,
	.match = match_loss,
	.tell = tell_loss,
	.match_socket = standing_match_loss,
	.tell_socket = standing_tell_loss,
	.means = "many segments had to be sent again",
	.evidence =
		"the share of segments that were sent again, and after what, or the time that went by in time-outs before; needless (spurious) ones, copies, and what was never answered to the end do not count; or, at the receiver, a hole that was never filled; live: the socket's own counts, less what the peer tells it got twice, at the end; where the path's MTU was found out, less the segments of one window",
	.gate = "thresholds loss-percent and loss-segments, or loss-time; a segment that others overtake by 3 ms, or by so many that they are asked for again, looks as if it were sent again; in a capture that shows packets twice, what was sent again after duplicate ACKs or within a round trip does not count",
	.general_check = "ip -s link; sockwhy compare of captures at both ends",
	.kernels = "every kernel tells it; 5.10 to 6.6 do not count time-outs",
};

enum { PERSISTENT = 5 }; /* a few of one burst change places on queues in parallel */

/* By its numbers alone a segment that is sent again at once is out of order, too. */
static __u32 overtaken(const struct view *view, int side)
{
	const struct figures_side *wire = look_figures(view, side);

	return wire->flagged[STREAM_OUT_OF_ORDER] - wire->again_soon;
}

static bool disordered(const struct view *view, int side)
{
	return !look_mirrored(view) && !look_figures(view, side)->narrowed &&
	       overtaken(view, side) >= PERSISTENT && is_notable(view, side, overtaken(view, side));
}

static bool match_reordered(const struct view *view, struct guess *guess)
{
	(void)guess;
	return look_which(view, disordered) != FIGURES_NEITHER;
}

static void tell_reordered(const struct view *view, struct finding *finding)
{
	int side = look_which(view, disordered);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	add_share(&what, overtaken(view, side), look_figures(view, side)->segments);
	text_add(&what, " of ");
	words_side(&what, view, side);
	text_add(&what, " were out of order; ");
	words_side(&what, view, !side);
	text_add(&what, " sent ");
	words_count(&what, look_figures(view, !side)->flagged[STREAM_DUPLICATE_ACK],
		    "duplicate ACK", "duplicate ACKs");
	text_add(&why, "packets of one connection take several ways (bonds, queues, links in "
		       "parallel), or are sent again so soon that it looks alike");
	text_add(&check.run, "nstat -az TcpExtTCPSACKReorder TcpExtTCPTSReorder");
	words_check_end(&check, "whether the sender's kernel counts reordering");
}

const struct rule rule_conn_reordered = {
	.id = "conn-reordered",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_SEGMENTS,
	.match = match_reordered,
	.tell = tell_reordered,
	.means = "segments come out of order again and again",
	.evidence =
		"the share of segments out of order, and the duplicate ACKs they provoke, per connection; of captures, and of what run follows",
	.gate = "thresholds loss-percent and loss-segments, as for conn-loss, and five of them; not told of a capture that shows packets twice, where order cannot be told from loss",
	.general_check = "nstat -az TcpExtTCPSACKReorder; the hashing of bonds and queues",
	.kernels = "captures, and run on every kernel: packets alone tell it",
};
