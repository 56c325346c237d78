// SPDX-License-Identifier: GPL-2.0-or-later
/* standing_outcome.c - what became of an established connection of this host, out of what its socket and packets told */

#include "join/attempt/attempt.h"
#include "join/attempt/followed.h"
#include "join/conn/opening.h"
#include "join/conn/said.h"
#include "join/host/loss.h"
#include "join/talk/handshakes.h"
#include "util/time.h"

/*
 * Of two ends on this host the client's tells what both met with; but where a process does not read,
 * its own end does.
 */
static bool is_claimed(const struct standing *standing, const struct conn *mirror)
{
	if (!mirror || (standing->looked & SNAPSHOT_LOOK_READER))
		return false;
	return mirror->unread || (!standing->flow.client && mirror->opened && mirror->troubled);
}

/* What the process at the other end, on this host, had read of what it got when it closed; if it had one. */
static void take_peer(const struct conn *mirror, struct outcome *outcome)
{
	if (!mirror)
		return;
	outcome->peer_unaccepted = mirror->unaccepted;
	if (!mirror->unread_bytes)
		return;
	outcome->peer_read_bytes = mirror->read_bytes;
	outcome->peer_unread_bytes = mirror->unread_bytes;
}

/* What the peer's reset said as it passed: whether its host had heard of the last words, and from how far. */
static void take_reset(const struct conn *conn, struct outcome *outcome)
{
	const struct event_flow *counts = &outcome->standing->flow.counts;
	struct outcome_side *peer = &outcome->side[FIGURES_REMOTE];

	if (!conn || !conn->reset.hops)
		return;
	peer->hops = conn->reset.usual_hops;
	peer->hops_reset = conn->reset.hops;
	peer->reset_acks = conn->reset.acks;
	peer->reset_unheard = !conn->reset.acks ||
			      (conn->isn_known &&
			       conn->reset.ack - (conn->isn + 1) == (__u32)counts->bytes_delivered);
}

/*
 * The longest goodbye behind a refusal: who goes on without TLS says more. QUIT and its line's end, PostgreSQL's Terminate; of
 * IMAP LOGOUT is shorter than STARTTLS was, with its tag, and LOGIN longer; an unbind; </stream:stream>.
 */
static __u32 leaves_bytes(const struct said *said)
{
	switch (said->asked) {
	case UPGRADE_STARTTLS_IMAP:
		return said->asked_bytes;
	case UPGRADE_LDAP:
		return 7;
	case UPGRADE_XMPP:
		return 16;
	default:
		return 6;
	}
}

static void take_words(const struct join *join, const struct conn *conn, struct outcome *outcome)
{
	const struct said *said = said_of(join, conn);
	const struct flow *flow = &outcome->standing->flow;
	__u32 sent, heard;

	if (!said || !flow->ended_ns || !(flow->known & EVENT_K_FLOW))
		return;
	sent = conn->isn + 1 + (__u32)(flow->counts.bytes_sent - flow->counts.bytes_again);
	heard = conn->peer_isn + 1 + (__u32)flow->counts.bytes_received;
	outcome->side[FIGURES_LOCAL].first_word = said->plain;
	outcome->side[FIGURES_REMOTE].first_word = said->refusal;
	outcome->asked = said->asked;
	/* of PostgreSQL's answer of one byte no packet tells: yes is followed by a ClientHello */
	if (said->asked && sent - said->asked_seq <= leaves_bytes(said) &&
	    (said->refused || (said->asked == UPGRADE_POSTGRESQL && heard - said->asked_ack == 1 &&
			       sent == said->asked_seq))) {
		outcome->refused = said->asked;
		outcome->refusal = said->upgrade;
		outcome->refusal_unseen = !said->refused;
	}
}

/* From when on what was lost may have been of it: it was not heard any more, or its first records. */
static __u64 trouble_ns(const struct flow *flow)
{
	enum { THIRD_IN_A_ROW_S = 3 }; /* RFC 6298: 0.2, 0.4 and 0.8 s, where the path is short */
	__u64 from_ns = ns_between(THIRD_IN_A_ROW_S * NS_PER_S, flow->seen_ns);

	if (!(flow->known & EVENT_K_TIMES) || !flow->counts.heard_ns)
		return flow->seen_ns;
	return flow->counts.heard_ns > from_ns && flow->counts.heard_ns < flow->seen_ns ?
		       flow->counts.heard_ns :
		       from_ns;
}

/* What the last answer of HTTP/1 to this client came to. */
static void take_answer(struct outcome *outcome)
{
	const struct flow *flow = &outcome->standing->flow;
	const struct event_flow *counts = &flow->counts;
	struct first *first_word = &outcome->side[FIGURES_REMOTE].first_word;

	if (!flow->ended_ns || !(flow->known & EVENT_K_ANSWER))
		return;
	outcome->cut_short = counts->answer_how & ANSWER_F_CUT;
	if (outcome->cut_short) {
		outcome->announced_bytes = counts->answer_bytes;
		outcome->body_bytes = counts->answer_came;
	}
	if (counts->answer_how & ANSWER_F_TUNNEL && counts->answer_status >= 300) {
		outcome->refused = UPGRADE_CONNECT;
		outcome->refusal = (struct upgrade_refusal){ .number = counts->answer_status };
	}
	if (counts->answer_how & ANSWER_F_FIRST)
		*first_word = (struct first){
			.kind = FIRST_HTTP,
			.error = counts->answer_status >= 400,
			.wants_tls = counts->answer_how & ANSWER_F_WANTS_TLS,
			.number = counts->answer_status,
		};
}

static const struct conn *mirror_of(const struct join *join, const struct standing *standing)
{
	struct ends ends = ends_of_tuple(&standing->flow.tuple);

	return conns_mirror(join->conns, conns_by_cookie(join->conns, standing->flow.cookie),
			    &ends);
}

bool standing_by_packets(const struct join *join, const struct attempt *attempt,
			 struct outcome *outcome)
{
	if (!followed_outcome(join, attempt, outcome))
		return false;
	outcome->mirrored = is_claimed(attempt->standing, mirror_of(join, attempt->standing));
	outcome->unheard = attempt->standing->unheard;
	return true;
}

/* Its socket told nothing that is worth a word. */
static bool is_of_packets_alone(const struct attempt *attempt)
{
	const struct standing *standing = attempt->standing;

	return attempt->state != ATTEMPT_OPEN && standing->talk && !standing->flow.ended_ns &&
	       !standing->refused_ns;
}

void standing_outcome(const struct join *join, const struct attempt *attempt,
		      struct outcome *outcome)
{
	const struct standing *standing = attempt->standing;
	const struct handshake_slot *handshake = handshakes_at(join, standing->handshake);
	const struct conn *conn = conns_by_cookie(join->conns, standing->flow.cookie);
	const struct conn *mirror = mirror_of(join, standing);
	struct figures figures;

	if (is_of_packets_alone(attempt)) {
		if (!standing_by_packets(join, attempt, outcome))
			*outcome = (struct outcome){ .known = 0 };
		return;
	}
	figures_take_flow(&figures, &standing->flow, attempt->due_ns);
	outcome_take_figures(outcome, &figures);
	if (handshake) {
		outcome->tls = &handshake->handshake;
		outcome->known |= OUTCOME_TLS;
	}
	outcome->known |= OUTCOME_SOCKET;
	outcome->standing = standing;
	outcome->unheard = standing->unheard;
	outcome->mirrored = is_claimed(standing, mirror);
	outcome->unseen = loss_since(join, trouble_ns(&standing->flow));
	take_reset(conn, outcome);
	take_words(join, conn, outcome);
	take_answer(outcome);
	take_peer(mirror, outcome);
}
