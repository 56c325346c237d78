// SPDX-License-Identifier: GPL-2.0-or-later
/* outcome.c - what became of an established connection, out of what is known of it */

#include <stdint.h>

#include "join/talk/talk.h"
#include "join/talk/outcome.h"
#include "util/seq.h"
#include "util/time.h"

/* A close() follows the last words at once; a scheduler may come between them. */
#define GOODBYE_NS (20 * NS_PER_MS)

/* ---- from figures ---- */

static void take_side_figures(struct outcome_side *side, const struct figures_side *figures)
{
	if (figures->known & FIGURES_COUNTS)
		side->known |= OUTCOME_SPOKE;
	side->spoke = figures->bytes;
	if (figures->known & FIGURES_DELIVERED)
		side->known |= OUTCOME_ACKED;
	side->acked_bytes = figures->delivered_bytes > UINT32_MAX ? UINT32_MAX :
								    (__u32)figures->delivered_bytes;
	if (figures->known & FIGURES_UNACKED)
		side->known |= OUTCOME_UNACKED;
	side->unacked_bytes = figures->unacked_bytes;
	if (figures->known & FIGURES_IN_ROW)
		side->known |= OUTCOME_STUCK | OUTCOME_PROBES;
	side->stuck = figures->again_in_row;
	side->probes = figures->probes_in_row;
	if (figures->known & FIGURES_SEGMENTS)
		side->known |= OUTCOME_SEGMENTS;
}

static void take_resets(struct outcome *outcome)
{
	const struct figures *figures = &outcome->figures;

	if (!(figures->known & FIGURES_END))
		return;
	outcome->known |= OUTCOME_ENDED;
	for (int i = 0; i < 2; i++) {
		outcome->side[i].known |= OUTCOME_RESETS;
		if (figures->reset_by == i)
			outcome->side[i].reset_ns = figures->reset_ns;
	}
}

static void sum_known(struct outcome *outcome)
{
	outcome->known |= outcome->side[0].known | outcome->side[1].known;
}

static void take_figures(struct outcome *outcome)
{
	const struct figures *figures = &outcome->figures;

	outcome->closed_first = figures->closed_first;
	outcome->reset_by = figures->reset_by;
	outcome->established_ns = figures->established_ns;
	outcome->ended_ns = figures->last_ns;
	if (figures->established_ns)
		outcome->known |= OUTCOME_ESTABLISHED;
	take_resets(outcome);
	take_side_figures(&outcome->side[0], &figures->side[0]);
	take_side_figures(&outcome->side[1], &figures->side[1]);
	sum_known(outcome);
}

void outcome_take_figures(struct outcome *outcome, const struct figures *figures)
{
	*outcome = (struct outcome){ .figures = *figures };
	take_figures(outcome);
}

/* ---- from the talk: one side ---- */

/* What the facts of a side are made of. */
struct ends_of_talk {
	const struct talk_side *own, *other;
	const struct stream_side *wire, *peer; /* the same on the wire */
};

static __u32 unacked_bytes(const struct ends_of_talk *ends)
{
	__u32 end = talk_data_end(ends->own);

	if (!ends->own->data.ts_ns)
		return 0;
	if (!(ends->peer->state & SIDE_ACKED))
		return end - (ends->wire->isn + 1);
	return seq_before(ends->peer->acked, end) ? end - ends->peer->acked : 0;
}

/* The FIN is no byte. Of more than 2 GiB the numbers have come round, and what was sent counts; at most UINT32_MAX. */
static __u32 acked_bytes(const struct ends_of_talk *ends)
{
	__u64 sent = ends->wire->bytes - ends->wire->bytes_again;
	__u32 from = ends->wire->isn + 1;
	__u32 end = ends->peer->acked;

	if (!(ends->peer->state & SIDE_ACKED))
		return 0;
	if (sent > INT32_MAX) {
		sent -= unacked_bytes(ends);
		return sent > UINT32_MAX ? UINT32_MAX : (__u32)sent;
	}
	if (ends->own->data.ts_ns && seq_before(talk_data_end(ends->own), end))
		end = talk_data_end(ends->own);
	else if (ends->own->fin.ts_ns && !ends->own->data.ts_ns)
		return 0;
	return seq_before(from, end) ? end - from : 0;
}

/*
 * Payload in front of its FIN, or of a reset that it sent in sequence, that the numbers prove and
 * nobody captured: unseen is not unsaid. A capture that begins in the middle knows no first number.
 */
static __u32 unseen_bytes(const struct ends_of_talk *ends, const struct talk_mark *syn)
{
	const struct talk_side *own = ends->own;
	__u32 from = own->data.ts_ns ? talk_data_end(own) : syn->seq + 1;
	__u32 end = own->fin.ts_ns ? own->fin.seq : own->reset.seq;
	bool in_sequence =
		own->fin.ts_ns || (own->reset.ts_ns && (own->reset.tcp_flags & TCP_F_ACK));

	if (!in_sequence || (!own->data.ts_ns && !syn->ts_ns))
		return 0;
	return seq_before(from, end) ? end - from : 0;
}

static __u64 closed_ns(const struct talk_side *side)
{
	if (side->fin.ts_ns && side->reset.ts_ns)
		return side->fin.ts_ns < side->reset.ts_ns ? side->fin.ts_ns : side->reset.ts_ns;
	return side->fin.ts_ns ? side->fin.ts_ns : side->reset.ts_ns;
}

static void take_words_of(struct outcome_side *side, const struct ends_of_talk *ends)
{
	const struct talk_side *own = ends->own;

	side->known |= OUTCOME_WORDS;
	side->spoke = own->data.ts_ns;
	side->acked_bytes = acked_bytes(ends);
	side->unacked_bytes = unacked_bytes(ends);
	side->known |= OUTCOME_SPOKE | OUTCOME_ACKED | OUTCOME_UNACKED;
	side->first_word = own->first_word;
	side->interim = own->interim;
	side->first_ns = own->first.ts_ns;
	side->first_bytes = own->first.payload_bytes;
	side->data_ns = own->data.ts_ns;
	side->data_bytes = own->data.payload_bytes;
	side->fin_ns = own->fin.ts_ns;
	side->reset_ns = own->reset.ts_ns;
	side->closed_ns = closed_ns(own);
	side->stray_ns = own->stray.ts_ns;
	side->stray_bytes = own->stray_bytes;
}

/* What a host had heard of the other is told by the acknowledgment of what it sent. */
static void take_order(struct outcome_side *side, const struct ends_of_talk *ends)
{
	const struct talk_side *own = ends->own, *other = ends->other;
	bool both = own->data.ts_ns && other->fin.ts_ns;
	bool heard_fin = !seq_before(own->data.ack, ends->peer->fin_end);
	__u32 other_fin_end = other->fin.seq + other->fin.payload_bytes;

	side->known |= OUTCOME_ORDER;
	side->spoke_after_fin = both && heard_fin;
	side->crossed_fin = both && !heard_fin && seq_before(other->fin.ack, talk_data_end(own));
	side->fin_unprovoked =
		own->fin.ts_ns && (!other->fin.ts_ns || other->fin.ts_ns > own->fin.ts_ns ||
				   !seq_before(other_fin_end, own->fin.ack));
	if (!own->reset.ts_ns)
		return;
	side->reset_acks = own->reset.tcp_flags & TCP_F_ACK;
	side->reset_unheard = side->reset_acks && !seq_before(other->data.seq, own->reset.ack);
	side->reset_of_last = !side->reset_acks && own->reset.seq == other->data.ack;
}

static void take_stuck(struct outcome_side *side, const struct ends_of_talk *ends)
{
	const struct talk_side *own = ends->own;
	const struct stream_side *peer = ends->peer;

	side->known |= OUTCOME_STUCK | OUTCOME_REPEATS;
	side->again_ns = own->again.ts_ns;
	if (!own->stuck_count || stream_has_acked(peer, own->stuck_seq + 1))
		return;
	side->stuck = own->stuck_count;
	side->stuck_bytes = own->stuck_bytes;
	side->stuck_ns = own->stuck_ns;
	side->stuck_silent = own->stuck_peer_packets == (__u32)peer->packets;
	side->stuck_till_fin = !side->stuck_silent && !own->stuck_heard &&
			       ends->other->fin.ts_ns > own->again.ts_ns &&
			       ends->other->data.ts_ns < own->stuck_ns;
	side->stuck_longest =
		own->stuck_seq == own->longest_seq && !seq_before(own->longest_seq, peer->acked);
	side->stuck_asked_for = peer->acked == own->stuck_seq && peer->repeats &&
				peer->repeats != STREAM_REPEATS_UNSEEN;
}

static void take_hole(struct outcome_side *side, const struct ends_of_talk *ends)
{
	const struct talk_side *own = ends->own;

	if (!own->hole_bytes || !(ends->peer->state & SIDE_ACKED) ||
	    ends->peer->acked != own->hole_seq || ends->peer->last_ns < own->hole_ns)
		return;
	side->hole_bytes = own->hole_bytes;
	side->hole_ns = own->hole_ns;
}

static void take_probes(struct outcome_side *side, const struct ends_of_talk *ends)
{
	side->known |= OUTCOME_PROBES;
	if (ends->own->probes_peer_packets != (__u32)ends->peer->packets)
		return;
	side->probes = ends->own->probes;
	side->probes_ns = ends->own->probes_ns;
}

static void take_hops(struct outcome_side *side, const struct talk_side *own,
		      const struct talk_mark *syn)
{
	side->known |= OUTCOME_HOPS;
	side->hops = syn->ts_ns ? syn->ttl : own->first.ttl;
	side->hops_data = own->data.ttl;
	side->hops_reset = own->reset.ttl;
}

static void take_side(struct outcome *outcome, const struct talk *talk, int index)
{
	const struct stream *stream = talk->stream;
	const struct talk_mark *syn = index == stream->ends->client ? &talk->syn : &talk->syn_ack;
	struct outcome_side *side = &outcome->side[index];
	const struct ends_of_talk ends = {
		.own = &talk->side[index],
		.other = &talk->side[!index],
		.wire = &stream->side[index],
		.peer = &stream->side[!index],
	};

	take_words_of(side, &ends);
	side->unseen_bytes = unseen_bytes(&ends, syn);
	side->spoke |= side->unseen_bytes;
	take_order(side, &ends);
	take_stuck(side, &ends);
	take_hole(side, &ends);
	take_probes(side, &ends);
	take_hops(side, ends.own, syn);
	side->closed_window_ns = ends.wire->zero_ns;
	if (ends.wire->zero_since_ns)
		side->closed_window_ns += ns_between(ends.wire->zero_since_ns, outcome->ended_ns);
}

/* ---- who spoke when ---- */

/* Of what begins so it is known that the other side owes an answer. */
static bool owes_answer(__u8 first_kind)
{
	return first_kind == FIRST_HTTP_REQUEST || first_kind == FIRST_REDIS_REQUEST;
}

/* What is inside of TLS is not known: of it the ClientHello alone is. */
static bool is_owed(const struct talk *talk, const struct talk_burst *burst)
{
	return owes_answer(burst->kind) ||
	       (burst->kind == FIRST_TLS && burst->side == talk->stream->ends->client &&
		burst->first_ns == talk->side[burst->side].first.ts_ns);
}

static struct outcome_word word_of(const struct talk *talk, const struct talk_burst *burst)
{
	return (struct outcome_word){
		.first_ns = burst->first_ns,
		.last_ns = burst->last_ns,
		.idle_ns = burst->idle_ns,
		.bytes = burst->bytes,
		.side = burst->side,
		.tls = burst->tls,
		.owed = is_owed(talk, burst),
		.leave = burst->leave,
	};
}

static void take_goodbye(struct outcome *outcome, const struct talk *talk)
{
	const struct talk_burst *last = &talk->burst[0];
	struct outcome_side *side = &outcome->side[last->side];

	if (talk->bursts < 2 || last->bytes > TALK_GOODBYE_BYTES)
		return;
	side->goodbye = (last->leave && outcome->side[!last->side].closed_ns) ||
			(side->closed_ns && side->closed_ns <= last->last_ns + GOODBYE_NS);
}

/* The first of them that comes after @since_ns. */
static __u64 first_after(__u64 since_ns, __u64 a_ns, __u64 b_ns, __u64 otherwise_ns)
{
	__u64 first_ns = otherwise_ns;

	if (a_ns >= since_ns && a_ns < first_ns)
		first_ns = a_ns;
	if (b_ns >= since_ns && b_ns < first_ns)
		first_ns = b_ns;
	return first_ns;
}

static void take_wait(struct outcome *outcome, const struct talk *talk)
{
	const struct talk_burst *last = &talk->burst[0];
	const struct outcome_side *side = outcome->side;

	if (!talk->bursts)
		return;
	if (side[last->side].goodbye) {
		last = &talk->burst[1];
		if (last->side != talk->burst[0].side)
			return;
	}
	outcome->waits = true;
	outcome->wait = (struct outcome_wait){
		.side = last->side,
		.since_ns = last->last_ns,
		.until_ns = first_after(last->last_ns, side[0].closed_ns, side[1].closed_ns,
					outcome->ended_ns),
		.bytes = last->bytes,
		.owed = is_owed(talk, last),
		.acked = stream_has_acked(&talk->stream->side[!last->side], last->end_seq),
	};
}

/* Where the body ends that came, its FIN proves, too: of what nobody captured nothing is missing. */
static void take_answer(struct outcome *outcome, const struct talk *talk)
{
	const struct talk_side *server = &talk->side[!talk->stream->ends->client];
	const struct talk_answer *http = &talk->http;
	__u32 end = server->fin.ts_ns ? server->fin.seq + server->fin.payload_bytes :
					talk_data_end(server);
	__u32 came = end - http->body_seq;

	if (!http->length.known || seq_before(end, http->body_seq) || http->ended ||
	    (!http->length.chunked && came >= http->length.bytes) ||
	    outcome->side[!talk->stream->ends->client].unseen_bytes)
		return;
	outcome->cut_short = true;
	outcome->announced_bytes = http->length.chunked ? 0 : http->length.bytes;
	outcome->body_bytes = came;
}

static void take_refusal(struct outcome *outcome, const struct talk *talk)
{
	outcome->asked = talk->upgrade.kind;
	if (!talk->upgrade.refused || !outcome->side[talk->stream->ends->client].closed_ns)
		return;
	outcome->refused = talk->upgrade.kind;
	outcome->refusal = talk->upgrade.refusal;
}

static void take_end(struct outcome *outcome)
{
	const struct outcome_side *side = outcome->side;
	bool second =
		!side[0].closed_ns || (side[1].closed_ns && side[1].closed_ns < side[0].closed_ns);

	outcome->closed_first = FIGURES_NEITHER;
	if (side[0].closed_ns || side[1].closed_ns)
		outcome->closed_first = second;
	if (!side[0].reset_ns && !side[1].reset_ns)
		outcome->reset_by = FIGURES_NEITHER;
	else if (!side[0].reset_ns || !side[1].reset_ns) /* else as it was counted */
		outcome->reset_by = !side[0].reset_ns;
}

static void take_words(struct outcome *outcome, const struct talk *talk)
{
	outcome->words = talk->bursts;
	outcome->last = word_of(talk, &talk->burst[0]);
	outcome->before = word_of(talk, &talk->burst[1]);
	outcome->answer_ns = talk->answer_ns;
	outcome->answer_owed = owes_answer(talk->asked_class);
	take_answer(outcome, talk);
	take_refusal(outcome, talk);
	take_goodbye(outcome, talk);
	take_wait(outcome, talk);
}

/*
 * What went on unanswered by a side that was not captured: nobody goes on saying the same who was
 * answered, neither with something new nor with another acknowledgment.
 */
static void take_unheard(struct outcome_side *side, const struct talk_side *own)
{
	if (!side->stuck || own->data.ts_ns > own->stuck_ns || own->again.ack != own->data.ack ||
	    own->again.seq != own->stuck_seq)
		return;
	side->known = OUTCOME_STUCK | OUTCOME_REPEATS | OUTCOME_UNACKED;
}

/* What one side said is not to be judged without the other's: then little more than the TLS is known. */
static void take_known(struct outcome *outcome, const struct talk *talk)
{
	const struct figures_side *side = outcome->figures.side;

	outcome->known = outcome->tls ? OUTCOME_TLS : 0;
	if (!side[0].packets || !side[1].packets) {
		outcome->side[0].known = outcome->side[1].known = 0;
		take_unheard(&outcome->side[!side[0].packets], &talk->side[!side[0].packets]);
		sum_known(outcome);
		return;
	}
	outcome->known |= OUTCOME_ENDED;
	if (outcome->established_ns)
		outcome->known |= OUTCOME_ESTABLISHED;
	if (outcome->answer_ns)
		outcome->known |= OUTCOME_ANSWER;
	sum_known(outcome);
}

/* Of one that closes nothing is known behind its last packet; it does not last to the capture's end. */
static __u64 ended_ns(const struct talk *talk)
{
	const struct talk_side *side = talk->side;

	if (closed_ns(&side[0]) || closed_ns(&side[1]))
		return talk->stream->last_ns;
	return talk->ended_ns;
}

void outcome_take_talk(struct outcome *outcome, const struct talk *talk,
		       const struct handshake *tls)
{
	const struct stream *stream = talk->stream;

	*outcome = (struct outcome){ .tls = tls };
	figures_take_stream(&outcome->figures, stream);
	take_figures(outcome);
	outcome->unseen = stream->side[0].flagged[STREAM_ACK_LOST_SEGMENT] ||
			  stream->side[1].flagged[STREAM_ACK_LOST_SEGMENT];
	outcome->established_ns = talk->syn_ack.ts_ns;
	outcome->syn_acks_again = talk->syn_acks_again;
	outcome->ended_ns = ended_ns(talk);
	take_side(outcome, talk, 0);
	take_side(outcome, talk, 1);
	take_end(outcome);
	take_words(outcome, talk);
	take_known(outcome, talk);
}
