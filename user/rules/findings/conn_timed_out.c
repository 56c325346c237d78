// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_timed_out.c - an established connection of which the other side is heard no more */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/address.h"

/* ---- conn-keepalive-timeout ---- */

static bool probes_in_vain(const struct view *view, int side)
{
	return look_side(view, side)->probes >= view->thresholds->value[THRESHOLD_PROBES];
}

static bool match_keepalive(const struct view *view, struct guess *guess)
{
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	return look_which(view, probes_in_vain) != FIGURES_NEITHER;
}

static void tell_keepalive(const struct view *view, struct finding *finding)
{
	int side = look_which(view, probes_in_vain);
	const struct outcome_side *own = look_side(view, side);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	text_add(&what, "%u keep-alives of ", own->probes);
	words_side(&what, view, side);
	text_add(&what, " got no answer in ");
	words_duration(&what, ns_between(own->probes_ns, view->outcome->ended_ns));
	text_add(&what, "; nothing was heard of ");
	words_side(&what, view, !side);
	text_add(&what, " for ");
	words_duration(&what,
		       ns_between(look_figures(view, !side)->last_ns, view->outcome->ended_ns));
	text_add(&why, "the other host is off or cut off, or a NAT or firewall on the way "
		       "forgot the connection and drops its packets");
	text_add(&check.run, "ping -c 3 ");
	address_print(&check.run, look_figures(view, !side)->address);
	words_check_end(&check, "whether that host answers at all");
}

const struct rule rule_conn_keepalive_timeout = {
	.id = "conn-keepalive-timeout",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_PROBES | OUTCOME_REPEATS,
	.match = match_keepalive,
	.tell = tell_keepalive,
	.match_socket = standing_match_keepalive,
	.tell_socket = standing_tell_keepalive,
	.means = "keep-alive probes were never answered",
	.evidence =
		"threshold keepalive-probes probes in a row without a packet of the other side, to the end; live: ETIMEDOUT with probes unanswered and nothing unacknowledged",
	.gate = "any packet of the other side after the first of them refutes it",
	.general_check = "ping HOST; idle time-outs of NATs and firewalls on the way",
	.kernels = "every kernel tells it",
};

/* ---- conn-timed-out ---- */

/* The other direction was not captured: it may have been answered there. */
static bool is_unheard(const struct view *view, int side)
{
	return !look_figures(view, !side)->packets;
}

static bool match_timed_out(const struct view *view, struct guess *guess)
{
	int side = look_which(view, look_never_heard);

	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (side == FIGURES_NEITHER || !is_unheard(view, side))
		return side != FIGURES_NEITHER;
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	return true;
}

static void tell_unheard(const struct view *view, struct finding *finding, int side)
{
	const struct outcome_side *own = look_side(view, side);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check_on(view, finding, side);

	words_side(&what, view, side);
	text_add(&what, " sent a segment of %u bytes again %u times in ", own->stuck_bytes,
		 own->stuck);
	words_duration(&what, ns_between(own->stuck_ns, own->again_ns));
	text_add(&what, " and nothing new after it; this capture holds no packet of ");
	words_side(&what, view, !side);
	text_add(
		&why,
		"the other host is off or cut off, or the way to it or back from it is broken: what "
		"it sent did not pass here, so it is not known");
	text_add(&check.run, "ping -c 3 ");
	address_print(&check.run, look_figures(view, !side)->address);
	words_check_end(&check, "whether that host answers at all");
}

static void check_queue(const struct view *view, struct finding *finding)
{
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -ltn 'sport = :%u'", look_figures(view, !look_client(view))->port);
	words_check_end(&check, "Recv-Q is the queue now, Send-Q its maximum");
}

static void tell_not_taken(const struct view *view, struct finding *finding)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "%u bytes of ", client->unacked_bytes);
	words_side(&what, view, look_client(view));
	text_add(&what, " were sent again %u times in ", client->stuck);
	words_duration(&what, ns_between(client->stuck_ns, client->again_ns));
	text_add(&what, " and never acknowledged; all that ");
	words_side(&what, view, !look_client(view));
	text_add(&what, " sent since the handshake is its SYN/ACK, ");
	words_count(&what, view->outcome->syn_acks_again, "more time", "more times");
	words_not_taken(&why, view);
	check_queue(view, finding);
}

static void tell_timed_out(const struct view *view, struct finding *finding)
{
	int side = look_which(view, look_never_heard);
	const struct outcome_side *own = look_side(view, side);
	__u64 fin_ns = own->stuck_till_fin ? look_side(view, !side)->fin_ns : 0;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (is_unheard(view, side)) {
		tell_unheard(view, finding, side);
		return;
	}
	if (side == look_client(view) && look_not_taken(view)) {
		tell_not_taken(view, finding);
		return;
	}
	check = words_check_on(view, finding, side);
	text_add(&what, "%u bytes of ", own->unacked_bytes);
	words_side(&what, view, side);
	text_add(&what, " were sent again %u times in ", own->stuck);
	words_duration(&what, ns_between(own->stuck_ns, own->again_ns));
	text_add(&what, " and never acknowledged; the %s of ", fin_ns ? "FIN" : "last packet");
	words_side(&what, view, !side);
	text_add(&what, " came ");
	words_duration(&what,
		       fin_ns ? ns_between(own->again_ns, fin_ns) :
				ns_between(look_figures(view, !side)->last_ns, own->again_ns));
	text_add(&what, fin_ns ? " after the last of them, of which it had heard none" :
				 " before the last of them");
	text_add(&why,
		 fin_ns ? "the way there was broken, or something on it dropped this connection" :
			  "the other host is off or cut off, the way to it is broken, or "
			  "something on it drops this connection");
	text_add(&check.run, "ping -c 3 ");
	address_print(&check.run, look_figures(view, !side)->address);
	words_check_end(&check, "whether that host answers at all");
}

const struct rule rule_conn_timed_out = {
	.id = "conn-timed-out",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.needs = OUTCOME_STUCK | OUTCOME_REPEATS | OUTCOME_UNACKED,
	.match = match_timed_out,
	.tell = tell_timed_out,
	.match_socket = standing_match_timed_out,
	.tell_socket = standing_tell_timed_out,
	.means = "data was sent again and again and never acknowledged",
	.evidence =
		"the same segment sent again threshold stuck times and not a packet of the other side since the first repetition, but for a FIN behind the last that acknowledges none of it, or its SYN/ACK, sent again though it was acknowledged, which is what a full accept queue does (possible at most where the capture holds none of it at all: then nothing new may follow); live: ETIMEDOUT with bytes unacknowledged, pending from the third repetition in a row",
	.gate = "any other packet of the other side after the first repetition refutes it",
	.general_check = "ping HOST; a capture at the other end",
	.kernels = "every kernel tells it",
};
